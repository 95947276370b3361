"""Folding facts into a pool's state: `evolve(pool, event)`. No decision is taken here.

One function per fact, found by the fact's class. A fact is folded as it was decided: what a later
policy says does not change what an earlier fact did.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from leadflow.domain import events as e
from leadflow.domain import ownership as own
from leadflow.domain.calendar import WorkingTime
from leadflow.domain.company import CompanyState, evolve_company
from leadflow.domain.members import MemberTraits
from leadflow.domain.pool import (
    COLLABORATION,
    CONVERTED,
    DISQUALIFIED,
    MERGED,
    PROTECTION,
    RESUME,
    TRANSFERRED,
    Dossier,
    Lead,
    Member,
    Pool,
    Rotation,
    Stream,
)
from leadflow.domain.values import COMPANY_STREAM, Company, Person, Touch, digest

CLOCK = "system/clock"
"""The actor of what a deadline decided."""

UNSEEN = (e.RequestRefused, e.ContactRevealed, e.RecycleWarned, e.AssignmentFailed)
"""Facts about a lead that leave it as whoever looked at it saw it: `if_sequence` still holds."""


class OutOfSequence(Exception):
    """A fact that does not follow the last one: the log or its reader is broken."""


def initial(stream: str) -> Stream:
    """The state of a stream without facts."""
    return CompanyState(stream) if stream == COMPANY_STREAM else Pool(stream)


def evolve(stream: Stream, event: e.Event) -> None:
    """Fold one fact in. Raises OutOfSequence unless it is the stream's next one."""
    if event.sequence != stream.sequence + 1 or event.pool != stream.id:
        raise OutOfSequence(f"{event.id} does not follow {stream.id}/{stream.sequence}")
    data = event.data
    if isinstance(stream, Pool):
        handler = _HANDLERS.get(type(data))
        if handler is not None:
            handler(stream, event, data)
        if not isinstance(data, UNSEEN):
            lead = stream.leads.get(event.subject)
            if lead is not None:
                lead.last = event.sequence
    elif isinstance(stream, CompanyState):
        evolve_company(stream, event)
    stream.sequence = event.sequence
    stream.time = max(stream.time, event.time)
    if event.fact_index == 1 and event.actor != CLOCK:
        stream.remember(event.causation, event.digest, event.sequence)


# --- the pool, its policy and its people ----------------------------------------------------


def _opened(pool: Pool, event: e.Event, data: e.PoolOpened) -> None:
    pool.clock = data.clock
    pool.opener = event.actor


def _published(pool: Pool, event: e.Event, data: e.PolicyPublished) -> None:
    pool.policy_version = data.version
    pool.policy = data.policy
    pool.calendar = data.calendar
    pool.working = WorkingTime(data.calendar, data.policy.calendar)
    pool.policy_seq, pool.policy_time = event.sequence, event.time
    pool.availability_changed = True


def _joined(pool: Pool, event: e.Event, data: e.MemberJoined) -> None:
    # Someone who comes back after leaving starts anew, at the end of the order.
    pool.members.pop(data.member, None)
    member = Member(data.member, data.role, data.traits)
    pool.members[data.member] = member
    own.availability_changed(pool, member, event)


def _changed(pool: Pool, event: e.Event, data: e.MemberChanged) -> None:
    member = pool.members[data.member]
    member.role, member.traits = data.role, data.traits
    own.availability_changed(pool, member, event)


def _paused(pool: Pool, event: e.Event, data: e.MemberPaused) -> None:
    member = pool.members[data.member]
    member.paused = event.sequence
    if data.until is not None:
        pool.timer(data.until, event.sequence, RESUME, member.id)
    own.availability_changed(pool, member, event)


def _resumed(pool: Pool, event: e.Event, data: e.MemberResumed) -> None:
    member = pool.members[data.member]
    member.paused = 0
    own.availability_changed(pool, member, event)


def _left(pool: Pool, event: e.Event, data: e.MemberLeft) -> None:
    member = pool.members[data.member]
    member.left = True
    member.traits = MemberTraits()
    own.availability_changed(pool, member, event)


# --- intake ---------------------------------------------------------------------------------


def _claim_contacts(pool: Pool, lead: Lead, person: Person) -> None:
    for _, key in pool.contact_keys(person):
        pool.contacts.setdefault(key, lead)


