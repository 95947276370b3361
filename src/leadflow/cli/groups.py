"""Which modules bring which commands, and how the help text arranges them."""

from __future__ import annotations

import importlib

import click

SECTIONS: dict[str, tuple[str, ...]] = {
    "Running": ("demo", "running", "api", "kafka", "notify"),
    "The team": ("team", "users", "tokens"),
    "Coming in": ("incoming", "arriving", "inlets", "attribution", "spending", "letters"),
    "Working": ("browsing", "working", "keeping", "changing"),
    "Looking back": ("looking", "reporting"),
    "The log": ("logs", "contracts"),
}
"""Sections of the help text, each with its modules. Every module has `register(main)`."""


class Sectioned(click.Group):
    """A group whose help shows its commands by section, each with a whole sentence."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.sections: dict[str, list[str]] = {}

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the sections."""
        for title, names in self.sections.items():
            rows = []
            for name in names:
                command = self.get_command(ctx, name)
                if command is not None and not command.hidden:
                    rows.append((name, command.get_short_help_str(limit=200)))
            with formatter.section(title):
                formatter.write_dl(rows)


def register(main: Sectioned) -> None:
    """Add every module's commands, section by section."""
    for title, modules in SECTIONS.items():
        known = set(main.commands)
        for name in modules:
            importlib.import_module(f"leadflow.cli.{name}").register(main)
        main.sections[title] = [name for name in main.commands if name not in known]
