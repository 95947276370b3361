"""Who has a lead: the changes of ownership and of waiting that several facts share.

These are the inner moves of `evolve`; each keeps every index of the state in step.
"""

from __future__ import annotations

import heapq
from datetime import datetime

from leadflow.domain.events import Event
from leadflow.domain.ordered import SortedRuns
from leadflow.domain.pool import EPOCH, PRIVATE, PUBLIC, QUEUE, RECYCLE, WARN, Lead, Member, Pool


def make_public(pool: Pool, lead: Lead, since: datetime, sequence: int) -> None:
    """The lead is in the public pool from that fact on, for anybody to claim."""
    lead.status, lead.owner, lead.queue = PUBLIC, None, None
    lead.public_since, lead.public_seq = since, sequence
    pool.claimable.add((-lead.score, lead.number, lead.id))
    if not pool.unclaimed:
        # Behind another lead it comes no sooner than that one.
        pool.quiet_until = EPOCH
    heapq.heappush(pool.unclaimed, (since, sequence, lead.id))


def stay_public(pool: Pool, lead: Lead) -> None:
    """The decision that brought the lead here left it to the pool."""
    if lead.public_since is None:
        make_public(pool, lead, lead.captured_at, lead.number)


def leave_public(pool: Pool, lead: Lead) -> None:
    """The lead is no longer there to be claimed, nor waits for a rotation."""
    if lead.public_since is not None:
        pool.claimable.discard((-lead.score, lead.number, lead.id))
        stop_waiting(pool, lead)
        lead.public_since = None
        lead.queue = None


def put_into_queue(pool: Pool, lead: Lead, queue: str, event: Event) -> None:
    """Managers see it, nobody claims it; `assign_after` goes on running from when it became public."""
    stay_public(pool, lead)
    pool.claimable.discard((-lead.score, lead.number, lead.id))
    lead.status, lead.queue, lead.owner_seq = QUEUE, queue, event.sequence


def take(pool: Pool, lead: Lead, rep: str, until: datetime | None, event: Event) -> None:
    """The rep owns the lead from here on, until the deadline given."""
    leave_public(pool, lead)
    lead.status, lead.owner, lead.owner_seq = PRIVATE, rep, event.sequence
    lead.since, lead.contacted, lead.failed = event.time, False, ""
    times, left_at = lead.past.get(rep, (0, None))
    lead.past = lead.past | {rep: (times + 1, left_at)}
    member = pool.members[rep]
    cap, before = pool.cap_of(member), len(member.held)
    member.held[lead.id] = None
    if cap is not None and before < cap <= len(member.held):
        availability_changed(pool, member, event)
    set_deadline(pool, lead, until, event, anew=True)


def hand_over(pool: Pool, lead: Lead, rep: str, until: datetime | None, event: Event, *, fresh: bool) -> None:
    """From its owner to another rep; collaborators stay, protection ends with the old owner's."""
    collaborators = lead.collaborators
    since, contacted = lead.since, lead.contacted
    # A protected lead's timers were passed over meanwhile: its deadline is set anew.
    old_until, old_seq = (lead.until, lead.until_seq) if not lead.protected else (None, 0)
    release(pool, lead, event)
    lead.collaborators = collaborators
    take(pool, lead, rep, until, event)
    if not fresh:
        lead.since, lead.contacted = since, contacted
        if until is not None and until == old_until:
            lead.until_seq = old_seq


def set_deadline(pool: Pool, lead: Lead, until: datetime | None, event: Event, *, anew: bool = False) -> None:
    """Note the deadline and its warnings; a deadline that stays as it was keeps its timers."""
    if until == lead.until and not anew:
        return
    lead.until, lead.until_seq = until, event.sequence
    if until is None:
        return
    sequence, now = event.sequence, event.time
    pool.timer(until, sequence, RECYCLE, lead.id)
    for before, name in pool.rules.warnings:
        due = pool.working.sub(until, before)
        if due > now:
            pool.timer(due, sequence, WARN, lead.id, name)


