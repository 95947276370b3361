"""One partition on its way into the read models: what is told of it."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

from consumers.feeding import Feed
from consumers.operating import Operating
from leadflow.log.kafka.records import message_of
from leadflow.postgres import Database
from projections import channels, pools, registry
from projections.base import Projection
from projections.store import Generation, create_indexes
from tests.histories import RandomHistory
from tests.processes import until

SEED = 5


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


def test_a_projection_that_has_taken_nothing_here_says_nothing_of_commits(empty_database: str) -> None:
    print(f"seed {SEED}")
    stored = RandomHistory(SEED).run(120).stored()
    messages = [message_of(fact, at, "events", 0) for at, fact in enumerate(stored, 1)]
    records = [
        SimpleNamespace(offset=at, timestamp=0, value=one.value, headers=one.headers)
        for at, one in enumerate(messages)
    ]
    with Database(empty_database) as database, ThreadPoolExecutor(2) as executor:
        registry.prepare(database)
        targets = [live(database, pools.PROJECTION), live(database, channels.PROJECTION)]
        for _ in range(2):
            began, operating = time.monotonic(), Noting()
            operating.holds([0])
            feed = Feed(0, database, lambda _: 0, executor, operating)
            feed.take(targets)
            assert feed.position == 0
            feed.add(records, len(records))

            def taken(feed: Feed = feed) -> bool:
                feed.work()
                return not feed.busy and feed.position == len(records)

            until(taken)
            assert sum(facts for _, facts in operating.commits) == len(records)
            passed = time.monotonic() - began
            assert all(0 <= seconds <= passed for seconds, _ in operating.commits)
            # Once more with one that is there already, and one that begins.
            targets[1] = live(database, channels.PROJECTION)
