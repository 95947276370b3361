"""Takes snapshots of a log in Kafka, beside the deciders: `leadflow snapshotter`.

It folds each partition from its last snapshot on and keeps what has grown enough. It decides nothing and
writes nothing to the log; several may run, and a decider that finds no snapshot only starts later.
"""

from __future__ import annotations

import threading
from typing import NamedTuple

import structlog

from consumers.group import count_partitions
from consumers.operating import Operating
from consumers.partition_snapshots import NOTHING, Folded, PartitionSnapshots, documents_of, note_origin
from leadflow.domain.evolve import initial
from leadflow.errors import Unavailable, UsageError
from leadflow.log.kafka import Cluster, Place
from leadflow.log.kafka.reader import PartitionReader
from leadflow.log.kafka.records import record_of
from leadflow.log.kafka.topics import TopicNames
from leadflow.postgres import Database
from leadflow.settings import Settings
from leadflow.streams import Held, fold

PAUSE_S = 60.0

log_ = structlog.get_logger(__name__)


class Taken(NamedTuple):
    """A snapshot that was taken."""

    partition: int
    position: int
    """Of the last fact in it."""
    pools: int


class Snapshotter:
    """Takes snapshots until it is told to stop."""

    def __init__(self, settings: Settings, operating: Operating | None = None) -> None:
        """Raises UsageError unless a cluster and a database are named."""
        self._cluster = Cluster.of(settings)
        if settings.database_url is None:
            raise UsageError(
                "no database is named that deciders on other machines could read snapshots from",
                do="Set LEADFLOW_DATABASE_URL.",
            )
        self._operating = operating or Operating("snapshotter", pause_s=PAUSE_S)
        self._names = TopicNames.of(settings.kafka_prefix)
        self._database = Database(settings.database_url)
        self._snapshots = PartitionSnapshots(self._database, self._names.events)
        self._stop = threading.Event()

    def stop(self) -> None:
        """End soon; may be called from a signal handler."""
        self._stop.set()

    def run(self, every: int) -> None:
        """Look once a minute which partitions have grown by `every` facts, until told to stop.

        What is away is waited for.
        """
        self._operating.holds(())
        while not self._stop.is_set():
            try:
                self.take(every)
                if self._operating.works("snapshots"):
                    log_.warning("snapshots are taken again")
            except Unavailable as problem:
                if self._operating.fails("snapshots", str(problem)):
                    log_.warning("no snapshots can be taken until it works", problem=str(problem))
            self._operating.stepped()
            self._stop.wait(PAUSE_S)
        self._operating.stopping()

    def take(self, every: int) -> list[Taken]:
        """Snapshot every partition that has grown by `every` facts since its last.

        Raises Unavailable, NotFound for a topic that is missing, LogDamaged.
        """
        taken = []
        for partition in range(self._partitions()):
            folded = self._folded(partition, every)
            if folded is None or self._stop.is_set():
                continue
            self._snapshots.save(partition, folded)
            taken.append(Taken(partition, folded.place.position, len(folded.pools)))
            log_.info("a snapshot is taken", **taken[-1]._asdict())
        return taken

    def close(self) -> None:
        """Let go of the database."""
        self._database.close()

    def _partitions(self) -> int:
        consumer = self._cluster.consumer("snapshots")
        try:
            return count_partitions(consumer, self._names, self._cluster.where)
        finally:
            consumer.close(autocommit=False, timeout_ms=1_000)

    def _folded(self, partition: int, every: int) -> Folded | None:
        """What the partition's facts add up to, if there are enough new ones."""
        reader = PartitionReader(self._cluster, self._names.events, partition)
        try:
            first, end = reader.bounds()
            # Offsets are more than facts (transactions leave markers), so this never looks away too early.
            if end - self._snapshots.end(partition) < every:
                return None
            before = self._snapshots.load(partition, documents_of(reader)) or NOTHING
            folded = self._fold(reader, partition, before, max(first, before.place.next_offset), end)
            grown = folded.place.position - before.place.position
            return folded if grown >= every and grown else None
        finally:
            reader.close()

    def _fold(self, reader: PartitionReader, partition: int, before: Folded, start: int, end: int) -> Folded:
        pools, ends, resume = dict(before.pools), dict(before.ends), dict(before.resume)
        position = before.place.position
        for page in reader.read(start, end):
            if self._stop.is_set():
                break
            for found in page:
                record = record_of(found)
                held = pools.get(record.pool)
                if held is None:
                    held = pools[record.pool] = Held(initial(record.pool))
                fold(held, record.document)
                ends[record.pool] = record.offset
                note_origin(resume, record.origin, partition)
                position = record.position
        last = {pool: held.stream.sequence for pool, held in pools.items()}
        return Folded(Place(end, position, last), resume, pools, ends)
