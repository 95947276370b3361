"""Hosted forms: their pages, what they load, and codes to print. Everything here is for everybody.

A page works without JavaScript; who is new and who is known is answered alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Path, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from leadflow.api.identity import identities_of, public_url
from leadflow.api.inlets import call_of, find_reader, take
from leadflow.bootstrap import forms
from leadflow.bootstrap.inlets import Call, Inlet, InletReader, NotTaken, Result, Sent, TooMany
from leadflow.errors import Conflict, Fenced, LeadflowError, NotFound, Unavailable

router = APIRouter(include_in_schema=False)

FOR_EVER = "public, max-age=31536000, immutable"
AN_HOUR = "public, max-age=3600"
CODES_MAX = 60
"""Codes on one sheet."""
_ADDRESS_MAX = 4000
_OWN_FIELDS = ("lf_ticket", "consent", "campaign", "rep", "booth")
InletId = Annotated[str, Path(max_length=64)]


# --- scripts and styles -----------------------------------------------------------------------


@router.get("/forms/leadflow.js")
def script(request: Request) -> Response:
    """The script that other sites embed; whoever pins it by its hash needs CORS."""
    found = forms.asset(forms.SCRIPT)
    assert found is not None
    return _served(request, found, AN_HOUR, {"Access-Control-Allow-Origin": "*"})


@router.get("/forms/static/{name}")
def static(name: str, request: Request) -> Response:
    """What our own pages load, by its content: kept for ever, or for an hour where it was not named."""
    found = forms.asset(name)
    if found is None:
        raise NotFound("there is no such file")
    pinned = request.query_params.get("v") == found.version
    return _served(request, found, FOR_EVER if pinned else AN_HOUR)


def _served(
    request: Request, found: forms.Asset, keep: str, more: Mapping[str, str] | None = None
) -> Response:
    headers = {
        "Cache-Control": keep,
        "ETag": f'"{found.version}"',
        "Cross-Origin-Resource-Policy": "cross-origin",
        **(more or {}),
    }
    known = [one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")]
    if headers["ETag"] in known:
        return Response(status_code=304, headers=headers)
    return Response(found.content, headers=headers, media_type=found.media_type)


# --- the form ---------------------------------------------------------------------------------


@router.get("/f/{inlet}")
async def page(inlet: InletId, request: Request) -> Response:
    """The form, empty."""
    opening = _opening(request)
    try:
        reader = await find_form(request, inlet)
    except LeadflowError as error:
        return failed(error, opening.language)
    hidden = {"landing_page": str(request.url)[:_ADDRESS_MAX]}
    if referrer := request.headers.get("referer", "")[:_ADDRESS_MAX]:
        hidden["referrer"] = referrer
    ticket = forms.Ticket(forms.new_ticket(), datetime.now(UTC))
    return await _form(request, reader.inlet, opening, ticket, hidden, 200)


@router.post("/f/{inlet}")
async def send(inlet: InletId, request: Request) -> Response:
    """Take the form; then the page that thanks, or the form once more with what is wrong with it."""
    opening = _opening(request)
    try:
        reader = await find_form(request, inlet)
        call = await call_of(request, reader)
        if call.media_type not in (forms.FORM, forms.MULTIPART):
            return failed(NotTaken("this is no form"), opening.language)
        fields = forms.fields_of(call)
    except LeadflowError as error:
        return failed(error, opening.language)
    if isinstance(fields, Sent):
        return failed(NotTaken("this is no form"), opening.language)
    return await _sent(request, reader, opening, call, {name: str(text) for name, text in fields.items()})


async def _sent(
    request: Request, reader: InletReader, opening: forms.Opening, call: Call, fields: dict[str, str]
) -> Response:
    inlet = reader.inlet
    opening = forms.opening_of(_query(request) | _place(fields), opening.language)
    hidden = {name: text for name, text in fields.items() if name in ("landing_page", "referrer")}
    key = await run_in_threadpool(lambda: identities_of(request).key.key)
    ticket = forms.opened(key, inlet.id, fields.get("lf_ticket", ""), call.now)
    again: dict[str, Any] = {"values": fields}
    if ticket is None:
        ticket = forms.Ticket(forms.new_ticket(), call.now)
        return await _form(request, inlet, opening, ticket, hidden, 422, notice="expired", **again)
    if lacks := forms.missing(inlet, opening.language, fields):
        return await _form(request, inlet, opening, ticket, hidden, 422, problems=lacks, **again)
    elapsed_ms = int((call.now - ticket.opened_at).total_seconds() * 1000)
    document: dict[str, Any] = {name: text for name, text in fields.items() if name not in _OWN_FIELDS}
    document |= {**opening.given, "submission_id": ticket.submission, forms.ELAPSED: elapsed_ms}
    if consent := forms.consent_of(inlet, opening.language):
        document["consent"] = consent
    try:
        became = await take(request, reader, _as_json(call, document))
    except (NotTaken, Unavailable, Conflict, Fenced) as error:
        status, notice = _told(error)
        return await _form(request, inlet, opening, ticket, hidden, status, notice=notice, **again)
    if problems := [one for result in became for one in _problems(result)]:
        return await _form(request, inlet, opening, ticket, hidden, 422, problems=problems, **again)
    thanks = f"/f/{inlet.id}/thanks{opening.query()}"
    if inlet.options.thanks and not opening.kiosk:
        thanks = inlet.options.thanks
    return RedirectResponse(thanks, 303, forms.headers("form", inlet))


@router.get("/f/{inlet}/thanks")
async def thanks(inlet: InletId, request: Request) -> Response:
    """What is said when a form was taken; a page of its own, so that loading it again sends nothing."""
    opening = _opening(request)
    try:
        reader = await find_form(request, inlet)
    except LeadflowError as error:
        return failed(error, opening.language)
    return HTMLResponse(forms.thanks_page(reader.inlet, opening), headers=forms.headers("form", reader.inlet))


async def find_form(request: Request, inlet: str) -> InletReader:
    """The reader of an inlet that people's forms come to. Raises NotFound, Unavailable."""
    reader = await find_reader(request, inlet)
    if not forms.takes_forms(reader.inlet):
        raise NotFound("there is no form here")
    return reader


