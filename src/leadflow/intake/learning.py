"""What the first rows of a file tell about the rest of it, before any is read as a lead."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from leadflow.intake.arrivals import ArrivalReader
from leadflow.intake.mapping import ANSWER, CONTACT_FIELDS, SEVERAL, Plan, make_plan
from leadflow.intake.moments import DateOrder, order_of
from leadflow.intake.tables import Table
from leadflow.intake.text import as_text, is_placeholder

ROWS_MAX = 5000
"""So many rows are looked at."""
SHARED_ROWS_MIN = 10
SHARED = 5
"""A contact column where every value stands in so many rows on average is not the leads' own."""


def learn(reader: ArrivalReader, tables: Iterable[Table]) -> tuple[str, ...]:
    """Let the reader know how the file writes its dates, and which columns are not what they are called.

    The columns of contact points that are given back hold the same few in all rows: a rep's, an office's.
    They are kept as answers, as one lead would be made of all rows else.
    """
    orders: set[DateOrder | None] = set()
    others: dict[str, str] = {}
    shared: list[str] = []
    own = reader.mapping.columns
    for table in tables:
        plan = reader.plan(table.columns)
        head = _Head(table.columns, table.first(ROWS_MAX))
        for column in plan.fields.get("time", ()):
            orders.update(map(order_of, head.texts(column)))
        weak = plan.fields.get("weak_id", ())
        others |= {column: ANSWER for column in weak if _repeats(list(head.texts(column)))}
        others |= dict.fromkeys(_empty(plan, head), ANSWER)
        shared += [column for column in _of_others(plan, head) if column not in own]
    orders.discard(None)
    if len(orders) == 1 and reader.mapping.dates is None:
        reader.adopt(dates=orders.pop())
    others |= dict.fromkeys(shared, ANSWER)
    if others:
        reader.adopt(columns={**others, **own})
    return tuple(shared)


@dataclass(frozen=True, slots=True)
class _Head:
    """The first rows of a table."""

    columns: tuple[str, ...]
    rows: list[list[Any]]

    def texts(self, column: str) -> Iterator[str]:
        """What the column holds, without blanks and placeholders."""
        at = self.columns.index(column)
        found = (as_text(values[at]) for values in self.rows if at < len(values))
        return (text for text in found if text and not is_placeholder(text))


def _repeats(texts: list[str]) -> bool:
    """Whether most of the values stand more than once: a list's number, not a row's."""
    return len(set(texts)) * 2 <= len(texts)


def _of_others(plan: Plan, head: _Head) -> list[str]:
    """Columns of contact points that the rows share, beside one of the same kind with each row's own."""
    found: list[str] = []
    for field in CONTACT_FIELDS:
        columns = plan.fields.get(field, ())
        if len(columns) < 2:
            continue
        texts = {column: list(head.texts(column)) for column in columns}
        if any(texts[column] and not _repeats(texts[column]) for column in columns):
            found += [column for column in columns if _shared(texts[column])]
    return found


def _shared(texts: list[str]) -> bool:
    return len(texts) >= SHARED_ROWS_MIN and len(set(texts)) * SHARED <= len(texts)


def _empty(plan: Plan, head: _Head) -> list[str]:
    """Columns that hold nothing while another one of the same meaning does not get its place."""
    found = []
    for field, columns in plan.fields.items():
        if field in SEVERAL or any(head.texts(columns[0])):
            continue
        if any(field in make_plan((column,)).fields for column in plan.answers):
            found.append(columns[0])
    return found
