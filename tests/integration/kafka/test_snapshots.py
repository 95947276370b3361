"""Snapshots of partitions: taken beside the decider, they shorten a start and change nothing."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from consumers import partition_snapshots
from consumers.partition_snapshots import NOTHING, PartitionSnapshots, documents_of
from consumers.snapshotter import Snapshotter
from leadflow.domain.deadlines import next_due
from leadflow.domain.pool import Lead, Member, Pool, Stream
from leadflow.domain.requests import Request
from leadflow.domain.values import derived_id
from leadflow.errors import UsageError
from leadflow.log.kafka import Cluster
from leadflow.log.kafka.reader import PartitionReader
from leadflow.postgres import Database, connect
from leadflow.settings import Settings
from tests.deciders import Office, causes, check, deciding, heads
from tests.kafka_broker import create_topics, new_prefix
from tests.processes import until
from tests.team import arrival, claim, joining, opening

REPS = ("wang", "li")


@pytest.fixture
def office(kafka: Cluster, empty_database: str) -> Iterator[Office]:
    """Topics of this test's own with one partition, and a database."""
    settings = Settings(kafka_prefix=new_prefix(), kafka_partitions=1, database_url=empty_database)
    create_topics(kafka, settings)
    opened = Office(kafka, settings)
    yield opened
    opened.close()


@pytest.fixture
def snapshotter(office: Office) -> Iterator[Snapshotter]:
    made = Snapshotter(office.settings.model_copy(update={"kafka": office.cluster.servers}))
    yield made
    made.close()


def asked(start: int, stop: int) -> list[Request]:
    found: list[Request] = []
    for number in range(start, stop):
        pool = ("east", "west")[number % 2]
        one = arrival(number, pool)
        found += [
            one,
            claim(REPS[number % 2], derived_id("lead", pool, one.identity), f"claim-{number}", pool),
        ]
    return found


def team() -> list[Request]:
    return [opening(), *joining(REPS), opening("west"), *joining(REPS, "west")]


def decide(office: Office, requests: list[Request]) -> str:
    """Have requests decided by a decider of their own; gives what it said."""
    wanted = {one.identity for one in requests}
    with deciding(office.settings, office.cluster.servers) as process:
        office.send(requests)
        office.wait_for(lambda facts: wanted <= causes(facts))
        process.stop()
        return process.said()


def content(stream: Stream) -> dict[str, Any]:
    """What a pool's state says, however its queues happen to be arranged."""
    assert isinstance(stream, Pool)
    return {
        "leads": {one.id: [getattr(one, name) for name in Lead.__slots__] for one in stream.leads.values()},
        "members": {
            one.id: [getattr(one, name) for name in Member.__slots__] for one in stream.members.values()
        },
        "contacts": {key: lead.id for key, lead in stream.contacts.items()},
        "requests": stream.requests,
        "due": next_due(stream),
    }


def test_a_decider_goes_on_from_a_snapshot(office: Office, snapshotter: Snapshotter) -> None:
    decide(office, [*team(), *asked(0, 30)])
    [taken] = snapshotter.take(1)
    before = office.facts()
    assert (taken.position, taken.pools) == (len(before), 2)
    assert snapshotter.take(1) == []
    said = decide(office, asked(30, 40))
    assert f"snapshot={len(before)}" in said
    # The same again is known from the snapshot's state alone.
    repeated = asked(0, 10)
    said = decide(office, [*repeated, *asked(40, 42)])
    assert f"snapshot={len(before)}" in said
    facts = office.facts()
    check(facts)
    [taken] = snapshotter.take(1)
    assert taken.position == len(facts)


def test_a_snapshot_is_the_fold_of_the_log(office: Office, snapshotter: Snapshotter) -> None:
    decide(office, [*team(), *asked(0, 20)])
    snapshotter.take(1)
    decide(office, asked(20, 30))
    snapshotter.take(1)
    reader = PartitionReader(office.cluster, office.names.events, 0)
    with Database(office.settings.database_url or "") as database:
        kept = PartitionSnapshots(database, office.names.events).load(0, documents_of(reader))
    assert kept is not None
    facts = office.facts()
    last = heads(facts)
    assert {pool: (held.stream.sequence, held.last_hash) for pool, held in kept.pools.items()} == last
    _, end = reader.bounds()
    anew = snapshotter._fold(reader, 0, NOTHING, 0, end)
    reader.close()
    assert anew.place == kept.place
    assert anew.resume == kept.resume
    for pool, held in anew.pools.items():
        assert content(held.stream) == content(kept.pools[pool].stream)


