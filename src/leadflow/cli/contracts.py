"""The contracts: schemas of events and requests, the AsyncAPI document of the topics, and what may change."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from leadflow.bootstrap.contracts import contracts as known
from leadflow.cli.common import REFUSED, Session, pass_session, shared_options
from leadflow.errors import UsageError

ASYNCAPI = "asyncapi"


def register(main: click.Group) -> None:
    """Add the commands."""
    main.add_command(contracts)


@click.group()
def contracts() -> None:
    """What programs may rely on: schemas of events and requests, and the topics in Kafka."""


@contracts.command("list")
@shared_options
@pass_session
def list_(session: Session) -> None:
    """List the schemas of all events, requests and the documents around them."""
    found = known.contracts()
    rows = [{**one._asdict(), "path": one.path} for one in found]

    def draw(out: Console) -> None:
        table = Table("name", "title", "meaning", box=None, pad_edge=False)
        for one in found:
            table.add_row(one.name, one.title, escape(one.description))
        out.print(table)

    session.emit(rows, draw)


@contracts.command()
@click.argument("name")
@shared_options
@pass_session
def show(session: Session, name: str) -> None:
    """Print the JSON Schema of NAME, or the topics' AsyncAPI document for `asyncapi`."""
    name = name.removesuffix(".json")
    found = known.asyncapi(session.settings) if name == ASYNCAPI else known.served(name)
    click.echo(_json(found), nl=False)


@contracts.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@shared_options
@pass_session
def write(session: Session, directory: Path) -> None:
    """Write every schema, older versions as well, and the AsyncAPI document into DIRECTORY."""
    files = {**known.published(), **known.current(), ASYNCAPI: known.asyncapi(session.settings)}
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (directory / f"{name}.json").write_text(_json(content), encoding="utf-8")
    except OSError as problem:
        raise UsageError(
            f"the files cannot be written: {problem.strerror}", where=str(directory)
        ) from problem
    session.emit({"written": len(files)}, lambda out: out.print(f"{len(files)} files written.", markup=False))


@contracts.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False, exists=True), required=False)
@shared_options
@pass_session
def check(session: Session, directory: Path | None) -> None:
    """Compare the contracts with those that were published, or that were written to DIRECTORY.

    Exit code 1 where a published contract is not kept: what was removed or narrowed needs a new version.
    """
    before = known.read_from(directory) if directory else known.published()
    found = known.check(before, known.current())
    data = {
        "ok": not found.broken,
        "compared": len(before),
        "broken": [one._asdict() for one in found.broken],
        "unpublished": found.unpublished,
    }
    session.emit(data, lambda out: _draw(out, len(before), found))
    if found.broken:
        sys.exit(REFUSED)


def _draw(out: Console, compared: int, found: known.Findings) -> None:
    for one in found.broken:
        out.print(str(one), markup=False)
    for name in found.unpublished:
        out.print(f"{name} is new, or has more than was published, and breaks nobody.", markup=False)
    if not found.broken:
        out.print(f"All {compared} published contracts are kept.", markup=False)


def _json(content: Any) -> str:
    return json.dumps(content, ensure_ascii=False, indent=2) + "\n"
