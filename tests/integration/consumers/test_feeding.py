"""What one process holds on its way into the read models: what is told of it, and what it waits for."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from eventsourcing.persistence import StoredEvent

from consumers import feeding
from consumers.feeding import Feed
from consumers.operating import Operating
from leadflow.domain import events as f
from leadflow.domain.values import Person
from leadflow.log.kafka.records import message_of, moment_of, position_in
from leadflow.postgres import Database
from projections import channels, pools, registry
from projections.base import Projection, entry_of
from projections.folding import Batch
from projections.store import Generation, create_indexes
from projections.writer import positions_of, write
from tests.histories import History, RandomHistory, a_touch
from tests.kafka_records import as_read
from tests.processes import until

SEED = 5
PARTITION = {"west": 0, "east": 1}


class Noting(Operating):
    """Keeps what it is told of transactions."""

    def __init__(self) -> None:
        super().__init__("projector")
        self.commits: list[tuple[float, int]] = []

    def committed(self, seconds: float, size: int, facts: int) -> None:
        self.commits.append((seconds, facts))


def live(database: Database, projection: Projection) -> tuple[Projection, Generation]:
    """The projection with empty tables."""
    generation = registry.begin(database, projection)
    with database.transaction() as connection, connection.cursor() as cursor:
        create_indexes(cursor, projection, generation)
        registry.go_live(cursor, projection, generation)
    return projection, generation


def records_of(stored: Sequence[StoredEvent], partition: int) -> list[Any]:
    """The facts as records that were read of a partition."""
    return list(
        as_read((message_of(fact, at, "events", partition) for at, fact in enumerate(stored, 1)), partition)
    )


def batch_of(records: Sequence[Any], partition: int) -> Batch:
    """What others write of a partition."""
    moment = moment_of(0)
    return Batch(entry_of(position_in(one), moment, one.value, partition) for one in records)


def test_a_projection_that_has_taken_nothing_here_says_nothing_of_commits(empty_database: str) -> None:
    print(f"seed {SEED}")
    records = records_of(RandomHistory(SEED).run(120).stored(), 0)
    with Database(empty_database) as database, ThreadPoolExecutor(2) as executor:
        registry.prepare(database)
        targets = [live(database, pools.PROJECTION), live(database, channels.PROJECTION)]
        for _ in range(2):
            began, operating = time.monotonic(), Noting()
            operating.holds([0])
            feed = Feed([0], database, lambda _: 0, executor, operating)
            assert feed.take(targets) == {0: 0}
            feed.add(0, records, len(records))

            def taken(feed: Feed = feed) -> bool:
                feed.work()
                return not feed.busy and feed.position(0) == len(records)

            until(taken)
            assert sum(facts for _, facts in operating.commits) == len(records)
            passed = time.monotonic() - began
            assert all(0 <= seconds <= passed for seconds, _ in operating.commits)
            # Once more with one that is there already, and one that begins.
            targets[1] = live(database, channels.PROJECTION)


def test_who_lacks_a_fact_of_another_process_is_not_waited_for_and_goes_on_later(
    empty_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeding, "PARK_S", 0)
    monkeypatch.setattr(feeding, "AGAIN_S", (0, 0))
    history = History(clock="requests")
    history.open("east")
    history.open("west")
    history.capture("east", "a")
    moved: dict[str, Any] = {"person": Person(phones=("+861",)), "touches": (a_touch("ref-a"),)}
    out = history.decide(
        "east", ("a", f.LeadTransferredOut(to_pool="west", received_as="transfer:x", **moved))
    )
    arrived = f.LeadTransferredIn(from_pool="east", from_fact=out.id, score=50, **moved)
    history.decide("west", ("a", arrived), actor="system/transfer")
    history.capture("west", "b")
    pools_of = {pool: [fact for fact in history.stored() if fact.originator_id == pool] for pool in PARTITION}
    west, east = (records_of(pools_of[pool], PARTITION[pool]) for pool in ("west", "east"))
    theirs = batch_of(east, 1)
    with Database(empty_database) as database, ThreadPoolExecutor(2) as executor:
        registry.prepare(database)
        first, second = targets = [live(database, pools.PROJECTION), live(database, channels.PROJECTION)]
        feed = Feed([0], database, PARTITION.__getitem__, executor, Noting())
        feed.take(targets)
        feed.add(0, west, len(west))

        def at(*positions: int) -> bool:
            feed.work()
            with database.connection() as connection, connection.cursor() as cursor:
                stands = [(positions_of(cursor, each[1]) or {}).get(0, 0) for each in targets]
            return not feed.busy and stands == list(positions)

        waits = len(west) - 2
        until(lambda: at(waits, waits))
        write(database, *first, theirs, PARTITION.__getitem__, {})
        until(lambda: at(len(west), waits))
        assert (feed.position(0), feed.waiting(0)) == (len(west), 0)
        write(database, *second, theirs, PARTITION.__getitem__, {})
        assert feed.work()
        assert feed.take(targets) == {0: waits}
        feed.add(0, west[waits:], len(west))
        until(lambda: at(len(west), len(west)))
