"""All that one actor may see of one lead, in one piece: for `lead show` and its like."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from leadflow.domain import events as f
from leadflow.domain.calendar import WorkingTime
from leadflow.domain.policy import Calendar, Policy
from leadflow.domain.values import Money, Touch
from leadflow.log.envelope import decode
from leadflow.views.leads import LeadView, PoolView, Views
from leadflow.views.promises import moment_after
from leadflow.views.sentences import When, sentence
from leadflow.views.tracing import while_protected
from projections.lead_queries import policy_row, timeline_of

Documents = Callable[[str, Sequence[int], Sequence[int]], dict[int, bytes]]
"""Events' documents of a pool by sequence, found by sequences and positions: `Log.documents`."""


@dataclass(frozen=True, kw_only=True)
class TouchLine:
    """One arrival. Where it came from in the web is shown with the contact points only."""

    fact: str
    time: datetime
    channel: str
    campaign: str | None
    door: str
    occurred_at: datetime | None
    cost: Money | None
    landing_page: str | None = None
    referrer: str | None = None
    utm: dict[str, str] | None = None
    joined: str | None = None
    """`merge` or `transfer`: `time` is when the touch came to this lead so, not when it arrived."""


@dataclass(frozen=True, kw_only=True)
class ContactLine:
    """One logged contact."""

    fact: str
    time: datetime
    by: str
    outcome: str
    counts: bool
    means: str | None
    stated_at: datetime | None
    note: str | None


@dataclass(frozen=True, kw_only=True)
class Why:
    """The fact that gave the lead to its owner."""

    fact: str
    time: datetime
    mode: str
    rule: str | None
    group: str | None
    actor: str
    policy: int
    reason: str | None


@dataclass(frozen=True, kw_only=True)
class HistoryLine:
    """An event in one line; its times are the pool's."""

    fact: str
    time: datetime
    type: str
    actor: str
    says: str


@dataclass(frozen=True, kw_only=True)
class Story:
    """A lead with everything about it that the actor may see."""

    lead: LeadView
    why: Why | None
    at_the_longest: datetime | None
    """Until when contacts can extend the owner's deadline (`hold_at_most`)."""
    assigned_by: datetime | None
    """When a lead that nobody takes is assigned (`assign_after`)."""
    touches: list[TouchLine]
    contacts: list[ContactLine]
    notes: list[str]
    answers: dict[str, str]
    history: list[HistoryLine] | None
    """None where the actor may not see the lead's history."""


def story_of(views: Views, documents: Documents, actor: str, pool: str, reference: str) -> Story:
    """A lead's story as far as the actor may see it. Raises as `Views.lead` does."""
    lead = views.lead(actor, pool, reference)
    rows = timeline_of(views.database, pool, lead.lead)
    kept = documents(pool, [row["sequence"] for row in rows], [row["position"] for row in rows])
    events = [decode(kept[sequence]) for sequence in sorted(kept)]
    history = None
    if views.may_see_history(actor, lead):
        when, protected = _local(views.pool(pool)), while_protected((one.id, one.type) for one in events)
        told = {one.sequence: sentence(one, when, protected=one.id in protected) for one in events}
        history = [
            HistoryLine(
                fact=f"{pool}/{row['sequence']}",
                time=row["time"],
                type=row["type"].removeprefix("leadflow.").rpartition(".")[0],
                actor=row["actor"],
                says=told.get(row["sequence"]) or str(row["line"]),
            )
            for row in rows
        ]
    at_the_longest, assigned_by = _limits(views, lead)
    notes, answers = ([], {}) if lead.masked else _texts(events)
    return Story(
        lead=lead,
        why=_why(events, lead),
        at_the_longest=at_the_longest,
        assigned_by=assigned_by,
        touches=_all_touches(events, lead),
        contacts=[line for event in events for line in _contact(event, masked=lead.masked)],
        notes=notes,
        answers=answers,
        history=history,
    )


def _local(pool: PoolView) -> When:
    return lambda moment: "" if moment is None else f"{pool.local(moment):%Y-%m-%d %H:%M}"


