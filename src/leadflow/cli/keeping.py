"""Keeping a lead: who works on it with its owner, and protection from being recycled."""

from __future__ import annotations

import click

from leadflow.cli.acting import UNTIL, Acting, for_option, lead_command
from leadflow.cli.common import Session
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
def collaborate(
    session: Session,
    lead: str,
    if_sequence: int | None,
    request_id: str | None,
    pool: str | None,
    member: str,
    until: str | None,
    remove: bool,
) -> None:
    """Let MEMBER work on LEAD with its owner."""
    acting = Acting(session, pool, lead)
    if remove and until:
        raise UsageError("--remove ends it now: leave out --until")
    if remove:
        acting.ask(
            r.RemoveCollaborator,
            request_id=request_id,
            members=[member],
            if_sequence=if_sequence,
            member=member,
        )
        return
    acting.ask(
        r.AddCollaborator,
        request_id=request_id,
        members=[member],
        if_sequence=if_sequence,
        member=member,
        expires=acting.moment(until),
    )


@click.command()
@click.option("--until", metavar="TIME", help=UNTIL)
@for_option
@lead_command
def protect(
    session: Session,
    lead: str,
    if_sequence: int | None,
    request_id: str | None,
    pool: str | None,
    rep: str | None,
    until: str | None,
) -> None:
    """Keep LEAD from being recycled, within the limits of the policy."""
    acting = Acting(session, pool, lead)
    acting.ask(
        r.ProtectLead,
        request_id=request_id,
        members=[rep],
        if_sequence=if_sequence,
        rep=rep,
        until=acting.moment(until),
    )


@click.command()
@for_option
@lead_command
def unprotect(
    session: Session,
    lead: str,
    if_sequence: int | None,
    request_id: str | None,
    pool: str | None,
    rep: str | None,
) -> None:
    """End the protection of LEAD early."""
    acting = Acting(session, pool, lead)
    acting.ask(r.UnprotectLead, request_id=request_id, members=[rep], if_sequence=if_sequence, rep=rep)
