"""What the API answers with: one model for each kind of answer, with an example of it.

Times are RFC 3339 in UTC. A member that has no value is `null`, so that every answer of a kind has the same
members.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Literal

from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from leadflow.api import examples
from leadflow.bootstrap.looking import LeadView, Story
from leadflow.domain.values import Money, ScorePart, UtcTime


class Answer(BaseModel):
    """Base of every answer."""

    model_config = ConfigDict(from_attributes=True, frozen=True)


def answer(document: BaseModel, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A document as an answer."""
    found = dict(headers or {})
    return Response(document.model_dump_json(by_alias=True), status, found, media_type="application/json")


def example(value: dict[str, Any]) -> ConfigDict:
    """The configuration of a model with this example."""
    return ConfigDict(json_schema_extra={"examples": [value]})


class Lead(Answer):
    """A lead as the caller may see it: what it may not see is masked, and `masked` says so."""

    model_config = example(examples.LEAD)

    pool: str
    lead: str
    etag: Annotated[str, Field(description="Names this state; give it back as `If-Match`.")]
    status: Annotated[
        str,
        Field(description="public, queue, private, converted, disqualified, merged, transferred"),
    ]
    owner: str | None
    since: Annotated[UtcTime | None, Field(description="Since when the owner has it.")]
    until: Annotated[UtcTime | None, Field(description="The promise: the owner's deadline.")]
    queue: str | None
    waiting: Annotated[str | None, Field(description="What it waits for: a rep, or a manager.")]
    failed: Annotated[str | None, Field(description="Why nobody could be given it.")]
    rule: Annotated[str | None, Field(description="The policy's rule that it met.")]
    score: int
    score_class: str | None
    breakdown: list[ScorePart]
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
    masked: Annotated[bool, Field(description="Name and contact points are masked.")]
    captured_at: UtcTime
    public_since: UtcTime | None
    last_sequence: Annotated[int, Field(description="Sequence of the last fact about it.")]
    touches: int
    contacts: Annotated[int, Field(description="Logged contacts that count.")]
    tries: int
    collaborators: Annotated[dict[str, str | None], Field(description="By member: until when.")]
    protected: bool
    protected_until: UtcTime | None
    customer: str | None
    merged_into: str | None
    to_pool: str | None

    @classmethod
    def of(cls, view: LeadView) -> Lead:
        """The lead as a view shows it."""
        return cls.model_validate(vars(view) | {"etag": etag_of(view)})


def etag_of(view: LeadView) -> str:
    """The strong tag of a lead's state, by its last sequence; who sees it masked sees another document."""
    return f'"{view.last_sequence}-masked"' if view.masked else f'"{view.last_sequence}"'


class Fact(Answer):
    """A fact: what happened, for ever. People's data stands in none of its members."""

    model_config = example(examples.FACT)

    id: Annotated[str, Field(description="POOL/SEQUENCE: of two facts of a pool, the lower was first.")]
    type: str
    time: UtcTime
    subject: Annotated[str, Field(description="The lead, member, channel or pool that it is about.")]
    says: Annotated[str, Field(description="The fact in words.")]
    data: dict[str, Any]


class Changed(Answer):
    """What a change caused."""

    model_config = example(
        {"pool": "east", "request": examples.REQUEST, "repeated": False, "facts": [examples.FACT]}
    )

    pool: str
    request: Annotated[str, Field(description="The request's id: the `Idempotency-Key`.")]
    repeated: Annotated[bool, Field(description="It was decided before; this is its first outcome.")]
    facts: list[Fact]


class LeadChanged(Answer):
    """What a change of a lead caused, and the lead as it is now."""

    model_config = example(examples.LEAD_CHANGED)

    pool: str
    lead: str
    request: Annotated[str, Field(description="The request's id: the `Idempotency-Key`.")]
    repeated: Annotated[bool, Field(description="It was decided before; this is its first outcome.")]
    facts: list[Fact]
    state: Annotated[Lead | None, Field(description="The lead as the caller sees it; null if it does not.")]


