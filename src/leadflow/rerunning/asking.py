"""What was asked for, told from what happened: the request behind a decision of the log.

The log keeps facts, not requests; but a fact says nearly all that its request said. What it does not say: the
rest of a request that was refused (a claim has none), and which state its sender had seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from leadflow.domain import events as e
from leadflow.domain import requests as r
from leadflow.domain.evolve import CLOCK
from leadflow.domain.members import MemberTraits
from leadflow.domain.values import Touch, id_of, role_of

LASTING = frozenset(("stale", "identity_reused", "not_permitted", "unknown_lead", "unknown_rep"))
"""Reasons of refusals that no policy takes away."""
_CLEARED = tuple(sorted(MemberTraits.model_fields))


class NotKept(Exception):
    """The request was refused, and the log does not say what it asked for."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def asked(decision: Sequence[e.Event]) -> r.Request | None:
    """The request that caused a decision; None where the clock did, and where it would be refused again.

    Raises NotKept.
    """
    first = decision[0]
    if first.actor == CLOCK:
        return None
    body = _body(first, [event.data for event in decision])
    if body is None:
        return None
    source, _, number = first.causation.partition(":")
    # The values are the log's own: what is no longer accepted was accepted then.
    return r.Request.model_construct(
        pool=first.pool, source=source, id=number, actor=first.actor, at=first.time, body=body
    )


def _body(first: e.Event, facts: Sequence[e.Fact]) -> r.Body | None:
    fact = facts[0]
    left = next((one for one in facts if isinstance(one, e.MemberLeft)), None)
    if left is not None:
        return _leaving(left, facts)
    handed = next((one for one in facts if isinstance(one, e.LeadHandedOver)), None)
    if handed is not None:
        return _about(first, r.HandOverLead, to=handed.to, reason=handed.person.reason)
    if isinstance(fact, e.RequestRefused):
        return _refused(first, fact)
    if isinstance(fact, e.PoolOpened):
        published = facts[1]
        assert isinstance(published, e.PolicyPublished)
        return r.OpenPool.model_construct(
            clock=fact.clock, policy=published.policy, calendar=published.calendar
        )
    return _of_pool(fact) or _of_lead(first, fact)


def _of_pool(fact: e.Fact) -> r.Body | None:
    match fact:
        case e.PolicyPublished():
            return r.PublishPolicy.model_construct(policy=fact.policy, calendar=fact.calendar)
        case e.MemberJoined():
            return r.AddMember.model_construct(member=fact.member, role=fact.role, traits=fact.traits)
        case e.MemberChanged():
            return r.ChangeMember.model_construct(
                member=fact.member, role=fact.role, traits=fact.traits, clear=_CLEARED
            )
        case e.MemberPaused():
            return r.PauseMember.model_construct(member=fact.member, until=fact.until)
        case e.MemberResumed():
            return r.ResumeMember.model_construct(member=fact.member)
        case e.LeadCaptured():
            return r.SubmitIntake.model_construct(
                touch=_as_sent(fact.touch),
                person=fact.person,
                company=fact.company,
                asked=fact.asked,
                filled=fact.filled,
            )
        case e.TouchRecorded():
            return r.SubmitIntake.model_construct(
                touch=_as_sent(fact.touch), person=fact.person, company=fact.company
            )
    return None


def _as_sent(touch: Touch) -> Touch:
    """What a channel costs by the policy was not sent with the touch."""
    return touch.but(cost=None, cost_basis=None) if touch.cost_basis == "unit_cost" else touch


