"""Coming in: files of leads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

from leadflow.bootstrap.importing import (
    Destination,
    MappingFile,
    Report,
    check_channel,
    counted,
    destination,
    import_file,
    load_mapping,
    open_arrivals,
    rehearse_file,
)
from leadflow.cli.common import (
    Session,
    long_wait_option,
    pass_session,
    phone_region_option,
    pool_option,
    shared_options,
)
from leadflow.errors import NotPermitted

PATH = click.Path(path_type=Path)
SHOWN_PROBLEMS = 8


def register(main: click.Group) -> None:
    """Add the commands."""
    main.add_command(import_command)


def destination_of(session: Session, pool: str | None) -> Destination:
    """Where arrivals go. Raises UsageError, NotPermitted for who may not send there."""
    pools = list(session.app.views.pools())
    named = pool or session.settings.pool
    to = destination(named, None if named else session.app.routing(), pools)
    for target in to.pools:
        if not session.app.views.may("submit", session.actor, target):
            raise NotPermitted(f"{session.actor} may not send leads to pool {target}", do="See `--as`.")
    return to


def check_declared(session: Session, channel: str, to: Destination) -> None:
    """Raise UsageError for a channel that no pool in question declares."""
    pools = session.app.views.pools()
    check_channel(channel, {name: pools[name].policy.get("channels", {}) for name in to.pools})


@contextmanager
def progress_bar(session: Session, what: str, total: int | None = None) -> Iterator[Progress]:
    """A progress bar on stderr, where somebody looks at it."""
    columns = (
        SpinnerColumn(),
        TextColumn(what, markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=session.err, transient=True, disable=not session.err.is_terminal) as bar:
        bar.add_task(what, total=total)
        yield bar


@click.command("import")
@click.argument("file", type=PATH)
@click.option("--channel", required=True, metavar="NAME", help="The channel that the leads came through.")
@click.option("--campaign", metavar="NAME", help="The campaign, where rows do not name one.")
@click.option(
    "--map", "mapping_file", type=PATH, metavar="FILE", help="A mapping file (TOML) for its columns."
)
@click.option("--sheet", metavar="NAME", help="The only sheet to read of a workbook.")
@click.option("--encoding", metavar="NAME", help="Of a text file, as gb18030 or big5; found out if left out.")
@click.option(
    "--date",
    "day",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="DAY",
    help="When it happened, for rows that do not say: noon of that day.",
)
@phone_region_option
@click.option("--dry-run", is_flag=True, help="Say what each row would become; change nothing.")
@pool_option
@long_wait_option
@shared_options
@pass_session
def import_command(
    session: Session,
    file: Path,
    channel: str,
    campaign: str | None,
    mapping_file: Path | None,
    sheet: str | None,
    encoding: str | None,
    day: datetime | None,
    phone_region: str | None,
    dry_run: bool,
    pool: str | None,
) -> None:
    """Take in a FILE of leads: .xlsx, .xls, .ods, .csv or .jsonl.

    The header row and the usual Chinese and English column names are found; what was understood is shown.
    Rows that cannot be read are kept as dead letters. The same file again creates nothing.
    """
    mapping = load_mapping(mapping_file) if mapping_file else MappingFile()
    said = {"sheet": sheet, "encoding": encoding, "region": phone_region}
    mapping = mapping.model_copy(update={name: value for name, value in said.items() if value is not None})
    app = session.app
    arrivals = open_arrivals(file, channel, campaign=campaign, mapping=mapping, attribution=app.attribution)
    # Where nothing may change, even a deadline that has come due is left for the next command.
    app.settle(fire=not dry_run)
    to = destination_of(session, pool)
    check_declared(session, channel, to)
    occurred_at = None
    if day is not None:
        occurred_at = datetime.combine(day.date(), time(12), ZoneInfo(mapping.timezone)).astimezone(UTC)
    with progress_bar(session, f"{'Trying' if dry_run else 'Importing'} {file.name}") as bar:

        def advance(rows: int) -> None:
            bar.update(bar.task_ids[0], completed=rows)

        if dry_run:
            report = rehearse_file(arrivals, to, session.actor, app.pool_state, advance)
        else:
            report = import_file(
                arrivals,
                to,
                session.actor,
                app.submit_all,
                app.dead_letters,
                advance,
                occurred_at=occurred_at,
            )
            app.decisions.catch_up()
    session.emit(report, lambda console: _draw(console, report))


def _draw(console: Console, report: Report) -> None:
    pools = ", ".join(report.by_pool) or "no pool"
    verb = "would go" if report.dry_run else "went"
    console.print(Path(report.file).name, markup=False, style="bold", end="")
    console.print(f" ({_format_of(report)}) {verb} to {pools}", markup=False, end="")
    campaign = f", campaign {report.campaign}" if report.campaign else ""
    console.print(f", channel {report.channel}{campaign}", markup=False)
    _draw_mapping(console, report)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("rows", "created", "merged", "duplicate", "unreadable"):
        table.add_column(name, justify="right")
    style = "yellow" if report.unreadable else ""
    counts = (report.created, report.merged, report.duplicate)
    table.add_row(f"{report.rows:,}", *(f"{n:,}" for n in counts), f"{report.unreadable:,}", style=style)
    console.print(table)
    lost = [p for p in report.problems if p["unreadable"]]
    _draw_problems(console, "Not readable", lost)
    _draw_problems(console, "Taken, but noted", [p for p in report.problems if not p["unreadable"]])
    if report.unreadable:
        rows, verb = ("row", "is") if report.unreadable == 1 else ("rows", "are")
        kept = f"{verb} kept: `leadflow dead-letters list`"
        if report.dry_run:
            kept = "would be kept as dead letters"
        console.print(f"{report.unreadable:,} unreadable {rows} {kept}", markup=False)
    if report.dry_run:
        console.print("Nothing was changed. `--json` says what each row would be.", markup=False)


def _format_of(report: Report) -> str:
    mapping = report.mapping
    parts = [mapping["format"], mapping.get("encoding")]
    tables = mapping.get("tables", [])
    parts += [f"sheet {table['sheet']}" for table in tables if table.get("sheet")]
    return ", ".join(part for part in parts if part)


def _draw_mapping(console: Console, report: Report) -> None:
    if report.mapping.get("encoding_guessed"):
        name = report.mapping["encoding"]
        what = f"{name} is a guess: if names look wrong, say which it is with --encoding"
        console.print(f"  encoding {what}", markup=False, style="yellow")
    columns = [f"{column} → {name}" for column, name in report.mapping["columns"].items()]
    console.print("  columns  " + " · ".join(columns), markup=False, style="dim", soft_wrap=False)
    for what in ("answers", "ignored"):
        if report.mapping[what]:
            names = " · ".join(report.mapping[what])
            console.print(f"  {what:<8} {names}", markup=False, style="dim", soft_wrap=False)
    if report.mapping["missing"]:
        names = " · ".join(report.mapping["missing"])
        console.print(f"  missing  {names}: named by the mapping file, and no column here", markup=False)
    skipped: Counter[str] = Counter()
    for table in report.mapping.get("tables", []):
        skipped.update(table["skipped"])
    if any(skipped.values()):
        kinds = " · ".join(f"{count:,} {kind}" for kind, count in skipped.items() if count)
        console.print(f"  no rows  {kinds}", markup=False, style="dim")
    if "dates" in report.mapping:
        console.print(
            f"  dates    like 11/3/2026 are read {report.mapping['dates']}", markup=False, style="dim"
        )
    if "shared" in report.mapping:
        names = " · ".join(report.mapping["shared"])
        what = "kept as answers: the same few stand in all rows, so they are not the leads' own"
        console.print(f"  shared   {names}: {what}", markup=False, style="yellow")
    for sheet in report.mapping.get("left_out", []):
        what = "not read: it holds contact points, but no header that is known"
        console.print(f"  sheet    {sheet}: {what}", markup=False, style="yellow")


def _draw_problems(console: Console, title: str, problems: list[dict[str, Any]]) -> None:
    found = counted(problems)
    if not found:
        return
    console.print(f"{title}:", markup=False)
    several = len({p.get("sheet") for p in problems}) > 1
    for name, message, count in found[:SHOWN_PROBLEMS]:
        of_kind = [p for p in problems if (p["field"], p["message"]) == (name, message)]
        rows = [f"{p['sheet']} {p['row']}" if several else str(p["row"]) for p in of_kind]
        first = ", ".join(rows[:5]) + (", …" if len(rows) > 5 else "")
        console.print(f"  {count:>5} × {name} {message} (row {first})", markup=False)
    if len(found) > SHOWN_PROBLEMS:
        console.print(
            f"        and {len(found) - SHOWN_PROBLEMS} kinds more; see them with `--json`", markup=False
        )
