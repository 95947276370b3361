"""The embedded log: eventsourcing's own Postgres recorder as it is, and what LeadFlow adds around it.

The recorder's table `log.events` gets two columns that its statements do not know: `recorded_at`,
when the fact was written, and `sha256`, taken when the row was inserted, so that a byte changed later
is found even in a pool's last event. A function of the database, `log.append`, locks the table while it
inserts, as the recorder does, so positions (notification ids) become visible in their order, and a
decision's facts together.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from itertools import starmap
from typing import Any

import psycopg
from eventsourcing.persistence import StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore
from psycopg import sql

from leadflow import postgres
from leadflow.errors import BrokenInvariant, WrongVersion
from leadflow.log.locks import Locks
from leadflow.log.reading import Row

SCHEMA = "log"
TABLE = "events"
LOG_FORMAT = "leadflow log format 1"
"""The schema's comment once it is whole: its version."""
PAGE_SIZE = 5_000
LOCK_WAIT_S = 60.0

_ADDITIONS = """
CREATE OR REPLACE FUNCTION log.seal() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN NEW.sha256 := sha256(NEW.state); RETURN NEW; END $$;
ALTER TABLE log.events
    ADD COLUMN IF NOT EXISTS recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    ADD COLUMN IF NOT EXISTS sha256 bytea,
    ALTER COLUMN topic SET NOT NULL,
    ALTER COLUMN state SET NOT NULL,
    ALTER COLUMN notification_id SET NOT NULL;
CREATE INDEX IF NOT EXISTS events_recorded_at_idx ON log.events (recorded_at);
CREATE OR REPLACE TRIGGER seal BEFORE INSERT ON log.events FOR EACH ROW EXECUTE FUNCTION log.seal();
"""

# One call instead of the recorder's five statements, each a way to the database and back: it locks and
# tells as they do.
_APPEND = """
CREATE OR REPLACE FUNCTION log.append(
    pools text[], sequences bigint[], topics text[], states bytea[], channel text
) RETURNS SETOF bigint LANGUAGE plpgsql SET lock_timeout = 0 AS $$ BEGIN
    LOCK TABLE log.events IN EXCLUSIVE MODE;
    PERFORM pg_notify(channel, '');
    RETURN QUERY INSERT INTO log.events (originator_id, originator_version, topic, state)
        SELECT * FROM unnest(pools, sequences, topics, states) RETURNING notification_id::bigint;
END $$;
"""
_HAS_APPEND = "SELECT to_regprocedure('log.append(text[],bigint[],text[],bytea[],text)') IS NOT NULL"
_CALL = b"SELECT * FROM log.append(%b::text[], %b::bigint[], %b::text[], %b::bytea[], %b)"
# A walk along the primary key: as many steps as there are pools, not as there are events.
_POOLS = """
WITH RECURSIVE pools(id) AS (
    (SELECT originator_id FROM log.events ORDER BY originator_id LIMIT 1)
    UNION ALL
    SELECT (SELECT originator_id FROM log.events WHERE originator_id > pools.id
            ORDER BY originator_id LIMIT 1)
    FROM pools WHERE pools.id IS NOT NULL)
SELECT id FROM pools WHERE id IS NOT NULL
"""


