"""The team: pools and routing; members and policies stand in modules of their own."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from leadflow.bootstrap.looking import PoolView, pool_summaries
from leadflow.cli.acting import change_document
from leadflow.cli.common import Session, pass_session, pool_option, request_option, shared_options
from leadflow.cli.telling import moment
from leadflow.domain import requests as r
from leadflow.domain.policy import Policy
from leadflow.domain.routing import Route, RoutingTable
from leadflow.domain.values import COMPANY_STREAM, POOL_PATTERN
from leadflow.errors import NotFound, UsageError

PATH = click.Path(path_type=Path)
NONE = "[dim]–[/]"
LIVE = ("public", "queue", "private")
CLOSED = ("converted", "disqualified", "merged", "transferred")


def register(main: click.Group) -> None:
    """Add the commands."""
    main.add_command(pool)
    main.add_command(routing)


# --- pools ----------------------------------------------------------------------------------


@click.group()
def pool() -> None:
    """Open pools and look at them."""


@pool.command("open")
@click.argument("pool_id", metavar="ID")
@click.option("--policy", "file", type=PATH, metavar="FILE", help="Its policy; the default policy without.")
@request_option
@shared_options
@pass_session
def pool_open(session: Session, pool_id: str, file: Path | None, request_id: str | None) -> None:
    """Open the pool ID with its first policy."""
    if not re.fullmatch(POOL_PATTERN, pool_id):
        raise UsageError(f"{pool_id!r} is no pool's id", do="Use up to 63 small letters, digits and dashes.")
    # What reads and writes policies takes a moment to import.
    from leadflow.bootstrap.policies import policies
    from leadflow.cli import policy

    of = policy.read_file(session, file) if file is not None else policies.default_policy()
    calendar = policy.calendar_for(session, of)
    outcome = session.send(pool_id, r.OpenPool, request_id, policy=of, calendar=calendar)
    document = change_document(outcome, policy=of.name, version=1)
    session.emit(document, lambda out: _draw_opened(out, pool_id, of, outcome.events[0].id))


def _draw_opened(out: Console, pool_id: str, of: Policy, fact: str) -> None:
    out.print(f"Pool {pool_id} is open under the policy “{of.name}” (fact {fact}).", markup=False)
    out.print(f"Next: leadflow member add NAME --role rep --pool {pool_id}", style="dim", markup=False)


@pool.command("list")
@shared_options
@pass_session
def pool_list(session: Session) -> None:
    """Every pool with its policy, and its leads for those who may see such figures."""
    session.app.settle()
    rows = [_seen(session, row) for row in pool_summaries(session.app.database)]

    def draw(out: Console) -> None:
        if not rows:
            out.print("There is no pool yet. Open one: leadflow pool open ID", markup=False)
            return
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
        for title in ("pool", "policy", "holidays until"):
            table.add_column(title)
        for title in (*LIVE, "customers", "waiting"):
            table.add_column(title, justify="right")
        for row in rows:
            leads = row["leads"]
            figures = [str(leads.get(status, 0)) for status in LIVE] if leads is not None else [NONE] * 3
            more = [str(leads.get("converted", 0)), str(row["waiting"])] if leads is not None else [NONE] * 2
            named = f"{row['policy_name']} (version {row['policy_version']})"
            until = str(row["covered_until"] or "") or NONE
            table.add_row(f"[bold]{row['pool']}[/]", escape(named), until, *figures, *more)
        out.print(table)

    session.emit(rows, draw)


@pool.command("show")
@click.argument("pool_id", metavar="[ID]", required=False)
@pool_option
@shared_options
@pass_session
def pool_show(session: Session, pool_id: str | None, pool: str | None) -> None:
    """One pool: its policy, calendar, leads by status, next deadline."""
    session.app.settle()
    name = session.pool(pool_id or pool)
    view = session.app.views.pool(name)
    row = _seen(session, pool_summaries(session.app.database, name)[0])
    session.emit(row, lambda out: _draw_pool(out, view, row))


def _seen(session: Session, row: dict[str, Any]) -> dict[str, Any]:
    """What the actor may see of a pool's summary: its rules always, figures as in reports."""
    shown = {
        "pool": row["pool"],
        "clock": row["clock"],
        "opened_at": row["opened_at"],
        "policy_name": row["policy_name"],
        "policy_version": row["policy_version"],
        "timezone": row["timezone"],
        "covered_until": row["covered_until"],
        "calendar_source": row["calendar_source"],
    }
    may = session.app.views.may("report", session.actor, row["pool"])
    figures = ("leads", "waiting", "oldest_public_since", "next_deadline", "last_sequence", "last_time")
    return shown | {name: row[name] if may else None for name in figures}


