"""The command reference says what the commands are, and every command says what it does."""

from __future__ import annotations

import click
import pytest

from leadflow.cli import leadflow
from leadflow.cli.groups import SECTIONS
from leadflow.cli.reference import commands, render
from tests.unit.test_repository import ROOT

PAGE = ROOT / "docs/reference/commands.md"


def test_the_page_is_what_the_commands_are() -> None:
    assert PAGE.read_text("utf-8") == render(leadflow), "write the page again: make reference"


@pytest.mark.parametrize(("name", "command"), list(commands(leadflow)), ids=lambda value: str(value))
def test_every_command_and_option_explains_itself(name: str, command: click.Command) -> None:
    assert (command.help or "").strip(), f"{name} has no help"
    silent = [
        option.opts[0]
        for option in command.params
        if isinstance(option, click.Option) and not option.hidden and not option.help and not option.required
    ]
    assert not silent, f"{name}: options without help: {', '.join(silent)}"


def test_every_command_stands_in_a_section_of_the_help() -> None:
    listed = [name for modules in SECTIONS.values() for names in modules.values() for name in names]
    assert sorted(listed) == leadflow.list_commands(click.Context(leadflow))
