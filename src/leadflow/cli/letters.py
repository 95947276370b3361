"""Dead letters: arrivals that could not be read, looked at, corrected, and sent again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from leadflow.bootstrap import DeadLetter, MappingFile, corrected, load_mapping, reason_of, request_of
from leadflow.cli.arriving import show_arrival
from leadflow.cli.common import Session, pass_session, pool_option, shared_options, wait_option
from leadflow.cli.incoming import destination_of
from leadflow.domain.values import role_of
from leadflow.errors import NotFound, NotPermitted, UsageError

STATUSES = ("waiting", "resent", "discarded", "all")


def register(main: click.Group) -> None:
    """Add the commands."""
    main.add_command(dead_letters)


@click.group("dead-letters")
def dead_letters() -> None:
    """Arrivals that could not be read: one entry each, however often they were sent."""


def _may(session: Session, letter: DeadLetter) -> bool:
    """Dead letters hold contact points of people whose pool may not be known: they are for managers."""
    views = session.app.views
    pools = list(views.pools())
    asked = [letter.pool] if letter.pool in pools else pools
    return any(views.may("manage", session.actor, pool) for pool in asked if pool)


def _allowed(session: Session, entry: int) -> DeadLetter:
    letter = session.app.dead_letters.get(entry)
    if not _may(session, letter):
        raise NotFound(f"there is no dead letter {entry}", do="See `leadflow dead-letters list`.")
    return letter


@dead_letters.command("list")
@click.option(
    "--status",
    type=click.Choice(STATUSES),
    default="waiting",
    show_default=True,
    help="Only arrivals in this state.",
)
@click.option(
    "--limit",
    type=click.IntRange(1),
    default=100,
    show_default=True,
    metavar="COUNT",
    help="How many to list.",
)
@shared_options
@pass_session
def list_letters(session: Session, status: str, limit: int) -> None:
    """List the entries, oldest first."""
    session.app.settle()
    if role_of(session.actor) != "manager":
        raise NotPermitted(f"{session.actor} may not see dead letters", do="Managers may; see `--as`.")
    found = session.app.dead_letters.list(None if status == "all" else status, limit=limit)
    letters = [letter for letter in found if _may(session, letter)]

    def draw(console: Console) -> None:
        if not letters:
            console.print("No dead letters" + ("." if status == "all" else f" with status {status}."))
            return
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
        table.add_column("id", justify="right")
        for name in ("pool", "channel", "last seen", "times", "status", "reason"):
            table.add_column(name, justify="right" if name == "times" else "left", overflow="fold")
        for letter in letters:
            seen = f"{letter.last_seen:%Y-%m-%d %H:%M}Z"
            row = (str(letter.id), letter.pool or "-", letter.channel or "-", seen, str(letter.times))
            table.add_row(*row, letter.status, letter.reason)
        console.print(table)

    session.emit([_summary(letter) for letter in letters], draw)


def _summary(letter: DeadLetter) -> dict[str, Any]:
    names = ("id", "pool", "channel", "ref", "campaign", "door", "reason", "problems", "first_seen")
    return {name: getattr(letter, name) for name in (*names, "last_seen", "times", "status", "resolved_by")}


@dead_letters.command("show")
@click.argument("entry", type=int)
@shared_options
@pass_session
def show_letter(session: Session, entry: int) -> None:
    """Show an ENTRY: what came, and every problem by its field."""
    session.app.settle()
    letter = _allowed(session, entry)
    original = letter.content()

    def draw(console: Console) -> None:
        where = f"channel {letter.channel or '-'}, pool {letter.pool or '-'}"
        console.print(f"Dead letter {letter.id} ({letter.status}): {where}", markup=False)
        times = "once" if letter.times == 1 else f"{letter.times} times"
        console.print(f"came {times}, the last time {letter.last_seen:%Y-%m-%d %H:%M}Z", markup=False)
        if letter.resolved_by:
            console.print(f"resolved: {letter.resolved_by}", markup=False)
        for problem in letter.problems:
            console.print(f"  {problem.get('field')}: {problem.get('message')}", markup=False)
        console.print("What came:", markup=False)
        if not isinstance(original, dict):
            console.print(f"  {original}", markup=False)
            return
        for name, value in original.items():
            console.print(f"  {name}: {value if value not in (None, '') else '-'}", markup=False)

    session.emit(_summary(letter) | {"original": original}, draw)


def _changes(_: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for value in values:
        name, sign, text = value.partition("=")
        if not sign or not name.strip():
            raise click.BadParameter(f"{value!r} is not FIELD=VALUE", param=parameter)
        found[name.strip()] = text
    return found


@dead_letters.command("retry")
@click.argument("entry", type=int)
@click.option(
    "--set",
    "changes",
    multiple=True,
    callback=_changes,
    metavar="FIELD=VALUE",
    help="Correct a field (phone, name, …) or a column; may be given several times.",
)
@click.option(
    "--document",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A JSON object instead of what came.",
)
@click.option(
    "--map", "mapping_file", type=click.Path(path_type=Path), metavar="FILE", help="A mapping file."
)
@pool_option
@wait_option
@shared_options
@pass_session
def retry_letter(
    session: Session,
    entry: int,
    changes: dict[str, str],
    document: Path | None,
    mapping_file: Path | None,
    pool: str | None,
) -> None:
    """Send an ENTRY again, corrected. It stays the same arrival: sent twice, it counts once."""
    app = session.app
    app.settle()
    letter = _allowed(session, entry)
    mapping = load_mapping(mapping_file) if mapping_file else MappingFile()
    arrival = corrected(letter, _document(document) if document else letter.content(), changes, mapping)
    if arrival.body is None and letter.resolved_by:
        raise UsageError(
            f"dead letter {entry} was sent again already: {letter.resolved_by}",
            do=f"What came stays as it was: `leadflow dead-letters show {entry}`.",
        )
    if arrival.body is None:
        raise UsageError(
            f"dead letter {entry} cannot be read yet: {reason_of(arrival)}",
            do=f"Correct it: `leadflow dead-letters retry {entry} --set phone=…`.",
        )
    to = destination_of(session, pool or letter.pool)
    outcome = app.one(request_of(to.of(arrival.body), session.actor, "", arrival.body))
    if outcome.refusal is not None:
        session.refused(outcome)
    lead = outcome.events[0].subject
    if letter.status != "resent":
        app.dead_letters.mark(
            entry, "resent", by=f"lead {lead} of pool {outcome.request.pool}, by {session.actor}"
        )
    show_arrival(session, outcome, arrival)


def _document(path: Path) -> Any:
    try:
        return json.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        raise UsageError(f"cannot read the file: {error.strerror}", where=str(path)) from error
    except ValueError as error:
        raise UsageError(f"the file is not JSON: {error}", where=str(path)) from error