def _draw_pool(out: Console, view: PoolView, row: dict[str, Any]) -> None:
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    table.add_row("pool", row["pool"])
    clock = "real time" if row["clock"] == "real" else "its requests' own times"
    table.add_row("opened", f"{moment(view, row['opened_at'])}, runs on {clock}")
    table.add_row("policy", escape(f"{row['policy_name']}, version {row['policy_version']}"))
    until = f", known until {row['covered_until']}" if row["covered_until"] else ""
    table.add_row("calendar", escape(f"{row['timezone']}; {row['calendar_source']}{until}"))
    if row["leads"] is not None:
        for title, statuses in (("leads", LIVE), ("closed", CLOSED)):
            counts = [f"{row['leads'].get(status, 0)} {status}" for status in statuses]
            table.add_row(title, ", ".join(counts))
        table.add_row("waiting", f"{row['waiting']} for a rep to become available")
        for title, field in (("next deadline", "next_deadline"), ("oldest public", "oldest_public_since")):
            table.add_row(title, moment(view, row[field]) if row[field] else NONE)
        table.add_row("last fact", f"{row['pool']}/{row['last_sequence']}, {moment(view, row['last_time'])}")
    out.print(table)


# --- routing --------------------------------------------------------------------------------


@click.group()
def routing() -> None:
    """The company's table that says which pool an arrival belongs to."""


@routing.command("publish")
@click.argument("file", type=PATH)
@request_option
@shared_options
@pass_session
def routing_publish(session: Session, file: Path, request_id: str | None) -> None:
    """Put the routing table in FILE in force: rows in order, the first that matches decides."""
    from leadflow.bootstrap.policies import policies

    session.app.settle()
    table, problems = policies.read_routing(file, session.app.views.pools())
    if table is None:
        raise policies.InvalidDocument("routing table", problems, where=str(file))
    for problem in problems:
        session.say(f"Warning: {problem}")
    outcome = session.send(COMPANY_STREAM, r.PublishRouting, request_id, table=table)
    event = outcome.events[0]
    count = f"{len(table.routes)} row{'' if len(table.routes) == 1 else 's'}"
    session.emit(
        change_document(outcome, routing=table),
        lambda out: out.print(
            f"Routing published: {count}, else {table.default} (fact {event.id}).", markup=False
        ),
    )


@routing.command("show")
@shared_options
@pass_session
def routing_show(session: Session) -> None:
    """The routing table in force."""
    table = session.app.routing()
    if table is None:
        do = "Publish one: `leadflow routing publish FILE`. Until then, `--pool` says where leads go."
        raise NotFound("there is no routing table", do=do)
    session.emit(table, lambda out: _draw_routing(out, table))


def _draw_routing(out: Console, table: RoutingTable) -> None:
    drawn = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    drawn.add_column("#", justify="right")
    parts = [name for name in Route.model_fields if name != "pool"]
    for title in (*parts, "pool"):
        drawn.add_column(title, overflow="fold")
    for number, row in enumerate(table.routes, 1):
        cells = [", ".join(getattr(row, part) or ()) for part in parts]
        drawn.add_row(str(number), *(escape(cell) or "[dim]any[/]" for cell in cells), row.pool)
    drawn.add_row("", *["[dim]else[/]"] * len(parts), table.default)
    out.print(drawn)
