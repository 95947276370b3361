"""Which modules bring which commands."""

from __future__ import annotations

import importlib.util

import click

MODULES = (
    "running",
    "team",
    "incoming",
    "arriving",
    "spending",
    "letters",
    "browsing",
    "working",
    "keeping",
    "changing",
    "looking",
    "reporting",
    "logs",
    "demo",
)
"""In the order of the help text. Each module has `register(main)`."""


def register(main: click.Group) -> None:
    """Add every module's commands."""
    for name in MODULES:
        if importlib.util.find_spec(f"leadflow.cli.{name}") is None:
            continue
        importlib.import_module(f"leadflow.cli.{name}").register(main)
