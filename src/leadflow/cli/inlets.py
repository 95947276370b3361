"""Inlets: the doors that channels send leads to over HTTP."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from leadflow.bootstrap.importing import MappingFile, load_mapping
from leadflow.bootstrap.inlet_desk import InletDesk
from leadflow.bootstrap.inlets import KEEP_OLD, KINDS, Inlet, Made, kind_of, options_of
from leadflow.cli.common import Session, pass_session, pool_option, shared_options
from leadflow.cli.inlet_changing import PATH, change_inlet, door_options
from leadflow.cli.inlet_forms import booth_command, qr_command, snippet_command
from leadflow.cli.inlet_trying import reconcile_inlet, test_inlet
from leadflow.domain.values import format_time
from leadflow.errors import UsageError

F = TypeVar("F", bound=Callable[..., Any])


def register(main: click.Group) -> None:
    """Add the commands."""
    main.add_command(inlet)


@click.group("inlet")
def inlet() -> None:
    """Doors that vendors, programs and website forms send leads to over HTTP."""


inlet.add_command(change_inlet)
inlet.add_command(test_inlet)
inlet.add_command(reconcile_inlet)
inlet.add_command(snippet_command)
inlet.add_command(qr_command)
inlet.add_command(booth_command)

_argument = click.argument("name", metavar="ID")


def _desk(session: Session) -> InletDesk:
    """Inlets as the actor may see and set them up, with everything that was written before."""
    session.app.settle()
    return InletDesk(session.app, session.actor)


def _secret_option(function: F) -> F:
    return click.option(
        "--secret-file",
        type=PATH,
        metavar="FILE",
        help="A file with the secret that the vendor gives; `-` reads it from stdin.",
    )(function)


def _text_of(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read the file: {type(error).__name__}", where=str(path)) from error
    return text.strip()


def _credentials(path: Path | None) -> dict[str, str]:
    text = _text_of(path)
    if text is None:
        return {}
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        # The error may quote a secret.
        raise UsageError("the file of credentials is not TOML", do='Write `name = "value"`.') from error
    wrong = [name for name, value in found.items() if not isinstance(value, str)]
    if wrong:
        raise UsageError(f"these credentials are no texts: {', '.join(wrong)}")
    return found


@inlet.command("add")
@click.argument("kind", type=click.Choice(list(KINDS)), metavar="KIND")
@_argument
@door_options(
    channel="What its leads count to; the kind's own if left out.",
    mapping="A mapping file (TOML): question → field.",
    networks="Take calls from here only; several.",
    sites="Sites whose pages may post a form; several.",
)
@_secret_option
@click.option(
    "--credentials",
    "credentials_file",
    type=PATH,
    metavar="FILE",
    help="A TOML file with what LeadFlow shows to the vendor (tokens).",
)
@pool_option
@shared_options
@pass_session
def add_inlet(
    session: Session,
    kind: str,
    name: str,
    channel: str | None,
    campaign: str | None,
    mapping_file: Path | None,
    allow_ips: tuple[str, ...],
    origins: tuple[str, ...],
    options: dict[str, str],
    secret_file: Path | None,
    credentials_file: Path | None,
    pool: str | None,
) -> None:
    """Open a door of a KIND with an ID, which is part of its address.

    Its secret is shown now and never again. Without `--pool` the company's routing table says where leads go.
    """
    desk, known = _desk(session), kind_of(kind)
    found = Inlet(
        id=name,
        kind=kind,
        channel=channel or known.channel,
        pool=pool,
        campaign=campaign,
        mapping=load_mapping(mapping_file) if mapping_file else MappingFile(),
        credentials=_credentials(credentials_file),
        allow_ips=allow_ips,
        origins=origins,
        options=options_of(known, options),
    )
    desk.need(pool)
    secret = _text_of(secret_file)
    made = desk.add(found, secret)
    _show_made(session, made, f"Inlet {name} takes {known.title}.", given=secret is not None)
    if not desk.routed(found):
        session.say("Nothing says yet which pool its leads go to: they wait as dead letters until a")
        session.say("routing table does (`leadflow routing publish`), or open the inlet with `--pool`.")


def _show_made(session: Session, made: Made, title: str, *, given: bool) -> None:
    """What there is to be entered at the vendor's. A secret that was given is not repeated."""
    once = dict(made.credentials)
    if made.secret is not None and not given:
        once["secret"] = made.secret
    document = {"inlet": made.inlet.described(), "path": made.address, "shown_once": once}

    def draw(console: Console) -> None:
        console.print(title, markup=False)
        console.print(f"  address  {made.address} (behind the host of your API)", markup=False)
        for label, value in once.items():
            console.print(f"  {label}  {value}", markup=False, soft_wrap=True)
        if once:
            console.print("Write that down: it is not shown again.", markup=False)

    session.emit(document, draw)


