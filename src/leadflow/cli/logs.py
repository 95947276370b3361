"""The read models: rebuilding and comparing them; and what became of a request."""

from __future__ import annotations

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from leadflow.cli.common import Session, pass_session, pool_option, shared_options
from leadflow.cli.telling import moment
from leadflow.errors import UsageError

SHOWN_DIFFERENCES = 50
"""Differences drawn for people; `--json` has them all."""


def register(main: click.Group) -> None:
    """Add the commands."""
    main.add_command(request)
    main.add_command(projections)


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
