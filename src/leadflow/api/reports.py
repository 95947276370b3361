"""Reports, as JSON or as comma-separated values: `Accept` says which.

What a role may count is decided by the views: managers and marketing their own pools, reps their own figures,
analysts and auditors everything. No report holds anybody's contact points.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from leadflow.api import answers, problems
from leadflow.api.reading import Look, Reporting
from leadflow.bootstrap import Period, write_csv
from leadflow.bootstrap import report_records as records
from leadflow.domain.values import POOL_PATTERN, UtcTime

router = APIRouter(tags=["reports"], prefix="/reports")

CSV, JSON = "text/csv", "application/json"
_MONEY = {
    "currency": "CNY",
    "spend": "31000.00",
    "touch_costs": "0",
    "cost": "31000.00",
    "deals": 9,
    "revenue": "412000.00",
    "cost_per_lead": "73.81",
    "cost_per_customer": "2583.33",
    "return_on_spend": "13.29",
}
_CHANNEL: dict[str, Any] = {
    "channel": "baidu_ads",
    "campaign": "autumn",
    "touches": 431,
    "leads": 420,
    "owned": 400,
    "assigned": 180,
    "claimed": 220,
    "contacted": 390,
    "converted": 12,
    "disqualified": 31,
    "money": {"CNY": _MONEY},
    "marks": ["touch_costs"],
}
_COUNTS = {"leads": 420, "owned": 400, "contacted": 390, "converted": 12}
_FUNNEL: dict[str, Any] = {
    "pool": "east",
    "steps": _COUNTS,
    "shares": {"leads": "1.0000", "owned": "0.9524", "contacted": "0.9286", "converted": "0.0286"},
    "disqualified": 31,
    "deals": 9,
    "revenue": {"CNY": "412000.00"},
}
_REP: dict[str, Any] = {
    "pool": "east",
    "rep": "wang",
    "assigned": {"rotation": 40, "manual": 2},
    "claimed": 31,
    "handed_in": 1,
    "handed_on": 0,
    "contacted": 66,
    "converted": 4,
    "disqualified": 5,
    "recycled": {"no_first_contact": 2},
    "deals": 3,
    "revenue": {"CNY": "88000.00"},
    "rotations": {"sales": {"group": "sales", "got": 40, "expected": "39.6667", "off": "0.3333"}},
}
_SHARE = {"rep": "wang", "weight": 2, "got": 7, "share": "6.6667", "off": "0.3333"}
_FAIR: dict[str, Any] = {
    "pool": "east",
    "group": "sales",
    "since": "2026-11-20T01:00:00.000000Z",
    "since_fact": "east/990",
    "leads": 10,
    "shares": [_SHARE],
}
_SPENT = {
    "channel": "baidu_ads",
    "campaign": "autumn",
    "first_day": "2026-10-01",
    "last_day": "2026-10-31",
    "currency": "CNY",
    "amount": "31000.00",
    "in_period": "7000.00",
    "units": None,
    "unit": None,
    "fact": "_company/12",
}


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


# --- what is answered -----------------------------------------------------------------------


class Money(answers.Answer):
    """A row's money in one currency; amounts are decimals, as text."""

    currency: str
    spend: Decimal
    touch_costs: Annotated[Decimal, Field(description="What stands in for spend, on days without any.")]
    cost: Annotated[Decimal, Field(description="Both together.")]
    deals: int
    revenue: Decimal
    cost_per_lead: Decimal | None
    cost_per_customer: Decimal | None
    return_on_spend: Annotated[Decimal | None, Field(description="Revenue per unit of cost.")]


class ChannelRow(answers.Answer):
    """What a channel's campaign cost and brought."""

    channel: str
    campaign: Annotated[
        str | None, Field(description="null stands for leads and spend that name no campaign.")
    ]
    touches: int
    leads: int
    owned: int
    assigned: int
    claimed: int
    contacted: int
    converted: int
    disqualified: int
    money: Annotated[dict[str, Money], Field(description="By currency: they are never mixed.")]
    marks: Annotated[
        list[str], Field(description="What to know of this row; `marks` of the report explains.")
    ]


class Channels(answers.Answer):
    """What channels and campaigns cost and brought."""

    model_config = answers.example(
        {
            "first_day": "2026-10-01",
            "last_day": "2026-10-31",
            "pools": ["east"],
            "rows": [_CHANNEL],
            "total": {**_CHANNEL, "channel": "", "campaign": None},
            "marks": {"touch_costs": "touch costs stand in on days for which no spend is recorded"},
        }
    )

    first_day: date
    last_day: date
    pools: list[str] | None
    rows: list[ChannelRow]
    total: ChannelRow
    marks: Annotated[dict[str, str], Field(description="What the rows' marks mean.")]


class FunnelRow(answers.Answer):
    """How far the leads of a pool came."""

    pool: Annotated[str, Field(description="Empty for all pools together.")]
    steps: dict[str, int]
    shares: Annotated[dict[str, Decimal | None], Field(description="Of the leads.")]
    disqualified: int
    deals: int
    revenue: Annotated[dict[str, Decimal], Field(description="By currency.")]


class Funnel(answers.Answer):
    """How far leads came: owned, contacted, converted."""

    model_config = answers.example({"rows": [_FUNNEL]})

    rows: list[FunnelRow]


class RotationShare(answers.Answer):
    """What a rep got of a rotation, and what its weight stood for."""

    group: str
    got: int
    expected: Decimal
    off: Decimal


