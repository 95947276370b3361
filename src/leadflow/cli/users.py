"""Accounts of people who sign in to the HTTP API."""

from __future__ import annotations

import sys

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from leadflow.bootstrap.identities import ACCOUNT_ROLES, Account, Identities
from leadflow.cli.common import Session, pass_session, shared_options
from leadflow.domain.values import MEMBER_ROLES
from leadflow.errors import NotPermitted, UsageError

LOCAL_MANAGER = "manager/local"


def register(main: click.Group) -> None:
    """Add the commands."""
    main.add_command(user)


@click.group()
def user() -> None:
    """Accounts of people who sign in to the HTTP API."""


_name = click.argument("name", metavar="NAME")
_roles = click.option(
    "--role",
    "roles",
    multiple=True,
    required=True,
    type=click.Choice(ACCOUNT_ROLES),
    help="What the person may act as; repeat. The first one counts where nothing else is said.",
)
_from_stdin = click.option(
    "--password-stdin", is_flag=True, help="Read the password from the first line of stdin."
)


def looking_after(session: Session) -> Identities:
    """Accounts and tokens, for who may look after them. Raises NotPermitted."""
    if session.actor != LOCAL_MANAGER:
        # Only whoever is not trusted anyway needs the members of the pools.
        session.app.settle()
    if not session.app.administers(session.actor):
        what = f"{session.actor} may not look after accounts: that is for managers of every pool"
        raise NotPermitted(what, do="See `--as`.")
    return session.app.identities


def _password(*, stdin: bool) -> str:
    if stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        do = "Pipe the password in and say so: `--password-stdin`."
        raise UsageError("there is no terminal to ask for a password at", do=do)
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))


def _told(session: Session, account: Account, sentence: str) -> None:
    session.emit(document_of(account), lambda out: out.print(sentence, markup=False))


def _joining(account: Account) -> str:
    """What is still to be done; analysts and auditors are no members of pools."""
    role = next((role for role in account.roles if role in MEMBER_ROLES), None)
    if role is None:
        return ""
    command = f"leadflow member add {account.name} --role {role}"
    return f"\nIts rights in a pool come from being a member there: {command}"


def document_of(account: Account) -> dict[str, object]:
    """An account for `--json`: what is kept of it, without its password's hash."""
    return {
        "name": account.name,
        "display_name": account.display_name,
        "roles": account.roles,
        "disabled": not account.enabled,
        "password": account.password_set_at is not None,
        "provider": account.oidc_subject is not None,
        "created_at": account.created_at,
        "created_by": account.created_by,
    }


@user.command()
@_name
@_roles
@click.option("--display-name", metavar="TEXT", help="How the person is called.")
@_from_stdin
@click.option("--no-password", is_flag=True, help="Let it sign in by the company's provider only.")
@shared_options
@pass_session
def add(
    session: Session,
    name: str,
    roles: tuple[str, ...],
    display_name: str | None,
    password_stdin: bool,
    no_password: bool,
) -> None:
    """Make an account NAME, the id that the person has as a member of pools."""
    people = looking_after(session)
    if no_password and password_stdin:
        raise UsageError("--no-password and --password-stdin cannot go together")
    password = None if no_password else _password(stdin=password_stdin)
    account = people.add(name, roles, password=password, display_name=display_name, by=session.actor)
    _told(
        session,
        account,
        f"{account.name} may sign in as {', '.join(account.roles)}.{_joining(account)}",
    )


@user.command("list")
@shared_options
@pass_session
def list_command(session: Session) -> None:
    """Every account."""
    rows = looking_after(session).accounts.all()
    session.emit([document_of(row) for row in rows], lambda out: _draw(out, rows))


def _draw(out: Console, rows: list[Account]) -> None:
    if not rows:
        out.print("There are no accounts yet: leadflow user add NAME --role manager", markup=False)
        return
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for title in ("name", "roles", "state", "signs in by", "made by"):
        table.add_column(title, overflow="fold")
    for row in rows:
        title = f"{row.name} ({row.display_name})" if row.display_name else row.name
        ways = [
            way for way, there in (("password", row.password_set_at), ("provider", row.oidc_subject)) if there
        ]
        state = "[green]enabled[/]" if row.enabled else "[yellow]disabled[/]"
        table.add_row(
            escape(title), ", ".join(row.roles), state, ", ".join(ways) or "[dim]–[/]", escape(row.created_by)
        )
    out.print(table)


@user.command()
@_name
@_from_stdin
@shared_options
@pass_session
def password(session: Session, name: str, password_stdin: bool) -> None:
    """Give NAME another password; all its sessions end."""
    people = looking_after(session)
    people.accounts.get(name)
    given = _password(stdin=password_stdin)
    account = people.change(name, password=given, by=session.actor)
    _told(session, account, f"{account.name} has a new password; its sessions have ended.")


@user.command()
@_name
@shared_options
@pass_session
def disable(session: Session, name: str) -> None:
    """Let NAME sign in no more; all its sessions end, and its tokens hold no more."""
    account = looking_after(session).change(name, disabled=True, by=session.actor)
    _told(session, account, f"{account.name} may not sign in; its sessions have ended.")


@user.command()
@_name
@shared_options
@pass_session
def enable(session: Session, name: str) -> None:
    """Let NAME sign in again."""
    account = looking_after(session).change(name, disabled=False, by=session.actor)
    _told(session, account, f"{account.name} may sign in.")


@user.command()
@_name
@_roles
@shared_options
@pass_session
def roles(session: Session, name: str, roles: tuple[str, ...]) -> None:
    """Give NAME these roles instead of those it has; holds at once."""
    account = looking_after(session).change(name, roles=roles, by=session.actor)
    _told(session, account, f"{account.name} may act as {', '.join(account.roles)}.")


@user.command()
@_name
@shared_options
@pass_session
def unlink(session: Session, name: str) -> None:
    """Forget who NAME is at the company's OpenID Connect provider; the next sign-in there says it anew."""
    people = looking_after(session)
    people.accounts.link(name, None)
    _told(session, people.accounts.get(name), f"{name} is known to the provider by name only.")