def _new_lead(
    pool: Pool, event: e.Event, data: e.LeadCaptured | e.LeadTransferredIn, touches: tuple[Touch, ...]
) -> None:
    lead = Lead(event.subject, event.sequence, event.time)
    lead.score, lead.rule = data.score, data.rule
    lead.region, lead.industry = data.company.region, data.company.industry
    lead.dossier = Dossier(
        person=data.person, company=data.company, touches=touches, asked=data.asked, filled=data.filled
    ).packed()
    pool.leads[lead.id] = lead
    _claim_contacts(pool, lead, data.person)
    own.make_public(pool, lead, event)


def _captured(pool: Pool, event: e.Event, data: e.LeadCaptured) -> None:
    _new_lead(pool, event, data, (data.touch,))


def joined_person(known: Person, new: Person, *, keep_name: bool = True) -> Person:
    """What is known of a person after a further touch: nothing is overwritten, gaps are filled."""
    return known.model_copy(
        update={
            "name": (known.name or new.name) if keep_name else (new.name or known.name),
            "phones": tuple(dict.fromkeys(known.phones + new.phones)),
            "emails": tuple(dict.fromkeys(known.emails + new.emails)),
            "wechats": tuple(dict.fromkeys(known.wechats + new.wechats)),
            "note": known.note or new.note,
            "answers": new.answers | known.answers,
        }
    )


def joined_company(known: Company, new: Company) -> Company:
    """What is known of a company after a further touch: gaps are filled, nothing overwritten."""
    missing = {
        field: getattr(new, field)
        for field in Company.model_fields
        if getattr(known, field) is None and getattr(new, field) is not None
    }
    return known.model_copy(update=missing) if missing else known


