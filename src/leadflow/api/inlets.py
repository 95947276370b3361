"""The doors of channels: `/in/{inlet}`. What comes is durable before it is acknowledged.

A vendor is answered in its own words; what can never be read is kept and acknowledged, so that it does not
come again for ever, and while the log is away the answer is 503, so that it does. Who is refused is told no
more than a status.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Path, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, Response

from leadflow.api.failing import of_error
from leadflow.api.frame import BODY_MAX
from leadflow.api.identity import log_denied
from leadflow.api.problems import ProblemError, answer_of, problem, responses
from leadflow.bootstrap.forms import (
    FORM,
    MULTIPART,
    Opening,
    headers,
    language_of,
    problems_page,
    takes_forms,
    thanks_page,
)
from leadflow.bootstrap.inlets import (
    EXAMPLE_FORM,
    Call,
    Inlet,
    InletReader,
    NotTaken,
    Rates,
    Received,
    Reply,
    Result,
    Sent,
    TooMany,
    challenge,
    decided,
    origin_allowed,
    received,
    results,
    thanks,
    undecided,
)
from leadflow.bootstrap.reception import Reception, needs_captcha
from leadflow.bootstrap.serving import Service, Undecided
from leadflow.errors import Conflict, Fenced, LeadflowError, Unavailable

WAIT_S = 20.0
"""How long a vendor waits for its answer at most: less than any of them does."""
RETRY_AFTER_S = "60"
_KINDS = {
    401: "not-authentic",
    403: "not-permitted",
    413: "too-large",
    415: "unsupported-type",
    429: "too-often",
}

_BODY: dict[str, Any] = {
    "requestBody": {
        "description": "What the inlet's kind reads; of a website form, its fields.",
        "content": {"application/json": {"schema": {}, "example": EXAMPLE_FORM}},
    }
}

router = APIRouter(tags=["inlets"])

InletId = Annotated[str, Path(description="The inlet's id.", max_length=64, examples=["bd-main"])]
Secret = Annotated[
    str,
    Path(
        description="The secret, where the inlet has it in its address: `path` of the answer that opened it.",
        max_length=300,
        examples=["3q2-7wJ0kVbH1m5cXyZ8tQeR4uLpNsGd"],
    ),
]
_DONE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "It is kept: in the log, or among the dead letters. The body is the vendor's own.",
        "content": {"application/json": {"schema": {}, "example": {"ok": True}}},
    },
    303: {"description": "A form of a browser was taken; `Location` is the page that thanks for it."},
    **responses(413, 415),
}
# A form is told what is wrong with its fields in its own words.
_DONE[422]["content"]["application/json"] = {
    "schema": {},
    "example": {
        "ok": False,
        "problems": [{"field": "phone", "code": "invalid", "message": "is no phone number"}],
    },
}


@router.post(
    "/in/{inlet}",
    summary="Take in what a channel sends",
    operation_id="send_to_inlet",
    responses=_DONE,
    response_class=Response,
    openapi_extra=_BODY,
)
async def post(inlet: InletId, request: Request) -> Response:
    """Arrivals as the inlet's kind reads them: signed, with a key, or a form's."""
    return await _post(inlet, None, request)


@router.post(
    "/in/{inlet}/{secret}",
    summary="Take in what a channel sends to an address with a secret",
    operation_id="send_to_inlet_by_secret",
    responses=_DONE,
    response_class=Response,
    openapi_extra=_BODY,
)
async def post_secret(inlet: InletId, secret: Secret, request: Request) -> Response:
    """The same, for vendors that sign nothing."""
    return await _post(inlet, secret, request)


@router.get(
    "/in/{inlet}",
    summary="Answer Meta's verification",
    operation_id="verify_inlet",
    response_class=Response,
    responses={
        200: {
            "description": "The challenge.",
            "content": {"text/plain": {"schema": {"type": "string"}, "example": "1158201444"}},
        },
        **responses(),
    },
)
async def verify(inlet: InletId, request: Request) -> Response:
    """`hub.challenge`, for whoever knows the inlet's `hub.verify_token`."""
    reader = await _reader(_reception(request), inlet)
    try:
        return Response(challenge(reader, dict(request.query_params)), media_type="text/plain")
    except NotTaken as error:
        raise refused(error, request, reader) from None


@router.options(
    "/in/{inlet}",
    summary="Let pages of the form's sites post to it",
    operation_id="preflight_inlet",
    response_class=Response,
    responses={204: {"description": "The page may post (CORS)."}, **responses()},
    status_code=204,
)
async def preflight(inlet: InletId, request: Request) -> Response:
    """What a browser asks before a page of another site may post."""
    reader = await _reader(_reception(request), inlet)
    headers = _cors(reader, request)
    if not headers:
        raise ProblemError(problem("not-permitted", "forms of this site are not taken"))
    headers |= {
        "Access-Control-Allow-Methods": "POST",
        "Access-Control-Allow-Headers": "content-type, idempotency-key",
        "Access-Control-Max-Age": "600",
    }
    return Response(status_code=204, headers=headers)


# --- one call ---------------------------------------------------------------------------------


async def _post(inlet: str, secret: str | None, request: Request) -> Response:
    reader = await find_reader(request, inlet)
    cors = _cors(reader, request)
    try:
        call = await call_of(request, reader, secret)
        became = await take(request, reader, call)
    except NotTaken as error:
        found = refused(error, request, reader)
        return answer_of(found.problem, found.headers | cors)
    except (Unavailable, Conflict, Fenced) as error:
        found = of_error(error)
        return answer_of(found.problem, found.headers | cors)
    reply = reader.kind.answer(reader.inlet, became)
    if takes_forms(reader.inlet):
        reply = thanks(reader.inlet, call, reply)
        if reply.status != 303 and call.media_type in (FORM, MULTIPART) and "html" in call.header("accept"):
            return page_after(reader.inlet, request, became)
    return _response(reply, cors)


