"""Reports, as JSON or as comma-separated values: `Accept` says which.

What a role may count is decided by the views: managers and marketing their own pools, reps their own figures,
analysts and auditors everything. No report holds anybody's contact points.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Generic, TypeVar

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from leadflow.api import problems
from leadflow.api.reading import Look, Reporting
from leadflow.api.report_answers import (
    Channels,
    Funnel,
    FunnelRow,
    OriginRow,
    Origins,
    RepRow,
    Reps,
    Rotation,
    Rotations,
    Spend,
)
from leadflow.bootstrap.reporting import Period, write_csv
from leadflow.bootstrap.reporting import report_records as records
from leadflow.domain.values import POOL_PATTERN, UtcTime

router = APIRouter(tags=["reports"], prefix="/reports")

CSV, JSON = "text/csv", "application/json"

_T = TypeVar("_T")


@dataclass(frozen=True)
class Form(Generic[_T]):
    """A report in both of its forms."""

    name: str
    columns: Sequence[str]
    records: Callable[[_T], Iterable[Sequence[Any]]]
    """The lines of a file."""
    document: Callable[[_T], BaseModel]


CHANNELS = Form("channels", records.CHANNEL_COLUMNS, records.channel_records, Channels.model_validate)
FUNNEL = Form(
    "funnel",
    records.FUNNEL_COLUMNS,
    records.funnel_records,
    lambda found: Funnel(rows=[FunnelRow.model_validate(row) for row in found]),
)
ORIGINS = Form(
    "origins",
    records.ORIGIN_COLUMNS,
    records.origin_records,
    lambda found: Origins(rows=[OriginRow.model_validate(row) for row in found]),
)
REPS = Form(
    "reps",
    records.REP_COLUMNS,
    records.rep_records,
    lambda found: Reps(rows=[RepRow.model_validate(row) for row in found]),
)
FAIRNESS = Form(
    "fairness",
    records.FAIRNESS_COLUMNS,
    records.fairness_records,
    lambda found: Rotations(rows=[Rotation.model_validate(one) for one in found]),
)
SPEND = Form("spend", records.SPEND_COLUMNS, records.spend_records, Spend.model_validate)

# --- what is asked for ----------------------------------------------------------------------


class Days(BaseModel):
    """Which days count, and as of when."""

    model_config = ConfigDict(extra="forbid")

    first: Annotated[date | None, Field(alias="from", description="The first day that counts.")] = None
    last: Annotated[date | None, Field(alias="to", description="The last day that counts.")] = None
    as_of: Annotated[
        UtcTime | None, Field(description="What was known at this time: the log is folded up to there.")
    ] = None

    def period(self) -> Period:
        """The period. Raises ProblemError where it ends before it begins."""
        if self.first and self.last and self.last < self.first:
            wrong = problems.FieldError(
                field="to", part="query", code="before_from", message="is before the first day"
            )
            raise problems.ProblemError(
                problems.problem("invalid", "1 problem in what was sent", errors=[wrong])
            )
        return Period(self.first, self.last, self.as_of)


class DaysOfPool(Days):
    """The same, of one pool or of all that the caller may report on."""

    pool: Annotated[
        str | None, Field(pattern=f"^{POOL_PATTERN}$", description="Count this pool's leads only.")
    ] = None


class OfPool(BaseModel):
    """One pool, or all that the caller may report on."""

    model_config = ConfigDict(extra="forbid")

    pool: Annotated[
        str | None, Field(pattern=f"^{POOL_PATTERN}$", description="This pool's rotations only.")
    ] = None


# --- routes ---------------------------------------------------------------------------------


def _told(columns: Sequence[str]) -> dict[int | str, dict[str, Any]]:
    header = ",".join(columns)
    text = {"schema": {"type": "string"}, "example": f"{header}\r\n"}
    ok: dict[str, Any] = {"description": "The report, as JSON or as CSV.", "content": {CSV: text}}
    return {200: ok, **problems.responses(406)}


@router.get(
    "/channels",
    operation_id="reportChannels",
    summary="What channels cost and brought",
    response_model=Channels,
    responses=_told(CHANNELS.columns),
)
def channels(request: Request, read: Reporting, wanted: Annotated[DaysOfPool, Query()]) -> Response:
    """Spend, touches, leads and what became of them, per channel and campaign. Leads, customers and revenue
    count once, to the channel, campaign and day of the lead's first touch."""
    return _answer(
        request, read, CHANNELS, lambda: read.app.reports.channels(read.actor, wanted.pool, wanted.period())
    )


