"""Folding the facts that say who has a lead, until when, and how that ended."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from sys import intern
from typing import Any

from leadflow.domain import events as e
from leadflow.domain import ownership as own
from leadflow.domain.deals import Deal, Reversed
from leadflow.domain.pool import COLLABORATION, CONVERTED, DISQUALIFIED, PROTECTION, WARN, Pool
from leadflow.domain.rotation import Rotation, Turns

# --- distribution and claiming --------------------------------------------------------------


def _assigned(pool: Pool, event: e.Event, data: e.LeadAssigned) -> None:
    lead, to = pool.leads[event.subject], data.to
    if data.queue is not None:
        own.put_into_queue(pool, lead, data.queue, event)
        return
    assert to is not None
    shares, group = data.shares, data.group
    if shares is not None and group is not None:
        _turns_of(pool, group, shares, data.candidates).give(to)
    if data.mode in ("rotation", "timeout"):
        pool.members[to].last_given = event.sequence
    own.take(pool, lead, to, data.until, event)


def _turns_of(pool: Pool, group: str, shares: e.Shares, candidates: tuple[e.Candidate, ...]) -> Turns:
    """The turns in which the choice was made, which begin with it if need be."""
    sequence, time = shares.sequence, shares.time
    rotation = pool.rotations.get(group)
    if rotation is None or rotation.sequence != sequence or rotation.time != time:
        rotation = pool.rotations[group] = Rotation(sequence, time)
    told, turns = pool.chosen_in
    if told is not candidates or turns is None:
        eligible = [one for one in candidates if one.skipped is None]
        reps = tuple(one.rep for one in eligible)
        turns = rotation.turns.get(reps) or Turns(reps, [one.weight for one in eligible])
    return rotation.turns.setdefault(turns.reps, turns)


def _failed(pool: Pool, event: e.Event, data: e.AssignmentFailed) -> None:
    lead = pool.leads[event.subject]
    lead.failed = f"{data.mode}:{data.reason}"
    own.stay_public(pool, lead)
    own.stop_waiting(pool, lead)
    if data.mode == "timeout":
        wanted = own.groups_for(pool, lead)
    else:
        wanted = (data.group,) if data.group is not None else ()
    if wanted:
        own.wait_for(pool, lead, wanted)


def _claimed(pool: Pool, event: e.Event, data: e.LeadClaimed) -> None:
    lead, member = pool.leads[event.subject], pool.members[data.rep]
    own.take(pool, lead, data.rep, data.until, event)
    day = pool.working.local_day(event.time)
    if member.claims_day != day:
        member.claims_day, member.claims, member.claims_by_class = day, 0, {}
    member.claims += 1
    if data.score_class is not None:
        member.claims_by_class[data.score_class] = member.class_claims_on(day, data.score_class) + 1
    member.last_claim = event.time
    if pool.claims_day != day:
        pool.claims_day, pool.claims = day, 0
    pool.claims += 1


def _handed_over(pool: Pool, event: e.Event, data: e.LeadHandedOver) -> None:
    lead = pool.leads[event.subject]
    own.hand_over(pool, lead, data.to, data.until, event, fresh=data.fresh)


# --- private pool ---------------------------------------------------------------------------


def _contacted(pool: Pool, event: e.Event, data: e.ContactLogged) -> None:
    lead = pool.leads[event.subject]
    lead.contacts += 1
    if data.counts:
        lead.contacted = True
        own.set_deadline(pool, lead, data.until, event)


def _revealed(pool: Pool, event: e.Event, data: e.ContactRevealed) -> None:
    member = pool.members.get(data.by)
    if member is not None:
        day = pool.working.local_day(event.time)
        member.reveals = member.reveals_on(day) + 1
        member.reveals_day = day


def _collaborator_added(pool: Pool, event: e.Event, data: e.CollaboratorAdded) -> None:
    lead = pool.leads[event.subject]
    lead.collaborators = (lead.collaborators or {}) | {data.member: (event.sequence, data.expires)}
    if data.expires is not None:
        pool.timer(data.expires, event.sequence, COLLABORATION, lead.id, data.member)


def _collaborator_removed(pool: Pool, event: e.Event, data: e.CollaboratorRemoved) -> None:
    lead = pool.leads[event.subject]
    left = {m: v for m, v in (lead.collaborators or {}).items() if m != data.member}
    lead.collaborators = left or None


def _protected(pool: Pool, event: e.Event, data: e.LeadProtected) -> None:
    lead = pool.leads[event.subject]
    lead.protected = event.sequence
    pool.members[data.rep].protected += 1
    if data.until is not None:
        pool.timer(data.until, event.sequence, PROTECTION, lead.id)


def _protection_ended(pool: Pool, event: e.Event, data: e.ProtectionEnded) -> None:
    lead = pool.leads[event.subject]
    own.end_protection(pool, lead)
    # The old deadline's timers were passed over meanwhile, so the deadline is set anew.
    own.set_deadline(pool, lead, data.until, event, anew=True)


def _warned(pool: Pool, event: e.Event, data: e.RecycleWarned) -> None:
    # The warning is given, so its timer is done with; those due before it no longer held, or they
    # would have come first.
    timer = (pool.leads[event.subject].until_seq, WARN, event.subject, data.before)
    while pool.timers and pool.timers[0][0] <= event.time:
        if heapq.heappop(pool.timers)[1:] == timer:
            return


def _recycled(pool: Pool, event: e.Event, data: e.LeadRecycled) -> None:
    lead = pool.leads[event.subject]
    own.release(pool, lead, event)
    own.make_public(pool, lead, event.time, event.sequence)
    if pool.policy.recycling.after_recycle == "rotate" and data.reason != "withdrawn":
        groups = own.groups_for(pool, lead)
        if groups:
            own.wait_for(pool, lead, groups[:1])
            # Whoever waits longer goes first; if nobody can be given this one, that is said at once.
            pool.availability_changed = True
            pool.fresh.append(lead.id)


# --- closing --------------------------------------------------------------------------------


def _converted(pool: Pool, event: e.Event, data: e.LeadConverted) -> None:
    lead = pool.leads[event.subject]
    member = pool.members[data.owner]
    own.end_protection(pool, lead)
    own.drop_held(pool, member, lead, event)
    member.customers[lead.id] = None
    own.close(pool, lead, CONVERTED, event)
    lead.owner, lead.customer, lead.told = data.owner, data.customer, b""


def _deal_recorded(pool: Pool, event: e.Event, data: e.DealRecorded) -> None:
    lead, owner = pool.leads[event.subject], pool.members[data.owner]
    amount, currency = str(data.value.amount), intern(data.value.currency)
    day = pool.working.local_day(event.time).toordinal()
    pool.deals[event.sequence] = Deal(lead.id, amount, currency, data.deal, owner.id, day)


def _deal_reversed(pool: Pool, event: e.Event, data: e.DealReversed) -> None:
    pool.deals[data.recorded_sequence] = Reversed(pool.leads[event.subject].id, event.sequence)


def _disqualified(pool: Pool, event: e.Event, data: e.LeadDisqualified) -> None:
    lead = pool.leads[event.subject]
    own.release(pool, lead, event)
    own.close(pool, lead, DISQUALIFIED, event)


def _reopened(pool: Pool, event: e.Event, data: e.LeadReopened) -> None:
    lead = pool.leads[event.subject]
    lead.closed_seq, lead.failed = 0, ""
    own.make_public(pool, lead, event.time, event.sequence)


def _customer_handed_over(pool: Pool, event: e.Event, data: e.CustomerHandedOver) -> None:
    lead = pool.leads[event.subject]
    pool.members[data.from_rep].customers.pop(lead.id, None)
    pool.members[data.to].customers[lead.id] = None
    lead.owner = data.to


HANDLERS: dict[type[e.Fact], Callable[[Pool, e.Event, Any], None]] = {
    e.LeadAssigned: _assigned,
    e.AssignmentFailed: _failed,
    e.LeadClaimed: _claimed,
    e.LeadHandedOver: _handed_over,
    e.ContactLogged: _contacted,
    e.ContactRevealed: _revealed,
    e.CollaboratorAdded: _collaborator_added,
    e.CollaboratorRemoved: _collaborator_removed,
    e.LeadProtected: _protected,
    e.ProtectionEnded: _protection_ended,
    e.RecycleWarned: _warned,
    e.LeadRecycled: _recycled,
    e.LeadConverted: _converted,
    e.DealRecorded: _deal_recorded,
    e.DealReversed: _deal_reversed,
    e.LeadDisqualified: _disqualified,
    e.LeadReopened: _reopened,
    e.CustomerHandedOver: _customer_handed_over,
}