def own_contacts(pool: Pool, lead: Lead, person: Person) -> Person:
    """The person with only those contact points that are this lead's or nobody's."""

    def mine(kind: str, values: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(v for v in values if pool.contacts.get(digest(kind, v)) in (None, lead))

    return person.model_copy(
        update={
            "phones": mine("phone", person.phones),
            "emails": mine("email", person.emails),
            "wechats": mine("wechat", person.wechats),
        }
    )


def _join(pool: Pool, lead: Lead, person: Person, company: Company, touches: tuple[Touch, ...]) -> None:
    if not lead.dossier:
        _claim_contacts(pool, lead, person)
        return
    known = lead.unpack()
    mine = own_contacts(pool, lead, person)
    _claim_contacts(pool, lead, mine)
    joined = known.model_copy(
        update={
            "person": joined_person(known.person, mine),
            "company": joined_company(known.company, company),
            "touches": known.touches + touches,
        }
    )
    lead.dossier = joined.packed()
    _place_lead(pool, lead, joined.company)


def _place_lead(pool: Pool, lead: Lead, company: Company) -> None:
    if (lead.region, lead.industry) != (company.region, company.industry):
        waiting = own.stop_waiting(pool, lead)
        lead.region, lead.industry = company.region, company.industry
        if waiting:
            own.wait_for(pool, lead, waiting)


def _touched(pool: Pool, event: e.Event, data: e.TouchRecorded) -> None:
    _join(pool, pool.leads[event.subject], data.person, data.company, (data.touch,))


def _details(pool: Pool, event: e.Event, data: e.LeadDetailsChanged) -> None:
    lead = pool.leads[event.subject]
    known = lead.unpack()
    changed = known.model_copy(
        update={
            "person": joined_person(known.person, data.person, keep_name=False).model_copy(
                update={"note": data.person.note or known.person.note}
            ),
            "company": known.company.model_copy(update={k: v for k, v in data.company if v is not None}),
        }
    )
    lead.dossier = changed.packed()
    _claim_contacts(pool, lead, data.person)
    _place_lead(pool, lead, changed.company)


def _rescored(pool: Pool, event: e.Event, data: e.LeadRescored) -> None:
    lead = pool.leads[event.subject]
    listed = pool.claimable.discard((-lead.score, lead.number, lead.id))
    lead.score = data.score
    if listed:
        pool.claimable.add((-lead.score, lead.number, lead.id))


def _merged(pool: Pool, event: e.Event, data: e.LeadsMerged) -> None:
    lead, absorbed = pool.leads[event.subject], pool.leads[data.absorbed]
    own.release(pool, absorbed, event)
    own.close(pool, absorbed, MERGED, event)
    absorbed.merged_into = lead.id
    for _, key in pool.contact_keys(absorbed.unpack().person):
        if pool.contacts.get(key) is absorbed:
            pool.contacts[key] = lead
    absorbed.dossier = b""
    _join(pool, lead, data.person, data.company, data.touches)


# --- distribution and ownership -------------------------------------------------------------


def _assigned(pool: Pool, event: e.Event, data: e.LeadAssigned) -> None:
    lead = pool.leads[event.subject]
    if data.queue is not None:
        own.put_into_queue(pool, lead, data.queue, event)
        return
    assert data.to is not None
    if data.shares is not None and data.group is not None:
        _count_share(pool, event, data, data.group, data.shares)
    member = pool.members[data.to]
    if data.mode in ("rotation", "timeout"):
        member.last_given = event.sequence
    own.take(pool, lead, data.to, data.until, event)


def _count_share(pool: Pool, event: e.Event, data: e.LeadAssigned, group: str, shares: e.Shares) -> None:
    rotation = pool.rotations.get(group)
    if rotation is None or (rotation.sequence, rotation.time) != (shares.sequence, shares.time):
        rotation = pool.rotations[group] = Rotation(shares.sequence, shares.time)
    eligible = tuple(c.rep for c in data.candidates if c.skipped is None)
    had = rotation.had.setdefault(eligible, dict.fromkeys(eligible, 0))
    assert data.to is not None
    had[data.to] += 1


def _failed(pool: Pool, event: e.Event, data: e.AssignmentFailed) -> None:
    lead = pool.leads[event.subject]
    lead.failed = f"{data.mode}:{data.reason}"
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


def _recycled(pool: Pool, event: e.Event, data: e.LeadRecycled) -> None:
    lead = pool.leads[event.subject]
    own.release(pool, lead, event)
    own.make_public(pool, lead, event)
    lead.failed = ""
    if pool.policy.recycling.after_recycle == "rotate" and data.reason != "withdrawn":
        groups = own.groups_for(pool, lead)
        if groups:
            own.wait_for(pool, lead, groups[:1])
            pool.fresh.append(lead.id)


# --- between pools and closing --------------------------------------------------------------


def _transferred_out(pool: Pool, event: e.Event, data: e.LeadTransferredOut) -> None:
    lead = pool.leads[event.subject]
    for _, key in pool.contact_keys(lead.unpack().person):
        if pool.contacts.get(key) is lead:
            del pool.contacts[key]
    own.close(pool, lead, TRANSFERRED, event)
    lead.dossier = b""


def _transferred_in(pool: Pool, event: e.Event, data: e.LeadTransferredIn) -> None:
    if data.into is None:
        _new_lead(pool, event, data, data.touches)
    else:
        _join(pool, pool.leads[data.into], data.person, data.company, data.touches)


def _converted(pool: Pool, event: e.Event, data: e.LeadConverted) -> None:
    lead = pool.leads[event.subject]
    member = pool.members[data.owner]
    own.end_protection(pool, lead)
    own.drop_held(pool, member, lead, event)
    member.customers[lead.id] = None
    own.close(pool, lead, CONVERTED, event)
    lead.owner, lead.customer, lead.dossier = data.owner, data.customer, b""


def _disqualified(pool: Pool, event: e.Event, data: e.LeadDisqualified) -> None:
    lead = pool.leads[event.subject]
    own.release(pool, lead, event)
    own.close(pool, lead, DISQUALIFIED, event)


def _reopened(pool: Pool, event: e.Event, data: e.LeadReopened) -> None:
    lead = pool.leads[event.subject]
    lead.closed_seq, lead.failed = 0, ""
    own.make_public(pool, lead, event)


def _customer_handed_over(pool: Pool, event: e.Event, data: e.CustomerHandedOver) -> None:
    lead = pool.leads[event.subject]
    pool.members[data.from_rep].customers.pop(lead.id, None)
    pool.members[data.to].customers[lead.id] = None
    lead.owner = data.to


_HANDLERS: dict[type[e.Fact], Callable[[Pool, e.Event, Any], None]] = {
    e.PoolOpened: _opened,
    e.PolicyPublished: _published,
    e.MemberJoined: _joined,
    e.MemberChanged: _changed,
    e.MemberPaused: _paused,
    e.MemberResumed: _resumed,
    e.MemberLeft: _left,
    e.LeadCaptured: _captured,
    e.TouchRecorded: _touched,
    e.LeadDetailsChanged: _details,
    e.LeadRescored: _rescored,
    e.LeadsMerged: _merged,
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
    e.LeadRecycled: _recycled,
    e.LeadTransferredOut: _transferred_out,
    e.LeadTransferredIn: _transferred_in,
    e.LeadConverted: _converted,
    e.LeadDisqualified: _disqualified,
    e.LeadReopened: _reopened,
    e.CustomerHandedOver: _customer_handed_over,
}
