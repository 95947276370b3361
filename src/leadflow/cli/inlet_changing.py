"""Inlets: setting one up otherwise, with its address and its secrets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from leadflow.bootstrap.importing import load_mapping
from leadflow.bootstrap.inlet_desk import InletDesk
from leadflow.bootstrap.inlets import InletChanges, option_values
from leadflow.cli.common import Session, pass_session, shared_options
from leadflow.errors import UsageError

PATH = click.Path(path_type=Path)
F = TypeVar("F", bound=Callable[..., Any])


def pairs(_: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    """NAME=VALUE, several times."""
    found = {}
    for value in values:
        name, sign, text = value.partition("=")
        if not sign or not name.strip():
            raise click.BadParameter(f"{value!r} is not NAME=VALUE", param=parameter)
        found[name.strip()] = text
    return found


def door_options(*, channel: str, mapping: str, networks: str, sites: str) -> Callable[[F], F]:
    """The options that say how a door is set up, with what four of them mean to the command."""
    options = (
        click.option("--channel", metavar="NAME", help=channel),
        click.option("--campaign", metavar="NAME", help="The campaign, where what comes does not name one."),
        click.option("--map", "mapping_file", type=PATH, metavar="FILE", help=mapping),
        click.option("--allow-ip", "allow_ips", multiple=True, metavar="NETWORK", help=networks),
        click.option("--origin", "origins", multiple=True, metavar="URL", help=sites),
        click.option(
            "--set",
            "options",
            multiple=True,
            callback=pairs,
            metavar="NAME=VALUE",
            help="An option of the kind.",
        ),
    )

    def add(function: F) -> F:
        for option in reversed(options):
            function = option(function)
        return function

    return add


@click.command("change")
@click.argument("name", metavar="ID")
@door_options(
    channel="What its leads count to from now on.",
    mapping="A mapping file (TOML) instead of the one before.",
    networks="All networks to take calls from; several.",
    sites="All sites whose pages may post a form; several.",
)
@click.option(
    "--unset", multiple=True, metavar="NAME", help="An option that is the kind's own again; several."
)
@shared_options
@pass_session
def change_inlet(
    session: Session,
    name: str,
    channel: str | None,
    campaign: str | None,
    mapping_file: Path | None,
    allow_ips: tuple[str, ...],
    origins: tuple[str, ...],
    options: dict[str, str],
    unset: tuple[str, ...],
) -> None:
    """Set a door up otherwise; its address and its secrets stay. What is not named stays as it is.

    Mends a door that takes nothing because another version of LeadFlow wrote it.
    """
    session.app.settle()
    desk = InletDesk(session.app, session.actor)
    given: dict[str, Any] = {**option_values(desk.get(name).kind, options), **dict.fromkeys(unset)}
    changes = InletChanges(
        channel,
        campaign,
        load_mapping(mapping_file) if mapping_file else None,
        list(allow_ips) or None,
        list(origins) or None,
        given,
    )
    if changes == InletChanges():
        raise UsageError("nothing is to be changed", do="Name it, e.g. `--set pull_minutes=30`.")
    row = desk.change(name, changes)
    session.emit(
        row.described(), lambda console: console.print(f"Inlet {name} is set up otherwise.", markup=False)
    )
