"""Connections to Postgres, with its errors translated once; the embedded server is in `embedded_postgres`."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg
import psycopg_pool
from eventsourcing import persistence
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from leadflow.errors import BrokenInvariant, Conflict, LeadflowError, Unavailable, UsageError
from leadflow.settings import redact

CONNECT_TIMEOUT_S = 10
CLOSE_WAIT_S = 0.5
"""How long a pool that is closed waits for threads that still connect to a server that does not answer."""
POOL_SIZE_MAX = 4
_AWAY = "See that the database is running and can be reached, then try again."
Connection = psycopg.Connection[tuple[Any, ...]]


def translate(error: Exception, where: str | None = None) -> LeadflowError:
    """Our error for one of psycopg's or of the event store's; raise it `from` the original.

    Only the primary message is kept: details of Postgres may quote rows, and so a person's data.
    """
    origin: BaseException = error
    while isinstance(origin, persistence.PersistenceError) and origin.__cause__ is not None:
        origin = origin.__cause__
    if isinstance(origin, LeadflowError):
        return origin
    primary = origin.diag.message_primary if isinstance(origin, psycopg.Error) else None
    what = redact(primary or (str(origin).strip().splitlines() or [type(origin).__name__])[0])
    if isinstance(origin, psycopg.errors.UntranslatableCharacter) or "NUL (0x00)" in str(origin):
        # No text and no document of Postgres holds one; JSON may.
        return UsageError("a text holds a character that no text has (NUL)", where=None)
    if isinstance(origin, psycopg.errors.UniqueViolation | persistence.IntegrityError):
        return Conflict("somebody else wrote first", where=where, do="Read again, then try again.")
    if isinstance(origin, psycopg.errors.InsufficientPrivilege):
        do = "Grant the role what is missing, or use another role."
        return Unavailable(f"the database refuses: {what}", where=where, do=do)
    if isinstance(
        origin,
        psycopg.OperationalError
        | psycopg.errors.IdleInTransactionSessionTimeout
        | psycopg.InterfaceError
        | persistence.OperationalError
        | persistence.InterfaceError,
    ):
        return Unavailable(f"the database is away: {what}", where=where, do=_AWAY)
    return BrokenInvariant(f"the database refuses a statement: {what}", where=where)


@contextmanager
def translated(where: str | None = None) -> Iterator[None]:
    """Within this block every error of psycopg and of the event store becomes one of ours."""
    try:
        yield
    except (psycopg.Error, persistence.PersistenceError) as error:
        raise translate(error, where) from error


def parameters(url: str) -> dict[str, str]:
    """The libpq parameters of an address (URL or `key=value`). Raises UsageError."""
    try:
        return {key: str(value) for key, value in conninfo_to_dict(url).items() if value is not None}
    except psycopg.ProgrammingError as error:
        raise UsageError(
            f"{redact(url)} is no address of a Postgres database",
            do="Write it as postgresql://user:password@host:5432/database",
        ) from error


def place_of(url: str) -> str:
    """Where a database is, without user and password: for messages."""
    known = parameters(url)
    host = known.get("host", "localhost")
    return f"database {known.get('dbname', '?')} at {host}" + (f":{p}" if (p := known.get("port")) else "")


def connect(
    url: str, *, name: str = "leadflow", autocommit: bool = True, wait_s: int = CONNECT_TIMEOUT_S
) -> Connection:
    """A connection of one's own. Raises Unavailable if there is no database to be reached in so long, or in
    what the `connect_timeout` of its address says."""
    where = place_of(url)
    with translated(where):
        connection = psycopg.connect(
            url,
            autocommit=True,
            application_name=name,
            connect_timeout=_patience(url, wait_s),
        )
        configure(connection)
        connection.autocommit = autocommit
        return connection


def _patience(url: str, wait_s: int) -> int:
    """For how many seconds to try to connect, unless the address says so itself."""
    return int(parameters(url).get("connect_timeout", wait_s))


def configure(connection: psycopg.Connection[Any]) -> None:
    """Times come back in UTC, whatever the server or the machine is set to."""
    connection.autocommit = True
    connection.execute("SET timezone TO 'UTC'")


class _Told(psycopg.Connection[tuple[Any, ...]]):
    """A connection that says what kept it from being opened: a pool says only how long it has tried."""

    @classmethod
    def connect(  # type: ignore[override]
        cls, conninfo: str, *, tell: Callable[[psycopg.Error | None], None], **given: Any
    ) -> _Told:
        try:
            made = super().connect(conninfo, **given)
        except psycopg.Error as error:
            tell(error)
            raise
        tell(None)
        return made


class Database:
    """One Postgres database, with a small pool of connections. Opens none before it needs one."""

    def __init__(self, url: str, *, size_max: int = POOL_SIZE_MAX) -> None:
        self.url = url
        self.where = place_of(url)
        self._kept_out: str | None = None
        """What the last try to connect met."""
        self._pool = psycopg_pool.ConnectionPool(
            make_conninfo(
                url, application_name="leadflow", connect_timeout=_patience(url, CONNECT_TIMEOUT_S)
            ),
            connection_class=_Told,
            min_size=0,
            max_size=size_max,
            open=False,
            kwargs={"autocommit": True, "tell": self._tell},
            timeout=CONNECT_TIMEOUT_S,
            configure=configure,
            check=psycopg_pool.ConnectionPool.check_connection,
        )
        self._joined = threading.local()

    def serve(self, size_max: int, wait_s: float) -> None:
        """Let many be served at a time: by more connections, each waited for no longer than so."""
        self._pool.resize(min_size=0, max_size=size_max)
        self._pool.timeout = wait_s

    @contextmanager
    def connection(self, *, apart: bool = False) -> Iterator[Connection]:
        """A connection of the pool, committing each statement; within `joined`, that one, unless `apart`.

        psycopg's errors become ours.
        """
        joined: Connection | None = getattr(self._joined, "connection", None)
        with translated(self.where):
            if joined is not None and not apart:
                # A statement that fails undoes itself, not all that was done before it.
                with joined.transaction():
                    yield joined
                return
            self._pool.open()
            try:
                with self._pool.connection() as connection:
                    yield connection
            except psycopg_pool.PoolTimeout as late:
                if self._kept_out is None:
                    raise
                raise psycopg.OperationalError(self._kept_out) from late

    def _tell(self, error: psycopg.Error | None) -> None:
        self._kept_out = None if error is None else str(error)

    @contextmanager
    def transaction(self, *, apart: bool = False) -> Iterator[Connection]:
        """A connection in a transaction: committed at the end, rolled back by any error."""
        with self.connection(apart=apart) as connection, connection.transaction():
            yield connection

    @contextmanager
    def joined(self) -> Iterator[Connection]:
        """All that this thread asks of this database until the block ends is one transaction."""
        with self.transaction() as connection:
            before = getattr(self._joined, "connection", None)
            self._joined.connection = connection
            try:
                yield connection
            finally:
                self._joined.connection = before

    def close(self) -> None:
        """Close the pool's connections."""
        self._pool.close(CLOSE_WAIT_S)

    def __enter__(self) -> Database:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def advisory_key(*names: str) -> int:
    """The 64-bit key of an advisory lock for a name: from SHA-256, the same in every process."""
    digest = hashlib.sha256("\x1f".join(names).encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def ensure_table(database: Database, table: str, ddl: str) -> None:
    """Run `ddl` if `table` (`schema.name`) is not there; of several processes one does it."""
    # What is there is remembered, so it must not go again with a transaction that fails.
    with database.transaction(apart=True) as connection:
        present = "SELECT to_regclass(%s) IS NOT NULL"
        if connection.execute(present, (table,)).fetchone() == (True,):
            return
        _alone_in(connection, table.partition(".")[0])
        if connection.execute(present, (table,)).fetchone() == (False,):
            connection.execute(ddl.encode())


def ensure_column(database: Database, table: str, column: str, ddl: str) -> None:
    """Run `ddl` if the table (`schema.name`) lacks the column; of several processes one does it."""
    schema, _, name = table.partition(".")
    present = (
        "SELECT EXISTS (SELECT FROM information_schema.columns"
        " WHERE table_schema = %s AND table_name = %s AND column_name = %s)"
    )
    with database.transaction(apart=True) as connection:
        if connection.execute(present, (schema, name, column)).fetchone() == (True,):
            return
        _alone_in(connection, schema)
        if connection.execute(present, (schema, name, column)).fetchone() == (False,):
            connection.execute(ddl.encode())


def _alone_in(connection: Connection, schema: str) -> None:
    """Wait, until the transaction ends, for whoever sets another table of the schema up: of two that make the
    schema itself, Postgres fails one, IF NOT EXISTS or not."""
    connection.execute("SELECT pg_advisory_xact_lock(%s)", (advisory_key("set-up", schema),))


def with_database(url: str, name: str) -> str:
    """The same server's address with another database."""
    if "://" not in url:
        return make_conninfo(url, dbname=name)
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=f"/{quote(name, safe='')}"))


