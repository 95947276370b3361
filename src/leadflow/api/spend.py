"""Spend: what channels and campaigns cost."""

from __future__ import annotations

import tempfile
from datetime import date
from decimal import Decimal
from pathlib import Path, PurePath
from typing import Annotated, Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from pydantic import BaseModel, Field
from starlette.datastructures import FormData, UploadFile

from leadflow.api import answers, once, pages, problems
from leadflow.api.bodies import Amount, Currency, body, shown_name
from leadflow.api.changes import Asking, Managing
from leadflow.api.reading import Reporting
from leadflow.bootstrap.editing import known_currency
from leadflow.bootstrap.spend_files import record_file, spend_figures
from leadflow.domain import requests as r
from leadflow.domain.values import COMPANY_STREAM, Money, Name, Text
from leadflow.errors import NotPermitted, UsageError

router = APIRouter(tags=["spend"])

_SENT = {
    "channel": "baidu_ads",
    "campaign": "autumn",
    "first_day": "2026-10-01",
    "last_day": "2026-10-31",
    "amount": "31000.00",
    "currency": "CNY",
}
_FIGURE = {**_SENT, "units": None, "unit": None, "fact": "_company/12"}


class RecordSpend(BaseModel):
    """What a channel's campaign cost in a period; both days belong to it."""

    model_config = body(_SENT)

    channel: Name
    campaign: Text | None = None
    first_day: date
    last_day: date
    amount: Amount
    currency: Currency
    units: Annotated[Amount | None, Field(description="Of what was bought: clicks, stands, ….")] = None
    unit: Text | None = None


class Figure(answers.Answer):
    """A figure in force."""

    model_config = answers.example(_FIGURE)

    channel: str
    campaign: str | None
    first_day: date
    last_day: date
    amount: str
    currency: str
    units: str | None
    unit: str | None
    fact: Annotated[str, Field(description="The fact that recorded it.")]


class FigureList(answers.Answer):
    """A page of figures."""

    model_config = answers.example({"items": [_FIGURE], "next": None})

    items: list[Figure]
    next: Annotated[str | None, Field(description="The cursor of the next page; null on the last one.")]


@router.get(
    "/spend",
    operation_id="listSpend",
    summary="List spend",
    response_model=FigureList,
    responses=problems.responses(),
)
def list_spend(
    request: Request, read: Reporting, limit: pages.Limit = pages.LIMIT, cursor: pages.Cursor = None
) -> Response:
    """Every figure of spend in force; for those whose reports are not of their own leads alone."""
    read.fresh(COMPANY_STREAM)
    if read.app.views.reports(read.actor).rep is not None:
        raise NotPermitted(f"{read.actor} may not see spend")
    figures = [
        Figure(
            channel=key[0],
            campaign=key[1] or None,
            first_day=date.fromisoformat(key[2]),
            last_day=date.fromisoformat(key[3]),
            currency=key[4],
            amount=format(found.amount, "f"),
            units=None if found.units is None else format(found.units, "f"),
            unit=found.unit,
            fact=f"{COMPANY_STREAM}/{found.sequence}",
        )
        for key, found in spend_figures(read.app.database).items()
    ]
    page, following = pages.page_of(figures, _place, pages.choice_of("spend"), cursor, limit)
    return read.answer(FigureList(items=page, next=following), headers=pages.links(request, following))


def _place(figure: Figure) -> tuple[str, ...]:
    days = figure.first_day.isoformat(), figure.last_day.isoformat()
    return (figure.channel, figure.campaign or "", *days, figure.currency)


