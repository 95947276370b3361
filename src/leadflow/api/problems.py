"""Problems: every answer that is no success, as RFC 9457 (Problem Details for HTTP APIs) writes them.

Which error is which problem stands in `failing`; here is what problems are like, and what the document says
of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import structlog
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from leadflow.api.problem_kinds import KINDS, type_of
from leadflow.domain.values import UtcTime

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 2
"""What those are told to wait who meet something that is away."""

log_ = structlog.get_logger(__name__)


class FieldError(BaseModel):
    """One thing that is wrong with what was sent."""

    field: Annotated[str, Field(description="The field, e.g. `traits.hours` or `rules[0].points`.")]
    part: Annotated[str, Field(description="What it is part of: `body`, `query`, `path`, `header`.")] = "body"
    code: Annotated[str, Field(description="For programs, e.g. `missing`, `extra_forbidden`.")]
    message: Annotated[str, Field(description="For people. Never holds the value that was sent.")]


class Problem(BaseModel):
    """A problem document (RFC 9457): what went wrong, and what of it the caller can put right."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "/problems/refused",
                    "title": "A rule refused the request",
                    "status": 409,
                    "detail": "li has the lead already, by fact east/1042",
                    "reason": "already_owned",
                    "winner": "li",
                    "position": 1042,
                    "fact": "east/1043",
                    "request": "0199d3a0-5c1e-7c3e-b0f5-2f6f0f6b8a11",
                    "repeated": False,
                }
            ]
        }
    )

    type: Annotated[str, Field(description="Names the kind of problem; stable. GET says what it means.")]
    title: Annotated[str, Field(description="The kind of problem in words.")]
    status: Annotated[int, Field(description="The HTTP status, once more.")]
    detail: Annotated[str | None, Field(description="What happened this time.")] = None
    do: Annotated[str | None, Field(description="What helps.")] = None
    errors: Annotated[
        list[FieldError] | None, Field(description="Everything that is wrong with what was sent.")
    ] = None
    reason: Annotated[str | None, Field(description="Why a rule refused the request, in one word.")] = None
    winner: Annotated[str | None, Field(description="Who has the lead.")] = None
    position: Annotated[
        int | None, Field(description="Sequence of the fact that stands in the way: of two, the first.")
    ] = None
    limit: int | None = None
    used: int | None = None
    until: Annotated[UtcTime | None, Field(description="When the same could succeed.")] = None
    rep: Annotated[str | None, Field(description="For whom it was asked.")] = None
    fact: Annotated[
        str | None, Field(description="The fact that a refusal is, POOL/SEQUENCE: it can be shown later.")
    ] = None
    request: Annotated[str | None, Field(description="The request's id.")] = None
    dead_letter: Annotated[
        int | None, Field(description="Where an arrival that cannot be read is kept, to be corrected.")
    ] = None
    repeated: Annotated[
        bool | None, Field(description="The request was decided before; this is its first outcome.")
    ] = None


_BY_STATUS = {kind.status: name for name, kind in reversed(KINDS.items())}


def kind_of(status: int) -> str | None:
    """The most general kind of problem with this status, if there is one."""
    return _BY_STATUS.get(status)


class ProblemError(Exception):
    """Ends a request with a problem document."""

    def __init__(self, problem: Problem, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(problem.type)
        self.problem = problem
        self.headers = dict(headers or {})


def problem(kind: str, detail: str | None = None, **members: Any) -> Problem:
    """A problem document of this kind (`KINDS`)."""
    known = KINDS[kind]
    return Problem(type=type_of(kind), title=known.title, status=known.status, detail=detail, **members)


def answer_of(found: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """The problem as an answer."""
    return Response(
        found.model_dump_json(exclude_none=True), found.status, dict(headers or {}), media_type=MEDIA_TYPE
    )


# --- the document ---------------------------------------------------------------------------

MEANINGS = {
    400: "The request cannot be read: no JSON, or a header that cannot be understood.",
    401: "Nobody is signed in, and no token was given; or it is no longer valid.",
    403: "The role, or the token's scopes, do not permit this. A refusal by a pool is a fact, and names it.",
    404: "What is named does not exist, or may not be seen: both are answered alike.",
    405: "The method cannot be used here.",
    406: "The answer cannot be given in the form that was asked for.",
    409: "A rule refused the request: a fact with reason, winner and position.",
    412: "The lead has changed since the state that `If-Match` names. Nothing was changed.",
    413: "The body is larger than the service takes.",
    415: "The body's `Content-Type` is not one that is taken here.",
    422: "What was sent is not right, field by field; or the `Idempotency-Key` was used for something else.",
    429: "Too many requests; `Retry-After` says when to come back.",
    503: "The log or the database is away. Nothing is known to be changed: send the same again.",
}
_RETRY = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 0}}}
ALWAYS = (400, 401, 403, 404, 405, 422, 429, 503)


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What an operation's document says of its problems: those of every one, and these."""
    return {status: _response(status) for status in sorted({*ALWAYS, *statuses})}


def _response(status: int) -> dict[str, Any]:
    found: dict[str, Any] = {
        "description": MEANINGS[status],
        "content": {
            MEDIA_TYPE: {
                "schema": {"$ref": "#/components/schemas/Problem"},
                "example": _example(status),
            }
        },
    }
    if status in (429, 503):
        found["headers"] = _RETRY
    return found


_EXAMPLES: dict[int, dict[str, Any]] = {
    400: {"detail": "the body is no JSON: Expecting value at character 12"},
    403: {"detail": "this is not for the role support here", "reason": "not_permitted", "fact": "east/1043"},
    409: {
        "detail": "li has the lead already, by fact east/1042",
        "reason": "already_owned",
        "winner": "li",
        "position": 1042,
        "fact": "east/1043",
        "request": "0199d3a0-5c1e-7c3e-b0f5-2f6f0f6b8a11",
        "repeated": False,
    },
    412: {
        "detail": "the lead has changed since you saw it; its last change is fact east/1042",
        "reason": "stale",
        "position": 1042,
        "fact": "east/1043",
    },
    422: {
        "detail": "1 problem in what was sent",
        "errors": [{"field": "outcome", "part": "body", "code": "missing", "message": "Field required"}],
    },
}


def _example(status: int) -> dict[str, Any]:
    kind = {409: "refused", 422: "invalid"}.get(status) or kind_of(status) or "bug"
    return problem(kind, **_EXAMPLES.get(status, {"detail": MEANINGS[status]})).model_dump(
        mode="json", exclude_none=True
    )


def changes(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The problems of an operation that asks a pool for something, and the answer while it waits."""
    waiting = {
        "description": "The request is kept for certain, and its outcome was not there in the time that was "
        "given: `Location` says where it will be.",
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Accepted"}}},
        "headers": {"Location": {"schema": {"type": "string"}}, **_RETRY},
    }
    return {202: waiting, **responses(409, 413, 415, *statuses)}


def changes_of_lead() -> dict[int | str, dict[str, Any]]:
    """The same of an operation that takes `If-Match`."""
    return changes(412)
