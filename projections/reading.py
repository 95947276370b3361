"""Reading the log in batches that hold whole decisions, and each fact after the one that it follows from."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from heapq import heapify, heappop, heappush

from leadflow.errors import LogDamaged
from leadflow.log.reading import Log, Positions
from projections.base import Entry, comes_after, entry_of
from projections.folding import Batch

Progress = Callable[[int, int], None]
"""Called with how far the work is, and how far it goes."""
Decision = list[Entry]
GoesOn = Callable[[int], bool]
"""Whether the log has more of a partition than is read of it."""


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


def read_partition(
    log: Log, partition: int, gt: int = 0, topics: Sequence[str] = (), until: datetime | None = None
) -> Iterator[Entry]:
    """A partition's entries after a position."""
    for position, recorded_at, document in log.read_documents(partition, gt, topics, until):
        yield entry_of(position, recorded_at, document, partition)


def read(
    log: Log,
    topics: Sequence[str] = (),
    until: datetime | None = None,
    upto: Positions | None = None,
    goes_on: GoesOn | None = None,
) -> Iterator[Entry]:
    """The whole log's entries, up to these positions if they are given.

    Every partition's are in its order, and a fact that follows from another pool's comes after that. Else
    partitions are merged by when they were written; a decision's entries stay together. `goes_on` is as in
    `merged`.
    """
    partitions = log.ends() if upto is None else upto
    streams = {at: read_partition(log, at, 0, topics, until) for at in partitions}
    if upto is not None:
        streams = {at: _up_to(entries, upto[at]) for at, entries in streams.items()}
    if len(streams) == 1:
        yield from streams.popitem()[1]
        return
    whole = {at: decisions(entries) for at, entries in streams.items()}
    for decision in merged(whole, log.partition_of, goes_on):
        yield from decision


def _up_to(entries: Iterator[Entry], position: int) -> Iterator[Entry]:
    """The entries up to a position; nothing is read beyond it."""
    if position < 1:
        return
    for entry in entries:
        if entry.position <= position:
            yield entry
        if entry.position >= position:
            return


def decisions(entries: Iterable[Entry]) -> Iterator[Decision]:
    """The entries of each decision together, as far as they are there."""
    decision: Decision = []
    for entry in entries:
        if decision and (entry.pool != decision[-1].pool or entry.fact_index <= decision[-1].fact_index):
            yield decision
            decision = []
        decision.append(entry)
        if entry.fact_index == entry.fact_count:
            yield decision
            decision = []
    if decision:
        yield decision


def merged(
    streams: Mapping[int, Iterator[Decision]],
    partition_of: Callable[[str], int],
    goes_on: GoesOn | None = None,
) -> Iterator[Decision]:
    """The decisions of several partitions by when they were written, each after those that it follows from.

    What it follows from may be missing (of another log, or of a type that was not asked for): then it comes
    when the partition that should have it has ended. With `goes_on`, what may follow from something behind
    that end is left out, with all that comes after it in its own partition.
    """
    seen: dict[str, int] = {}
    waiting: dict[int, list[tuple[str, int, Decision]]] = {at: [] for at in streams}
    """By partition, the decisions of others that wait for something in it."""
    ready = [
        (first[0].recorded_at, at, first) for at, stream in streams.items() if (first := next(stream, None))
    ]
    heapify(ready)
    ended = set(streams) - {at for _, at, _ in ready}
    cut: set[int] = set()
    """Partitions of which something was left out."""

    def missing(decision: Decision) -> Iterator[int]:
        for entry in decision:
            if (before := comes_after(entry)) and seen.get(before[0], 0) < before[1]:
                at = partition_of(before[0])
                if at in streams and at != entry.partition:
                    yield at

    while ready or any(waiting.values()):
        if not ready:
            # Each waits for another: the log does not hold together, and verifying it says where.
            for held in waiting.values():
                ready += held
                held.clear()
            heapify(ready)
            ended.update(streams)
        at, decision = ready[0][1:]
        others = list(missing(decision))
        if (other := next((one for one in others if one not in ended), None)) is not None:
            waiting[other].append(heappop(ready))
            continue
        heappop(ready)
        following = None
        if goes_on is not None and any(one in cut or goes_on(one) for one in others):
            cut.add(at)
        else:
            yield decision
            seen[decision[-1].pool] = decision[-1].sequence
            following = next(streams[at], None)
        if following is not None:
            heappush(ready, (following[0].recorded_at, at, following))
        else:
            ended.add(at)
        for other_one in waiting[at]:
            heappush(ready, other_one)
        waiting[at].clear()


def batches(entries: Iterable[Entry], size: int) -> Iterator[Batch]:
    """Entries in lists of at least `size` that end where a decision ends.

    A decision whose last facts are not there yet is left for the next reading. Raises LogDamaged where a
    decision's facts do not follow each other.
    """
    batch = Batch()
    whole = 0
    before: Entry | None = None
    for entry in entries:
        if before is not None or entry.fact_index != 1:
            check_follows(before, entry)
        batch.append(entry)
        if entry.fact_index == entry.fact_count:
            before = None
            whole = len(batch)
            if whole >= size:
                yield batch
                batch, whole = Batch(), 0
        else:
            before = entry
    if whole:
        yield Batch(batch[:whole])


def check_follows(before: Entry | None, entry: Entry) -> None:
    """Raise LogDamaged unless an entry is the next of the decision that `before` belongs to."""
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