def release(pool: Pool, lead: Lead, event: Event) -> None:
    """Whoever owned the lead does no longer; its collaborations end with that."""
    if lead.owner is not None and lead.status == PRIVATE:
        end_protection(pool, lead)
        member = pool.members[lead.owner]
        drop_held(pool, member, lead, event)
        times, _ = lead.past.get(lead.owner, (0, None))
        others = {rep: known for rep, known in lead.past.items() if rep != lead.owner}
        lead.past = others | {lead.owner: (times, event.time)}
        lead.owner = None
    lead.until, lead.until_seq, lead.contacted = None, 0, False
    lead.collaborators = None


def end_protection(pool: Pool, lead: Lead) -> None:
    """The lead is not protected, and does not count against its owner's protections."""
    if lead.protected and lead.owner is not None:
        pool.members[lead.owner].protected -= 1
    lead.protected = 0


def drop_held(pool: Pool, member: Member, lead: Lead, event: Event) -> None:
    """The lead no longer counts as held; room under the cap is a change of availability."""
    was_full = pool.at_cap(member)
    member.held.pop(lead.id, None)
    if was_full and not pool.at_cap(member):
        availability_changed(pool, member, event)


def availability_changed(pool: Pool, member: Member, event: Event) -> None:
    """A fact changed whether the rep can be given leads: rotation shares count anew from here."""
    member.changed_seq, member.changed_time = event.sequence, event.time
    pool.availability_changed = True
    pool.quiet_until = EPOCH
    pool.views.clear()


def close(pool: Pool, lead: Lead, status: str, event: Event) -> None:
    """The lead is no longer live here."""
    leave_public(pool, lead)
    lead.status, lead.closed_seq = status, event.sequence
    lead.until, lead.until_seq = None, 0
    lead.collaborators = None


def groups_for(pool: Pool, lead: Lead) -> tuple[str, ...]:
    """The groups that may get the lead without anybody asking: its rule's, then the fallback."""
    rule = pool.policy.rule(lead.rule)
    own_group = rule.target.rotation if rule else None
    named = (own_group, pool.policy.recycling.fallback)
    return tuple(dict.fromkeys(g for g in named if g is not None))


def wait_anew(pool: Pool) -> None:
    """A new policy: leads wait for whom their rule names now. Where it names nobody, they stop waiting;
    where there is no such rule any more, they wait on for the groups that still are."""
    for lead_id in [item[-1] for waiting in pool.waiting.values() for item in waiting]:
        lead = pool.leads[lead_id]
        rule = pool.policy.rule(lead.rule)
        if lead.failed.startswith("timeout"):
            wanted = groups_for(pool, lead)
        elif rule is not None:
            wanted = (rule.target.rotation,) if rule.target.rotation else ()
        else:
            wanted = tuple(group for group in lead.waiting if group in pool.policy.groups)
        if wanted != lead.waiting:
            stop_waiting(pool, lead)
            if wanted:
                wait_for(pool, lead, wanted)


def wait_for(pool: Pool, lead: Lead, groups: tuple[str, ...]) -> None:
    """The lead waits for the next available rep of these groups."""
    lead.waiting = groups
    pool.quiet_until = EPOCH
    pool.waiting.setdefault(groups, SortedRuns()).add((lead.number, lead.id))
    kinds = pool.waiting_kinds.setdefault(groups, {})
    kind = (lead.region, lead.industry)
    kinds[kind] = kinds.get(kind, 0) + 1
    if kinds[kind] == 1:
        pool.availability_changed = True


def stop_waiting(pool: Pool, lead: Lead) -> tuple[str, ...]:
    """The lead no longer waits; returns the groups that it waited for."""
    groups = lead.waiting
    if groups:
        lead.waiting = ()
        pool.waiting[groups].discard((lead.number, lead.id))
        kinds = pool.waiting_kinds[groups]
        kind = (lead.region, lead.industry)
        kinds[kind] -= 1
        if not kinds[kind]:
            del kinds[kind]
        if not kinds:
            del pool.waiting[groups], pool.waiting_kinds[groups]
    return groups