@inlet.command("list")
@shared_options
@pass_session
def list_inlets(session: Session) -> None:
    """List the doors."""
    rows = _desk(session).list()

    def draw(console: Console) -> None:
        if not rows:
            console.print("No inlets yet. Open one: leadflow inlet add KIND ID", markup=False)
            return
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
        for column in ("id", "kind", "channel", "pool", "campaign", "state"):
            table.add_column(column, overflow="fold")
        for row in rows:
            one = row.setup
            state = "off" if row.disabled_at else "wrong" if row.wrong else "on"
            cells = (one.id, one.kind, one.channel, one.pool or "(routing)", one.campaign or "-", state)
            table.add_row(*map(Text, cells))
        console.print(table)
        for row in rows:
            if row.wrong:
                do = f"Correct it: leadflow inlet change {row.setup.id}"
                console.print(
                    f"{row.setup.id} takes nothing: {row.wrong}. {do}", markup=False, soft_wrap=True
                )

    session.emit([row.described() for row in rows], draw)


@inlet.command("show")
@_argument
@shared_options
@pass_session
def show_inlet(session: Session, name: str) -> None:
    """Show a door: how it is set up, dead letters of it, and its last test leads. Never its secrets."""
    desk = _desk(session)
    row, waiting = desk.get(name), desk.waiting(name)
    tests = session.app.inlets.tests(name)
    document = row.described() | {"dead_letters": waiting, "last_tests": tests}

    def draw(console: Console) -> None:
        one = row.setup
        title = KINDS[one.kind].title if one.kind in KINDS else "unknown"
        console.print(f"{one.id}: {title} ({one.kind}), door {document['door']}", markup=False)
        if row.wrong:
            console.print(f"  wrong     takes nothing: {row.wrong}", markup=False, soft_wrap=True)
        console.print(f"  address   {document['path']}", markup=False)
        console.print(f"  channel   {one.channel}, campaign {one.campaign or '-'}", markup=False)
        console.print(f"  pool      {one.pool or 'by the routing table'}", markup=False)
        for label in ("allow_ips", "origins", "columns", "options"):
            if document[label]:
                console.print(f"  {label:<9} {_told(document[label])}", markup=False, soft_wrap=True)
        for secret in row.secrets:
            until = f", holds until {format_time(secret.until)}" if secret.until else ""
            console.print(f"  secret    made {format_time(secret.made_at)}{until}", markup=False)
        if row.pull_every is not None:
            last = f"good until {format_time(row.pulls.until)}" if row.pulls.until else "none went well yet"
            wrong = f"; the last failed: {row.pulls.problem}" if row.pulls.problem else ""
            console.print(
                f"  pulls     every {row.pull_every} while a service runs; {last}{wrong}", markup=False
            )
        if row.disabled_at:
            console.print(f"  off       since {format_time(row.disabled_at)}", markup=False)
        console.print(f"  {waiting} dead letters wait, {row.tests} test leads came", markup=False)
        for test in tests:
            console.print(f"  test      {format_time(test['seen_at'])} {test['document']}", markup=False)

    session.emit(document, draw)


def _told(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}={_told(item)}" for key, item in value.items() if item not in (None, []))
    if isinstance(value, str):
        return value
    if not isinstance(value, list):
        return str(value)
    return ", ".join(map(str, value))


@inlet.command("rotate")
@_argument
@click.option(
    "--keep-hours",
    type=click.FloatRange(0, 720),
    default=KEEP_OLD.total_seconds() / 3600,
    show_default=True,
    metavar="HOURS",
    help="For how long the old secret holds beside the new one.",
)
@_secret_option
@shared_options
@pass_session
def rotate_inlet(session: Session, name: str, keep_hours: float, secret_file: Path | None) -> None:
    """Give a door a new secret, shown now and never again; the old one holds for a while."""
    desk = _desk(session)
    desk.get(name)
    secret = _text_of(secret_file)
    made = desk.rotate(name, keep=timedelta(hours=keep_hours), secret=secret)
    title = f"Inlet {name} has a new secret; the old one holds for {keep_hours:g} hours."
    _show_made(session, made, title, given=secret is not None)


@inlet.command("credentials")
@_argument
@click.argument("file", type=PATH)
@shared_options
@pass_session
def set_credentials(session: Session, name: str, file: Path) -> None:
    """Replace what LeadFlow shows to the vendor, from a TOML FILE (`-` for stdin): access tokens."""
    desk = _desk(session)
    desk.get(name)
    row = desk.credentials(name, _credentials(file))
    known = sorted(row.setup.credentials)
    session.emit(
        {"id": name, "credentials": known},
        lambda console: console.print(f"Inlet {name} has {', '.join(known) or 'none'}.", markup=False),
    )


@inlet.command("disable")
@_argument
@shared_options
@pass_session
def disable_inlet(session: Session, name: str) -> None:
    """Take nothing more through a door, until it is enabled again."""
    _desk(session).disable(name)
    session.emit(
        {"id": name, "enabled": False}, lambda console: console.print(f"Inlet {name} is off.", markup=False)
    )


@inlet.command("enable")
@_argument
@shared_options
@pass_session
def enable_inlet(session: Session, name: str) -> None:
    """Take calls through a door again."""
    _desk(session).enable(name)
    session.emit(
        {"id": name, "enabled": True}, lambda console: console.print(f"Inlet {name} is on.", markup=False)
    )
