"""One partition of the log on its way into the read models.

Every projection takes from what was read here, each in its own transactions and from its own position, so
one that stops or waits holds up no other.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Sequence, Set
from concurrent.futures import Executor, Future, wait
from dataclasses import dataclass, field
from typing import Any, Literal

import structlog

from consumers.operating import Operating
from leadflow.errors import LeadflowError
from leadflow.log.kafka.records import moment_of, position_in
from leadflow.postgres import Database
from projections.base import Entry, Projection, ProjectionStopped, comes_after, entry_of
from projections.reading import check_follows
from projections.store import Generation
from projections.writer import PartitionOf, note_stopped, positions_of, write

BATCH_MAX = 5_000
"""Facts of one transaction, but for the rest of a decision."""
WAITING_MAX = 10_000
"""Facts that are kept here for projections that have not taken them yet."""
BATCH_MIN = 2_000
LINGER_S = 1.0
"""As long as the log has more, a transaction waits for so many facts, but never for so long: a transaction of
few costs as much as one of many."""
AGAIN_S = 0.05
"""How soon a projection that waits for another partition looks again."""
PARK_S = 5.0
"""After so long, what comes after is not kept for it; reading it once more costs more than a short wait."""
TELL_S = 30.0
"""After so long, that it waits is told."""

log_ = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Target:
    """A projection that takes from the partition."""

    projection: Projection
    generation: Generation
    position: int
    state: Literal["going", "waiting", "parked", "stopped", "retired"] = "going"
    """`waiting` for facts of another partition; `parked` for so long that what comes after is not kept."""
    under_way: Future[int | None] | None = None
    batch: Sequence[Entry] = ()
    """What is being written; or the decision that it waits with, which is all that a parked one keeps."""
    began: float | None = None
    """When it began to write last; None before the first time."""
    waits_since: float | None = None
    again_at: float = 0.0


@dataclass(slots=True)
class _Broken:
    """What was read and cannot be read on from."""

    position: int
    event: str
    why: str


@dataclass(slots=True)
class _Read:
    """What was read and not taken by all yet."""

    entries: list[Entry] = field(default_factory=list)
    whole: int = 0
    """How many of them make whole decisions."""
    broken: _Broken | None = None
    to_come: int = 0
    """How many records the log had after those that were read."""
    at: float = 0.0
    """When the last records were read."""


class Feed:
    """What was read of one partition, and how far each projection has taken it. For one thread."""

    def __init__(
        self,
        partition: int,
        database: Database,
        partition_of: PartitionOf,
        executor: Executor,
        operating: Operating,
    ) -> None:
        """Nothing goes on before `take`."""
        self.partition = partition
        self._database = database
        self._partition_of = partition_of
        self._executor = executor
        self._operating = operating
        self._targets: dict[str, _Target] = {}
        self._moved: set[str] = set()
        self._read = _Read()

    def take(self, targets: Sequence[tuple[Projection, Generation]]) -> None:
        """Begin where the projections stand in the database. Raises Unavailable."""
        self.settle()
        self._targets = {}
        with self._database.transaction() as connection, connection.cursor() as cursor:
            for projection, generation in targets:
                positions = positions_of(cursor, generation)
                if positions is not None:
                    position = positions.get(self.partition, 0)
                    self._targets[projection.name] = _Target(projection, generation, position)
        for name, target in self._targets.items():
            self._operating.projected(name, self.partition, target.position)
            self._operating.works(self._part(name))

    def from_here(self) -> int | None:
        """What was read is forgotten; gives the position after which to read, None if nobody takes any."""
        self._read = _Read()
        return min((target.position for target in self._taking()), default=None)

    def _taking(self) -> list[_Target]:
        return [target for target in self._targets.values() if target.state in ("going", "waiting")]

    def _part(self, name: str) -> str:
        return f"{name}, partition {self.partition}"

    # --- reading --------------------------------------------------------------------------------

    def add(self, records: Sequence[Any], end: int | None) -> None:
        """Records that were read, in their order, and where the log ended then, as an offset.

        What cannot be read stops every projection before it.
        """
        read = self._read
        if records:
            read.to_come, read.at = (end or 0) - records[-1].offset - 1, time.monotonic()
        for record in records if read.broken is None else ():
            try:
                entry = entry_of(
                    position_in(record), moment_of(record.timestamp), record.value or b"", self.partition
                )
                before = read.entries[-1] if len(read.entries) > read.whole else None
                if before is not None or entry.fact_index != 1:
                    check_follows(before, entry)
            except LeadflowError as problem:
                event = problem.where or f"offset {record.offset} of partition {self.partition}"
                read.broken = _Broken(record.offset, event, problem.what)
                return
            read.entries.append(entry)
            if entry.fact_index == entry.fact_count:
                read.whole = len(read.entries)

    @property
    def waiting(self) -> int:
        """How many facts are kept here."""
        return len(self._read.entries)

    @property
    def oldest(self) -> str | None:
        """When the first of them was written."""
        return self._read.entries[0].recorded_at if self._read.entries else None

    @property
    def full(self) -> bool:
        """Whether no more should be read for now."""
        return self.waiting >= WAITING_MAX or self._read.broken is not None or not self._taking()

    @property
    def position(self) -> int:
        """The position that every projection has reached that goes on; of all, if none does."""
        targets = self._taking() or self._targets.values()
        return min((target.position for target in targets), default=0)

    # --- writing --------------------------------------------------------------------------------

    @property
    def busy(self) -> bool:
        """Whether something is being written."""
        return any(target.under_way is not None for target in self._targets.values())

    def work(self) -> bool:
        """See what was written, and begin to write what can be. Says whether to read anew `from_here`.

        Raises Unavailable.
        """
        now, anew = time.monotonic(), False
        for name, target in self._targets.items():
            if target.under_way is not None and target.under_way.done():
                anew |= self._collect(name, target, now)
        if anew:
            # For one of them, what is kept here does not follow.
            return True
        self._forget(now)
        for name, target in self._targets.items():
            if target.under_way is None and target.state in ("going", "waiting", "parked"):
                self._begin(name, target, now)
        return False

    def moved(self) -> set[str]:
        """The projections that have taken more since this was last asked."""
        moved, self._moved = self._moved, set()
        return moved

    def look_again(self, moved: Set[str]) -> None:
        """These have taken more of another partition, which may be what they wait for here."""
        for name in moved & self._targets.keys():
            self._targets[name].again_at = 0.0

    def settle(self) -> None:
        """Wait for what is being written; what became of it is seen later, or in the database."""
        wait([target.under_way for target in self._targets.values() if target.under_way is not None])

    def _begin(self, name: str, target: _Target, now: float) -> None:
        if target.again_at > now:
            return
        if target.state != "parked":
            target.batch = self._batch_after(target.position)
        if target.state == "going" and len(target.batch) < BATCH_MIN and self._flows(now):
            return
        if not target.batch:
            if self._read.broken is not None:
                self._stop(name, target, self._read.broken)
            return
        target.began = now
        target.under_way = self._executor.submit(
            write,
            self._database,
            target.projection,
            target.generation,
            target.batch,
            self._partition_of,
            target.position,
        )

    def _flows(self, now: float) -> bool:
        """Whether more is about to be read."""
        read = self._read
        return read.to_come > BATCH_MIN and now - read.at < LINGER_S and not self.full

    def _batch_after(self, position: int) -> Sequence[Entry]:
        """Whole decisions after a position."""
        entries, whole = self._read.entries, self._read.whole
        start = bisect_right(entries, position, 0, whole, key=lambda entry: entry.position)
        end = min(start + BATCH_MAX, whole)
        while start < end < whole and entries[end - 1].fact_index != entries[end - 1].fact_count:
            end += 1
        return entries[start:end]

    def _collect(self, name: str, target: _Target, now: float) -> bool:
        written, target.under_way = target.under_way, None
        assert written is not None
        assert target.began is not None
        self._operating.deciding(now - target.began)
        try:
            reached = written.result()
        except ProjectionStopped as stopped:
            target.state, target.batch = "stopped", ()
            self._tell_stopped(name, stopped)
            return False
        if reached is None:
            target.state, target.batch = "retired", ()
            return False
        if reached > target.position:
            target.position, target.waits_since = reached, now
            self._moved.add(name)
        self._operating.projected(name, self.partition, target.position)
        if reached < target.batch[-1].position:
            self._wait(name, target, now)
            return False
        anew = target.state == "parked"
        target.state, target.batch, target.waits_since, target.again_at = "going", (), None, 0.0
        return anew

    def _wait(self, name: str, target: _Target, now: float) -> None:
        """The next decision follows from one of another partition that was not taken yet."""
        batch = target.batch
        left = batch[bisect_right(batch, target.position, key=lambda entry: entry.position) :]
        target.batch = left[: left[0].fact_count]
        target.again_at = now + AGAIN_S
        if target.state == "going":
            target.state, target.waits_since = "waiting", now
        if target.waits_since is not None and self._long(target, now, TELL_S):
            target.waits_since = None
            needed = [comes_after(entry) for entry in target.batch]
            log_.warning("a projection waits for facts of other partitions", projection=name, facts=needed)

    @staticmethod
    def _long(target: _Target, now: float, seconds: float) -> bool:
        """Whether it has waited for so long, which it may have told."""
        return target.waits_since is None or now - target.waits_since > seconds

    def _forget(self, now: float) -> None:
        """Let go of what all have taken, and of what only those need that wait for too long."""
        read = self._read
        if self.waiting >= WAITING_MAX:
            for target in self._targets.values():
                if target.state == "waiting" and self._long(target, now, PARK_S):
                    target.state = "parked"
        taken = min((target.position for target in self._taking()), default=None)
        if taken is None:
            self._read = _Read(broken=read.broken)
            return
        count = bisect_right(read.entries, taken, 0, read.whole, key=lambda entry: entry.position)
        if count:
            # One that has taken nothing here, or goes on no more, says nothing of these facts.
            began = min((target.began for target in self._taking() if target.began is not None), default=now)
            self._operating.committed(now - began, count, count)
            del read.entries[:count]
            read.whole -= count

    def _stop(self, name: str, target: _Target, broken: _Broken) -> None:
        stopped = ProjectionStopped(name, broken.position, broken.event, broken.why)
        note_stopped(self._database, target.generation, self.partition, stopped)
        target.state = "stopped"
        self._tell_stopped(name, stopped)

    def _tell_stopped(self, name: str, stopped: ProjectionStopped) -> None:
        log_.error("a projection stopped", partition=self.partition, problem=str(stopped))
        self._operating.fails(self._part(name), str(stopped), self.partition)