async def _form(
    request: Request,
    inlet: Inlet,
    opening: forms.Opening,
    ticket: forms.Ticket,
    hidden: Mapping[str, str],
    status: int,
    **shown: Any,
) -> Response:
    try:
        key = await run_in_threadpool(lambda: identities_of(request).key.key)
    except Unavailable as error:
        return failed(error, opening.language)
    sealed = forms.sealed(key, inlet.id, ticket)
    text = forms.form_page(inlet, opening, ticket=sealed, hidden=hidden, **shown)
    return HTMLResponse(text, status, forms.headers("form", inlet))


def _as_json(call: Call, document: Mapping[str, Any]) -> Call:
    """The call with this document. The page was ours, as its ticket shows, whatever `Origin` a proxy left."""
    kept = {name: text for name, text in call.headers.items() if name in ("host", "user-agent")}
    return Call(orjson.dumps(document), {**kept, "content-type": "application/json"}, call.now, call.address)


def _problems(result: Result) -> Sequence[forms.Problem]:
    return result.problems if result.answer == "unreadable" else ()


def _told(error: LeadflowError) -> tuple[int, str]:
    """Status of an answer, and the name of the text that says what happened."""
    if isinstance(error, TooMany):
        return 429, "too_often"
    if isinstance(error, NotTaken):
        return error.status, "captcha" if "captcha" in error.what else "not_taken"
    return 503, "away"


def failed(error: LeadflowError, language: str) -> Response:
    """A page for a form that cannot be shown."""
    if isinstance(error, NotFound):
        status, text = 404, forms.notice_page(language, "gone_title", "gone")
    else:
        status, notice = _told(error)
        text = forms.notice_page(language, notice, notice, back=status == 429)
    return HTMLResponse(text, status, forms.headers("plain"))


def language_for(request: Request) -> str:
    """The language that a browser wants a page in."""
    return forms.language_of(request.query_params.get("lang"), request.headers.get("accept-language"))


def _query(request: Request) -> dict[str, str]:
    return dict(request.query_params)


def _place(fields: Mapping[str, str]) -> dict[str, str]:
    """What a page of ours asked for itself, or hid: it goes before the address."""
    return {name: fields[name] for name in ("campaign", "rep", "booth") if name in fields}


def _opening(request: Request) -> forms.Opening:
    return forms.opening_of(_query(request), language_for(request))


# --- codes to print ---------------------------------------------------------------------------


@router.get("/f/{inlet}/qr.svg")
async def code(inlet: InletId, request: Request) -> Response:
    """A QR code that opens the form with campaign, rep and booth filled in."""
    opening = _opening(request)
    try:
        await find_form(request, inlet)
    except LeadflowError as error:
        return failed(error, opening.language)
    picture = forms.code(forms.form_address(base_of(request), inlet, opening.given))
    headers = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
    return Response(picture, headers=headers, media_type="image/svg+xml")


@router.get("/f/{inlet}/print")
async def sheet(
    inlet: InletId,
    request: Request,
    rep: Annotated[list[str] | None, Query(max_length=CODES_MAX)] = None,
    booth: Annotated[list[str] | None, Query(max_length=CODES_MAX)] = None,
) -> Response:
    """Codes to print: one for each rep at each booth that is named; those of the inlet if none is."""
    opening = _opening(request)
    try:
        reader = await find_form(request, inlet)
    except LeadflowError as error:
        return failed(error, opening.language)
    sheets = []
    for one_booth in booth or [""]:
        for one_rep in rep or reader.inlet.options.reps or [""]:
            given = {"booth": one_booth, "rep": one_rep, "campaign": opening.given.get("campaign", "")}
            known = forms.opening_of(given, opening.language)
            picture = f"/f/{inlet}/qr.svg{known.query()}"
            address = forms.form_address(base_of(request), inlet, known.given)
            sheets.append({**given, "picture": picture, "address": address})
    text = forms.print_page(reader.inlet, opening.language, sheets[:CODES_MAX])
    return HTMLResponse(text, headers=forms.headers("plain"))


def base_of(request: Request) -> str:
    """Where people reach the service, without a `/` at its end."""
    return public_url(request) or str(request.base_url).rstrip("/")
