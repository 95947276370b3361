"""The reference model of intake: whose arrival it is, and where a new lead goes."""

from __future__ import annotations

from datetime import datetime

from leadflow.domain import events as e
from leadflow.domain import requests as r
from leadflow.domain.values import Company, Money, Person, Touch, derived_id
from tests.reference.leads import Verdict, refused
from tests.reference.rules import (
    Wanted,
    class_of,
    first_deadline,
    first_rule,
    full,
    has_role,
    on_leave,
    rotated,
    score_of,
    unpromised,
    wanted,
)
from tests.reference.state import KINDS, LIVE, History, Lead


def intake(history: History, request: r.Request, body: r.SubmitIntake, now: datetime) -> Verdict:
    role = request.actor.partition("/")[0]
    if role not in ("adapter", "system") and not has_role(
        history, request.actor, "manager", "marketing", "rep"
    ):
        return refused("not_permitted")
    if found := _known(history, body.person):
        return _touched(history, body, found, now)
    lead = Lead(
        derived_id("lead", request.pool, request.identity),
        0,
        now,
        [body.touch],
        body.asked,
        body.filled,
        0,
        None,
    )
    lead.describe(body.company, over=True)
    lead.score = score_of(history, body.touch, lead.company, body.asked, body.filled)
    rule = first_rule(history, body.touch, body.company, lead.score)
    lead.rule = rule.name if rule else None
    captured = wanted(
        e.LeadCaptured,
        lead.id,
        score=lead.score,
        score_class=class_of(history, lead.score),
        rule=lead.rule,
        touch=priced(history, body.touch),
        person=body.person,
        breakdown=lambda parts: max(0, min(100, sum(x.points for x in parts))) == lead.score,
    )
    return [captured, *distributed(history, lead, now)]


def receive(history: History, request: r.Request, body: r.ReceiveTransfer, now: datetime) -> Verdict:
    """A lead that another pool gave away: one that is known here joins it, another is placed as a new one."""
    if not request.actor.startswith("system/"):
        return refused("not_permitted")
    lead = Lead(body.lead, 0, now, list(body.touches), body.asked, body.filled, 0, None)
    lead.describe(body.company, over=True)
    lead.score = score_of(history, body.touches[0], lead.company, body.asked, body.filled)
    found = _known(history, body.person)
    here = found[0][1] if found else None
    rule = None if here else first_rule(history, body.touches[0], body.company, lead.score)
    lead.rule = rule.name if rule else None
    came = wanted(
        e.LeadTransferredIn,
        here.id if here else lead.id,
        into=here.id if here else None,
        also_matches=_others(found),
        score=lead.score,
        score_class=class_of(history, lead.score),
        rule=lead.rule,
        **{x: getattr(body, x) for x in ("from_pool", "from_fact", "person", "company", "touches")},
        **{x: getattr(body, x) for x in ("asked", "filled")},
    )
    if here is None:
        return [came, *distributed(history, lead, now)]
    reopened = [wanted(e.LeadReopened, here.id, cause="touch")] if here.status == "disqualified" else []
    return [came, *reopened, *rescored(history, here, body.company, over=False)]


def _known(history: History, person: Person) -> list[tuple[str, Lead]]:
    """Leads that share a contact point: by phone, then e-mail, then WeChat id, of each the oldest first."""
    found: list[tuple[str, Lead]] = []
    for kind, name in zip(KINDS, ("phone", "email", "wechat"), strict=True):
        holders = {h.id: h for v in getattr(person, kind) if (h := history.holder(kind, v))}
        found += [(name, h) for h in sorted(holders.values(), key=lambda x: x.born)]
    return found


def _others(found: list[tuple[str, Lead]]) -> tuple[str, ...]:
    """Ids of those that were found beside the first, the oldest first."""
    others = {h.id: h for _, h in found if h is not found[0][1]}
    return tuple(x.id for x in sorted(others.values(), key=lambda x: x.born))


def priced(history: History, touch: Touch) -> Touch:
    """What a touch cost: its own figure, else its channel's unit cost."""
    if touch.cost is not None:
        return touch.model_copy(update={"cost_basis": "own"})
    rules = history.policy.channels.get(touch.channel)
    if rules is None or rules.unit_cost is None:
        return touch
    cost = Money(amount=rules.unit_cost, currency=history.policy.currency)
    return touch.model_copy(update={"cost": cost, "cost_basis": "unit_cost"})


def distributed(history: History, lead: Lead, now: datetime) -> list[Wanted]:
    rule = history.policy.rule(lead.rule)
    if rule is None:
        return [wanted(e.AssignmentFailed, lead.id, reason="no_rule")]
    target = rule.target
    if target.hold:
        return []
    if target.queue is not None:
        return [wanted(e.LeadAssigned, lead.id, queue=target.queue, to=None, mode="directed")]
    if target.rotation is not None:
        return [rotated(history, lead, now, (target.rotation,), "rotation")]
    assert target.directed is not None
    return [_directed(history, lead, target.directed, now)]


def _directed(history: History, lead: Lead, rep: str, now: datetime) -> Wanted:
    problems = set(unpromised(history, now))
    if not history.is_rep(rep):
        problems = {"unknown_rep"}
    else:
        problems |= {"paused"} if history.members[rep].paused else set()
        problems |= {"on_leave"} if on_leave(history, history.members[rep], now) else set()
        problems |= {"at_cap"} if full(history, rep) else set()
    if problems:
        return wanted(e.AssignmentFailed, lead.id, reason=problems, mode="directed")
    return wanted(e.LeadAssigned, lead.id, to=rep, mode="directed", until=first_deadline(history, now))


def _touched(history: History, body: r.SubmitIntake, found: list[tuple[str, Lead]], now: datetime) -> Verdict:
    by, lead = found[0]
    facts = [
        wanted(
            e.TouchRecorded,
            lead.id,
            touch=priced(history, body.touch),
            matched_by=by,
            owner=lead.owner,
            status=lead.status,
            also_matches=_others(found),
        )
    ]
    if lead.status == "disqualified":
        facts.append(wanted(e.LeadReopened, lead.id, cause="touch"))
    return facts + rescored(history, lead, body.company, over=False)


def rescored(history: History, lead: Lead, company: Company, over: bool) -> list[Wanted]:
    """A new score, where what is known now gives one."""
    known = Lead(lead.id, 0, lead.fresh, lead.touches, lead.asked, lead.filled, 0, None)
    known.company = dict(lead.company)
    known.describe(company, over)
    if known.company == lead.company or lead.status not in (*LIVE, "disqualified"):
        return []
    score = score_of(history, lead.touches[0], known.company, lead.asked, lead.filled)
    if score == lead.score:
        return []
    return [
        wanted(e.LeadRescored, lead.id, score=score, before=lead.score, score_class=class_of(history, score))
    ]
