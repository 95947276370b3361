"""Snapshots of a stream's state, so that a start does not fold the whole log.

A snapshot costs time when it is missing, damaged or of another version, and never correctness: then
it is passed over, and the caller folds the log.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from leadflow.domain.pool import STATE_VERSION, Stream
from leadflow.errors import DamagedFile
from leadflow.log.envelope import hash_of
from leadflow.log.packing import dumps, loads
from leadflow.postgres import Database, ensure_table

KEPT_PER_POOL = 2
STATE_BYTES_MAX = 900_000_000
"""A field of Postgres holds 1 GB; a larger state is not kept."""

# What of the state can be compressed is compressed already: Postgres need not try (EXTERNAL).
_DDL = """
CREATE SCHEMA IF NOT EXISTS records;
CREATE TABLE IF NOT EXISTS records.snapshots (
    pool text NOT NULL,
    sequence bigint NOT NULL,
    last_hash text NOT NULL,
    state_version integer NOT NULL,
    sha256 text NOT NULL,
    state bytea NOT NULL,
    taken_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (pool, sequence, state_version)
);
ALTER TABLE records.snapshots ALTER COLUMN state SET STORAGE EXTERNAL;
"""


@dataclass(frozen=True)
class Snapshot:
    """A stream's state after the event at `sequence`, whose document has `last_hash`."""

    pool: str
    sequence: int
    last_hash: str
    state: bytes
    taken_at: datetime

    @property
    def stream(self) -> Stream:
        """The state itself. Raises DamagedFile."""
        stream = loads(self.state)
        if not isinstance(stream, Stream) or (stream.id, stream.sequence) != (self.pool, self.sequence):
            raise DamagedFile("a snapshot holds the state of something else")
        return stream


@dataclass(frozen=True)
class Restored:
    """A snapshot's state, unpacked."""

    stream: Stream
    sequence: int
    last_hash: str


class Snapshots:
    """The table of snapshots."""

    def __init__(
        self, database: Database, document: Callable[[str, int], bytes | None] | None = None
    ) -> None:
        """With `document`, which gives an event's bytes, snapshots unlike the log are passed over."""
        self._database = database
        self._document = document
        self._ready = False

    def _prepare(self) -> None:
        if not self._ready:
            ensure_table(self._database, "records.snapshots", _DDL)
            self._ready = True

    def save(self, stream: Stream, last_hash: str) -> bool:
        """Keep a stream's state of this version; False if it is too large to be kept."""
        return self.store(stream.id, stream.sequence, last_hash, STATE_VERSION, dumps(stream))

    def load(self, pool: str) -> Restored | None:
        """The newest usable state of this version."""
        for found in self._candidates(pool, STATE_VERSION):
            try:
                return Restored(found.stream, found.sequence, found.last_hash)
            except DamagedFile:
                continue
        return None

    def store(self, pool: str, sequence: int, last_hash: str, state_version: int, state: bytes) -> bool:
        """Keep these bytes as the pool's state; the last two are kept. False if they are too many."""
        if len(state) > STATE_BYTES_MAX:
            return False
        self._prepare()
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT INTO records.snapshots (pool, sequence, last_hash, state_version, sha256, state)"
                " VALUES (%s, %s, %s, %s, %s, %b) ON CONFLICT (pool, sequence, state_version) DO UPDATE"
                " SET last_hash = excluded.last_hash, sha256 = excluded.sha256, state = excluded.state,"
                " taken_at = clock_timestamp()",
                (pool, sequence, last_hash, state_version, hashlib.sha256(state).hexdigest(), state),
            )
            connection.execute(
                "DELETE FROM records.snapshots WHERE pool = %s AND (sequence, state_version) NOT IN"
                " (SELECT sequence, state_version FROM records.snapshots WHERE pool = %s"
                " ORDER BY taken_at DESC LIMIT %s)",
                (pool, pool, KEPT_PER_POOL),
            )
        return True

    def load_latest(self, pool: str, state_version: int) -> Snapshot | None:
        """The newest snapshot of that version whose checksum holds and which fits the log."""
        return next(iter(self._candidates(pool, state_version)), None)

    def _candidates(self, pool: str, state_version: int) -> list[Snapshot]:
        self._prepare()
        with self._database.connection() as connection:
            rows = connection.execute(
                "SELECT sequence, last_hash, sha256, state, taken_at FROM records.snapshots"
                " WHERE pool = %s AND state_version = %s ORDER BY sequence DESC",
                (pool, state_version),
                binary=True,
            ).fetchall()
        return [
            Snapshot(pool, sequence, last_hash, state, taken_at)
            for sequence, last_hash, sha256, state, taken_at in rows
            if hashlib.sha256(state).hexdigest() == sha256 and self._fits(pool, sequence, last_hash)
        ]

    def _fits(self, pool: str, sequence: int, last_hash: str) -> bool:
        if self._document is None:
            return True
        document = self._document(pool, sequence)
        return document is not None and hash_of(document) == last_hash