def create_database(url: str, name: str, *, template: str = "template0") -> str:
    """Make a database on the server of `url`, ordering text by code point on every machine.

    A copy of another `template` keeps that one's order. Returns its address. Raises Conflict if it exists.
    """
    from_scratch = sql.SQL(" ENCODING 'UTF8' LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' LOCALE 'C'")
    with connect(url) as connection, translated(place_of(url)):
        try:
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                    sql.Identifier(name), sql.Identifier(template)
                )
                + (from_scratch if template == "template0" else sql.SQL(" STRATEGY FILE_COPY"))
            )
        except psycopg.errors.DuplicateDatabase as error:
            raise Conflict(f"a database {name} exists already", where=place_of(url)) from error
    return with_database(url, name)


def drop_database(url: str, name: str) -> None:
    """Remove a database of the server of `url` with all that is in it; closes its connections."""
    with connect(url) as connection, translated(place_of(url)):
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def describe(url: str) -> dict[str, Any]:
    """What `doctor` shows of a database: version, size in bytes, whether writes are durable."""
    with connect(url) as connection, translated(place_of(url)):
        row = connection.execute(
            "SELECT current_setting('server_version'), pg_database_size(current_database()),"
            " current_setting('fsync'), current_setting('synchronous_commit')"
        ).fetchone()
    assert row is not None
    return {"version": row[0], "bytes": row[1], "fsync": row[2], "synchronous_commit": row[3]}
