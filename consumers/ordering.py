"""What was read of a process's partitions, in one order, cut into batches.

Between partitions the log has no order but the one that facts themselves name. Here every decision comes
after those that it follows from, as far as their partitions are read here; of others somebody has to say that
they were taken.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

from leadflow.errors import LeadflowError
from leadflow.log.kafka.records import moment_of, position_in
from projections.base import Entry, comes_after, entry_of
from projections.folding import Batch
from projections.reading import check_follows
from projections.times import as_text
from projections.writer import PartitionOf

BATCH_MAX = 10_000
"""Facts of one batch, but for the rest of a decision."""
WAITING_MAX = 20_000
"""Facts that are kept in batches; and as many more, equally of each partition, that wait for another one."""
BATCH_MIN = 5_000
LINGER_S = 1.0
"""As long as the log has more, a batch waits for so many facts, but never for so long: writing few costs as
much as writing many."""


class Need(NamedTuple):
    """A fact that has to be taken before another one."""

    pool: str
    sequence: int


class Broken(NamedTuple):
    """What was read and cannot be read on from."""

    position: int
    event: str
    why: str


@dataclass(slots=True)
class Part:
    """What was read of a partition and has no place in the order yet."""

    number: int
    read_to: int
    """The position of the last whole decision that was read."""
    entries: list[Entry] = field(default_factory=list)
    whole: int = 0
    """How many of them make whole decisions."""
    following: deque[tuple[int, Need]] = field(default_factory=deque)
    """Where decisions begin that follow from facts of other partitions, and what those are."""
    waits_since: float | None = None
    """When the first of these was found to have no place yet."""
    told: bool = False
    broken: Broken | None = None
    to_come: int = 0
    """How many records the log had after those that were read."""
    at: float = 0.0
    """When the last records were read."""


@dataclass(slots=True)
class Queued:
    """A batch in the order."""

    batch: Batch
    began: float | None = None
    """When somebody began to write it."""


class Order:
    """The order, from positions on."""

    def __init__(self, positions: Mapping[int, int], partition_of: PartitionOf) -> None:
        """`positions` are those after which the partitions are read."""
        self.parts = {at: Part(at, position) for at, position in positions.items()}
        self._partition_of = partition_of
        self._reached: dict[str, int] = {}
        """By pool, the last sequence that has its place, or is known to be taken."""
        self._open: list[Entry] = []
        """What has its place and is in no batch yet."""
        self._queue: deque[Queued] = deque()
        self._first = 0
        """The number of the queue's first batch."""

    # --- reading --------------------------------------------------------------------------------

    def add(self, partition: int, records: Sequence[Any], end: int | None) -> None:
        """Records of a partition that were read, in their order, and where the log ended then, as an offset.

        After what cannot be read nothing is taken.
        """
        part = self.parts[partition]
        if records:
            part.to_come, part.at = (end or 0) - records[-1].offset - 1, time.monotonic()
        for record in records if part.broken is None else ():
            try:
                recorded_at = _recorded_at(record.timestamp)
                entry = entry_of(position_in(record), recorded_at, record.value or b"", partition)
                before = part.entries[-1] if len(part.entries) > part.whole else None
                if before is not None or entry.fact_index != 1:
                    check_follows(before, entry)
            except LeadflowError as problem:
                event = problem.where or f"offset {record.offset} of partition {partition}"
                part.broken = Broken(record.offset, event, problem.what)
                return
            part.entries.append(entry)
            if (needed := comes_after(entry)) and self._partition_of(needed[0]) != partition:
                part.following.append((part.entries[part.whole].position, Need(*needed)))
            if entry.fact_index == entry.fact_count:
                part.whole, part.read_to = len(part.entries), entry.position

    def full(self, partition: int) -> bool:
        """Whether no more of a partition should be read for now."""
        part = self.parts[partition]
        queued = len(self._open) + sum(len(one.batch) for one in self._queue)
        many = queued >= WAITING_MAX or part.whole >= WAITING_MAX / len(self.parts)
        return many or part.broken is not None

    def kept(self, partition: int) -> Iterator[Entry]:
        """What is kept of a partition, in its order."""
        for entries in (*(one.batch for one in self._queue), self._open, self.parts[partition].entries):
            yield from (entry for entry in entries if entry.partition == partition)

    # --- order ----------------------------------------------------------------------------------

    def settle(self, now: float) -> None:
        """Give everything its place that follows from nothing that has none."""
        moved = True
        while moved:
            moved = False
            for part in self.parts.values():
                if end := self._possible(part):
                    placed = part.entries[:end]
                    del part.entries[:end]
                    part.whole -= end
                    self._open += placed
                    self._reached.update((entry.pool, entry.sequence) for entry in placed)
                    moved = True
        for part in self.waiting():
            if part.waits_since is None:
                part.waits_since = now

    def _possible(self, part: Part) -> int:
        """How many of its entries can have their place now."""
        while part.following:
            begins, need = part.following[0]
            if self._reached.get(need.pool, 0) < need.sequence:
                return bisect_left(part.entries, begins, 0, part.whole, key=lambda entry: entry.position)
            part.following.popleft()
            part.waits_since, part.told = None, False
        return part.whole

    def waiting(self) -> list[Part]:
        """The partitions that wait for others."""
        return [part for part in self.parts.values() if part.following]

    def comes(self, need: Need) -> bool:
        """Whether a fact that has no place yet is still to be read here; else it may be taken already."""
        return need.pool in self._reached and self._partition_of(need.pool) in self.parts

    def taken(self, pool: str, sequence: int) -> None:
        """The pool's facts were taken so far, wherever they were read."""
        self._reached[pool] = max(self._reached.get(pool, 0), sequence)

    # --- batches --------------------------------------------------------------------------------

    def batch(self, number: int, now: float) -> Queued | None:
        """The batch of a number, counted from 0; None if there is not enough for it yet."""
        if number == self.end and not self._close_batch(now):
            return None
        return self._queue[number - self._first]

    @property
    def end(self) -> int:
        """The number of the next batch that is made."""
        return self._first + len(self._queue)

    def forget(self, number: int) -> Iterator[Queued]:
        """Let go of the batches before this number; gives them."""
        while self._first < number:
            self._first += 1
            yield self._queue.popleft()

    def _close_batch(self, now: float) -> bool:
        """Make a batch of what comes next in the order, unless more is about to come."""
        entries = self._open
        if not entries or (len(entries) < BATCH_MIN and self._flows(now)):
            return False
        end = min(BATCH_MAX, len(entries))
        end += entries[end - 1].fact_count - entries[end - 1].fact_index
        self._queue.append(Queued(Batch(entries[:end])))
        del entries[:end]
        return True

    def _flows(self, now: float) -> bool:
        """Whether more is about to be read."""
        flowing = (
            part.to_come
            for part in self.parts.values()
            if not part.following and now - part.at < LINGER_S and not self.full(part.number)
        )
        return sum(flowing) > BATCH_MIN


@lru_cache(maxsize=64)
def _recorded_at(timestamp_ms: int) -> str:
    """A record's time stamp in text; those of one transaction mostly share it."""
    return as_text(moment_of(timestamp_ms))
