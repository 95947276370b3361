"""The page that scans cards at a booth. The cards themselves go to the inlet, with a pass: `api.inlets`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, Response

from leadflow.api.forms import InletId, failed, language_for
from leadflow.api.identity import needs, session_of
from leadflow.api.inlets import call_of, find_reader, refused
from leadflow.api.problems import ProblemError, problem
from leadflow.bootstrap import forms
from leadflow.bootstrap.identities import Caller, Session
from leadflow.bootstrap.inlets import InletReader, NotTaken
from leadflow.domain.values import id_of, role_of
from leadflow.errors import LeadflowError, NotFound, NotPermitted

router = APIRouter(include_in_schema=False)

SESSION_PASS_LASTS = timedelta(hours=16)
"""A day at the booth."""
SCANNERS = frozenset(("rep", "manager"))


async def find_fair(request: Request, inlet: str) -> InletReader:
    """The reader of an inlet that takes scanned cards. Raises NotFound, Unavailable."""
    reader = await find_reader(request, inlet)
    if not forms.takes_cards(reader.inlet):
        raise NotFound("there is no trade show here")
    return reader


@router.get("/fair/worker.js")
def worker() -> Response:
    """What opens the page without a network. A worker may look at what is below its own address, and at no
    other page of the site."""
    found = forms.asset(forms.WORKER)
    assert found is not None
    headers = {
        "Cache-Control": "no-cache",
        "Content-Security-Policy": "default-src 'none'; connect-src 'self'",
    }
    return Response(found.content, headers=headers, media_type=found.media_type)


@router.get("/fair/{inlet}")
async def page(inlet: InletId, request: Request) -> Response:
    """The page; it does nothing for whoever is not signed in and has no booth's link."""
    language = language_for(request)
    try:
        reader = await find_fair(request, inlet)
    except LeadflowError as error:
        return failed(error, language)
    session = await run_in_threadpool(_session, request)
    other = f"/fair/{inlet}?lang={'en' if language == 'zh' else 'zh'}"
    text = forms.fair_page(
        reader.inlet,
        language,
        name=session.account.display_name or session.account.name if session else None,
        csrf=session.csrf if session else None,
        other=other,
    )
    return HTMLResponse(text, headers=forms.headers("fair", reader.inlet))


def _session(request: Request) -> Session | None:
    try:
        return session_of(request)
    except LeadflowError:
        return None


@router.post("/fair/{inlet}/pass")
async def give_pass(
    inlet: InletId, request: Request, caller: Annotated[Caller, Depends(needs("intake"))]
) -> dict[str, Any]:
    """A pass for a rep or a manager who is signed in, in their own name, for a day."""
    reader = await find_fair(request, inlet)
    pool = reader.inlet.pool
    if role_of(caller.actor) not in SCANNERS:
        raise NotPermitted(f"{caller.actor} may not scan cards")
    views = request.app.state.service.app.views
    if pool is not None and not await run_in_threadpool(views.may, "submit", caller.actor, pool):
        raise NotPermitted(f"{caller.actor} may not send leads to pool {pool}")
    now = datetime.now(UTC)
    until = now + SESSION_PASS_LASTS
    return {"pass": forms.pass_for(reader.inlet, id_of(caller.actor), None, until, now), "until": until}


@router.post("/fair/{inlet}/read")
async def read(inlet: InletId, request: Request) -> dict[str, Any]:
    """What a code holds, for whoever shows a pass. Nothing is kept."""
    reader = await find_fair(request, inlet)
    try:
        call = await call_of(request, reader)
        forms.pass_of(reader.inlet, call)
        document = orjson.loads(call.body)
    except NotTaken as error:
        raise refused(error, request, reader) from None
    except orjson.JSONDecodeError:
        raise ProblemError(problem("unreadable", "the body is no JSON")) from None
    code = document.get("code") if isinstance(document, dict) else None
    if not isinstance(code, str):
        raise ProblemError(problem("invalid", "the code's text is missing, in the member `code`"))
    return forms.shown(code)
