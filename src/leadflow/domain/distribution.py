"""Distribution: the ordered rules, who is available, and who gets a lead.

`distribute` decides for a lead that has just come in, `place` for one that waits or ran out of time.
Both return the fact to add, or None where the lead simply stays in the public pool.
"""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Literal, NamedTuple

from leadflow.domain import events as e
from leadflow.domain.calendar import CalendarNotCovered, NoWorkingTime
from leadflow.domain.draft import Draft
from leadflow.domain.follow_up import Promise, first_deadline
from leadflow.domain.ownership import groups_for
from leadflow.domain.policy import DistributionRule
from leadflow.domain.pool import EPOCH, PRIVATE, PUBLIC, QUEUE, Lead, Member, Pool
from leadflow.domain.refusing import refuse_closed
from leadflow.domain.requests import AssignLead
from leadflow.domain.rotation import Turns
from leadflow.domain.values import Person, speakable

Mode = Literal["rotation", "timeout"]
_assigned_to, _shares = e.maker(e.LeadAssigned), e.maker(e.Shares)


class Wanted(NamedTuple):
    """What availability for a lead depends on."""

    region: str | None
    industry: str | None
    past: dict[str, tuple[int, datetime | None]]


class Chosen(NamedTuple):
    """A rotation's choice, with everything that the fact says of it."""

    rep: str | None
    candidates: tuple[e.Candidate, ...]
    shares: e.Shares | None


def unavailable(pool: Pool, member: Member, now: datetime, *, by_name: bool = False) -> str | None:
    """Why the rep cannot be given a lead now, or None. Opening hours do not hold for who is named."""
    traits = member.traits
    if member.paused:
        return "paused"
    if traits.leave and not pool.working.is_open(now, None, traits.leave):
        return "on_leave"
    if traits.hours and not by_name and not pool.working.is_open(now, traits.hours, traits.leave):
        return "off_hours"
    if pool.at_cap(member):
        return "at_cap"
    return None


def unsuited(member: Member, wanted: Wanted) -> str | None:
    """Why the lead is not for this rep, or None."""
    traits = member.traits
    if traits.regions is not None and wanted.region not in traits.regions:
        return "region"
    if traits.industries is not None and wanted.industry not in traits.industries:
        return "industry"
    return None


def _pass_over_those_who_had_it(reps: list[Member], wanted: Wanted, skipped: dict[str, str | None]) -> None:
    if not wanted.past:
        return
    # Whoever will be back today is waited for; whoever is away for long or unsuited is not.
    rounds = {
        rep.id: wanted.past.get(rep.id, (0, None))[0]
        for rep in reps
        if skipped[rep.id] in (None, "off_hours", "at_cap") and unsuited(rep, wanted) is None
    }
    fewest = min(rounds.values(), default=0)
    # When all have had it, it starts over, but not with the one who has just failed it.
    last = next(reversed(wanted.past))
    over = list(rounds.values()).count(fewest) > 1
    for rep, times in rounds.items():
        if (times > fewest or (over and rep == last)) and skipped[rep] is None:
            skipped[rep] = "had_it"


@lru_cache(maxsize=4096)
def candidate(rep: str, weight: int, skipped: str | None) -> e.Candidate:
    """A rep that has no turn; most stand as they are in one lead's fact after another's."""
    return e.Candidate(rep=rep, weight=weight, skipped=skipped)


class _View(NamedTuple):
    """A group between two changes of availability: what every choice in it would work out anew."""

    reps: list[Member]
    weights: dict[str, int]
    away: dict[str, str | None]
    """Why a rep is away or full, where that is a matter of facts alone."""
    present: tuple[str, ...]
    """Who is neither."""
    plain: bool
    """Nobody has hours, leave, regions or industries: `away` is all that there is to say."""
    since: tuple[int, datetime]


