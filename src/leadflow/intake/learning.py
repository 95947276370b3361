"""What the first rows of a file tell about the rest of it, before any is read as a lead."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from leadflow.intake.arrivals import ArrivalReader
from leadflow.intake.mapping import ANSWER
from leadflow.intake.moments import DateOrder, order_of
from leadflow.intake.tables import Table
from leadflow.intake.text import as_text

ROWS_MAX = 5000
"""So many rows are looked at."""


def learn(reader: ArrivalReader, tables: Iterable[Table]) -> None:
    """Let the reader know how the file writes its dates, and which column that may be an id is none."""
    orders: set[DateOrder | None] = set()
    no_ids: dict[str, str] = {}
    for table in tables:
        plan = reader.plan(table.columns)
        times, ids = plan.fields.get("time", ()), plan.fields.get("weak_id", ())
        rows = table.first(ROWS_MAX) if times or ids else []
        for column in times:
            written = _column(table, rows, column)
            orders.update(order_of(value) for value in written if isinstance(value, str))
        no_ids |= {column: ANSWER for column in ids if _repeats(_column(table, rows, column))}
    orders.discard(None)
    if len(orders) == 1 and reader.mapping.dates is None:
        reader.adopt(dates=orders.pop())
    if no_ids:
        reader.adopt(columns={**no_ids, **reader.mapping.columns})


def _column(table: Table, rows: list[list[Any]], column: str) -> list[Any]:
    at = table.columns.index(column)
    return [values[at] for values in rows if at < len(values)]


def _repeats(values: list[Any]) -> bool:
    """Whether most of the values stand more than once: a list's number, not a row's."""
    texts = [text for value in values if (text := as_text(value))]
    return len(set(texts)) * 2 <= len(texts)
