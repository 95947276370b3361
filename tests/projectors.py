"""Projectors, the logs in Kafka that they read, and what the read models hold afterwards."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from eventsourcing.persistence import StoredEvent
from psycopg import sql

from consumers.projector import Projector
from leadflow.log.embedded import EmbeddedLog
from leadflow.log.kafka import Cluster, PartitionLog
from leadflow.log.partitioning import partition_of
from leadflow.postgres import Database
from leadflow.settings import Settings
from projections.base import Projection
from projections.runner import ALL, Projections
from projections.store import SCHEMA
from tests.histories import History
from tests.kafka_processes import KafkaProcess

PARTITIONS = 3
POOLS = ("east", "north", "south", "west")
"""Of these and `_company`, each of the three partitions has one or two."""
ASIDE = ("position", "recorded_at")
"""What depends on the log and not on the facts."""

Decisions = list[list[StoredEvent]]


def decisions_of(history: History, start: int = 0) -> Decisions:
    """A history's facts from an index on, each decision's together."""
    decisions: Decisions = []
    stored = history.stored()
    for event, fact in list(zip(history.events, stored, strict=True))[start:]:
        if event.fact_index == 1:
            decisions.append([])
        decisions[-1].append(fact)
    return decisions


class Writing:
    """Puts facts into the partitions of a log in Kafka, as deciders do."""

    def __init__(self, cluster: Cluster, settings: Settings) -> None:
        self._topic, self._partitions = f"{settings.kafka_prefix}.events", settings.kafka_partitions
        self.logs = [PartitionLog(cluster, self._topic, at) for at in range(self._partitions)]
        for log in self.logs:
            log.take()

    def write(self, decisions: Decisions, chance: random.Random | None = None) -> None:
        """Write decisions one by one; with `chance`, in batches, and without an order between partitions."""
        waiting: list[Decisions] = [[] for _ in self.logs]
        for decision in decisions:
            at = partition_of(str(decision[0].originator_id), self._partitions)
            waiting[at].append(decision)
            if chance is None:
                self._append(at, waiting[at], 1)
        while any(waiting):
            assert chance is not None
            at = chance.choice([at for at, left in enumerate(waiting) if left])
            self._append(at, waiting[at], chance.choice((1, 10, 100, 1_000)))

    def _append(self, at: int, waiting: Decisions, count: int) -> None:
        taken, waiting[:] = waiting[:count], waiting[count:]
        self.logs[at].append([fact for decision in taken for fact in decision])

    def close(self) -> None:
        for log in self.logs:
            log.close()


@contextmanager
def projecting(projector: Projector) -> Iterator[None]:
    """Runs in a thread of its own until the block ends; what it raised is raised then."""
    problems: list[BaseException] = []

    def run() -> None:
        try:
            projector.run()
        except BaseException as problem:
            problems.append(problem)

    thread = threading.Thread(target=run, name="projector")
    thread.start()
    try:
        yield
    finally:
        projector.stop()
        thread.join()
    if problems:
        raise problems[0]


class Process(KafkaProcess):
    """`leadflow projector`, as a process; with `code`, one that runs this before."""

    def __init__(self, settings: Settings, address: str, url: str, code: str = "") -> None:
        start = f"{code}\nimport sys\nfrom leadflow.cli import main\nsys.argv[1:] = ['projector']\nmain()"
        super().__init__(settings.model_copy(update={"database_url": url}), address, "-c", start)


def rows(database: Database, projections: Sequence[Projection] = ALL) -> dict[str, list[dict[str, Any]]]:
    """Every row of the read models in the order of their keys, without what depends on the log.

    When a fact was known depends on the log as well, unless its pool has a clock of its own.
    """
    found: dict[str, list[dict[str, Any]]] = {}
    for table in (table for projection in projections for table in projection.tables):
        order = sql.SQL(", ").join(map(sql.Identifier, table.key))
        query = sql.SQL("SELECT * FROM {} ORDER BY {}").format(sql.Identifier(SCHEMA, table.name), order)
        with database.connection() as connection, connection.cursor() as cursor:
            cursor.execute(query)
            names = [column.name for column in cursor.description or ()]
            records = [dict(zip(names, record, strict=True)) for record in cursor.fetchall()]
        for record in records:
            for name in (*ASIDE, *(("known_at",) if record.get("pool") == "_company" else ())):
                record.pop(name, None)
        found[table.name] = records
    return found


def on_the_embedded_log(log: EmbeddedLog, history: History) -> dict[str, list[dict[str, Any]]]:
    """What the read models of the same facts hold there."""
    log.append(history.stored())
    with Database(log.url) as database:
        Projections(log, database).start()
        return rows(database)
