"""Notifications: who is told of what, what could not be sent, and the process that sends."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from leadflow.bootstrap.notifying import KINDS, Notification, Notifying, Subscription, open_notifier
from leadflow.cli.common import Session, pass_session, pool_option, shared_options
from leadflow.cli.diagnostics import quiet_libraries
from leadflow.cli.serving import metrics_option, running, served, stop_on_signals
from leadflow.errors import UsageError

NOT_SENT = 3
"""Exit code of `notify test` when the receiver could not be reached, or did not want it."""
HOURS_MAX = 24 * 30
NUMBER_MAX = 2**63 - 1


def register(main: click.Group) -> None:
    """Add the commands."""
    main.add_command(notify)
    main.add_command(notifier)


@click.group()
def notify() -> None:
    """Tell people and programs what happens to their leads, by webhook or e-mail."""


def _notifying(session: Session) -> Notifying:
    # Who may do what stands in the read models.
    session.app.settle(fire=False)
    return Notifying(session.app)


@notify.command("subscribe")
@click.option("--webhook", metavar="URL", help="Send a signed webhook there.")
@click.option("--email", metavar="ADDRESS", help="Send an e-mail there.")
@click.option("--member", metavar="ID", help="Whose notifications; your own if left out.")
@click.option("--role", type=click.Choice(["rep", "manager"]), help="Those of everybody with this role.")
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    type=click.Choice(list(KINDS)),
    help="Only of this kind; may be given several times. All, if left out.",
)
@pool_option
@shared_options
@pass_session
def subscribe(
    session: Session,
    webhook: str | None,
    email: str | None,
    member: str | None,
    role: str | None,
    kinds: Sequence[str],
    pool: str | None,
) -> None:
    """Be told from now on of what happens; nothing from before is told.

    A webhook's secret is shown this one time: receivers check signatures with it.
    """
    if (webhook is None) == (email is None):
        raise UsageError("where to?", do="Give either --webhook URL or --email ADDRESS.")
    notifying = _notifying(session)
    made, secret = notifying.subscribe(
        session.actor,
        session.pool(pool),
        "webhook" if webhook else "email",
        webhook or email or "",
        member=member,
        role=role,
        kinds=kinds,
    )

    def draw(out: Console) -> None:
        out.print(f"Subscription {made.id}: {made.whose} of pool {made.pool}, {made.shown}.", markup=False)
        out.print(f"Told of: {', '.join(made.kinds)}.", markup=False)
        _draw_secret(out, secret)
        out.print(f"Try it: leadflow notify test {made.id}", markup=False)

    session.emit(_row(made) | {"secret": secret}, draw)


def _draw_secret(out: Console, secret: str | None) -> None:
    if secret is not None:
        out.print(f"Secret (shown this one time): {secret}", markup=False)


def _row(one: Subscription) -> dict[str, Any]:
    names = ("id", "pool", "member", "role", "kinds", "way", "created_by", "created_at", "disabled_at")
    return {name: getattr(one, name) for name in names} | {
        "address": one.shown,
        "disabled_why": one.disabled_why,
        "failing": one.failing,
    }


def _no_subscriptions(everything: bool, pool: str | None) -> str:
    where = f" in pool {pool}" if pool else ""
    hidden = "" if everything else " Those that ended are listed with --all."
    do = "Subscribe: leadflow notify subscribe --webhook URL (or --email ADDRESS)."
    return f"No subscriptions that you may change{where}: you are told of nothing yet. {do}{hidden}"


@notify.command("list")
@click.option("--all", "everything", is_flag=True, help="Those that ended as well.")
@pool_option
@shared_options
@pass_session
def list_subscriptions(session: Session, everything: bool, pool: str | None) -> None:
    """List the subscriptions that you may change: your own, and those of pools that you manage."""
    found = _notifying(session).list(session.actor, pool, disabled=everything)

    def draw(out: Console) -> None:
        if not found:
            out.print(_no_subscriptions(everything, pool), markup=False)
            return
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
        for name in ("id", "pool", "whose", "to", "kinds", "state"):
            table.add_column(name, overflow="fold")
        for one in found:
            kinds = "all" if len(one.kinds) == len(KINDS) else ", ".join(one.kinds)
            table.add_row(*map(escape, (one.id, one.pool, one.whose, one.shown, kinds, _state(one))))
        out.print(table)

    session.emit([_row(one) for one in found], draw)


def _state(one: Subscription) -> str:
    if one.disabled_at is not None:
        return f"ended: {one.disabled_why}"
    if one.failing:
        return f"the last {one.failing} attempts failed" if one.failing > 1 else "the last attempt failed"
    return "well"


@notify.command("show")
@click.argument("subscription")
@shared_options
@pass_session
def show(session: Session, subscription: str) -> None:
    """Show a SUBSCRIPTION with its whole address. Its secret is not shown again: see `notify rotate`."""
    one = _notifying(session).get(session.actor, subscription)

    def draw(out: Console) -> None:
        out.print(f"Subscription {one.id} of pool {one.pool}: {_state(one)}", markup=False)
        out.print(f"whose: {one.whose}", markup=False)
        out.print(f"to: {one.address}", markup=False)
        for kind in one.kinds:
            out.print(f"told: {kind}, {KINDS.get(kind, '')}", markup=False)
        out.print(f"made by {one.created_by}, {one.created_at:%Y-%m-%d %H:%M}Z", markup=False)

    session.emit(_row(one) | {"address": one.address}, draw)


@notify.command("unsubscribe")
@click.argument("subscription")
@shared_options
@pass_session
def unsubscribe(session: Session, subscription: str) -> None:
    """End a SUBSCRIPTION; what waits for it is dropped."""
    dropped = _notifying(session).unsubscribe(session.actor, subscription)
    said = f"Subscription {subscription} has ended; {dropped} notifications that waited are dropped."
    session.emit({"id": subscription, "dropped": dropped}, lambda out: out.print(said, markup=False))


@notify.command("rotate")
@click.argument("subscription")
@click.option(
    "--keep",
    type=click.FloatRange(0, HOURS_MAX),
    default=24,
    show_default=True,
    metavar="HOURS",
    help="How long the secret before signs as well; 0 if somebody else has seen it.",
)
@shared_options
@pass_session
def rotate(session: Session, subscription: str, keep: float) -> None:
    """Sign with another secret. Until the one before ends, both sign: receivers change over in that time."""
    one, secret = _notifying(session).rotate(session.actor, subscription, timedelta(hours=keep))

    def draw(out: Console) -> None:
        _draw_secret(out, secret)
        out.print(f"The secret before signs for another {keep:g} hours.", markup=False)

    session.emit({"id": one.id, "secret": secret, "keep_hours": keep}, draw)


@notify.command("test")
@click.argument("subscription")
@shared_options
@pass_session
def test(session: Session, subscription: str) -> None:
    """Send a test to a SUBSCRIPTION's address at once. Exit code 3 if it did not get there."""
    answer = _notifying(session).test(session.actor, subscription)
    said = "Sent." if answer.problem is None else f"Not sent: {answer.problem}."
    session.emit(answer._asdict(), lambda out: out.print(said, markup=False))
    if answer.outcome != "sent":
        sys.exit(NOT_SENT)


