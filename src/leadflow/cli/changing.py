"""Changing what a lead is, moving it, and closing it."""

from __future__ import annotations

import re
from typing import Any

import click

from leadflow.bootstrap.editing import amount_of, corrections
from leadflow.cli.acting import Acting, for_option, lead_command
from leadflow.cli.common import phone_region_option
from leadflow.domain import requests as r
from leadflow.domain.events import DealRecorded
from leadflow.errors import UsageError


def register(main: click.Group) -> None:
    """Add the commands."""
    for command in (edit, merge, transfer, convert, deal, reverse_deal, disqualify, reopen):
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
def edit(acting: Acting, phone_region: str | None, **details: Any) -> None:
    """Correct the details of LEAD; what is not named stays. A new score is worked out at once.

    A region that is another one takes the city with it, unless `--city` names the new one's.
    """
    person, company = corrections(
        {name: value for name, value in details.items() if value}, phone_region or "CN"
    )
    acting.ask(r.EditLead, person=person, company=company)


@click.command()
@click.option("--reason", metavar="TEXT", help="Why, in your words.")
@lead_command
@click.argument("absorbed")
def merge(acting: Acting, absorbed: str, reason: str | None) -> None:
    """Make ABSORBED part of LEAD, which keeps its owner and gets both histories."""
    _, other = acting.session.app.views.named(acting.session.actor, [acting.pool], absorbed)
    acting.ask(r.MergeLeads, absorbed=other, reason=reason)


@click.command()
@click.option("--reason", metavar="TEXT", help="Why, in your words.")
@lead_command
@click.argument("to_pool", metavar="POOL")
def transfer(acting: Acting, to_pool: str, reason: str | None) -> None:
    """Move the unowned LEAD to another POOL, with its touches, costs and history."""
    acting.session.app.settle()
    acting.session.app.views.pool(to_pool)
    acting.ask(r.TransferLead, to_pool=to_pool, reason=reason)


@click.command()
@click.option("--customer", metavar="ID", help="The id that the customer has elsewhere.")
@for_option
@lead_command
def convert(acting: Acting, rep: str | None, customer: str | None) -> None:
    """Make a customer of LEAD; everything known carries over, and the owner stays."""
    acting.ask(r.ConvertLead, rep=rep, customer=customer)


class _Deal(click.Command):
    """A command whose AMOUNT may be typed with a sign, which click takes for options."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            if _SIGNED.match(error.option_name):
                raise UsageError("a deal's amount must be above zero", do=_HOW_TO_CORRECT) from error
            raise


_SIGNED = re.compile(r"-[\d.,¥￥$€£]")
_HOW_TO_CORRECT = "To take a recorded deal back, use `leadflow reverse-deal LEAD DEAL`."


@click.command(cls=_Deal)
@click.option("--number", metavar="TEXT", help="The deal's number elsewhere.")
@for_option
@lead_command
@click.argument("amount")
@click.argument("currency")
def deal(acting: Acting, rep: str | None, amount: str, currency: str, number: str | None) -> None:
    """Record a deal of AMOUNT CURRENCY with the customer that LEAD became."""
    value = amount_of(amount, currency)
    acting.ask(r.RecordDeal, rep=rep, value=value, deal=number)


@click.command("reverse-deal")
@click.option("--reason", metavar="TEXT", help="Why, in your words.")
@for_option
@lead_command
@click.argument("which", metavar="DEAL")
def reverse_deal(acting: Acting, rep: str | None, which: str, reason: str | None) -> None:
    """Take back DEAL of LEAD: its number elsewhere, or the fact that recorded it (east/1071).

    It counts nowhere any more, on no day; reports as of an earlier time still have it. Record the right one
    with `leadflow deal`. With `--request-id`, name the fact: a number may be another deal's by the next time.
    """
    recorded = _recorded(acting, which.strip())
    acting.ask(r.ReverseDeal, rep=rep, recorded_sequence=recorded, reason=reason)


_SEQUENCE = re.compile("[1-9][0-9]{0,17}")


def _recorded(acting: Acting, which: str) -> int:
    """The sequence of the fact that recorded the deal that is meant."""
    pool, _, sequence = which.rpartition("/")
    if pool == acting.pool and _SEQUENCE.fullmatch(sequence):
        return int(sequence)
    if acting.request_id is not None:
        do = f"Give it as {acting.pool}/1071; `leadflow trace LEAD` shows it."
        raise UsageError(f"with --request-id a deal is named by its fact, and {which!r} is none", do=do)
    deals = acting.session.app.traces.deals(acting.session.actor, acting.pool, acting.lead)
    named = [number for number, deal in deals.items() if which in (deal.fact.deal, str(number))]
    counting = [number for number, deal in deals.items() if deal.counts]
    meant = [number for number in named if number in counting] or named[-1:]
    if len(meant) == 1:
        return meant[0]
    told = "; ".join(f"{acting.pool}/{number}: {_in_words(deals[number].fact)}" for number in counting)
    what = "several deals are" if meant else "no deal is"
    raise UsageError(
        f"{what} {which!r}",
        where=f"lead {acting.lead}",
        do=f"Name the fact of one of these: {told}." if told else None,
    )


def _in_words(deal: DealRecorded) -> str:
    number = f" ({deal.deal})" if deal.deal else ""
    return f"{deal.value.amount:,} {deal.value.currency}{number}"


@click.command()
@click.option("--code", required=True, metavar="NAME", help="Why, in one word: no_budget, wrong_number, ….")
@click.option("--note", metavar="TEXT", help="A note, in your words.")
@for_option
@lead_command
def disqualify(acting: Acting, rep: str | None, code: str, note: str | None) -> None:
    """Close LEAD, which will never buy; a new touch reopens it."""
    acting.ask(r.DisqualifyLead, rep=rep, code=code, note=note)


@click.command()
@click.option("--reason", metavar="TEXT", help="Why, in your words.")
@lead_command
def reopen(acting: Acting, reason: str | None) -> None:
    """Put the disqualified LEAD back into the public pool."""
    acting.ask(r.ReopenLead, reason=reason)
