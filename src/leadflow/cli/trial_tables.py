"""How the trial of a policy looks: what was, beside what would have been."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal

from rich.console import Console
from rich.text import Text

from leadflow.bootstrap.rerunning import Comparison
from leadflow.cli.report_tables import draw, new_table

Local = Callable[[datetime], datetime]


def render(out: Console, found: Comparison, under: str, local: Local) -> None:
    """Both histories side by side, figure by figure and rep by rep, and what the comparison cannot say."""
    span = " to ".join(f"{local(at):%Y-%m-%d %H:%M}" for at in (found.from_time, found.to_time) if at)
    out.print(Text(f"Pool {found.pool}, {span}, as it was and {under}", style="bold"))
    out.print()
    table = new_table("as it was", under, "difference", first=("",))
    for one in found.figures:
        table.add_row(Text(one.name), _shown(one.was), _shown(one.would), _change(one.difference))
    draw(out, table)
    out.print()
    _draw_reps(out, found)
    _draw_moved(out, found)
    _draw_limits(out, found)


def _draw_reps(out: Console, found: Comparison) -> None:
    table = new_table(
        "assigned", "claimed", "handed in", "recycled", "refused", "contacts", "converted", "has",
        first=("rep",),
    )  # fmt: skip
    for rep in found.reps:
        pairs = (
            (getattr(rep.was, name), getattr(rep.would, name))
            for name in (
                "assigned",
                "claimed",
                "handed",
                "recycled",
                "refused",
                "contacts",
                "converted",
                "held",
            )
        )
        table.add_row(Text(rep.rep), *(_pair(was, would) for was, would in pairs))
    if found.reps:
        draw(out, table)
        out.print()


def _draw_moved(out: Console, found: Comparison) -> None:
    came = next(figure.was for figure in found.figures)
    out.print(
        f"Of {came} leads that came, {found.first_owner_differs} would have gone to somebody else first;"
        f" {found.last_owner_differs} leads and customers would have another owner at the end, or none.",
        highlight=False,
    )
    for lead in found.moved:
        out.print(Text(f"  {lead.lead[:8]}  {lead.was or 'nobody'} → {lead.would or 'nobody'}"))
    out.print()


def _draw_limits(out: Console, found: Comparison) -> None:
    if found.differs_at is None:
        out.print(f"All {found.facts_were:,} facts are decided as they stand in the log.", highlight=False)
    else:
        out.print(
            f"{found.facts_were:,} facts as it was, {found.facts_would:,} as it would have been; the first"
            f" that differs is {found.differs_at}. People are taken to have asked for the same as they did.",
            highlight=False,
        )
    _draw_counts(out, "Done then, and refused now:", found.not_done)
    _draw_counts(out, "Refused then, and not kept whole, so not asked again:", found.not_asked)
    if found.refused_anyway:
        what = "request was" if found.refused_anyway == 1 else "requests were"
        out.print(
            f"{found.refused_anyway:,} {what} refused for a reason that no policy takes away, and not asked"
            " again.",
            highlight=False,
        )


def _draw_counts(out: Console, words: str, counts: dict[str, int]) -> None:
    if counts:
        out.print(Text(words))
    for what, count in sorted(counts.items(), key=lambda one: (-one[1], one[0])):
        out.print(Text(f"  {count:,} × {what}"))


def _shown(value: Decimal | int | None) -> str:
    return "–" if value is None else f"{value:,}"


def _change(value: Decimal | int | None) -> Text:
    if not value:
        return Text("")
    return Text(f"{value:+,}", style="yellow")


def _pair(was: int, would: int) -> Text:
    if was == would:
        return Text(str(was) if was else "·")
    return Text(f"{was} → {would}", style="yellow")
