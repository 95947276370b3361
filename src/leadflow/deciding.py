"""Deciding in memory: what a decider does between reading requests and appending facts.

The same code decides for the embedded log and for Kafka. It knows no I/O: streams are looked up, facts
collected into a batch, and both are thrown away together if the batch cannot be appended.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import structlog
from eventsourcing.persistence import StoredEvent

from leadflow.domain.deadlines import decide_due
from leadflow.domain.decide import NotOpen, decide
from leadflow.domain.events import Event, LeadTransferredOut
from leadflow.domain.evolve import evolve
from leadflow.domain.pool import Pool, Stream
from leadflow.domain.requests import AdvanceClock, OpenPool, ReceiveTransfer, Request, TransferLead
from leadflow.domain.values import COMPANY_STREAM
from leadflow.errors import BrokenInvariant, LeadflowError, NotFound, UsageError
from leadflow.log.envelope import encode, hash_of
from leadflow.outcome import Outcome
from leadflow.streams import Held

TRANSFER_SOURCE, TRANSFER_ACTOR = "transfer", "system/transfer"
RETURNED = "/returned"
"""What the id of a transfer's other half ends with when it comes back from a pool that is not there."""

log_ = structlog.get_logger(__name__)


class Lookup(Protocol):
    """Where the streams that are decided about are held."""

    def __getitem__(self, name: str) -> Held:
        """The stream's state and last hash."""


@dataclass(slots=True)
class Batch:
    """What one append will write."""

    stored: list[StoredEvent] = field(default_factory=list)
    events: dict[tuple[str, int], Event] = field(default_factory=dict)
    forwarded: list[Request] = field(default_factory=list)
    """Requests to other pools that the append must send with its facts."""


class Deciding:
    """Decides requests and deadlines about streams in memory, collecting their facts."""

    def __init__(
        self, streams: Lookup, unknown: Callable[[str], NotFound], *, virtual: bool, forwarding: bool = False
    ) -> None:
        """`virtual` goes by the requests' own times. `forwarding` sends a transfer's other half as a
        request, because the other pool may be decided elsewhere; else it is decided at once."""
        self._streams = streams
        self._unknown = unknown
        self._virtual = virtual
        self._forwarding = forwarding

    def decide(self, request: Request, received: datetime, batch: Batch) -> Outcome:
        """Fire what is due before the request, decide it, and fire what it made possible at once.

        A request that cannot be decided (its pool is unknown or on another clock) has an `error`.
        """
        held = self._streams[request.pool]
        try:
            now = self._time_of(request, received, held.stream)
            self.fire(held, now, batch)
            events = decide(held.stream, request, now)
        except NotOpen:
            return self._undecided(request, self._unknown(request.pool), batch)
        except UsageError as error:
            return self._undecided(request, error, batch)
        if not events:
            return Outcome(request, repeated=not isinstance(request.body, AdvanceClock))
        self._take(held, events, batch)
        for event in events:
            if isinstance(event.data, LeadTransferredOut):
                self._pass_on(event, event.data, now, batch)
        self.fire(held, now, batch)
        return Outcome(request, tuple(events))

    def _undecided(self, request: Request, error: LeadflowError, batch: Batch) -> Outcome:
        """What cannot be decided is an error; but a lead that comes from another pool goes back there.

        That pool could not know that nobody is here: the two are decided by different processes.
        """
        body = request.body
        if not (self._forwarding and isinstance(body, ReceiveTransfer)) or request.id.endswith(RETURNED):
            return Outcome(request, error=error)
        values = {
            "pool": body.from_pool,
            "id": request.id + RETURNED,
            "body": body.model_copy(update={"from_pool": request.pool}),
        }
        batch.forwarded.append(request.model_copy(update=values))
        return Outcome(request)

    @staticmethod
    def cannot_decide(request: Request, problem: Exception) -> LeadflowError:
        """The error that a request ends with whose deciding met a bug."""
        if isinstance(problem, LeadflowError):
            return problem
        log_.error("a request could not be decided", request=request.body.type, exc_info=problem)
        error = BrokenInvariant(
            f"{request.body.type} could not be decided: {type(problem).__name__}",
            where=f"pool {request.pool}",
            do="Nothing was written. Please report this with the log's traceback.",
        )
        error.__cause__ = problem
        return error

    def _time_of(self, request: Request, received: datetime, stream: Stream) -> datetime:
        self._check_clock(request, stream)
        if isinstance(request.body, TransferLead) and not self._forwarding:
            target = self._streams[request.body.to_pool].stream
            if request.body.to_pool != COMPANY_STREAM and not target.sequence:
                raise self._unknown(request.body.to_pool)
            self._check_clock(request, target)
        if not self._virtual:
            return received
        if request.at is None:
            raise UsageError(
                "a request on the virtual clock needs its own time",
                where=f"pool {request.pool}",
                do="Give the request a time (`at`).",
            )
        return request.at

    def _check_clock(self, request: Request, stream: Stream) -> None:
        wanted = "requests" if self._virtual else "real"
        found = stream.clock if isinstance(stream, Pool) and stream.sequence else wanted
        if isinstance(request.body, OpenPool) and not stream.sequence:
            found = request.body.clock
        if found != wanted:
            raise UsageError(
                f"pool {stream.id} runs on the clock {found!r}, this engine on {wanted!r}",
                do="Time on the clock 'requests', as a demo's, moves with a pool's own requests only: look "
                "at such a pool, and change one in a data directory of your own.",
            )

    def fire(self, held: Held, now: datetime, batch: Batch) -> None:
        """Decide every deadline due by now; what the last fact made possible at once is due, too."""
        stream = held.stream
        if isinstance(stream, Pool) and stream.sequence:
            before: Event | None = None
            while events := decide_due(stream, max(now, stream.time)):
                first = events[0]
                if before is not None and before[3:-2] == first[3:-2] and before.data == first.data:
                    # Folding a deadline's fact must end that deadline, or it would fire for ever.
                    raise BrokenInvariant(f"the deadline of fact {first.causation} does not end")
                self._take(held, events, batch)
                before = first

    def _pass_on(self, event: Event, data: LeadTransferredOut, now: datetime, batch: Batch) -> None:
        """The other half of a transfer, in the same append: it happens in both pools or in neither."""
        body = ReceiveTransfer(
            lead=event.subject,
            from_pool=event.pool,
            from_fact=event.id,
            person=data.person.model_copy(update={"reason": None}),
            company=data.company,
            touches=data.touches,
            asked=data.asked,
            filled=data.filled,
        )
        request = Request(
            pool=data.to_pool, source=TRANSFER_SOURCE, id=event.id, actor=TRANSFER_ACTOR, at=now, body=body
        )
        if self._forwarding:
            batch.forwarded.append(request)
            return
        target = self._streams[data.to_pool]
        self.fire(target, now, batch)
        self._take(target, decide(target.stream, request, now), batch)
        self.fire(target, now, batch)

    def _take(self, held: Held, events: Sequence[Event], batch: Batch) -> None:
        for event in events:
            document = encode(event, held.last_hash)
            evolve(held.stream, event)
            held.last_hash = hash_of(document)
            batch.stored.append(StoredEvent(event.pool, event.sequence, event.type, document))
            batch.events[event.pool, event.sequence] = event
