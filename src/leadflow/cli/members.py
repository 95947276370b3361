"""Members of a pool: joining, changing, pausing, leaving."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

import click
from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from leadflow.bootstrap.looking import Outcome, PoolView, member_loads
from leadflow.cli.acting import change_document
from leadflow.cli.common import Session, pass_session, pool_option, request_option, shared_options
from leadflow.cli.moments import parse_day, parse_time
from leadflow.cli.telling import moment
from leadflow.domain import events as f
from leadflow.domain import requests as r
from leadflow.domain.members import Leave, MemberTraits
from leadflow.domain.values import MEMBER_ROLES
from leadflow.errors import NotPermitted, UsageError

F = TypeVar("F", bound=Callable[..., Any])
CLEARABLE = {
    "name": "display_name",
    "region": "regions",
    "industry": "industries",
    "hours": "hours",
    "away": "leave",
    "cap": "holding_cap",
}
"""What `--clear` takes away, and the trait that it is."""

_AS = {
    "rep": "a rep",
    "manager": "a manager",
    "marketing": "with the marketing",
    "support": "with the support",
}
"""What somebody of a role is, in a sentence."""


def register(main: click.Group) -> None:
    """Add the commands."""
    main.add_command(member)


def trait_options(function: F) -> F:
    """What a member can be given; several commands take it."""
    for option in (
        click.option("--name", metavar="NAME", help="How the person is called."),
        click.option("--cap", type=click.IntRange(0, r.CAP_MAX), metavar="N", help="Leads held at once."),
        click.option("--hours", metavar="FROM-TO", help="Hours in which it is given leads: 09:00-18:00."),
        click.option(
            "--industry", multiple=True, metavar="NAME", help="Only leads of this industry; repeat."
        ),
        click.option("--region", multiple=True, metavar="NAME", help="Only leads of this region; repeat."),
    ):
        function = option(function)
    return function


def traits_of(**given: Any) -> MemberTraits:
    """The traits that were given. Raises UsageError that names every one that cannot be."""
    values = {CLEARABLE[name]: value for name, value in given.items() if value not in (None, (), [])}
    empty = next((name for name in ("region", "industry") if "" in map(str.strip, given.get(name, ()))), None)
    if empty:
        # No lead is of a region without a name: such a rep would be given none, and nobody would know why.
        raise UsageError(
            f"--{empty} has no name", do=f"`leadflow member set ID --clear {empty}` takes a restriction away."
        )
    try:
        return MemberTraits(**values)
    except ValidationError as error:
        words = {trait: f"--{option}" for option, trait in CLEARABLE.items()}
        problems = "; ".join(
            f"{words.get(str(problem['loc'][0]), '')}: {_why(problem['msg'])}" for problem in error.errors()
        )
        raise UsageError(f"the member cannot be so: {problems}") from error


def _why(message: str) -> str:
    if "match pattern" in message:
        return "give the hours of a day as 09:00-18:00"
    return message.removeprefix("Value error, ")


def leave_of(text: str) -> Leave:
    """Days away, `2026-10-01..2026-10-07`; one day stands alone. Raises UsageError."""
    first, dots, last = text.partition("..")
    start, end = parse_day(first.strip()), parse_day((last if dots else first).strip())
    if end < start:
        raise UsageError(f"--away {text}: the last day is before the first")
    return Leave(first_day=start, last_day=end)


@click.group()
def member() -> None:
    """The people of a pool."""


@member.command()
@click.argument("member_id", metavar="ID")
@click.option(
    "--role",
    type=click.Choice(MEMBER_ROLES),
    default="rep",
    show_default=True,
    help="What the person does in the pool.",
)
@trait_options
@pool_option
@request_option
@shared_options
@pass_session
def add(
    session: Session, /, member_id: str, role: str, pool: str | None, request_id: str | None, **given: Any
) -> None:
    """Let ID join the pool."""
    name = session.pool(pool)
    traits = traits_of(**given)
    outcome = session.send(name, r.AddMember, request_id, member=member_id, role=role, traits=traits)
    _told(session, outcome, f"{member_id} is {_AS[role]} of pool {name}.")


@member.command("list")
@click.option("--all", "everybody", is_flag=True, help="Also those who left.")
@pool_option
@shared_options
@pass_session
def list_command(session: Session, everybody: bool, pool: str | None) -> None:
    """Everybody in the pool, and what they hold."""
    session.app.settle()
    name = session.pool(pool)
    if not session.app.views.may("see_public", session.actor, name):
        raise NotPermitted(f"{session.actor} may not see the members of pool {name}", do="See `--as`.")
    view = session.app.views.pool(name)
    rows = [r for r in member_loads(session.app.database, name) if everybody or r["status"] != "left"]
    session.emit(rows, lambda out: _draw_members(out, view, rows))


def _draw_members(out: Console, view: PoolView, rows: list[dict[str, Any]]) -> None:
    if not rows:
        out.print(f"Pool {view.pool} has no members yet: leadflow member add NAME --role rep", markup=False)
        return
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for title in ("member", "role", "state", "suits"):
        table.add_column(title, overflow="fold")
    for title in ("holds", "cap", "customers"):
        table.add_column(title, justify="right")
    now = view.local(datetime.now(UTC))
    for row in rows:
        traits = MemberTraits.model_validate(row["traits"])
        title = f"{row['member']} ({traits.display_name})" if traits.display_name else row["member"]
        cap = "" if row["cap"] is None or row["role"] != "rep" else str(row["cap"])
        table.add_row(
            escape(title),
            row["role"],
            _state(view, row, traits, now),
            escape(_suits(traits)),
            str(row["held"]),
            cap,
            str(row["customers"]),
        )
    out.print(table)


def _state(view: PoolView, row: dict[str, Any], traits: MemberTraits, now: datetime) -> str:
    if row["status"] == "left":
        return "[dim]left[/]"
    if row["status"] == "paused":
        until = row["paused_until"]
        return "[yellow]paused[/]" + (f" until {moment(view, until)}" if until else "")
    today = now.date()
    start, _, end = (traits.hours or "00:00-24:00").partition("-")
    leaves = sorted(traits.leave or (), key=lambda leave: leave.first_day)
    for leave in leaves:
        if leave.first_day <= today <= leave.last_day:
            return f"[yellow]away[/] until {leave.last_day}"
    if not start <= f"{now:%H:%M}" < end:
        return "[yellow]outside its hours[/]"
    for leave in leaves:
        if leave.first_day > today:
            return f"[green]there[/], away from {leave.first_day}"
    return "[green]there[/]"


def _suits(traits: MemberTraits) -> str:
    parts = [", ".join(traits.regions or ()), ", ".join(traits.industries or ()), traits.hours or ""]
    return "; ".join(part for part in parts if part)


@member.command("set")
@click.argument("member_id", metavar="ID")
@click.option("--role", type=click.Choice(MEMBER_ROLES), help="Another role; who owns leads stays a rep.")
@trait_options
@click.option(
    "--away",
    multiple=True,
    metavar="FROM..TO",
    help="Days away, both included; repeat. Replaces those set before.",
)
@click.option("--clear", multiple=True, type=click.Choice(list(CLEARABLE)), help="Take this away; repeat.")
@pool_option
@request_option
@shared_options
@pass_session
def set_command(
    session: Session,
    /,
    member_id: str,
    role: str | None,
    away: tuple[str, ...],
    clear: tuple[str, ...],
    pool: str | None,
    request_id: str | None,
    **given: Any,
) -> None:
    """Change what is given of ID; the rest stays."""
    both = [name for name in clear if given.get(name) or (name == "away" and away)]
    if both:
        raise UsageError(f"--clear {both[0]} and --{both[0]} cannot go together")
    traits = traits_of(away=tuple(leave_of(text) for text in away), **given)
    if role is None and not clear and not traits.model_fields_set:
        raise UsageError("nothing was given to change", do="See `leadflow member set --help`.")
    name = session.pool(pool)
    cleared = tuple(CLEARABLE[option] for option in clear)
    outcome = session.send(
        name, r.ChangeMember, request_id, member=member_id, role=role, traits=traits, clear=cleared
    )
    _told(session, outcome, f"{member_id} is changed.")


@member.command()
@click.argument("member_id", metavar="ID")
@click.option("--until", metavar="TIME", help="When it is back by itself.")
@pool_option
@request_option
@shared_options
@pass_session
def pause(
    session: Session, member_id: str, until: str | None, pool: str | None, request_id: str | None
) -> None:
    """Give ID no leads, and let it claim none, until resumed."""
    name = session.pool(pool)
    back, said = None, ""
    if until is not None:
        session.app.settle()
        view = session.app.views.pool(name)
        back = parse_time(until, view)
        said = f" until {moment(view, back)}"
    outcome = session.send(name, r.PauseMember, request_id, member=member_id, until=back)
    _told(session, outcome, f"{member_id} is paused{said}.")


@member.command()
@click.argument("member_id", metavar="ID")
@pool_option
@request_option
@shared_options
@pass_session
def resume(session: Session, member_id: str, pool: str | None, request_id: str | None) -> None:
    """ID is back."""
    outcome = session.send(session.pool(pool), r.ResumeMember, request_id, member=member_id)
    _told(session, outcome, f"{member_id} is back.")


@member.command()
@click.argument("member_id", metavar="ID")
@click.option("--leads-to", metavar="REP", help="Who gets its leads; without, they go to the public pool.")
@click.option("--customers-to", metavar="REP", help="Who gets its customers; without, who gets the leads.")
@pool_option
@request_option
@shared_options
@pass_session
def leave(
    session: Session,
    member_id: str,
    leads_to: str | None,
    customers_to: str | None,
    pool: str | None,
    request_id: str | None,
) -> None:
    """ID leaves: its leads go back or to a colleague, its customers to a colleague, in one decision."""
    name = session.pool(pool)
    outcome = session.send(
        name, r.RemoveMember, request_id, member=member_id, leads_to=leads_to, customers_to=customers_to
    )
    kinds = Counter(type(event.data) for event in outcome.events)
    parts = [
        f"{count} {thing}{'' if count == 1 else 's'} {where}"
        for kind, thing, where in (
            (f.LeadRecycled, "lead", "back to the public pool"),
            (f.LeadHandedOver, "lead", f"to {leads_to}"),
            (f.CustomerHandedOver, "customer", f"to {customers_to or leads_to}"),
        )
        if (count := kinds[kind])
    ]
    _told(session, outcome, f"{member_id} has left{': ' + ', '.join(parts) if parts else ''}.")


def _told(session: Session, outcome: Outcome, sentence: str) -> None:
    first, last = outcome.events[0], outcome.events[-1]
    facts = first.id if len(outcome.events) == 1 else f"{first.id} to {last.sequence}"
    word = "fact" if len(outcome.events) == 1 else "facts"
    session.emit(
        change_document(outcome), lambda out: out.print(f"{sentence} ({word} {facts})", markup=False)
    )
