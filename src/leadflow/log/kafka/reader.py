"""Reading one partition from any offset; committed records only."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
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
        self._guard = threading.RLock()
        self.where = f"{cluster.where}, {topic}-{partition}"

    def _open(self) -> KafkaConsumer:
        if self._consumer is None:
            self._consumer = self._cluster.consumer(
                f"reader-{self._place.partition}",
                fetch_max_wait_ms=FETCH_WAIT_MS,
                # Without a session every answer tells the partition's end anew.
                enable_incremental_fetch_sessions=False,
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

    def read(self, offset: int, until: int) -> Generator[list[Any], None, None]:
        """The committed records from `offset` up to before `until`, in pages.

        Waits for what is written but not yet visible. Raises Unavailable if it gets no further for
        `wait_s`, LogDamaged if the offset is not there any more.
        """
        at, moved = offset, time.monotonic()
        while at < until:
            page, reached, _ = self.page(at, min(PAGE_RECORDS, until - at))
            if page := [record for record in page if record.offset < until]:
                yield page
            if reached > at:
                at, moved = reached, time.monotonic()
            elif time.monotonic() - moved > self._wait_s:
                raise self._stuck(at, until)

    def settle(self, offset: int, take_in: Callable[[list[Any]], None]) -> int:
        """Read from `offset` on to the partition's very end, handing over each page.

        The end is what was written, not only what is visible: if a transaction is open, it waits for its
        end. Gives the offset after the last. Raises as `read`.
        """
        at, moved = offset, time.monotonic()
        while True:
            page, reached, end = self.page(at)
            if page:
                take_in(page)
            if end is not None and not page and reached >= end:
                return reached
            if reached > at:
                at, moved = reached, time.monotonic()
            elif time.monotonic() - moved > self._wait_s:
                raise self._stuck(at, -1 if end is None else end)

    def follow(self, offset: int, poll_ms: int) -> Generator[list[Any], None, None]:
        """The records from `offset` on, as they are committed; a page without any every `poll_ms`."""
        at = offset
        while True:
            page, at, _ = self.page(at, poll_ms=poll_ms)
            yield page

    def page(
        self, offset: int, records_max: int = PAGE_RECORDS, *, poll_ms: int = POLL_MS
    ) -> tuple[list[Any], int, int | None]:
        """What can be read from `offset` on: records, the offset to go on from, the partition's end.

        The end is the one of the last answer, None if there was none yet; it counts open transactions.
        """
        with self._guard:
            consumer = self._open()
            if self._at != offset:
                consumer.seek(self._place, offset)
                # Until it is read again, the end that was told before the seek may be an old one.
                self._at = None
            page = self._poll(consumer, records_max, poll_ms)
            with translated(self.where):
                reached = consumer.position(self._place, timeout_ms=ANSWER_WAIT_MS)
            self._at = offset if reached is None else int(reached)
            return page, self._at, consumer.highwater(self._place)

    def _poll(self, consumer: KafkaConsumer, records_max: int, poll_ms: int) -> list[Any]:
        try:
            found: list[Any] = consumer.poll(poll_ms, max_records=records_max).get(self._place, [])
            return found
        except (kafka_errors.OffsetOutOfRangeError, kafka_errors.NoOffsetForPartitionError) as problem:
            raise LogDamaged(
                f"the log does not have the offset that was to be read: {problem}",
                where=self.where,
                do="Its facts were deleted or the topic was made anew; see `leadflow topics check`.",
            ) from problem
        except kafka_errors.KafkaError as problem:
            raise translate(problem, self.where) from problem

    def _stuck(self, at: int, until: int) -> Unavailable:
        return Unavailable(
            f"reading stands at offset {at} and gets no further towards {until}",
            where=self.where,
            do="An open transaction or an absent broker holds it up; it goes on by itself after that.",
        )

    def close(self) -> None:
        """Close the connection; the next read opens another."""
        with self._guard:
            consumer, self._consumer = self._consumer, None
            if consumer is not None:
                consumer.close(autocommit=False, timeout_ms=1_000)