DAMAGES = {
    "a byte of a state": "UPDATE records.partition_states SET state = set_byte(state, 100, 0)",
    "a state that is gone": "DELETE FROM records.partition_states WHERE pool = 'east'",
    "another log's": """UPDATE records.partition_snapshots
        SET pools = jsonb_set(pools, '{east,1}', '"00"')""",
    "a fact that the log does not have": """UPDATE records.partition_snapshots
        SET pools = jsonb_set(pools, '{west,2}', '100000')""",
    "another version of the state": "UPDATE records.partition_snapshots SET state_version = 0",
    "no snapshot": "DELETE FROM records.partition_snapshots",
}


def test_a_damaged_snapshot_is_passed_over(office: Office, snapshotter: Snapshotter) -> None:
    decide(office, [*team(), *asked(0, 4)])
    reader = PartitionReader(office.cluster, office.names.events, 0)
    with Database(office.settings.database_url or "") as database:
        kept = PartitionSnapshots(database, office.names.events)
        for name, damage in DAMAGES.items():
            with connect(office.settings.database_url or "") as connection:
                connection.execute(b"DROP SCHEMA IF EXISTS records CASCADE")
                assert len(snapshotter.take(1)) == 1, name
                assert kept.load(0, documents_of(reader)) is not None, name
                connection.execute(damage.encode())
            assert kept.load(0, documents_of(reader)) is None, name
    reader.close()
    said = decide(office, asked(4, 6))
    assert "snapshot=0" in said
    check(office.facts())


def test_a_snapshotter_says_what_it_needs() -> None:
    with pytest.raises(UsageError, match="no Kafka cluster"):
        Snapshotter(Settings())
    with pytest.raises(UsageError, match="no database"):
        Snapshotter(Settings(kafka="127.0.0.1:1"))


def test_a_look_for_snapshots_leaves_no_connection_behind(office: Office) -> None:
    """One that is kept may be to a server that stands still: a decider would wait for it without end."""
    url = office.settings.database_url
    assert url is not None
    impatient = PartitionSnapshots.to_begin_with(office.settings, office.names.events)
    assert impatient is not None
    assert impatient.usable(0, lambda _: None) is NOTHING
    with connect(url) as watching:

        def alone() -> bool:
            others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            return watching.execute(others).fetchone() == (1,)

        assert watching.execute(
            "SELECT to_regclass('records.partition_snapshots') IS NOT NULL"
        ).fetchone() == (True,)
        until(alone)


def test_a_postgres_that_stands_still_while_a_snapshot_is_read_is_not_waited_for(
    office: Office, snapshotter: Snapshotter, monkeypatch: pytest.MonkeyPatch
) -> None:
    decide(office, team())
    (taken,) = snapshotter.take(1)
    monkeypatch.setattr(partition_snapshots, "LOAD_S", 0.5)
    topic = f"{office.settings.kafka_prefix}.events"
    snapshots = PartitionSnapshots.to_begin_with(office.settings, topic)
    assert snapshots is not None
    reader = PartitionReader(office.cluster, topic, 0)
    assert office.settings.database_url is not None
    with closing(reader), connect(office.settings.database_url, autocommit=False) as held:
        held.execute("LOCK TABLE records.partition_states IN ACCESS EXCLUSIVE MODE")
        assert snapshots.usable(0, documents_of(reader)) is NOTHING
        # It is not asked again for a while.
        assert snapshots.usable(0, documents_of(reader)) is NOTHING
        held.rollback()
        until(lambda: not any(one.name == "leadflow-snapshot" for one in threading.enumerate()))
    monkeypatch.undo()
    again = PartitionSnapshots.to_begin_with(office.settings, topic)
    assert again is not None
    with closing(PartitionReader(office.cluster, topic, 0)) as reader:
        assert again.usable(0, documents_of(reader)).place.position == taken.position
