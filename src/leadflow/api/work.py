"""Working on leads: giving them, contacting, returning, revealing."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from fastapi.responses import Response
from pydantic import BaseModel, Field

from leadflow.api.bodies import Rep, body, given
from leadflow.api.changes import LeadAsking
from leadflow.api.of_lead import change_of_lead
from leadflow.api.reading import LeadName, PoolName
from leadflow.domain import requests as r
from leadflow.domain.values import Name, Text, UtcTime

router = APIRouter(tags=["work"])
_REASON = Field(min_length=1, description="Why, in your words; people only see it with the lead.")


class AssignLead(BaseModel):
    """To whom, and why."""

    model_config = body({"to": "wang", "reason": "knows the customer"})

    to: Annotated[Name, Field(description="The rep who gets it.")]
    reason: Annotated[Text, _REASON]


class HandOver(BaseModel):
    """To whom, and why."""

    model_config = body({"to": "li", "reason": "moves to another region"})

    to: Annotated[Name, Field(description="The rep who gets it.")]
    reason: Text | None = None


class ReturnLead(BaseModel):
    """Why, and for which rep."""

    model_config = body({"reason": "no budget before spring"})

    rep: Rep = None
    reason: Text | None = None


class WithdrawLead(BaseModel):
    """Why."""

    model_config = body({"reason": "the rep is ill"})

    reason: Annotated[Text, _REASON]


class LogContact(BaseModel):
    """A contact with the lead."""

    model_config = body({"outcome": "reached", "means": "call", "note": "wants a demo on Tuesday"})

    outcome: Annotated[Name, Field(description="One of the policy's, e.g. reached, no_answer.")]
    means: Annotated[r.Word | None, Field(description="How: call, wechat, email, visit, ….")] = None
    stated_at: Annotated[
        UtcTime | None, Field(description="When it was; deadlines count from when it is logged all the same.")
    ] = None
    note: Annotated[Text | None, Field(description="What was said.")] = None
    rep: Rep = None


class Reveal(BaseModel):
    """Why, and for which rep."""

    model_config = body({"reason": "complaint 2026-118"})

    rep: Rep = None
    reason: Annotated[Text | None, Field(description="Needed by auditors.")] = None


@change_of_lead(router, "/assign", "assignLead", "Assign a lead by hand")
def assign(pool: PoolName, lead: LeadName, body: AssignLead, asking: LeadAsking) -> Response:
    """Give a lead of the pool to a rep, with a reason; for managers and marketing."""
    return asking.change_lead(r.AssignLead, pool, lead, to=body.to, reason=body.reason)


@change_of_lead(router, "/hand-over", "handOverLead", "Hand a lead over")
def hand_over(pool: PoolName, lead: LeadName, body: HandOver, asking: LeadAsking) -> Response:
    """Give a lead, or the customer that it became, from its owner to another rep; collaborators and history
    stay. For managers."""
    return asking.change_lead(r.HandOverLead, pool, lead, to=body.to, reason=body.reason)


@change_of_lead(router, "/return", "returnLead", "Return a lead")
def return_lead(
    pool: PoolName, lead: LeadName, asking: LeadAsking, body: ReturnLead | None = None
) -> Response:
    """Give one's own lead back to the public pool; a manager may for its rep."""
    return asking.change_lead(r.ReturnLead, pool, lead, **given(body))


@change_of_lead(router, "/withdraw", "withdrawLead", "Withdraw a lead")
def withdraw(pool: PoolName, lead: LeadName, body: WithdrawLead, asking: LeadAsking) -> Response:
    """Take a lead from its owner, back to the public pool; for managers."""
    return asking.change_lead(r.WithdrawLead, pool, lead, reason=body.reason)


@change_of_lead(router, "/contacts", "logContact", "Log a contact")
def log_contact(pool: PoolName, lead: LeadName, body: LogContact, asking: LeadAsking) -> Response:
    """Log a contact with a lead. One that counts by the policy moves the owner's deadline."""
    return asking.change_lead(r.LogContact, pool, lead, **given(body))


@change_of_lead(router, "/reveal", "revealContact", "See masked contact points")
def reveal(pool: PoolName, lead: LeadName, asking: LeadAsking, body: Reveal | None = None) -> Response:
    """See the contact points of a lead that are masked otherwise, within the policy's limit; auditors give a
    reason. That they were seen, by whom and why, is a fact; `state` holds them, in this answer only."""
    outcome = asking.send(pool, r.RevealContact, lead=lead, if_sequence=asking.if_sequence, **given(body))
    asking.fresh(pool)
    return asking.about_lead(outcome, asking.service.app.views.revealed(outcome.events[0]))
