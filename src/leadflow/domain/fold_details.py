"""Folding the facts that say what a lead is: captured, touched, edited, scored, merged, transferred."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from leadflow.domain import events as e
from leadflow.domain import ownership as own
from leadflow.domain.joining import corrected_company, joined_company, joined_person
from leadflow.domain.pool import MERGED, TRANSFERRED, Lead, Pool
from leadflow.domain.values import Company, Person, Touch, digest


def _claim_contacts(pool: Pool, lead: Lead, person: Person) -> None:
    for _, key in pool.contact_keys(person):
        pool.contacts.setdefault(key, lead)


def _new_lead(pool: Pool, event: e.Event, data: e.LeadCaptured | e.LeadTransferredIn) -> None:
    lead = Lead(event.subject, event.sequence, event.time)
    lead.score, lead.rule = data.score, data.rule
    company = data.company
    lead.region, lead.industry = company.region, company.industry
    # The fact's own bytes are all that the dossier needs, and the log writes them anyway: before, or after.
    lead.told = data.written or data
    pool.leads[lead.id] = lead
    _claim_contacts(pool, lead, data.person)
    if event.fact_index == event.fact_count:
        own.make_public(pool, lead, event.time, event.sequence)
    # Else the decision's next fact says at once what becomes of it.


def _captured(pool: Pool, event: e.Event, data: e.LeadCaptured) -> None:
    _new_lead(pool, event, data)


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
    lead.told = joined.packed()
    _place_lead(pool, lead, joined.company)


def _place_lead(pool: Pool, lead: Lead, company: Company) -> None:
    if (lead.region, lead.industry) != (company.region, company.industry):
        waiting = own.stop_waiting(pool, lead)
        lead.region, lead.industry = company.region, company.industry
        if waiting:
            own.wait_for(pool, lead, waiting)
            # As it is known now, it may suit somebody who is there.
            pool.availability_changed = True


def _touched(pool: Pool, event: e.Event, data: e.TouchRecorded) -> None:
    _join(pool, pool.leads[event.subject], data.person, data.company, (data.touch,))


def _details(pool: Pool, event: e.Event, data: e.LeadDetailsChanged) -> None:
    lead = pool.leads[event.subject]
    known = lead.unpack()
    changed = known.model_copy(
        update={
            "person": joined_person(known.person, data.person, keep_name=False).model_copy(
                update={
                    "note": data.person.note or known.person.note,
                    "answers": known.person.answers | data.person.answers,
                }
            ),
            "company": corrected_company(known.company, data.company),
        }
    )
    lead.told = changed.packed()
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
    absorbed.merged_into, absorbed.last = lead.id, event.sequence
    for _, key in pool.contact_keys(absorbed.unpack().person):
        if pool.contacts.get(key) is absorbed:
            pool.contacts[key] = lead
    absorbed.told = b""
    lead.contacts += absorbed.contacts
    _join(pool, lead, data.person, data.company, data.touches)


def _transferred_out(pool: Pool, event: e.Event, data: e.LeadTransferredOut) -> None:
    lead = pool.leads[event.subject]
    for _, key in pool.contact_keys(lead.unpack().person):
        if pool.contacts.get(key) is lead:
            del pool.contacts[key]
    own.close(pool, lead, TRANSFERRED, event)
    lead.told = b""


def _transferred_in(pool: Pool, event: e.Event, data: e.LeadTransferredIn) -> None:
    if data.into is None:
        _new_lead(pool, event, data)
    else:
        _join(pool, pool.leads[data.into], data.person, data.company, data.touches)


HANDLERS: dict[type[e.Fact], Callable[[Pool, e.Event, Any], None]] = {
    e.LeadCaptured: _captured,
    e.TouchRecorded: _touched,
    e.LeadDetailsChanged: _details,
    e.LeadRescored: _rescored,
    e.LeadsMerged: _merged,
    e.LeadTransferredOut: _transferred_out,
    e.LeadTransferredIn: _transferred_in,
}
