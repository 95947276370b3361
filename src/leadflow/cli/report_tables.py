"""How reports look: tables and bars for people, records for CSV."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from leadflow.bootstrap import ChannelRow, ChannelsReport, Fairness, FunnelRow, MoneyFigures, Period, RepRow

WIDTH = 100
BAR = 44
CHANNEL_COLUMNS = (
    "channel",
    "campaign",
    "touches",
    "leads",
    "owned",
    "assigned",
    "claimed",
    "contacted",
    "converted",
    "disqualified",
    "currency",
    "spend",
    "touch_costs",
    "deals",
    "revenue",
    "cost_per_lead",
    "cost_per_customer",
    "return_on_spend",
    "marks",
)
FUNNEL_COLUMNS = (
    "pool",
    "leads",
    "owned",
    "contacted",
    "converted",
    "disqualified",
    "deals",
    "currency",
    "revenue",
)
MODES = ("rotation", "directed", "timeout", "manual")
REP_COLUMNS = (
    "pool",
    "rep",
    "claimed",
    "assigned_rotation",
    "assigned_directed",
    "assigned_timeout",
    "assigned_manual",
    "handed_in",
    "handed_on",
    "contacted",
    "converted",
    "disqualified",
    "recycled",
    "deals",
    "currency",
    "revenue",
)


def new_table(*numbers: str, first: Sequence[str]) -> Table:
    """A plain table: names on the left, numbers on the right."""
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold", show_footer=False)
    for name in first:
        table.add_column(name, no_wrap=True, overflow="ellipsis")
    for name in numbers:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def title(console: Console, text: str, period: Period) -> None:
    """The heading of a report, with the days that it counts."""
    first, last = period.first_day, period.last_day
    days = f"{first or 'the beginning'} to {last or 'now'}" if first or last else "all days"
    as_of = f", as known at {period.as_of:%Y-%m-%d %H:%M:%S} UTC" if period.as_of else ""
    console.print(Text(f"{text} ({days}{as_of})", style="bold"))
    console.print()


def draw(console: Console, table: Table) -> None:
    """Print a table; where no terminal says how wide it is, a page of 100 columns is meant."""
    if not console.is_terminal:
        console.width = max(console.width, WIDTH)
    console.print(table)


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
        console.print("Nothing in these days.")
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
            name = f"{row.channel}/{row.campaign}" if row.campaign else row.channel
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


def channel_records(found: ChannelsReport) -> Iterator[Sequence[Any]]:
    """One record for each row and currency; counts stand in a row's first record only, to add up."""
    for row in found.rows:
        counts: list[Any] = [
            row.touches, row.leads, row.owned, row.assigned, row.claimed, row.contacted, row.converted,
            row.disqualified,
        ]  # fmt: skip
        marks = " ".join(row.marks)
        for number, money in enumerate(row.money.values() or [None]):
            figures: list[Any] = [None] * 8
            if money is not None:
                figures = [
                    money.currency, money.spend, money.touch_costs, money.deals, money.revenue,
                    money.cost_per_lead, money.cost_per_customer, money.return_on_spend,
                ]  # fmt: skip
            yield [row.channel, row.campaign, *(counts if number == 0 else [None] * 8), *figures, marks]


# --- funnel ---------------------------------------------------------------------------------


def render_funnel(console: Console, found: Sequence[FunnelRow], period: Period) -> None:
    """Each pool's steps with their shares and bars."""
    title(console, "How far the leads came", period)
    listed = [row for row in found if row.pool] if len(found) == 2 else found
    if not listed:
        console.print("Nothing in these days.")
    for row in listed:
        console.print(Text(f"pool {row.pool}" if row.pool else "all pools", style="bold"))
        leads = row.steps["leads"]
        for step, count in row.steps.items():
            share = row.shares[step]
            percent = f"{share * 100:.1f} %" if share is not None else ""
            line = Text(f"  {step:<12}{count:>7} {percent:>8}  ")
            line.append(bar(count, leads), style="cyan")
            console.print(line)
        revenue = ", ".join(f"{amount:,.2f} {currency}" for currency, amount in row.revenue.items())
        console.print(f"  {'disqualified':<12}{row.disqualified:>7}")
        console.print(f"  {'deals':<12}{row.deals:>7}   {revenue}")


def funnel_records(found: Sequence[FunnelRow]) -> Iterator[Sequence[Any]]:
    """One record for each pool and currency; the row of all pools is left out, so that they add up."""
    for row in found:
        if row.pool:
            counts: list[Any] = [*row.steps.values(), row.disqualified, row.deals]
            for number, (currency, amount) in enumerate(row.revenue.items() or [(None, None)]):
                yield [row.pool, *(counts if number == 0 else [None] * 6), currency, amount]


