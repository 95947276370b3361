"""Moving a lead, making a customer of it, closing it."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter
from fastapi.responses import Response
from pydantic import BaseModel, Field, StringConstraints

from leadflow.api import examples
from leadflow.api.bodies import Amount, Currency, Rep, body, given
from leadflow.api.changes import LeadAsking
from leadflow.api.of_lead import change_of_lead
from leadflow.api.reading import LeadName, PoolName
from leadflow.domain import requests as r
from leadflow.domain.values import LEAD_ID_PATTERN, POOL_PATTERN, Money, Text

router = APIRouter(tags=["closing"])


class Merge(BaseModel):
    """Which lead becomes part of this one."""

    model_config = body({"absorbed": examples.OTHER_ID, "reason": "the same person"})

    absorbed: Annotated[str, StringConstraints(pattern=f"^{LEAD_ID_PATTERN}$")]
    reason: Text | None = None


class Transfer(BaseModel):
    """Where the lead goes."""

    model_config = body({"to_pool": "west", "reason": "wrong region"})

    to_pool: Annotated[str, StringConstraints(pattern=f"^{POOL_PATTERN}$")]
    reason: Text | None = None


class Convert(BaseModel):
    """What the customer is called elsewhere."""

    model_config = body({"customer": "C-2026-118"})

    rep: Rep = None
    customer: Annotated[
        r.Reference | None, Field(description="Its id elsewhere; left out, LeadFlow derives one.")
    ] = None


class Deal(BaseModel):
    """A deal with the customer that the lead became."""

    model_config = body({"amount": "19999.00", "currency": "CNY", "deal": "D-77"})

    amount: Amount
    currency: Currency
    deal: Annotated[r.Reference | None, Field(description="Its number elsewhere.")] = None
    rep: Rep = None


class Reversal(BaseModel):
    """Which deal no longer counts, and why."""

    model_config = body({"recorded_sequence": 1071, "reason": "typed a zero too many"})

    recorded_sequence: Annotated[
        int,
        Field(
            ge=1,
            le=r.WHOLE_MAX,
            description="Sequence of the fact that recorded it: 1071, if its id is east/1071.",
        ),
    ]
    reason: Text | None = None
    rep: Rep = None


class Disqualify(BaseModel):
    """Why the lead will never buy."""

    model_config = body({"code": "no_budget", "note": "asks again in two years"})

    code: Annotated[r.Word, Field(description="In one word: no_budget, wrong_number, ….")]
    note: Text | None = None
    rep: Rep = None


class Reopen(BaseModel):
    """Why."""

    model_config = body({"reason": "closed by mistake"})

    reason: Text | None = None


@change_of_lead(router, "/merge", "mergeLeads", "Merge two leads")
def merge(pool: PoolName, lead: LeadName, body: Merge, asking: LeadAsking) -> Response:
    """Make another lead part of this one, which keeps its owner and gets both histories; for managers."""
    return asking.change_lead(r.MergeLeads, pool, lead, **given(body))


@change_of_lead(router, "/transfer", "transferLead", "Transfer a lead")
def transfer(pool: PoolName, lead: LeadName, body: Transfer, asking: LeadAsking) -> Response:
    """Move an unowned lead to another pool, with its touches, costs and history; for managers. It happens
    once, although two pools decide."""
    asking.fresh(body.to_pool)
    asking.service.app.views.pool(body.to_pool)
    return asking.change_lead(r.TransferLead, pool, lead, **given(body))


@change_of_lead(router, "/convert", "convertLead", "Make a customer of a lead")
def convert(pool: PoolName, lead: LeadName, asking: LeadAsking, body: Convert | None = None) -> Response:
    """Make a customer of a lead; everything known carries over, and the owner stays. The second time is
    refused with the first one's position."""
    return asking.change_lead(r.ConvertLead, pool, lead, **given(body))


@change_of_lead(router, "/deals", "recordDeal", "Record a deal")
def record_deal(pool: PoolName, lead: LeadName, body: Deal, asking: LeadAsking) -> Response:
    """Record a deal with the customer that the lead became; it counts to the lead's channel."""
    value = Money(amount=Decimal(body.amount), currency=body.currency)
    return asking.change_lead(r.RecordDeal, pool, lead, value=value, deal=body.deal, rep=body.rep)


@change_of_lead(router, "/deals/reverse", "reverseDeal", "Reverse a deal")
def reverse_deal(pool: PoolName, lead: LeadName, body: Reversal, asking: LeadAsking) -> Response:
    """Take a recorded deal back: it counts nowhere any more, on no day. Reports as of an earlier time still
    have it; the right one is recorded in its place."""
    return asking.change_lead(r.ReverseDeal, pool, lead, **given(body))


@change_of_lead(router, "/disqualify", "disqualifyLead", "Close a lead")
def disqualify(pool: PoolName, lead: LeadName, body: Disqualify, asking: LeadAsking) -> Response:
    """Close a lead that will never buy; a new touch reopens it."""
    return asking.change_lead(r.DisqualifyLead, pool, lead, **given(body))


@change_of_lead(router, "/reopen", "reopenLead", "Reopen a lead")
def reopen(pool: PoolName, lead: LeadName, asking: LeadAsking, body: Reopen | None = None) -> Response:
    """Put a disqualified lead back into the public pool; for managers."""
    return asking.change_lead(r.ReopenLead, pool, lead, **given(body))
