"""The log and what is read from it: proving, exporting, rebuilding; and what became of a request."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from leadflow.bootstrap.operations import export, verify
from leadflow.cli.common import Session, pass_session, pool_option, shared_options
from leadflow.cli.telling import moment
from leadflow.errors import LogDamaged, NotPermitted, UsageError

PATH = click.Path(path_type=Path, allow_dash=True)
SHOWN_DIFFERENCES = 50
"""Differences drawn for people; `--json` has them all."""


def register(main: click.Group) -> None:
    """Add the commands."""
    main.add_command(request)
    main.add_command(log)
    main.add_command(projections)


# --- the log --------------------------------------------------------------------------------


@click.group()
def log() -> None:
    """Prove the log, or take it along."""


@log.command("verify")
@shared_options
@pass_session
def log_verify(session: Session) -> None:
    """Check every pool's sequence and hash chain; name the first broken event of each.

    A manager sees what became of its own pools. Exit code 2 if one is broken.
    """
    app = session.app
    own = _proven_to(session)
    with session.progress("Verifying") as tell:
        report = verify(app.log, tell)
    pools = [
        {
            "pool": pool.pool,
            "events": pool.events,
            "last_hash": pool.last_hash if pool.broken is None else None,
            "broken": {"event": pool.broken.event, "what": pool.broken.what} if pool.broken else None,
        }
        for pool in report.pools.values()
        if own is None or pool.pool in own
    ]
    broken = [one for one in report.broken if own is None or one.pool in own]
    events = sum(report.pools[str(pool["pool"])].events for pool in pools)
    session.emit({"ok": not broken, "events": events, "pools": pools}, lambda o: _draw_proof(o, pools))
    if broken:
        first = broken[0]
        raise LogDamaged(
            f"{len(broken)} of {len(pools)} pools are broken, {first.pool} from {first.event} on",
            do="Keep this data directory as it is, and restore the last backup into a new one.",
        )


def _proven_to(session: Session) -> set[str] | None:
    """The pools whose proofs the actor may see; None stands for all, and asks no read model."""
    try:
        session.app.need("history", session.actor)
    except NotPermitted:
        views = session.app.views
        own = {pool for pool in views.pools() if views.may("history", session.actor, pool)}
        if not own:
            raise
        return own
    return None


def _draw_proof(out: Console, pools: list[dict[str, Any]]) -> None:
    if not pools:
        out.print("The log is empty.")
        return
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("")
    table.add_column("pool", style="bold")
    table.add_column("events", justify="right")
    table.add_column("last hash, or what is broken", overflow="fold")
    for pool in pools:
        broken = pool["broken"]
        mark = "[bold red]broken[/]" if broken else "[green]ok[/]"
        found = escape(f"{broken['event']}: {broken['what']}") if broken else f"[dim]{pool['last_hash']}[/]"
        table.add_row(mark, pool["pool"], str(pool["events"]), found)
    out.print(table)
    if not any(pool["broken"] for pool in pools):
        events = sum(pool["events"] for pool in pools)
        out.print(f"\nAll {events} events are as they were written, in sequence, each chained to the last.")


@log.command("export")
@click.argument("file", type=PATH, default="-")
@shared_options
@pass_session
def log_export(session: Session, file: Path) -> None:
    """Write every event to FILE (or stdout), one CloudEvents document a line, byte for byte."""
    session.app.need("see_contacts", session.actor)
    if str(file) == "-":
        with session.progress("Exporting") as tell:
            export(session.app.log, sys.stdout.buffer, tell)
        return
    try:
        with file.open("xb", buffering=1 << 20) as out, session.progress("Exporting") as tell:
            count = export(session.app.log, out, tell)
    except FileExistsError as error:
        raise UsageError("there is a file already", where=str(file), do="Choose another name.") from error
    except OSError as error:
        raise UsageError(f"the file cannot be written: {error.strerror}", where=str(file)) from error
    session.say(f"{count} events written to {file}.")


# --- projections ----------------------------------------------------------------------------


@click.group()
def projections() -> None:
    """The read models: how far they are, rebuilt at will, compared with the log."""


@projections.command("list")
@shared_options
@pass_session
def projections_list(session: Session) -> None:
    """Every projection: version, position, how far behind the log, rows."""
    app = session.app
    app.need("history", session.actor)
    app.projections.start()
    found = app.projections.list()

    def draw(out: Console) -> None:
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
        table.add_column("projection", style="bold")
        table.add_column("state")
        for title in ("version", "position", "behind", "rows"):
            table.add_column(title, justify="right")
        for status in found:
            style = {"live": "green", "stopped": "bold red"}.get(status.status, "yellow")
            figures = (status.version, status.position, status.lag, status.rows)
            table.add_row(status.name, f"[{style}]{status.status}[/]", *map(str, figures))
        out.print(table)
        for status in found:
            if status.stopped:
                out.print(f"\n{status.name} stopped at {status.stopped}", markup=False, soft_wrap=True)

    session.emit(found, draw)


@projections.command()
@click.argument("names", nargs=-1, metavar="NAME…")
@click.option("--all", "every", is_flag=True, help="Every projection.")
@shared_options
@pass_session
def rebuild(session: Session, names: tuple[str, ...], every: bool) -> None:
    """Fill a new version of each NAME beside the old one, and switch when it has caught up."""
    if bool(names) == every:
        raise UsageError("say which projections", do="Name them, or give --all.")
    app = session.app
    app.need("manage", session.actor)
    app.projections.start()
    with session.progress("Rebuilding") as tell:
        app.projections.rebuild(names or None, tell)
    found = [status for status in app.projections.list() if every or status.name in names]

    def draw(out: Console) -> None:
        for status in found:
            out.print(f"{status.name}: {status.rows} rows at position {status.position}.", markup=False)

    session.emit(found, draw)


@projections.command("verify")
@click.argument("names", nargs=-1, metavar="[NAME…]")
@shared_options
@pass_session
def projections_verify(session: Session, names: tuple[str, ...]) -> None:
    """Compare the read models with a fresh fold of the log; name every difference.

    Exit code 2 if there are any.
    """
    app = session.app
    app.need("manage", session.actor)
    app.settle()
    with session.progress("Folding the log") as tell:
        differences = list(app.projections.verify(tell, names or None))
    checked = [status.name for status in app.projections.list() if not names or status.name in names]
    document = {"ok": not differences, "checked": checked, "differences": differences}

    def draw(out: Console) -> None:
        for difference in differences[:SHOWN_DIFFERENCES]:
            where = f"{difference.table} {difference.key}"
            column = f" {difference.column}" if difference.column else ""
            out.print(
                f"{difference.projection}: {where}{column}: is {difference.live!r}, should be"
                f" {difference.fresh!r}",
                markup=False,
                soft_wrap=True,
            )
        if len(differences) > SHOWN_DIFFERENCES:
            out.print(f"… and {len(differences) - SHOWN_DIFFERENCES} more; --json names them all.")
        if not differences:
            out.print(f"{', '.join(checked)}: as the log says.")

    session.emit(document, draw)
    if differences:
        wrong = sorted({difference.projection for difference in differences})
        do = f"Run `leadflow projections rebuild {' '.join(wrong)}`, and report what differed."
        raise UsageError(f"{len(differences)} differences between read models and the log", do=do)


# --- requests -------------------------------------------------------------------------------


@click.group()
def request() -> None:
    """What became of a request."""


@request.command("show")
@click.argument("request_id", metavar="ID")
@pool_option
@shared_options
@pass_session
def request_show(session: Session, request_id: str, pool: str | None) -> None:
    """The outcome of a request by its identity (`rep/wang:0199…`), or by its id alone.

    An id alone is looked for among the actor's own requests first, then among all.
    """
    app = session.app
    app.settle()
    row, why = app.outcome(session.actor, request_id, pool or session.settings.pool)
    view = app.views.pool(row["pool"]) if row["pool"] in app.views.pools() else None

    def draw(out: Console) -> None:
        table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
        table.add_column(style="bold")
        table.add_column(overflow="fold")
        said = "refused" if row["result"] == "refused" else row["answer"] or "done"
        span = f"{row['pool']}/{row['first_sequence']}"
        span += f" to {row['last_sequence']}" if row["last_sequence"] > row["first_sequence"] else ""
        table.add_row("request", escape(row["identity"]))
        table.add_row("by", escape(row["actor"]))
        table.add_row(
            "outcome", f"[{'red' if why else 'green'}]{said}[/]" + escape(f": {why}" if why else "")
        )
        table.add_row("facts", f"{span}: {', '.join(row['facts'])}")
        table.add_row("at", moment(view, row["time"]) if view else str(row["time"]))
        if row["lead"]:
            table.add_row("lead", row["lead"])
        if row["reused"]:
            times = "once" if row["reused"] == 1 else f"{row['reused']} times"
            table.add_row("reused", f"{times} with another content, refused each time")
        out.print(table)

    session.emit(row | {"why": why}, draw)