def _view(pool: Pool, group: str) -> _View:
    known: _View | None = pool.views.get(group)
    if known is not None:
        return known
    reps = pool.reps_of(group)
    rules = pool.policy.groups.get(group)
    weights = {rep.id: rules.weights.get(rep.id, 1) if rules else 1 for rep in reps}
    away = {rep.id: "paused" if rep.paused else "at_cap" if pool.at_cap(rep) else None for rep in reps}
    traits = [(t.hours, t.leave, t.regions, t.industries) for t in (rep.traits for rep in reps)]
    plain = all(part is None for parts in traits for part in parts)
    sequence, time = pool.policy_seq, pool.policy_time
    for rep in reps:
        sequence, time = max(sequence, rep.changed_seq), max(time, rep.changed_time)
    present = tuple(rep for rep, reason in away.items() if reason is None)
    view = pool.views[group] = _View(reps, weights, away, present, plain, (sequence, time))
    return view


def _skipped(pool: Pool, view: _View, wanted: Wanted, now: datetime) -> dict[str, str | None]:
    """Each rep of the group, and why it is passed over for this lead, or None."""
    if view.plain and not wanted.past:
        return view.away
    skipped = {rep.id: unavailable(pool, rep, now) or unsuited(rep, wanted) for rep in view.reps}
    _pass_over_those_who_had_it(view.reps, wanted, skipped)
    return skipped


def _shares_since(pool: Pool, view: _View, now: datetime) -> tuple[int, datetime]:
    """The last change of availability in the group: by a fact, and by opening hours or leave."""
    sequence, time = view.since
    if not view.plain:
        for rep in view.reps:
            traits = rep.traits
            # Who is away or full is no more so when its hours begin or end.
            if (traits.hours or traits.leave) and view.away[rep.id] is None:
                changed = pool.working.last_change(now, traits.hours, traits.leave)
                time = max(time, changed or EPOCH)
    return sequence, time


def choose(pool: Pool, group: str, wanted: Wanted, now: datetime, order: str) -> Chosen:
    """Whose turn it is in a group, each rep considered, and why others were skipped."""
    view = _view(pool, group)
    skipped = _skipped(pool, view, wanted, now)
    if skipped is view.away:
        eligible = view.present
    else:
        eligible = tuple([rep for rep, reason in skipped.items() if reason is None])
    turns: Turns | None = None
    shares: e.Shares | None = None
    chosen: str | None = None
    members, weights = pool.members, view.weights
    if eligible and order == "least_loaded":
        loads = [(len(members[rep].held), members[rep].last_given) for rep in eligible]
        chosen = eligible[loads.index(min(loads))]
    elif eligible:
        sequence, time = _shares_since(pool, view, now)
        rotation = pool.rotations.get(group)
        if rotation is not None and (rotation.sequence, rotation.time) == (sequence, time):
            turns = rotation.turns.get(eligible)
        if turns is None:
            turns = Turns(eligible, [weights[rep] for rep in eligible])
        soonest = turns.soonest()
        waited = [members[rep].last_given for rep in soonest]
        chosen = soonest[waited.index(min(waited))]
        shares = _shares(sequence=sequence, time=time, turn=turns.turn)
    if turns is not None and len(eligible) == len(weights):
        candidates = tuple(turns.standing)
    else:
        standing = dict(zip(eligible, turns.standing, strict=True)) if turns is not None else {}
        candidates = tuple(
            [standing.get(rep) or candidate(rep, weights[rep], skipped[rep]) for rep in weights]
        )
    pool.chosen_in = (candidates, turns)
    return Chosen(chosen, candidates, shares)


def _assigned(
    pool: Pool, now: datetime, group: str, mode: Mode, rule: str | None, order: str, chosen: Chosen
) -> e.Fact:
    promise = _promise(pool, now)
    if isinstance(promise, str):
        return e.AssignmentFailed(
            mode=mode, rule=rule, group=group, reason=promise, candidates=chosen.candidates
        )
    return _assigned_to(
        to=chosen.rep,
        mode=mode,
        rule=rule,
        group=group,
        order="least_loaded" if order == "least_loaded" else "weighted",
        shares=chosen.shares,
        candidates=chosen.candidates,
        until=promise.until,
        past_calendar=promise.past_calendar,
    )


