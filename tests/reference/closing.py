"""The reference model of what changes a lead as a whole, closes or opens it, and of the pool itself."""

from __future__ import annotations

from datetime import datetime

from leadflow.domain import events as e
from leadflow.domain import requests as r
from leadflow.domain.values import Company, Person
from tests.reference.intake import rescored
from tests.reference.leads import CLOSED, Verdict, handed, not_live, of_owner, refused
from tests.reference.rules import Reasons, cap, held, unpromised, wanted
from tests.reference.state import KINDS, LIVE, History, Lead


def edit(history: History, lead: Lead, body: r.EditLead, actor: str, now: datetime) -> Verdict:
    found = of_owner(history, lead, body, actor)
    if lead.status not in LIVE:
        found |= refused(*CLOSED[lead.status])
    if body.person == Person() and body.company == Company():
        found |= refused("nothing_to_change")
    for kind in KINDS:
        for value in getattr(body.person, kind):
            holder = history.holder(kind, value)
            if holder is not None and holder is not lead:
                found |= refused("contact_taken")
    return found or [
        wanted(e.LeadDetailsChanged, lead.id, company=body.company),
        *rescored(history, lead, body.company, over=True),
    ]


def merge(history: History, lead: Lead, body: r.MergeLeads, actor: str, now: datetime) -> Verdict:
    absorbed = history.leads.get(body.absorbed)
    if absorbed is None:
        return refused("unknown_lead")
    found: Reasons = refused("same_lead") if absorbed is lead else {}
    if lead.status not in (*LIVE, "converted"):
        found |= refused(*CLOSED[lead.status])
    if absorbed.status not in (*LIVE, "disqualified"):
        found |= refused("closed", *CLOSED[absorbed.status])
    return found or [
        wanted(
            e.LeadsMerged,
            lead.id,
            absorbed=absorbed.id,
            absorbed_owner=absorbed.owner,
            touches=tuple(absorbed.touches),
            person=lambda x: all(
                set(getattr(x, kind)) == {*lead.points.get(kind, ()), *absorbed.points.get(kind, ())}
                for kind in KINDS
            ),
        ),
        *rescored(history, lead, Company(**absorbed.company), over=False),
    ]


def transfer(history: History, lead: Lead, body: r.TransferLead, actor: str, now: datetime) -> Verdict:
    found = not_live(lead, "public", "queue")
    if body.to_pool == history.facts[0].pool:
        found |= refused("same_pool")
    return found or [wanted(e.LeadTransferredOut, lead.id, to_pool=body.to_pool, touches=tuple(lead.touches))]


def convert(history: History, lead: Lead, body: r.ConvertLead, actor: str, now: datetime) -> Verdict:
    if lead.status == "converted":
        return {"already_converted": {"position": lead.given, "winner": lead.owner}} | of_owner(
            history, lead, body, actor
        )
    found = not_live(lead, "private") | of_owner(history, lead, body, actor)
    return found or [
        wanted(
            e.LeadConverted,
            lead.id,
            owner=lead.owner,
            score=lead.score,
            contacts=lead.contacts,
            touches=tuple(lead.touches),
            captured_sequence=lead.born,
            company=Company(**lead.company),
            person=lambda x: all(
                sorted(getattr(x, kind)) == sorted(lead.points.get(kind, ())) for kind in KINDS
            ),
        )
    ]


def deal(history: History, lead: Lead, body: r.RecordDeal, actor: str, now: datetime) -> Verdict:
    found = of_owner(history, lead, body, actor)
    if lead.status != "converted":
        found |= refused("not_converted", *CLOSED.get(lead.status, ()))
    if body.value.amount <= 0:
        found |= refused("amount_not_positive")
    return found or [wanted(e.DealRecorded, lead.id, value=body.value, owner=lead.owner)]


def reverse(history: History, lead: Lead, body: r.ReverseDeal, actor: str, now: datetime) -> Verdict:
    found = of_owner(history, lead, body, actor)
    if lead.status != "converted":
        return found | refused("not_converted", *CLOSED.get(lead.status, ()))
    facts = {event.sequence: event for event in history.facts if event.subject == lead.id}
    recorded = facts.get(body.recorded_sequence)
    if recorded is None or not isinstance(recorded.data, e.DealRecorded):
        return found | refused("unknown_deal")
    for event in facts.values():
        if isinstance(event.data, e.DealReversed) and event.data.recorded_sequence == recorded.sequence:
            return found | {"already_reversed": {"position": event.sequence}}
    of = recorded.data
    if not found and actor.startswith("rep/") and actor != f"rep/{of.owner}":
        return refused("others_deal")
    told = {"value": of.value, "owner": of.owner, "recorded_sequence": recorded.sequence}
    return found or [wanted(e.DealReversed, lead.id, **told)]


