"""Proving the log: every pool's sequence without gaps, every event chained to the one before.

What is found of a pool's events in one pass through the log:

- the place that the row says is the next of its pool,
- the document is what was written (the digest taken when the row was inserted),
- the document says the same pool, sequence and type as its row,
- its `prevhash` is the SHA-256 of the event before,
- the decision that it belongs to is whole (`factindex`, `factcount`).

Who can rewrite the whole log can rewrite the whole chain, or cut off its end: a pool's last hash that was
kept elsewhere (`Head`) shows both.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import BinaryIO, NamedTuple

from leadflow.domain.values import JsonDict, is_stream
from leadflow.errors import LogDamaged
from leadflow.log.envelope import GENESIS, SEQUENCE_DIGITS, parse
from leadflow.log.reading import Log, Row

Progress = Callable[[int, int], None]
"""Called now and then with the position reached and the last one."""
PROGRESS_EVERY = 1_000


class Broken(NamedTuple):
    """The first event of a pool that is not as it was written, or not there."""

    pool: str
    sequence: int
    what: str

    @property
    def event(self) -> str:
        """`pool/sequence`."""
        return f"{self.pool}/{self.sequence}"

    def __str__(self) -> str:
        return f"{self.event}: {self.what}"


class Head(NamedTuple):
    """How far a pool went when somebody noted it: who still has that event, has all before it unchanged."""

    sequence: int
    hash: str
    """SHA-256 of its document, in hexadecimal."""


@dataclass
class PoolReport:
    """What was found of one pool."""

    pool: str
    events: int = 0
    last_sequence: int = 0
    last_hash: str = GENESIS
    broken: Broken | None = None
    index: int = 0
    count: int = 0
    """Place within the last decision, and how many facts it has."""


@dataclass
class Report:
    """What was found of the log."""

    pools: dict[str, PoolReport] = field(default_factory=dict)

    @property
    def events(self) -> int:
        """How many events were read."""
        return sum(pool.events for pool in self.pools.values())

    @property
    def broken(self) -> list[Broken]:
        """The first broken event of each pool that has one."""
        return [pool.broken for pool in self.pools.values() if pool.broken is not None]

    @property
    def ok(self) -> bool:
        """Whether nothing is broken."""
        return not self.broken


class ChainCheck:
    """Takes the rows of a log in their order and finds the first that is broken in each pool.

    `noted` are heads of earlier: an event that stood there then and does not now is broken.
    """

    def __init__(self, noted: Mapping[str, Head] | None = None) -> None:
        self._pools: dict[str, PoolReport] = {}
        self._noted = noted or {}

    def add(self, row: Row) -> None:
        """Look at the next row."""
        pool = self._pools.get(row.pool)
        if pool is None:
            pool = self._pools[row.pool] = PoolReport(row.pool)
        pool.events += 1
        if pool.broken is None:
            pool.broken = self._look(pool, row)
        if pool.broken is None:
            pool.last_sequence = row.sequence

    def finish(self) -> Report:
        """What was found, once all rows were looked at."""
        for name, noted in self._noted.items():
            pool = self._pools.setdefault(name, PoolReport(name))
            if pool.broken is None and pool.last_sequence < noted.sequence:
                what = f"is missing: the pool had {noted.sequence} events"
                pool.broken = Broken(name, pool.last_sequence + 1, what)
        for pool in self._pools.values():
            if pool.broken is None and pool.index != pool.count:
                what = f"the last decision has {pool.index} of its {pool.count} facts"
                pool.broken = Broken(pool.pool, pool.last_sequence + 1, what)
        return Report(dict(sorted(self._pools.items())))

    def _look(self, pool: PoolReport, row: Row) -> Broken | None:
        expected = pool.last_sequence + 1
        if row.sequence != expected:
            return Broken(row.pool, expected, f"is missing; {row.pool}/{row.sequence} comes in its place")
        digest = hashlib.sha256(row.document).digest()
        if row.sha256 is not None and digest != row.sha256:
            return Broken(row.pool, row.sequence, "its bytes are not those that were written")
        try:
            document = parse(row.document)
        except LogDamaged as error:
            return Broken(row.pool, row.sequence, error.what)
        what = _disagreement(document, row) or _decision(document, pool)
        if what is None and document.get("prevhash") != pool.last_hash:
            before = f"{row.pool}/{row.sequence - 1}" if row.sequence > 1 else "the beginning"
            what = f"its prevhash is not the hash of {before}: one of the two was changed"
        if what is not None:
            return Broken(row.pool, row.sequence, what)
        pool.last_hash = digest.hex()
        noted = self._noted.get(row.pool)
        if noted is not None and noted.sequence == row.sequence and noted.hash != pool.last_hash:
            return Broken(
                row.pool, row.sequence, "its hash was another: it or an event before it was changed"
            )
        return None


def _disagreement(document: JsonDict, row: Row) -> str | None:
    """Where the document does not say what its row says."""
    said = {
        "id": f"{row.pool}/{row.sequence}",
        "type": row.type,
        "source": f"/pools/{row.pool}",
        "sequence": f"{row.sequence:0{SEQUENCE_DIGITS}d}",
        "partitionkey": row.pool,
    }
    for member, value in said.items():
        if document.get(member) != value:
            return f"its document says {member} {document.get(member)!r}, its place says {value!r}"
    return None


def _decision(document: JsonDict, pool: PoolReport) -> str | None:
    """Where the facts of a decision are not all there in their order."""
    index, count = document.get("factindex"), document.get("factcount")
    if not isinstance(index, int) or not isinstance(count, int):
        return "it does not say its place within its decision"
    goes_on = pool.index < pool.count
    if index != (pool.index + 1 if goes_on else 1) or index > count or (goes_on and count != pool.count):
        return (
            f"it is fact {index} of {count}, after fact {pool.index} of {pool.count}: a decision is not whole"
        )
    pool.index, pool.count = index, count
    return None


def verify_rows(
    rows: Iterable[Row],
    end: int = 0,
    progress: Progress | None = None,
    noted: Mapping[str, Head] | None = None,
) -> Report:
    """Check rows that come in the log's order, and that what was `noted` of pools earlier still stands."""
    check = ChainCheck(noted)
    for seen, row in enumerate(rows, 1):
        check.add(row)
        if progress is not None and seen % PROGRESS_EVERY == 0:
            progress(row.position, end)
    if progress is not None:
        progress(end, end)
    return check.finish()


