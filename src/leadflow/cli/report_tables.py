"""How the report on channels looks, and what all reports share: tables and bars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from leadflow.bootstrap.reporting import ChannelRow, ChannelsReport, MoneyFigures, Period

WIDTH = 100
BAR = 44
UNBOUNDED = 100_000
NAME_MIN = 8


def new_table(*numbers: str, first: Sequence[str]) -> Table:
    """A plain table: names on the left, numbers on the right."""
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold", show_footer=False)
    for name in first:
        table.add_column(name, no_wrap=True, overflow="ellipsis")
    for name in numbers:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def title(console: Console, text: str, period: Period) -> None:
    """The heading of a report, with the days that it counts and, in its own zone, the time as of which."""
    first, last = period.first_day, period.last_day
    days = f"{first or 'the beginning'} to {last or 'now'}" if first or last else "all days"
    as_of = ""
    if period.as_of is not None:
        zone = period.as_of.strftime("%z")
        as_of = f", as known at {period.as_of:%Y-%m-%d %H:%M:%S} ({zone[:3]}:{zone[3:]})"
    console.print(Text(f"{text} ({days}{as_of})", style="bold"))
    console.print()


def nothing(period: Period) -> str:
    """What a report without rows says."""
    if period.as_of is not None:
        return "Nothing was known of these days by then. A later time: --as-of TIME."
    return "Nothing in these days. Others: --from DAY --to DAY."


def draw(console: Console, table: Table) -> None:
    """Print a table; where no terminal says how wide it is, a page of 100 columns is meant.

    A number that is cut off reads as another one: figures that do not fit beside the rest stand below it,
    with their rows' names again.
    """
    if not console.is_terminal:
        console.width = max(console.width, WIDTH)
    for number, part in enumerate(_parts(console, table)):
        if number:
            console.print()
        console.print(part)


def _parts(console: Console, table: Table) -> list[Table]:
    """The table, in parts where the console is too narrow; long names are cut, to two fifths at least."""
    room = console.width
    if _wide(console, table) <= room:
        return [table]
    names = [column for column in table.columns if column.justify != "right"]
    numbers = [column for column in table.columns if column.justify == "right"]
    beside = room - _wide(console, _only(numbers)) - 1
    if beside >= room * 2 // 5:
        return [_only([*_cut(console, names, beside), *numbers])]
    names = _cut(console, names, room // 2)
    parts: list[list[Column]] = [[]]
    for column in numbers:
        if parts[-1] and _wide(console, _only([*names, *parts[-1], column])) > room:
            parts.append([])
        parts[-1].append(column)
    return [_only([*names, *part]) for part in parts]


def _wide(console: Console, table: Table) -> int:
    return console.measure(table, options=console.options.update(width=UNBOUNDED)).maximum


def _only(columns: Sequence[Column]) -> Table:
    """A table of these columns of another one."""
    table = new_table(first=())
    for one in columns:
        table.add_column(
            one.header, justify=one.justify, no_wrap=True, overflow=one.overflow, max_width=one.max_width
        )
    for cells in zip(*(column.cells for column in columns), strict=True):
        table.add_row(*cells)
    return table


def _cut(console: Console, names: Sequence[Column], room: int) -> list[Column]:
    """The columns of names, the widest of them as narrow as the room asks for."""
    widths = [_wide(console, _only([column])) for column in names]
    excess = sum(widths) + len(widths) - 1 - room
    if excess <= 0:
        return list(names)
    widest = widths.index(max(widths))
    return [
        replace(column, max_width=max(NAME_MIN, widths[index] - excess)) if index == widest else column
        for index, column in enumerate(names)
    ]


def whole(amount: Decimal | None) -> str:
    """An amount in whole units, as tables show it."""
    return "" if amount is None else f"{amount:,.0f}"


def bar(part: Decimal | int, most: Decimal | int, width: int = BAR) -> str:
    """A bar of `part`, where `most` fills the width."""
    if not most or part <= 0:
        return ""
    eighths = max(1, round(float(part) / float(most) * width * 8))
    return "█" * (eighths // 8) + " ▏▎▍▌▋▊▉"[eighths % 8].strip()


# --- channels -------------------------------------------------------------------------------


def render_channels(console: Console, found: ChannelsReport, period: Period, *, chart: bool) -> None:
    """The channels as tables, one per currency, with what the marks mean; bars where asked for."""
    title(console, "What channels cost and brought", period)
    if not found.rows:
        console.print(nothing(period))
        return
    signs = {mark: "¹²³⁴⁵⁶"[number] for number, mark in enumerate(found.marks)}
    currencies = sorted(found.total.money) or [""]
    for currency in currencies:
        _channel_table(console, found, currency, signs, with_unpaid=currency == currencies[0])
        console.print()
        if chart and currency:
            _channel_chart(console, found.rows, currency)
    for mark, meaning in found.marks.items():
        console.print(Text(f"{signs[mark]} {meaning}", style="dim"), soft_wrap=True)
    if currencies != [""]:
        note = "~ is estimated from touch costs. Amounts in whole units; --json and --csv give them exactly."
        console.print(Text(note, style="dim"), soft_wrap=True)


def _channel_table(
    console: Console, found: ChannelsReport, currency: str, signs: dict[str, str], *, with_unpaid: bool
) -> None:
    table = new_table(
        f"cost\n{currency}", "tou-\nches", "leads", "clai-\nmed", "con-\ntact", "con-\nvert", "deals",
        f"revenue\n{currency}", "per\nlead", "per\ncust.", "re-\nturn",
        first=("channel/campaign", ""),
    )  # fmt: skip
    for row in found.rows:
        if currency in row.money or (with_unpaid and not row.money):
            marks = Text("".join(signs[mark] for mark in row.marks), style="yellow")
            name = Text(f"{row.channel}/{row.campaign}" if row.campaign else row.channel)
            table.add_row(name, marks, *_channel_cells(row, currency))
    total = [Text(cell, style="bold") for cell in _channel_cells(found.total, currency)]
    table.add_row(Text("all", style="bold"), "", *total)
    draw(console, table)


def _channel_cells(row: ChannelRow, currency: str) -> list[str]:
    money = row.money.get(currency) or MoneyFigures(currency)
    cost = f"{'~' if money.touch_costs else ''}{whole(money.cost)}" if money.cost else ""
    counts = (row.touches, row.leads, row.claimed, row.contacted, row.converted, money.deals)
    back = f"{money.return_on_spend:.1f}" if money.return_on_spend is not None else ""
    return [
        cost,
        *(str(count) if count else "·" for count in counts),
        whole(money.revenue) if money.revenue else "",
        whole(money.cost_per_lead),
        whole(money.cost_per_customer),
        back,
    ]


def _channel_chart(console: Console, rows: Sequence[ChannelRow], currency: str) -> None:
    sums: dict[str, list[Decimal]] = {}
    for row in rows:
        money = row.money.get(currency)
        if money is not None:
            pair = sums.setdefault(row.channel, [Decimal(0), Decimal(0)])
            pair[0] += money.cost
            pair[1] += money.revenue
    most = max((amount for pair in sums.values() for amount in pair), default=Decimal(0))
    for channel, (cost, revenue) in sums.items():
        for name, what, amount, style in ((channel, "cost", cost, "red"), ("", "revenue", revenue, "green")):
            line = Text(f"{name:<18}{what:<9}")
            line.append(bar(amount, most), style=style)
            line.append(f" {whole(amount)}")
            console.print(line)
    console.print()
