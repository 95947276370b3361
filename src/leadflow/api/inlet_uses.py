"""What to do with an inlet that is set up: snippets, codes and links to hand out, and asking its vendor.

For whoever may set it up; see `inlet_setup`.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from leadflow.api import answers, once, problems
from leadflow.api.bodies import body
from leadflow.api.changes import Asking, asking
from leadflow.api.forms import base_of
from leadflow.api.inlet_answers import InletName
from leadflow.api.inlet_setup import Looking, a_manager, own_desk
from leadflow.api.reading import Look
from leadflow.bootstrap import forms
from leadflow.bootstrap.identities import Caller
from leadflow.bootstrap.inlets import RECONCILE_DAYS_MAX, Inlet, period
from leadflow.domain.values import UtcTime
from leadflow.errors import UsageError

router = APIRouter(tags=["inlets"], prefix="/inlets")

_MEDIA = {"svg": "image/svg+xml", "png": "image/png", "pdf": "application/pdf"}
_SVG = '<?xml version="1.0" encoding="utf-8"?>\n<svg xmlns="http://www.w3.org/2000/svg" width="232">…</svg>\n'
COUNTED = ("created", "merged", "duplicate", "unreadable", "kept")


class Snippet(answers.Answer):
    """What to paste into a site."""

    model_config = answers.example(
        {
            "html": '<form data-leadflow action="https://leads.example.cn/in/site" method="post">…',
            "integrity": "sha384-oqVuAfXRKap7fdgcCY5uykM6+R9GqQ8K/uxy9rx7HNQlGYl1kPzQho1wx4JwY8wC",
            "bytes": 5900,
        }
    )

    html: str
    integrity: Annotated[str, Field(description="The script's hash, by which browsers know it.")]
    bytes: Annotated[int, Field(description="How long the script is.")]


class NewBooth(BaseModel):
    """Who scans where, and for how long."""

    model_config = body({"rep": "wang", "booth": "A12", "days": 5})

    rep: Annotated[str | None, Field(min_length=1, max_length=100, description="Who scans.")] = None
    booth: Annotated[str | None, Field(min_length=1, max_length=100, description="Where it is.")] = None
    days: Annotated[int, Field(ge=1, le=31, description="For how many days it holds.")] = 7


class BoothLink(answers.Answer):
    """The link of a phone that scans cards."""

    model_config = answers.example(
        {
            "url": "https://leads.example.cn/fair/ciie#WyJjaWllIl0.3q2-7w…",
            "until": "2026-11-26T10:00:00.000000Z",
            "code": _SVG,
        }
    )

    url: Annotated[
        str, Field(description="Who has it may send cards until it ends. What permits it stands behind `#`.")
    ]
    until: UtcTime
    code: Annotated[str, Field(description="The same as a QR code, as SVG.")]


class Days(BaseModel):
    """Which days a vendor is asked for; both belong to them, in its own time zone."""

    model_config = body({"from": "2026-10-23", "to": "2026-11-21"})

    first: Annotated[
        date | None, Field(alias="from", description="The first day; 29 days before the last.")
    ] = None
    last: Annotated[
        date | None,
        Field(alias="to", description=f"The last day; today. At most {RECONCILE_DAYS_MAX} after the first."),
    ] = None


class Reconciled(answers.Answer):
    """What became of what a vendor was asked for."""

    model_config = answers.example(
        {
            "inlet": "bd-main",
            "from": "2026-10-23",
            "to": "2026-11-21",
            "asked": 40,
            "created": 1,
            "merged": 1,
            "duplicate": 38,
            "unreadable": 0,
            "kept": 0,
        }
    )

    inlet: str
    first: Annotated[date, Field(serialization_alias="from")]
    last: Annotated[date, Field(serialization_alias="to")]
    asked: Annotated[int, Field(description="Leads that the vendor gave, or that were asked for.")]
    created: int
    merged: int
    duplicate: Annotated[int, Field(description="Known already.")]
    unreadable: int
    kept: Annotated[int, Field(description="Among the dead letters: without a pool, or without fields.")]


def _form_inlet(look: Look, name: str) -> Inlet:
    """An inlet of people's forms that the caller may set up. Raises NotFound, UsageError."""
    row = own_desk(look, name).get(name)
    if not forms.takes_forms(row.setup):
        raise UsageError(f"no forms of people come to inlet {name}", do="Use one of website or trade_show.")
    return row.at(datetime.now(UTC))


# --- to paste, to print, to hand out ---------------------------------------------------------