def verify(log: Log, progress: Progress | None = None, noted: Mapping[str, Head] | None = None) -> Report:
    """Check the whole log. `progress` gets positions: the one reached, and the last."""
    return verify_rows(log.read_rows(), log.end(), progress, noted)


def read_export(lines: Iterable[bytes], where: str) -> Iterator[Row]:
    """The rows of what `export` wrote: of an event it has the document alone. Positions count bytes.

    Raises LogDamaged, which names the line, for one that is no event's document.
    """
    position = 0
    for number, line in enumerate(lines, 1):
        position += len(line)
        try:
            document = parse(line)
            place = str(document["partitionkey"]), int(document["sequence"]), str(document["type"])
            if not is_stream(place[0]):
                raise ValueError(place[0])
        except (LogDamaged, KeyError, TypeError, ValueError) as error:
            raise LogDamaged(
                f"line {number} is no event of an export",
                where=where,
                do="Export the log again, or fetch the file again: it may have come in part.",
            ) from error
        yield Row(position, _UNKNOWN, *place, line.removesuffix(b"\n"), None)


_UNKNOWN = datetime.fromtimestamp(0, UTC)
"""When an exported event was written to its log, which stands beside the document."""


def export(log: Log, out: BinaryIO, progress: Progress | None = None) -> int:
    """Write every event's document, byte for byte, one a line (NDJSON); gives how many."""
    end, count = log.end(), 0
    for position, _, event in log.read_all():
        if b"\n" in event.state:
            raise LogDamaged(
                "a document has a line break, so it is not what LeadFlow wrote",
                event=f"{event.originator_id}/{event.originator_version}",
                do="Run `leadflow log verify`.",
            )
        out.write(event.state + b"\n")
        count += 1
        if progress is not None and count % PROGRESS_EVERY == 0:
            progress(position, end)
    if progress is not None:
        progress(end, end)
    return count
