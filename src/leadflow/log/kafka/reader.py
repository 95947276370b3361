"""Reading one partition from any offset; committed records only."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from typing import Any

from kafka import KafkaConsumer
from kafka import errors as kafka_errors
from kafka.structs import TopicPartition

from leadflow.errors import LogDamaged, Unavailable
from leadflow.log.kafka.client import ANSWER_WAIT_MS, Cluster, translate, translated

POLL_MS = 200
PAGE_RECORDS = 5_000
FETCH_WAIT_MS = 10
"""How long the broker may wait for more. A seek waits for the fetch that is on its way."""


class PartitionReader:
    """A consumer of one partition. Several may read: each page is one's own."""

    def __init__(
        self, cluster: Cluster, topic: str, partition: int, *, wait_s: float = ANSWER_WAIT_MS / 1000
    ) -> None:
        """Opens nothing; the first read does. `wait_s` is for how long a read may get no further."""
        self._cluster = cluster
        self._place = TopicPartition(topic, partition)
        self._wait_s = wait_s
        self._consumer: KafkaConsumer | None = None
        self._at: int | None = None
        """Where the consumer stands."""
        self._problem: BaseException | None = None
        self._guard = threading.RLock()
        self.where = f"{cluster.where}, {topic}-{partition}"

    def _open(self) -> KafkaConsumer:
        if self._consumer is None:
            self._consumer = self._cluster.consumer(
                f"reader-{self._place.partition}",
                fetch_max_wait_ms=FETCH_WAIT_MS,
            )
            self._consumer.assign([self._place])
            self._at = None
        return self._consumer

    def bounds(self) -> tuple[int, int]:
        """The first offset, and the one after the last that is committed. Raises LeadflowError."""
        with self._guard, translated(self.where):
            consumer = self._open()
            first = consumer.beginning_offsets([self._place])[self._place]
            return first, consumer.end_offsets([self._place])[self._place]

    def written_end(self) -> int:
        """The offset after the last record written, by transactions that are still open as well.

        It is asked for anew each time: an end that a consumer remembers may be an old one, and whoever
        takes a partition must not miss its last facts. Raises LeadflowError.
        """
        with translated(self.where):
            consumer = self._cluster.consumer("end", isolation_level="read_uncommitted")
            try:
                return int(consumer.end_offsets([self._place])[self._place])
            finally:
                consumer.close(autocommit=False, timeout_ms=1_000)

    def read(self, offset: int, until: int, page_max: int = PAGE_RECORDS) -> Generator[list[Any], None, None]:
        """The committed records from `offset` up to before `until`, in pages of at most so many.

        Waits for what is written but not yet visible. Raises Unavailable if it gets no further for
        `wait_s`, LogDamaged if the offset is not there any more.
        """
        at, moved = offset, time.monotonic()
        while at < until:
            page, reached = self.page(at, min(page_max, until - at))
            if page := [record for record in page if record.offset < until]:
                yield page
            if reached > at:
                at, moved = reached, time.monotonic()
            elif time.monotonic() - moved > self._wait_s:
                raise self._stuck(at, until)

    def follow(self, offset: int, poll_ms: int) -> Generator[list[Any], None, None]:
        """The records from `offset` on, as they are committed; a page without any every `poll_ms`."""
        at = offset
        while True:
            page, at = self.page(at, poll_ms=poll_ms)
            yield page

    def page(
        self, offset: int, records_max: int = PAGE_RECORDS, *, poll_ms: int = POLL_MS
    ) -> tuple[list[Any], int]:
        """What can be read from `offset` on by now: records, and the offset to go on from."""
        with self._guard:
            consumer = self._open()
            if self._at != offset:
                consumer.seek(self._place, offset)
            self._at = None
            try:
                page = consumer.poll(poll_ms, max_records=records_max).get(self._place, [])
                reached = consumer.position(self._place, timeout_ms=ANSWER_WAIT_MS)
            except (kafka_errors.OffsetOutOfRangeError, kafka_errors.NoOffsetForPartitionError) as problem:
                raise LogDamaged(
                    f"the log does not have the offset that was to be read: {problem}",
                    where=self.where,
                    do="Its facts were deleted or the topic was made anew; see `leadflow topics check`.",
                ) from problem
            except kafka_errors.RetriableError as problem:
                # A broker is away or its successor not known yet: the same page is asked for again.
                self._problem = problem
                time.sleep(POLL_MS / 1000)
                return [], offset
            except kafka_errors.KafkaError as problem:
                raise translate(problem, self.where) from problem
            self._at = offset if reached is None else int(reached)
            return page, self._at

    def _stuck(self, at: int, until: int) -> Unavailable:
        error = Unavailable(
            f"reading stands at offset {at} and gets no further towards {until}",
            where=self.where,
            do="An open transaction or an absent broker holds it up; try again after that.",
        )
        error.__cause__ = self._problem
        return error

    def close(self) -> None:
        """Close the connection; the next read opens another."""
        with self._guard:
            consumer, self._consumer = self._consumer, None
            if consumer is not None:
                consumer.close(autocommit=False, timeout_ms=1_000)
