"""Policies: checked, published, shown, compared and explained."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import click
from rich.console import Console
from rich.markup import escape
from rich.rule import Rule
from rich.syntax import Syntax

from leadflow.bootstrap.policies import build_calendar, coverage_warning, policies
from leadflow.cli.acting import change_document
from leadflow.cli.common import Session, pass_session, pool_option, request_option, shared_options
from leadflow.cli.values import plain
from leadflow.domain import requests as r
from leadflow.domain.events import PolicyPublished
from leadflow.domain.policy import Calendar, Policy
from leadflow.errors import UsageError

PATH = click.Path(path_type=Path)
VERSION = click.IntRange(min=1)


def register(main: click.Group) -> None:
    """Add the commands."""
    # It reads files as these commands do.
    from leadflow.cli.policy_trying import try_command

    policy.add_command(try_command)
    main.add_command(policy)


def calendar_for(session: Session, of: Policy) -> Calendar:
    """The calendar of a policy as it is known today, in the policy's zone; says if it ends soon."""
    today = datetime.now(ZoneInfo(of.timezone)).date()
    calendar = build_calendar(of, today)
    soon = coverage_warning(calendar, today)
    if soon is not None:
        session.say(f"Warning: {soon}")
    return calendar


@click.group()
def policy() -> None:
    """The rules of a pool: check, publish, show, compare and explain them."""


def read_file(session: Session, file: Path, pool: str | None = None) -> Policy:
    """The policy in a file, its warnings told; against the pool's members, if a pool is named.

    Raises InvalidDocument with every problem by its path.
    """
    found, problems = _read(session, file, pool)
    for problem in problems:
        where = f"{problem.path}: " if problem.path else ""
        session.say(f"Warning: {where}{problem.message}")
    return found


def _read(session: Session, file: Path, pool: str | None) -> tuple[Policy, Sequence[policies.Problem]]:
    """The policy in a file with its warnings."""
    team = policies.Team.of(session.app.views.members(pool).values()) if pool else None
    found, problems = policies.read(file, team)
    if found is None:
        if session.json:
            document = {"valid": False, "problems": plain(problems)}
            click.echo(json.dumps(document, ensure_ascii=False, indent=2))
        raise policies.InvalidDocument("policy", problems, where=str(file))
    return found, problems


@policy.command()
@click.argument("file", type=PATH)
@pool_option
@shared_options
@pass_session
def check(session: Session, file: Path, pool: str | None) -> None:
    """Check the policy in FILE: every problem by its path. With --pool, against its members too."""
    if pool is not None:
        session.app.settle()
    found = read_file(session, file, pool)
    document = {"valid": True, "problems": _read(session, file, pool)[1]}
    parts = f"{_many(len(found.rules), 'rule')}, {_many(len(found.groups), 'group')}"
    session.emit(
        document, lambda out: out.print(f"{file} is a policy: “{found.name}”, {parts}.", markup=False)
    )


@policy.command()
@click.argument("file", type=PATH)
@pool_option
@request_option
@shared_options
@pass_session
def publish(session: Session, file: Path, pool: str | None, request_id: str | None) -> None:
    """Put the policy in FILE in force, with its calendar's days written out.

    A rule that names a group without a rep of the pool is a hole, and is refused by its path.
    """
    session.app.settle()
    name = session.pool(pool)
    _, before, _ = session.app.policy(name)
    after = read_file(session, file, name)
    calendar = calendar_for(session, after)
    outcome = session.send(name, r.PublishPolicy, request_id, policy=after, calendar=calendar)
    event = outcome.events[0]
    changes = policies.diff(before, after)
    assert isinstance(event.data, PolicyPublished)
    version = event.data.version
    document = change_document(outcome, version=version, changes=changes)

    def draw(out: Console) -> None:
        out.print(
            f"Policy “{after.name}” is in force in pool {name} as version {version}:"
            f" {_many(len(changes), 'change')} (fact {event.id}).",
            markup=False,
        )
        _draw_changes(out, changes)

    session.emit(document, draw)


