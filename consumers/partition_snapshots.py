"""Snapshots of what a partition's facts add up to, so that taking it need not fold the whole log.

They stand in Postgres, beside the deciders and where each of them can read them: the state of every pool,
by pool, sequence and state version, and the place in the partition at which all of them were folded. A
snapshot costs time when it is missing, old, damaged or unlike the log, and never correctness: then it is
passed over, and the log is folded.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any, NamedTuple

import orjson
import structlog

from leadflow.domain.pool import STATE_VERSION, Stream
from leadflow.errors import DamagedFile, LeadflowError, LogDamaged, Unavailable
from leadflow.log.envelope import hash_of
from leadflow.log.kafka import Origin, Place
from leadflow.log.kafka.reader import PartitionReader
from leadflow.log.packing import dumps, loads
from leadflow.postgres import Connection, Database, ensure_table
from leadflow.settings import Settings
from leadflow.streams import Held

KEPT_PER_PARTITION = 2
WAIT_S = 3.0
"""How long a Postgres that is away may hold up taking a partition; its log is then read as a whole."""
LOAD_S = 60.0
"""How long reading one may take; some seconds are usual for a million facts."""
AWAY_S = 60.0
"""For so long a database that did not answer is not asked again."""
PART_BYTES = 64 * 1024 * 1024
"""A state is kept in parts: a field of Postgres holds 1 GB at most."""

_DDL = """
CREATE SCHEMA IF NOT EXISTS records;
CREATE TABLE IF NOT EXISTS records.partition_snapshots (
    topic text NOT NULL,
    partition integer NOT NULL,
    position bigint NOT NULL,
    state_version integer NOT NULL,
    next_offset bigint NOT NULL,
    resume jsonb NOT NULL,
    pools jsonb NOT NULL,
    taken_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (topic, partition, position, state_version)
);
CREATE TABLE IF NOT EXISTS records.partition_states (
    topic text NOT NULL,
    partition integer NOT NULL,
    pool text NOT NULL,
    sequence bigint NOT NULL,
    state_version integer NOT NULL,
    part integer NOT NULL,
    sha256 text NOT NULL,
    state bytea NOT NULL,
    PRIMARY KEY (topic, partition, pool, sequence, state_version, part)
);
ALTER TABLE records.partition_states ALTER COLUMN state SET STORAGE EXTERNAL;
"""

log_ = structlog.get_logger(__name__)


class _End(NamedTuple):
    """Where a pool stood: what its state is kept by, and how it is known to be the log's."""

    sequence: int
    last_hash: str
    offset: int


DocumentAt = Callable[[int], bytes | None]
"""The document of the fact at an offset; None if none is there."""


class Folded(NamedTuple):
    """What a partition's facts up to a place add up to."""

    place: Place
    resume: Mapping[str, int]
    """By request topic, the offset after the last request that the facts name."""
    pools: Mapping[str, Held]
    ends: Mapping[str, int]
    """By pool, the offset of its last fact."""


NOTHING = Folded(Place(), {}, {}, {})
"""What no facts add up to."""


def documents_of(reader: PartitionReader) -> DocumentAt:
    """Reads single facts of a partition, as far as it has grown by now."""
    first, end = reader.bounds()

    def document_at(offset: int) -> bytes | None:
        if not first <= offset < end:
            return None
        page = next(reader.read(offset, offset + 1), [])
        return bytes(page[0].value) if page else None

    return document_at


