"""Read models as they were: the log folded in memory up to a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice

from leadflow.domain.events import PoolOpened
from leadflow.domain.values import COMPANY_STREAM, to_utc
from leadflow.log.reading import Log
from projections.base import Entry, Projection, known_at
from projections.folding import fold
from projections.memory import MemoryRows
from projections.reading import Progress, read, without_collector
from projections.times import as_text

CHUNK = 5_000


def fold_until(
    log: Log, projections: Sequence[Projection], at: datetime, progress: Progress | None = None
) -> dict[str, MemoryRows]:
    """What the projections would have shown at `at`, by name: only what was known then is folded.

    Reads no other fact types than they need. Raises ProjectionStopped, and ValueError for a time without
    an offset.
    """
    folds = {projection.name: MemoryRows(projection) for projection in projections}
    end, seen = log.end(), dict[int, int]()
    with without_collector():
        entries = _known_until(log, _topics(projections), to_utc(at))
        while chunk := list(islice(entries, CHUNK)):
            for projection in projections:
                fold(projection, chunk, folds[projection.name], gapless=False)
            if progress:
                # Most facts of the log may be of types that are not read.
                seen |= {entry.partition: entry.position for entry in chunk}
                progress(min(sum(seen.values()), end), end)
    if progress:
        progress(end, end)
    return folds


def _topics(projections: Sequence[Projection]) -> tuple[str, ...]:
    if any(not projection.topics for projection in projections):
        return ()
    return tuple(sorted({topic for projection in projections for topic in projection.topics}))


def _known_until(log: Log, topics: Sequence[str], at: datetime) -> Iterator[Entry]:
    clocks = clocks_of(log)
    if "requests" not in clocks.values():
        return read(log, topics, at)
    # Facts on a virtual clock are known by their own time, which the log has no index for.
    last = as_text(at)
    return (entry for entry in read(log, topics) if known_at(entry, clocks.get(entry.pool)) <= last)


def clocks_of(log: Log) -> dict[str, str]:
    """The clock that each pool runs on. `_company` has none of its own: where every pool runs on the
    requests' clock it does, else on the real one, whichever was opened first."""
    opened = read(log, (PoolOpened.TYPE,))
    clocks = {entry.pool: entry.data.get("clock", "real") for entry in opened}
    if clocks:
        clocks[COMPANY_STREAM] = "requests" if set(clocks.values()) == {"requests"} else "real"
    return clocks
