"""What the demo shows after the month: each screen says what it is, and which command shows the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from rich.console import Console
from rich.table import Table
from rich.text import Text

from leadflow.bootstrap.app import App
from leadflow.demo import world
from leadflow.demo.play import Played
from projections.queries import loads, pool_summaries
from projections.sources import LiveSource

OWNERS_MAX, REFUSALS_MAX = 3, 6
AT_ONCE = timedelta(minutes=1)
Draw = Callable[[Console], None]


class Screen(NamedTuple):
    """One screen: a title, why it matters, what is drawn first, and the command whose output follows."""

    title: str
    words: str
    command: tuple[str, ...]
    draw: Draw | None = None


def screens(app: App, played: Played) -> list[Screen]:
    """The screens in their order. The read models must have caught up."""
    lead = disputed_lead(app)
    return [
        Screen(
            "The pool now",
            "Every open lead is in the public pool, in a manager's queue, or owned by one rep. Below is what "
            "rep wang may claim: contact points stay masked until a lead is his.",
            ("leads", "--status", "public", "--limit", "6", "--as", "rep/wang"),
            lambda console: draw_pool(console, app, played),
        ),
        Screen(
            "One lead that several wanted",
            "Who owned it, when, why, under which policy, who else asked and what they were told. The number "
            "of a fact is its place in the pool's log: the lower one was first.",
            ("trace", lead[:8], "--brief"),
        ),
        Screen(
            "What every channel cost and brought",
            "Every yuan maps to leads, customers and revenue, or stands in a row of its own.",
            ("report", "channels", "--chart"),
        ),
        Screen(
            "Was it fair?",
            "A rotation gives each rep its weight's share. Since the last change of availability nobody is "
            "off by a whole lead.",
            ("report", "reps"),
        ),
        Screen(
            "Can it be proved?",
            "Every fact carries the SHA-256 of the one before: a single changed byte would be named here. "
            f"Seed {played.seed} gives the same last hash every time.",
            ("log", "verify"),
        ),
    ]


def disputed_lead(app: App) -> str:
    """The lead that shows most: several asked for it at once, it had more than one owner, and it was won."""
    source = LiveSource(app.database)
    holdings = [*source.rows("intervals"), *source.rows("holders")]
    owners = Counter(row["lead"] for row in holdings)
    begun = {row["from_sequence"]: _moment(row["from_time"]) for row in holdings}
    lost: Counter[str] = Counter(
        row["lead"]
        for row in source.rows("attempts")
        if row["reason"] == "already_owned"
        and row["winner_sequence"] in begun
        and row["rep"] != row["winner"]
        and _moment(row["time"]) - begun[row["winner_sequence"]] < AT_ONCE
    )
    won = {row["lead"] for row in source.rows("customers")}

    def worth(lead: str) -> tuple[bool, bool, int, str]:
        fits = lost[lead] <= REFUSALS_MAX and 1 < owners[lead] <= OWNERS_MAX
        return fits, lead in won, lost[lead], lead

    found: str = max(lost or owners, key=worth)
    return found


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def draw_pool(console: Console, app: App, played: Played) -> None:
    """The pool: leads by where they are, and what each rep holds."""
    summary = pool_summaries(app.database, world.POOL)[0]
    leads = summary["leads"]
    view = app.views.pool(world.POOL)
    when = f"{view.local(summary['last_time']):%Y-%m-%d %H:%M}"
    known = f"The whole log: {played.facts:,} facts, {played.requests:,} requests, {played.refused} refused"
    console.print(Text(f"Pool {world.POOL} at {when}, policy {view.policy_version}. {known}"))
    console.print()
    places = ("public", "queue", "private", "converted", "disqualified")
    console.print("   ".join(f"{place} {leads.get(place, 0)}" for place in places), markup=False)
    console.print()
    reps = _table("rep", "", "holds", "customers", "next deadline", numbers=("holds", "customers"))
    rows = [row for row in loads(app.database, world.POOL) if row["role"] == "rep"]
    most = max((row["held"] for row in rows), default=1) or 1
    for row in rows:
        due = f"{view.local(row['next_deadline']):%m-%d %H:%M}" if row["next_deadline"] else "–"
        name = row["member"] + (" (left)" if row["status"] == "left" else "")
        drawn = Text("█" * round(row["held"] / most * 30), style="cyan")
        reps.add_row(name, drawn, str(row["held"]), str(row["customers"]), due)
    console.print(reps)


def _table(*names: str, numbers: Sequence[str]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for name in names:
        table.add_column(
            name, justify="right" if name in numbers else "left", no_wrap=True, overflow="ellipsis"
        )
    return table
