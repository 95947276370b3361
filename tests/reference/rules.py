"""The reference model's rules that several decisions share: who may, scores, limits, shares, promises.

Each is the sentence of the rules and a search through everything that is known, without any index.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

from leadflow.domain import events as e
from leadflow.domain.policy import Condition, DistributionRule
from leadflow.domain.values import Company, Touch
from tests.reference.state import History, Lead, Member


class Wanted(NamedTuple):
    """A fact that the rules ask for. A member may be a set: any of these; or a check of its own."""

    kind: type[e.Fact]
    subject: str
    members: dict[str, Any]


Particulars = dict[str, Any]
Reasons = dict[str, Particulars]
"""Why a request must be refused, each reason with the particulars that its refusal names."""


def wanted(kind: type[e.Fact], subject: str, **members: Any) -> Wanted:
    return Wanted(kind, subject, members)


# --- people ----------------------------------------------------------------------------------


def member_as(history: History, actor: str) -> bool:
    """Whether this actor has here the role that it comes with."""
    role, _, name = actor.partition("/")
    if name == "local" or actor == history.opener:
        return True
    member = history.members.get(name)
    return member is not None and member.present and member.role == role


def has_role(history: History, actor: str, *roles: str) -> bool:
    return actor.partition("/")[0] in roles and member_as(history, actor)


def on_leave(history: History, member: Member, moment: datetime) -> bool:
    day = history.clock.day(moment)
    return any(x.first_day <= day <= x.last_day for x in member.traits.leave or ())


def there(history: History, rep: str, moment: datetime) -> set[str]:
    """Why a rep can be given nothing at all just then; nothing if it can."""
    known = history.away.get((rep, moment))
    if known is not None:
        return known
    member = history.members[rep]
    hours = member.traits.hours
    away = {
        "paused": member.paused,
        "on_leave": on_leave(history, member, moment),
        "off_hours": hours is not None and not history.clock.within(moment, hours),
        "at_cap": full(history, rep),
    }
    found = {reason for reason, holds in away.items() if holds}
    history.away[rep, moment] = found
    return found


def cap(history: History, rep: str) -> int | None:
    own = history.members[rep].traits.holding_cap
    return history.policy.claiming.held_at_once if own is None else own


def held(history: History, rep: str) -> int:
    return len(history.of(rep, "private"))


def full(history: History, rep: str) -> bool:
    most = cap(history, rep)
    return most is not None and held(history, rep) >= most


def skips(history: History, lead: Lead, rep: str, moment: datetime) -> set[str]:
    """Every reason for which a rotation passes a rep over."""
    traits = history.members[rep].traits
    found = set(there(history, rep, moment))
    if traits.regions is not None and lead.company.get("region") not in traits.regions:
        found.add("region")
    if traits.industries is not None and lead.company.get("industry") not in traits.industries:
        found.add("industry")
    return found


# --- scores and rules ------------------------------------------------------------------------


def meets(when: Condition, touch: Touch, company: dict[str, Any], score: int | None) -> bool:
    """Every part that is given holds; what is not known meets nothing."""

    def among(value: Any, allowed: tuple[str, ...] | None) -> bool:
        return allowed is None or value in allowed

    def lies(value: int | None, bounds: Any) -> bool:
        if bounds is None:
            return True
        return value is not None and (
            (bounds.min is None or value >= bounds.min) and (bounds.max is None or value <= bounds.max)
        )

    return (
        among(touch.channel, when.channel)
        and among(touch.campaign, when.campaign)
        and among(company.get("region"), when.region)
        and among(company.get("industry"), when.industry)
        and lies(company.get("size"), when.company_size)
        and lies(score, when.score)
        and among(touch.referrer_class, when.referrer_class)
        and among(touch.search_engine, when.search_engine)
        and (when.landing_page is None or (touch.landing_page or "").startswith(when.landing_page))
        and all(touch.utm.get(name) == value for name, value in (when.utm or {}).items())
    )


def score_of(history: History, touch: Touch, company: dict[str, Any], asked: int, filled: int) -> int:
    rules = history.policy.scoring
    total = rules.base + (rules.completeness * filled // asked if asked else 0)
    total += sum(rule.points for rule in rules.rules if meets(rule.when, touch, company, None))
    return max(0, min(100, total))


def class_of(history: History, score: int) -> str | None:
    floors = {floor: name for name, floor in history.policy.score_classes.items() if score >= floor}
    return floors[max(floors)] if floors else None


def first_rule(history: History, touch: Touch, company: Company, score: int) -> DistributionRule | None:
    known = company.model_dump()
    return next((x for x in history.policy.rules if meets(x.when, touch, known, score)), None)


def order_of(history: History, lead: Lead, group: str) -> str:
    rule = history.policy.rule(lead.rule)
    return rule.target.order if rule and rule.target.rotation == group else "weighted"


# --- promises --------------------------------------------------------------------------------


def unreachable(history: History, moment: datetime, *durations: Any) -> Reasons:
    """Why a time so long after a moment cannot be said."""
    for duration in durations:
        if duration is None or not duration.on_calendar:
            continue
        end = history.clock.after(moment, duration)
        if end is None:
            return {"no_working_time": {}}
        if not history.clock.covers(end) and history.policy.calendar.past_coverage == "refuse":
            return {"calendar_not_covered": {}}
    return {}


def first_deadline(history: History, moment: datetime) -> datetime | None:
    """`first_contact_within` after a lead became the rep's; without it `hold_at_most`."""
    rules = history.policy.follow_up
    duration = rules.first_contact_within or rules.hold_at_most
    return None if duration is None else history.clock.after(moment, duration)


