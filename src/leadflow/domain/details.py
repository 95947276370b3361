"""Changing what a lead is: editing, merging, and moving it to another pool."""

from __future__ import annotations

from leadflow.domain import events as e
from leadflow.domain.draft import Draft
from leadflow.domain.intake import rescore
from leadflow.domain.joining import corrected_company, joined_company, joined_person
from leadflow.domain.pool import CONVERTED, DISQUALIFIED, LIVE, PRIVATE, PUBLIC, QUEUE, Lead, Pool
from leadflow.domain.refusing import refuse_closed
from leadflow.domain.requests import EditLead, MergeLeads, TransferLead
from leadflow.domain.values import COMPANY_STREAM, Company, Person, role_of


def edit(pool: Pool, lead: Lead, body: EditLead, draft: Draft) -> None:
    """Correct details. A contact point that another lead has is refused, naming that lead."""
    if lead.status not in LIVE:
        refuse_closed(lead, draft)
        return
    for kind, key in pool.contact_keys(body.person):
        other = pool.contacts.get(key)
        if other is not None and other is not lead:
            # Which lead has it is told to those only who may see contact points anyway.
            detail = f"{kind} of lead {other.id}" if role_of(draft.actor) == "manager" else kind
            draft.refuse("contact_taken", subject=lead.id, detail=detail)
            return
    if body.person == Person() and body.company == Company():
        draft.refuse("nothing_to_change", subject=lead.id)
        return
    known = lead.unpack().company
    company = _one_place(known, body.company)
    changed = corrected_company(known, company)
    draft.add(lead.id, e.LeadDetailsChanged(person=body.person, company=company))
    rescore(pool, lead, changed, known, draft)


def _one_place(known: Company, given: Company) -> Company:
    """The correction, with an empty city where it moves the lead to another region and names none.

    Region and city are one place: the city of the old region is none of the new one's.
    """
    moved = given.region is not None and known.region is not None and given.region != known.region
    if moved and given.city is None and known.city:
        return given.model_copy(update={"city": ""})
    return given


def merge(pool: Pool, lead: Lead, body: MergeLeads, draft: Draft) -> None:
    """Make another lead part of this one, which keeps its owner and gets both touch histories."""
    absorbed = pool.leads.get(body.absorbed)
    if absorbed is None:
        draft.refuse("unknown_lead", subject=lead.id)
    elif absorbed is lead:
        draft.refuse("same_lead", subject=lead.id)
    elif lead.status not in (*LIVE, CONVERTED):
        refuse_closed(lead, draft)
    elif absorbed.status not in (*LIVE, DISQUALIFIED):
        refuse_closed(absorbed, draft)
    else:
        other = absorbed.unpack()
        known = lead.unpack() if lead.dossier else None
        person = joined_person(known.person, other.person) if known else other.person
        company = joined_company(known.company, other.company) if known else other.company
        draft.add(
            lead.id,
            e.LeadsMerged(
                absorbed=absorbed.id,
                absorbed_owner=absorbed.owner,
                person=person.model_copy(update={"reason": body.reason}),
                company=company,
                touches=other.touches,
            ),
        )
        if known:
            rescore(pool, lead, company, known.company, draft)


def transfer(pool: Pool, lead: Lead, body: TransferLead, draft: Draft) -> None:
    """Give an unowned lead away to another pool, with everything that belongs to it."""
    if body.to_pool in (pool.id, COMPANY_STREAM):
        draft.refuse("same_pool", subject=lead.id, detail=body.to_pool)
    elif lead.status not in (PUBLIC, QUEUE):
        if lead.status == PRIVATE:
            draft.refuse("owned", subject=lead.id, winner=lead.owner, position=lead.owner_seq)
        else:
            refuse_closed(lead, draft)
    else:
        known = lead.unpack()
        draft.add(
            lead.id,
            e.LeadTransferredOut(
                to_pool=body.to_pool,
                received_as=f"transfer:{pool.id}/{draft.next_sequence}",
                person=known.person.model_copy(update={"reason": body.reason}),
                company=known.company,
                touches=known.touches,
                asked=known.asked,
                filled=known.filled,
            ),
        )
