"""Where the facts of a partition stand: by position, and by pool and sequence.

Eight bytes for each, in arrays. One thread adds; others may read meanwhile, because what is added last is
what they go by (`end`).
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from leadflow.errors import Conflict, LogDamaged


class Place(NamedTuple):
    """A point in a partition, from which its index can go on: kept beside a snapshot of its pools."""

    next_offset: int = 0
    position: int = 0
    """Of the last fact before it."""
    last: Mapping[str, int] = {}
    """The last sequence of every pool before it."""


@dataclass(slots=True)
class _Pool:
    first: int
    """Sequence of the first fact that is indexed."""
    positions: array[int] = field(default_factory=lambda: array("q"))

    @property
    def last(self) -> int:
        return self.first + len(self.positions) - 1


class Index:
    """The index of one partition, from a place on."""

    def __init__(self, start: Place | None = None) -> None:
        start = start or Place()
        self.start = start
        self.next_offset = start.next_offset
        self.end = start.position
        """Position of the last fact."""
        self._offsets: array[int] = array("q")
        self._pools = {pool: _Pool(last + 1) for pool, last in start.last.items()}

    def place(self) -> Place:
        """Where the index ends, to go on from there another time."""
        return Place(self.next_offset, self.end, {pool: held.last for pool, held in self._pools.items()})

    def last(self, pool: str) -> int | None:
        """The last sequence of a pool; None for a pool without facts."""
        held = self._pools.get(pool)
        return held.last if held else None

    def pools(self) -> list[str]:
        """The pools that have facts here, in the order of their ids."""
        return sorted(self._pools)

    def first(self, pool: str) -> int:
        """The first sequence of a pool that is indexed."""
        held = self._pools.get(pool)
        return held.first if held else 0

    def offset(self, position: int) -> int:
        """Where the fact of a position stands; it must be indexed."""
        return self._offsets[position - self.start.position - 1]

    def positions(self, pool: str, gt: int | None, lte: int | None) -> array[int]:
        """The positions of a pool's facts between two sequences, in order."""
        held = self._pools.get(pool)
        if held is None:
            return array("q")
        low = 0 if gt is None else max(0, gt + 1 - held.first)
        high = len(held.positions) if lte is None else max(0, lte + 1 - held.first)
        return held.positions[low:high]

    def check(self, facts: Iterable[tuple[str, int]]) -> None:
        """Raises PlaceTaken or a gap's Conflict unless each fact is the next of its pool."""
        ahead: dict[str, int | None] = {}
        for pool, sequence in facts:
            last = ahead[pool] if pool in ahead else self.last(pool)
            if not follows(last, sequence):
                what = "is taken" if last is not None and sequence <= last else "leaves a gap"
                raise Conflict(
                    f"{pool}/{sequence} {what}: the last is {'none' if last is None else last}",
                    do="Catch up with the log and decide again.",
                )
            ahead[pool] = sequence

    def add(self, pool: str, sequence: int, position: int, offset: int) -> None:
        """Take in the next fact. Raises LogDamaged if it is not the next."""
        held = self._pools.get(pool)
        if position != self.end + 1 or not follows(held.last if held else None, sequence):
            raise LogDamaged(
                f"position {position} comes after {self.end}, sequence {sequence} of the pool after"
                f" {held.last if held else 'none'}",
                event=f"{pool}/{sequence}",
                do="Two deciders may have written: run `leadflow log verify`.",
            )
        if held is None:
            held = self._pools[pool] = _Pool(sequence)
        held.positions.append(position)
        self._offsets.append(offset)
        self.next_offset = offset + 1
        self.end = position


def follows(last: int | None, sequence: int) -> bool:
    """Whether a sequence is the next. A stream begins with 1, or with 0 as the event store's may."""
    return sequence in (0, 1) if last is None else sequence == last + 1