def unpromised(history: History, moment: datetime) -> Reasons:
    """Why no deadline could be given with a lead."""
    rules = history.policy.follow_up
    return unreachable(history, moment, rules.first_contact_within or rules.hold_at_most)


def past_calendar(history: History, until: datetime | None) -> bool:
    rules = history.policy.follow_up
    duration = rules.first_contact_within or rules.hold_at_most
    return bool(until and duration and duration.on_calendar and not history.clock.covers(until))


def after_contact(history: History, lead: Lead, moment: datetime) -> datetime | None:
    """max(deadline so far, min(contact + keep_for, owned since + hold_at_most))."""
    rules = history.policy.follow_up
    assert lead.since is not None
    ends = []
    if rules.keep_for is not None:
        ends.append(history.clock.after(moment, rules.keep_for))
    if rules.hold_at_most is not None:
        ends.append(history.clock.after(lead.since, rules.hold_at_most))
    if lead.until is None or not ends:
        return None
    return max(lead.until, min(x for x in ends if x is not None))


def after_protection(history: History, lead: Lead, moment: datetime) -> datetime | None:
    """max(old deadline, then + keep_for); where nothing says how long a contact keeps, as for a first one."""
    keep = history.policy.follow_up.keep_for or history.policy.follow_up.first_contact_within
    end = None if keep is None else history.clock.after(moment, keep)
    return lead.until if lead.until is None or end is None else max(lead.until, end)


# --- claiming --------------------------------------------------------------------------------


def claims_of(history: History, moment: datetime) -> list[e.LeadClaimed]:
    """The claims of the pool's local day."""
    day = history.clock.day(moment)
    claims = ((x.time, x.data) for x in history.facts if isinstance(x.data, e.LeadClaimed))
    return [claim for time, claim in claims if history.clock.day(time) == day]


def rep_cannot_claim(history: History, rep: str, moment: datetime) -> Reasons:
    """What keeps a rep from claiming any lead."""
    rules = history.policy.claiming
    found: Reasons = {}
    tomorrow = history.clock.midnight_after(moment)
    today = claims_of(history, moment)
    own = [x for x in today if x.rep == rep]

    def daily(reason: str, most: int | None, used: int) -> None:
        if most is not None and used >= most:
            found[reason] = {"limit": most, "used": used, "until": tomorrow if most else None}

    if history.members[rep].paused:
        found["paused"] = {}
    daily("daily_limit", rules.per_rep_per_day, len(own))
    daily("pool_daily_limit", rules.per_pool_per_day, len(today))
    for name, most in rules.per_group_per_day.items():
        if rep in history.group(name):
            every = history.group(name, gone=True)
            theirs = [x for x in today if x.rep in every]
            daily("group_daily_limit", most, len(theirs))
    if full(history, rep):
        found["at_cap"] = {"limit": cap(history, rep), "used": held(history, rep)}
    last = [x for x in history.facts if isinstance(x.data, e.LeadClaimed) and x.data.rep == rep][-1:]
    if last and rules.min_gap is not None:
        found |= unreachable(history, last[0].time, rules.min_gap)
        next_one = history.clock.after(last[0].time, rules.min_gap)
        if next_one is None or moment < next_one:
            found["min_gap"] = {"until": next_one}
    return found | unpromised(history, moment)


