"""Which modules bring which commands, and how the help text arranges them."""

from __future__ import annotations

import importlib
from typing import Any

import click

from leadflow.errors import Unavailable

SECTIONS: dict[str, dict[str, tuple[str, ...]]] = {
    "Running": {
        "demo": ("demo",),
        "running": ("up", "config", "doctor", "backup", "restore", "completion"),
        "api": ("api",),
        "kafka": ("topics", "decider", "projector", "snapshotter"),
        "notify": ("notify", "notifier"),
    },
    "The team": {
        "team": ("pool", "routing"),
        "policy": ("policy",),
        "members": ("member",),
        "users": ("user",),
        "tokens": ("token",),
    },
    "Coming in": {
        "incoming": ("import",),
        "arriving": ("intake",),
        "inlets": ("inlet",),
        "attribution": ("attribution",),
        "spending": ("spend",),
        "letters": ("dead-letters",),
    },
    "Working": {
        "browsing": ("leads", "lead"),
        "working": ("claim", "next", "assign", "hand-over", "return", "withdraw", "contact", "reveal"),
        "keeping": ("collaborate", "protect", "unprotect"),
        "changing": ("edit", "merge", "transfer", "convert", "deal", "reverse-deal", "disqualify", "reopen"),
    },
    "Looking back": {
        "looking": ("trace",),
        "reporting": ("report",),
    },
    "The log": {
        "logs": ("request", "projections"),
        "proving": ("log",),
        "contracts": ("contracts",),
    },
}
"""Sections of the help text, each with its modules and what commands they bring, by `register(main)`."""
_MODULES = {
    name: module for modules in SECTIONS.values() for module, names in modules.items() for name in names
}


class ReadEnough(Exception):
    """Whoever read the output has seen enough, as with `leadflow log export | head`."""


class Sectioned(click.Group):
    """A group whose help shows its commands by section, each with a whole sentence.

    A command's module is imported when the command is asked for, and no other.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all commands; imports none of them."""
        return sorted(_MODULES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name, or None."""
        if cmd_name not in self.commands and cmd_name in _MODULES:
            importlib.import_module(f"leadflow.cli.{_MODULES[cmd_name]}").register(self)
        return self.commands.get(cmd_name)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; of several things that are away, name each and not only the first."""
        try:
            return super().invoke(ctx)
        except (BrokenPipeError, SystemExit) as error:
            # click and rich would end it with 1, which says that a rule refused.
            if isinstance(error, BrokenPipeError) or isinstance(error.__context__, BrokenPipeError):
                raise ReadEnough from error
            raise
        except Unavailable as error:
            from leadflow.cli.common import Session

            settings = ctx.ensure_object(Session).settings
            # What runs a service needs less than the others, and names itself what it misses.
            if settings.kafka is None or _MODULES.get(ctx.invoked_subcommand or "") in SECTIONS["Running"]:
                raise
            from leadflow.bootstrap.examining import all_away

            raise all_away(settings, error) from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the sections."""
        for title, modules in SECTIONS.items():
            rows = []
            for name in (name for names in modules.values() for name in names):
                command = self.get_command(ctx, name)
                if command is not None and not command.hidden:
                    rows.append((name, command.get_short_help_str(limit=200)))
            with formatter.section(title):
                formatter.write_dl(rows)
