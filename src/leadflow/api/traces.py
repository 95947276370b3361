"""Looking back at a lead: who owned it, when and why, who else asked, and every fact with its proof."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import Field

from leadflow.api import answers, examples, pages, problems
from leadflow.api.reading import LeadName, PoolName, Reading
from leadflow.domain.values import UtcTime

router = APIRouter(tags=["leads"])

_HASH, _HASH_BEFORE = "9f2c" + "1b07" * 15, "4ad0" + "77e3" * 15
_CLAIM = {
    "fact": "east/1042",
    "position": 20977,
    "time": "2026-11-21T10:00:00.000000Z",
    "known_at": "2026-11-21T10:00:00.004211Z",
    "actor": "rep/wang",
    "type": "leadflow.lead.claimed.v1",
    "policy": 1,
    "says": "wang claimed it; promised until 2026-11-24 18:00:00",
    "reason": None,
    "hash": _HASH,
    "prevhash": _HASH_BEFORE,
}
_ATTEMPT = {
    "fact": "east/1043",
    "position": 20978,
    "time": "2026-11-21T10:00:00.006000Z",
    "actor": "rep/li",
    "rep": "li",
    "request": "ClaimLead",
    "reason": "already_owned",
    "told": "wang has the lead already, by fact east/1042",
    "winner": "wang",
    "winner_fact": "east/1042",
    "policy": 1,
}
_HOLDING: dict[str, Any] = {
    "owner": "wang",
    "since": "2026-11-21T10:00:00.000000Z",
    "fact": "east/1042",
    "position": 20977,
    "mode": "claim",
    "actor": "rep/wang",
    "why": "wang claimed it",
    "rule": None,
    "group": None,
    "shares_since": None,
    "turn": None,
    "candidates": [],
    "policy": 1,
    "promised": "2026-11-24T10:00:00.000000Z",
    "until": "2026-11-24T10:00:00.000000Z",
    "contacts": 0,
    "refused": [_ATTEMPT],
    "ended": None,
    "end": None,
    "end_fact": None,
    "end_why": None,
}


class Attempt(answers.Answer):
    """Somebody asked for something about the lead and was refused."""

    fact: str
    position: int
    time: UtcTime
    actor: str
    rep: str
    request: str
    reason: str
    told: Annotated[str, Field(description="The refusal in words.")]
    winner: str | None
    winner_fact: Annotated[str | None, Field(description="The fact that was first.")]
    policy: int


class Holding(answers.Answer):
    """One time of ownership."""

    owner: str
    since: UtcTime
    fact: str
    position: int
    mode: Annotated[str, Field(description="claim, next, rotation, directed, timeout, manual or hand_over.")]
    actor: str
    why: Annotated[str, Field(description="How it came to be the owner's, in words.")]
    rule: str | None
    group: str | None
    shares_since: Annotated[str | None, Field(description="The fact from which the rotation's shares count.")]
    turn: int | None
    candidates: Annotated[list[str], Field(description="Who was considered, and why each was skipped.")]
    policy: int
    promised: Annotated[UtcTime | None, Field(description="The deadline that it began with.")]
    until: Annotated[UtcTime | None, Field(description="The deadline that it has, or had last.")]
    contacts: Annotated[int, Field(description="Logged contacts that count.")]
    refused: Annotated[list[Attempt], Field(description="Who else asked meanwhile.")]
    ended: UtcTime | None
    end: str | None
    end_fact: str | None
    end_why: str | None


class ProvenFact(answers.Answer):
    """One fact of the lead's history, with what proves it."""

    model_config = answers.example(_CLAIM)

    fact: Annotated[str, Field(description="POOL/SEQUENCE: of two facts of a pool, the lower was first.")]
    position: Annotated[int, Field(description="Its place in the whole log.")]
    time: UtcTime
    known_at: Annotated[UtcTime, Field(description="When the log had it.")]
    actor: str
    type: str
    policy: Annotated[int, Field(description="Version of the policy that it was decided by.")]
    says: str
    reason: Annotated[str | None, Field(description="What the actor gave as a reason, where it may be seen.")]
    hash: Annotated[str, Field(description="SHA-256 of its document, in hexadecimal.")]
    prevhash: Annotated[
        str, Field(description="What the document is chained to: the hash of the pool's fact before.")
    ]


class LeadTrace(answers.Answer):
    """The history of a lead's ownership, as it was known at some time."""

    model_config = answers.example(
        {
            "lead": examples.LEAD_ID,
            "pool": "east",
            "at": None,
            "owner": "wang",
            "owner_then": "wang",
            "status": "private",
            "holdings": [_HOLDING],
            "refused_while_public": [],
            "history": [_CLAIM],
            "facts_known": 1,
            "facts_now": 1,
        }
    )

    lead: str
    pool: str
    at: Annotated[UtcTime | None, Field(description="The time asked about; null for now.")]
    owner: Annotated[str | None, Field(description="Who owned it then, by what was known then.")]
    owner_then: Annotated[str | None, Field(description="Who owned it then, by all that is known now.")]
    status: str
    holdings: Annotated[list[Holding], Field(description="Every time of ownership, oldest first.")]
    refused_while_public: Annotated[
        list[Attempt], Field(description="Who asked while nobody had it, and was refused.")
    ]
    history: Annotated[list[ProvenFact], Field(description="Every fact that was known, oldest first.")]
    facts_known: int
    facts_now: int


class History(answers.Answer):
    """A page of a lead's facts."""

    model_config = answers.example({"items": [_CLAIM], "next": None})

    items: list[ProvenFact]
    next: Annotated[str | None, Field(description="The cursor of the next page; null on the last one.")]


@router.get(
    "/pools/{pool}/leads/{lead}/trace",
    operation_id="traceLead",
    summary="Who owned a lead, and why",
    response_model=LeadTrace,
    responses=problems.responses(),
)
def trace_lead(
    pool: PoolName,
    lead: LeadName,
    read: Reading,
    at: Annotated[
        UtcTime | None,
        Query(description="What was known at this time; now unless said.", examples=["2026-11-21T12:00:00Z"]),
    ] = None,
) -> Response:
    """Who owned the lead, when and why, who else asked and what they were told, and every fact with its place
    in the chain. For managers, auditors, and the rep who owns it; facts of other pools that the lead was in
    come along where the caller may see those pools' history."""
    read.pool(pool)
    _, found = read.app.traces.of(read.actor, pool, lead, at)
    return read.answer(LeadTrace.model_validate(found))


@router.get(
    "/pools/{pool}/leads/{lead}/history",
    operation_id="listLeadHistory",
    summary="List a lead's facts",
    response_model=History,
    responses=problems.responses(),
)
def history(
    request: Request,
    pool: PoolName,
    lead: LeadName,
    read: Reading,
    limit: pages.Limit = pages.LIMIT,
    cursor: pages.Cursor = None,
) -> Response:
    """Every fact that concerns the lead in this pool, oldest first, with the hashes that prove it."""
    read.pool(pool)
    choice = pages.choice_of("history", pool, lead)
    after = pages.number_of(cursor, choice)
    # One more than is shown says whether there are more.
    found = read.app.traces.history(read.actor, pool, lead, after, limit + 1)
    items = [ProvenFact.model_validate(line) for line in found[:limit]]
    following = None
    if len(found) > limit:
        following = pages.cursor_of(choice, [int(items[-1].fact.rpartition("/")[2])])
    return read.answer(History(items=items, next=following), headers=pages.links(request, following))
