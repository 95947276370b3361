"""Which channel a website form's touch belongs to: the table in force."""

from __future__ import annotations

import click
from rich.console import Console
from rich.table import Table

from leadflow.bootstrap.inlets import attribution_of
from leadflow.cli.common import Session, pass_session, shared_options

_CONDITIONS = ("source", "medium", "click_id", "referrer")


def register(main: click.Group) -> None:
    """Add the commands."""
    main.add_command(attribution)


@click.group("attribution")
def attribution() -> None:
    """Which channel a website form's touch belongs to, by UTM values, click ids and referrer."""


@attribution.command("show")
@shared_options
@pass_session
def show_attribution(session: Session) -> None:
    """Show the table in force: the first rule whose conditions all hold decides.

    LEADFLOW_ATTRIBUTION names a file whose rules come before the shipped ones.
    """
    table = attribution_of(session.settings)
    source = str(session.settings.attribution or "shipped with LeadFlow")
    document = {
        "source": source,
        "rules": [rule.model_dump(exclude_defaults=True, by_alias=True) for rule in table.rule],
        "click_ids": list(table.click_ids.names),
        "sites": table.sites,
    }

    def draw(console: Console) -> None:
        console.print(f"Attribution of website forms ({source})", markup=False)
        shown = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
        for column in ("", "if", "channel", "class"):
            shown.add_column(column, overflow="fold")
        for number, rule in enumerate(table.rule, 1):
            conditions = [
                f"{name} is {' or '.join(values)}"
                for name in _CONDITIONS
                if (values := getattr(rule, name)) is not None
            ]
            shown.add_row(str(number), " and ".join(conditions), rule.channel, rule.class_)
        shown.add_row("", "otherwise", "web_form", "unknown")
        console.print(shown)
        console.print(f"Click ids: {', '.join(table.click_ids.names)}", markup=False)
        for kind, hosts in table.sites.items():
            names = ", ".join(f"{host} ({name})" for host, name in hosts.items())
            console.print(f"Sites of the kind {kind}: {names}", markup=False)

    session.emit(document, draw)
