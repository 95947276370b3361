"""Inlets of forms and trade shows: what to paste, to print and to hand out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
from rich.console import Console

from leadflow.bootstrap.forms import (
    CODE_KINDS,
    SCRIPT,
    asset,
    code,
    form_address,
    pass_for,
    snippet,
    takes_forms,
)
from leadflow.bootstrap.inlet_desk import InletDesk
from leadflow.bootstrap.inlets import Inlet
from leadflow.cli.common import Session, pass_session, shared_options
from leadflow.domain.values import format_time
from leadflow.errors import UsageError

PATH = click.Path(path_type=Path)
_argument = click.argument("name", metavar="ID")
_rep = click.option("--rep", metavar="NAME", help="Who hands it out.")
_booth = click.option("--booth", metavar="NAME", help="The booth where it stands.")
_url = click.option(
    "--url", metavar="URL", help="Where people reach the service; LEADFLOW_PUBLIC_URL if left out."
)


def _form_inlet(session: Session, name: str) -> Inlet:
    """An inlet of forms that the actor may set up. Raises NotFound, NotPermitted, UsageError."""
    session.app.settle()
    row = InletDesk(session.app, session.actor).get(name)
    if not takes_forms(row.setup):
        raise UsageError(f"no forms of people come to inlet {name}", do="Use one of website or trade_show.")
    return row.at(datetime.now(UTC))


def _base(session: Session, given: str | None) -> str:
    base = given or session.settings.public_url
    if base is None:
        raise UsageError(
            "it is not known where people reach the service",
            do="Give it with `--url https://…`, or set LEADFLOW_PUBLIC_URL.",
        )
    if not base.startswith(("https://", "http://")):
        raise UsageError(f"{base} is no address of a service", do="e.g. https://leads.example.com")
    return base.rstrip("/")


@click.command("snippet")
@_argument
@click.option(
    "--integrity/--no-integrity",
    default=True,
    help="Pin the script by its hash: after an upgrade that changes it, browsers run it no more until the "
    "snippet is renewed, and the form posts without it.",
)
@_url
@shared_options
@pass_session
def snippet_command(session: Session, name: str, integrity: bool, url: str | None) -> None:
    """Print the HTML to paste into a site whose form goes to a door."""
    options = _form_inlet(session, name).options
    html = snippet(_base(session, url), name, honeypot=options.honeypot, integrity=integrity)
    script = asset(SCRIPT)
    assert script is not None
    document = {"html": html, "integrity": script.integrity, "bytes": len(script.content)}
    session.emit(
        document, lambda console: console.print(html, markup=False, highlight=False, soft_wrap=True, end="")
    )


@click.command("qr")
@_argument
@_rep
@_booth
@click.option("--campaign", metavar="NAME", help="The campaign that its leads count to.")
@click.option("--out", type=PATH, metavar="FILE", help="Write the code here: .svg, .png or .pdf.")
@_url
@shared_options
@pass_session
def qr_command(
    session: Session,
    name: str,
    rep: str | None,
    booth: str | None,
    campaign: str | None,
    out: Path | None,
    url: str | None,
) -> None:
    """Make a QR code to print that opens a door's form, with rep, booth and campaign filled in."""
    inlet = _form_inlet(session, name)
    given = {"rep": rep, "booth": booth, "campaign": campaign}
    address = form_address(_base(session, url), inlet.id, given)
    _written(address, out)
    _show(session, address, out, "opens")


@click.command("booth")
@_argument
@_rep
@_booth
@click.option(
    "--days", type=click.IntRange(1, 31), default=7, show_default=True, help="For how many days it holds."
)
@click.option("--out", type=PATH, metavar="FILE", help="Write it as a QR code, too: .svg, .png or .pdf.")
@_url
@shared_options
@pass_session
def booth_command(
    session: Session,
    name: str,
    rep: str | None,
    booth: str | None,
    days: int,
    out: Path | None,
    url: str | None,
) -> None:
    """Make the link of a phone that scans cards at a trade show, in the name of a rep and a booth.

    Whoever has it can send cards until it ends; `leadflow inlet rotate ID --keep-hours 0` ends all at once.
    """
    inlet = _form_inlet(session, name)
    now = datetime.now(UTC)
    until = now + timedelta(days=days)
    address = f"{_base(session, url)}/fair/{name}#{pass_for(inlet, rep, booth, until, now)}"
    _written(address, out)
    _show(session, address, out, f"holds until {format_time(until)}:")


def _written(address: str, out: Path | None) -> None:
    """Write a code. Raises UsageError for a file that cannot be."""
    if out is None:
        return
    kind = out.suffix.lower().removeprefix(".")
    if kind not in CODE_KINDS:
        raise UsageError(f"codes are not written as {out.suffix or 'nothing'}", do="Use .svg, .png or .pdf.")
    try:
        out.write_bytes(code(address, kind))
    except OSError as error:
        raise UsageError(f"cannot write the file: {error.strerror}", where=str(out)) from error


def _show(session: Session, address: str, out: Path | None, what: str) -> None:
    def draw(console: Console) -> None:
        if out is not None:
            console.print(f"Written to {out}. It {what}", markup=False, soft_wrap=True)
        console.print(address, markup=False, highlight=False, soft_wrap=True)

    session.emit({"url": address, "file": None if out is None else str(out)}, draw)
