"""Files of spend on their way into the company's stream, `_company`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, NamedTuple

from leadflow.domain.requests import RecordSpend
from leadflow.domain.values import derived_id
from leadflow.errors import UsageError
from leadflow.intake.problems import Problem
from leadflow.intake.spend import SpendRow
from leadflow.postgres import Database


class Figure(NamedTuple):
    """The figure in force for one channel, campaign, period and currency."""

    amount: Decimal
    units: Decimal | None
    unit: str | None
    sequence: int


Key = tuple[str, str, str, str, str]


def key_of(body: RecordSpend) -> Key:
    """What a figure is about; the same key again replaces it."""
    first, last = body.first_day.isoformat(), body.last_day.isoformat()
    return (body.channel, body.campaign or "", first, last, body.spend.currency)


def figures(database: Database) -> dict[Key, Figure]:
    """Every figure in force."""
    query = (
        "SELECT channel, campaign, first_day::text, last_day::text, currency, amount, units, unit, sequence"
        " FROM read.spend"
    )
    with database.connection() as connection:
        return {row[:5]: Figure(*row[5:]) for row in connection.execute(query)}


def same(body: RecordSpend, figure: Figure | None) -> bool:
    """Whether the figure in force says this already."""
    return figure is not None and (body.spend.amount, body.units, body.unit or None) == (
        figure.amount,
        figure.units,
        figure.unit or None,
    )


def request_id(body: RecordSpend, figure: Figure | None) -> str:
    """The id that this row has where it comes from a file: from its content and from what it replaces.

    A file sent twice records once, and one that takes an earlier figure back is a new request.
    """
    replaced = str(figure.sequence) if figure else ""
    return derived_id("spend", body.model_dump_json(exclude_defaults=True), replaced)


@dataclass
class SpendReport:
    """What became of the rows of a file of spend."""

    file: str
    rows: int = 0
    recorded: int = 0
    replaced: int = 0
    unchanged: int = 0
    refused: list[dict[str, Any]] = field(default_factory=list)


def channels_by_name(declared: Iterable[tuple[str, str | None]]) -> dict[str, str]:
    """Declared channels, each with its label or None, by what a file may call them: the channel itself or
    its label. A label of two channels names neither."""
    meant: dict[str, set[str]] = {}
    channels = {}
    for channel, label in declared:
        channels[channel] = channel
        if label:
            meant.setdefault(label, set()).add(channel)
    return {label: min(those) for label, those in meant.items() if len(those) == 1} | channels


def problems_of(rows: Iterable[SpendRow], channels: set[str]) -> Iterator[tuple[int, Problem]]:
    """Everything that keeps rows from being recorded, by row."""
    figures: dict[Key, tuple[int, RecordSpend]] = {}
    periods: dict[tuple[str, str, str], list[tuple[int, RecordSpend]]] = {}
    for row in rows:
        for problem in row.problems:
            yield row.row, problem
        if row.body is None:
            continue
        if row.body.channel not in channels:
            known = ", ".join(sorted(channels)) or "none"
            message = f"is no channel that a policy declares; declared are: {known}"
            yield row.row, Problem("channel", "unknown_channel", message)
        first = figures.setdefault(key_of(row.body), (row.row, row.body))
        if first[1] != row.body:
            message = f"is another figure for the channel, campaign and period of row {first[0]}"
            yield row.row, Problem("amount", "contradiction", message)
        about = periods.setdefault((row.body.channel, row.body.campaign or "", row.body.spend.currency), [])
        if first[1] is not row.body:
            continue
        for other, body in about:
            if body.first_day <= row.body.last_day and row.body.first_day <= body.last_day:
                message = f"overlaps that of row {other}, {body.first_day}..{body.last_day}"
                yield row.row, Problem("period", "overlap", message)
        about.append((row.row, row.body))


class SpendUnreadable(UsageError):
    """Rows of a file of spend are wrong, so that none was recorded; `problems` are all of them."""

    problems: Sequence[Problem] = ()


def check(rows: list[SpendRow], names: dict[str, str], file: str) -> list[tuple[int, RecordSpend]]:
    """The rows to record, by row; `names` are those of `channels_by_name`.

    Raises SpendUnreadable: all rows are recorded, or none.
    """
    rows = [_with_channel(row, names) for row in rows]
    found = list(problems_of(rows, set(names.values())))
    if found:
        lines = [f"row {row}: {problem.field} {problem.message}" for row, problem in found]
        count = "1 problem" if len(found) == 1 else f"{len(found)} problems"
        error = SpendUnreadable(
            f"{count} in the file of spend; nothing was recorded:\n  " + "\n  ".join(lines),
            do=f"Correct {file} and import it again.",
        )
        error.problems = [Problem(f"rows[{row}].{one.field}", one.code, one.message) for row, one in found]
        raise error
    return [(row.row, row.body) for row in rows if row.body is not None]


def _with_channel(row: SpendRow, names: dict[str, str]) -> SpendRow:
    if row.body is None:
        return row
    channel = names.get(row.body.channel, row.body.channel)
    return replace(row, body=row.body.model_copy(update={"channel": channel}))