class Accepted(Answer):
    """The request is kept for certain, and not decided yet."""

    model_config = example(
        {
            "pool": "east",
            "request": examples.REQUEST,
            "status": "waiting",
            "location": f"/v1/requests/{examples.REQUEST}?pool=east",
        }
    )

    pool: str
    request: str
    status: Literal["waiting"]
    location: Annotated[str, Field(description="Where its outcome will be.")]


# --- one lead, whole ------------------------------------------------------------------------


class Touch(Answer):
    """One arrival. Where it came from in the web is shown with the contact points only."""

    fact: str
    time: UtcTime
    channel: str
    campaign: str | None
    door: str
    occurred_at: UtcTime | None
    cost: Money | None
    landing_page: str | None
    referrer: str | None
    utm: dict[str, str] | None
    joined: Annotated[str | None, Field(description="`merge` or `transfer`, where it came to the lead so.")]


class Contact(Answer):
    """One logged contact."""

    fact: str
    time: UtcTime
    by: str
    outcome: str
    counts: bool
    means: str | None
    stated_at: UtcTime | None
    note: str | None


class Why(Answer):
    """The fact that gave the lead to its owner."""

    fact: str
    time: UtcTime
    mode: str
    rule: str | None
    group: str | None
    actor: str
    policy: int
    reason: str | None


class HistoryLine(Answer):
    """One event of a lead, in a line."""

    fact: str
    time: UtcTime
    type: str
    actor: str
    says: str


class LeadStory(Answer):
    """A lead with everything about it that the caller may see."""

    model_config = example(examples.STORY)

    lead: Lead
    why: Why | None
    at_the_longest: Annotated[
        UtcTime | None, Field(description="Until when contacts can extend the owner's deadline.")
    ]
    assigned_by: Annotated[UtcTime | None, Field(description="When a lead that nobody takes is assigned.")]
    touches: list[Touch]
    contacts: list[Contact]
    notes: list[str]
    answers: dict[str, str]
    history: Annotated[
        list[HistoryLine] | None, Field(description="null where the caller may not see the history.")
    ]

    @classmethod
    def of(cls, story: Story) -> LeadStory:
        """The story as the caller may see it."""
        return cls.model_validate({**vars(story), "lead": Lead.of(story.lead)})


class LeadList(Answer):
    """A page of leads."""

    model_config = example({"items": [examples.LEAD], "total": 1, "next": None})

    items: list[Lead]
    total: Annotated[int, Field(description="How many there are on all pages.")]
    next: Annotated[str | None, Field(description="The cursor of the next page; null on the last one.")]


# --- pools ----------------------------------------------------------------------------------


class Pool(Answer):
    """A pool: its rules are no secret; its figures are shown to those who may see reports of it."""

    model_config = example(examples.POOL)

    pool: str
    clock: Annotated[str, Field(description="`real`, or `requests`: the requests' own times.")]
    opened_at: UtcTime
    policy_name: str
    policy_version: int
    timezone: str
    covered_until: Annotated[date | None, Field(description="The last day whose holidays are known.")]
    calendar_source: str | None
    leads: Annotated[dict[str, int] | None, Field(description="Leads by status.")]
    waiting: Annotated[int | None, Field(description="Leads that wait for a rep.")]
    oldest_public_since: UtcTime | None
    next_deadline: UtcTime | None
    last_sequence: int | None
    last_time: UtcTime | None


class PoolList(Answer):
    """A page of pools."""

    model_config = example({"items": [examples.POOL], "next": None})

    items: list[Pool]
    next: Annotated[str | None, Field(description="The cursor of the next page; null on the last one.")]


_OF_A_POOL = ("leads", "waiting", "oldest_public_since", "next_deadline", "last_sequence", "last_time")


def pool_of(row: Mapping[str, Any], *, figures: bool) -> Pool:
    """A pool by its summary; with its figures, for those who may see them."""
    return Pool(
        pool=row["pool"],
        clock=row["clock"],
        opened_at=row["opened_at"],
        policy_name=row["policy_name"],
        policy_version=row["policy_version"],
        timezone=row["timezone"],
        covered_until=row["covered_until"],
        calendar_source=row["calendar_source"],
        **{name: row[name] if figures else None for name in _OF_A_POOL},
    )
