"""Finding single facts in a partition without reading it.

Offsets are what the broker can go to; positions and sequences stand in the records' headers. Positions are
contiguous, while offsets have holes (each transaction leaves a marker), and both grow together: a fact of a
known position is found by looking where it should be, between places that are known. That takes two or
three looks in a million facts. A sequence grows only from one fact of its pool to the next, so a look for it
reads on to the pool's next fact and halves what is left: some twenty looks where the pool has a good part
of its partition; in the worst case, for a pool that was long silent, all that was written meanwhile is
read. So whoever knows a fact's position should say it; the projections keep it.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Sequence
from typing import NamedTuple

from leadflow.log.kafka.reader import PartitionReader
from leadflow.log.kafka.records import Record, record_of

LOOK_RECORDS = 100
"""How many records a look takes; the one that is wanted is mostly among them."""
TAIL_RECORDS = 2
"""A partition mostly ends with a record and its transaction's marker."""

Value = Callable[[Record], int | None]
"""What grows with the offset; None for a record that has nothing of it."""


class _Bound(NamedTuple):
    offset: int
    value: int | None
    """Of the last record before the offset (the lower bound), or the first from it on (the upper one)."""


class PartitionSearch:
    """Looks into one partition. What was seen helps later looks. Not safe for several threads at a time."""

    def __init__(self, reader: PartitionReader) -> None:
        self._reader = reader
        self._known: list[tuple[int, int]] = []
        """Positions that were seen and their offsets, sorted; nothing else is ever there."""
        self._seen: dict[int, Record] = {}
        """What the last look read, by position: whoever wants many facts wants neighbours, mostly."""

    def tail(self) -> Record | None:
        """The last fact; None in an empty partition. Raises LeadflowError."""
        return self._last(_position)

    def last_of(self, pool: str) -> Record | None:
        """A pool's last fact, read backwards from the end, each time farther. Raises LeadflowError."""
        return self._last(_sequence_in(pool))

    def at_position(self, position: int) -> Record | None:
        """The fact of a position, if it is there. Raises LeadflowError."""
        if position < 1:
            return None
        if position in self._seen:
            return self._seen[position]
        if not self._known or self._known[-1][0] < position:
            tail = self.tail()
            if tail is None or tail.position < position:
                return None
        at = bisect_left(self._known, (position, 0))
        high = _Bound(self._known[at][1] + 1, self._known[at][0] + 1)
        low = _Bound(self._known[at - 1][1], self._known[at - 1][0] - 1) if at else _Bound(0, 0)
        return self._find(position, _position, low, high)

    def offset_after(self, position: int) -> int | None:
        """Where reading begins for what comes after a position; None where the log does not reach it.

        Raises LeadflowError.
        """
        if position < 1:
            return 0
        found = self.at_position(position)
        return found.offset + 1 if found else None

    def at_sequence(self, pool: str, sequence: int) -> Record | None:
        """A pool's fact of a sequence, if it is there. Raises LeadflowError."""
        _, end = self._reader.bounds()
        return self._find(sequence, _sequence_in(pool), _Bound(0, 0), _Bound(end, None))

    def _last(self, value: Value) -> Record | None:
        first, until = self._reader.bounds()
        size = TAIL_RECORDS
        while until > first:
            begin = max(first, until - size)
            found: Record | None = None
            for page in self._reader.read(begin, until):
                seen = [record for record in map(record_of, page) if value(record) is not None]
                found = seen[-1] if seen else found
            if found is not None:
                self._keep(found)
                return found
            until, size = begin, size * 4
        return None

    def _find(self, wanted: int, value: Value, low: _Bound, high: _Bound) -> Record | None:
        looks = 0
        while low.offset < high.offset:
            guess = _guess(wanted, low, high, halve=looks % 3 == 2)
            seen = self._look(guess, high.offset, value)
            looks += 1
            if not seen:
                high = _Bound(guess, high.value)
                continue
            first, last = value(seen[0]) or 0, value(seen[-1]) or 0
            if first <= wanted <= last:
                return next((record for record in seen if value(record) == wanted), None)
            if last < wanted:
                low = _Bound(seen[-1].offset + 1, last)
            else:
                high = _Bound(guess, first)
        return None

    def _look(self, offset: int, until: int, value: Value) -> Sequence[Record]:
        """Records from an offset on that have a value; the first page that has any."""
        for page in self._reader.read(offset, until, LOOK_RECORDS):
            if seen := [record for record in map(record_of, page) if value(record) is not None]:
                self._keep(seen[0])
                self._keep(seen[-1])
                self._seen = {record.position: record for record in seen}
                return seen
        return ()

    def _keep(self, record: Record) -> None:
        place = (record.position, record.offset)
        at = bisect_left(self._known, place)
        if at == len(self._known) or self._known[at] != place:
            insort(self._known, place)


def _guess(wanted: int, low: _Bound, high: _Bound, *, halve: bool) -> int:
    """Where to look next: a little before where the wanted one should be."""
    if high.offset - low.offset <= LOOK_RECORDS:
        return low.offset
    if halve or low.value is None or high.value is None:
        return (low.offset + high.offset) // 2
    part = (wanted - low.value) * (high.offset - low.offset) // max(1, high.value - low.value)
    return min(max(low.offset + part - LOOK_RECORDS // 2, low.offset), high.offset - 1)


def _position(record: Record) -> int:
    return record.position


def _sequence_in(pool: str) -> Value:
    return lambda record: record.sequence if record.pool == pool else None