class EmbeddedLog:
    """The log in a Postgres database. Safe to use from several threads and processes."""

    def __init__(self, url: str, *, connections_max: int = 4) -> None:
        """Open the log, setting it up in a database that has none.

        Raises Unavailable if the database cannot be reached, WrongVersion for a log of another format.
        """
        self.url = url
        self.where = postgres.place_of(url)
        self.database = postgres.Database(url, size_max=connections_max)
        self._locks = Locks(url)
        self._listeners = threading.local()
        try:
            self.recorder = self._open_recorder(connections_max)
        except BaseException:
            self.close()
            raise

    # --- set-up ---------------------------------------------------------------------------------

    def _open_recorder(self, connections_max: int) -> PostgresApplicationRecorder:
        with postgres.connect(self.url) as connection, postgres.translated(self.where):
            recorder = self._recorder(connections_max)
            if self._format(connection) is None or connection.execute(_HAS_APPEND).fetchone() == (False,):
                connection.execute("SELECT pg_advisory_lock(%s)", (postgres.advisory_key("set-up", SCHEMA),))
                if self._format(connection) is None:
                    connection.execute("CREATE SCHEMA IF NOT EXISTS log")
                    recorder.create_table()
                    connection.execute(_ADDITIONS)
                    connection.execute(f"COMMENT ON SCHEMA log IS '{LOG_FORMAT}'".encode())
                if self._format(connection) == LOG_FORMAT:
                    connection.execute(_APPEND)
            found = self._format(connection)
            if found != LOG_FORMAT:
                what = f"the log has {found!r}, this version reads {LOG_FORMAT!r}"
                raise WrongVersion(what, where=self.where, do="Use the version of LeadFlow that wrote it.")
            return recorder

    @staticmethod
    def _format(connection: postgres.Connection) -> str | None:
        row = connection.execute("SELECT obj_description(to_regnamespace('log'), 'pg_namespace')").fetchone()
        return row[0] if row else None

    def _recorder(self, connections_max: int) -> PostgresApplicationRecorder:
        known = postgres.parameters(self.url)
        datastore = PostgresDatastore(
            dbname=known.pop("dbname", ""),
            host=known.pop("host", ""),
            port=known.pop("port", ""),
            user=known.pop("user", ""),
            password=known.pop("password", ""),
            connect_timeout=postgres.CONNECT_TIMEOUT_S,
            pool_size=1,
            max_overflow=connections_max - 1,
            pre_ping=True,
            schema=SCHEMA,
            originator_id_type="text",
        )
        # What else the address says (sslmode, options, …) has no argument of its own.
        arguments = datastore.pool.kwargs
        assert isinstance(arguments, dict)
        arguments.update({"application_name": "leadflow", **known})
        self._datastore = datastore
        return PostgresApplicationRecorder(datastore, events_table_name=TABLE)

    def close(self) -> None:
        """Close every connection."""
        self._locks.close()
        if hasattr(self, "_datastore"):
            self._datastore.close()
        self.database.close()

    def __enter__(self) -> EmbeddedLog:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- writing --------------------------------------------------------------------------------

    def append(self, stored: Sequence[StoredEvent]) -> list[int]:
        """Write events durably, all or none; gives their positions.

        Raises Conflict if one of their places in a pool is taken: read on, then decide again. Raises
        Unavailable if the database is away; whether the events were written is unknown then, and a
        second try finds out, by Conflict.
        """
        if not stored:
            return []
        # The recorder's `insert_events` sends one array of composites as text, at ten times the cost, in
        # psycopg's pipeline mode, which leaves the end of a large statement unsent and waits for ever.
        columns = [[getattr(event, field) for event in stored] for field in StoredEvent.__annotations__]
        with self._connection() as connection:
            rows = connection.execute(_CALL, [*columns, self.recorder.channel_name], prepare=True).fetchall()
        if len(rows) != len(stored):
            raise BrokenInvariant("the log gave no positions for what was written")
        return [row[0] for row in rows]

    def lock(self, pools: Sequence[str], *, wait_s: float = LOCK_WAIT_S) -> AbstractContextManager[None]:
        """Be the only writer of these pools, in all processes, until the block ends.

        Locks are taken in one order everywhere, so writers never wait for each other in a circle.
        Each block holds a connection of its own, which this thread reads pools and appends by meanwhile: it
        is not reentrant. A process that dies lets go.
        Raises Unavailable if another holds a pool for longer than `wait_s`.
        """
        return self._locks.hold(pools, wait_s)

    @contextmanager
    def _connection(self) -> Iterator[postgres.Connection]:
        """The connection of the lock that this thread holds, else one of the pool."""
        held = self._locks.connection
        if held is None:
            with self.database.connection() as connection:
                yield connection
        else:
            with postgres.translated(self.where):
                yield held

    # --- reading --------------------------------------------------------------------------------

    def identity(self) -> str:
        """Which log it is, to what stands in the same database."""
        return "the embedded log"

    def ends(self) -> dict[int, int]:
        """The last position of the one partition, 0."""
        return {0: self.end()}

    def partition_of(self, pool: str) -> int:
        """The one partition, 0."""
        return 0

    def end(self) -> int:
        """The last position; 0 for an empty log."""
        return self._one("SELECT max(notification_id) FROM log.events")

    def last(self, pool: str) -> int:
        """The last sequence of a pool; 0 if it has no events."""
        return self._one("SELECT max(originator_version) FROM log.events WHERE originator_id = %s", pool)

    def pools(self) -> list[str]:
        """The pools that have events, in the order of their ids."""
        with self.database.connection() as connection:
            return [row[0] for row in connection.execute(_POOLS)]

    def document(self, pool: str, sequence: int, position: int | None = None) -> bytes | None:
        """The bytes of one event, if it is there."""
        return self.documents(pool, [sequence]).get(sequence)

    def documents(
        self, pool: str, sequences: Sequence[int], positions: Sequence[int] | None = None
    ) -> dict[int, bytes]:
        """The bytes of some events of a pool, by sequence; those that are not there are left out."""
        query = (
            b"SELECT originator_version, state FROM log.events"
            b" WHERE originator_id = %s AND originator_version = ANY(%s)"
        )
        if not sequences:
            return {}
        with self.database.connection() as connection:
            return dict(connection.execute(query, (pool, list(sequences)), binary=True).fetchall())

    def read_pool(self, pool: str, gt: int = 0, *, page: int = PAGE_SIZE) -> Iterator[StoredEvent]:
        """A pool's events after sequence `gt`, in order, up to the end as it is when reached."""
        query = (
            b"SELECT originator_version, topic, state FROM log.events"
            b" WHERE originator_id = %s AND originator_version > %s ORDER BY originator_version LIMIT %s"
        )
        while True:
            with self._connection() as connection:
                rows = connection.execute(query, (pool, gt, page), binary=True).fetchall()
            for sequence, topic, state in rows:
                yield StoredEvent(pool, sequence, topic, state)
            if len(rows) < page:
                return
            gt = rows[-1][0]

    def read_partition(
        self, partition: int, gt: int = 0, topics: Sequence[str] = (), until: datetime | None = None
    ) -> Iterator[tuple[int, datetime, StoredEvent]]:
        """As `read_all`, of the one partition, 0."""
        return self.read_all(gt, topics, until)

    def read_documents(
        self, partition: int, gt: int = 0, topics: Sequence[str] = (), until: datetime | None = None
    ) -> Iterator[tuple[int, datetime, bytes]]:
        """As `read_partition`, of each fact its document alone, in half the time."""
        return self._pages(b"notification_id, recorded_at, state", gt, topics, until, PAGE_SIZE)

    def read_all(
        self, gt: int = 0, topics: Sequence[str] = (), until: datetime | None = None, *, page: int = PAGE_SIZE
    ) -> Iterator[tuple[int, datetime, StoredEvent]]:
        """Events of all pools after position `gt`: position, when it was written (UTC), event.

        `topics` keeps to these types; `until` to what was written up to that time. A decision's facts have
        neighbouring positions and are never seen in part."""
        columns = b"notification_id, recorded_at, originator_id, originator_version, topic, state"
        for place, recorded_at, *event in self._pages(columns, gt, topics, until, page):
            yield place, recorded_at, StoredEvent(*event)

    def read_rows(self) -> Iterator[Row]:
        """Every row, with the digest that was taken when it was written."""
        columns = b"notification_id, recorded_at, originator_id, originator_version, topic, state, sha256"
        return starmap(Row, self._pages(columns, 0, (), None, PAGE_SIZE))

    def _pages(
        self, columns: bytes, gt: int, topics: Sequence[str], until: datetime | None, page: int
    ) -> Iterator[Any]:
        """The columns (position first) page by page; the session's time zone, and so every time's, is UTC."""
        query = b"SELECT " + columns + b" FROM log.events WHERE notification_id > %s"
        query += (b" AND topic = ANY(%s)" if topics else b"") + (b" AND recorded_at <= %s" if until else b"")
        query += b" ORDER BY notification_id LIMIT %s"
        filters = [value for value in (list(topics), until) if value]
        while True:
            with self.database.connection() as connection:
                rows = connection.execute(query, [gt, *filters, page], binary=True).fetchall()
            yield from rows
            if len(rows) < page:
                return
            gt = rows[-1][0]

    def _one(self, query: str, *values: object) -> int:
        with self.database.connection() as connection:
            row = connection.execute(query.encode(), values).fetchone()
        return int((row and row[0]) or 0)

    # --- waiting --------------------------------------------------------------------------------

    def wait(self, timeout_s: float) -> bool:
        """Wait for new events, at most this long. True says: look again.

        A thread's first call says so at once, because what came before it began to listen is unknown.
        Raises Unavailable if the connection is lost; the next call opens another.
        """
        connection: postgres.Connection | None = getattr(self._listeners, "connection", None)
        try:
            if connection is None or connection.closed:
                connection = self._listeners.connection = self._locks.open("leadflow wait")
                connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(self.recorder.channel_name)))
                return True
            return any(True for _ in connection.notifies(timeout=timeout_s, stop_after=1))
        except psycopg.Error as error:
            if connection is not None:
                self._locks.end(connection)
            self._listeners.connection = None
            raise postgres.translate(error, self.where) from error
