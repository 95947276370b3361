"""Keeping a lead: who works on it with its owner, and protection from being recycled."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from fastapi.responses import Response
from pydantic import BaseModel, Field

from leadflow.api.bodies import ForRep, Rep, body, given
from leadflow.api.changes import LeadAsking
from leadflow.api.of_lead import change_of_lead
from leadflow.api.reading import LeadName, MemberName, PoolName
from leadflow.domain import requests as r
from leadflow.domain.values import Name, UtcTime

router = APIRouter(tags=["keeping"])


class Collaborator(BaseModel):
    """Who works on the lead with its owner, and until when."""

    model_config = body({"member": "su", "until": "2026-12-01T10:00:00Z"})

    member: Name
    until: Annotated[UtcTime | None, Field(description="When it ends by itself.")] = None


class Protection(BaseModel):
    """Until when, and for which rep."""

    model_config = body({"until": "2026-12-15T10:00:00Z"})

    rep: Rep = None
    until: Annotated[UtcTime | None, Field(description="When it ends by itself.")] = None


@change_of_lead(router, "/collaborators", "addCollaborator", "Add a collaborator")
def add_collaborator(pool: PoolName, lead: LeadName, body: Collaborator, asking: LeadAsking) -> Response:
    """Let another member work on the lead with its owner, for good or until a time: it sees the contact
    points and logs contacts."""
    return asking.change_lead(r.AddCollaborator, pool, lead, member=body.member, expires=body.until)


@change_of_lead(
    router, "/collaborators/{member}", "removeCollaborator", "Remove a collaborator", method="DELETE"
)
def remove_collaborator(pool: PoolName, lead: LeadName, member: MemberName, asking: LeadAsking) -> Response:
    """End a collaboration."""
    return asking.change_lead(r.RemoveCollaborator, pool, lead, member=member)


@change_of_lead(router, "/protect", "protectLead", "Protect a lead")
def protect(pool: PoolName, lead: LeadName, asking: LeadAsking, body: Protection | None = None) -> Response:
    """Keep a lead from being recycled, within the limits of the policy."""
    return asking.change_lead(r.ProtectLead, pool, lead, **given(body))


@change_of_lead(router, "/unprotect", "unprotectLead", "End a protection")
def unprotect(pool: PoolName, lead: LeadName, asking: LeadAsking, body: ForRep | None = None) -> Response:
    """End the protection of a lead early."""
    return asking.change_lead(r.UnprotectLead, pool, lead, **given(body))