@router.get(
    "/{inlet}/snippet",
    operation_id="getInletSnippet",
    summary="What to paste into a site",
    response_model=Snippet,
    responses=problems.responses(),
)
def get_snippet(
    look: Looking,
    inlet: InletName,
    request: Request,
    integrity: Annotated[
        bool,
        Query(description="Pin the script by its hash: after an upgrade that changes it, renew the snippet."),
    ] = True,
) -> Response:
    """The HTML of a form whose answers go to the inlet. Its addresses begin with `LEADFLOW_PUBLIC_URL`, or as
    this request's did."""
    found = _form_inlet(look, inlet)
    html = forms.snippet(base_of(request), inlet, honeypot=found.options.honeypot, integrity=integrity)
    script = forms.asset(forms.SCRIPT)
    assert script is not None
    return look.answer(Snippet(html=html, integrity=script.integrity, bytes=len(script.content)))


def _pictures() -> dict[int | str, dict[str, Any]]:
    binary = {"schema": {"type": "string", "contentMediaType": "image/png"}, "example": "\x89PNG…"}
    content = {
        "image/svg+xml": {"schema": {"type": "string"}, "example": _SVG},
        "image/png": binary,
        "application/pdf": {"schema": {"type": "string"}, "example": "%PDF-1.4…"},
    }
    return {200: {"description": "The code, in the form asked for.", "content": content}}


Given = Annotated[str | None, Query(min_length=1, max_length=200)]


@router.get(
    "/{inlet}/qr",
    operation_id="getInletCode",
    summary="A QR code to print",
    response_class=Response,
    responses={**_pictures(), **problems.responses()},
)
def get_code(
    look: Looking,
    inlet: InletName,
    request: Request,
    rep: Given = None,
    booth: Given = None,
    campaign: Given = None,
    form: Annotated[
        Literal["svg", "png", "pdf"], Query(alias="as", description="What it is drawn as.")
    ] = "svg",
) -> Response:
    """A QR code that opens the inlet's hosted form, with rep, booth and campaign filled in."""
    _form_inlet(look, inlet)
    address = forms.form_address(base_of(request), inlet, {"rep": rep, "booth": booth, "campaign": campaign})
    headers = {
        **look.headers,
        "Content-Disposition": f'inline; filename="{inlet}.{form}"',
        "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    }
    return Response(forms.code(address, form), headers=headers, media_type=_MEDIA[form])


@router.post(
    "/{inlet}/booth",
    operation_id="makeBoothLink",
    summary="The link of a phone that scans cards",
    response_model=BoothLink,
    responses=problems.responses(413, 415),
)
def make_booth_link(look: Looking, inlet: InletName, request: Request, wanted: NewBooth) -> Response:
    """Make a link for a trade show, in the name of a rep and a booth: whoever has it can send cards until it
    ends. Nothing is kept of it; to end all links, change the inlet's secret with `keep_hours` 0."""
    found, now = _form_inlet(look, inlet), datetime.now(UTC)
    until = now + timedelta(days=wanted.days)
    leave = forms.pass_for(found, wanted.rep, wanted.booth, until, now)
    address = f"{base_of(request)}/fair/{inlet}#{leave}"
    return look.answer(BoothLink(url=address, until=until, code=forms.code(address).decode()))


# --- what was not pushed ---------------------------------------------------------------------


async def _reconciling(
    found: Annotated[Asking, Depends(asking("manage"))], _: Annotated[Caller, Depends(a_manager)]
) -> Asking:
    return found


@router.post(
    "/{inlet}/reconcile",
    operation_id="reconcileInlet",
    summary="Ask a vendor for what it did not push",
    response_model=Reconciled,
    responses=problems.responses(413, 415),
)
def reconcile(
    change: Annotated[Asking, Depends(_reconciling)], inlet: InletName, wanted: Days | None = None
) -> Response:
    """Ask a vendor for leads that were not pushed (Baidu), or for fields that could not be had (Meta). It is
    answered when all of them were taken in; whoever hangs up before asks again, as often as it likes: what is
    known is a duplicate."""
    look = Look(change.service, change.caller)
    days = wanted or Days()
    row = own_desk(look, inlet).get(inlet)
    first, last = period(_at(days.first), _at(days.last), datetime.now(UTC))

    def made() -> Counter[str]:
        service, counts = change.service, Counter[str]()
        for done in service.reception.reconcile(row, first, last, service.submit):
            counts[done.result.answer if done.result else "kept"] += 1
        return counts

    counts = once.same(change, made, "reconcile", inlet, days.model_dump_json())
    told = {name: counts[name] for name in COUNTED}
    return change.answer(Reconciled(inlet=inlet, first=first, last=last, asked=counts.total(), **told))


def _at(day: date | None) -> datetime | None:
    return None if day is None else datetime.combine(day, time())
