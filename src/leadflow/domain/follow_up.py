"""The private pool: what a rep owes a lead, how long it is theirs, and how it goes back."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from leadflow.domain import events as e
from leadflow.domain.calendar import NoWorkingTime
from leadflow.domain.draft import Draft
from leadflow.domain.pool import CONVERTED, PRIVATE, Lead, Pool
from leadflow.domain.refusing import refuse_unowned
from leadflow.domain.requests import (
    AddCollaborator,
    HandOverLead,
    LogContact,
    ProtectLead,
    RemoveCollaborator,
    ReturnLead,
    UnprotectLead,
    WithdrawLead,
)
from leadflow.domain.values import Person, speakable


class Promise(NamedTuple):
    """A deadline given to a rep, and whether it lies past the calendar's covered days."""

    until: datetime | None
    past_calendar: bool


def first_deadline(pool: Pool, now: datetime) -> Promise:
    """Until when a rep that gets a lead now must have logged a contact.

    Raises CalendarNotCovered where the policy refuses to count past the covered days.
    """
    limit = pool.rules.first_limit
    return Promise(None, False) if limit is None else Promise(*pool.working.add(now, limit))


def extended_deadline(pool: Pool, lead: Lead, now: datetime) -> Promise:
    """The deadline after a contact that counts, logged now:
    `max(deadline so far, min(contact + keep_for, owned since + hold_at_most))`."""
    rules = pool.policy.follow_up
    if lead.until is None:
        return Promise(None, False)
    bounds = []
    if rules.keep_for is not None:
        bounds.append(Promise(*pool.working.add(now, rules.keep_for)))
    if rules.hold_at_most is not None:
        bounds.append(Promise(*pool.working.add(lead.since, rules.hold_at_most)))
    if not bounds:
        # Nothing ends the holding of a lead that was contacted in time.
        return Promise(None, False)
    new = min(bounds, key=lambda bound: bound.until or now)
    assert new.until is not None
    return new if new.until > lead.until else Promise(lead.until, False)


def overdue_reason(pool: Pool, lead: Lead) -> str:
    """Why a lead whose deadline has passed goes back."""
    rules = pool.policy.follow_up
    if not lead.contacted and rules.first_contact_within is not None:
        return "no_first_contact"
    if rules.hold_at_most is not None and lead.until is not None:
        try:
            hard, _ = pool.working.add(lead.since, rules.hold_at_most, anyway=True)
        except NoWorkingTime:
            hard = None
        if hard is not None and lead.until >= hard:
            return "held_too_long"
    return "inactive" if lead.contacted else "no_first_contact"


def log_contact(pool: Pool, lead: Lead, body: LogContact, draft: Draft, by: str) -> None:
    """A contact by the owner, a manager for it, or a collaborator."""
    rules = pool.policy.follow_up
    if body.outcome not in rules.outcomes:
        draft.refuse("unknown_outcome", subject=lead.id, detail=speakable(body.outcome))
        return
    if lead.status not in (PRIVATE, CONVERTED):
        refuse_unowned(lead, draft)
        return
    counts = body.outcome in rules.counts
    promise = Promise(lead.until, False)
    if counts and lead.status == PRIVATE:
        promise = extended_deadline(pool, lead, draft.now)
    draft.add(
        lead.id,
        e.ContactLogged(
            by=by,
            outcome=body.outcome,
            counts=counts,
            means=body.means,
            stated_at=body.stated_at,
            until=promise.until,
            past_calendar=promise.past_calendar,
            person=Person(note=body.note),
        ),
    )


def recycled(lead: Lead, reason: str, why: str | None = None) -> e.LeadRecycled:
    """The fact that an owned lead goes back."""
    return e.LeadRecycled.model_validate(
        {"rep": lead.owner, "reason": reason, "since": lead.since, "person": Person(reason=why)}
    )


def return_lead(lead: Lead, body: ReturnLead, draft: Draft) -> None:
    """The owner gives the lead back."""
    draft.add(lead.id, recycled(lead, "returned", body.reason))


def withdraw(lead: Lead, body: WithdrawLead, draft: Draft) -> None:
    """A manager takes the lead from its owner."""
    if lead.status != PRIVATE:
        refuse_unowned(lead, draft)
    else:
        draft.add(lead.id, recycled(lead, "withdrawn", body.reason))


def hand_over(pool: Pool, lead: Lead, body: HandOverLead, draft: Draft) -> None:
    """A lead or a customer goes from its owner to another rep."""
    member = pool.rep(body.to)
    if member is None:
        draft.refuse("unknown_rep", subject=lead.id, detail=speakable(body.to))
    elif lead.status not in (PRIVATE, CONVERTED):
        refuse_unowned(lead, draft)
    elif lead.owner == body.to:
        draft.refuse("already_owner", subject=lead.id, winner=body.to, position=lead.owner_seq)
    elif lead.status == CONVERTED:
        draft.add(lead.id, customer_handed_over(lead, body.to, body.reason))
    elif pool.at_cap(member):
        draft.refuse(
            "at_cap", subject=lead.id, rep=member.id, limit=pool.cap_of(member), used=len(member.held)
        )
    else:
        add_hand_over(pool, lead, body.to, draft, body.reason)


