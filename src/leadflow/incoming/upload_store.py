"""Where uploads are kept: the records, so that every process on the database finds them, whoever took them.

A file stands in pieces beside its state. Who works on one holds a lock in Postgres, which goes with its
process: an upload that says that it is being worked on while nobody holds its lock was interrupted. Nothing
of this is in a backup: whoever has the file uploads it again.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import date, datetime
from typing import Any, Literal

from leadflow.errors import LeadflowError, NotFound
from leadflow.incoming.upload_state import BUSY, Upload, read_upload
from leadflow.postgres import Connection, Database, advisory_key, connect, ensure_table, translated

PIECE = 1024 * 1024
Kind = Literal["file", "problems"]

_DDL = """
CREATE SCHEMA IF NOT EXISTS records;
CREATE TABLE IF NOT EXISTS records.uploads (
    id text PRIMARY KEY,
    actor text NOT NULL,
    created_at timestamptz NOT NULL,
    size bigint NOT NULL,
    status text NOT NULL,
    state text NOT NULL
);
CREATE INDEX IF NOT EXISTS uploads_idx ON records.uploads (actor, created_at);
CREATE TABLE IF NOT EXISTS records.upload_pieces (
    upload text NOT NULL REFERENCES records.uploads ON DELETE CASCADE,
    kind text NOT NULL,
    number int NOT NULL,
    content bytea NOT NULL,
    PRIMARY KEY (upload, kind, number)
);
ALTER TABLE records.upload_pieces ALTER COLUMN content SET STORAGE EXTERNAL;
"""
_HELD = """
SELECT EXISTS (
    SELECT FROM pg_locks
    WHERE locktype = 'advisory' AND granted AND objsubid = 1
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND ((classid::bigint << 32) | objid::bigint) = %s
)
"""
INTERRUPTED = "the process ended; start it again: rows that were taken are duplicates then"


class UploadStore:
    """The tables of uploads, and who works on which. Safe to use from several threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._ready = False
        self._holding = threading.Lock()
        self._holder: Connection | None = None
        """Holds the locks of what this process works on, for as long as it lives."""

    def prepare(self) -> None:
        """Make the tables where there are none."""
        if not self._ready:
            ensure_table(self._database, "records.upload_pieces", _DDL)
            self._ready = True

    # --- uploads --------------------------------------------------------------------------------

    def add(self, upload: Upload, content: Iterable[bytes]) -> None:
        """Keep a new one with its file; its size is known when the content was read. Whole or not at all."""
        self.prepare()
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT INTO records.uploads (id, actor, created_at, size, status, state)"
                " VALUES (%s, %s, %s, 0, %s, '')",
                (upload.id, upload.actor, upload.created_at, upload.status),
            )
            self._put(connection, upload.id, "file", content)
            self._note(connection, upload)

    def note(self, upload: Upload) -> None:
        """Write its state."""
        with self._database.connection() as connection:
            self._note(connection, upload)

    def _note(self, connection: Connection, upload: Upload) -> None:
        state = json.dumps(upload.document(), default=_text)
        update = "UPDATE records.uploads SET size = %s, status = %s, state = %s WHERE id = %s"
        connection.execute(update, (upload.size, upload.status, state, upload.id))

    def get(self, name: str) -> Upload:
        """An upload as it stands. Raises NotFound."""
        self.prepare()
        state = self._state(name)
        if state is None:
            raise NotFound(f"there is no upload {name!r}")
        return self._as_it_stands(state)

    def of(self, actor: str) -> list[Upload]:
        """Those of an actor, the oldest first."""
        self.prepare()
        query = "SELECT state FROM records.uploads WHERE actor = %s ORDER BY created_at, id"
        with self._database.connection() as connection:
            rows = connection.execute(query, (actor,)).fetchall()
        return [self._as_it_stands(state) for (state,) in rows]

    def _state(self, name: str) -> str | None:
        with self._database.connection() as connection:
            query = "SELECT state FROM records.uploads WHERE id = %s"
            row = connection.execute(query, (name,)).fetchone()
        return None if row is None else row[0]

    def _as_it_stands(self, state: str) -> Upload:
        before: str | None = None
        while True:
            found = read_upload(json.loads(state))
            if found.status not in BUSY or self.held(found.id):
                return found
            if state == before:
                found.status, found.error = "interrupted", INTERRUPTED
                return found
            # It may have ended between the two looks: how, was noted before it was let go of.
            before, state = state, self._state(found.id) or state

    def delete(self, name: str) -> None:
        """Forget one with its file."""
        with self._database.connection() as connection:
            connection.execute("DELETE FROM records.uploads WHERE id = %s", (name,))

    def sweep(self, before: datetime) -> None:
        """Forget those that were made before this time and that nobody works on."""
        self.prepare()
        query = "SELECT id FROM records.uploads WHERE created_at < %s"
        with self._database.connection() as connection:
            old = [name for (name,) in connection.execute(query, (before,)).fetchall()]
        for name in old:
            if not self.held(name):
                self.delete(name)

    # --- their contents -------------------------------------------------------------------------

    def put(self, name: str, kind: Kind, content: Iterable[bytes]) -> None:
        """Keep a content in the place of the one before."""
        with self._database.transaction() as connection:
            self._drop(connection, name, kind)
            self._put(connection, name, kind, content)

    def _put(self, connection: Connection, name: str, kind: Kind, content: Iterable[bytes]) -> None:
        insert = "INSERT INTO records.upload_pieces (upload, kind, number, content) VALUES (%s, %s, %s, %s)"
        for number, piece in enumerate(content):
            connection.execute(insert, (name, kind, number, piece))

    def drop(self, name: str, kind: Kind) -> None:
        """Forget a content."""
        with self._database.connection() as connection:
            self._drop(connection, name, kind)

    def _drop(self, connection: Connection, name: str, kind: Kind) -> None:
        delete = "DELETE FROM records.upload_pieces WHERE upload = %s AND kind = %s"
        connection.execute(delete, (name, kind))

    def pieces(self, name: str, kind: Kind) -> Iterator[bytes]:
        """A content, a piece at a time; nothing where there is none."""
        query = "SELECT content FROM records.upload_pieces WHERE upload = %s AND kind = %s AND number = %s"
        number = 0
        while True:
            with self._database.connection() as connection:
                row = connection.execute(query, (name, kind, number), binary=True).fetchone()
            if row is None:
                return
            yield row[0]
            number += 1

    # --- who works on them ----------------------------------------------------------------------

    def held(self, name: str) -> bool:
        """Whether a process works on it."""
        with self._database.connection() as connection:
            row = connection.execute(_HELD, (advisory_key("upload", name),)).fetchone()
        return row == (True,)

    def hold(self, name: str) -> bool:
        """Say that this process works on it, until it lets go or ends; not where another one does.

        Raises Unavailable.
        """
        with self._holding, translated(self._database.where):
            if self._holder is None or self._holder.broken or self._holder.closed:
                self._holder = connect(self._database.url, name="leadflow uploads")
            key = advisory_key("upload", name)
            row = self._holder.execute("SELECT pg_try_advisory_lock(%s)", (key,)).fetchone()
            return row == (True,)

    def let_go(self, name: str) -> None:
        """Work on it no more. Where the connection is gone, the lock is as well."""
        with self._holding, suppress(LeadflowError), translated(self._database.where):
            if self._holder is not None and not self._holder.closed:
                key = advisory_key("upload", name)
                self._holder.execute("SELECT pg_advisory_unlock(%s)", (key,))

    def close(self) -> None:
        """Let go of everything."""
        with self._holding, suppress(LeadflowError), translated(self._database.where):
            if self._holder is not None and not self._holder.closed:
                try:
                    # The server may notice much later that a connection was closed.
                    self._holder.execute("SELECT pg_advisory_unlock_all()")
                finally:
                    self._holder.close()


def _text(value: Any) -> str:
    return value.isoformat() if isinstance(value, (date, datetime)) else str(value)