def _of_lead(first: e.Event, fact: e.Fact) -> r.Body | None:
    match fact:
        case e.LeadTransferredIn():
            values = {name: getattr(fact, name) for name in ("from_pool", "from_fact", "person", "company")}
            rest = {name: getattr(fact, name) for name in ("touches", "asked", "filled")}
            return r.ReceiveTransfer.model_construct(lead=first.subject, **values, **rest)
        case e.LeadDetailsChanged():
            return _about(first, r.EditLead, person=fact.person, company=fact.company)
        case e.LeadsMerged():
            return _about(first, r.MergeLeads, absorbed=fact.absorbed, reason=fact.person.reason)
        case e.LeadAssigned(to=str(to)):
            return _about(first, r.AssignLead, to=to, reason=fact.person.reason)
        case e.LeadClaimed():
            rep = _for(first, fact.rep)
            if fact.chosen:
                return r.ClaimNext.model_construct(rep=rep)
            return _about(first, r.ClaimLead, rep=rep)
        case e.ContactLogged():
            said = {"outcome": fact.outcome, "means": fact.means, "stated_at": fact.stated_at}
            return _about(first, r.LogContact, note=fact.person.note, **said)
        case e.ContactRevealed():
            rep = None if "/" in fact.by else _for(first, fact.by)
            return _about(first, r.RevealContact, rep=rep, reason=fact.person.reason)
        case e.CollaboratorAdded():
            return _about(first, r.AddCollaborator, member=fact.member, expires=fact.expires)
        case e.CollaboratorRemoved():
            return _about(first, r.RemoveCollaborator, member=fact.member)
        case e.LeadProtected():
            return _about(first, r.ProtectLead, until=fact.until)
        case e.ProtectionEnded():
            return _about(first, r.UnprotectLead)
        case e.LeadRecycled():
            kind = r.ReturnLead if fact.reason == "returned" else r.WithdrawLead
            return _about(first, kind, reason=fact.person.reason)
        case e.LeadTransferredOut():
            return _about(first, r.TransferLead, to_pool=fact.to_pool, reason=fact.person.reason)
        case e.LeadConverted():
            return _about(first, r.ConvertLead, customer=fact.customer)
        case e.DealRecorded():
            return _about(first, r.RecordDeal, value=fact.value, deal=fact.deal)
        case e.DealReversed():
            recorded = fact.recorded_sequence
            return _about(first, r.ReverseDeal, recorded_sequence=recorded, reason=fact.person.reason)
        case e.LeadDisqualified():
            return _about(first, r.DisqualifyLead, code=fact.code, note=fact.person.note)
        case e.LeadReopened():
            return _about(first, r.ReopenLead, reason=fact.person.reason)
        case e.CustomerHandedOver():
            return _about(first, r.HandOverLead, to=fact.to, reason=fact.person.reason)
    return None


def _about(first: e.Event, kind: type[r.LeadBody], **values: Any) -> r.Body:
    return kind.model_construct(lead=first.subject, **values)


def _for(first: e.Event, rep: str) -> str | None:
    """For whom somebody else acted; None for who acted for itself."""
    return None if role_of(first.actor) == "rep" and id_of(first.actor) == rep else rep


def _leaving(left: e.MemberLeft, facts: Sequence[e.Fact]) -> r.Body:
    leads = (one.to for one in facts if isinstance(one, e.LeadHandedOver))
    customers = (one.to for one in facts if isinstance(one, e.CustomerHandedOver))
    return r.RemoveMember.model_construct(
        member=left.member, leads_to=next(leads, None), customers_to=next(customers, None)
    )


def _refused(first: e.Event, fact: e.RequestRefused) -> r.Body | None:
    if fact.reason in LASTING:
        return None
    if fact.rep is None and role_of(first.actor) != "rep":
        raise NotKept(fact.request)
    rep = _for(first, fact.rep) if fact.rep is not None else None
    if fact.request == "ClaimNext":
        return r.ClaimNext.model_construct(rep=rep)
    if first.subject and fact.request == "ClaimLead":
        return _about(first, r.ClaimLead, rep=rep)
    if first.subject and fact.request == "RevealContact":
        return _about(first, r.RevealContact, rep=rep)
    raise NotKept(fact.request)
