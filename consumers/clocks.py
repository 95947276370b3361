"""The clocks of a partition's pools: what is due in them, and which cannot go on because of a bug.

A pool whose next deadline cannot be decided cannot decide any request from then on either, for the deadline
comes first. Those become dead letters at once, and the other pools of the partition go on.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import structlog

from consumers.operating import Operating
from consumers.work import Memory
from leadflow.deciding import Batch, Deciding
from leadflow.domain.deadlines import next_due
from leadflow.domain.pool import Pool
from leadflow.errors import LeadflowError
from leadflow.streams import Held

ALWAYS = datetime.min.replace(tzinfo=UTC)

log_ = structlog.get_logger(__name__)


class Clocks:
    """The clocks of the pools of one partition."""

    def __init__(self, partition: int, streams: Memory, deciding: Deciding, operating: Operating) -> None:
        """`streams` are the pools as far as they are decided; `operating` is told of clocks that stop."""
        self._partition = partition
        self._streams = streams
        self._deciding = deciding
        self._operating = operating
        self._stopped: dict[str, tuple[datetime, str]] = {}
        """By pool, from when on its clock cannot go on, and why."""
        self._suspected: set[str] = set()
        """Pools of which a request met a bug; it may have been the clock's."""

    def taken(self) -> None:
        """The partition has been taken; it works if the clocks of all its pools do."""
        if not self._stopped:
            self._operating.works(self._part)

    @property
    def _part(self) -> str:
        return f"clocks of partition {self._partition}"

    @property
    def troubled(self) -> bool:
        """Whether the clock of any pool cannot go on, or may be found not to."""
        return bool(self._stopped or self._suspected)

    def suspect(self, pool: str) -> None:
        """A request of this pool met a bug: before the next one, see whether it is the clock's."""
        self._suspected.add(pool)

    def refusal(self, pool: str, moment: datetime, batch: Batch) -> str | None:
        """Why a request that came at this moment cannot be decided, if the pool's clock does not get there.

        Raises what the clock meets if it is found to stop only now.
        """
        if pool in self._suspected:
            self._suspected.discard(pool)
            held = self._streams[pool]
            if isinstance(held.stream, Pool) and held.stream.sequence:
                self._fire(pool, held.stream, held, moment, batch)
            return None
        since, why = self._stopped.get(pool, (moment, None))
        return why if moment >= since else None

    def fire_all(self, until: datetime, batch: Batch, fired: Callable[[int], None]) -> None:
        """Decide what is due by then in every pool; `fired` is told how many facts the batch had before.

        Raises what a clock meets that stops; what is in memory may have run ahead of what is written then.
        """
        for pool, held in list(self._streams.items()):
            stream = held.stream
            if pool in self._stopped or not isinstance(stream, Pool) or not stream.sequence:
                continue
            before = len(batch.stored)
            self._fire(pool, stream, held, until, batch)
            if len(batch.stored) > before:
                fired(before)

    def _fire(self, pool: str, stream: Pool, held: Held, until: datetime, batch: Batch) -> None:
        try:
            due = next_due(stream)
            if due is not None and due.at <= until:
                self._deciding.fire(held, until, batch)
        except Exception as problem:
            log_.error("a pool's clock cannot go on", pool=pool, exc_info=problem)
            told = reason_of(problem)
            why = f"the clock of its pool cannot go on ({told}): upgrade the deciders, then retry it"
            # Found a second time, it was not known well from when on.
            since = ALWAYS if pool in self._stopped else _stands_at(stream)
            self._stopped[pool] = (since, why)
            self._operating.fails(
                self._part,
                f"the clocks of {len(self._stopped)} of its pools cannot go on ({told}), and their requests"
                " become dead letters: upgrade the deciders, then retry those",
                self._partition,
            )
            raise


def _stands_at(stream: Pool) -> datetime:
    """When the deadline is due that a clock did not get over; requests from before it can be decided."""
    try:
        due = next_due(stream)
    except Exception:
        return ALWAYS
    return ALWAYS if due is None else due.at


def reason_of(problem: Exception) -> str:
    """What a dead letter says of a bug: never values, which may be a person's."""
    return problem.what if isinstance(problem, LeadflowError) else f"a bug: {type(problem).__name__}"
