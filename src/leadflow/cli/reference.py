"""The command reference, written from the commands themselves.

`python -m leadflow.cli.reference` prints docs/reference/commands.md; a test keeps the two equal.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import click

HEAD = """# Commands

Every command of `leadflow`, with its arguments and options. This page is written by `make reference`.

Every command also takes `--as ROLE/ID` (who acts; `manager/local` if left out), `--json` (print data as
JSON), `--home DIR` (the data directory, `LEADFLOW_HOME`) and `--help`, on the command or before it. Data goes
to stdout, messages to stderr; the [exit code](exit-codes.md) tells how it ended.
"""
SHARED = {"actor", "json", "home"}


def commands(
    group: click.Group, path: tuple[str, ...] = ("leadflow",)
) -> Iterator[tuple[str, click.Command]]:
    """Every command below a group with the words that call it, groups after their own commands."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None or command.hidden:
            continue
        words = (*path, name)
        if isinstance(command, click.Group):
            yield from commands(command, words)
        else:
            yield " ".join(words), command


def _usage(name: str, command: click.Command) -> str:
    context = click.Context(command, info_name=name)
    return " ".join([name, *command.collect_usage_pieces(context)])


def _options(command: click.Command) -> Iterator[str]:
    context = click.Context(command)
    for option in command.get_params(context):
        record = option.get_help_record(context)
        if (
            isinstance(option, click.Option)
            and option.name not in SHARED
            and record is not None
            and "--help" not in record[0]
        ):
            names, text = record
            yield f"| `{names.replace('|', chr(92) + '|')}` | {_one_line(text).replace('|', chr(92) + '|')} |"


def _one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def _paragraph(text: str) -> str:
    """A paragraph on one line; what stands line by line in the help, after click's sign for it, stays so."""
    marked, _, lines = text.partition("\b\n")
    return f"```sh\n{lines}\n```" if lines and not marked else _one_line(text)


def render(main: click.Group) -> str:
    """The whole page."""
    parts = [HEAD]
    for name, command in commands(main):
        parts.append(f"## {name}\n")
        parts.append(f"```\n{_usage(name, command)}\n```\n")
        paragraphs = inspect.cleandoc(command.help or "").split("\n\n")
        parts.extend(_paragraph(paragraph) + "\n" for paragraph in paragraphs if paragraph.strip())
        options = list(_options(command))
        if options:
            parts.append("\n".join(["| option | meaning |", "|---|---|", *options]) + "\n")
    return "\n".join(parts)


if __name__ == "__main__":
    from leadflow.cli import leadflow

    click.echo(render(leadflow), nl=False)
