"""Changing what a lead is, moving it, and closing it."""

from __future__ import annotations

from typing import Any

import click

from leadflow.bootstrap import amount_of, corrections
from leadflow.cli.acting import Acting, for_option, lead_command
from leadflow.cli.common import Session, phone_region_option
from leadflow.domain import requests as r


def register(main: click.Group) -> None:
    """Add the commands."""
    for command in (edit, merge, transfer, convert, deal, disqualify, reopen):
        main.add_command(command)


@click.command()
@click.option("--name", metavar="TEXT", help="The person's name.")
@click.option("--phone", multiple=True, metavar="NUMBER", help="Added; may be given several times.")
@click.option("--email", multiple=True, metavar="ADDRESS", help="Added.")
@click.option("--wechat", multiple=True, metavar="ID", help="Added.")
@click.option("--company", metavar="TEXT", help="The company's name.")
@click.option("--industry", metavar="TEXT", help="The industry, as the policy names it.")
@click.option("--size", metavar="COUNT", help="Employees, a number or a range.")
@click.option("--region", metavar="TEXT", help="The province or region.")
@click.option("--city", metavar="TEXT", help="The city.")
@click.option("--note", metavar="TEXT", help="A note, in your words.")
@phone_region_option
@lead_command
def edit(
    session: Session,
    /,
    lead: str,
    if_sequence: int | None,
    request_id: str | None,
    pool: str | None,
    phone_region: str | None,
    **details: Any,
) -> None:
    """Correct the details of LEAD; what is not named stays. A new score is worked out at once."""
    person, company = corrections(
        {name: value for name, value in details.items() if value}, phone_region or "CN"
    )
    acting = Acting(session, pool, lead)
    acting.ask(r.EditLead, request_id=request_id, if_sequence=if_sequence, person=person, company=company)


@click.command()
@click.option("--reason", metavar="TEXT", help="Why, in your words.")
@lead_command
@click.argument("absorbed")
def merge(
    session: Session,
    lead: str,
    if_sequence: int | None,
    request_id: str | None,
    pool: str | None,
    absorbed: str,
    reason: str | None,
) -> None:
    """Make ABSORBED part of LEAD, which keeps its owner and gets both histories."""
    acting = Acting(session, pool, lead)
    _, other = session.app.views.named(session.actor, [acting.pool], absorbed)
    acting.ask(r.MergeLeads, request_id=request_id, if_sequence=if_sequence, absorbed=other, reason=reason)


@click.command()
@click.option("--reason", metavar="TEXT", help="Why, in your words.")
@lead_command
@click.argument("to_pool", metavar="POOL")
def transfer(
    session: Session,
    lead: str,
    if_sequence: int | None,
    request_id: str | None,
    pool: str | None,
    to_pool: str,
    reason: str | None,
) -> None:
    """Move the unowned LEAD to another POOL, with its touches, costs and history."""
    session.app.settle()
    session.app.views.pool(to_pool)
    acting = Acting(session, pool, lead)
    acting.ask(r.TransferLead, request_id=request_id, if_sequence=if_sequence, to_pool=to_pool, reason=reason)


@click.command()
@click.option("--customer", metavar="ID", help="The id that the customer has elsewhere.")
@for_option
@lead_command
def convert(
    session: Session,
    lead: str,
    if_sequence: int | None,
    request_id: str | None,
    pool: str | None,
    rep: str | None,
    customer: str | None,
) -> None:
    """Make a customer of LEAD; everything known carries over, and the owner stays."""
    acting = Acting(session, pool, lead)
    acting.ask(
        r.ConvertLead,
        request_id=request_id,
        members=[rep],
        if_sequence=if_sequence,
        rep=rep,
        customer=customer,
    )


@click.command()
@click.option("--number", metavar="TEXT", help="The deal's number elsewhere.")
@for_option
@lead_command
@click.argument("amount")
@click.argument("currency")
def deal(
    session: Session,
    lead: str,
    if_sequence: int | None,
    request_id: str | None,
    pool: str | None,
    rep: str | None,
    amount: str,
    currency: str,
    number: str | None,
) -> None:
    """Record a deal of AMOUNT CURRENCY with the customer that LEAD became."""
    value = amount_of(amount, currency)
    acting = Acting(session, pool, lead)
    acting.ask(
        r.RecordDeal,
        request_id=request_id,
        members=[rep],
        if_sequence=if_sequence,
        rep=rep,
        value=value,
        deal=number,
    )


@click.command()
@click.option("--code", required=True, metavar="NAME", help="Why, in one word: no_budget, wrong_number, ….")
@click.option("--note", metavar="TEXT", help="A note, in your words.")
@for_option
@lead_command
def disqualify(
    session: Session,
    lead: str,
    if_sequence: int | None,
    request_id: str | None,
    pool: str | None,
    rep: str | None,
    code: str,
    note: str | None,
) -> None:
    """Close LEAD, which will never buy; a new touch reopens it."""
    acting = Acting(session, pool, lead)
    acting.ask(
        r.DisqualifyLead,
        request_id=request_id,
        members=[rep],
        if_sequence=if_sequence,
        rep=rep,
        code=code,
        note=note,
    )


@click.command()
@click.option("--reason", metavar="TEXT", help="Why, in your words.")
@lead_command
def reopen(
    session: Session,
    lead: str,
    if_sequence: int | None,
    request_id: str | None,
    pool: str | None,
    reason: str | None,
) -> None:
    """Put the disqualified LEAD back into the public pool."""
    acting = Acting(session, pool, lead)
    acting.ask(r.ReopenLead, request_id=request_id, if_sequence=if_sequence, reason=reason)