# --- reps -----------------------------------------------------------------------------------


def render_reps(console: Console, found: Sequence[RepRow], fair: Sequence[Fairness], period: Period) -> None:
    """What reps got and did, and each rotation's fairness."""
    title(console, "What reps got and did", period)
    if not found:
        console.print("Nothing in these days.")
    several = len({row.pool for row in found}) > 1
    table = new_table(
        "clai-\nmed", "rota-\ntion", "direc-\nted", "time-\nout", "by\nhand", "handed\nin", "handed\non",
        "con-\ntact", "con-\nvert", "disqua-\nlified", "recy-\ncled", "deals", "revenue",
        first=("rep",),
    )  # fmt: skip
    for row in found:
        revenue = " ".join(f"{amount:,.0f} {currency}" for currency, amount in row.revenue.items())
        counts = (
            row.claimed, *(row.assigned.get(mode, 0) for mode in MODES), row.handed_in, row.handed_on,
            row.contacted, row.converted, row.disqualified, sum(row.recycled.values()), row.deals,
        )  # fmt: skip
        name = f"{row.pool}/{row.rep}" if several else row.rep
        table.add_row(name, *(str(count) if count else "·" for count in counts), revenue)
    if found:
        draw(console, table)
    _rotations(console, found)
    shown: set[tuple[str, str]] = set()
    for group in sorted(fair, key=lambda one: (one.pool, one.group, -one.leads)):
        if (group.pool, group.group) not in shown:
            _fairness(console, group)
        else:
            worst = max(abs(share.off) for share in group.shares)
            who = ", ".join(share.rep for share in group.shares)
            line = f"And where {who} were the eligible ones: {_leads(group.leads)}, at most {worst:.2f} off."
            console.print(Text(line, style="dim"), soft_wrap=True)
        shown.add((group.pool, group.group))


def _rotations(console: Console, found: Sequence[RepRow]) -> None:
    rows = [(share.group, row.rep, share) for row in found for share in row.rotations.values()]
    if not rows:
        return
    console.print()
    console.print(Text("Rotations in these days: what each got, and what its weight stood for", style="bold"))
    table = new_table("got", "share", "off", first=("group", "rep"))
    for group, rep, share in sorted(rows, key=lambda row: row[:2]):
        table.add_row(group, rep, str(share.got), f"{share.expected:.2f}", f"{share.off:+.2f}")
    draw(console, table)
    note = "Shares count anew from every change of availability; differences of several changes add up."
    console.print(Text(note, style="dim"), soft_wrap=True)


def _fairness(console: Console, group: Fairness) -> None:
    console.print()
    head = f"Rotation {group.group} since its last change (fact {group.since_fact}), "
    head += f"among {', '.join(share.rep for share in group.shares)}"
    console.print(Text(head, style="bold"), soft_wrap=True)
    table = new_table("weight", "got", "share", "off", first=("rep", ""))
    most = max((share.got for share in group.shares), default=0)
    for share in group.shares:
        drawn = Text(bar(share.got, most, 30), style="cyan")
        figures = (str(share.weight), str(share.got), f"{share.share:.2f}", f"{share.off:+.2f}")
        table.add_row(share.rep, drawn, *figures)
    draw(console, table)
    worst = max((abs(share.off) for share in group.shares), default=Decimal(0))
    told = f"{_leads(group.leads)}; nobody is off its share by a whole lead (at most {worst:.2f})."
    if worst >= 1:
        told = f"{_leads(group.leads)}; somebody is off its share by {worst:.2f} leads, which must not be."
    console.print(Text(told, style="green" if worst < 1 else "red"))


def _leads(count: int) -> str:
    return f"{count} lead" if count == 1 else f"{count} leads"


def rep_records(found: Sequence[RepRow]) -> Iterator[Sequence[Any]]:
    """One record for each rep and currency; counts stand in the first only."""
    for row in found:
        counts: list[Any] = [
            row.claimed, *(row.assigned.get(mode, 0) for mode in MODES), row.handed_in, row.handed_on,
            row.contacted, row.converted, row.disqualified, sum(row.recycled.values()), row.deals,
        ]  # fmt: skip
        for number, (currency, amount) in enumerate(row.revenue.items() or [(None, None)]):
            yield [row.pool, row.rep, *(counts if number == 0 else [None] * 12), currency, amount]
