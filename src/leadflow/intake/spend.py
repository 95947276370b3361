"""Files of spend: what each channel's campaign cost in a period."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from leadflow.domain.requests import RecordSpend
from leadflow.domain.values import Money
from leadflow.intake.learning import ROWS_MAX
from leadflow.intake.limits import Limits
from leadflow.intake.mapping import ANSWER, MappingFile, Plan, make_plan
from leadflow.intake.moments import DateOrder, day, days_of, order_of, period
from leadflow.intake.opening import open_tables, read_head
from leadflow.intake.problems import Problem
from leadflow.intake.quantities import decimal, money
from leadflow.intake.tables import Table
from leadflow.intake.text import as_text, is_placeholder

SPEND_FIELDS = (
    "channel", "campaign", "from", "to", "date", "period", "month", "amount", "currency", "units", "unit",
)  # fmt: skip
_FIRST_DAYS = ("from", "date", "period", "month")
_DAYS = ("from", "to", "date", "period", "month")
_NEEDS = "the channel, the amount, and the first and last day of a spend"


@dataclass(frozen=True, slots=True)
class SpendRow:
    """One row of a spend file: its request, or every problem by field."""

    row: int
    sheet: str | None
    raw: dict[str, Any]
    body: RecordSpend | None
    problems: tuple[Problem, ...] = ()


def read_spend(path: Path, *, currency: str = "CNY", limits: Limits | None = None) -> list[SpendRow]:
    """The rows of a .csv or workbook of spend.

    `currency` is that of amounts that name none. A column `date` stands for a period of one day, `period`
    and `month` for the whole of it.
    Raises UnreadableFile, UnmappableHeader or NotFound.
    """
    return list(_rows(path, currency, limits or Limits()))


def _rows(path: Path, currency: str, limits: Limits) -> Iterator[SpendRow]:
    head = read_head(path, limits)
    opened = open_tables(path, head, _score, MappingFile(), limits, needs=_NEEDS)
    for sheet, table in opened.tables:
        plan = make_plan(table.columns, part="spend")
        order = _order(table, plan)
        for number, document in table.documents():
            yield _row(number, sheet, document, plan, currency, order)


def _order(table: Table, plan: Plan) -> DateOrder | None:
    """How the table writes dates like 11/3/2026, if its rows agree."""
    places = [table.columns.index(column) for field in _DAYS for column in plan.fields.get(field, ())]
    rows = table.first(ROWS_MAX) if places else []
    written = (as_text(values[at]) for values in rows for at in places if at < len(values))
    orders = {order_of(one) for text in written for one in days_of(text)} - {None}
    return orders.pop() if len(orders) == 1 else None


def _score(names: list[str]) -> int:
    plan = make_plan(names, part="spend")
    if not {"channel", "amount"} <= plan.fields.keys() or plan.fields.keys().isdisjoint(_FIRST_DAYS):
        return 0
    return sum(field != ANSWER for _, field in plan.uses)


def _row(
    number: int,
    sheet: str | None,
    document: dict[str, Any],
    plan: Plan,
    currency: str,
    order: DateOrder | None,
) -> SpendRow:
    values = {field: document[columns[0]] for field, columns in plan.fields.items()}
    problems: list[Problem] = []

    def needed(field: str, found: Any) -> Any:
        if found is None:
            problems.append(Problem(field, "missing", "is empty"))
        elif isinstance(found, Problem):
            problems.append(found)
            return None
        return found

    channel = needed("channel", _text(values.get("channel")))
    if "from" in values or "date" in values:
        first = needed("from", day(values.get("from", values.get("date")), "from", order))
        if "to" in values:
            last = needed("to", day(values["to"], "to", order))
        else:
            last = first if "date" in values else needed("to", None)
    else:
        written = values.get("period", values.get("month"))
        # A spreadsheet makes the month's first day of `2026-10`: a month is all of it.
        both = needed("period", period(written, order, whole_month="period" not in values))
        first, last = both or (None, None)
    named = plan.fields["amount"][0]
    spend = needed(
        "amount", money(values.get("amount"), values.get("currency"), default=currency, column=named)
    )
    units = decimal(values.get("units"), "units")
    if isinstance(units, Problem):
        problems.append(units)
    if isinstance(spend, Money) and spend.amount < 0:
        problems.append(Problem("amount", "negative", "is below zero"))
    if first and last and last < first:
        problems.append(Problem("to", "before_from", "is before the first day"))
    if problems or isinstance(units, Problem):
        return SpendRow(number, sheet, document, None, tuple(problems))
    try:
        body = RecordSpend(
            channel=channel,
            campaign=_text(values.get("campaign")),
            first_day=first,
            last_day=last,
            spend=spend,
            units=units,
            unit=_text(values.get("unit")),
        )
    except ValidationError as error:
        found = tuple(
            Problem(str(one["loc"][0]) if one["loc"] else "row", "invalid", one["msg"])
            for one in error.errors(include_input=False, include_url=False, include_context=False)
        )
        return SpendRow(number, sheet, document, None, found)
    return SpendRow(number, sheet, document, body)


def _text(value: Any) -> str | None:
    text = as_text(value)
    return text if text and not is_placeholder(text) else None