@policy.command()
@click.option("--default", is_flag=True, help="The default policy with its comments, to start from.")
@click.option("--version", "number", type=VERSION, metavar="V", help="The one published as version V.")
@pool_option
@shared_options
@pass_session
def show(session: Session, default: bool, number: int | None, pool: str | None) -> None:
    """The policy in force, as TOML with every setting written out."""
    if default:
        text = policies.default_text()
        session.emit(policies.default_policy(), lambda out: _draw_toml(out, text))
        return
    session.app.settle()
    name = session.pool(pool)
    version, found, calendar = session.app.policy(name, number)
    document = {"pool": name, "version": version, "policy": found, "calendar": calendar}
    head = f"# Pool {name}, policy version {version}\n"
    session.emit(document, lambda out: _draw_toml(out, head + policies.dump(found)))


def _draw_toml(out: Console, text: str) -> None:
    if out.is_terminal:
        out.print(Syntax(text, "toml", background_color="default", word_wrap=True))
    else:
        # Through a pipe it is a file to be edited and published: byte for byte.
        click.echo(text.rstrip("\n"))


@policy.command("diff")
@click.argument("file", type=PATH, required=False)
@click.option(
    "--from", "before", type=VERSION, metavar="V", help="Compare from version V, not from what holds."
)
@click.option("--to", "after", type=VERSION, metavar="V", help="Compare with version V instead of a FILE.")
@pool_option
@shared_options
@pass_session
def diff_command(
    session: Session, file: Path | None, before: int | None, after: int | None, pool: str | None
) -> None:
    """What is different, setting by setting: what publishing FILE would change, or between two versions.

    Without --from it is compared with the policy in force; --from alone compares version V with that.
    """
    if file is not None and after is not None:
        raise UsageError("FILE and --to are both what to compare with", do="Leave one of them out.")
    if file is None and before is None and after is None:
        raise UsageError("there is nothing to compare", do="Name a FILE, or versions by --from V --to V.")
    session.app.settle()
    name = session.pool(pool)
    first, old, _ = session.app.policy(name, before)
    if file is not None:
        second, new = str(file), read_file(session, file)
    else:
        version, new, _ = session.app.policy(name, after)
        second = f"version {version}"
    changes = policies.diff(old, new)
    same = f"what is in force (version {first})" if before is None else f"the same as version {first}"

    def draw(out: Console) -> None:
        if not changes:
            out.print(f"{second} is {same}.", markup=False)
        _draw_changes(out, changes)

    to = {"file": second} if file is not None else {"version": version}
    session.emit({"pool": name, "from": {"version": first}, "to": to, "changes": changes}, draw)


def _draw_changes(out: Console, changes: Iterable[policies.Change]) -> None:
    for change in changes:
        style = "green" if change.before is None else "red" if change.after is None else "yellow"
        out.print(f"  [{style}]{escape(str(change))}[/]")


@policy.command()
@click.argument("file", type=PATH, required=False)
@pool_option
@shared_options
@pass_session
def explain(session: Session, file: Path | None, pool: str | None) -> None:
    """What happens to a lead, and when, in plain sentences: by FILE, or by the policy in force."""
    if file is not None:
        found = read_file(session, file)
        calendar = calendar_for(session, found)
    else:
        session.app.settle()
        _, found, calendar = session.app.policy(session.pool(pool))
    session.emit(policies.sections(found, calendar), lambda out: _draw_sections(out, found, calendar))


def _draw_sections(out: Console, found: Policy, calendar: Calendar) -> None:
    for title, lines in policies.sections(found, calendar).items():
        if out.is_terminal:
            out.print(Rule(f"[bold]{escape(title)}[/]", align="left", style="dim"))
        else:
            out.print(title, markup=False)
        for line in lines:
            out.print(f"  {line}" if not out.is_terminal else line, markup=False, soft_wrap=False)
        out.print()


def _many(count: int, thing: str) -> str:
    return f"{count} {thing}{'' if count == 1 else 's'}"