def _promise(pool: Pool, now: datetime) -> Promise | str:
    """The first deadline, or why there can be none: an arrival is taken in all the same."""
    try:
        return first_deadline(pool, now)
    except CalendarNotCovered:
        return "calendar_not_covered"
    except NoWorkingTime:
        return "no_working_time"


def _directed(pool: Pool, rule: DistributionRule, now: datetime) -> e.Fact:
    name = rule.target.directed
    member = pool.rep(name)
    reason = "unknown_rep" if member is None else unavailable(pool, member, now, by_name=True)
    promise = reason or _promise(pool, now)
    if isinstance(promise, Promise):
        return e.LeadAssigned(
            to=name, mode="directed", rule=rule.name, until=promise.until, past_calendar=promise.past_calendar
        )
    considered = () if name is None else (e.Candidate(rep=name, skipped=reason),)
    return e.AssignmentFailed(mode="directed", rule=rule.name, reason=promise, candidates=considered)


def distribute(pool: Pool, rule: DistributionRule | None, wanted: Wanted, now: datetime) -> e.Fact | None:
    """What becomes of a lead that has just come in: the fact, or None where its rule says hold."""
    if rule is None:
        return e.AssignmentFailed(mode="rotation", reason="no_rule")
    target = rule.target
    group = target.rotation
    if group is None:
        if target.queue is not None:
            return e.LeadAssigned(queue=target.queue, mode="directed", rule=rule.name)
        return None if target.hold else _directed(pool, rule, now)
    name, order = rule.name, target.order
    chosen = choose(pool, group, wanted, now, order)
    if chosen.rep is None:
        reason = "nobody_available" if chosen.candidates else "empty_group"
        return e.AssignmentFailed(
            mode="rotation", rule=name, group=group, reason=reason, candidates=chosen.candidates
        )
    return _assigned(pool, now, group, "rotation", name, order, chosen)


def wanted_by(lead: Lead) -> Wanted:
    """What availability for a known lead depends on."""
    return Wanted(lead.region, lead.industry, lead.past)


def place(pool: Pool, lead: Lead, groups: tuple[str, ...], mode: Mode, now: datetime) -> e.Fact:
    """Give a known lead to the next rep of the first group that has one, or say why that failed."""
    rule = pool.policy.rule(lead.rule)
    name = rule.name if rule else None
    considered: tuple[e.Candidate, ...] = ()
    for group in groups:
        order = rule.target.order if rule and rule.target.rotation == group else "weighted"
        chosen = choose(pool, group, wanted_by(lead), now, order)
        if chosen.rep is not None:
            return _assigned(pool, now, group, mode, name, order, chosen)
        considered += chosen.candidates
    reason = "nobody_available" if considered else ("empty_group" if groups else "no_fallback")
    return e.AssignmentFailed(
        mode=mode, rule=name, group=groups[0] if groups else None, reason=reason, candidates=considered
    )


def timed_out(pool: Pool, lead: Lead, now: datetime) -> e.Fact:
    """Nobody took the lead within `assign_after`: its rule's group, else the fallback."""
    return place(pool, lead, groups_for(pool, lead), "timeout", now)


def assign(pool: Pool, lead: Lead, body: AssignLead, draft: Draft) -> None:
    """A manager or marketing gives an unowned lead to a rep, by hand and with a reason."""
    member = pool.rep(body.to)
    if member is None:
        draft.refuse("unknown_rep", subject=lead.id, detail=speakable(body.to))
    elif lead.status == PRIVATE:
        draft.refuse("owned", subject=lead.id, winner=lead.owner, position=lead.owner_seq)
    elif lead.status not in (PUBLIC, QUEUE):
        refuse_closed(lead, draft)
    elif pool.at_cap(member):
        draft.refuse(
            "at_cap", subject=lead.id, rep=member.id, limit=pool.cap_of(member), used=len(member.held)
        )
    else:
        promise = first_deadline(pool, draft.now)
        draft.add(
            lead.id,
            e.LeadAssigned(
                to=member.id,
                mode="manual",
                until=promise.until,
                past_calendar=promise.past_calendar,
                person=Person(reason=body.reason),
            ),
        )
