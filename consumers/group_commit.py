"""Group commit: requests that wait together are decided together and appended as one insert."""

from __future__ import annotations

import queue
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Future
from typing import NamedTuple, Protocol

import structlog

from consumers.operating import Operating, kind_of
from leadflow.domain.requests import Request
from leadflow.engine import Outcome
from leadflow.errors import LeadflowError, Unavailable

WAITING_MAX = 20_000
"""Requests that may wait; past that a sender is told to come back."""
BATCH_MAX = 512

log_ = structlog.get_logger(__name__)


class Deciding(Protocol):
    """Who decides what waited: an engine, or what reaches one."""

    @property
    def position(self) -> int:
        """Place in the log of the last fact written here."""

    def submit(self, requests: Sequence[Request]) -> list[Outcome]:
        """The outcomes of requests, in their order."""


class _Waiting(NamedTuple):
    request: Request
    outcome: Future[Outcome]


class GroupCommit:
    """One thread that hands everything that waits to the engine, as often as it can."""

    def __init__(self, engine: Deciding, operating: Operating | None = None) -> None:
        self._engine = engine
        self._operating = operating or Operating("engine")
        self._waiting: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._closed = False
        self._guard = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="decider", daemon=True)
        self._thread.start()

    def send(self, request: Request) -> Future[Outcome]:
        """Queue a request. Raises Unavailable while the queue is full or after it was closed."""
        waiting = _Waiting(request, Future())
        # Within the guard, so that nothing is queued behind the mark that ends the queue.
        with self._guard:
            if self._closed:
                raise Unavailable("the engine is stopping", do="Send the request again in a moment.")
            if self._waiting.qsize() >= WAITING_MAX:
                what = f"{WAITING_MAX} requests are waiting already"
                raise Unavailable(what, do="Send the request again in a moment.")
            self._waiting.put(waiting)
        return waiting.outcome

    @property
    def waiting(self) -> int:
        """About how many requests wait."""
        return self._waiting.qsize()

    @property
    def position(self) -> int:
        """Place in the log of the last fact written here."""
        return self._engine.position

    def close(self) -> None:
        """Decide what waits, then stop."""
        with self._guard:
            if not self._closed:
                self._closed = True
                self._waiting.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (first := self._waiting.get()) is not None:
            batch = [first]
            last = False
            while len(batch) < BATCH_MAX and not last:
                try:
                    following = self._waiting.get_nowait()
                except queue.Empty:
                    break
                if following is None:
                    last = True
                else:
                    batch.append(following)
            self._decide(batch)
            if last:
                return

    def _decide(self, batch: list[_Waiting]) -> None:
        began = time.monotonic()
        try:
            outcomes = self._engine.submit([waiting.request for waiting in batch])
        except Exception as error:
            # Whatever it is, those who wait are told, and the thread goes on for those who come.
            if not isinstance(error, LeadflowError):
                log_.exception("a batch could not be decided", requests=len(batch))
            for waiting in batch:
                waiting.outcome.set_exception(error)
        else:
            self._tell(outcomes, time.monotonic() - began)
            for waiting, outcome in zip(batch, outcomes, strict=True):
                waiting.outcome.set_result(outcome)

    def _tell(self, outcomes: list[Outcome], seconds: float) -> None:
        facts = sum(0 if outcome.repeated else len(outcome.events) for outcome in outcomes)
        self._operating.committed(seconds, len(outcomes), facts)
        kinds = Counter((outcome.request.body.type, kind_of(outcome)) for outcome in outcomes)
        for (kind, told), count in kinds.items():
            self._operating.decided(kind, told, count)
