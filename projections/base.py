"""The base of all read models: an event in its place, tables, and what an event does to their rows.

A projection is data: a name, a version, tables, the rows that an event touches (`keys`) and what the
event does to them (`handlers`). The same handlers run against Postgres in batches (`store.PostgresRows`)
and in memory (`MemoryRows`, for verification and for reports as of an earlier time).

Handlers work on the CloudEvents document as JSON has it, not on the models: building models costs five
times as much as everything else together. Times are strings of one fixed form (`values.format_time`),
so that they compare as they are; days are `YYYY-MM-DD`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cached_property, partial
from operator import itemgetter
from typing import Any, Literal, Protocol

import msgspec

from leadflow.domain.events import FACTS, LeadTransferredIn, PolicyPublished, PoolOpened
from leadflow.errors import LeadflowError, LogDamaged, WrongVersion
from leadflow.log.envelope import parse
from leadflow.log.upcasters import UPCASTERS, upcast
from projections.times import as_text, local_day, offset_at

Key = tuple[Any, ...]
Row = dict[str, Any]


class ProjectionStopped(LeadflowError):
    """An event could not be applied. The projection stands before it and goes no further."""

    def __init__(self, projection: str, position: int, event: str, why: str) -> None:
        super().__init__(
            f"the projection {projection!r} stopped: {why}",
            where=f"event {event} at position {position} of the log",
            do="Nothing of this event was written. After the cause is repaired, "
            f"run `leadflow projections rebuild {projection}`.",
        )
        self.projection = projection
        self.position = position
        self.event = event
        self.why = why

    def __reduce__(self) -> tuple[object, ...]:
        return (ProjectionStopped, (self.projection, self.position, self.event, self.why))


class Entry(msgspec.Struct, gc=False):
    """An event and its place in the log, as its JSON document has it. Decoded straight into its members,
    which takes a third of the time that a dictionary in between would."""

    pool: str = msgspec.field(name="partitionkey")
    _digits: str = msgspec.field(name="sequence")
    time: str
    type: str
    actor: str = msgspec.field(name="authid")
    fact_index: int = msgspec.field(name="factindex")
    fact_count: int = msgspec.field(name="factcount")
    data: dict[str, Any]
    subject: str = ""
    causation: str = msgspec.field(name="causationid", default="")
    policy: int = msgspec.field(name="policyversion", default=0)
    # What follows is no member of the document.
    sequence: int = msgspec.field(name="-sequence", default=0)
    position: int = 0
    recorded_at: str = ""
    """When the log wrote it."""
    partition: int = 0
    """Of the log, in which `position` counts."""
    document: bytes = b""
    """As the log has it."""

    @property
    def id(self) -> str:
        """`pool/sequence`."""
        return f"{self.pool}/{self.sequence}"


_decode = msgspec.json.Decoder(Entry).decode


def entry_of(position: int, recorded_at: datetime | str, document: bytes, partition: int = 0) -> Entry:
    """The entry of an event's document, lifted to its newest version. A time as text is taken as it is.

    Raises LogDamaged for a document that cannot be read, WrongVersion for a type that is unknown here.
    """
    try:
        if UPCASTERS or (b"\\" in document and _CONTROL in document):
            entry = msgspec.convert(_without_controls(upcast(parse(document))), Entry)
        else:
            entry = _decode(document)
        entry.sequence = int(entry._digits)
    except ValueError as error:
        event = parse(document).get("id")
        raise LogDamaged(f"a member is missing or unreadable: {error}", event=event) from error
    entry.position, entry.partition, entry.document = position, partition, document
    entry.recorded_at = recorded_at if isinstance(recorded_at, str) else as_text(recorded_at)
    if entry.type not in FACTS:
        raise WrongVersion(
            f"the event type {entry.type!r} is not known here",
            where=f"event {entry.id}",
            do="Read this log with the version of LeadFlow that wrote it, or a later one.",
        )
    return entry


_CONTROL = b"\\u000"
_NO_CONTROLS = {0: "\ufffd", 1: "\ufffd"}


def _without_controls(value: Any) -> Any:
    """Postgres keeps no NUL in a text: in rows it is shown as U+FFFD, and U+0001 as in all rows written so
    far, too. The log keeps what was written."""
    if isinstance(value, str):
        return value.translate(_NO_CONTROLS)
    if isinstance(value, list):
        return [_without_controls(part) for part in value]
    if isinstance(value, dict):
        return {_without_controls(name): _without_controls(part) for name, part in value.items()}
    return value


def known_at(entry: Entry, clock: str | None) -> str:
    """When the fact was known: the one place of this rule.

    On the real clock that is when the log wrote it. A pool on the requests' clock was written at some
    other time than it lived in, so there a fact was known at its own time.
    """
    return entry.time if clock == "requests" else entry.recorded_at


def comes_after(entry: Entry) -> tuple[str, int] | None:
    """The fact of another pool, as pool and sequence, that this one follows from; None for most.

    Two pools may live in different partitions, between which the log has no order of its own. Where it
    matters to what is shown, a fact names the one that it comes after: a lead that comes from another pool
    has left that one before.
    """
    if entry.type != LeadTransferredIn.TYPE:
        return None
    pool, _, sequence = entry.data["from_fact"].rpartition("/")
    return pool, int(sequence)


class Head:
    """What a projection must know of a pool beside its rows: the last sequence that it took, which clock
    the pool runs on, and how far its local time is from UTC."""

    __slots__ = ("clock", "offsets", "sequence", "time")

    def __init__(
        self,
        sequence: int = 0,
        time: str | None = None,
        clock: str | None = None,
        offsets: list[list[Any]] | None = None,
    ) -> None:
        self.sequence = sequence
        self.time = time
        """The last fact's time."""
        self.clock = clock
        self.offsets = offsets or []
        """Pairs of (from when, minutes ahead of UTC), in order; none counts in UTC."""

    def known_at(self, entry: Entry) -> str:
        """When the fact was known, in text."""
        return known_at(entry, self.clock)

    def day(self, moment: str) -> str:
        """The pool's local day of a moment."""
        return local_day(moment, offset_at(self.offsets, moment))


