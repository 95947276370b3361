"""What views give: leads as one actor may see them, pools, and how far reports reach."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from typing import Any, NamedTuple


@dataclass(frozen=True, kw_only=True)
class LeadView:
    """A lead as one actor may see it."""

    pool: str
    lead: str
    status: str
    owner: str | None
    since: datetime | None
    """Since when the owner has it."""
    until: datetime | None
    """The promise: the owner's deadline."""
    queue: str | None
    waiting: str | None
    failed: str | None
    rule: str | None
    score: int
    score_class: str | None
    breakdown: list[dict[str, Any]]
    channel: str
    campaign: str | None
    region: str | None
    city: str | None
    industry: str | None
    size: int | None
    company_name: str | None
    person_name: str | None
    phones: list[str]
    emails: list[str]
    wechats: list[str]
    masked: bool
    """Name and contact points are masked."""
    captured_at: datetime
    public_since: datetime | None
    last_sequence: int
    """What `if_sequence` is compared with."""
    touches: int
    contacts: int
    """Logged contacts that count."""
    tries: int
    collaborators: dict[str, str | None]
    """By member: until when."""
    protected: bool
    protected_until: datetime | None
    customer: str | None
    merged_into: str | None
    to_pool: str | None


class LeadPage(NamedTuple):
    """Leads in order, and how many there are without the limit."""

    leads: list[LeadView]
    total: int
    places: Sequence[tuple[int | datetime | None, int]]
    """Where each of them stands in the order: a list can be read on from there (`Criteria.after`)."""


class ReportScope(NamedTuple):
    """What an actor's reports may count."""

    pools: list[str]
    rep: str | None
    """Only this rep's own figures; None for everybody's."""


class PoolView(NamedTuple):
    """A pool, with what its times and amounts need to be shown."""

    pool: str
    clock: str
    opened_at: datetime
    policy_version: int
    policy: dict[str, Any]
    offsets: list[dict[str, Any]]
    covered_until: date | None
    """The last day for which the calendar's holidays are known."""

    def local(self, moment: datetime) -> datetime:
        """The moment in the pool's local time."""
        minutes = 0
        for offset in self.offsets:
            if datetime.fromisoformat(offset["start"]) <= moment:
                minutes = offset["minutes"]
        return moment.astimezone(timezone(timedelta(minutes=minutes)))


def mask_name(name: str | None) -> str | None:
    """A name as those see it who may not see the contact points: `王**`. With a company it finds a phone."""
    return f"{name[:1]}**" if name else None