async def find_reader(request: Request, inlet: str) -> InletReader:
    """The reader of an inlet that takes calls. Raises NotFound, Unavailable."""
    return await _reader(_reception(request), inlet)


async def call_of(request: Request, reader: InletReader, secret: str | None = None) -> Call:
    """The call that a request is. Raises TooMany, and what ends a request whose body is too large."""
    request.scope[BODY_MAX] = reader.kind.body_bytes_max
    _limit(reader, request)
    address = request.client.host if request.client else ""
    return Call(await request.body(), dict(request.headers), datetime.now(UTC), address, secret)


async def take(request: Request, reader: InletReader, call: Call) -> list[Result]:
    """What became of each arrival of a call, in the log or kept for certain. Raises NotTaken, Unavailable."""
    sents = reader.sent(call)
    return results(await _taken(_reception(request), _service(request), reader, sents, call))


def page_after(inlet: Inlet, request: Request, became: Sequence[Result]) -> Response:
    """What a browser without the script is shown that posted the form of another site's page."""
    language = language_of(request.query_params.get("lang"), request.headers.get("accept-language"))
    problems = [problem for one in became if one.answer == "unreadable" for problem in one.problems]
    if problems:
        return HTMLResponse(problems_page(inlet, language, problems), 422, headers("plain"))
    return HTMLResponse(thanks_page(inlet, Opening(language)), headers=headers("plain"))


async def _taken(
    reception: Reception, service: Service, reader: InletReader, sents: Sequence[Sent], call: Call
) -> list[Received]:
    """Every arrival of a call, decided or kept. Raises NotTaken, Unavailable."""
    arrivals: Sequence[Sent | Received] = sents
    if needs_captcha(reader) or any(one.ids_only for one in sents):
        arrivals = await run_in_threadpool(reception.complete, reader, sents, call)
    places = reception.known_places()
    if places is None:
        places = await run_in_threadpool(reception.places)
    found = [one if isinstance(one, Received) else received(reader, one, places) for one in arrivals]
    if any(one.misplaced for one in found):
        # What was known a moment ago may be what keeps it out: a pool was opened, a policy published.
        places = await run_in_threadpool(reception.places, fresh=True)
        found = [one if isinstance(one, Received) else received(reader, one, places) for one in arrivals]
    if len(found) == 1:
        done = [await _decided(service, reader, found[0])]
    else:
        # All are decided, whatever becomes of one of them; then the first that is away is told.
        ended = await asyncio.gather(
            *(_decided(service, reader, one) for one in found), return_exceptions=True
        )
        done = []
        for one in ended:
            if isinstance(one, BaseException):
                raise one
            done.append(one)
    if any(one.letter is not None or one.sent.test for one in done):
        await run_in_threadpool(reception.keep, reader, done)
    return done


async def _decided(service: Service, reader: InletReader, one: Received) -> Received:
    if one.request is None:
        return one
    try:
        return decided(reader, one, await service.decided(one.request, WAIT_S))
    except Undecided:
        return undecided(one)
    except (Unavailable, Conflict, Fenced):
        raise
    except LeadflowError as error:
        return decided(reader, one, error)


# --- what stands around it ---------------------------------------------------------------------


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


def _reception(request: Request) -> Reception:
    """The service's: what changes inlets, pools or routing has it forget what it knew."""
    return _service(request).reception


async def _reader(reception: Reception, inlet: str) -> InletReader:
    known = reception.known_reader(inlet)
    return known if known is not None else await run_in_threadpool(reception.reader, inlet)


def _limit(reader: InletReader, request: Request) -> None:
    """Raise the problem for a sender that posts too often."""
    per_minute = getattr(reader.inlet.options, "rate_per_minute", None)
    address = request.client.host if request.client else ""
    state = request.app.state
    if not hasattr(state, "rates"):
        state.rates = Rates()
    rates: Rates = state.rates
    if per_minute is not None and not rates.take(reader.inlet.id, address, per_minute, time.monotonic()):
        raise TooMany("too many posts from this address", do="Wait a minute.")


def _cors(reader: InletReader, request: Request) -> dict[str, str]:
    """The headers that let a page of an allowed site read the answer; none for any other."""
    origin = request.headers.get("origin")
    if not takes_forms(reader.inlet) or origin is None:
        return {}
    if not origin_allowed(reader.inlet, origin, request.headers.get("host", "")):
        return {}
    return {"Access-Control-Allow-Origin": origin, "Vary": "Origin"}


def refused(error: NotTaken, request: Request, reader: InletReader) -> ProblemError:
    """The problem that a call meets; who runs the inlet finds in the log which proof of it was wrong."""
    if error.status in (401, 403):
        log_denied(request, getattr(error, "why", error.what), inlet=reader.inlet.id)
    kind = _KINDS.get(error.status, "invalid")
    headers = {"Retry-After": RETRY_AFTER_S} if error.status == 429 else {}
    return ProblemError(problem(kind, error.what, do=error.do), headers)


def _response(reply: Reply, cors: dict[str, str]) -> Response:
    headers = {**reply.headers, **cors}
    if reply.body is None:
        return Response(status_code=reply.status, headers=headers)
    content = reply.body if isinstance(reply.body, str) else orjson.dumps(reply.body)
    return Response(content, reply.status, headers, media_type=reply.media_type)