@notify.command("parked")
@click.option(
    "--limit",
    type=click.IntRange(1, 10_000),
    default=100,
    show_default=True,
    metavar="COUNT",
    help="How many to list.",
)
@shared_options
@pass_session
def parked(session: Session, limit: int) -> None:
    """List the notifications that were given up after the last attempt, and why."""
    found = _notifying(session).notifications(session.actor, "parked", limit=limit)

    def draw(out: Console) -> None:
        if not found:
            out.print("Nothing is parked: no notification was given up. Who is told: leadflow notify list")
            return
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
        for name in ("id", "fact", "kind", "to", "attempts", "problem"):
            table.add_column(name, overflow="fold")
        for one, to in found:
            row = (str(one.id), one.fact, one.kind, to.shown, str(one.attempts), one.problem or "")
            table.add_row(*map(escape, row))
        out.print(table)
        out.print("\nAfter the cause is repaired: leadflow notify replay ID … (or drop ID …).")

    session.emit([_parked(one, to) for one, to in found], draw)


def _parked(one: Notification, to: Subscription) -> dict[str, Any]:
    names = ("id", "fact", "pool", "lead", "kind", "subscription", "state", "attempts", "problem", "made_at")
    return {name: getattr(one, name) for name in names} | {"done_at": one.done_at, "address": to.shown}


@notify.command("replay")
@click.argument("notifications", type=click.IntRange(1, NUMBER_MAX), nargs=-1, required=True)
@shared_options
@pass_session
def replay(session: Session, notifications: Sequence[int]) -> None:
    """Try parked NOTIFICATIONS again, each with the webhook-id that it had."""
    notifying = _notifying(session)
    done = [notifying.replay(session.actor, number) for number in notifications]
    session.emit(
        [{"id": one.id, "state": one.state} for one in done],
        lambda out: out.print(f"{len(done)} will be tried again.", markup=False),
    )


@notify.command("drop")
@click.argument("notifications", type=click.IntRange(1, NUMBER_MAX), nargs=-1, required=True)
@shared_options
@pass_session
def drop(session: Session, notifications: Sequence[int]) -> None:
    """Give parked NOTIFICATIONS up for good."""
    notifying = _notifying(session)
    done = [notifying.drop(session.actor, number) for number in notifications]
    session.emit(
        [{"id": one.id, "state": one.state} for one in done],
        lambda out: out.print(f"{len(done)} dropped.", markup=False),
    )


@click.command()
@metrics_option
@shared_options
@pass_session
def notifier(session: Session) -> None:
    """Send notifications until SIGTERM or Ctrl-C, where `leadflow up` does not run: on a log in Kafka.

    It follows the read models, which a projector keeps. Several may run: each fact is sent by one of them.
    """
    if session.settings.kafka is not None:
        quiet_libraries(session.settings.log_level)
    with served(session, "notifier") as operating, open_notifier(session.settings, operating) as process:
        stop_on_signals(process.stop)
        session.say(running("The notifier", session.settings.kafka or session.settings.home))
        process.run()
    session.say("Stopped.")
