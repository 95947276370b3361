"""The reference model of requests about one lead that is in the public pool or in a private one."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from leadflow.domain import events as e
from leadflow.domain import requests as r
from tests.reference.rules import (
    Reasons,
    Wanted,
    after_contact,
    after_protection,
    cap,
    class_of,
    first_deadline,
    full,
    has_role,
    held,
    lead_cannot_be_claimed,
    past_calendar,
    rep_cannot_claim,
    unpromised,
    unreachable,
    wanted,
)
from tests.reference.state import LIVE, History, Lead

Verdict = Reasons | list[Wanted]
"""Reasons to refuse; or, if there are none, the facts that follow."""

CLOSED: dict[str, tuple[str, ...]] = {
    "converted": ("converted", "already_converted"),
    "disqualified": ("disqualified", "closed"),
    "merged": ("merged", "closed"),
    "transferred": ("transferred", "closed"),
}


def refused(*reasons: str) -> Reasons:
    return {reason: {} for reason in reasons}


def not_live(lead: Lead, *statuses: str) -> Reasons:
    """Why nothing more can be done with a lead that is in none of these states."""
    if lead.status in statuses:
        return {}
    if lead.status in LIVE:
        return refused("not_owned") if lead.owner is None else {"owned": {"winner": lead.owner}}
    return refused(*CLOSED[lead.status], *(("not_owned",) if lead.owner is None else ()))


def of_owner(history: History, lead: Lead, body: Any, actor: str) -> Reasons:
    """Why this is not for the actor: only the owner may, or a manager for it."""
    named = getattr(body, "rep", None)
    if has_role(history, actor, "manager"):
        return refused("not_owner") if named not in (None, lead.owner) else {}
    asks, owns = has_role(history, actor, "rep"), actor == f"rep/{lead.owner}"
    if not asks or (not owns and named not in (None, actor.partition("/")[2])):
        return refused("not_permitted")
    return {} if owns and named in (None, lead.owner) else refused("not_owner", "not_permitted")


# --- the public pool -------------------------------------------------------------------------


def for_rep(history: History, body: Any, actor: str) -> str | Reasons:
    """Who is to get what is asked for: the rep that asks, or the one for whom a manager does."""
    if has_role(history, actor, "manager"):
        if body.rep is None:
            return refused("rep_needed")
        return body.rep if history.is_rep(body.rep) else refused("unknown_rep")
    name = actor.partition("/")[2]
    if not has_role(history, actor, "rep") or body.rep not in (None, name):
        return refused("not_permitted", "unknown_rep")
    return name


def claim(history: History, lead: Lead, body: r.ClaimLead, actor: str, now: datetime) -> Verdict:
    rep = for_rep(history, body, actor)
    if isinstance(rep, dict):
        return rep
    found = rep_cannot_claim(history, rep, now)
    if lead.status == "private":
        found["already_owned"] = {"winner": lead.owner, "position": lead.given}
    elif lead.status == "queue":
        found["in_queue"] = {}
    elif lead.status != "public":
        found |= refused(*CLOSED[lead.status])
    found |= lead_cannot_be_claimed(history, lead, rep, now)
    return found or [claimed(history, lead, rep, now, chosen=False)]


def over_cap(history: History, rep: str) -> Reasons:
    return {"at_cap": {"limit": cap(history, rep), "used": held(history, rep)}} if full(history, rep) else {}


def claimed(history: History, lead: Lead, rep: str, now: datetime, chosen: bool) -> Wanted:
    until = first_deadline(history, now)
    return wanted(
        e.LeadClaimed,
        lead.id,
        rep=rep,
        until=until,
        chosen=chosen,
        score_class=class_of(history, lead.score),
        past_calendar=past_calendar(history, until),
    )


def claim_next(history: History, body: r.ClaimNext, actor: str, now: datetime) -> Verdict:
    rep = for_rep(history, body, actor)
    if isinstance(rep, dict):
        return rep
    found = rep_cannot_claim(history, rep, now)
    public = [x for x in history.leads.values() if x.status == "public"]
    barred = {x.id: lead_cannot_be_claimed(history, x, rep, now) for x in public}
    free = [x for x in public if not barred[x.id]]
    if found or not free:
        uncounted = {"calendar_not_covered", "no_working_time"} & {y for x in barred.values() for y in x}
        return found | refused(*(uncounted or {"nothing_to_claim"}))
    best = min(free, key=lambda x: (-x.score, x.born))
    return [claimed(history, best, rep, now, chosen=True)]


def assign(history: History, lead: Lead, body: r.AssignLead, actor: str, now: datetime) -> Verdict:
    found = not_live(lead, "public", "queue") | unpromised(history, now)
    if not history.is_rep(body.to):
        return found | refused("unknown_rep")
    found |= over_cap(history, body.to)
    return found or [
        wanted(e.LeadAssigned, lead.id, to=body.to, mode="manual", until=first_deadline(history, now))
    ]


def reveal(history: History, lead: Lead, body: r.RevealContact, actor: str, now: datetime) -> Verdict:
    if actor.startswith("auditor/"):
        return [wanted(e.ContactRevealed, lead.id, by=actor)] if body.reason else refused("reason_needed")
    rep = for_rep(history, body, actor)
    if isinstance(rep, dict):
        return rep
    day = history.clock.day(now)
    used = [
        x
        for x in history.facts
        if isinstance(x.data, e.ContactRevealed) and x.data.by == rep and history.clock.day(x.time) == day
    ]
    found = {} if lead.status == "public" else _reveal_closed(lead)
    most = history.policy.claiming.reveals_per_day
    if len(used) >= most:
        found["reveal_limit"] = {"limit": most, "used": len(used)}
    return found or [wanted(e.ContactRevealed, lead.id, by=rep)]


def _reveal_closed(lead: Lead) -> Reasons:
    if lead.status == "queue":
        return refused("in_queue")
    return refused(*(CLOSED.get(lead.status) or ("already_owned", "owned", "already_owner")))


# --- the private pool ------------------------------------------------------------------------


def hand_over(history: History, lead: Lead, body: r.HandOverLead, actor: str, now: datetime) -> Verdict:
    found = not_live(lead, "private", "converted")
    if not history.is_rep(body.to):
        found |= refused("unknown_rep")
    elif lead.owner == body.to:
        found |= refused("already_owner")
    elif lead.status == "private":
        found |= over_cap(history, body.to)
        if history.policy.follow_up.fresh_deadline_on_hand_over:
            found |= unpromised(history, now)
    return found or handed(history, lead, body.to, now)


def handed(history: History, lead: Lead, to: str, now: datetime) -> list[Wanted]:
    if lead.status == "converted":
        return [wanted(e.CustomerHandedOver, lead.id, from_rep=lead.owner, to=to)]
    fresh = history.policy.follow_up.fresh_deadline_on_hand_over
    until = lead.until
    if fresh:
        until = first_deadline(history, now)
    elif lead.protected:
        until = after_protection(history, lead, now)
    facts = [wanted(e.LeadHandedOver, lead.id, from_rep=lead.owner, to=to, fresh=fresh, until=until)]
    if to in lead.collaborators:
        facts.insert(0, wanted(e.CollaboratorRemoved, lead.id, member=to, reason="removed"))
    return facts


def give_back(history: History, lead: Lead, body: r.ReturnLead, actor: str, now: datetime) -> Verdict:
    if found := not_live(lead, "private") | of_owner(history, lead, body, actor):
        return found
    return [wanted(e.LeadRecycled, lead.id, rep=lead.owner, reason="returned", since=lead.since)]


def withdraw(history: History, lead: Lead, body: r.WithdrawLead, actor: str, now: datetime) -> Verdict:
    if found := not_live(lead, "private"):
        return found
    return [wanted(e.LeadRecycled, lead.id, rep=lead.owner, reason="withdrawn", since=lead.since)]


def contact(history: History, lead: Lead, body: r.LogContact, actor: str, now: datetime) -> Verdict:
    found = not_live(lead, "private", "converted")
    name = actor.partition("/")[2]
    helps = name in lead.collaborators and has_role(history, actor, "rep", "support", "marketing")
    by = name if helps else lead.owner
    if not (helps and body.rep in (None, name)):
        found |= of_owner(history, lead, body, actor)
    rules = history.policy.follow_up
    if body.outcome not in rules.outcomes:
        found |= refused("unknown_outcome")
    counts = body.outcome in rules.counts
    until: Any = lead.until
    if lead.status == "private" and counts and lead.until is not None:
        found |= unreachable(history, now, rules.keep_for)
        assert lead.since is not None
        found |= unreachable(history, lead.since, rules.hold_at_most)
        if not found:
            until = after_contact(history, lead, now)
    return found or [
        wanted(e.ContactLogged, lead.id, by=by, counts=counts, outcome=body.outcome, until=until)
    ]


def collaborate(history: History, lead: Lead, body: r.AddCollaborator, actor: str, now: datetime) -> Verdict:
    found = not_live(lead, "private") | of_owner(history, lead, body, actor)
    member = history.members.get(body.member)
    if member is None or not member.present:
        found |= refused("unknown_member")
    if body.member == lead.owner:
        found |= refused("already_owner")
    if body.member in lead.collaborators:
        found |= refused("already_collaborator")
    if body.expires is not None and body.expires <= now:
        found |= refused("expired")
    return found or [wanted(e.CollaboratorAdded, lead.id, member=body.member, expires=body.expires)]


def part(history: History, lead: Lead, body: r.RemoveCollaborator, actor: str, now: datetime) -> Verdict:
    found = not_live(lead, "private") | of_owner(history, lead, body, actor)
    if body.member not in lead.collaborators:
        found |= refused("no_collaborator")
    return found or [wanted(e.CollaboratorRemoved, lead.id, member=body.member, reason="removed")]


def protect(history: History, lead: Lead, body: r.ProtectLead, actor: str, now: datetime) -> Verdict:
    found = not_live(lead, "private") | of_owner(history, lead, body, actor)
    rules = history.policy.follow_up
    if lead.protected:
        found |= refused("already_protected")
    mine = [x for x in history.of(lead.owner or "", "private") if x.protected]
    if len(mine) >= rules.protected_per_rep:
        found["protection_limit"] = {"limit": rules.protected_per_rep, "used": len(mine)}
    if body.until is not None and body.until <= now:
        found |= refused("expired")
    until = body.until
    if rules.protect_at_most is not None:
        found |= unreachable(history, now, rules.protect_at_most)
        longest = history.clock.after(now, rules.protect_at_most)
        until = until or longest
        if until and longest and until > longest:
            found["protection_too_long"] = {"until": longest}
    return found or [wanted(e.LeadProtected, lead.id, rep=lead.owner, until=until)]


def unprotect(history: History, lead: Lead, body: r.UnprotectLead, actor: str, now: datetime) -> Verdict:
    found = not_live(lead, "private") | of_owner(history, lead, body, actor)
    if not lead.protected:
        return found | refused("not_protected")
    until = after_protection(history, lead, now)
    return found or [wanted(e.ProtectionEnded, lead.id, rep=lead.owner, reason="ended", until=until)]