def add_hand_over(pool: Pool, lead: Lead, to: str, draft: Draft, reason: str | None = None) -> None:
    """A lead goes to another rep, with a fresh deadline if the policy says so.

    Protection ends with the hand-over: it counts against the old owner's limit. An owner is no
    collaborator of its own.
    """
    fresh = pool.policy.follow_up.fresh_deadline_on_hand_over
    if fresh:
        promise = first_deadline(pool, draft.now)
    elif lead.protected:
        promise = after_protection(pool, lead, draft.now)
    else:
        promise = Promise(lead.until, False)
    assert lead.owner is not None
    if lead.collaborators and to in lead.collaborators:
        draft.add(lead.id, e.CollaboratorRemoved(member=to, reason="removed"))
    draft.add(
        lead.id,
        e.LeadHandedOver(
            from_rep=lead.owner,
            to=to,
            until=promise.until,
            past_calendar=promise.past_calendar,
            fresh=fresh,
            person=Person(reason=reason),
        ),
    )


def customer_handed_over(lead: Lead, to: str, reason: str | None = None) -> e.CustomerHandedOver:
    """The fact that a customer has a new owner."""
    assert lead.customer is not None
    assert lead.owner is not None
    return e.CustomerHandedOver(
        customer=lead.customer, from_rep=lead.owner, to=to, person=Person(reason=reason)
    )


def add_collaborator(pool: Pool, lead: Lead, body: AddCollaborator, draft: Draft) -> None:
    """Let another member of the pool work on an owned lead."""
    member = pool.members.get(body.member)
    if member is None or member.left:
        draft.refuse("unknown_member", subject=lead.id, detail=speakable(body.member))
    elif lead.status != PRIVATE:
        refuse_unowned(lead, draft)
    elif body.member == lead.owner:
        draft.refuse("already_owner", subject=lead.id, winner=lead.owner, position=lead.owner_seq)
    elif lead.collaborators and body.member in lead.collaborators:
        position = lead.collaborators[body.member][0]
        draft.refuse("already_collaborator", subject=lead.id, detail=body.member, position=position)
    elif body.expires is not None and body.expires <= draft.now:
        draft.refuse("expired", subject=lead.id, until=body.expires)
    else:
        draft.add(lead.id, e.CollaboratorAdded(member=body.member, expires=body.expires))


def remove_collaborator(lead: Lead, body: RemoveCollaborator, draft: Draft) -> None:
    """End a collaboration."""
    if not lead.collaborators or body.member not in lead.collaborators:
        draft.refuse("no_collaborator", subject=lead.id, detail=speakable(body.member))
    else:
        draft.add(lead.id, e.CollaboratorRemoved(member=body.member, reason="removed"))


def protect(pool: Pool, lead: Lead, body: ProtectLead, draft: Draft) -> None:
    """Keep the lead from being recycled, within the rep's limit of protections."""
    rules = pool.policy.follow_up
    assert lead.owner is not None
    member = pool.members[lead.owner]
    longest = None
    if rules.protect_at_most is not None:
        longest, _ = pool.working.add(draft.now, rules.protect_at_most)
    until = body.until if body.until is not None else longest
    if lead.protected:
        draft.refuse("already_protected", subject=lead.id, position=lead.protected)
    elif member.protected >= rules.protected_per_rep:
        draft.refuse(
            "protection_limit",
            subject=lead.id,
            rep=member.id,
            limit=rules.protected_per_rep,
            used=member.protected,
        )
    elif until is not None and until <= draft.now:
        draft.refuse("expired", subject=lead.id, until=until)
    elif until is not None and longest is not None and until > longest:
        draft.refuse("protection_too_long", subject=lead.id, until=longest)
    else:
        draft.add(lead.id, e.LeadProtected(rep=member.id, until=until))


def after_protection(pool: Pool, lead: Lead, now: datetime) -> Promise:
    """The deadline once a protection is over: `max(old deadline, now + keep_for)`.

    It is counted past the calendar's covered days whatever the policy says: an end refuses nothing.
    """
    rules = pool.policy.follow_up
    keep = rules.keep_for or rules.first_contact_within
    promise = Promise(lead.until, False)
    if lead.until is None or keep is None:
        return promise
    try:
        new = Promise(*pool.working.add(now, keep, anyway=True))
    except NoWorkingTime:
        # What never ends within a century gives no deadline.
        return Promise(None, True)
    return max(promise, new, key=lambda p: p.until or now)


def protection_ended(lead: Lead, reason: str, promise: Promise) -> e.ProtectionEnded:
    """The fact that a protection is over, with the deadline from here on."""
    return e.ProtectionEnded.model_validate(
        {
            "rep": lead.owner,
            "reason": reason,
            "until": promise.until,
            "past_calendar": promise.past_calendar,
        }
    )


def unprotect(pool: Pool, lead: Lead, body: UnprotectLead, draft: Draft) -> None:
    """End a protection early."""
    if not lead.protected:
        draft.refuse("not_protected", subject=lead.id)
    else:
        promise = after_protection(pool, lead, draft.now)
        draft.add(lead.id, protection_ended(lead, "ended", promise))
