"""The log and the records in one compressed file: written, read again, and proved before it counts.

The file is a zip: `events.ndjson` (every row of the log in its order, the documents byte for byte),
one `records.<table>.ndjson` for each table of records, and `manifest.json` with the number of lines
and the SHA-256 of each member and the last hash of every pool. Snapshots and read models are left out:
they come back from the log.
"""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from psycopg import sql

from leadflow import postgres
from leadflow.domain.values import format_time
from leadflow.errors import DamagedFile, LogDamaged, NotFound, UsageError, WrongVersion
from leadflow.identities.tables import prepare as prepare_identities
from leadflow.incoming.inlets import Inlets
from leadflow.log.embedded import EmbeddedLog
from leadflow.log.reading import Row
from leadflow.log.verify import PROGRESS_EVERY, Progress, Report, verify_rows
from leadflow.notifications.subscriptions import cut_at
from leadflow.notifications.subscriptions import prepare as prepare_notifications
from leadflow.records import DeadLetters

BACKUP_FORMAT = "leadflow backup format 1"
EVENTS = "events.ndjson"
MANIFEST = "manifest.json"
LEFT_OUT = (
    *("partition_snapshots", "partition_states", "snapshots"),
    *("sessions", "signing_keys", "sign_in_failures"),
    *("uploads", "upload_pieces"),
)
"""Tables of records that come back by themselves, or must not: after a restore, everybody signs in anew."""
_DOCUMENT = b',"document":'


class Summary(NamedTuple):
    """What a backup holds."""

    path: Path
    events: int
    records: int
    heads: dict[str, str]
    """Last hash of every pool."""


def backup(log: EmbeddedLog, path: Path, progress: Progress | None = None) -> Summary:
    """Write the log, as it is now, and the records to `path`, then read the file again and prove it.

    Raises UsageError if the file exists or cannot be written, LogDamaged for a log that is broken.
    """
    if path.exists():
        raise UsageError(
            "there is a file already", where=str(path), do="Choose another name, or move it away."
        )
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        try:
            _write(log, draft, progress)
            summary = check(draft)._replace(path=path)
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        do = "Choose a place with room that you may write to."
        raise UsageError(f"the backup cannot be written: {error.strerror}", where=str(path), do=do) from error
    return summary


def check(path: Path) -> Summary:
    """Prove a backup: every member is what the manifest says, and the chain holds.

    Raises NotFound, DamagedFile, WrongVersion, and LogDamaged where the log it holds is broken.
    """
    with _opened(path) as archive, _damaged(path):
        manifest = _manifest(archive, path)
        for name, expected in manifest["members"].items():
            digest, lines = hashlib.sha256(), 0
            with archive.open(name) as member:
                for line in member:
                    digest.update(line)
                    lines += 1
            if (lines, digest.hexdigest()) != (expected["lines"], expected["sha256"]):
                raise DamagedFile(f"{name} in the backup is not what was written", where=str(path))
        report = verify_rows(_rows(archive))
        heads = _heads(report, manifest, str(path))
        members = manifest["members"]
        records = sum(member["lines"] for name, member in members.items() if name != EVENTS)
        return Summary(path, members[EVENTS]["lines"], records, heads)


def restore(log: EmbeddedLog, path: Path, progress: Progress | None = None) -> Summary:
    """Fill an empty log and its records from a backup, all or nothing, and prove what is there then.

    Raises as `check` does, and UsageError for a target that is not empty.
    """
    summary = check(path)
    DeadLetters(log.database).prepare()
    prepare_identities(log.database)
    Inlets(log.database).prepare()
    prepare_notifications(log.database)
    with _opened(path) as archive, log.database.transaction() as connection:
        connection.execute("LOCK TABLE log.events IN EXCLUSIVE MODE")
        _refuse_unless_empty(connection, log)
        manifest = _manifest(archive, path)
        copy = (
            "COPY log.events (notification_id, recorded_at, originator_id, originator_version, topic, state)"
            " FROM STDIN (FORMAT BINARY)"
        )
        with connection.cursor() as cursor, cursor.copy(copy) as rows:
            rows.set_types(["int8", "timestamptz", "text", "int8", "text", "bytea"])
            for count, row in enumerate(_rows(archive), 1):
                rows.write_row(row[:6])
                if progress is not None and count % PROGRESS_EVERY == 0:
                    progress(count, summary.events)
        _continue(connection, "log.events", "notification_id")
        for name in manifest["members"]:
            if name != EVENTS:
                _restore_records(connection, archive, name)
        # Records were read after the log: what they say of later facts is not true of those to come.
        cut_at(connection, 0, manifest["end"])
        _heads(verify_rows(_written(connection)), manifest, log.where)
    if progress is not None:
        progress(summary.events, summary.events)
    return summary


