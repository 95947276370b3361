"""Reports: what channels cost and brought, how far leads came, and what reps got and did."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from leadflow.bootstrap.reporting import Period, write_csv
from leadflow.bootstrap.reporting import report_records as records
from leadflow.cli import report_tables as tables
from leadflow.cli import report_team as team
from leadflow.cli.common import Session, pass_session, shared_options
from leadflow.cli.moments import TIME_FORMS, parse_day, parse_time, yet_to_come

F = TypeVar("F", bound=Callable[..., Any])
Watch = Callable[[int, int], None]


def register(main: click.Group) -> None:
    """Add the commands."""
    main.add_command(report)


@click.group()
def report() -> None:
    """What channels cost and brought, how far leads came, and what reps did."""


def period_options(function: F) -> F:
    """What all reports share: days, pool, as of when, and how they are printed."""
    for option in (
        click.option("--csv", "csv_", is_flag=True, help="Print comma-separated values."),
        click.option(
            "--as-of",
            metavar="TIME",
            help=f"What was known then, from the log: {TIME_FORMS}; a day means its end.",
        ),
        click.option("--pool", metavar="ID", help="Count this pool's leads only."),
        click.option("--to", "last", metavar="DAY", help="The last day that counts."),
        click.option("--from", "first", metavar="DAY", help="The first day that counts."),
    ):
        function = option(function)
    return function


@report.command()
@click.option("--chart", is_flag=True, help="Draw cost and revenue of every channel as bars.")
@period_options
@shared_options
@pass_session
def channels(session: Session, /, chart: bool, csv_: bool, **given: str | None) -> None:
    """What each channel and campaign cost and brought.

    Leads, customers and revenue count once, to the channel, campaign and day of the lead's first touch.
    """
    period = _period(session, given)
    with _watch(session, period) as watch:
        found = session.app.reports.channels(session.actor, _pool(session, given), period, watch)
    if csv_:
        _print_csv(records.CHANNEL_COLUMNS, records.channel_records(found))
    else:
        session.emit(found, lambda console: tables.render_channels(console, found, period, chart=chart))


@report.command()
@period_options
@shared_options
@pass_session
def funnel(session: Session, /, csv_: bool, **given: str | None) -> None:
    """How far the leads of these days have come: owned, contacted, converted."""
    period = _period(session, given)
    with _watch(session, period) as watch:
        found = session.app.reports.funnel(session.actor, _pool(session, given), period, watch)
    if csv_:
        _print_csv(records.FUNNEL_COLUMNS, records.funnel_records(found))
    else:
        session.emit(found, lambda console: team.render_funnel(console, found, period))


@report.command()
@period_options
@shared_options
@pass_session
def origins(session: Session, /, csv_: bool, **given: str | None) -> None:
    """Which search engines, referring classes and landing pages brought leads.

    A lead counts once, by its first touch; of a landing page host and path are shown. The log is read for it.
    """
    period = _period(session, given)
    with _watch(session, period) as watch:
        found = session.app.reports.origins(session.actor, _pool(session, given), period, watch)
    if csv_:
        _print_csv(records.ORIGIN_COLUMNS, records.origin_records(found))
        return

    def render(console: Console) -> None:
        tables.title(console, "Where leads came from", period)
        if not found:
            console.print("No lead of these days says where it came from. Others: --from DAY --to DAY.")
            return
        table = tables.new_table(
            "leads", "owned", "claimed", "contacted", "converted", first=("class", "engine", "landing page")
        )
        for row in found:
            names = (row.referrer_class or "-", row.search_engine or "-", row.landing_page or "-")
            counts = (row.leads, row.owned, row.claimed, row.contacted, row.converted)
            table.add_row(*map(Text, names), *(f"{count:,}" for count in counts))
        tables.draw(console, table)

    session.emit(found, render)


@report.command()
@period_options
@shared_options
@pass_session
def reps(session: Session, /, csv_: bool, **given: str | None) -> None:
    """What each rep got, claimed, contacted and closed; and how fair the rotations are."""
    period = _period(session, given)
    pool = _pool(session, given)
    with _watch(session, period) as watch:
        found = session.app.reports.reps(session.actor, pool, period, watch)
    if csv_:
        _print_csv(records.REP_COLUMNS, records.rep_records(found))
        return
    # The rotations' state is that of now; there is none as of an earlier time.
    fair = []
    if period.as_of is None:
        fair = session.app.reports.fairness(session.actor, pool, session.app.pool_state)
    data = {"reps": found, "rotations_since_last_change": fair}
    session.emit(data, lambda console: team.render_reps(console, found, fair, period))


def _pool(session: Session, given: dict[str, str | None]) -> str | None:
    return given["pool"] or session.settings.pool


def _period(session: Session, given: dict[str, str | None]) -> Period:
    app = session.app
    # What becomes due now was not known at an earlier time: no pool is loaded for it.
    app.settle(fire=not given["as_of"])
    first = parse_day(given["first"]) if given["first"] else None
    last = parse_day(given["last"]) if given["last"] else None
    if first and last and last < first:
        raise click.BadParameter(f"{last} is before {first}", param_hint="--to")
    if not given["as_of"]:
        return Period(first, last)
    named = _pool(session, given)
    pools = app.views.pools()
    view = pools.get(named) if named else next(iter(pools.values()), None)
    moment = parse_time(given["as_of"], view)
    if note := yet_to_come(moment, view):
        session.say(note)
    return Period(first, last, view.local(moment) if view else moment)


@contextmanager
def _watch(session: Session, period: Period) -> Iterator[Watch | None]:
    """A progress bar on stderr while the log is replayed, where somebody looks at it."""
    if period.as_of is None:
        yield None
        return
    columns = (TextColumn("replaying the log"), BarColumn(), TextColumn("{task.completed}/{task.total}"))
    quiet = not session.err.is_terminal
    with Progress(*columns, TimeRemainingColumn(), console=session.err, transient=True, disable=quiet) as bar:
        task = bar.add_task("replay", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _print_csv(columns: Sequence[str], records: Iterator[Sequence[Any]]) -> None:
    text = io.StringIO(newline="")
    write_csv(text, columns, records)
    click.echo(text.getvalue(), nl=False)
