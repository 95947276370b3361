"""Dead letters: arrivals that could not be read, looked at, corrected, and sent again."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from leadflow.bootstrap.asking import request_of
from leadflow.bootstrap.importing import Arrival, DeadLetter, load_mapping, reason_of
from leadflow.bootstrap.looking import Outcome
from leadflow.bootstrap.reception import Reception
from leadflow.cli.acting import report
from leadflow.cli.arriving import show_arrival
from leadflow.cli.common import (
    Session,
    pass_session,
    phone_region_option,
    pool_option,
    shared_options,
    wait_option,
)
from leadflow.cli.incoming import destination_of
from leadflow.domain.requests import SubmitIntake
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


def _no_letters(status: str) -> str:
    if status == "all":
        return "No dead letters: everything that arrived could be used."
    return f"No dead letters with status {status}. All that came: leadflow dead-letters list --status all"


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
    session.app.decisions.collect(session.app.dead_letters)
    if role_of(session.actor) != "manager":
        raise NotPermitted(f"{session.actor} may not see dead letters", do="Managers may; see `--as`.")
    found = session.app.dead_letters.list(None if status == "all" else status, limit=limit)
    letters = [letter for letter in found if _may(session, letter)]

    def draw(console: Console) -> None:
        if not letters:
            console.print(_no_letters(status), markup=False)
            return
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
        table.add_column("id", justify="right")
        for name in ("pool", "channel", "last seen", "times", "status", "reason"):
            table.add_column(name, justify="right" if name == "times" else "left", overflow="fold")
        for letter in letters:
            seen = f"{letter.last_seen:%Y-%m-%d %H:%M}Z"
            row = (str(letter.id), letter.pool or "-", letter.channel or "-", seen, str(letter.times))
            table.add_row(*map(Text, (*row, letter.status, letter.reason)))
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
    session.app.decisions.collect(session.app.dead_letters)
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
        if letter.record is not None:
            _draw_record(console, letter.record)
        console.print("What came:", markup=False)
        if not isinstance(original, dict):
            console.print(f"  {original}", markup=False)
            return
        for name, value in original.items():
            console.print(f"  {name}: {value if value not in (None, '') else '-'}", markup=False)

    session.emit(_summary(letter) | {"original": original, "record": letter.record}, draw)


def _draw_record(console: Console, record: dict[str, Any]) -> None:
    """Where a record stood and what it had beside its value; `--json` has the bytes (base64)."""
    place = f"partition {record['partition']}, offset {record['offset']}"
    console.print(f"It stood in topic {record['topic']}, {place}.", markup=False)
    for name, packed in [("key", record["key"]), *((f"header {n}", text) for n, text in record["headers"])]:
        text = "-" if packed is None else base64.b64decode(packed).decode("utf-8", "replace")
        console.print(f"  {name}: {text}", markup=False)


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
@phone_region_option
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
    phone_region: str | None,
    pool: str | None,
) -> None:
    """Send an ENTRY again, corrected. It stays the same arrival: sent twice, it counts once."""
    app = session.app
    app.settle()
    app.decisions.collect(app.dead_letters)
    letter = _allowed(session, entry)
    if letter.record is not None:
        if mapping_file or phone_region:
            raise UsageError(
                f"dead letter {entry} is a whole request that came through Kafka, not a row to be mapped",
                do="Correct it with --set or --document; phone numbers in it have their country code.",
            )
        _send_again(session, letter, _document(document) if document else None, changes, pool)
        return
    mapping = load_mapping(mapping_file) if mapping_file else None
    content = _document(document) if document else letter.content()
    arrival = Reception(app).read_again(letter, content, changes, mapping, phone_region)
    if arrival.body is None and letter.resolved_by:
        raise _sent_already(letter)
    if arrival.body is None:
        raise UsageError(
            f"dead letter {entry} cannot be read yet: {reason_of(arrival)}",
            do=f"Correct it: `leadflow dead-letters retry {entry} --set phone=…`.",
        )
    to = destination_of(session, pool or letter.pool)
    outcome = app.one(request_of(to.of(arrival.body), session.actor, "", arrival.body))
    if outcome.refusal is not None:
        session.refused(outcome)
    if letter.status != "resent":
        _mark(session, letter, outcome)
    show_arrival(session, outcome, arrival)


def _send_again(
    session: Session, letter: DeadLetter, document: Any, changes: dict[str, str], pool: str | None
) -> None:
    """What came through Kafka goes there again, with its own sender and identity."""
    app = session.app
    try:
        request = app.decisions.again(letter, document, changes, pool)
    except UsageError as error:
        if letter.resolved_by:
            raise _sent_already(letter) from error
        do = error.do or f"Correct it: `leadflow dead-letters retry {letter.id} --set phone=…`."
        raise UsageError(f"dead letter {letter.id} cannot be read yet: {error.what}", do=do) from error
    if not app.views.may("manage", session.actor, request.pool) and request.pool in app.views.pools():
        raise NotPermitted(f"{session.actor} may not send to pool {request.pool}", do="See `--as`.")
    outcome = app.one(request)
    if letter.status != "resent":
        _mark(session, letter, outcome)
    if outcome.refusal is not None:
        session.refused(outcome)
    if isinstance(request.body, SubmitIntake):
        show_arrival(session, outcome, Arrival(request.body))
    else:
        app.settle()
        report(session, app.views.pool(request.pool), outcome)


def _sent_already(letter: DeadLetter) -> UsageError:
    return UsageError(
        f"dead letter {letter.id} was sent again already: {letter.resolved_by}",
        do=f"What came stays as it was: `leadflow dead-letters show {letter.id}`.",
    )


def _mark(session: Session, letter: DeadLetter, outcome: Outcome) -> None:
    first = outcome.events[0] if outcome.events else None
    if first is None:
        what = "nothing was left to decide"  # The clock was there already.
    else:
        what = f"lead {first.subject}" if first.subject else f"fact {first.id}"
    by = f"{what} of pool {outcome.request.pool}, by {session.actor}"
    session.app.dead_letters.mark(letter.id, "resent", by=by)


def _document(path: Path) -> Any:
    try:
        return json.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        raise UsageError(f"cannot read the file: {error.strerror}", where=str(path)) from error
    except ValueError as error:
        raise UsageError(f"the file is not JSON: {error}", where=str(path)) from error
