"""The engine: requests in, facts out. Catch up, decide, append; all of a batch or nothing.

A batch holds the lock of its pools from catch-up to commit, so log order is decision order. What the
engine holds in memory is only a fold of the log: after a failed append it is dropped and rebuilt, never
patched. Deadlines are asked for before each request and by `tick`; nothing sleeps.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import structlog

from leadflow.deciding import Batch, Deciding
from leadflow.domain.deadlines import next_due
from leadflow.domain.decide import payload_of
from leadflow.domain.events import Event
from leadflow.domain.pool import Pool, Stream
from leadflow.domain.requests import Request, TransferLead
from leadflow.domain.values import COMPANY_STREAM
from leadflow.errors import (
    Conflict,
    NotFound,
    Unavailable,
)
from leadflow.log.embedded import EmbeddedLog
from leadflow.log.envelope import decode
from leadflow.log.snapshots import Snapshots
from leadflow.outcome import Clock, Outcome, SystemClock
from leadflow.streams import SNAPSHOT_EVERY, Streams

ATTEMPTS_MAX = 5
"""How often a batch is decided anew when another writer came first."""

T = TypeVar("T")

log_ = structlog.get_logger(__name__)


class Engine:
    """The pools of one log. Thread-safe: batches follow one another."""

    def __init__(
        self,
        log: EmbeddedLog,
        *,
        clock: Clock | None = None,
        virtual: bool = False,
        snapshots: Snapshots | None = None,
    ) -> None:
        """`virtual` runs pools on their requests' own times; an engine of the other kind refuses them."""
        self.log = log
        self.clock = clock or SystemClock()
        self.virtual = virtual
        self.position = 0
        """Place in the log of the last fact that this engine wrote."""
        self._streams = Streams(log, snapshots)
        self._deciding = Deciding(self._streams, self._unknown, virtual=virtual)
        self._guard = threading.RLock()

    # --- requests -------------------------------------------------------------------------------

    def submit(
        self, requests: Sequence[Request], meanwhile: Callable[[], None] | None = None
    ) -> list[Outcome]:
        """Decide the requests in their order and append all their facts durably, in one insert.

        `meanwhile` is called when they are decided and about to be written, for what can go on beside; more
        often if they are decided anew, and never if there is nothing to be written.
        A request that cannot be decided at all (its pool is unknown, runs on another clock or has a
        damaged log, or the code has a bug) has an `error` in its outcome and hinders no other. Raises
        Unavailable if the log is away: whether the facts were written is then unknown, and the same
        requests can be sent again.
        """
        if not requests:
            return []
        pools = {request.pool for request in requests}
        pools |= {r.body.to_pool for r in requests if isinstance(r.body, TransferLead)}
        try:
            return self._in_order(pools, requests, meanwhile)
        except (Unavailable, Conflict):
            raise
        except Exception as problem:
            # Nothing was written. Halves are tried by themselves until the request that cannot be
            # decided stands alone; its neighbours keep their order.
            if len(requests) == 1:
                return [Outcome(requests[0], error=Deciding.cannot_decide(requests[0], problem))]
            half = len(requests) // 2
            return self.submit(requests[:half], meanwhile) + self.submit(requests[half:], meanwhile)

    def one(self, request: Request) -> Outcome:
        """Decide one request. Raises what kept it from being decided."""
        outcome = self.submit([request])[0]
        outcome.facts()
        return outcome

    def tick(self, pools: Iterable[str] | None = None) -> int:
        """Decide what is due in these pools (all, if left out); says how many facts that gave.

        A pool whose clock cannot go on hinders no other; the first problem is raised after all.
        """
        if self.virtual:
            return 0
        count = 0
        first: Exception | None = None
        for pool in self.log.pools() if pools is None else pools:
            try:
                if pool != COMPANY_STREAM and self._due(pool):
                    before = self.stream(pool).sequence
                    self._in_order({pool}, [])
                    count += self.stream(pool).sequence - before
            except Unavailable:
                raise
            except Exception as problem:
                first = first or problem
        if first is not None:
            raise first
        return count

    def _due(self, pool: str) -> bool:
        with self._guard:
            held = self._streams.caught_up(pool)
            if not isinstance(held.stream, Pool) or held.stream.clock != "real":
                return False
            due = next_due(held.stream)
            return due is not None and due.at <= self.clock.now()

    def stream(self, pool: str) -> Stream:
        """The state of a stream as of the log's end. Only to be read."""
        with self._guard:
            return self._streams.caught_up(pool).stream

    def pool(self, pool: str) -> Pool:
        """The state of a pool as of the log's end. Raises NotFound if it was never opened."""
        stream = self.stream(pool)
        if not isinstance(stream, Pool) or not stream.sequence:
            raise self._unknown(pool)
        return stream

    def look(self, pool: str, at: Callable[[Pool], T]) -> T:
        """What `at` gives for the state of a pool; no request is decided meanwhile. Raises NotFound."""
        with self._guard:
            return at(self.pool(pool))

    def _in_order(
        self, pools: set[str], requests: Sequence[Request], meanwhile: Callable[[], None] | None = None
    ) -> list[Outcome]:
        names = sorted(pools)
        with self._guard:
            for _ in range(ATTEMPTS_MAX):
                try:
                    with self.log.lock(names):
                        return self._decide_and_append(names, requests, meanwhile)
                except Conflict:
                    self._streams.drop(names)
                except BaseException:
                    # State that ran ahead of what was written is never patched.
                    self._streams.drop(names)
                    raise
        raise Conflict(
            f"another writer came first {ATTEMPTS_MAX} times",
            where=f"pool {', '.join(names)}",
            do="Send the request again; it is decided once however often it is sent.",
        )

    def _decide_and_append(
        self, names: Sequence[str], requests: Sequence[Request], meanwhile: Callable[[], None] | None
    ) -> list[Outcome]:
        for name in names:
            self._streams.caught_up(name)
        batch = Batch()
        received = self.clock.now()
        outcomes = [self._deciding.decide(request, received, batch) for request in requests]
        if not requests:
            for name in names:
                self._deciding.fire(self._streams[name], received, batch)
        found = self._with_first_outcomes(outcomes, batch)
        if batch.stored:
            if meanwhile is not None:
                meanwhile()
            self.position = self.log.append(batch.stored)[-1]
        self._streams.drop([name for name in names if not self._streams[name].stream.sequence])
        return found

    # --- outcomes of requests that were decided before ------------------------------------------

    def _with_first_outcomes(self, outcomes: list[Outcome], batch: Batch) -> list[Outcome]:
        wanted: dict[str, list[int]] = {}
        places: dict[int, tuple[str, int]] = {}
        for at, outcome in enumerate(outcomes):
            if outcome.repeated:
                stream = self._streams[outcome.request.pool].stream
                sequence = stream.outcome_sequence(outcome.request.identity, payload_of(outcome.request))
                assert sequence is not None
                places[at] = (stream.id, sequence)
                if (stream.id, sequence) not in batch.events:
                    wanted.setdefault(stream.id, []).append(sequence)
        known = dict(batch.events)
        for pool, sequences in wanted.items():
            known |= self._decisions(pool, sequences)
        for at, (pool, first) in places.items():
            count = known[pool, first].fact_count
            events = tuple(known[pool, first + offset] for offset in range(count))
            outcomes[at] = outcomes[at]._replace(events=events)
        return outcomes

    def _decisions(self, pool: str, firsts: Sequence[int]) -> dict[tuple[str, int], Event]:
        found = {(pool, s): decode(d) for s, d in self.log.documents(pool, firsts).items()}
        rest = [first + offset for first in firsts for offset in range(1, found[pool, first].fact_count)]
        return found | {(pool, s): decode(d) for s, d in self.log.documents(pool, rest).items()}

    # --- state ----------------------------------------------------------------------------------

    def save_snapshots(self, every: int = SNAPSHOT_EVERY) -> int:
        """Keep the state of streams that have grown by `every` events since their last snapshot."""
        with self._guard:
            return self._streams.save_snapshots(every)

    def _unknown(self, pool: str) -> NotFound:
        known = [name for name in self.log.pools() if name != COMPANY_STREAM]
        listed = f"There are: {', '.join(known)}." if known else "There is none yet."
        return NotFound(
            f"there is no pool {pool!r}", do=f"{listed} Open it with `leadflow pool open {pool}`."
        )


__all__ = ["SNAPSHOT_EVERY", "Clock", "Engine", "Outcome", "SystemClock"]
