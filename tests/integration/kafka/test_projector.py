"""The projector on a real broker and a real Postgres: the same read models as on the embedded log, whatever
the partitions' order, and each fact taken once."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from consumers.operating import Operating
from consumers.projector import Projector
from leadflow.domain import events as f
from leadflow.domain.values import Person
from leadflow.engine import Engine
from leadflow.errors import LogDamaged, UsageError
from leadflow.log.embedded import EmbeddedLog
from leadflow.log.kafka import Cluster, KafkaLog
from leadflow.log.kafka.records import message_of
from leadflow.postgres import Database
from leadflow.settings import Settings
from projections import registry
from projections.runner import ALL, Projections
from tests.deciders import Office, deciding
from tests.histories import History, RandomHistory, a_touch
from tests.integration.kafka.test_decider import month
from tests.kafka_broker import create_topics, new_prefix
from tests.processes import until
from tests.projectors import (
    PARTITIONS,
    POOLS,
    Process,
    Writing,
    decisions_of,
    on_the_embedded_log,
    projecting,
    rows,
)

WAIT_S = 300.0
SEED = int(os.environ.get("LEADFLOW_TEST_SEED", "3"))
KILLED = """
import os, signal
from consumers import feeding, ordering
from projections import writer
left = [{count}]
def die():
    left[0] -= 1
    if left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
note, write = writer.note_position, feeding.write
def before_commit(*arguments):
    note(*arguments)
    die()
def after_commit(*arguments):
    reached = write(*arguments)
    die()
    return reached
if {before}:
    writer.note_position = before_commit
else:
    feeding.write = after_commit
