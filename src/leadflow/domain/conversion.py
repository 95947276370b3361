"""Closing a lead: conversion to a customer, deals and their reversal, disqualifying and reopening."""

from __future__ import annotations

from leadflow.domain import events as e
from leadflow.domain.deals import Reversed
from leadflow.domain.draft import Draft
from leadflow.domain.pool import CONVERTED, DISQUALIFIED, LIVE, PRIVATE, Lead, Pool
from leadflow.domain.refusing import refuse_closed, refuse_unowned
from leadflow.domain.requests import ConvertLead, DisqualifyLead, RecordDeal, ReopenLead, ReverseDeal
from leadflow.domain.values import Person, derived_id, id_of, role_of


def convert(lead: Lead, body: ConvertLead, draft: Draft) -> None:
    """Make a customer of an owned lead; everything known of it is carried over."""
    if lead.status == CONVERTED:
        draft.refuse("already_converted", subject=lead.id, winner=lead.owner, position=lead.closed_seq)
        return
    if lead.status != PRIVATE or lead.owner is None:
        refuse_unowned(lead, draft)
        return
    known = lead.unpack()
    draft.add(
        lead.id,
        e.LeadConverted(
            customer=body.customer or derived_id("customer", draft.stream.id, lead.id),
            owner=lead.owner,
            person=known.person,
            company=known.company,
            touches=known.touches,
            contacts=lead.contacts,
            score=lead.score,
            captured_sequence=lead.number,
        ),
    )


def record_deal(lead: Lead, body: RecordDeal, draft: Draft) -> None:
    """Revenue of the customer that the lead became."""
    if lead.status != CONVERTED or lead.customer is None or lead.owner is None:
        draft.refuse("not_converted", subject=lead.id)
    elif body.value.amount <= 0:
        draft.refuse("amount_not_positive", subject=lead.id)
    else:
        draft.add(
            lead.id,
            e.DealRecorded(customer=lead.customer, value=body.value, deal=body.deal, owner=lead.owner),
        )


def reverse_deal(pool: Pool, lead: Lead, body: ReverseDeal, draft: Draft) -> None:
    """Take back a deal that was recorded with the customer; once, and a colleague's figures by a manager."""
    recorded = body.recorded_sequence
    deal = pool.deals.get(recorded)
    if lead.status != CONVERTED or lead.customer is None:
        draft.refuse("not_converted", subject=lead.id)
    elif deal is None or deal.lead != lead.id:
        draft.refuse("unknown_deal", subject=lead.id, position=recorded)
    elif isinstance(deal, Reversed):
        draft.refuse("already_reversed", subject=lead.id, position=deal.sequence)
    elif role_of(draft.actor) == "rep" and deal.owner != id_of(draft.actor):
        draft.refuse("others_deal", subject=lead.id, winner=deal.owner, position=recorded)
    else:
        draft.add(
            lead.id,
            e.DealReversed(
                recorded_sequence=recorded,
                customer=lead.customer,
                value=deal.value,
                deal=deal.number,
                owner=deal.owner,
                day=deal.day,
                person=Person(reason=body.reason),
            ),
        )


def disqualify(lead: Lead, body: DisqualifyLead, draft: Draft, by: str) -> None:
    """Close a lead that will never buy."""
    if lead.status not in LIVE:
        refuse_closed(lead, draft)
    else:
        draft.add(
            lead.id,
            e.LeadDisqualified(by=by, code=body.code, owner=lead.owner, person=Person(note=body.note)),
        )


def reopen(lead: Lead, body: ReopenLead, draft: Draft) -> None:
    """Put a disqualified lead back into the public pool."""
    if lead.status != DISQUALIFIED:
        draft.refuse("not_disqualified", subject=lead.id, detail=lead.status)
    else:
        draft.add(lead.id, e.LeadReopened(cause="manual", person=Person(reason=body.reason)))