# --- writing --------------------------------------------------------------------------------


def _write(log: EmbeddedLog, path: Path, progress: Progress | None) -> None:
    members: dict[str, dict[str, Any]] = {}
    end = log.end()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        path.chmod(0o600)
        heads: dict[str, str] = {}
        members[EVENTS] = _write_member(archive, EVENTS, _event_lines(log, end, heads, progress))
        for table in _record_tables(log):
            name = f"records.{table}.ndjson"
            members[name] = _write_member(archive, name, _record_lines(log, table))
        manifest = {
            "format": BACKUP_FORMAT,
            "taken_at": format_time(datetime.now(UTC)),
            "end": end,
            "members": members,
            "heads": dict(sorted(heads.items())),
        }
        archive.writestr(MANIFEST, json.dumps(manifest, indent=1, ensure_ascii=False))


def _write_member(archive: zipfile.ZipFile, name: str, lines: Iterator[bytes]) -> dict[str, Any]:
    digest, count = hashlib.sha256(), 0
    with archive.open(name, "w", force_zip64=True) as member:
        for line in lines:
            member.write(line)
            digest.update(line)
            count += 1
    return {"lines": count, "sha256": digest.hexdigest()}


def _event_lines(
    log: EmbeddedLog, end: int, heads: dict[str, str], progress: Progress | None
) -> Iterator[bytes]:
    for count, row in enumerate(log.read_rows(), 1):
        if row.position > end:
            return
        if b"\n" in row.document:
            raise LogDamaged("a document has a line break", event=f"{row.pool}/{row.sequence}")
        beside = {
            "position": row.position,
            "recorded_at": format_time(row.recorded_at),
            "pool": row.pool,
            "sequence": row.sequence,
            "type": row.type,
            "sha256": row.sha256.hex() if row.sha256 else None,
        }
        heads[row.pool] = hashlib.sha256(row.document).hexdigest()
        yield orjson.dumps(beside)[:-1] + _DOCUMENT + row.document + b"}\n"
        if progress is not None and count % PROGRESS_EVERY == 0:
            progress(row.position, end)


def _record_tables(log: EmbeddedLog) -> list[str]:
    with log.database.connection() as connection:
        rows = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'records' ORDER BY tablename"
        ).fetchall()
    return [name for (name,) in rows if name not in LEFT_OUT]


def _record_lines(log: EmbeddedLog, table: str) -> Iterator[bytes]:
    query = sql.SQL("SELECT row_to_json(t)::text FROM {} AS t").format(sql.Identifier("records", table))
    with log.database.transaction() as connection, connection.cursor("records") as cursor:
        for (line,) in cursor.execute(query):
            yield line.encode() + b"\n"


# --- reading --------------------------------------------------------------------------------


def _opened(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except FileNotFoundError as error:
        raise NotFound("there is no such backup", where=str(path)) from error
    except (zipfile.BadZipFile, OSError) as error:
        raise DamagedFile(f"this is no backup, or it is damaged: {error}", where=str(path)) from error


@contextmanager
def _damaged(path: Path) -> Iterator[None]:
    """Within this block, what a damaged archive raises becomes DamagedFile."""
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, KeyError, ValueError, TypeError) as error:
        do = "Take another backup's file."
        raise DamagedFile(f"the backup is damaged: {error}", where=str(path), do=do) from error