ordering.BATCH_MAX, ordering.BATCH_MIN = 60, 1
"""


@pytest.fixture
def settings(kafka: Cluster) -> Settings:
    made = Settings(kafka_prefix=new_prefix(), kafka_partitions=PARTITIONS)
    create_topics(kafka, made)
    return made


@pytest.fixture
def kafka_log(kafka: Cluster, settings: Settings) -> Iterator[KafkaLog]:
    with KafkaLog(kafka, f"{settings.kafka_prefix}.events") as log:
        yield log


@pytest.fixture
def writing(kafka: Cluster, settings: Settings) -> Iterator[Writing]:
    opened = Writing(kafka, settings)
    yield opened
    opened.close()


@pytest.fixture
def read_models(kafka_log: KafkaLog, empty_database: str) -> Iterator[Projections]:
    with Database(empty_database) as database:
        registry.prepare(database)
        yield Projections(kafka_log, database)


@pytest.fixture
def projector(kafka: Cluster, settings: Settings, read_models: Projections) -> Projector:
    return Projector(kafka, settings.kafka_prefix, read_models.database.url)


def taken(read_models: Projections) -> None:
    """Wait until everything is."""
    read_models.wait_for(read_models.log.ends(), WAIT_S)


@pytest.mark.parametrize("seed", [1, 2])
def test_rows_are_those_of_the_embedded_log_whatever_the_order_of_partitions(
    projector: Projector, writing: Writing, read_models: Projections, log: EmbeddedLog, seed: int
) -> None:
    print(f"seed {seed}")
    chance = random.Random(seed)
    history = RandomHistory(seed, pools=POOLS, clock="requests").run(1_500)
    decisions = decisions_of(history)
    writing.write(decisions[:400], chance)
    with projecting(projector):
        taken(read_models)
        writing.write(decisions[400:], chance)
        taken(read_models)
        assert [status.status for status in read_models.list()] == ["live"] * len(ALL)
    assert list(read_models.verify()) == []
    expected = on_the_embedded_log(log, history)
    assert rows(read_models.database) == expected
    assert all(expected[table] for table in ("leads", "channel_money", "spend", "intervals"))
    read_models.rebuild()
    assert rows(read_models.database) == expected
    assert list(read_models.verify()) == []


def test_requests_give_the_same_rows_on_both_logs(
    kafka: Cluster, settings: Settings, log: EmbeddedLog, empty_database: str
) -> None:
    requests = month()
    Engine(log, virtual=True).submit(requests)
    with Database(log.url) as database:
        Projections(log, database).start()
        expected = rows(database)
    office = Office(kafka, settings)
    office.send(requests, all_through_commands=True)
    process = Process(settings, kafka.servers, empty_database)
    try:
        with deciding(settings, kafka.servers, "--clock", "requests"):
            facts = office.wait_for(lambda facts: len(facts) >= log.end())
        with KafkaLog(kafka, office.names.events) as kafka_log, Database(empty_database) as database:
            read_models = Projections(kafka_log, database)
            taken(read_models)
            process.stop()
            print(f"{len(requests)} requests, {len(facts)} facts")
            assert rows(database) == expected
            assert list(read_models.verify()) == []
    finally:
        print(process.said()[-2_000:])
        process.end()
        office.close()


@pytest.mark.parametrize(("before", "seed"), [(True, SEED), (False, SEED + 1)])
def test_a_projector_that_is_killed_around_its_commits_takes_each_fact_once(
    kafka: Cluster,
    settings: Settings,
    empty_database: str,
    writing: Writing,
    read_models: Projections,
    log: EmbeddedLog,
    before: bool,
    seed: int,
) -> None:
    print(f"seed {seed}, killed {'before' if before else 'after'} a commit")
    chance = random.Random(seed)
    history = RandomHistory(seed, pools=POOLS, clock="requests").run(600)
    writing.write(decisions_of(history), chance)
    for _ in range(2):
        code = KILLED.format(before=before, count=chance.randrange(1, 25))
        process = Process(settings, kafka.servers, empty_database, code)
        assert process.wait() == -signal.SIGKILL, process.said()
        process.end()
        assert list(read_models.verify()) == []
        print({status.name: status.position for status in read_models.list()})
    process = Process(settings, kafka.servers, empty_database)
    taken(read_models)
    process.stop()
    process.end()
    assert list(read_models.verify()) == []
    assert rows(read_models.database) == on_the_embedded_log(log, history)
    print(f"{len(history.events)} facts: the projections equal the fold of the log, and the embedded log's")


def test_projectors_divide_the_partitions_and_one_that_stood_still_writes_nothing_twice(
    kafka: Cluster, settings: Settings, empty_database: str, writing: Writing, read_models: Projections
) -> None:
    history = RandomHistory(5, pools=POOLS).run(400)
    first = Process(settings, kafka.servers, empty_database)
    second = Process(settings, kafka.servers, empty_database)
    try:
        until(lambda: "partitions=[2]" in second.said() + first.said())
        decisions = decisions_of(history)
        writing.write(decisions[:100])
        first.send(signal.SIGSTOP)
        writing.write(decisions[100:])
        taken(read_models)
        assert list(read_models.verify()) == []
        first.send(signal.SIGCONT)
        written = len(history.events)
        more = decisions_of(history.run(600), written)
        writing.write(more)
        taken(read_models)
        first.stop()
        second.stop()
    finally:
        for process in (first, second):
            print(process.said()[-3_000:])
            process.send(signal.SIGCONT) if process.runs else None
            process.end()
    assert list(read_models.verify()) == []


def test_a_lead_arrives_after_it_has_left_in_whatever_partition_that_was(
    projector: Projector, writing: Writing, read_models: Projections, log: EmbeddedLog
) -> None:
    history = History(clock="requests")
    for pool in ("east", "west"):
        history.open(pool)
    history.capture("east", "a")
    moved: dict[str, Any] = {"person": Person(phones=("+861",)), "touches": (a_touch("ref-a"),)}
    out = history.decide(
        "east", ("a", f.LeadTransferredOut(to_pool="west", received_as="transfer:x", **moved))
    )
    arrived = f.LeadTransferredIn(from_pool="east", from_fact=out.id, score=50, **moved)
    history.decide("west", ("a", arrived), actor="system/transfer")
    history.capture("west", "b")
    decisions = decisions_of(history)
    later = [one for one in decisions if one[0].originator_id == "east" and one[0].originator_version > 2]
    writing.write([one for one in decisions if one not in later])
    with projecting(projector):
        ends = read_models.log.ends()
        west = read_models.log.partition_of("west")
        held = {**ends, west: ends[west] - 2}
        read_models.wait_for(held, WAIT_S)
        assert {p[west] for p in registry.live_positions(read_models.database).values()} == {held[west]}
        assert rows(read_models.database)["leads"] == []
        writing.write(later)
        taken(read_models)
    assert list(read_models.verify()) == []
    assert rows(read_models.database) == on_the_embedded_log(log, history)


def test_a_gap_stops_the_projections_of_its_partition_with_its_position_and_no_others(
    kafka: Cluster,
    settings: Settings,
    writing: Writing,
    read_models: Projections,
) -> None:
    history = RandomHistory(6, pools=POOLS).run(300)
    decisions = decisions_of(history)
    east = [one for one in decisions if one[0].originator_id == "east"]
    at = read_models.log.partition_of("east")
    others = [one for one in decisions if read_models.log.partition_of(str(one[0].originator_id)) != at]
    gap, after = east[20], east[21]
    writing.write(east[:20])
    position = read_models.log.ends()[at]
    with kafka.transactional_producer("a-hole") as producer:
        producer.init_transactions()
        producer.begin_transaction()
        message = message_of(after[0], position + 1, f"{settings.kafka_prefix}.events", at)
        producer.send(
            message.topic, partition=at, key=message.key, value=message.value, headers=list(message.headers)
        )
        producer.commit_transaction()
    operating = Operating("projector")
    projector = Projector(kafka, settings.kafka_prefix, read_models.database.url, operating)
    with projecting(projector):
        until(lambda: all(status.status == "stopped" for status in read_models.list()))
        writing.write(others[:40])
        ends = {p: end for p, end in read_models.log.ends().items() if p != at}
        read_models.wait_for(ends, WAIT_S)
        health = operating.health()
        assert not health.ready
        assert f"after sequence {gap[0].originator_version - 1} of pool 'east'" in str(health.problems)
    for status in read_models.list():
        assert status.status == "stopped"
        assert str(status.stopped).startswith(f"east/{after[0].originator_version}:")
    assert {p[at] for p in registry.live_positions(read_models.database).values()} == {position}


def test_read_models_of_another_log_are_refused(
    kafka: Cluster, settings: Settings, projector: Projector, writing: Writing, read_models: Projections
) -> None:
    history = RandomHistory(7, pools=POOLS).run(100)
    writing.write(decisions_of(history))
    with projecting(projector):
        taken(read_models)
    with read_models.database.connection() as connection:
        connection.execute("UPDATE read.projection_positions SET position = position + 1000")
    with pytest.raises(LogDamaged, match="before which the log ends"):
        Projector(kafka, settings.kafka_prefix, read_models.database.url).run()


def test_a_database_has_read_models_of_one_log(
    kafka: Cluster,
    settings: Settings,
    projector: Projector,
    writing: Writing,
    read_models: Projections,
    log: EmbeddedLog,
) -> None:
    url = read_models.database.url
    writing.write(decisions_of(RandomHistory(7, pools=POOLS).run(50)))
    # Before there are any, whoever comes first has them.
    registry.of_log(read_models.database, "another")
    with projecting(projector):
        taken(read_models)
    other = Settings(kafka_prefix=new_prefix(), kafka_partitions=PARTITIONS)
    create_topics(kafka, other)
    with pytest.raises(UsageError, match=f"another log.*{settings.kafka_prefix}.*{other.kafka_prefix}"):
        Projector(kafka, other.kafka_prefix, url).run()
    with pytest.raises(UsageError, match="not the embedded log"):
        Projections(log, read_models.database).start()
    read_models.prepare()
    with closing(kafka.admin()) as admin:
        topic = f"{settings.kafka_prefix}.events"
        admin.delete_topics([topic])
        until(lambda: topic not in admin.list_topics())
    create_topics(kafka, settings)
    with pytest.raises(UsageError, match="another log"):
        Projector(kafka, settings.kafka_prefix, url).run()


def test_a_rebuild_is_gone_on_with(projector: Projector, writing: Writing, read_models: Projections) -> None:
    history = RandomHistory(8, pools=POOLS).run(300)
    writing.write(decisions_of(history))
    with projecting(projector):
        taken(read_models)
        read_models.rebuild(["channels", "pools"])
        written = len(history.events)
        writing.write(decisions_of(history.run(500), written))
        taken(read_models)
    assert list(read_models.verify()) == []
