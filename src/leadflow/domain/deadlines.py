"""What the clock decides: the next deadline of a pool, and the decision that it causes.

A deadline due at D takes effect at D: it is decided after every request received before D and before
every request received after. Each is a decision of its own, by `system/clock`, caused by the fact that
set it. Nothing here sleeps; the engine asks.
"""

from __future__ import annotations

import heapq
from datetime import UTC, datetime
from typing import NamedTuple

from leadflow.domain import events as e
from leadflow.domain.calendar import NoWorkingTime
from leadflow.domain.distribution import (
    Mode,
    place,
    timed_out,
    unavailable,
    unsuited,
    wanted_by,
)
from leadflow.domain.draft import Draft
from leadflow.domain.evolve import CLOCK
from leadflow.domain.follow_up import after_protection, overdue_reason, protection_ended, recycled
from leadflow.domain.pool import (
    COLLABORATION,
    PRIVATE,
    PROTECTION,
    PUBLIC,
    QUEUE,
    RECYCLE,
    RESUME,
    WARN,
    Lead,
    Member,
    Pool,
    Timer,
)

FOR_EVER = datetime.max.replace(tzinfo=UTC)


class Due(NamedTuple):
    """A deadline: when, set by which fact, and what it does."""

    at: datetime
    cause: int
    kind: str
    subject: str
    word: str = ""


_KIND_NAMES = {
    WARN: "warn",
    RECYCLE: "recycle",
    PROTECTION: "protection",
    COLLABORATION: "collaboration",
    RESUME: "resume",
}


def decide_due(pool: Pool, upto: datetime) -> list[e.Event]:
    """The facts of the pool's next deadline due by `upto`, or [] if none is."""
    if upto < pool.quiet_until:
        return []
    while (due := next_due(pool, upto)) is not None:
        draft = Draft(pool, max(due.at, pool.time), CLOCK, f"{pool.id}/{due.cause}")
        _DECISIONS[due.kind](pool, due, draft)
        facts = draft.events(pool.policy_version)
        if facts:
            return facts
        # Only a retry finds nothing to do; it has then worked out when to try again.
    return []


def next_due(pool: Pool, upto: datetime = FOR_EVER) -> Due | None:
    """The next deadline due by `upto`, if there is one."""
    sources = (_timer(pool, upto), _assign_after(pool, upto), _waiting(pool))
    known = [due for due in sources if due is not None]
    found = [due for due in known if due.at <= upto]
    if not found:
        pool.quiet_until = min([due.at for due in known], default=FOR_EVER)
        return None
    return min(found, key=lambda due: (due.at, due.cause))


# --- deadlines that a fact set --------------------------------------------------------------


def _holds(pool: Pool, timer: Timer) -> bool:
    due, cause, kind, subject, word = timer
    if kind == RESUME:
        member = pool.members.get(subject)
        return member is not None and member.paused == cause and not member.left
    lead = pool.leads[subject]
    if kind == PROTECTION:
        return lead.status == PRIVATE and lead.protected == cause
    if kind == COLLABORATION:
        return bool(lead.collaborators) and (lead.collaborators or {}).get(word) == (cause, due)
    if lead.status != PRIVATE or lead.protected or lead.until_seq != cause:
        return False
    return kind == WARN or lead.until == due


def _timer(pool: Pool, upto: datetime) -> Due | None:
    """The first timer; one that is not due yet may hold no longer."""
    while pool.timers:
        at, cause, kind, subject, word = timer = pool.timers[0]
        if at > upto or _holds(pool, timer):
            return Due(at, cause, _KIND_NAMES[kind], subject, word)
        # What no longer holds never will again: a new deadline has a new cause.
        heapq.heappop(pool.timers)
    return None


def _warn(pool: Pool, due: Due, draft: Draft) -> None:
    lead = pool.leads[due.subject]
    assert lead.owner is not None
    assert lead.until is not None
    draft.add(lead.id, e.RecycleWarned(rep=lead.owner, until=lead.until, before=due.word))


def _recycle(pool: Pool, due: Due, draft: Draft) -> None:
    lead = pool.leads[due.subject]
    draft.add(lead.id, recycled(lead, overdue_reason(pool, lead)))


def _end_protection(pool: Pool, due: Due, draft: Draft) -> None:
    lead = pool.leads[due.subject]
    promise = after_protection(pool, lead, draft.now)
    draft.add(lead.id, protection_ended(lead, "expired", promise))


def _end_collaboration(pool: Pool, due: Due, draft: Draft) -> None:
    draft.add(due.subject, e.CollaboratorRemoved(member=due.word, reason="expired"))


def _resume(pool: Pool, due: Due, draft: Draft) -> None:
    draft.add(due.subject, e.MemberResumed(member=due.subject))


# --- what nobody took -----------------------------------------------------------------------