def _manifest(archive: zipfile.ZipFile, path: Path) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads(archive.read(MANIFEST))
    if manifest["format"] != BACKUP_FORMAT:
        raise WrongVersion(
            f"the backup has {manifest['format']!r}, this version reads {BACKUP_FORMAT!r}",
            where=str(path),
            do="Restore it with the version of LeadFlow that wrote it.",
        )
    return manifest


def _rows(archive: zipfile.ZipFile) -> Iterator[Row]:
    with archive.open(EVENTS) as member:
        for line in member:
            head, found, rest = line.partition(_DOCUMENT)
            if not found:
                raise ValueError("a line of the log holds no document")
            beside = orjson.loads(head + b"}")
            yield Row(
                beside["position"],
                datetime.fromisoformat(beside["recorded_at"]),
                beside["pool"],
                beside["sequence"],
                beside["type"],
                rest[:-2],
                bytes.fromhex(beside["sha256"]) if beside["sha256"] else None,
            )


def _heads(report: Report, manifest: dict[str, Any], where: str) -> dict[str, str]:
    """The last hash of every pool. Raises LogDamaged unless the chain holds up to the manifest's."""
    if not report.ok:
        first = report.broken[0]
        raise LogDamaged(
            first.what, event=first.event, do="Run `leadflow log verify` on the log it came from."
        )
    heads = {name: pool.last_hash for name, pool in report.pools.items()}
    if heads != manifest["heads"]:
        raise DamagedFile("the pools' last hashes are not those of the manifest", where=where)
    return heads


# --- restoring ------------------------------------------------------------------------------


def _refuse_unless_empty(connection: postgres.Connection, log: EmbeddedLog) -> None:
    for table in ("log.events", "records.dead_letters", "records.accounts", "records.tokens"):
        found = connection.execute(f"SELECT EXISTS (SELECT FROM {table})".encode()).fetchone()  # noqa: S608
        if found != (False,):
            raise UsageError(
                "there is a log already, and a backup goes into an empty one only",
                where=log.where,
                do="Name a new data directory with --home, or an empty database.",
            )


def _restore_records(connection: postgres.Connection, archive: zipfile.ZipFile, name: str) -> None:
    table = name.removeprefix("records.").removesuffix(".ndjson")
    if connection.execute("SELECT to_regclass(%s) IS NULL", (f"records.{table}",)).fetchone() == (True,):
        raise WrongVersion(
            f"the backup holds records that this version does not know: {table}",
            do="Restore it with the version of LeadFlow that wrote it.",
        )
    target = sql.Identifier("records", table)
    insert = sql.SQL("INSERT INTO {0} SELECT * FROM json_populate_record(NULL::{0}, %s::json)").format(target)
    with archive.open(name) as member, connection.cursor() as cursor:
        cursor.executemany(insert, ((line.decode(),) for line in member))
    if connection.execute(
        "SELECT 1 FROM information_schema.columns WHERE table_schema = 'records' AND table_name = %s"
        " AND column_name = 'id' AND is_identity = 'YES'",
        (table,),
    ).fetchone():
        _continue(connection, f"records.{table}", "id")


def _continue(connection: postgres.Connection, table: str, column: str) -> None:
    """Let a table's numbers go on after the highest that it has."""
    query = sql.SQL(
        "SELECT setval(pg_get_serial_sequence({0}, {1}), greatest(max({2}), 1), max({2}) IS NOT NULL)"
        " FROM {3}"
    )
    place = sql.Identifier(*table.split("."))
    named = (sql.Literal(table), sql.Literal(column), sql.Identifier(column), place)
    connection.execute(query.format(*named))


def _written(connection: postgres.Connection) -> Iterator[Row]:
    """The rows as they stand in the database now, seen from within the transaction."""
    columns = "notification_id, recorded_at, originator_id, originator_version, topic, state, sha256"
    with connection.cursor("written", withhold=False) as cursor:
        cursor.itersize = 5_000
        query = f"SELECT {columns} FROM log.events ORDER BY notification_id".encode()  # noqa: S608
        for row in cursor.execute(query, binary=True):
            yield Row(*row)