class RepRow(answers.Answer):
    """What a rep got and did."""

    pool: str
    rep: str
    assigned: Annotated[dict[str, int], Field(description="By mode.")]
    claimed: int
    handed_in: int
    handed_on: int
    contacted: int
    converted: int
    disqualified: int
    recycled: Annotated[dict[str, int], Field(description="By reason.")]
    deals: int
    revenue: Annotated[dict[str, Decimal], Field(description="By currency.")]
    rotations: Annotated[dict[str, RotationShare], Field(description="By group.")]


class Reps(answers.Answer):
    """What each rep got and did."""

    model_config = answers.example({"rows": [_REP]})

    rows: list[RepRow]


class Share(answers.Answer):
    """A rep's part of a rotation."""

    rep: str
    weight: int
    got: int
    share: Annotated[Decimal, Field(description="What its weight stands for.")]
    off: Annotated[Decimal, Field(description="Leads above its share; less than one either way.")]


class Rotation(answers.Answer):
    """A group's rotation since the last change of availability, for one set of eligible reps."""

    pool: str
    group: str
    since: UtcTime
    since_fact: str
    leads: int
    shares: list[Share]


class Rotations(answers.Answer):
    """How fair the rotations are."""

    model_config = answers.example({"rows": [_FAIR]})

    rows: list[Rotation]


class SpentOn(answers.Answer):
    """A figure of spend."""

    channel: str
    campaign: str | None
    first_day: date
    last_day: date
    currency: str
    amount: Decimal
    in_period: Annotated[
        Decimal, Field(description="What falls on the days asked for: apportioned by largest remainder.")
    ]
    units: Decimal | None
    unit: str | None
    fact: str


class Spend(answers.Answer):
    """What was spent."""

    model_config = answers.example({"figures": [_SPENT], "total": {"CNY": "7000.00"}})

    figures: list[SpentOn]
    total: Annotated[dict[str, Decimal], Field(description="By currency, of the days asked for.")]


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
    responses=_told(records.CHANNEL_COLUMNS),
)
def channels(request: Request, read: Reporting, wanted: Annotated[DaysOfPool, Query()]) -> Response:
    """Spend, touches, leads and what became of them, per channel and campaign. Leads, customers and revenue
    count once, to the channel, campaign and day of the lead's first touch."""
    kind = _kind(request)
    read.all_fresh()
    found = read.app.reports.channels(read.actor, wanted.pool, wanted.period())
    if kind == CSV:
        return _csv(read, "channels", records.CHANNEL_COLUMNS, records.channel_records(found))
    return read.answer(Channels.model_validate(found))


@router.get(
    "/funnel",
    operation_id="reportFunnel",
    summary="How far leads came",
    response_model=Funnel,
    responses=_told(records.FUNNEL_COLUMNS),
)
def funnel(request: Request, read: Reporting, wanted: Annotated[DaysOfPool, Query()]) -> Response:
    """How far the leads of these days have come since: owned, contacted, converted."""
    kind = _kind(request)
    read.all_fresh()
    found = read.app.reports.funnel(read.actor, wanted.pool, wanted.period())
    if kind == CSV:
        return _csv(read, "funnel", records.FUNNEL_COLUMNS, records.funnel_records(found))
    return read.answer(Funnel(rows=[FunnelRow.model_validate(row) for row in found]))


@router.get(
    "/reps",
    operation_id="reportReps",
    summary="What reps got and did",
    response_model=Reps,
    responses=_told(records.REP_COLUMNS),
)
def reps(request: Request, read: Reporting, wanted: Annotated[DaysOfPool, Query()]) -> Response:
    """What each rep got, claimed, contacted and closed on these days; reps see their own figures."""
    kind = _kind(request)
    read.all_fresh()
    found = read.app.reports.reps(read.actor, wanted.pool, wanted.period())
    if kind == CSV:
        return _csv(read, "reps", records.REP_COLUMNS, records.rep_records(found))
    return read.answer(Reps(rows=[RepRow.model_validate(row) for row in found]))


@router.get(
    "/fairness",
    operation_id="reportFairness",
    summary="How fair rotations are",
    response_model=Rotations,
    responses=_told(records.FAIRNESS_COLUMNS),
)
def fairness(request: Request, read: Reporting, wanted: Annotated[OfPool, Query()]) -> Response:
    """What each rep got of each rotation since its last change, beside what its weight stands for. Reps have
    none of it: a colleague's shares are no figures of their own."""
    kind = _kind(request)
    read.all_fresh()
    found = read.app.reports.fairness(read.actor, wanted.pool, read.app.pool_state)
    if kind == CSV:
        return _csv(read, "fairness", records.FAIRNESS_COLUMNS, records.fairness_records(found))
    return read.answer(Rotations(rows=[Rotation.model_validate(one) for one in found]))


@router.get(
    "/spend",
    operation_id="reportSpend",
    summary="What was spent",
    response_model=Spend,
    responses=_told(records.SPEND_COLUMNS),
)
def spend(request: Request, read: Reporting, wanted: Annotated[Days, Query()]) -> Response:
    """Figures of spend that touch these days, and what of each falls on them."""
    kind = _kind(request)
    read.all_fresh()
    found = read.app.reports.spend(read.actor, wanted.period())
    if kind == CSV:
        return _csv(read, "spend", records.SPEND_COLUMNS, records.spend_records(found))
    return read.answer(Spend.model_validate(found))


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
