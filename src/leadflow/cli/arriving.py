"""Coming in: one lead at a time."""

from __future__ import annotations

import json
import sys
from typing import Any

import click
from rich.console import Console

from leadflow.bootstrap.asking import request_of
from leadflow.bootstrap.importing import (
    Arrival,
    ArrivalReader,
    Destination,
    MappingFile,
    doubled,
    reason_of,
    unreadable,
)
from leadflow.bootstrap.looking import Outcome
from leadflow.cli.common import (
    Session,
    pass_session,
    phone_region_option,
    pool_option,
    shared_options,
    wait_option,
)
from leadflow.cli.incoming import check_declared, destination_of
from leadflow.cli.telling import tell
from leadflow.errors import UsageError

DETAILS = ("name", "phone", "email", "wechat", "company", "industry", "size", "region")
"""What the command asks of a lead; the share that is given is its completeness."""


def register(main: click.Group) -> None:
    """Add the command."""
    main.add_command(intake_command)


@click.command("intake")
@click.option("--channel", required=True, metavar="NAME", help="The channel that the lead came through.")
@click.option("--campaign", metavar="NAME", help="The campaign that brought it.")
@click.option("--name", metavar="TEXT", help="The person's name.")
@click.option(
    "--phone", multiple=True, metavar="NUMBER", help="May be given several times, as e-mail and WeChat."
)
@click.option(
    "--email", multiple=True, metavar="ADDRESS", help="An e-mail address; may be given several times."
)
@click.option("--wechat", multiple=True, metavar="ID", help="A WeChat id; may be given several times.")
@click.option("--company", metavar="TEXT", help="The company's name.")
@click.option("--industry", metavar="TEXT", help="The industry, as the policy names it.")
@click.option("--size", metavar="COUNT", help="Employees, a number or a range.")
@click.option("--region", metavar="TEXT", help="Province or city.")
@click.option("--note", metavar="TEXT", help="What else is known, in your words.")
@click.option(
    "--ref", metavar="ID", help="Names the arrival within its channel: sent again, it is the same one."
)
@phone_region_option
@pool_option
@wait_option
@shared_options
@pass_session
def intake_command(
    session: Session,
    /,
    channel: str,
    campaign: str | None,
    ref: str | None,
    phone_region: str | None,
    pool: str | None,
    **details: Any,
) -> None:
    """Take in one lead, from options or from a JSON document on stdin.

    Without `--ref` equal leads are one arrival. What cannot be read is kept as a dead letter (exit code 2).
    """
    given = {name: value for name, value in details.items() if value}
    door = None if channel == "web_form" else "command"
    columns: dict[str, str] = {}
    document: Any
    if given:
        document = dict.fromkeys(DETAILS, "")
        for name, value in given.items():
            values = value if isinstance(value, tuple) else (value,)
            for number, one in enumerate(values, 1):
                column = name if number == 1 else f"{name} {number}"
                document[column], columns[column] = one, name
    else:
        document = _from_stdin()
    reader = ArrivalReader(
        channel,
        campaign=campaign,
        door=door,
        mapping=MappingFile(columns=columns, region=phone_region or "CN"),
        attribution=session.app.attribution,
    )
    if isinstance(document, dict):
        arrival = reader.read(document, ref=ref or None)
    else:
        code, what = getattr(document, "why", ("not_an_object", "is JSON, but not an object"))
        arrival = reader.refuse(code, what, str(document), "document")
    session.app.settle()
    to = destination_of(session, pool)
    check_declared(session, channel, to)
    if arrival.body is None:
        _refuse_unreadable(session, reader, arrival, document, to)
    assert arrival.body is not None
    outcome = session.app.one(request_of(to.of(arrival.body), session.actor, "", arrival.body))
    if outcome.refusal is not None:
        session.refused(outcome)
    show_arrival(session, outcome, arrival)


class NoDocument(str):
    """What came on stdin, where it is none; `why` is a code and words."""

    def __new__(cls, text: str, *why: str) -> NoDocument:
        """See the class."""
        made = super().__new__(cls, text)
        made.why = why
        return made

    why: tuple[str, ...]


def _from_stdin() -> Any:
    text = "" if sys.stdin.isatty() else sys.stdin.buffer.read().decode("utf-8-sig", errors="replace")
    if not text.strip():
        raise UsageError("no lead was given", do="Give options as `--phone`, or a JSON document on stdin.")
    try:
        found = json.loads(text)
    except ValueError:
        return NoDocument(text, "not_an_object", "is no JSON")
    if (twice := doubled(text, found)) is not None:
        return NoDocument(text, "doubled_member", f"says {twice} twice")
    return found


def _refuse_unreadable(
    session: Session, reader: ArrivalReader, arrival: Arrival, document: Any, to: Destination
) -> None:
    lost = unreadable(
        document, arrival, channel=reader.channel, campaign=reader.campaign, door=reader.door, pool=to.pool
    )
    entry = session.app.dead_letters.add(lost)
    if session.json:
        problems = [{"field": p.field, "code": p.code, "message": p.message} for p in arrival.problems]
        click.echo(json.dumps({"answer": "unreadable", "dead_letter": entry.id, "problems": problems}))
    correction = "--set phone=…" if isinstance(document, dict) else "--document FILE"
    raise UsageError(
        f"the lead cannot be read: {reason_of(arrival)}",
        do=f"It is kept as dead letter {entry.id}; correct it with "
        f"`leadflow dead-letters retry {entry.id} {correction}`.",
    )


def show_arrival(session: Session, outcome: Outcome, arrival: Arrival) -> None:
    """Print what became of an arrival."""
    events = outcome.events
    first = events[0]
    document = {
        "answer": outcome.answer,
        "pool": first.pool,
        "lead": first.subject,
        "fact": first.id,
        "notes": [{"field": p.field, "code": p.code, "message": p.message} for p in arrival.problems],
    }
    pool = session.app.views.pool(first.pool)

    def draw(console: Console) -> None:
        if outcome.repeated:
            console.print(
                f"duplicate: this arrival came before, as fact {first.id}. It became:", markup=False
            )
        for sentence in tell(pool, events):
            console.print(sentence, markup=False)
        for problem in arrival.problems:
            console.print(f"Noted: {problem.field} {problem.message}", markup=False)

    session.emit(document, draw)
