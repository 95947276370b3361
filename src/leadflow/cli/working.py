"""Working on leads: taking them, giving them, contacting, keeping."""

from __future__ import annotations

import sys
from functools import partial

import click
from rich.console import Console

from leadflow.bootstrap.looking import refusal_text
from leadflow.cli.acting import (
    Acting,
    check_members,
    fact_document,
    for_option,
    lead_command,
    report,
    seen_by_actor,
)
from leadflow.cli.browsing import draw_leads
from leadflow.cli.common import (
    REFUSED,
    Session,
    pass_session,
    pool_option,
    request_option,
    shared_options,
)
from leadflow.cli.telling import moment, tell
from leadflow.domain import requests as r
from leadflow.domain.events import RequestRefused

_NOT_ASKED_RIGHTLY = ("rep_needed", "not_permitted", "unknown_rep")
"""Refusals that say nothing of which lead would be next."""


def register(main: click.Group) -> None:
    """Add the commands."""
    for command in (claim, next_command, assign, hand_over, return_command, withdraw, contact, reveal):
        main.add_command(command)


@click.command()
@for_option
@lead_command
def claim(acting: Acting, rep: str | None) -> None:
    """Take the public LEAD. Of several claims the first in the log wins."""
    acting.ask(r.ClaimLead, show=seen_by_actor(acting.session, acting.pool), rep=rep)


@click.command("next")
@click.option("--show", is_flag=True, help="Only look which lead it would be.")
@for_option
@request_option
@pool_option
@shared_options
@pass_session
def next_command(
    session: Session, pool: str | None, request_id: str | None, rep: str | None, show: bool
) -> None:
    """Take the best lead that may be claimed now: highest score, then oldest."""
    session.app.settle()
    name = session.pool(pool)
    view = session.app.views.pool(name)
    check_members(session, name, [rep])
    if not show:
        outcome = session.send(name, r.ClaimNext, request_id, rep=rep)
        report(session, view, outcome, seen_by_actor(session, name)(outcome))
        return
    event = session.app.preview(name, session.actor, r.ClaimNext(rep=rep))[0]
    if isinstance(event.data, RequestRefused):
        reason = refusal_text(event.data, event, partial(moment, view))
        session.emit({"next": None, "reason": event.data.reason}, lambda console: console.print(reason))
        if event.data.reason in _NOT_ASKED_RIGHTLY:
            sys.exit(REFUSED)
        return
    lead = session.app.views.lead(session.actor, name, event.subject)

    def draw(console: Console) -> None:
        draw_leads(console, view, [lead], session.app.now(name))
        console.print("Not claimed: `leadflow next` takes it.", markup=False)

    session.emit({"next": lead, "would_be": fact_document(event), "says": tell(view, [event])}, draw)


@click.command()
@click.option("--reason", required=True, metavar="TEXT", help="Why, in your words.")
@lead_command
@click.argument("rep")
def assign(acting: Acting, rep: str, reason: str) -> None:
    """Give LEAD to REP by hand."""
    acting.ask(r.AssignLead, members=[rep], to=rep, reason=reason)


@click.command("hand-over")
@click.option("--reason", metavar="TEXT", help="Why, in your words.")
@lead_command
@click.argument("rep")
def hand_over(acting: Acting, rep: str, reason: str | None) -> None:
    """Give LEAD, or the customer that it became, from its owner to REP."""
    acting.ask(r.HandOverLead, members=[rep], to=rep, reason=reason)


@click.command("return")
@click.option("--reason", metavar="TEXT", help="Why, in your words.")
@for_option
@lead_command
def return_command(acting: Acting, rep: str | None, reason: str | None) -> None:
    """Give one's own LEAD back to the public pool."""
    acting.ask(r.ReturnLead, rep=rep, reason=reason)


@click.command()
@click.option("--reason", required=True, metavar="TEXT", help="Why, in your words.")
@lead_command
def withdraw(acting: Acting, reason: str) -> None:
    """Take LEAD from its owner, back to the public pool."""
    acting.ask(r.WithdrawLead, reason=reason)


@click.command()
@click.option("--outcome", required=True, metavar="NAME", help="One of the policy's, as reached, no_answer.")
@click.option("--note", metavar="TEXT", help="What was said, in your words.")
@click.option("--means", metavar="NAME", help="How: call, wechat, email, visit, ….")
@click.option("--at", "stated_at", metavar="TIME", help="When it was; deadlines count from now all the same.")
@for_option
@lead_command
def contact(
    acting: Acting, rep: str | None, outcome: str, note: str | None, means: str | None, stated_at: str | None
) -> None:
    """Log a contact with LEAD."""
    acting.ask(
        r.LogContact,
        keeps=True,
        rep=rep,
        outcome=outcome,
        note=note,
        means=means,
        stated_at=acting.moment(stated_at),
    )


@click.command()
@click.option("--reason", metavar="TEXT", help="Needed by auditors.")
@for_option
@lead_command
def reveal(acting: Acting, rep: str | None, reason: str | None) -> None:
    """See the masked contact points of LEAD; that they were seen is a fact."""
    acting.ask(
        r.RevealContact,
        show=lambda outcome: acting.session.app.views.revealed(outcome.events[0]),
        rep=rep,
        reason=reason,
    )
