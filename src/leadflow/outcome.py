"""What an engine is asked with and what it answers: the clock it goes by, and a request's outcome."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple, Protocol

from leadflow.domain.events import Event, LeadCaptured, RequestRefused, TouchRecorded
from leadflow.domain.requests import Request
from leadflow.errors import LeadflowError


class Clock(Protocol):
    """Where an engine gets the time from."""

    def now(self) -> datetime:
        """The present moment, in UTC."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The present moment, in UTC."""
        return datetime.now(UTC)


class Outcome(NamedTuple):
    """What became of a request: the facts of its decision, or why it could not be decided at all."""

    request: Request
    events: tuple[Event, ...] = ()
    repeated: bool = False
    """It was decided before; these are the first outcome's facts."""
    error: LeadflowError | None = None

    @property
    def refusal(self) -> RequestRefused | None:
        """The refusal, if a rule refused the request."""
        data = self.events[0].data if self.events else None
        return data if isinstance(data, RequestRefused) else None

    @property
    def answer(self) -> str:
        """`created`, `merged` or `duplicate` for an intake, else `done`; `refused` for a refusal."""
        if self.refusal is not None:
            return "refused"
        kinds = [type(event.data) for event in self.events]
        if LeadCaptured in kinds or TouchRecorded in kinds:
            return "duplicate" if self.repeated else "created" if LeadCaptured in kinds else "merged"
        return "done"

    def facts(self) -> tuple[Event, ...]:
        """The facts, raising the error if there is one instead."""
        if self.error is not None:
            raise self.error
        return self.events