_JOINED: dict[type[f.Fact], str] = {f.LeadsMerged: "merge", f.LeadTransferredIn: "transfer"}


def _all_touches(events: Sequence[f.Event], lead: LeadView) -> list[TouchLine]:
    """Every arrival once: a lead that comes back from another pool brings along what is known here."""
    known: set[tuple[str, str]] = set()
    lines = []
    for event in events:
        for touch, line in _touches(event, lead):
            if (touch.channel, touch.ref) not in known:
                known.add((touch.channel, touch.ref))
                lines.append(line)
    return lines


def _touches(event: f.Event, lead: LeadView) -> list[tuple[Touch, TouchLine]]:
    data = event.data
    if isinstance(data, f.LeadCaptured | f.TouchRecorded):
        touches: Sequence[Touch] = (data.touch,)
    elif isinstance(data, f.LeadsMerged | f.LeadTransferredIn) and lead.lead in (event.subject, _into(data)):
        touches = data.touches
    else:
        return []
    return [
        (
            touch,
            TouchLine(
                fact=event.id,
                time=event.time,
                channel=touch.channel,
                campaign=touch.campaign,
                door=touch.door,
                occurred_at=touch.occurred_at,
                cost=touch.cost,
                landing_page=None if lead.masked else touch.landing_page,
                referrer=None if lead.masked else touch.referrer,
                utm=None if lead.masked else touch.utm,
                joined=_JOINED.get(type(data)),
            ),
        )
        for touch in touches
    ]


def _into(data: f.LeadsMerged | f.LeadTransferredIn) -> str | None:
    return data.into if isinstance(data, f.LeadTransferredIn) else None


def _contact(event: f.Event, *, masked: bool) -> list[ContactLine]:
    data = event.data
    if not isinstance(data, f.ContactLogged):
        return []
    return [
        ContactLine(
            fact=event.id,
            time=event.time,
            by=data.by,
            outcome=data.outcome,
            counts=data.counts,
            means=data.means,
            stated_at=data.stated_at,
            note=None if masked else data.person.note,
        )
    ]


def _texts(events: Sequence[f.Event]) -> tuple[list[str], dict[str, str]]:
    """What the person wrote, and what forms further asked: the first answer to a question stays."""
    notes: list[str] = []
    answers: dict[str, str] = {}
    for event in events:
        if isinstance(event.data, f.LeadCaptured | f.TouchRecorded | f.LeadTransferredIn | f.LeadsMerged):
            person = event.data.person
            if person.note and person.note not in notes:
                notes.append(person.note)
            answers = dict(person.answers) | answers
    return notes, answers


def _why(events: Sequence[f.Event], lead: LeadView) -> Why | None:
    if lead.owner is None:
        return None
    for event in reversed(events):
        found = _giving(event.data)
        if found is None or event.subject != lead.lead:
            continue
        mode, rule, group, reason = found
        return Why(
            fact=event.id,
            time=event.time,
            mode=mode,
            rule=rule,
            group=group,
            actor=event.actor,
            policy=event.policy,
            reason=reason,
        )
    return None


def _giving(data: f.Fact) -> tuple[str, str | None, str | None, str | None] | None:
    if isinstance(data, f.LeadClaimed):
        return "next" if data.chosen else "claim", None, None, None
    if isinstance(data, f.LeadAssigned) and data.to is not None:
        return data.mode, data.rule, data.group, data.person.reason
    if isinstance(data, f.LeadHandedOver | f.CustomerHandedOver):
        return "hand_over", None, None, data.person.reason
    return None


def _limits(views: Views, lead: LeadView) -> tuple[datetime | None, datetime | None]:
    row = policy_row(views.database, lead.pool)
    if row is None:
        return None, None
    policy = Policy.model_validate(row["policy"])
    working = WorkingTime(Calendar.model_validate(row["calendar"]), policy.calendar)
    if lead.status == "private":
        return moment_after(working, lead.since, policy.follow_up.hold_at_most), None
    if lead.status in ("public", "queue"):
        return None, moment_after(working, lead.public_since, policy.recycling.assign_after)
    return None, None
