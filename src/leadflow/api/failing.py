"""From errors, refusals and wrong input to problem documents: the one place where they get a status.

A problem never holds a value that was sent in, a person's data, or a traceback.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.routing import Match

from leadflow import errors
from leadflow.api.identity import log_denied, log_if_denied
from leadflow.api.problems import FieldError, Problem, ProblemError, answer_of, kind_of, problem
from leadflow.bootstrap.looking import Outcome, refusal_text
from leadflow.bootstrap.policies import policies
from leadflow.domain.values import speakable

RETRY_AFTER_S = 2
"""What those are told to wait who meet something that is away."""

METHODS = ("DELETE", "GET", "OPTIONS", "PATCH", "POST", "PUT")

_UNPARSED = "There was an error parsing the body"
"""What FastAPI says of JSON that its parser fails at otherwise than by its grammar."""

log_ = structlog.get_logger(__name__)

_ERRORS: tuple[tuple[type[errors.LeadflowError], str], ...] = (
    (errors.TooOften, "too-often"),
    (errors.NotSignedIn, "unauthenticated"),
    (errors.Unavailable, "unavailable"),
    (errors.Conflict, "unavailable"),
    (errors.Fenced, "unavailable"),
    (errors.NotPermitted, "not-permitted"),
    (errors.NotFound, "not-found"),
    (errors.AlreadyThere, "already-there"),
    (errors.KeyReused, "key-reused"),
    (errors.TooLarge, "too-large"),
    (errors.WrongVersion, "unavailable"),
    (errors.UsageError, "invalid"),
)
"""Which kind of problem an error is; the first that fits. Any other is a bug."""

SENTENCES = {
    "rep_needed": "say for which rep, by the member `rep`",
    "reason_needed": "a reason is needed, in the member `reason`",
    "unknown_outcome": "the policy knows no outcome of that name; GET the pool's policy shows them",
}
"""Refusals whose sentence for people at the command line names its options."""


# --- errors ---------------------------------------------------------------------------------


def of_error(error: errors.LeadflowError) -> ProblemError:
    """The problem that an error is."""
    kind = next((kind for of, kind in _ERRORS if isinstance(error, of)), "bug")
    if kind == "bug":
        log_.error("a request met a bug", problem=type(error).__name__, exc_info=error)
        return ProblemError(problem("bug", "Nothing was changed. The log has the particulars."))
    headers = {}
    if isinstance(error, errors.TooOften):
        headers["Retry-After"] = str(error.retry_after_s)
    elif kind == "unauthenticated":
        headers["WWW-Authenticate"] = "Bearer"
    elif kind == "unavailable":
        headers["Retry-After"] = str(RETRY_AFTER_S)
    detail = error.what if not error.where or kind == "unavailable" else f"{error.what} ({error.where})"
    return ProblemError(
        problem(kind, detail, do=_advice(error), errors=fields_of(getattr(error, "problems", None))), headers
    )


def _advice(error: errors.LeadflowError) -> str | None:
    """What to do, where it is not about the command line."""
    do = error.do
    if do is None or isinstance(error, policies.InvalidDocument) or "`" in do or "--" in do:
        return None
    return do


def fields_of(found: Iterable[Any] | None, within: str = "") -> list[FieldError] | None:
    """What readers of arrivals and of policies found wrong, as the fields of a problem document."""
    if found is None:
        return None
    return [
        FieldError(
            field=".".join(filter(None, (within, getattr(one, "field", None) or getattr(one, "path", "")))),
            code=str(getattr(one, "code", None) or getattr(one, "severity", "invalid")),
            message=one.message,
        )
        for one in found
    ]


def of_validation(lines: Iterable[Mapping[str, Any]], part: str | None = None) -> ProblemError:
    """The problem of input that pydantic refused; `part` is what it is part of, where it does not say."""
    found = []
    for line in lines:
        loc = list(line["loc"])
        where = part or str(loc.pop(0) if loc else "body")
        if line["type"] == "json_invalid":
            why = line.get("ctx", {}).get("error", "it is no JSON")
            at = f" at character {loc[-1]}" if loc and isinstance(loc[-1], int) else ""
            return ProblemError(problem("unreadable", f"the body is no JSON: {why}{at}"))
        message = str(line["msg"]).removeprefix("Value error, ")
        found.append(FieldError(field=_path(loc), part=where, code=str(line["type"]), message=message[:1000]))
    count = "1 problem" if len(found) == 1 else f"{len(found)} problems"
    return ProblemError(problem("invalid", f"{count} in what was sent", errors=found))


def _path(loc: Iterable[int | str]) -> str:
    path = ""
    for part in loc:
        if isinstance(part, int):
            path += f"[{part}]"
        else:
            # An unknown member may be called anything, also like somebody's phone number.
            name = speakable(part[:64]) or "…"
            path += f".{name}" if path else name
    return path


# --- refusals -------------------------------------------------------------------------------


def of_refusal(outcome: Outcome, *, conditional: bool) -> ProblemError:
    """The problem that a refusal is. `conditional`: the request said which state it saw (`If-Match`)."""
    refusal, event = outcome.refusal, outcome.events[0]
    assert refusal is not None
    kind = {
        "not_permitted": "not-permitted",
        "unknown_lead": "not-found",
        "identity_reused": "key-reused",
        "stale": "stale" if conditional else "refused",
    }.get(refusal.reason, "refused")
    return ProblemError(
        problem(
            kind,
            SENTENCES.get(refusal.reason) or refusal_text(refusal, event),
            reason=refusal.reason,
            winner=refusal.winner,
            position=refusal.position,
            limit=refusal.limit,
            used=refusal.used,
            until=refusal.until,
            rep=refusal.rep,
            fact=event.id,
            request=outcome.request.id,
            repeated=outcome.repeated,
        )
    )


# --- the frame ------------------------------------------------------------------------------


def install(api: FastAPI) -> None:
    """Let every error of the API's handlers become a problem document."""

    @api.exception_handler(ProblemError)
    async def _problem(request: Request, error: ProblemError) -> Response:
        if error.problem.status == 403:
            log_denied(request, error.problem.reason or error.problem.type)
        return answer_of(error.problem, error.headers)

    @api.exception_handler(errors.LeadflowError)
    async def _leadflow(request: Request, error: errors.LeadflowError) -> Response:
        log_if_denied(request, error)
        found = of_error(error)
        return answer_of(found.problem, found.headers)

    @api.exception_handler(RequestValidationError)
    async def _request(_: Request, error: RequestValidationError) -> Response:
        if isinstance(error.body, bytes):
            # FastAPI leaves a body as it came where its type is not JSON.
            return answer_of(problem("unsupported-type", "the body must be JSON: application/json"))
        found = of_validation(error.errors())
        return answer_of(found.problem, found.headers)

    @api.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> Response:
        headers = dict(error.headers or {})
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            headers["Allow"] = _allowed(request)
        return answer_of(of_status(error.status_code, error.detail), headers)


def _allowed(request: Request) -> str:
    """The methods of a path: each has a route of its own, and the framework names the first one's only."""
    scopes = ((name, {**request.scope, "method": name}) for name in METHODS)
    return ", ".join(
        name
        for name, scope in scopes
        if any(route.matches(scope)[0] is Match.FULL for route in request.app.routes)
    )


def of_status(status: int, detail: str | None = None) -> Problem:
    """The problem of a bare status."""
    if detail == HTTPStatus(status).phrase:
        detail = None
    elif detail == _UNPARSED:
        detail = (
            "the body is no JSON that can be read: not UTF-8, too deep, or with a number of too many digits"
        )
    kind = kind_of(status)
    if kind is not None:
        return problem(kind, detail)
    return Problem(type="about:blank", title=HTTPStatus(status).phrase, status=status, detail=detail)


def bug(error: Exception) -> Response:
    """The answer to a request that met a bug; the log has where, and never what was sent."""
    log_.error("a request met a bug", problem=type(error).__name__, exc_info=error)
    return answer_of(problem("bug", "The log has the particulars."))
