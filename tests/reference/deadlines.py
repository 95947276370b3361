"""The reference model of time: what the clock of a pool must have done by a moment, and when.

What is due at D takes effect at D, or at the pool's last fact, if that is later; the earliest comes first.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from leadflow.domain import events as e
from tests.reference.calendar import DAY, minutes_of
from tests.reference.rules import Wanted, after_protection, eligible, rotated, there, wanted
from tests.reference.state import History, Lead


class Due(NamedTuple):
    """A fact that the clock owes, and since when."""

    moment: datetime
    fact: Wanted


def due(history: History, now: datetime) -> list[Due]:
    """What may come next: everything that was due first."""
    found = [x for x in (*_of_members(history), *_of_leads(history, now)) if x.moment <= now]
    found = [x._replace(moment=max(x.moment, history.time)) for x in found]
    first = min((x.moment for x in found), default=now)
    return [x for x in found if x.moment == first]


def _of_members(history: History) -> Iterator[Due]:
    for member in history.members.values():
        if member.present and member.paused and member.paused_until is not None:
            yield Due(member.paused_until, wanted(e.MemberResumed, member.id))


def _of_leads(history: History, now: datetime) -> Iterator[Due]:
    for lead in history.leads.values():
        for name, expires in lead.collaborators.items():
            if expires is not None:
                yield Due(expires, wanted(e.CollaboratorRemoved, lead.id, member=name, reason="expired"))
        if lead.status == "private":
            yield from _of_owned(history, lead)
        elif lead.status in ("public", "queue"):
            yield from _unclaimed(history, lead, now)
    yield from _waiting(history, now)


def _of_owned(history: History, lead: Lead) -> Iterator[Due]:
    if lead.protected:
        if lead.protected_until is not None:
            until = after_protection(history, lead, lead.protected_until)
            yield Due(
                lead.protected_until,
                wanted(e.ProtectionEnded, lead.id, rep=lead.owner, reason="expired", until=until),
            )
        return
    if lead.until is None:
        return
    for before, moment in lead.warnings.items():
        members = {"rep": lead.owner, "until": lead.until, "before": before}
        yield Due(moment, wanted(e.RecycleWarned, lead.id, **members))
    reason = _recycle_reason(history, lead, lead.until)
    yield Due(lead.until, wanted(e.LeadRecycled, lead.id, rep=lead.owner, reason=reason, since=lead.since))


def _recycle_reason(history: History, lead: Lead, until: datetime) -> str:
    rules = history.policy.follow_up
    assert lead.since is not None
    most = rules.hold_at_most and history.clock.after(lead.since, rules.hold_at_most)
    if not lead.contacted and rules.first_contact_within is not None:
        return "no_first_contact"
    if most and until >= most:
        return "held_too_long"
    return "inactive" if lead.contacted else "no_first_contact"


def _unclaimed(history: History, lead: Lead, now: datetime) -> Iterator[Due]:
    """A lead that nobody took in time."""
    assert lead.public_since is not None
    within = history.policy.recycling.assign_after
    moment = within and history.clock.after(lead.public_since, within)
    if moment and moment <= now and not (lead.failed is not None and lead.failed.mode == "timeout"):
        then = max(moment, history.time)
        yield Due(moment, rotated(history, lead, then, history.groups_for(lead), "timeout"))


def _moments(history: History, now: datetime) -> list[datetime]:
    """The pool's last fact, and every moment since at which hours or a leave may begin or end."""
    found = {history.time}
    minutes = {0}
    for rep in history.reps():
        hours = history.members[rep].traits.hours
        if hours is not None:
            minutes |= set(minutes_of(hours))
    day = history.clock.day(history.time)
    while day <= history.clock.day(now):
        found |= {history.clock.moment(day, minute) for minute in minutes}
        day += DAY
    return sorted(x for x in found if history.time <= x <= now)


def _waiting(history: History, now: datetime) -> Iterator[Due]:
    """The oldest of the leads that wait, at the first moment at which there is somebody for it.

    One that has just begun to wait, and for which there is nobody, is said to.
    """
    leads = sorted((x for x in history.leads.values() if x.waits), key=lambda x: x.born)
    for moment in _moments(history, now) if leads else ():
        somebody = any(not there(history, rep, moment) for rep in history.reps())
        for lead in leads if somebody else ():
            if not any(eligible(history, lead, group, moment) for group in lead.waits):
                continue
            mode = "timeout" if lead.failed is not None and lead.failed.mode == "timeout" else "rotation"
            fact = rotated(history, lead, moment, lead.waits, mode)
            if fact.kind is e.LeadAssigned:
                yield Due(moment, fact)
                return
        if moment == history.time:
            for lead in leads:
                if lead.failed is None:
                    yield Due(moment, rotated(history, lead, moment, lead.waits, "rotation"))