def _assign_after(pool: Pool, upto: datetime) -> Due | None:
    """The lead that has waited longest; one that is not due yet may wait no longer."""
    limit = pool.policy.recycling.assign_after
    while pool.unclaimed:
        since, cause, lead_id = pool.unclaimed[0]
        try:
            at = pool.working.add(since, limit, anyway=True)[0] if limit is not None else FOR_EVER
        except NoWorkingTime:
            at = FOR_EVER
        if at > upto:
            return Due(at, cause, "assign_after", lead_id)
        lead = pool.leads[lead_id]
        if (
            lead.status in (PUBLIC, QUEUE)
            and lead.public_seq == cause
            and not lead.failed.startswith("timeout")
        ):
            return Due(at, cause, "assign_after", lead_id) if at < FOR_EVER else None
        heapq.heappop(pool.unclaimed)
    return None


def _timed_out(pool: Pool, due: Due, draft: Draft) -> None:
    draft.add(due.subject, timed_out(pool, pool.leads[due.subject], draft.now))


# --- leads that wait for somebody -----------------------------------------------------------


def _waiting(pool: Pool) -> Due | None:
    while pool.fresh:
        lead = pool.leads[pool.fresh[0]]
        if lead.status == PUBLIC and lead.waiting and not lead.failed:
            break
        pool.fresh.popleft()
    if not pool.waiting:
        return None
    if pool.availability_changed:
        pool.retry_at = pool.time
        pool.availability_changed = False
    if pool.fresh and (pool.retry_at is None or pool.retry_at > pool.time):
        # Nobody could be given it when all were tried, oldest first: that is to be said.
        lead = pool.leads[pool.fresh[0]]
        return Due(pool.time, lead.public_seq, "retry", lead.id)
    if pool.retry_at is None:
        return None
    return Due(pool.retry_at, pool.sequence, "retry", "")


def _retry(pool: Pool, due: Due, draft: Draft) -> None:
    if due.subject:
        lead = pool.leads[due.subject]
        draft.causation = f"{pool.id}/{lead.public_seq}"
        draft.add(lead.id, place(pool, lead, lead.waiting, "rotation", draft.now))
        return
    for lead in _oldest_first(pool, draft.now):
        mode: Mode = "timeout" if lead.failed.startswith("timeout") else "rotation"
        fact = place(pool, lead, lead.waiting, mode, draft.now)
        if isinstance(fact, e.LeadAssigned):
            draft.causation = f"{pool.id}/{lead.public_seq}"
            draft.add(lead.id, fact)
            return
    pool.retry_at = _next_availability(pool, draft.now)


def _reps_waited_for(pool: Pool, groups: tuple[str, ...]) -> list[Member]:
    members = {rep.id: rep for group in groups for rep in pool.reps_of(group)}
    return list(members.values())


def _suits(member: Member, kind: tuple[str | None, str | None]) -> bool:
    traits = member.traits
    return (traits.regions is None or kind[0] in traits.regions) and (
        traits.industries is None or kind[1] in traits.industries
    )


def _oldest_first(pool: Pool, now: datetime) -> list[Lead]:
    """Of each set of groups, the oldest waiting lead that somebody available suits; oldest first."""
    found: list[Lead] = []
    for groups, waiting in pool.waiting.items():
        reps = [r for r in _reps_waited_for(pool, groups) if unavailable(pool, r, now) is None]
        kinds = pool.waiting_kinds[groups]
        if not reps or not any(_suits(rep, kind) for rep in reps for kind in kinds):
            continue
        for _, lead_id in waiting:
            lead = pool.leads[lead_id]
            if any(unsuited(rep, wanted_by(lead)) is None for rep in reps):
                found.append(lead)
                if not lead.past:
                    break
    return sorted(found, key=lambda lead: lead.number)


def _next_availability(pool: Pool, now: datetime) -> datetime | None:
    """The next moment at which a rep that somebody waits for opens, if no fact comes before.

    The beginning of a leave counts, too: a rotation waits for a rep that closed for today, but not for
    one that is away, so others who had the lead before may get it then.
    """
    moments = []
    for groups in pool.waiting:
        for rep in _reps_waited_for(pool, groups):
            traits = rep.traits
            if rep.paused or not (traits.hours or traits.leave):
                continue
            starts = [pool.working.day_start(away.first_day) for away in traits.leave or ()]
            moments += [start for start in starts if start > now]
            opening = pool.working.next_opening(now, traits.hours, traits.leave)
            if opening is not None and not pool.at_cap(rep):
                moments.append(opening)
    return min(moments, default=None)


_DECISIONS = {
    "warn": _warn,
    "recycle": _recycle,
    "protection": _end_protection,
    "collaboration": _end_collaboration,
    "resume": _resume,
    "assign_after": _timed_out,
    "retry": _retry,
}
