"""A sorted list in short runs: cheap to insert into and delete from at any length."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from typing import Any

RUN_LENGTH_MAX = 512


class SortedRuns:
    """Distinct tuples in order. Insert and delete cost a bisection and a short move."""

    __slots__ = ("_lasts", "_runs", "_size")

    def __init__(self) -> None:
        self._runs: list[list[tuple[Any, ...]]] = []
        self._lasts: list[tuple[Any, ...]] = []
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        for run in self._runs:
            yield from run

    def add(self, item: tuple[Any, ...]) -> None:
        """Insert an item that is not there yet."""
        if not self._runs:
            self._runs.append([item])
            self._lasts.append(item)
        else:
            at = min(bisect_left(self._lasts, item), len(self._runs) - 1)
            run = self._runs[at]
            insort(run, item)
            self._lasts[at] = run[-1]
            if len(run) > RUN_LENGTH_MAX:
                # A split in the middle keeps both halves far from the next split.
                half = len(run) // 2
                self._runs.insert(at + 1, run[half:])
                self._lasts.insert(at + 1, run[-1])
                del run[half:]
                self._lasts[at] = run[-1]
        self._size += 1

    def discard(self, item: tuple[Any, ...]) -> bool:
        """Take an item out; says whether it was there."""
        at = bisect_left(self._lasts, item)
        if at == len(self._runs):
            return False
        run = self._runs[at]
        place = bisect_left(run, item)
        if place == len(run) or run[place] != item:
            return False
        del run[place]
        if run:
            self._lasts[at] = run[-1]
        else:
            del self._runs[at]
            del self._lasts[at]
        self._size -= 1
        return True
