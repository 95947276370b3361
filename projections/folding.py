"""Folding: entries in batches, and a projection's handlers over them, no entry of a pool left out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property, partial
from typing import NamedTuple

from leadflow.domain.events import PolicyPublished, PoolOpened
from leadflow.errors import LeadflowError
from leadflow.log.reading import Positions
from projections.base import Entry, Handler, Key, Projection, ProjectionStopped, Rows, comes_after


class Run:
    """A pool's entries in a batch, of which one follows the other."""

    __slots__ = ("first", "gap", "last")

    def __init__(self, first: Entry) -> None:
        self.first = self.last = first
        self.gap: tuple[int, Entry] | None = None
        """The first sequence behind which another one than the next comes, and that entry."""


class Following(NamedTuple):
    """A fact of a batch that follows from one of another pool."""

    at: int
    """Its index in the batch."""
    entry: Entry
    pool: str
    sequence: int


class Batch(list[Entry]):
    """Whole decisions that several projections take: what each must know of their order is found out once.

    Every partition's are in its order, and each decision comes after those in the batch that it follows from.
    """

    @cached_property
    def runs(self) -> dict[str, Run]:
        """By pool."""
        return runs_of(self)

    @cached_property
    def begins(self) -> dict[int, int]:
        """By partition, the first position."""
        return {entry.partition: entry.position for entry in reversed(self)}

    @cached_property
    def ends(self) -> dict[int, int]:
        """By partition, the last position."""
        return {entry.partition: entry.position for entry in self}

    @cached_property
    def by_type(self) -> dict[str, list[Entry]]:
        """The entries of each fact type, in their order."""
        found: dict[str, list[Entry]] = {}
        for entry in self:
            known = found.get(entry.type)
            if known is None:
                found[entry.type] = [entry]
            else:
                known.append(entry)
        return found

    def touches(self, projection: Projection) -> dict[str, dict[Key, None]]:
        """By table, the keys of the rows that have to be read."""
        found: dict[str, dict[Key, None]] = {table.name: {} for table in projection.tables}
        for kind, keys in projection.keys.items():
            for entry in self.by_type.get(kind, ()):
                for name, key in keys(entry):
                    found[name][key] = None
        return found

    @cached_property
    def following(self) -> list[Following]:
        """What follows from facts of other pools."""
        return [
            Following(at, entry, *before)
            for at, entry in enumerate(self)
            if (before := comes_after(entry)) is not None
        ]

    def holds(self, pool: str, sequence: int) -> bool:
        """Whether this fact is in the batch."""
        run = self.runs.get(pool)
        return run is not None and run.first.sequence <= sequence <= run.last.sequence

    def begin_of(self, at: int) -> int:
        """The position at which the decision begins that holds the entry at an index."""
        return self[at + 1 - self[at].fact_index].position

    def before(self, ends: Positions) -> Batch:
        """What stands before these positions, and all of the partitions that are not named."""
        return Batch(e for e in self if e.partition not in ends or e.position < ends[e.partition])


def runs_of(entries: Iterable[Entry]) -> dict[str, Run]:
    """Which sequences of each pool these entries hold."""
    runs: dict[str, Run] = {}
    for entry in entries:
        run = runs.get(entry.pool)
        if run is None:
            runs[entry.pool] = Run(entry)
            continue
        if entry.sequence != run.last.sequence + 1 and run.gap is None:
            run.gap = (run.last.sequence, entry)
        run.last = entry
    return runs


def note_pool(entry: Entry, rows: Rows) -> None:
    """Keep what the head of a pool must know: its clock and its offsets.

    The company's stream has neither. Its facts count as known when the log wrote them: no pool's clock is
    its own, and which pool was opened first is nothing that partitions agree on.
    """
    if entry.type == PoolOpened.TYPE:
        rows.head(entry.pool).clock = entry.data.get("clock", "real")
    elif entry.type == PolicyPublished.TYPE:
        calendar = entry.data["calendar"]
        rows.head(entry.pool).offsets = [[part["start"], part["minutes"]] for part in calendar["offsets"]]


def fold(projection: Projection, entries: Sequence[Entry], rows: Rows, *, gapless: bool = True) -> None:
    """Fold entries into the rows. Raises ProjectionStopped for the first that cannot be applied.

    `gapless` refuses entries that do not follow the last one of their pool; a fold over a choice of fact
    types cannot ask for that.
    """
    if gapless:
        _follow_heads(projection, entries, rows)
    note: Handler = partial(_take_pool_fact, projection)
    handler_of = {**projection.handlers, **dict.fromkeys(_POOL_FACTS, note)}.get
    otherwise = projection.otherwise
    entry = None
    try:
        for entry in entries:
            handler = handler_of(entry.type, otherwise)
            if handler is not None:
                handler(entry, rows)
    except (ArithmeticError, AttributeError, LeadflowError, LookupError, TypeError, ValueError) as error:
        assert entry is not None
        why = error.what if isinstance(error, LeadflowError) else f"{type(error).__name__}: {error}"
        raise ProjectionStopped(projection.name, entry.position, entry.id, why) from error


def _take_pool_fact(projection: Projection, entry: Entry, rows: Rows) -> None:
    note_pool(entry, rows)
    handler = projection.handler(entry)
    if handler is not None:
        handler(entry, rows)


def _follow_heads(projection: Projection, entries: Sequence[Entry], rows: Rows) -> None:
    """Move every pool's head over the entries, none of which may be left out."""
    runs = entries.runs if isinstance(entries, Batch) else runs_of(entries)
    for pool, run in runs.items():
        head = rows.head(pool)
        gap = run.gap if run.first.sequence == head.sequence + 1 else (head.sequence, run.first)
        if gap is not None:
            before, entry = gap
            why = f"after sequence {before} of pool {pool!r} comes {entry.sequence}"
            raise ProjectionStopped(projection.name, entry.position, entry.id, why)
        head.sequence, head.time = run.last.sequence, run.last.time


_POOL_FACTS = frozenset({PoolOpened.TYPE, PolicyPublished.TYPE})