@router.get(
    "/funnel",
    operation_id="reportFunnel",
    summary="How far leads came",
    response_model=Funnel,
    responses=_told(FUNNEL.columns),
)
def funnel(request: Request, read: Reporting, wanted: Annotated[DaysOfPool, Query()]) -> Response:
    """How far the leads of these days have come since: owned, contacted, converted."""
    return _answer(
        request, read, FUNNEL, lambda: read.app.reports.funnel(read.actor, wanted.pool, wanted.period())
    )


@router.get(
    "/origins",
    operation_id="reportOrigins",
    summary="Where leads came from",
    response_model=Origins,
    responses=_told(ORIGINS.columns),
)
def origins(request: Request, read: Reporting, wanted: Annotated[DaysOfPool, Query()]) -> Response:
    """Which search engines, referring classes and landing pages brought leads. A lead counts once, by its
    first touch; only touches of the web have an origin."""
    return _answer(
        request, read, ORIGINS, lambda: read.app.reports.origins(read.actor, wanted.pool, wanted.period())
    )


@router.get(
    "/reps",
    operation_id="reportReps",
    summary="What reps got and did",
    response_model=Reps,
    responses=_told(REPS.columns),
)
def reps(request: Request, read: Reporting, wanted: Annotated[DaysOfPool, Query()]) -> Response:
    """What each rep got, claimed, contacted and closed on these days; reps see their own figures."""
    return _answer(
        request, read, REPS, lambda: read.app.reports.reps(read.actor, wanted.pool, wanted.period())
    )


@router.get(
    "/fairness",
    operation_id="reportFairness",
    summary="How fair rotations are",
    response_model=Rotations,
    responses=_told(FAIRNESS.columns),
)
def fairness(request: Request, read: Reporting, wanted: Annotated[OfPool, Query()]) -> Response:
    """What each rep got of each rotation since its last change, beside what its weight stands for. Reps have
    none of it: a colleague's shares are no figures of their own."""
    return _answer(
        request,
        read,
        FAIRNESS,
        lambda: read.app.reports.fairness(read.actor, wanted.pool, read.app.pool_state),
    )


@router.get(
    "/spend",
    operation_id="reportSpend",
    summary="What was spent",
    response_model=Spend,
    responses=_told(SPEND.columns),
)
def spend(request: Request, read: Reporting, wanted: Annotated[Days, Query()]) -> Response:
    """Figures of spend that touch these days, and what of each falls on them."""
    return _answer(request, read, SPEND, lambda: read.app.reports.spend(read.actor, wanted.period()))


# --- JSON or CSV ----------------------------------------------------------------------------


def _kind(request: Request) -> str:
    """What the caller wants (RFC 9110, 12.5.1); JSON where both are as good. Raises ProblemError."""
    accepted = ",".join(request.headers.getlist("accept")).strip()
    if not accepted:
        return JSON
    wanted = {kind: _weight(accepted, kind) for kind in (JSON, CSV)}
    best = max(wanted, key=lambda kind: wanted[kind])
    if wanted[best] <= 0:
        raise problems.ProblemError(problems.problem("not-acceptable", f"reports are {JSON} or {CSV}"))
    return best


def _weight(accepted: str, kind: str) -> float:
    """How much a type is wanted: what names it most closely counts."""
    names = {kind: 3, f"{kind.partition('/')[0]}/*": 2, "*/*": 1}
    found = (0, 0.0)
    for part in accepted.lower().split(","):
        name, *parameters = [one.strip() for one in part.split(";")]
        if name in names:
            found = max(found, (names[name], _quality(parameters)))
    return found[1]


def _quality(parameters: Iterable[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return min(max(float(value), 0.0), 1.0)
            except ValueError:
                return 0.0
    return 1.0


def _answer(request: Request, read: Look, form: Form[_T], find: Callable[[], _T]) -> Response:
    """The report in the form that the caller wants; found after what was written through this process."""
    kind = _kind(request)
    read.all_fresh()
    found = find()
    if kind == CSV:
        return _csv(read, form.name, form.columns, form.records(found))
    return read.answer(form.document(found))


def _csv(read: Look, name: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Response:
    """The report as a file, in which no spreadsheet finds a formula."""
    text = io.StringIO(newline="")
    write_csv(text, columns, rows)
    headers = {
        **read.headers,
        "Content-Disposition": f'attachment; filename="{name}.csv"',
        "Vary": "Accept",
    }
    return Response(text.getvalue(), headers=headers, media_type=CSV)