class PartitionSnapshots:
    """The snapshots of the partitions of one events topic."""

    def __init__(self, database: Database, topic: str) -> None:
        """Opens nothing."""
        self._database = database
        self._topic = topic
        self._away_until = 0.0

    @classmethod
    def to_begin_with(cls, settings: Settings, topic: str) -> PartitionSnapshots | None:
        """Those in the database that the settings name, if they name one, for who does not wait for it."""
        return _Impatient(settings.database_url, topic) if settings.database_url is not None else None

    def _prepare(self) -> None:
        ensure_table(self._database, "records.partition_snapshots", _DDL)

    def usable(self, partition: int, document_at: DocumentAt, only: str | None = None) -> Folded:
        """What a decider can begin with: the newest snapshot, or nothing. It goes without Postgres."""
        if time.monotonic() < self._away_until:
            return NOTHING
        try:
            return self.load(partition, document_at, only) or NOTHING
        except LeadflowError as problem:
            log_.warning("no snapshot can be read; the log is folded", problem=str(problem))
            self._away_until = time.monotonic() + AWAY_S
            return NOTHING

    def end(self, partition: int) -> int:
        """The offset after the newest snapshot's last fact; 0 if there is none. Raises Unavailable."""
        self._prepare()
        with self._database.connection() as connection:
            row = connection.execute(
                "SELECT max(next_offset) FROM records.partition_snapshots"
                " WHERE topic = %s AND partition = %s AND state_version = %s",
                (self._topic, partition, STATE_VERSION),
            ).fetchone()
        return row[0] if row is not None and row[0] is not None else 0

    def load(self, partition: int, document_at: DocumentAt, only: str | None = None) -> Folded | None:
        """The newest snapshot that is whole and fits the log; with `only`, of one pool of it.

        Raises Unavailable.
        """
        self._prepare()
        with self._database.connection() as connection:
            found = connection.execute(
                "SELECT position, next_offset, resume, pools FROM records.partition_snapshots"
                " WHERE topic = %s AND partition = %s AND state_version = %s ORDER BY position DESC",
                (self._topic, partition, STATE_VERSION),
            ).fetchall()
            for position, next_offset, resume, pools in found:
                try:
                    held = {
                        pool: self._held(connection, partition, pool, _End(*end), document_at)
                        for pool, end in pools.items()
                        if only in (None, pool)
                    }
                except (DamagedFile, LogDamaged):
                    continue
                last = {pool: sequence for pool, (sequence, _, _) in pools.items()}
                ends = {pool: offset for pool, (_, _, offset) in pools.items()}
                return Folded(Place(next_offset, position, last), resume, held, ends)
        return None

    def _held(
        self,
        connection: Connection,
        partition: int,
        pool: str,
        end: _End,
        document_at: DocumentAt,
    ) -> Held:
        sequence = end.sequence
        document = document_at(end.offset)
        if document is None or hash_of(document) != end.last_hash:
            raise DamagedFile(f"the log has another fact at {pool}/{sequence}")
        parts = connection.execute(
            "SELECT sha256, state FROM records.partition_states WHERE topic = %s AND partition = %s"
            " AND pool = %s AND sequence = %s AND state_version = %s ORDER BY part",
            (self._topic, partition, pool, sequence, STATE_VERSION),
            binary=True,
        ).fetchall()
        state = b"".join(part for _, part in parts)
        if not parts or parts[0][0] != hashlib.sha256(state).hexdigest():
            raise DamagedFile(f"the state of {pool}/{sequence} is not as it was kept")
        stream = loads(state)
        if not isinstance(stream, Stream) or (stream.id, stream.sequence) != (pool, sequence):
            raise DamagedFile("a snapshot holds the state of something else")
        return Held(stream, end.last_hash, sequence)

    def save(self, partition: int, folded: Folded) -> None:
        """Keep what the facts of a partition add up to; the last two are kept. Raises Unavailable."""
        self._prepare()
        place = (self._topic, partition)
        with self._database.transaction() as connection:
            connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, %s))", place)
            for pool, held in folded.pools.items():
                self._save_state(connection, partition, pool, held)
            pools = {
                pool: [held.stream.sequence, held.last_hash, folded.ends[pool]]
                for pool, held in folded.pools.items()
            }
            connection.execute(
                "INSERT INTO records.partition_snapshots"
                " (topic, partition, position, state_version, next_offset, resume, pools)"
                " VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (topic, partition, position, state_version)"
                " DO UPDATE SET next_offset = excluded.next_offset, resume = excluded.resume,"
                " pools = excluded.pools, taken_at = clock_timestamp()",
                (
                    *place,
                    folded.place.position,
                    STATE_VERSION,
                    folded.place.next_offset,
                    _json(folded.resume),
                    _json(pools),
                ),
            )
            self._tidy(connection, partition)

    def _save_state(self, connection: Connection, partition: int, pool: str, held: Held) -> None:
        key = (self._topic, partition, pool, held.stream.sequence, STATE_VERSION)
        if held.stream.sequence == held.snapshot_at:
            return
        # One that is there already may be damaged.
        connection.execute(
            "DELETE FROM records.partition_states WHERE topic = %s AND partition = %s AND pool = %s"
            " AND sequence = %s AND state_version = %s",
            key,
        )
        state = dumps(held.stream)
        sha256 = hashlib.sha256(state).hexdigest()
        for part, at in enumerate(range(0, len(state), PART_BYTES)):
            connection.execute(
                "INSERT INTO records.partition_states"
                " (topic, partition, pool, sequence, state_version, part, sha256, state)"
                " VALUES (%s, %s, %s, %s, %s, %s, %s, %b)",
                (*key, part, sha256, state[at : at + PART_BYTES]),
            )

    def _tidy(self, connection: Connection, partition: int) -> None:
        """Remove what is neither among the newest nor named by one of them."""
        place = (self._topic, partition)
        connection.execute(
            "DELETE FROM records.partition_snapshots WHERE topic = %s AND partition = %s"
            " AND (position, state_version) NOT IN (SELECT position, state_version"
            " FROM records.partition_snapshots WHERE topic = %s AND partition = %s"
            " ORDER BY taken_at DESC LIMIT %s)",
            (*place, *place, KEPT_PER_PARTITION),
        )
        connection.execute(
            "DELETE FROM records.partition_states AS s WHERE topic = %s AND partition = %s"
            " AND NOT EXISTS (SELECT FROM records.partition_snapshots AS p"
            " WHERE p.topic = s.topic AND p.partition = s.partition AND p.state_version = s.state_version"
            " AND (p.pools -> s.pool ->> 0)::bigint = s.sequence)",
            place,
        )


