"""Outcomes of requests, by their identity."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from fastapi.responses import Response
from pydantic import Field

from leadflow.api import answers, examples, problems
from leadflow.api.reading import Reading
from leadflow.domain.values import POOL_PATTERN, UtcTime
from leadflow.errors import NotFound

router = APIRouter(tags=["requests"])


class RequestOutcome(answers.Answer):
    """What became of a request."""

    model_config = answers.example(
        {
            "pool": "east",
            "request": f"rep/wang:{examples.REQUEST}",
            "status": "done",
            "answer": None,
            "actor": "rep/wang",
            "time": "2026-11-21T10:00:00.000000Z",
            "lead": examples.LEAD_ID,
            "facts": ["leadflow.lead.claimed.v1"],
            "first": "east/1042",
            "last": "east/1042",
            "reason": None,
            "winner": None,
            "position": None,
            "says": None,
            "reused": 0,
        }
    )

    pool: str | None
    request: Annotated[str, Field(description="Its identity, `source:id`.")]
    status: Annotated[
        Literal["waiting", "done", "refused"],
        Field(description="`waiting`: it is kept for certain, and not decided yet as far as is known here."),
    ]
    answer: Annotated[str | None, Field(description="Of an arrival: created or merged.")]
    actor: str
    time: UtcTime | None
    lead: str | None
    facts: Annotated[list[str], Field(description="The types of its facts, in their order.")]
    first: Annotated[str | None, Field(description="Its first fact, POOL/SEQUENCE.")]
    last: Annotated[str | None, Field(description="Its last fact.")]
    reason: Annotated[str | None, Field(description="Why it was refused, in one word.")]
    winner: str | None
    position: int | None
    says: Annotated[str | None, Field(description="Why it was refused, in words.")]
    reused: Annotated[
        int, Field(description="How often its key came again with another content, and was refused.")
    ]


Reference = Annotated[
    str,
    Path(
        min_length=1,
        max_length=800,
        description="The request's id, as the caller named it (`Idempotency-Key`), or the identity "
        "`source:id` of any request that it may see; of an arrival `intake/CHANNEL:REF`.",
        examples=[examples.REQUEST],
    ),
]


@router.get(
    "/requests/{reference:path}",
    operation_id="getRequest",
    summary="The outcome of a request",
    response_model=RequestOutcome,
    responses=problems.responses(),
)
def get_request(
    reference: Reference,
    read: Reading,
    pool: Annotated[
        str | None,
        Query(pattern=f"^({POOL_PATTERN}|_company)$", description="The pool that was asked."),
    ] = None,
) -> Response:
    """What became of a request. One that was never decided, or that the caller may not see, is 404: send it
    again with the same key, it is decided once."""
    read.service.fresh.wait_for_all()
    try:
        row, why = read.app.outcome(read.actor, reference, pool, search=False)
    except NotFound:
        for identity in (reference, f"{read.actor}:{reference}"):
            if read.service.under_way.asked_by(read.actor, identity, pool):
                return read.answer(_waiting(identity, read.actor, pool), headers={"Retry-After": "1"})
        raise
    return read.answer(_told(row, why))


def _waiting(identity: str, actor: str, pool: str | None) -> RequestOutcome:
    nothing: dict[str, Any] = dict.fromkeys(RequestOutcome.model_fields)
    known: dict[str, Any] = {
        "pool": pool,
        "request": identity,
        "status": "waiting",
        "actor": actor,
        "facts": [],
        "reused": 0,
    }
    return RequestOutcome(**(nothing | known))


def _told(row: dict[str, Any], why: str | None) -> RequestOutcome:
    refusal = row["refusal"] or {}
    return RequestOutcome(
        pool=row["pool"],
        request=row["identity"],
        status="refused" if row["result"] == "refused" else "done",
        answer=row["answer"],
        actor=row["actor"],
        time=row["time"],
        lead=row["lead"],
        facts=row["facts"],
        first=f"{row['pool']}/{row['first_sequence']}",
        last=f"{row['pool']}/{row['last_sequence']}",
        reason=row["reason"],
        winner=refusal.get("winner"),
        position=refusal.get("position"),
        says=why,
        reused=row["reused"],
    )
