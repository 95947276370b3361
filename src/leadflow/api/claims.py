"""Claiming: of several claims for one lead the first in the log wins."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from leadflow.api import answers, examples, failing, problems
from leadflow.api.bodies import ForRep, Rep
from leadflow.api.changes import LeadAsking, Working, fact_of
from leadflow.api.hot import HotRoute
from leadflow.api.reading import LeadName, PoolName, Reading
from leadflow.bootstrap.asking import request_of
from leadflow.bootstrap.looking import Outcome
from leadflow.domain import requests as r

router = APIRouter(tags=["claims"], route_class=HotRoute)
looking = APIRouter(tags=["claims"])


@router.post(
    "/pools/{pool}/leads/{lead}/claim",
    operation_id="claimLead",
    summary="Claim a lead",
    response_model=answers.LeadChanged,
    responses=problems.changes_of_lead(),
)
async def claim_lead(
    pool: PoolName, lead: LeadName, asking: LeadAsking, body: ForRep | None = None
) -> Response:
    """Take a public lead. Log order decides: of several claims the first in the log wins, and each other is
    refused as a fact that names the winner and its position. The answer shows whom to call."""
    rep = body.rep if body is not None else None
    outcome = await asking.sent(pool, r.ClaimLead, lead=lead, if_sequence=asking.if_sequence, rep=rep)
    return await run_in_threadpool(asking.about_lead, outcome)


@router.post(
    "/pools/{pool}/claims/next",
    operation_id="claimNext",
    summary="Claim the best lead",
    response_model=answers.LeadChanged,
    responses=problems.changes(),
)
async def claim_next(pool: PoolName, asking: Working, body: ForRep | None = None) -> Response:
    """Take the best lead that may be claimed now: highest score, then oldest; chosen and claimed in one
    decision."""
    outcome = await asking.sent(pool, r.ClaimNext, rep=body.rep if body is not None else None)
    return await run_in_threadpool(asking.about_lead, outcome)


class NextLead(answers.Answer):
    """Which lead `claimNext` would give now."""

    model_config = answers.example({"lead": examples.LEAD, "would_be": examples.FACT})

    lead: answers.Lead
    would_be: answers.Fact


@looking.get(
    "/pools/{pool}/claims/next",
    operation_id="previewNext",
    summary="See which lead would be the next",
    response_model=NextLead,
    responses=problems.responses(409),
)
def preview_next(pool: PoolName, read: Reading, rep: Rep = None) -> Response:
    """The best lead that may be claimed now. Nothing is claimed; another may be quicker."""
    read.pool(pool)
    body = r.ClaimNext(rep=rep)
    event = read.app.preview(pool, read.actor, body)[0]
    outcome = Outcome(request_of(pool, read.actor, "preview", body), (event,))
    if outcome.refusal is not None:
        found = failing.of_refusal(outcome, conditional=False).problem
        # Nothing was written: there is no such fact.
        raise problems.ProblemError(found.model_copy(update=dict.fromkeys(("fact", "request", "repeated"))))
    lead = read.app.views.lead(read.actor, pool, event.subject)
    return read.answer(NextLead(lead=answers.Lead.of(lead), would_be=fact_of(event)))
