"""Locks of pools on the embedded log, and connections that are kept: for locks, and for who listens."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import psycopg

from leadflow import postgres
from leadflow.errors import Unavailable

# Two statements at once: every way to the database and back makes others wait.
_LOCK = "SET lock_timeout = {}; SELECT pg_advisory_lock(key) FROM unnest(ARRAY{}::bigint[]) AS key"
"""Milliseconds, and keys."""


class Locks:
    """Locks of pools in one database. Safe to use from several threads and processes."""

    def __init__(self, url: str) -> None:
        """Opens nothing."""
        self._url = url
        self._where = postgres.place_of(url)
        self._idle: list[postgres.Connection] = []
        self._opened: list[postgres.Connection] = []
        self._guard = threading.Lock()
        self._of_thread = threading.local()

    @property
    def connection(self) -> postgres.Connection | None:
        """The connection of the lock that this thread holds, if it holds one."""
        found: postgres.Connection | None = getattr(self._of_thread, "connection", None)
        return found

    @contextmanager
    def hold(self, pools: Sequence[str], wait_s: float) -> Iterator[None]:
        """Be the only writer of these pools, in all processes, until the block ends. See `EmbeddedLog.lock`.

        Raises Unavailable if another holds a pool for longer than `wait_s`.
        """
        keys = sorted({postgres.advisory_key("pool", pool) for pool in pools})
        before, connection = self.connection, self._take()
        released = False
        try:
            with postgres.translated(self._where):
                try:
                    connection.execute(_LOCK.format(max(1, int(wait_s * 1000)), keys).encode(), prepare=False)
                except psycopg.errors.LockNotAvailable as error:
                    raise Unavailable(
                        f"another process has been writing for {wait_s:g} seconds",
                        where=f"pool {', '.join(sorted(pools))}",
                        do="Look for a LeadFlow process that hangs, end it, and try again.",
                    ) from error
            self._of_thread.connection = connection
            yield
            with postgres.translated(self._where):
                connection.execute("SELECT pg_advisory_unlock_all()")
            released = True
        finally:
            self._of_thread.connection = before
            # Closing the connection releases its locks too: it is what every error does.
            if released:
                with self._guard:
                    self._idle.append(connection)
            else:
                self.end(connection)

    def open(self, name: str) -> postgres.Connection:
        """A connection of one's own, closed with all others. Raises Unavailable."""
        connection = postgres.connect(self._url, name=name)
        with self._guard:
            self._opened.append(connection)
        return connection

    def end(self, connection: postgres.Connection) -> None:
        """Close a connection that was opened here."""
        with self._guard:
            if connection in self._opened:
                self._opened.remove(connection)
        connection.close()

    def close(self) -> None:
        """Close every connection."""
        with self._guard:
            opened, self._opened, self._idle = self._opened, [], []
        for connection in opened:
            connection.close()

    def _take(self) -> postgres.Connection:
        with self._guard:
            while self._idle:
                connection = self._idle.pop()
                if not connection.closed:
                    return connection
        return self.open("leadflow lock")
