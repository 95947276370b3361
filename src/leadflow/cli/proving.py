"""The log itself: proving it, also against what was known of it earlier, and taking it along."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from leadflow.bootstrap.operations import (
    Head,
    Progress,
    Report,
    export,
    read_export,
    verify,
    verify_rows,
)
from leadflow.cli.common import Session, pass_session, shared_options
from leadflow.domain.values import is_stream
from leadflow.errors import LogDamaged, NotPermitted, UsageError

PATH = click.Path(path_type=Path, allow_dash=True)
_HASH = re.compile("[0-9a-f]{64}")


def register(main: click.Group) -> None:
    """Add the commands."""
    main.add_command(log)


@click.group()
def log() -> None:
    """Prove the log, or take it along."""


@log.command("verify")
@click.argument("file", type=PATH, required=False)
@click.option(
    "--against",
    type=PATH,
    metavar="PROOF",
    help="What `log verify --json` printed earlier: every event that stood then stands now.",
)
@shared_options
@pass_session
def log_verify(session: Session, file: Path | None, against: Path | None) -> None:
    """Check every pool's sequence and hash chain; name the first broken event of each.

    With FILE, of what `log export` wrote (- for stdin): no data directory is needed. A manager sees what
    became of its own pools. Exit code 2 if one is broken.
    """
    if against is not None and file is not None and str(against) == str(file) == "-":
        raise UsageError("both FILE and --against are stdin", do="Write one of them to a file.")
    noted = read_heads(against) if against is not None else {}
    own = _proven_to(session) if file is None else None
    with session.progress("Verifying") as tell:
        report = verify(session.app.log, tell, noted) if file is None else _verify_file(file, tell, noted)
    pools = [
        {
            "pool": pool.pool,
            "events": pool.events,
            "last_hash": pool.last_hash if pool.broken is None else None,
            "broken": {"event": pool.broken.event, "what": pool.broken.what} if pool.broken else None,
        }
        for pool in report.pools.values()
        if own is None or pool.pool in own
    ]
    broken = [one for one in report.broken if own is None or one.pool in own]
    events = sum(report.pools[str(pool["pool"])].events for pool in pools)
    compared = sum(head.sequence for pool, head in noted.items() if own is None or pool in own)
    document: dict[str, Any] = {"ok": not broken, "events": events, "pools": pools}
    if against is not None:
        document["compared"] = compared
    session.emit(document, lambda out: _draw_proof(out, document))
    if broken:
        first = broken[0]
        raise LogDamaged(
            f"{len(broken)} of {len(pools)} pools are broken, {first.pool} from {first.event} on",
            do="Keep this data directory as it is, and restore the last backup into a new one."
            if file is None
            else "Compare with the log that it was exported from: `leadflow log verify` there.",
        )


def read_heads(path: Path) -> dict[str, Head]:
    """How far each pool went, as `log verify --json` said it.

    Raises UsageError for what is none, and for one that found a pool broken: it has no hash to compare with.
    """
    where = "stdin" if str(path) == "-" else str(path)
    do = "Give what `leadflow log verify --json` printed when all was well."
    heads: dict[str, Head] = {}
    try:
        with click.open_file(str(path), "rb") as file:
            pools = json.loads(file.read())["pools"]
        for one in pools:
            pool, events, last = one["pool"], one["events"], one["last_hash"]
            if one["broken"] is not None:
                raise UsageError(f"it says that pool {pool!r} was broken then", where=where, do=do)
            if not is_stream(pool) or pool in heads or type(events) is not int or not _HASH.fullmatch(last):
                raise ValueError(pool)
            heads[pool] = Head(events, last)
    except OSError as error:
        raise UsageError(f"the file cannot be read: {error.strerror}", where=where) from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UsageError("this is no proof of a log", where=where, do=do) from error
    return heads


def _verify_file(file: Path, tell: Progress, noted: dict[str, Head]) -> Report:
    """The proof of an exported log."""
    where = "stdin" if str(file) == "-" else str(file)
    try:
        size = 0 if str(file) == "-" else file.stat().st_size
        with click.open_file(str(file), "rb") as lines:
            return verify_rows(read_export(lines, where), size, tell, noted)
    except OSError as error:
        raise UsageError(f"the file cannot be read: {error.strerror}", where=where) from error


def _proven_to(session: Session) -> set[str] | None:
    """The pools whose proofs the actor may see; None stands for all, and asks no read model."""
    try:
        session.app.need("history", session.actor)
    except NotPermitted:
        views = session.app.views
        own = {pool for pool in views.pools() if views.may("history", session.actor, pool)}
        if not own:
            raise
        return own
    return None


def _draw_proof(out: Console, document: dict[str, Any]) -> None:
    pools = document["pools"]
    if not pools:
        out.print("The log is empty.")
        return
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("")
    table.add_column("pool", style="bold")
    table.add_column("events", justify="right")
    table.add_column("last hash, or what is broken", overflow="fold")
    for pool in pools:
        broken = pool["broken"]
        mark = "[bold red]broken[/]" if broken else "[green]ok[/]"
        found = escape(f"{broken['event']}: {broken['what']}") if broken else f"[dim]{pool['last_hash']}[/]"
        table.add_row(mark, escape(pool["pool"]), str(pool["events"]), found)
    out.print(table)
    if not any(pool["broken"] for pool in pools):
        events = document["events"]
        out.print(f"\nAll {events} events are as they were written, in sequence, each chained to the last.")
        if "compared" in document:
            out.print(f"The {document['compared']} that stood when the proof was made stand as they did.")


@log.command("export")
@click.argument("file", type=PATH, default="-")
@shared_options
@pass_session
def log_export(session: Session, file: Path) -> None:
    """Write every event to FILE (or stdout), one CloudEvents document a line, byte for byte."""
    session.app.need("see_contacts", session.actor)
    if str(file) == "-":
        with session.progress("Exporting") as tell:
            export(session.app.log, sys.stdout.buffer, tell)
        return
    try:
        with file.open("xb", buffering=1 << 20) as out, session.progress("Exporting") as tell:
            count = export(session.app.log, out, tell)
    except FileExistsError as error:
        raise UsageError("there is a file already", where=str(file), do="Choose another name.") from error
    except OSError as error:
        raise UsageError(f"the file cannot be written: {error.strerror}", where=str(file)) from error
    session.say(f"{count} events written to {file}.")
