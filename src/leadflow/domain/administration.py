"""The pool itself: opening, policies and members."""

from __future__ import annotations

from leadflow.domain import events as e
from leadflow.domain.draft import Draft
from leadflow.domain.follow_up import add_hand_over, customer_handed_over, recycled
from leadflow.domain.pool import Member, Pool
from leadflow.domain.requests import (
    AddMember,
    ChangeMember,
    OpenPool,
    PauseMember,
    PublishPolicy,
    RemoveMember,
    ResumeMember,
)
from leadflow.domain.values import speakable


def open_pool(pool: Pool, body: OpenPool, draft: Draft) -> None:
    """The pool exists, with its first policy."""
    if pool.sequence:
        draft.refuse("already_open", position=1)
        return
    draft.add(pool.id, e.PoolOpened(clock=body.clock))
    draft.add("policy", e.PolicyPublished(version=1, policy=body.policy, calendar=body.calendar))


def publish_policy(pool: Pool, body: PublishPolicy, draft: Draft) -> None:
    """A new version is in force from here on; a rule whose group has no rep is refused."""
    reps = [m for m in pool.members.values() if m.role == "rep" and not m.left]
    present = {m.id for m in reps}
    holes = sorted(
        f"{path}: {name}"
        for path, name in body.policy.group_names().items()
        if name not in body.policy.groups
        or (
            present
            and body.policy.groups[name].reps != "all"
            and not present.intersection(body.policy.groups[name].reps)
        )
    )
    if holes:
        draft.refuse("group_without_rep", detail="; ".join(holes))
        return
    draft.add(
        "policy",
        e.PolicyPublished(version=pool.policy_version + 1, policy=body.policy, calendar=body.calendar),
    )


def add_member(pool: Pool, body: AddMember, draft: Draft) -> None:
    """A person joins; one that left may come back."""
    known = pool.members.get(body.member)
    if known is not None and not known.left:
        draft.refuse("already_member", subject=body.member, position=known.changed_seq)
    else:
        draft.add(body.member, e.MemberJoined(member=body.member, role=body.role, traits=body.traits))


def _present(pool: Pool, member_id: str, draft: Draft) -> Member | None:
    member = pool.members.get(member_id)
    if member is None or member.left:
        draft.refuse("unknown_member", detail=speakable(member_id))
        return None
    return member


def change_member(pool: Pool, body: ChangeMember, draft: Draft) -> None:
    """Replace the traits that are given, or the role; a rep that owns leads stays a rep."""
    member = _present(pool, body.member, draft)
    if member is None:
        return
    role = body.role or member.role
    if role != "rep" and (member.held or member.customers):
        draft.refuse("owns_leads", subject=member.id, used=len(member.held) + len(member.customers))
        return
    cleared = dict.fromkeys(body.clear)
    given = cleared | {f: getattr(body.traits, f) for f in body.traits.model_fields_set}
    traits = member.traits.model_copy(update=given)
    draft.add(
        member.id, e.MemberChanged.model_validate({"member": member.id, "role": role, "traits": traits})
    )


def pause_member(pool: Pool, body: PauseMember, draft: Draft) -> None:
    """The rep gets and claims nothing until resumed."""
    member = _present(pool, body.member, draft)
    if member is None:
        return
    if member.paused:
        draft.refuse("already_paused", subject=member.id, position=member.paused)
    elif body.until is not None and body.until <= draft.now:
        draft.refuse("expired", subject=member.id, until=body.until)
    else:
        draft.add(member.id, e.MemberPaused(member=member.id, until=body.until))


def resume_member(pool: Pool, body: ResumeMember, draft: Draft) -> None:
    """The rep is back."""
    member = _present(pool, body.member, draft)
    if member is None:
        return
    if not member.paused:
        draft.refuse("not_paused", subject=member.id)
    else:
        draft.add(member.id, e.MemberResumed(member=member.id))


def remove_member(pool: Pool, body: RemoveMember, draft: Draft) -> None:
    """A member leaves: its leads go back or to a colleague, its customers always to a colleague."""
    member = _present(pool, body.member, draft)
    if member is None:
        return
    leads_to, customers_to = pool.rep(body.leads_to), pool.rep(body.customers_to or body.leads_to)
    for name, found in ((body.leads_to, leads_to), (body.customers_to, customers_to)):
        if name is not None and (found is None or found is member):
            draft.refuse("unknown_rep", subject=member.id, detail=speakable(name))
            return
    if member.customers and customers_to is None:
        draft.refuse("customers_need_owner", subject=member.id, used=len(member.customers))
        return
    if leads_to is not None and member.held:
        cap, wanted = pool.cap_of(leads_to), len(leads_to.held) + len(member.held)
        if cap is not None and wanted > cap:
            draft.refuse("at_cap", subject=member.id, rep=leads_to.id, limit=cap, used=wanted)
            return
    for lead_id in member.held:
        lead = pool.leads[lead_id]
        if leads_to is None:
            draft.add(lead.id, recycled(lead, "rep_left"))
        else:
            add_hand_over(pool, lead, leads_to.id, draft)
    for lead_id in member.customers:
        assert customers_to is not None
        draft.add(lead_id, customer_handed_over(pool.leads[lead_id], customers_to.id))
    for lead in pool.leads.values():
        if lead.collaborators and member.id in lead.collaborators:
            draft.add(lead.id, e.CollaboratorRemoved(member=member.id, reason="left"))
    draft.add(member.id, e.MemberLeft(member=member.id))
