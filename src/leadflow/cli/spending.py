"""Spend: files of what channels and campaigns cost."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from rich.console import Console

from leadflow.bootstrap import (
    SpendReport,
    check_spend,
    read_spend,
    refusal_text,
    request_of,
    same_spend,
    spend_figures,
    spend_key,
    spend_request_id,
)
from leadflow.cli.common import REFUSED, Session, long_wait_option, pass_session, shared_options
from leadflow.domain.requests import Request
from leadflow.domain.values import COMPANY_STREAM
from leadflow.errors import NotPermitted


def register(main: click.Group) -> None:
    """Add the commands."""
    main.add_command(spend)


@click.group("spend")
def spend() -> None:
    """What channels and campaigns cost."""


@spend.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--currency", default="CNY", show_default=True, metavar="CODE", help="Of amounts that name none."
)
@long_wait_option
@shared_options
@pass_session
def import_spend(session: Session, file: Path, currency: str) -> None:
    """Record a FILE of spend (.csv or a workbook): channel, campaign, from, to, amount, currency.

    A figure for the same channel, campaign, period and currency replaces the one before. A file with a row
    that cannot be read records nothing; the same file again changes nothing.
    """
    rows = read_spend(file, currency=currency.upper())
    app = session.app
    app.settle()
    pools = app.views.pools()
    if not any(app.views.may("spend", session.actor, pool) for pool in pools):
        raise NotPermitted(
            f"{session.actor} may not record spend", do="Managers and marketing may; see `--as`."
        )
    declared = [name for pool in pools.values() for name in pool.policy.get("channels", {})]
    known = spend_figures(app.database)
    report = SpendReport(str(file))
    said: list[str] = []
    asked: list[tuple[int, bool, Request]] = []
    for row, body in check_spend(rows, declared, file.name):
        report.rows += 1
        figure = known.get(spend_key(body))
        if same_spend(body, figure):
            report.unchanged += 1
            continue
        request = request_of(COMPANY_STREAM, session.actor, spend_request_id(body, figure), body)
        asked.append((row, figure is not None, request))
    outcomes = app.submit([request for _, _, request in asked])
    for (row, replaces, _), outcome in zip(asked, outcomes, strict=True):
        event = outcome.facts()[0]
        if outcome.refusal is not None:
            why = refusal_text(outcome.refusal, event)
            report.refused.append({"row": row, "reason": outcome.refusal.reason, "fact": event.id})
            said.append(f"Row {row} refused: {why} (fact {event.id})")
        elif outcome.repeated:
            report.unchanged += 1
        elif replaces:
            report.replaced += 1
        else:
            report.recorded += 1

    def draw(console: Console) -> None:
        console.print(
            f"{file.name}: {report.rows} figures; {report.recorded} recorded, {report.replaced} replaced an"
            f" earlier one, {report.unchanged} known already, {len(report.refused)} refused",
            markup=False,
        )

    session.emit(report, draw)
    for line in said:
        session.say(line)
    if report.refused:
        sys.exit(REFUSED)
