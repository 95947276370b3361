"""A small sales team for tests that need a real engine: its policy, its people, and what they ask for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Protocol

from leadflow.calendars import build_calendar
from leadflow.domain import requests as r
from leadflow.domain.policy import Policy
from leadflow.domain.values import Person, Touch
from leadflow.engine import Outcome

NOON = datetime(2026, 10, 12, 4, 0, tzinfo=UTC)
"""A Monday, noon in Shanghai."""
POOL = "east"
PLAIN = Policy.model_validate(
    {
        "name": "plain",
        "channels": {"web_form": {}},
        "groups": {"sales": {"reps": "all"}},
        "rules": [{"name": "everything", "target": {"hold": True}}],
        "follow_up": {"first_contact_within": "3d", "keep_for": "7d", "warn_before": ["12h"]},
    }
)
"""Leads wait to be claimed; a claimed one must be contacted within three days."""


class Ticking:
    """A clock that stands where it is put."""

    def __init__(self, now: datetime = NOON) -> None:
        self.time = now

    def now(self) -> datetime:
        return self.time

    def advance(self, **by: float) -> None:
        self.time += timedelta(**by)


def request(body: r.Body, id: str, actor: str = "manager/local", pool: str = POOL, **more: Any) -> r.Request:
    """A request in the actor's name."""
    values = {"pool": pool, "source": actor, "id": id, "actor": actor, "body": body, **more}
    return r.Request.model_validate(values)


def opening(pool: str = POOL, policy: Policy = PLAIN, **more: Any) -> r.Request:
    """Opens a pool."""
    body = r.OpenPool(policy=policy, calendar=build_calendar(policy, date(2026, 10, 12)), **more)
    return request(body, f"open-{pool}", pool=pool)


def joining(reps: Iterable[str], pool: str = POOL) -> list[r.Request]:
    """Lets reps join a pool."""
    return [request(r.AddMember(member=rep), f"add-{rep}", pool=pool) for rep in reps]


def arrival(number: int, pool: str = POOL, ref: str | None = None) -> r.Request:
    """A lead through the website's form; the same number is the same person."""
    touch = Touch(channel="web_form", ref=ref or f"form-{number}", door="command")
    person = Person(name="王小明", phones=(f"+86138{number:08d}",))
    return r.intake_request(pool, "adapter/web", r.SubmitIntake(touch=touch, person=person))


def claim(rep: str, lead: str, id: str | None = None, pool: str = POOL) -> r.Request:
    """A rep claims a lead."""
    return request(r.ClaimLead(lead=lead), id or f"claim-{lead}", f"rep/{rep}", pool)


class Decides(Protocol):
    """An engine, or an app."""

    def submit(self, requests: Sequence[r.Request]) -> list[Outcome]:
        """Decide requests."""
        ...


def open_team(engine: Decides, reps: Iterable[str] = ("wang", "li"), pool: str = POOL) -> None:
    """A pool with these reps."""
    for outcome in engine.submit([opening(pool), *joining(reps, pool)]):
        outcome.facts()
        assert outcome.refusal is None, outcome.refusal


def capture(engine: Decides, numbers: Iterable[int], pool: str = POOL) -> list[str]:
    """Leads of these numbers; gives their ids."""
    outcomes = engine.submit([arrival(number, pool) for number in numbers])
    return [outcome.facts()[0].subject for outcome in outcomes]
