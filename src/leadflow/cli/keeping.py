"""Keeping a lead: who works on it with its owner, and protection from being recycled."""

from __future__ import annotations

import click

from leadflow.cli.acting import UNTIL, Acting, for_option, lead_command
from leadflow.domain import requests as r
from leadflow.errors import UsageError


def register(main: click.Group) -> None:
    """Add the commands."""
    for command in (collaborate, protect, unprotect):
        main.add_command(command)


@click.command()
@click.option("--until", metavar="TIME", help=UNTIL)
@click.option("--remove", is_flag=True, help="End the collaboration.")
@lead_command
@click.argument("member")
def collaborate(acting: Acting, member: str, until: str | None, remove: bool) -> None:
    """Let MEMBER work on LEAD with its owner."""
    if remove and until:
        raise UsageError("--remove ends it now: leave out --until")
    if remove:
        acting.ask(r.RemoveCollaborator, members=[member], member=member)
        return
    acting.ask(r.AddCollaborator, members=[member], member=member, expires=acting.moment(until))


@click.command()
@click.option("--until", metavar="TIME", help=UNTIL)
@for_option
@lead_command
def protect(acting: Acting, rep: str | None, until: str | None) -> None:
    """Keep LEAD from being recycled, within the limits of the policy."""
    acting.ask(r.ProtectLead, rep=rep, until=acting.moment(until))


@click.command()
@for_option
@lead_command
def unprotect(acting: Acting, rep: str | None) -> None:
    """End the protection of LEAD early."""
    acting.ask(r.UnprotectLead, rep=rep)
