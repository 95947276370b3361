"""The log in Kafka as its readers see it: every partition of the events topic, committed facts only.

Opens connections when they are needed: one that asks for ends, and one for each partition that is read.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from datetime import datetime

from eventsourcing.persistence import StoredEvent
from kafka import KafkaConsumer
from kafka.structs import TopicPartition

from leadflow.errors import LogDamaged, NotFound, Unavailable
from leadflow.log.kafka.client import ANSWER_WAIT_MS, Cluster, translated
from leadflow.log.kafka.reader import PartitionReader
from leadflow.log.kafka.records import Record, record_of
from leadflow.log.kafka.search import PartitionSearch
from leadflow.log.partitioning import partition_of
from leadflow.log.reading import Row

POLL_MS = 200
WAIT_STEP_S = 0.05
END_RECORDS = 4
"""How many records before a partition's end are looked at: a fact, its transaction's marker, and a little."""


class KafkaLog:
    """The facts of a log in Kafka. Safe to use from several threads; fulfils `leadflow.log.reading.Log`."""

    def __init__(self, cluster: Cluster, topic: str) -> None:
        """Opens nothing; what is asked of it first does."""
        self.where = f"{cluster.where}, topic {topic}"
        self._cluster = cluster
        self._topic = topic
        self._guard = threading.RLock()
        self._count: int | None = None
        self._asking: KafkaConsumer | None = None
        self._searches: dict[int, PartitionSearch] = {}
        self._readers: dict[int, PartitionReader] = {}
        self._tails: dict[int, tuple[int, int]] = {}
        """By partition: an end that was seen, as an offset and as a position."""
        self._read_to: dict[str, tuple[int, int]] = {}
        """By pool: the last sequence that was read of it, and the offset after it."""
        self._waited = threading.local()

    def identity(self) -> str:
        """Which log it is; a topic that was made anew under its old name is another.

        Raises NotFound if there is no such topic, Unavailable.
        """
        with closing(self._cluster.admin()) as admin, translated(self.where):
            cluster = admin.describe_cluster()["cluster_id"]
            topics = admin.describe_topics([self._topic])
        found = [topic["topic_id"] for topic in topics if not topic["error_code"]]
        if not found:
            raise NotFound("the topic is missing", where=self.where, do="Run `leadflow topics create`.")
        return f"Kafka cluster {cluster}, topic {self._topic} with the id {found[0]}"

    # --- partitions -----------------------------------------------------------------------------

    @property
    def partitions(self) -> int:
        """How many partitions the log has. Raises NotFound if there is no such topic, Unavailable."""
        with self._guard:
            if self._count is None:
                with translated(self.where):
                    self._count = len(self._consumer().partitions_for_topic(self._topic) or ()) or None
            if self._count is None:
                raise NotFound("the topic is missing", where=self.where, do="Run `leadflow topics create`.")
            return self._count

    def partition_of(self, pool: str) -> int:
        """The partition that a pool lives in."""
        return partition_of(pool, self.partitions)

    def _consumer(self) -> KafkaConsumer:
        if self._asking is None:
            self._asking = self._cluster.consumer("ends")
        return self._asking

    def _reader(self, partition: int) -> PartitionReader:
        with self._guard:
            if partition not in self._readers:
                self._readers[partition] = PartitionReader(self._cluster, self._topic, partition)
            return self._readers[partition]

    def _search(self, partition: int) -> PartitionSearch:
        with self._guard:
            if partition not in self._searches:
                self._searches[partition] = PartitionSearch(self._reader(partition))
            return self._searches[partition]

    # --- where it ends --------------------------------------------------------------------------

    def ends(self) -> dict[int, int]:
        """The last position of every partition; 0 for an empty one."""
        with self._guard:
            offsets = self._end_offsets()
            moved = {at: end for at, end in offsets.items() if end != self._tails.get(at, (0, 0))[0]}
            seen = self._look_at_ends(moved) if moved else {}
            for at, end in moved.items():
                found = seen.get(at) or self._search(at).tail()
                self._tails[at] = (end, found.position if found else 0)
            return {at: self._tails[at][1] if offsets[at] else 0 for at in offsets}

    def end(self) -> int:
        """How many facts there are in all partitions together."""
        return sum(self.ends().values())

    def reach(self, wait_ms: int = ANSWER_WAIT_MS) -> None:
        """Raise Unavailable where the brokers do not say in time where the log ends, NotFound."""
        with self._guard:
            self._end_offsets(wait_ms)

    def _end_offsets(self, wait_ms: int = ANSWER_WAIT_MS) -> dict[int, int]:
        places = [TopicPartition(self._topic, at) for at in range(self.partitions)]
        with translated(self.where):
            ends = self._consumer().end_offsets(places, wait_ms)
        return {place.partition: int(ends[place]) for place in places}

    def _look_at_ends(self, ends: Mapping[int, int]) -> dict[int, Record]:
        """The last of a few records before these ends; none where they are all markers."""
        consumer = self._consumer()
        waiting = {TopicPartition(self._topic, at): end for at, end in ends.items()}
        found: dict[int, Record] = {}
        until = time.monotonic() + ANSWER_WAIT_MS / 1000
        with translated(self.where):
            consumer.assign(list(waiting))
            for place, end in waiting.items():
                consumer.seek(place, max(0, end - END_RECORDS))
            while waiting:
                for place, records in consumer.poll(POLL_MS).items():
                    for record in records:
                        if record.offset < ends[place.partition]:
                            found[place.partition] = record_of(record)
                for place, end in list(waiting.items()):
                    if (consumer.position(place, ANSWER_WAIT_MS) or 0) >= end:
                        del waiting[place]
                if waiting and time.monotonic() > until:
                    do = "An open transaction or an absent broker holds it up; try again after that."
                    raise Unavailable("the log's end cannot be read", where=self.where, do=do)
        return found

    # --- single facts ---------------------------------------------------------------------------

    def last(self, pool: str) -> int:
        """The last sequence of a pool; 0 if it has no facts."""
        with self._guard:
            found = self._search(self.partition_of(pool)).last_of(pool)
            return found.sequence if found else 0

    def pools(self) -> list[str]:
        """The pools that have facts, in the order of their ids. Reads the whole log: ask the projections."""
        return sorted({str(event.originator_id) for _, _, event in self.read_all()})

    def document(self, pool: str, sequence: int, position: int | None = None) -> bytes | None:
        """The bytes of one fact, if it is there. Where its position is known, it is found sooner."""
        with self._guard:
            search = self._search(self.partition_of(pool))
            found = search.at_position(position) if position is not None else None
            if found is None or (found.pool, found.sequence) != (pool, sequence):
                found = search.at_sequence(pool, sequence)
            return found.document if found else None

    def documents(
        self, pool: str, sequences: Sequence[int], positions: Sequence[int] | None = None
    ) -> dict[int, bytes]:
        """The bytes of some facts of a pool, by sequence; those that are not there are left out.

        `positions` are the sequences' own, one for each; where they are known, facts are found sooner.
        """
        known: Sequence[int | None] = positions if positions is not None else [None] * len(sequences)
        asked = sorted(zip(sequences, known, strict=True))
        found = ((sequence, self.document(pool, sequence, position)) for sequence, position in asked)
        return {sequence: document for sequence, document in found if document is not None}

    # --- reading on -----------------------------------------------------------------------------

    def read_pool(self, pool: str, gt: int = 0) -> Iterator[StoredEvent]:
        """A pool's facts after sequence `gt`, in order, up to the end as it is when begun.

        Whoever goes on after the last fact of an earlier reading need not have it looked for.
        """
        partition = self.partition_of(pool)
        sequence, offset = self._read_to.get(pool, (-1, 0))
        if gt > 0 and gt != sequence:
            with self._guard:
                found = self._search(partition).at_sequence(pool, gt)
            if found is None:
                return
            offset = found.offset + 1
        sequence = gt
        reader = self._reader(partition)
        first, end = reader.bounds()
        for page in reader.read(max(first, offset if gt > 0 else 0), end):
            for record in map(record_of, page):
                if record.pool == pool:
                    sequence = record.sequence
                    yield record.stored
        # Not the place after its last fact: going on from there would wait for what stands behind that.
        self._read_to[pool] = (sequence, end)

    def read_partition(
        self, partition: int, gt: int = 0, topics: Sequence[str] = (), until: datetime | None = None
    ) -> Iterator[tuple[int, datetime, StoredEvent]]:
        """A partition's facts after position `gt`, in order, up to its end as it is when begun: position,
        when it was written (UTC), fact.

        `topics` keeps to these types, `until` to what was written up to that time. Raises LogDamaged where
        a position is missing.
        """
        for record in self._after(partition, gt):
            if (not topics or record.type in topics) and (until is None or record.recorded_at <= until):
                yield record.position, record.recorded_at, record.stored

    def read_documents(
        self, partition: int, gt: int = 0, topics: Sequence[str] = (), until: datetime | None = None
    ) -> Iterator[tuple[int, datetime, bytes]]:
        """As `read_partition`, of each fact its document alone."""
        for position, recorded_at, stored in self.read_partition(partition, gt, topics, until):
            yield position, recorded_at, stored.state

    def read_all(
        self, *, topics: Sequence[str] = (), until: datetime | None = None
    ) -> Iterator[tuple[int, datetime, StoredEvent]]:
        """As `read_partition` from the beginning, one partition after the other."""
        for partition in range(self.partitions):
            yield from self.read_partition(partition, 0, topics, until)

    def read_rows(self) -> Iterator[Row]:
        """Every row, one partition after the other."""
        for partition in range(self.partitions):
            for one in self._after(partition, 0):
                yield Row(
                    one.position, one.recorded_at, one.pool, one.sequence, one.type, one.document, None,
                    partition,
                )  # fmt: skip

    def offset_after(self, partition: int, position: int) -> int | None:
        """Where reading begins for what comes after a position; None where the log does not reach it."""
        with self._guard:
            return self._search(partition).offset_after(position)

    def _after(self, partition: int, gt: int) -> Iterator[Record]:
        offset = self.offset_after(partition, gt)
        if offset is None:
            return
        before = gt
        for record in self._records(partition, offset):
            if record.position != before + 1:
                raise LogDamaged(
                    f"after position {before} of partition {partition} comes {record.position}",
                    event=f"{record.pool}/{record.sequence}",
                    do="See who writes this topic: only the decider may.",
                )
            before = record.position
            yield record

    def _records(self, partition: int, offset: int) -> Iterator[Record]:
        reader = self._reader(partition)
        first, end = reader.bounds()
        for page in reader.read(max(first, offset), end):
            yield from map(record_of, page)

    # --- waiting --------------------------------------------------------------------------------

    def wait(self, timeout_s: float) -> bool:
        """Wait for new facts, at most this long. True says: look again. A thread's first call says so."""
        before = getattr(self._waited, "ends", None)
        until = time.monotonic() + timeout_s
        while True:
            with self._guard:
                now = self._end_offsets()
            if now != before:
                self._waited.ends = now
                return True
            if time.monotonic() >= until:
                return False
            time.sleep(WAIT_STEP_S)

    def close(self) -> None:
        """Close the connections."""
        with self._guard:
            readers, self._readers, self._searches = list(self._readers.values()), {}, {}
            asking, self._asking = self._asking, None
        for reader in readers:
            reader.close()
        if asking is not None:
            asking.close(autocommit=False, timeout_ms=1_000)

    def __enter__(self) -> KafkaLog:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
