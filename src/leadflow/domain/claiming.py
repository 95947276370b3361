"""Claiming: a rep takes a public lead. Log order decides; every limit is checked at that moment."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from leadflow.domain import events as e
from leadflow.domain.calendar import CalendarNotCovered, NoWorkingTime
from leadflow.domain.draft import Draft
from leadflow.domain.follow_up import first_deadline
from leadflow.domain.pool import PUBLIC, QUEUE, Lead, Member, Pool
from leadflow.domain.values import Person, role_of


class Barred(NamedTuple):
    """Why a claim is refused, with its particulars."""

    reason: str
    particulars: dict[str, Any]


def _until_tomorrow(pool: Pool, day: date, reason: str, limit: int, used: int, **particulars: Any) -> Barred:
    # A limit of none a day allows none tomorrow either.
    tomorrow = pool.working.day_start(day + timedelta(days=1)) if limit else None
    return Barred(reason, {"limit": limit, "used": used, **particulars, "until": tomorrow})


def barred_rep(pool: Pool, member: Member, now: datetime) -> Barred | None:
    """Why the rep may claim nothing at all now."""
    rules = pool.policy.claiming
    if member.paused:
        return Barred("paused", {"position": member.paused})
    if pool.at_cap(member):
        return Barred("at_cap", {"limit": pool.cap_of(member), "used": len(member.held)})
    if rules.min_gap is not None and member.last_claim is not None:
        again, _ = pool.working.add(member.last_claim, rules.min_gap)
        if now < again:
            return Barred("min_gap", {"until": again})
    day = pool.working.local_day(now)
    limit = rules.per_rep_per_day
    if limit is not None and member.claims_on(day) >= limit:
        return _until_tomorrow(pool, day, "daily_limit", limit, member.claims_on(day))
    limit = rules.per_pool_per_day
    if limit is not None and pool.claims_on(day) >= limit:
        return _until_tomorrow(pool, day, "pool_daily_limit", limit, pool.claims_on(day))
    for group, limit in sorted(rules.per_group_per_day.items()):
        if pool.in_group(member, group):
            # Claims of those who left today are claims of today all the same.
            used = sum(m.claims_on(day) for m in pool.members.values() if pool.in_group(m, group))
            if used >= limit:
                return _until_tomorrow(pool, day, "group_daily_limit", limit, used, detail=group)
    return None


def barred_lead(pool: Pool, member: Member, lead: Lead, now: datetime) -> Barred | None:
    """Why this rep may not claim this public lead now."""
    rules = pool.policy.claiming
    _times, left_at = lead.past.get(member.id, (0, None))
    if rules.cool_down is not None and left_at is not None:
        again, _ = pool.working.add(left_at, rules.cool_down)
        if now < again:
            return Barred("cool_down", {"until": again})
    if rules.open_after is not None and not lead.past:
        opens, _ = pool.working.add(lead.captured_at, rules.open_after)
        if now < opens:
            return Barred("not_open_yet", {"until": opens})
    score_class = pool.rules.class_of[lead.score]
    if score_class is not None and score_class in rules.per_class_per_day:
        day = pool.working.local_day(now)
        limit, used = rules.per_class_per_day[score_class], member.class_claims_on(day, score_class)
        if used >= limit:
            return _until_tomorrow(pool, day, "class_daily_limit", limit, used, detail=score_class)
    return None


def taken(lead: Lead) -> Barred | None:
    """Why the lead is not there to be claimed, naming who has it and by which fact."""
    if lead.status == PUBLIC:
        return None
    if lead.status == QUEUE:
        return Barred("in_queue", {"detail": lead.queue, "position": lead.owner_seq})
    if lead.owner is not None:
        position = lead.closed_seq or lead.owner_seq
        reason = "converted" if lead.customer else "already_owned"
        return Barred(reason, {"winner": lead.owner, "position": position})
    return Barred(lead.status, {"position": lead.closed_seq, "detail": lead.merged_into})


def claim(pool: Pool, lead: Lead, member: Member, draft: Draft) -> None:
    """One claim for one lead."""
    barred = taken(lead) or barred_rep(pool, member, draft.now) or barred_lead(pool, member, lead, draft.now)
    if barred is not None:
        draft.refuse(barred.reason, subject=lead.id, rep=member.id, **barred.particulars)
    else:
        _claimed(pool, lead, member, draft, chosen=False)


def best_claimable(pool: Pool, member: Member, now: datetime) -> Lead | None:
    """The best lead that the rep may claim: highest score, then oldest.

    Raises CalendarNotCovered or NoWorkingTime where only leads are left of which nobody can say when.
    """
    uncounted: CalendarNotCovered | NoWorkingTime | None = None
    for _, _, lead_id in pool.claimable:
        lead = pool.leads[lead_id]
        try:
            if barred_lead(pool, member, lead, now) is None:
                return lead
        except (CalendarNotCovered, NoWorkingTime) as problem:
            uncounted = uncounted or problem
    if uncounted is not None:
        raise uncounted
    return None


def claim_next(pool: Pool, member: Member, draft: Draft) -> None:
    """Choose and claim in one decision."""
    barred = barred_rep(pool, member, draft.now)
    if barred is not None:
        draft.refuse(barred.reason, rep=member.id, **barred.particulars)
        return
    lead = best_claimable(pool, member, draft.now)
    if lead is None:
        draft.refuse("nothing_to_claim", rep=member.id)
    else:
        _claimed(pool, lead, member, draft, chosen=True)


def _claimed(pool: Pool, lead: Lead, member: Member, draft: Draft, *, chosen: bool) -> None:
    promise = first_deadline(pool, draft.now)
    draft.add(
        lead.id,
        e.LeadClaimed(
            rep=member.id,
            until=promise.until,
            past_calendar=promise.past_calendar,
            chosen=chosen,
            score_class=pool.rules.class_of[lead.score],
        ),
    )


def reveal(pool: Pool, lead: Lead, member: Member | None, reason: str | None, draft: Draft) -> None:
    """Show masked contact points: to a rep within its daily limit, to an auditor with a reason."""
    if role_of(draft.actor) == "auditor":
        if not reason:
            draft.refuse("reason_needed", subject=lead.id)
            return
        by = draft.actor
    else:
        assert member is not None
        limit = pool.policy.claiming.reveals_per_day
        used = member.reveals_on(pool.working.local_day(draft.now))
        if lead.status != PUBLIC:
            barred = taken(lead)
            assert barred is not None
            draft.refuse(barred.reason, subject=lead.id, rep=member.id, **barred.particulars)
            return
        if used >= limit:
            draft.refuse("reveal_limit", subject=lead.id, rep=member.id, limit=limit, used=used)
            return
        by = member.id
    draft.add(lead.id, e.ContactRevealed(by=by, person=Person(reason=reason)))