@router.post(
    "/spend",
    operation_id="recordSpend",
    summary="Record spend",
    response_model=answers.Changed,
    responses=problems.changes(),
)
def record_spend(body: RecordSpend, asking: Managing) -> Response:
    """Record what a channel's campaign cost in a period; for managers and marketing of any pool. A figure for
    the same channel, campaign, period and currency replaces the one before; a period that overlaps another is
    refused."""
    app = asking.service.app
    pools = app.views.pools()
    if not any(app.views.may("spend", asking.actor, pool) for pool in pools):
        raise NotPermitted(f"{asking.actor} may not record spend")
    declared = {name for pool in pools.values() for name in pool.policy.get("channels", {})}
    if body.channel not in declared:
        message = (
            f"is no channel that a policy declares; declared are: {', '.join(sorted(declared)) or 'none'}"
        )
        wrong = problems.FieldError(field="channel", code="unknown_channel", message=message)
        raise problems.ProblemError(problems.problem("invalid", "1 problem in what was sent", errors=[wrong]))
    outcome = asking.send(
        COMPANY_STREAM,
        r.RecordSpend,
        channel=body.channel,
        campaign=body.campaign,
        first_day=body.first_day,
        last_day=body.last_day,
        spend=Money(amount=Decimal(body.amount), currency=body.currency),
        units=None if body.units is None else Decimal(body.units),
        unit=body.unit,
    )
    return asking.answer(asking.changed(outcome))


# --- files ----------------------------------------------------------------------------------

_RECORDED = {
    "file": "october.csv",
    "rows": 9,
    "recorded": 7,
    "replaced": 1,
    "unchanged": 1,
    "refused": [],
}
_REFUSED = {
    "row": 4,
    "reason": "spend_overlaps",
    "says": "it overlaps the spend of fact _company/12",
    "fact": "_company/15",
}
_FORM = {
    "type": "object",
    "required": ["file"],
    "properties": {
        "file": {"type": "string", "contentMediaType": "application/octet-stream"},
        "currency": {"type": "string", "pattern": "^[A-Z]{3}$", "default": "CNY"},
    },
}
_MULTIPART = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {"schema": _FORM, "example": {"file": "…", "currency": "CNY"}},
        },
    }
}


class RowRefused(answers.Answer):
    """A row that a rule refused."""

    row: int
    reason: str
    says: str
    fact: str


class FileRecorded(answers.Answer):
    """What became of the rows of a file of spend."""

    model_config = answers.example({**_RECORDED, "recorded": 6, "refused": [_REFUSED]})

    file: str
    rows: int
    recorded: int
    replaced: Annotated[int, Field(description="In the place of a figure of the same period.")]
    unchanged: Annotated[int, Field(description="In force already.")]
    refused: list[RowRefused]


@router.post(
    "/spend/import",
    operation_id="importSpend",
    summary="Record a file of spend",
    response_model=FileRecorded,
    responses=problems.responses(413, 415),
    openapi_extra=_MULTIPART,
)
async def import_spend(request: Request, asking: Managing) -> Response:
    """Record a file of spend (.csv or a workbook): channel, campaign, from, to, amount, currency. A file with
    a row that cannot be read records nothing; the same file again changes nothing."""
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        found = problems.problem("unsupported-type", "the body must be a form: multipart/form-data")
        raise problems.ProblemError(found)
    async with request.form(max_files=1, max_fields=10) as form:
        return await run_in_threadpool(_imported, asking, form)


def _imported(asking: Asking, form: FormData) -> Response:
    file, currency = form.get("file"), form.get("currency") or "CNY"
    wrong = []
    if not isinstance(file, UploadFile):
        wrong.append(problems.FieldError(field="file", code="missing", message="is a part with a file"))
    try:
        known_currency(currency if isinstance(currency, str) else "")
    except ValueError as error:
        wrong.append(problems.FieldError(field="currency", code="invalid_currency", message=str(error)))
    if wrong or not isinstance(file, UploadFile) or not isinstance(currency, str):
        raise problems.ProblemError(problems.problem("invalid", "the form is not right", errors=wrong))
    name = shown_name(file.filename)
    content = file.file.read()

    def recorded() -> Any:
        with tempfile.TemporaryDirectory(prefix="leadflow-spend-") as place:
            # The ending tells, as far as needed, what it is; the name is none of a path.
            path = Path(place) / f"file{PurePath(name).suffix.lower()}"
            path.write_bytes(content)
            service = asking.service
            try:
                return record_file(
                    service.app, asking.actor, path, name, currency=currency, submit=service.submit
                )
            except UsageError as error:
                error.where = None
                raise

    asking.fresh(COMPANY_STREAM)
    found = once.same(asking, recorded, "spend", currency, content.hex())
    return asking.answer(FileRecorded.model_validate(found))
