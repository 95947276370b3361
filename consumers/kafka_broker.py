"""The real Kafka of a decider."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import structlog
from kafka import KafkaConsumer
from kafka.structs import TopicPartition

from consumers.broker import Member
from consumers.group import Listener, Ranges, count_partitions, keep_going
from consumers.partition import BATCH_BYTES_MAX, BATCH_MAX
from leadflow.log.kafka import Cluster, PartitionLog
from leadflow.log.kafka.client import translated
from leadflow.log.kafka.topics import TopicNames

SESSION_MS = 6_000
"""After so long without a sign of life, the group gives a member's partitions to another."""
HEARTBEAT_MS = 1_000
POLL_INTERVAL_MS = 30 * 60_000
"""After so long without a poll a member leaves the group. Partitions are taken one by one with polls between
them; this is for one that is large and has no snapshot."""
POSITION_MS = 5_000
LEAVE_MS = 3_000

log_ = structlog.get_logger(__name__)


class KafkaBroker:
    """A cluster and the topics of a company on it."""

    def __init__(self, cluster: Cluster, names: TopicNames) -> None:
        self._cluster = cluster
        self._names = names
        self.group = f"{names.events.removesuffix('.events')}-decider"
        self.where = f"{cluster.where}, group {self.group}"

    def now(self) -> datetime:
        return datetime.now(UTC)

    def elapsed_s(self) -> float:
        return time.monotonic()

    def pause(self, seconds: float, stop: threading.Event | None = None) -> None:
        if stop is None:
            time.sleep(seconds)
        else:
            stop.wait(seconds)

    def join(self, topics: Sequence[str], member: Member) -> KafkaGroup:
        return KafkaGroup(self._cluster, self._names, self.group, topics, member)

    def log(self, partition: int) -> PartitionLog:
        return PartitionLog(self._cluster, self._names.events, partition)


class KafkaGroup:
    """A member of a consumer group."""

    def __init__(
        self, cluster: Cluster, names: TopicNames, group: str, topics: Sequence[str], member: Member
    ) -> None:
        """Join. Raises LeadflowError."""
        self._where = f"{cluster.where}, group {group}"
        self._open: list[KafkaConsumer] = []
        try:
            # Asked for ends on a connection of its own: on the other, answers wait behind fetches.
            # What open transactions have written counts: it may have come before what can be read already.
            self._ends = self._opened(cluster.consumer("decider-ends", isolation_level="read_uncommitted"))
            self.partitions = count_partitions(self._ends, names, self._where)
            self._consumer = self._opened(
                cluster.consumer(
                    "decider",
                    group_id=group,
                    session_timeout_ms=SESSION_MS,
                    heartbeat_interval_ms=HEARTBEAT_MS,
                    max_poll_interval_ms=POLL_INTERVAL_MS,
                    max_poll_records=BATCH_MAX,
                    max_partition_fetch_bytes=BATCH_BYTES_MAX,
                    partition_assignment_strategy=(Ranges(self.partitions),),
                )
            )
            with translated(self._where):
                self._consumer.subscribe(topics=topics, listener=Listener(member))
        except BaseException:
            self.close()
            raise

    def _opened(self, consumer: KafkaConsumer) -> KafkaConsumer:
        self._open.append(consumer)
        return consumer

    def poll(self, wait_ms: int) -> Mapping[TopicPartition, Sequence[Any]]:
        keep_going(self._consumer)
        with translated(self._where):
            polled: Mapping[TopicPartition, Sequence[Any]] = self._consumer.poll(
                wait_ms, max_records=BATCH_MAX
            )
            return polled

    def assignment(self) -> Collection[TopicPartition]:
        return frozenset(self._consumer.assignment())

    def generation(self) -> int:
        return int(self._consumer.group_metadata().generation_id)

    def pause(self, place: TopicPartition) -> None:
        self._consumer.pause(place)

    def resume(self, place: TopicPartition) -> None:
        self._consumer.resume(place)

    def paused(self, place: TopicPartition) -> bool:
        return place in self._consumer.paused()

    def seek(self, place: TopicPartition, offset: int) -> None:
        self._consumer.seek(place, offset)

    def position(self, place: TopicPartition) -> int:
        with translated(self._where):
            return int(self._consumer.position(place, timeout_ms=POSITION_MS) or 0)

    def ends(self, places: Collection[TopicPartition]) -> Mapping[TopicPartition, int]:
        with translated(self._where):
            ends: Mapping[TopicPartition, int] = self._ends.end_offsets(list(places))
            return ends

    def first(self, place: TopicPartition) -> int:
        with translated(self._where):
            return int(self._ends.beginning_offsets([place])[place])

    def committed(self, place: TopicPartition) -> int | None:
        with translated(self._where):
            offset = self._consumer.committed(place, timeout_ms=POSITION_MS)
            return None if offset is None else int(offset)

    def member(self) -> Any:
        with translated(self._where):
            return self._consumer.group_metadata()

    def close(self) -> None:
        for consumer in reversed(self._open):
            try:
                consumer.close(autocommit=False, timeout_ms=LEAVE_MS)
            except Exception as problem:
                log_.warning("a connection to Kafka was not closed well", problem=repr(problem))
