"""How the reports on the funnel and the reps look: tables and bars for people."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from rich.console import Console
from rich.text import Text

from leadflow.bootstrap.reporting import Fairness, FunnelRow, Period, RepRow, report_records
from leadflow.cli.report_tables import bar, draw, new_table, nothing, title

# --- funnel ---------------------------------------------------------------------------------


def render_funnel(console: Console, found: Sequence[FunnelRow], period: Period) -> None:
    """Each pool's steps with their shares and bars."""
    title(console, "How far the leads came", period)
    listed = [row for row in found if row.pool] if len(found) == 2 else found
    if not listed:
        console.print(nothing(period))
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


# --- reps -----------------------------------------------------------------------------------


def render_reps(console: Console, found: Sequence[RepRow], fair: Sequence[Fairness], period: Period) -> None:
    """What reps got and did, and each rotation's fairness."""
    title(console, "What reps got and did", period)
    if not found:
        console.print(nothing(period))
    several = len({row.pool for row in found}) > 1
    table = new_table(
        "clai-\nmed", "rota-\ntion", "direc-\nted", "time-\nout", "by\nhand", "handed\nin", "handed\non",
        "con-\ntact", "con-\nvert", "disqua-\nlified", "recy-\ncled", "deals", "revenue",
        first=("rep",),
    )  # fmt: skip
    for row in found:
        revenue = " ".join(f"{amount:,.0f} {currency}" for currency, amount in row.revenue.items())
        counts = (
            row.claimed, *(row.assigned.get(mode, 0) for mode in report_records.MODES),
            row.handed_in, row.handed_on, row.contacted,
            row.converted, row.disqualified, sum(row.recycled.values()), row.deals,
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