class _Impatient(PartitionSnapshots):
    """Snapshots for who goes on without them: every look has a connection of its own.

    One that was kept may lead to a server that stands still. One that stands still in the middle is not
    waited for either: no limit of Postgres's own ends that, so it is read on a thread that is left behind.
    """

    def __init__(self, url: str, topic: str) -> None:
        super().__init__(Database(url), topic)
        self._url = url

    def load(self, partition: int, document_at: DocumentAt, only: str | None = None) -> Folded | None:
        found: Future[Folded | None] = Future()
        left_behind = threading.Event()

        def document_for_us(offset: int) -> bytes | None:
            if left_behind.is_set():
                # The connection is another's by now, or closed: it must not be opened again.
                raise Unavailable("nobody waits for this snapshot any more")
            return document_at(offset)

        def look() -> None:
            try:
                found.set_result(self._look(partition, document_for_us, only))
            except BaseException as problem:
                found.set_exception(problem)

        threading.Thread(target=look, name="leadflow-snapshot", daemon=True).start()
        try:
            return found.result(LOAD_S)
        except TimeoutError:
            # What reading met may be a TimeoutError as well.
            if found.done():
                raise
            left_behind.set()
            where = self._database.where
            raise Unavailable(f"it is not read within {LOAD_S:g} s", where=where) from None

    def _look(self, partition: int, document_at: DocumentAt, only: str | None) -> Folded | None:
        with Database(self._url) as database:
            database.serve(1, WAIT_S)
            return PartitionSnapshots(database, self._topic).load(partition, document_at, only)


def _json(value: Mapping[str, Any]) -> str:
    return orjson.dumps(value).decode()


def note_origin(resume: dict[str, int], origin: Origin | None, partition: int) -> None:
    """Remember from which offset on a request topic is to be read after a fact of this origin."""
    if origin is not None and origin.partition == partition:
        resume[origin.topic] = max(resume.get(origin.topic, 0), origin.offset + 1)