def _alone(column: str, row: Row) -> Key:
    return (row[column],)


@dataclass(frozen=True)
class Table:
    """A table of a projection.

    `rows` are read, changed and written back; `log` is only appended to; the columns of `sums` are only
    added to, so they are never read while folding.
    """

    name: str
    key: tuple[str, ...]
    columns: Mapping[str, str]
    """Column → SQL type, the key's columns first."""
    kind: Literal["rows", "log", "sums"] = "rows"
    indexes: tuple[str, ...] = ()
    """What stands in the parentheses of CREATE INDEX (and behind them)."""
    leading: str | None = None
    """The key's column that its index begins with, where that is not the first: what readers ask by."""
    hot: bool = False
    """Its rows are mostly changed again soon, so that a writer keeps them from batch to batch (`store.Kept`).
    Each of them changes by facts of the pool in its key alone."""

    @cached_property
    def key_of(self) -> Callable[[Row], Key]:
        """Gives the key of a row."""
        return itemgetter(*self.key) if len(self.key) > 1 else partial(_alone, self.key[0])


class Rows(Protocol):
    """A row store as handlers see it."""

    def head(self, pool: str) -> Head:
        """What is known of the pool."""
        ...

    def get(self, table: str, key: Key) -> Row | None:
        """A row named by `keys`; changing it needs `put`."""
        ...

    def put(self, table: str, key: Key, row: Row) -> None:
        """Write a row, new or changed."""
        ...

    def delete(self, table: str, key: Key) -> None:
        """Remove a row named by `keys`, if it is there."""
        ...

    def append(self, table: str, row: Row | tuple[Any, ...]) -> None:
        """Add a row that cannot be there yet; to a `log` also as all its values, in the columns' order."""
        ...

    def add(self, table: str, key: Key, amounts: Mapping[str, int | Decimal]) -> None:
        """Add to the sums under a key."""
        ...


Handler = Callable[[Entry, Rows], None]
Keys = Callable[[Entry], Iterable[tuple[str, Key]]]


@dataclass(frozen=True)
class Projection:
    """A read model. A new `version` is rebuilt beside the old one when LeadFlow next starts."""

    name: str
    version: int
    tables: tuple[Table, ...]
    handlers: Mapping[str, Handler]
    """By fact type."""
    keys: Mapping[str, Keys]
    """By fact type, the rows that have to be read before it; those that a fact only makes are not among
    them."""
    otherwise: Handler | None = None
    """For every other fact."""

    def handler(self, entry: Entry) -> Handler | None:
        """What applies this entry; None where the projection does not care."""
        return self.handlers.get(entry.type, self.otherwise)

    def table(self, name: str) -> Table:
        """The table of that name."""
        return next(table for table in self.tables if table.name == name)

    @property
    def topics(self) -> tuple[str, ...]:
        """Fact types that change its rows, and those that every projection needs; empty for all."""
        if self.otherwise is not None:
            return ()
        return tuple(sorted({*self.handlers, PoolOpened.TYPE, PolicyPublished.TYPE}))
