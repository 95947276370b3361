"""Reading the log in batches that hold whole decisions."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Protocol

from leadflow.errors import LogDamaged
from projections.base import Entry, entry_of

Progress = Callable[[int, int], None]
"""Called with how far the work is, and how far it goes."""


class Stored(Protocol):
    """An event as a log holds it."""

    @property
    def state(self) -> bytes:
        """Its document."""
        ...


class Log(Protocol):
    """What projections ask of a log."""

    def read_all(
        self, gt: int, topics: Sequence[str] = (), until: datetime | None = None
    ) -> Iterator[tuple[int, datetime, Stored]]:
        """Events after position `gt` in order, of these types, recorded up to `until`."""
        ...

    def end(self) -> int:
        """Position of the last event; 0 for an empty log."""
        ...


@contextmanager
def without_collector() -> Iterator[None]:
    """Folding makes very many small objects and no circles of them: looking for circles doubles its time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def read(log: Log, gt: int, topics: Sequence[str] = (), until: datetime | None = None) -> Iterator[Entry]:
    """The log's entries after a position."""
    for position, recorded_at, stored in log.read_all(gt, topics, until):
        yield entry_of(position, recorded_at, stored.state)


def batches(entries: Iterable[Entry], size: int) -> Iterator[list[Entry]]:
    """Entries in lists of at least `size` that end where a decision ends.

    A decision whose last facts are not there yet is left for the next reading. Raises LogDamaged where a
    decision's facts do not follow each other.
    """
    batch: list[Entry] = []
    whole = 0
    before: Entry | None = None
    for entry in entries:
        if before is not None or entry.fact_index != 1:
            _check_follows(before, entry)
        batch.append(entry)
        if entry.fact_index == entry.fact_count:
            before = None
            whole = len(batch)
            if whole >= size:
                yield batch
                batch, whole = [], 0
        else:
            before = entry
    if whole:
        yield batch[:whole]


def _check_follows(before: Entry | None, entry: Entry) -> None:
    follows = (
        before is not None
        and entry.pool == before.pool
        and entry.sequence == before.sequence + 1
        and entry.fact_index == before.fact_index + 1
        and entry.fact_count == before.fact_count
    )
    if not follows:
        raise LogDamaged(
            f"it is fact {entry.fact_index} of {entry.fact_count} of a decision; the one before is missing",
            event=entry.id,
            do="Run `leadflow log verify`.",
        )
