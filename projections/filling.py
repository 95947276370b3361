"""Feeding generations from the log: every partition in one pass, however many read models take from it."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor, Future

from leadflow.log.reading import Log
from leadflow.postgres import Database
from projections.base import Projection, ProjectionStopped
from projections.keeping import Kept
from projections.reading import Progress, batches, read_partition, without_collector
from projections.store import Generation
from projections.threads import Writers
from projections.writer import Written, positions_of, write

WRITERS_MAX = 2
"""Projections that are written at one time; each takes a connection, a rebuild one more."""
Targets = Sequence[tuple[Projection, Generation]]
_Writes = dict[int, "Future[Written | None]"]


class Filling:
    """One filling of some generations, from where each stands to the log's end."""

    def __init__(
        self, log: Log, database: Database, targets: Targets, size: int, progress: Progress | None
    ) -> None:
        self._log = log
        self._database = database
        self._targets = targets
        self._size = size
        self._progress = progress
        self._at: dict[int, dict[int, int]] = {}
        """By target: how far it is in each partition; gone once it is no longer written to."""
        self._over: set[tuple[int, int]] = set()
        """Target and partition: where it stopped."""
        self._waiting: set[tuple[int, int]] = set()
        """The same, where it needs facts of another partition first."""
        self._kept = [Kept() for _ in targets]
        self._read_to: dict[int, int] = {}
        self._stopped: list[ProjectionStopped] = []

    def run(self) -> int:
        """Fill; gives the sum of the positions that all have reached. Raises ProjectionStopped for the first
        that could not go on, after the others have."""
        with self._database.transaction() as connection, connection.cursor() as cursor:
            for target, (_, generation) in enumerate(self._targets):
                positions = positions_of(cursor, generation)
                if positions is not None:
                    self._at[target] = positions
        ends = self._log.ends()
        end = sum(ends.values())
        with without_collector(), Writers(WRITERS_MAX) as executor:
            while self._at:
                before = self._reached()
                self._waiting.clear()
                for partition in ends:
                    self._partition(partition, end, executor)
                if not self._waiting or self._reached() == before:
                    break
        if self._stopped:
            raise self._stopped[0]
        return min((sum(positions.values()) for positions in self._at.values()), default=0)

    def _reached(self) -> int:
        return sum(sum(positions.values()) for positions in self._at.values())

    def _partition(self, partition: int, end: int, executor: Executor) -> None:
        """Feed every target from one partition, as far as each can go."""
        going = self._going(partition)
        if not going:
            return
        gt = min(self._at[target].get(partition, 0) for target in going)
        under_way: _Writes = {}
        for batch in batches(read_partition(self._log, partition, gt), self._size):
            # While one batch was written, this one was read.
            self._collect(under_way, partition, gt)
            going = self._going(partition)
            if not going:
                break
            gt = batch[-1].position
            under_way = {
                target: executor.submit(
                    write,
                    self._database,
                    *self._targets[target],
                    batch,
                    self._log.partition_of,
                    {partition: position},
                    self._kept[target],
                )
                for target in going
                if (position := self._at[target].get(partition, 0)) < gt
            }
            if self._progress:
                self._read_to[partition] = max(gt, self._read_to.get(partition, 0))
                read = sum(self._read_to.values())
                self._progress(read, max(end, read))
        self._collect(under_way, partition, gt)

    def _going(self, partition: int) -> list[int]:
        """The targets that can still take from a partition."""
        left_out = self._over | self._waiting
        return [target for target in self._at if (target, partition) not in left_out]

    def _collect(self, under_way: _Writes, partition: int, wanted: int) -> None:
        """Wait for a batch's writes: note where each target stands, leave out those that stopped or wait."""
        for target, written in under_way.items():
            result = written.result()
            if result is None:
                self._at.pop(target, None)
                continue
            reached = result.reached.get(partition, self._at[target].get(partition, 0))
            self._at[target][partition] = reached
            if result.stopped:
                self._stopped += result.stopped.values()
                self._over.add((target, partition))
            elif reached < wanted:
                self._waiting.add((target, partition))
        under_way.clear()
