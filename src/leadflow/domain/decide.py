"""Deciding a request: `decide(stream, request, now) -> facts`. Pure: no I/O, no clock, no randomness.

The frame is the same for every request: is it new, may the actor ask for it, is the lead as the sender
saw it; then the family's own rules. A refusal is a fact too. A request decided before gives no facts:
its outcome stands at `stream.outcome_sequence(...)`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from leadflow.domain import (
    access,
    administration,
    claiming,
    conversion,
    details,
    distribution,
    follow_up,
    intake,
)
from leadflow.domain import requests as r
from leadflow.domain.calendar import CalendarNotCovered, NoWorkingTime
from leadflow.domain.company import CompanyState, publish_routing, record_spend
from leadflow.domain.draft import Draft
from leadflow.domain.events import Event
from leadflow.domain.pool import Lead, Member, Pool, Stream
from leadflow.domain.refusing import refuse_unowned
from leadflow.domain.values import LEAD_ID_PATTERN, id_of, role_of, speakable

_LEAD_ID = re.compile(LEAD_ID_PATTERN)


class NotOpen(Exception):
    """The pool has no facts: it was never opened, so nothing can be decided in it."""


def payload_of(request: r.Request) -> str:
    """The payload digest that tells two requests of one identity apart; an intake's identity is
    all there is to it (a vendor's second push may differ in its time stamps)."""
    return "" if isinstance(request.body, r.SubmitIntake) else request.payload_digest.hex()


def decide(stream: Stream, request: r.Request, now: datetime) -> list[Event]:
    """The facts that the request causes, or [] if it was decided before (or only moves the clock).

    `now` is when the log received the request; it is decided no earlier than the last fact.
    Raises NotOpen where the pool has no facts and the request is not an `OpenPool` by somebody who may
    open one: there is no stream yet that a refusal could stand in.
    """
    body = request.body
    if isinstance(body, r.AdvanceClock):
        return []
    payload = payload_of(request)
    identity = request.identity
    draft = Draft(stream, max(now, stream.time), request.actor, identity, body.type, payload)
    first = stream.first_decided(identity)
    if first is not None and not stream.not_taken_in(identity):
        if first[0] in ("", payload) or stream.refused_as_reused(identity, payload):
            return []
        draft.refuse("identity_reused", position=first[1])
        return draft.events(stream.policy_version)
    try:
        if isinstance(stream, Pool):
            if not stream.sequence and not (
                isinstance(body, r.OpenPool) and access.scopes("open_pool", request.actor)
            ):
                raise NotOpen(stream.id)
            _decide_in_pool(stream, request, draft)
        elif isinstance(stream, CompanyState):
            _decide_in_company(stream, request, draft)
    except CalendarNotCovered as problem:
        draft.refuse("calendar_not_covered", subject=_subject(body), detail=problem.day.isoformat())
    except NoWorkingTime as problem:
        draft.refuse("no_working_time", subject=_subject(body), detail=problem.day.isoformat())
    if first is not None and draft.is_refusal:
        # An arrival that was refused and is refused again: the first answer stands.
        return []
    return draft.events(_version(stream))


def _version(stream: Stream) -> int:
    # The facts that open a pool are decided under the policy that they publish.
    return stream.policy_version or (1 if isinstance(stream, Pool) else 0)


def _subject(body: r.Body) -> str:
    lead: str = getattr(body, "lead", "")
    return lead


def _decide_in_company(company: CompanyState, request: r.Request, draft: Draft) -> None:
    body, actor = request.body, request.actor
    # The company's stream has no members: whoever sends has made sure of the role.
    role = role_of(actor)
    if isinstance(body, r.PublishRouting) and access.allowed("manage", actor, member_role=role):
        publish_routing(company, body, draft)
    elif isinstance(body, r.RecordSpend) and access.allowed("spend", actor, member_role=role):
        record_spend(company, body, draft)
    elif isinstance(body, (r.PublishRouting, r.RecordSpend)):
        draft.refuse("not_permitted", detail=role)
    else:
        draft.refuse("wrong_stream", detail=company.id)


def _decide_in_pool(pool: Pool, request: r.Request, draft: Draft) -> None:
    body = request.body
    if isinstance(body, r.LeadBody):
        _about_lead(pool, body, draft)
        return
    role = role_in(pool, request.actor)
    if isinstance(body, r.SubmitIntake):
        if _permitted(access.allowed("submit", request.actor, member_role=role), draft):
            intake.submit(pool, body, draft)
    elif isinstance(body, r.ReceiveTransfer):
        if _permitted(role_of(request.actor) == "system", draft):
            intake.receive(pool, body, draft)
    elif isinstance(body, r.ClaimNext):
        member = _acting_rep(pool, body.rep, draft)
        if member is not None:
            claiming.claim_next(pool, member, draft)
    elif isinstance(body, r.OpenPool):
        if _permitted(bool(access.scopes("open_pool", request.actor)), draft):
            administration.open_pool(pool, body, draft)
    elif type(body) in _MANAGING:
        if _permitted(access.allowed("manage", request.actor, member_role=role), draft):
            _MANAGING[type(body)](pool, body, draft)
    else:
        draft.refuse("wrong_stream", detail=pool.id)


_MANAGING: dict[type[r.Body], Callable[[Pool, Any, Draft], None]] = {
    r.PublishPolicy: administration.publish_policy,
    r.AddMember: administration.add_member,
    r.ChangeMember: administration.change_member,
    r.PauseMember: administration.pause_member,
    r.ResumeMember: administration.resume_member,
    r.RemoveMember: administration.remove_member,
}


def role_in(pool: Pool, actor: str) -> str | None:
    """The actor's role in the pool; whoever opened it manages it."""
    member = pool.members.get(id_of(actor))
    if actor == pool.opener and not (member is not None and member.left):
        return role_of(actor)
    return None if member is None or member.left else member.role


def _permitted(yes: bool, draft: Draft, lead: Lead | None = None) -> bool:
    if not yes:
        subject = lead.id if lead else ""
        draft.refuse("not_permitted", subject=subject, detail=role_of(draft.actor))
    return yes


def _acting_rep(pool: Pool, for_rep: str | None, draft: Draft, lead_id: str = "") -> Member | None:
    """The rep that acts, or for whom a manager acts; None if that is refused."""
    actor = draft.actor
    role, _, rep_id = actor.partition("/")
    if role == "rep":
        if for_rep is not None and for_rep != rep_id:
            draft.refuse("not_permitted", subject=lead_id, rep=speakable(for_rep), detail=role)
            return None
    elif access.allowed("work", actor, member_role=role_in(pool, actor)):
        if for_rep is None:
            draft.refuse("rep_needed", subject=lead_id)
            return None
        rep_id = for_rep
    else:
        draft.refuse("not_permitted", subject=lead_id, detail=role)
        return None
    member = pool.rep(rep_id)
    if member is None:
        draft.refuse("unknown_rep", subject=lead_id, detail=speakable(rep_id))
    return member


# --- requests about one lead ----------------------------------------------------------------


def _about_lead(pool: Pool, body: r.LeadBody, draft: Draft) -> None:
    lead = pool.leads.get(body.lead)
    if lead is None:
        _unknown_lead(pool, body, draft)
    elif isinstance(body, r.ClaimLead):
        member = _acting_rep(pool, body.rep, draft, lead.id)
        if member is not None and not _stale(lead, body, draft):
            claiming.claim(pool, lead, member, draft)
    elif isinstance(body, r.RevealContact):
        _reveal(pool, lead, body, draft)
    elif not _may(pool, body, lead, draft) or _stale(lead, body, draft):
        return
    elif isinstance(body, r.RepBody):
        _as_owner(pool, lead, body, draft)
    else:
        _DIRECTING[type(body)](pool, lead, body, draft)


def _unknown_lead(pool: Pool, body: r.LeadBody, draft: Draft) -> None:
    actor = draft.actor
    if not access.belongs(actor, role_in(pool, actor)) and role_of(actor) != "auditor":
        # Whoever does not belong here is answered as about a lead that there is: which there are is no word
        # to them.
        if isinstance(body, (r.ClaimLead, r.RevealContact)):
            if _acting_rep(pool, body.rep, draft) is None:
                return
        elif not _permitted(False, draft):
            return
    # What is no lead's id may be anything, a phone number too: it is not repeated.
    draft.refuse("unknown_lead", subject=body.lead if _LEAD_ID.fullmatch(body.lead) else "")


def _stale(lead: Lead, body: r.LeadBody, draft: Draft) -> bool:
    """Whether the lead has changed since the sender saw it; told to those only who may ask at all."""
    if body.if_sequence is None or body.if_sequence == lead.last:
        return False
    draft.refuse("stale", subject=lead.id, position=lead.last)
    return True


def _reveal(pool: Pool, lead: Lead, body: r.RevealContact, draft: Draft) -> None:
    auditing = role_of(draft.actor) == "auditor"
    member = None if auditing else _acting_rep(pool, body.rep, draft, lead.id)
    if (member is not None or auditing) and not _stale(lead, body, draft):
        claiming.reveal(pool, lead, member, body.reason, draft)


def _may(pool: Pool, body: r.LeadBody, lead: Lead, draft: Draft) -> bool:
    action = _ACTIONS[type(body)]
    actor = draft.actor
    who = id_of(actor)
    return _permitted(
        access.allowed(
            action,
            actor,
            member_role=role_in(pool, actor),
            owns=lead.owner == who,
            collaborates=bool(lead.collaborators) and who in (lead.collaborators or {}),
        ),
        draft,
        lead,
    )


def _as_owner(pool: Pool, lead: Lead, body: r.RepBody, draft: Draft) -> None:
    """What an owner does with its lead, or a manager for the owner, or (contacts) a collaborator."""
    if body.rep is not None and body.rep != lead.owner:
        draft.refuse("not_owner", subject=lead.id, winner=lead.owner, rep=speakable(body.rep))
        return
    by = id_of(draft.actor) if role_of(draft.actor) != "manager" else lead.owner
    if isinstance(body, r.LogContact):
        follow_up.log_contact(pool, lead, body, draft, by or "")
    elif isinstance(body, r.ConvertLead):
        conversion.convert(lead, body, draft)
    elif isinstance(body, r.RecordDeal):
        conversion.record_deal(lead, body, draft)
    elif isinstance(body, r.ReverseDeal):
        conversion.reverse_deal(pool, lead, body, draft)
    elif isinstance(body, r.DisqualifyLead):
        conversion.disqualify(lead, body, draft, id_of(draft.actor))
    elif lead.owner is None or lead.customer is not None:
        refuse_unowned(lead, draft)
    elif isinstance(body, r.ReturnLead):
        follow_up.return_lead(lead, body, draft)
    elif isinstance(body, r.ProtectLead):
        follow_up.protect(pool, lead, body, draft)
    elif isinstance(body, r.UnprotectLead):
        follow_up.unprotect(pool, lead, body, draft)


_DIRECTING: dict[type[r.LeadBody], Callable[[Pool, Lead, Any, Draft], None]] = {
    r.AssignLead: distribution.assign,
    r.HandOverLead: follow_up.hand_over,
    r.WithdrawLead: lambda _, lead, body, draft: follow_up.withdraw(lead, body, draft),
    r.AddCollaborator: follow_up.add_collaborator,
    r.RemoveCollaborator: lambda _, lead, body, draft: follow_up.remove_collaborator(lead, body, draft),
    r.EditLead: details.edit,
    r.MergeLeads: details.merge,
    r.TransferLead: details.transfer,
    r.ReopenLead: lambda _, lead, body, draft: conversion.reopen(lead, body, draft),
}

_ACTIONS: dict[type[r.LeadBody], access.Action] = {
    r.AssignLead: "assign",
    r.HandOverLead: "manage",
    r.WithdrawLead: "manage",
    r.MergeLeads: "manage",
    r.TransferLead: "manage",
    r.ReopenLead: "manage",
    r.EditLead: "edit",
    r.AddCollaborator: "edit",
    r.RemoveCollaborator: "edit",
    r.LogContact: "contact",
    r.ReturnLead: "work",
    r.ProtectLead: "work",
    r.UnprotectLead: "work",
    r.ConvertLead: "work",
    r.RecordDeal: "work",
    r.ReverseDeal: "work",
    r.DisqualifyLead: "work",
}