def lead_cannot_be_claimed(history: History, lead: Lead, rep: str, moment: datetime) -> Reasons:
    """What keeps this rep from claiming this public lead."""
    rules = history.policy.claiming
    found: Reasons = {}
    kind = class_of(history, lead.score)
    most = rules.per_class_per_day.get(kind) if kind else None
    same = [x for x in claims_of(history, moment) if x.rep == rep and x.score_class == kind]
    if most is not None and len(same) >= most:
        until = history.clock.midnight_after(moment) if most else None
        found["class_daily_limit"] = {"limit": most, "used": len(same), "detail": kind, "until": until}
    for reason, start, length in (
        ("not_open_yet", lead.fresh if not lead.had else None, rules.open_after),
        ("cool_down", lead.left.get(rep), rules.cool_down),
    ):
        if start is not None and length is not None:
            found |= unreachable(history, start, length)
            end = history.clock.after(start, length)
            if end is None or moment < end:
                found[reason] = {"until": end}
    return found


# --- rotation --------------------------------------------------------------------------------

Check = Callable[[Any], bool]


def eligible(history: History, lead: Lead, group: str, moment: datetime) -> list[str]:
    """The reps of a group that may be given a lead now.

    Who had it more often is passed over until all have had it as often, and when all have, whoever had it
    last. All are those whom the lead suits and who are not away, even if they are off hours or full just now.
    """
    reasons = {x: skips(history, lead, x, moment) for x in history.group(group)}
    every = [x for x in reasons if not reasons[x] & {"region", "industry", "paused", "on_leave"}]
    fewest = min((lead.had.count(x) for x in every), default=0)
    turn = [x for x in every if lead.had.count(x) == fewest]
    if len(turn) > 1 and lead.had:
        turn = [x for x in turn if x != lead.had[-1]]
    return [x for x in turn if not reasons[x]]


def candidates_are(history: History, lead: Lead, groups: tuple[str, ...], moment: datetime) -> Check:
    """Every rep of the groups stands there once for each, passed over for a true reason or not at all."""
    known = [
        (rep, rep in eligible(history, lead, group, moment), skips(history, lead, rep, moment))
        for group in groups
        for rep in history.group(group)
    ]

    def fits(one: e.Candidate, rep: str, free: bool, reasons: set[str]) -> bool:
        if one.rep != rep:
            return False
        if free:
            return one.skipped is None
        return one.skipped in reasons | ({"had_it"} if rep in lead.had else set())

    def check(candidates: tuple[e.Candidate, ...]) -> bool:
        left = list(known)
        for one in candidates:
            fitting = [x for x in left if fits(one, *x)]
            if not fitting:
                return False
            left.remove(fitting[0])
        return not left

    return check


def rotated(history: History, lead: Lead, moment: datetime, groups: tuple[str, ...], mode: str) -> Wanted:
    """A lead goes to the next of the first group that has somebody, or nobody is available."""
    for group in groups:
        if to := eligible(history, lead, group, moment):
            return _turn_of(history, lead, moment, group, mode, to)
    members: dict[str, Any] = {"mode": mode, "group": groups[0] if groups else None}
    if not groups:
        return wanted(e.AssignmentFailed, lead.id, reason="no_fallback", **members)
    reason = "nobody_available" if any(history.group(x) for x in groups) else "empty_group"
    check = candidates_are(history, lead, groups, moment)
    return wanted(e.AssignmentFailed, lead.id, reason=reason, candidates=check, **members)


def _turn_of(history: History, lead: Lead, moment: datetime, group: str, mode: str, to: list[str]) -> Wanted:
    members = {
        "mode": mode,
        "group": group,
        "candidates": candidates_are(history, lead, (group,), moment),
    }
    if problems := unpromised(history, moment):
        return wanted(e.AssignmentFailed, lead.id, reason=set(problems), **members)
    order = order_of(history, lead, group)
    if order == "least_loaded":
        least = min(held(history, x) for x in to)
        to = [x for x in to if held(history, x) == least]
    until = first_deadline(history, moment)
    past = past_calendar(history, until)
    return wanted(
        e.LeadAssigned, lead.id, to=set(to), order=order, until=until, past_calendar=past, **members
    )
