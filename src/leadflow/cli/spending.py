"""Spend: files of what channels and campaigns cost."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from rich.console import Console

from leadflow.bootstrap.spend_files import record_file
from leadflow.cli.common import REFUSED, Session, long_wait_option, pass_session, shared_options


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
    session.app.settle()
    report = record_file(session.app, session.actor, file, str(file), currency=currency)

    def draw(console: Console) -> None:
        figures = "1 figure" if report.rows == 1 else f"{report.rows} figures"
        console.print(
            f"{file.name}: {figures}; {report.recorded} recorded, {report.replaced} replaced an"
            f" earlier one, {report.unchanged} known already, {len(report.refused)} refused",
            markup=False,
        )

    session.emit(report, draw)
    for one in report.refused:
        session.say(f"Row {one['row']} refused: {one['says']} (fact {one['fact']})")
    if report.refused:
        sys.exit(REFUSED)
