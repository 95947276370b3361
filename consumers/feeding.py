"""What one process holds of the log, on its way into the read models.

Every projection takes one batch of the order after the other, each in a transaction for all the partitions in
it, so one that stops or is slow holds up no other.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass, field
from typing import Any

import structlog

from consumers.operating import Operating
from consumers.ordering import Need, Order, Part
from leadflow.postgres import Database
from projections.base import Projection, ProjectionStopped
from projections.folding import Batch
from projections.keeping import Kept
from projections.store import Generation
from projections.writer import PartitionOf, Written, heads_of, note_stopped, positions_of, write

AGAIN_S = (0.02, 1.0)
"""How soon to look again whether another process has written what is needed: at first, and after `PARK_S`."""
PARK_S = 5.0
"""After so long, a partition does not wait any more for a projection that lacks what others have."""
TELL_S = 30.0
"""After so long, that it waits is told."""

log_ = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Target:
    """A projection that takes from the partitions."""

    projection: Projection
    generation: Generation
    positions: dict[int, int]
    """By partition, how far it is."""
    next: int = 0
    """The number of the batch that it takes next."""
    until: dict[int, int] = field(default_factory=dict)
    """By partition, the position before which it has to stop; those that are missing go on."""
    parked: dict[int, Need] = field(default_factory=dict)
    """Of these, partitions that it goes on with once it has a fact of another one. Nothing is kept for it."""
    under_way: Future[Written | None] | None = None
    batch: Batch = field(default_factory=Batch)
    """What is being written."""
    began: float = 0.0
    kept: Kept = field(default_factory=Kept)

    def park(self, partition: int, until: int, need: Need) -> None:
        """Go no further in a partition than to this position, before it has what it needs."""
        self.until[partition], self.parked[partition] = until, need


class Feed:
    """What was read of a process's partitions, and how far each projection has taken it. For one thread."""

    def __init__(
        self,
        partitions: Iterable[int],
        database: Database,
        partition_of: PartitionOf,
        executor: Executor,
        operating: Operating,
    ) -> None:
        """Nothing goes on before `take`."""
        self.partitions = sorted(partitions)
        self._database = database
        self._partition_of = partition_of
        self._executor = executor
        self._operating = operating
        self._targets: dict[str, _Target] = {}
        self._order = Order({}, partition_of)
        self._looked = 0.0

    def take(self, targets: Sequence[tuple[Projection, Generation]]) -> dict[int, int]:
        """Begin where the projections stand in the database; what was read is forgotten. Gives the positions
        after which to read; none if nobody takes anything. Raises Unavailable."""
        self.settle()
        self._targets = {}
        with self._database.transaction() as connection, connection.cursor() as cursor:
            for projection, generation in targets:
                positions = positions_of(cursor, generation)
                if positions is not None:
                    held = {at: positions.get(at, 0) for at in self.partitions}
                    self._targets[projection.name] = _Target(projection, generation, held)
        for name, target in self._targets.items():
            for at, position in target.positions.items():
                self._operating.projected(name, at, position)
                self._operating.works(_part_of(name, at))
        begins = {at: self.position(at) for at in self.partitions}
        self._order = Order(begins, self._partition_of)
        return begins if self._targets else {}

    def _taking(self, partition: int) -> list[_Target]:
        return [target for target in self._targets.values() if partition not in target.until]

    # --- reading --------------------------------------------------------------------------------

    def add(self, partition: int, records: Sequence[Any], end: int | None) -> None:
        """Records of a partition that were read, in their order, and where the log ended then, as an offset.

        What cannot be read stops every projection before it.
        """
        self._order.add(partition, records, end)

    def full(self, partition: int) -> bool:
        """Whether no more of a partition should be read for now."""
        return self._order.full(partition) or not self._taking(partition)

    def position(self, partition: int) -> int:
        """The position that every projection has reached that goes on; of all, if none does."""
        targets = self._taking(partition) or self._targets.values()
        return min((target.positions[partition] for target in targets), default=0)

    def waiting(self, partition: int) -> int:
        """How many facts of a partition were read that not every projection has taken."""
        return max(self._order.parts[partition].read_to - self.position(partition), 0)

    def oldest(self, partition: int) -> str | None:
        """When the first of them was written."""
        position = self.position(partition)
        kept = self._order.kept(partition)
        return next((entry.recorded_at for entry in kept if entry.position > position), None)

    # --- work -----------------------------------------------------------------------------------

    @property
    def busy(self) -> bool:
        """Whether something is being written."""
        return bool(self._under_way())

    def work(self) -> bool:
        """See what was written, and begin to write what can be. Says whether to `take` and read anew.

        Raises Unavailable.
        """
        now = time.monotonic()
        for name, target in list(self._targets.items()):
            if target.under_way is not None and target.under_way.done():
                self._collect(name, target, target.under_way.result(), now)
        self._forget(now)
        self._order.settle(now)
        if now - self._looked >= AGAIN_S[not self.hurries(now)]:
            self._looked = now
            if self._look_elsewhere(now):
                return True
            self._order.settle(now)
        for target in self._targets.values():
            if target.under_way is None:
                self._begin(target, now)
        self._stop_at_broken()
        return False

    def wait(self, seconds: float) -> None:
        """Until something is written, if anything is being, or so long."""
        wait(self._under_way(), seconds, FIRST_COMPLETED)

    def settle(self) -> None:
        """Wait for what is being written; what became of it is seen later, or in the database."""
        wait(self._under_way())

    def _under_way(self) -> list[Future[Written | None]]:
        return [target.under_way for target in self._targets.values() if target.under_way is not None]

    # --- waiting for other processes ------------------------------------------------------------

    def hurries(self, now: float) -> bool:
        """Whether something that is needed may be written elsewhere at any moment."""
        return any(now - (part.waits_since or now) < PARK_S for part in self._order.waiting())

    def _look_elsewhere(self, now: float) -> bool:
        """Look in the database for what is needed and not about to be read. Says whether to begin anew, for a
        projection that can go on with what was not kept for it."""
        waiting = self._order.waiting()
        parked = [(name, each) for name, one in self._targets.items() for each in one.parked.values()]
        wanted = {need.pool for _, need in parked}
        for part in waiting:
            self._tell(part, now)
            if not self._order.comes(part.following[0][1]):
                wanted.add(part.following[0][1].pool)
        if not wanted:
            return False
        with self._database.connection() as connection, connection.cursor() as cursor:
            heads = heads_of(cursor, [target.generation for target in self._targets.values()], wanted)
        for part in waiting:
            self._settle_need(part, heads, now)
        return any(heads[name].get(need.pool, 0) >= need.sequence for name, need in parked)

    def _settle_need(self, part: Part, heads: Mapping[str, Mapping[str, int]], now: float) -> None:
        """Let a partition go on if all projections have what it waits for, or some have had it for long."""
        (begins, need), taking = part.following[0], self._taking(part.number)
        reached = {each.projection.name: heads[each.projection.name].get(need.pool, 0) for each in taking}
        late = [each for each in taking if reached[each.projection.name] < need.sequence]
        if late and len(late) < len(taking) and now - (part.waits_since or now) >= PARK_S:
            for target in late:
                target.park(part.number, begins, need)
                del reached[target.projection.name]
            late = []
        if not late:
            self._order.taken(need.pool, min(reached.values(), default=need.sequence))

    def _tell(self, part: Part, now: float) -> None:
        if not part.told and part.waits_since is not None and now - part.waits_since > TELL_S:
            part.told = True
            pool, sequence = part.following[0][1]
            log_.warning(
                "a partition waits for a fact of another", partition=part.number, fact=f"{pool}/{sequence}"
            )

    # --- writing --------------------------------------------------------------------------------

    def _begin(self, target: _Target, now: float) -> None:
        """Write the next batch that has something for a projection, if there is one."""
        while (queued := self._order.batch(target.next, now)) is not None:
            target.next += 1
            batch = queued.batch
            if any(target.until.get(at, end + 1) <= end for at, end in batch.ends.items()):
                batch = batch.before(target.until)
            if all(last <= target.positions[at] for at, last in batch.ends.items()):
                continue
            target.batch, target.began = batch, now
            queued.began = queued.began or now
            target.under_way = self._executor.submit(
                write,
                self._database,
                target.projection,
                target.generation,
                batch,
                self._partition_of,
                dict(target.positions),
                target.kept,
            )
            return

    def _collect(self, name: str, target: _Target, written: Written | None, now: float) -> None:
        target.under_way = None
        self._operating.deciding(now - target.began)
        if written is None:
            del self._targets[name]
            return
        for at, end in target.batch.ends.items():
            reached = target.positions[at] = written.reached.get(at, target.positions[at])
            self._operating.projected(name, at, reached)
            if at in written.stopped:
                self._stop(target, at, written.stopped[at])
            elif reached < end:
                target.park(at, reached + 1, _needed(target.batch, at, reached))
        target.batch = Batch()

    def _forget(self, now: float) -> None:
        """Let go of the batches that all have taken."""
        taking = (each.next - (each.under_way is not None) for each in self._targets.values())
        for queued in self._order.forget(min(taking, default=self._order.end)):
            if queued.began is not None:
                count = len(queued.batch)
                self._operating.committed(now - queued.began, count, count)

    def _stop_at_broken(self) -> None:
        """Stop before what cannot be read, once everything before it is taken."""
        for at, part in self._order.parts.items():
            if part.broken is None or part.following:
                continue
            for target in self._taking(at):
                if target.positions[at] >= part.read_to:
                    stopped = ProjectionStopped(target.projection.name, *part.broken)
                    note_stopped(self._database, target.generation, at, stopped)
                    self._stop(target, at, stopped)

    def _stop(self, target: _Target, partition: int, stopped: ProjectionStopped) -> None:
        target.until[partition] = 0
        target.parked.pop(partition, None)
        log_.error("a projection stopped", partition=partition, problem=str(stopped))
        self._operating.fails(_part_of(target.projection.name, partition), str(stopped), partition)


def _part_of(name: str, partition: int) -> str:
    return f"{name}, partition {partition}"


def _needed(batch: Batch, partition: int, reached: int) -> Need:
    """What the next decision of a partition follows from."""
    return next(
        Need(one.pool, one.sequence)
        for one in batch.following
        if one.entry.partition == partition and one.entry.position > reached
    )
