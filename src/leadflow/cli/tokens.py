"""API tokens for adapters and programs."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from leadflow.bootstrap.identities import SCOPES, Token
from leadflow.cli.common import ActorType, Session, pass_session, place_options, shared_options
from leadflow.cli.users import looking_after
from leadflow.domain.values import format_time
from leadflow.errors import UsageError

_LIFE = re.compile(r"(\d{1,4})([dh])")


def register(main: click.Group) -> None:
    """Add the commands."""
    main.add_command(token)


@click.group()
def token() -> None:
    """Tokens by which adapters and programs call the HTTP API."""


def life_of(text: str) -> timedelta:
    """How long a token lasts: `90d`, `12h`. Raises UsageError."""
    found = _LIFE.fullmatch(text)
    if found is None:
        raise UsageError(f"{text!r} says no time", do="Write it as 90d or 12h.")
    return timedelta(days=int(found[1])) if found[2] == "d" else timedelta(hours=int(found[1]))


@token.command()
@click.option(
    "--as",
    "acts_as",
    type=ActorType(),
    required=True,
    metavar="ROLE/ID",
    help="As whom the token acts, e.g. adapter/website. (Who makes it is said before `token`.)",
)
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    type=click.Choice(SCOPES),
    help="What it is for, as far as its role permits; repeat.",
)
@click.option("--expires", default="90d", show_default=True, metavar="TIME", help="When it ends: 90d, 12h.")
@click.option("--name", metavar="NAME", help="What lists and the log call it; the actor's id without.")
@place_options
@pass_session
def create(session: Session, acts_as: str, scopes: tuple[str, ...], expires: str, name: str | None) -> None:
    """Make a token. It is shown this once; only a hash of it is kept."""
    made, text = looking_after(session).create_token(
        name=name or acts_as.partition("/")[2],
        actor=acts_as,
        scopes=scopes,
        lasts=life_of(expires),
        by=session.actor,
    )

    def draw(out: Console) -> None:
        out.print(text, markup=False, soft_wrap=True)
        session.say(
            f"Token {made.name} ({made.id}) acts as {made.actor} for {', '.join(made.scopes)}"
            f" until {format_time(made.expires_at)}. It is not shown again."
        )

    session.emit({"token": text, **_document_of(made)}, draw)


def _document_of(made: Token) -> dict[str, object]:
    return {**vars(made), "state": made.state(datetime.now(UTC))}


@token.command("list")
@click.option("--all", "everything", is_flag=True, help="Also those that ended.")
@shared_options
@pass_session
def list_command(session: Session, everything: bool) -> None:
    """Every token that holds; never its secret."""
    now = datetime.now(UTC)
    rows = [row for row in looking_after(session).tokens.all() if everything or row.state(now) == "valid"]
    session.emit([_document_of(row) for row in rows], lambda out: _draw(out, rows, now))


def _draw(out: Console, rows: list[Token], now: datetime) -> None:
    if not rows:
        out.print("There are no tokens: leadflow token create --as adapter/ID --scope intake", markup=False)
        return
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for title in ("id", "name", "acts as", "scopes", "state", "ends", "last used"):
        table.add_column(title, overflow="fold")
    for row in rows:
        state = row.state(now)
        used = f"{row.last_used_at:%Y-%m-%d %H:%M}" if row.last_used_at else "[dim]never[/]"
        table.add_row(
            row.id,
            escape(row.name),
            escape(row.actor),
            ", ".join(row.scopes),
            f"[green]{state}[/]" if state == "valid" else f"[yellow]{state}[/]",
            f"{row.expires_at:%Y-%m-%d}",
            used,
        )
    out.print(table)


@token.command()
@click.argument("reference", metavar="ID|NAME")
@shared_options
@pass_session
def revoke(session: Session, reference: str) -> None:
    """End a token at once."""
    ended = looking_after(session).revoke_token(reference, by=session.actor)
    session.emit(
        _document_of(ended),
        lambda out: out.print(f"Token {ended.name} ({ended.id}) has ended.", markup=False),
    )