def disqualify(history: History, lead: Lead, body: r.DisqualifyLead, actor: str, now: datetime) -> Verdict:
    found = of_owner(history, lead, body, actor)
    if lead.status not in LIVE:
        found |= refused(*CLOSED[lead.status])
    return found or [wanted(e.LeadDisqualified, lead.id, owner=lead.owner, code=body.code)]


def reopen(history: History, lead: Lead, body: r.ReopenLead, actor: str, now: datetime) -> Verdict:
    if lead.status != "disqualified":
        return refused("not_disqualified", *CLOSED.get(lead.status, ()))
    return [wanted(e.LeadReopened, lead.id, cause="manual")]


# --- the pool --------------------------------------------------------------------------------


def publish(history: History, body: r.PublishPolicy, actor: str, now: datetime) -> Verdict:
    policy = body.policy
    for name in policy.group_names().values():
        group = policy.groups.get(name)
        if group and not [x for x in history.reps() if group.reps == "all" or x in group.reps]:
            return refused("group_without_rep")
    version = sum(isinstance(x.data, e.PolicyPublished) for x in history.facts)
    return [wanted(e.PolicyPublished, "policy", version=version + 1)]


def add(history: History, body: r.AddMember, actor: str, now: datetime) -> Verdict:
    member = history.members.get(body.member)
    if member is not None and member.present:
        return refused("already_member")
    return [wanted(e.MemberJoined, body.member, role=body.role, traits=body.traits)]


def change(history: History, body: r.ChangeMember, actor: str, now: datetime) -> Verdict:
    member = history.members.get(body.member)
    if member is None or not member.present:
        return refused("unknown_member")
    role = body.role or member.role
    given = {name: getattr(body.traits, name) for name in body.traits.model_fields_set}
    if not given and not body.clear and role == member.role:
        return refused("nothing_to_change")
    if role != "rep" and history.of(body.member, "private", "converted"):
        return refused("owns_leads")
    traits = member.traits.model_copy(update={**given, **dict.fromkeys(body.clear)})
    return [wanted(e.MemberChanged, body.member, role=role, traits=traits)]


def pause(history: History, body: r.PauseMember, actor: str, now: datetime) -> Verdict:
    member = history.members.get(body.member)
    if member is None or not member.present:
        return refused("unknown_member")
    found = refused("already_paused") if member.paused else {}
    if body.until is not None and body.until <= now:
        found |= refused("expired")
    return found or [wanted(e.MemberPaused, body.member, until=body.until)]


def resume(history: History, body: r.ResumeMember, actor: str, now: datetime) -> Verdict:
    member = history.members.get(body.member)
    if member is None or not member.present:
        return refused("unknown_rep", "unknown_member")
    return [wanted(e.MemberResumed, body.member)] if member.paused else refused("not_paused")


def remove(history: History, body: r.RemoveMember, actor: str, now: datetime) -> Verdict:
    name = body.member
    member = history.members.get(name)
    if member is None or not member.present:
        return refused("unknown_member")
    customers_to = body.customers_to or body.leads_to
    leads, customers = history.of(name, "private"), history.of(name, "converted")
    found: Reasons = {}
    if customers and customers_to is None:
        found["customers_need_owner"] = {"used": len(customers)}
    for to in (body.leads_to, body.customers_to):
        if to is not None and (to == name or not history.is_rep(to)):
            found |= refused("unknown_rep", "already_owner")
    most = cap(history, body.leads_to) if body.leads_to and history.is_rep(body.leads_to) else None
    if leads and body.leads_to and most is not None and held(history, body.leads_to) + len(leads) > most:
        found |= refused("at_cap")
    if leads and body.leads_to and history.policy.follow_up.fresh_deadline_on_hand_over:
        found |= unpromised(history, now)
    if found:
        return found
    facts = []
    for lead in leads:
        if body.leads_to is None:
            facts.append(wanted(e.LeadRecycled, lead.id, rep=name, reason="rep_left", since=lead.since))
        else:
            facts += handed(history, lead, body.leads_to, now)
    for lead in customers:
        assert customers_to is not None
        facts += handed(history, lead, customers_to, now)
    for lead in history.leads.values():
        if name in lead.collaborators:
            facts.append(wanted(e.CollaboratorRemoved, lead.id, member=name, reason="left"))
    return [*facts, wanted(e.MemberLeft, name)]
