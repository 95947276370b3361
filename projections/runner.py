"""Keeping the read models: catching up, rebuilding beside the old version, waiting, listing.

Every projection has its own position and its own transactions, so one that stops holds up no other; one
pass over the log feeds them all.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, MutableSequence, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from typing import Any, NamedTuple

from psycopg import sql

from leadflow.errors import NotFound, Unavailable
from leadflow.postgres import Database
from projections import channels, customers, outcomes, ownership, pools, registry, timeline
from projections.base import Projection, ProjectionStopped
from projections.copying import Cursor
from projections.reading import Log, Progress, batches, read, without_collector
from projections.store import SCHEMA, Generation, create_indexes
from projections.verification import Difference, differences
from projections.writer import lock, position_of, write

ALL: tuple[Projection, ...] = (
    pools.PROJECTION,
    outcomes.PROJECTION,
    timeline.PROJECTION,
    ownership.PROJECTION,
    customers.PROJECTION,
    channels.PROJECTION,
)
BATCH_LIVE = 2_000
BATCH_REBUILD = 10_000
SWITCH_TRIES_MAX = 100
WRITERS_MAX = 2
"""Projections that are written at one time; each takes a connection, a rebuild one more."""
WAIT_STEP_S = 0.02
_REBUILD_LOCK = "leadflow.projections.rebuild"
_Writes = dict[int, "Future[int | None]"]
_TABLE = sql.Identifier(SCHEMA, "projections")


class Status(NamedTuple):
    """A projection as it stands."""

    name: str
    version: int
    position: int
    lag: int
    """How many positions of the log it has not taken."""
    rows: int
    status: str
    """live, stopped, rebuilding, or missing."""
    updated_at: datetime | None
    stopped: str | None
    """The event that it could not apply, and why."""


class Projections:
    """The read models of one log in one database."""

    def __init__(
        self,
        log: Log,
        database: Database,
        projections: Sequence[Projection] = ALL,
        *,
        batch_live: int = BATCH_LIVE,
        batch_rebuild: int = BATCH_REBUILD,
    ) -> None:
        self.log = log
        self.database = database
        self.projections = {projection.name: projection for projection in projections}
        self._batch_live = batch_live
        self._batch_rebuild = batch_rebuild

    def start(self, progress: Progress | None = None) -> Sequence[str]:
        """Make what is missing, and rebuild what was written by another version of the code.

        Returns the names of what was filled. Raises ProjectionStopped.
        """
        registry.prepare(self.database)
        live = registry.live(self.database)
        old = [
            name
            for name, projection in self.projections.items()
            if name not in live or live[name].version != projection.version
        ]
        if old:
            self.rebuild(old, progress)
        return old

    def catch_up(self, names: Iterable[str] | None = None, progress: Progress | None = None) -> int:
        """Take what is new in the log. Returns the position that all of them have reached.

        Raises ProjectionStopped for the first that could not go on, after the others have.
        """
        chosen = self._chosen(names)
        for _ in range(SWITCH_TRIES_MAX):
            targets = self._live_targets(chosen)
            reached = self._fill(targets, self._batch_live, progress)
            if targets == self._live_targets(chosen):
                return reached
            # Another process switched to a new version meanwhile: that one is caught up now.
        raise Unavailable("the projections are being rebuilt again and again", do="Try again later.")

    def _live_targets(self, chosen: Sequence[Projection]) -> Sequence[tuple[Projection, Generation]]:
        live = registry.live(self.database)
        for projection in chosen:
            if projection.name not in live:
                raise NotFound(
                    f"the projection {projection.name!r} was never filled",
                    do=f"Run `leadflow projections rebuild {projection.name}`.",
                )
        return [(projection, live[projection.name]) for projection in chosen]

    def rebuild(self, names: Iterable[str] | None = None, progress: Progress | None = None) -> None:
        """Fill a new version of each beside the old one, then switch, each in one transaction.

        Readers see the old version until then. Raises ProjectionStopped; the old version then stays.
        """
        chosen = self._chosen(names)
        with self._rebuilding():
            registry.remove_left_over(self.database, self.projections)
            targets = [(projection, registry.begin(self.database, projection)) for projection in chosen]
            try:
                self._fill(targets, self._batch_rebuild, progress)
                with ThreadPoolExecutor(WRITERS_MAX, "leadflow-indexes") as executor:
                    for _ in executor.map(lambda target: self._index(*target), targets):
                        pass
                for target in targets:
                    self._switch(*target)
            finally:
                registry.give_up_filling(self.database, self.projections)
                registry.remove_left_over(self.database, self.projections)

    def verify(
        self, progress: Progress | None = None, names: Iterable[str] | None = None
    ) -> Iterator[Difference]:
        """Compare live rows with a fresh fold of the log up to their position; yields every difference."""
        live = registry.live(self.database)
        targets = [(p, live[p.name]) for p in self._chosen(names) if p.name in live]
        yield from differences(self.log, self.database, targets, progress)

    def list(self) -> Sequence[Status]:
        """Every projection: version, position, lag, rows, status."""
        end = self.log.end()
        with self.database.transaction() as connection, connection.cursor() as cursor:
            found = registry.entries(cursor)
            return [self._status(cursor, projection, found, end) for projection in self._chosen(None)]

    def wait_for(self, position: int, timeout_s: float, names: Iterable[str] | None = None) -> None:
        """Return when all have reached a position of the log, which somebody else keeps them at.

        Raises Unavailable after the time given.
        """
        chosen = [projection.name for projection in self._chosen(names)]
        until = time.monotonic() + timeout_s
        while True:
            reached = registry.live_positions(self.database)
            late = [name for name in chosen if reached.get(name, -1) < position]
            if not late:
                return
            if time.monotonic() >= until:
                raise Unavailable(
                    f"projections have not reached position {position} yet: {', '.join(late)}",
                    do="Try again; `leadflow projections list` shows how far they are.",
                )
            time.sleep(WAIT_STEP_S)

    # --- filling --------------------------------------------------------------------------------

    def _fill(
        self, targets: Sequence[tuple[Projection, Generation]], size: int, progress: Progress | None
    ) -> int:
        """Feed every target from its own position to the log's end, in one pass over the log."""
        with self.database.transaction() as connection, connection.cursor() as cursor:
            at = {t: p for t, (_, g) in enumerate(targets) if (p := position_of(cursor, g)) is not None}
        if not at:
            return 0
        end = self.log.end() if progress else 0
        stopped: list[ProjectionStopped] = []
        with without_collector(), ThreadPoolExecutor(WRITERS_MAX, "leadflow-projections") as executor:
            under_way: _Writes = {}
            for batch in batches(read(self.log, min(at.values())), size):
                # While one batch was written, this one was read.
                self._collect(under_way, at, stopped)
                if not at:
                    break
                last = batch[-1].position
                under_way = {
                    index: executor.submit(write, self.database, *targets[index], batch)
                    for index, position in at.items()
                    if position < last
                }
                if progress:
                    progress(last, max(end, last))
            self._collect(under_way, at, stopped)
        if stopped:
            raise stopped[0]
        return min(at.values(), default=0)

    @staticmethod
    def _collect(under_way: _Writes, at: dict[int, int], stopped: MutableSequence[ProjectionStopped]) -> None:
        """Wait for a batch's writes: note where each target stands, leave out those that stopped."""
        for index, written in under_way.items():
            error = written.exception()
            reached = written.result() if error is None else None
            if isinstance(error, ProjectionStopped):
                stopped.append(error)
            elif error is not None:
                raise error
            if reached is None:
                at.pop(index, None)
            else:
                at[index] = reached
        under_way.clear()

    def _switch(self, projection: Projection, generation: Generation) -> None:
        """Let the new generation be the live one, once it has all that the old one has."""
        for _ in range(SWITCH_TRIES_MAX):
            self._fill([(projection, generation)], self._batch_live, None)
            old = registry.live(self.database).get(projection.name)
            with self.database.transaction() as connection, connection.cursor() as cursor:
                if old is not None:
                    lock(cursor, old)
                lock(cursor, generation)
                reached = position_of(cursor, generation) or 0
                if old is None or reached >= (position_of(cursor, old) or 0):
                    registry.go_live(cursor, projection, generation)
                    return
        raise Unavailable(
            f"the new version of {projection.name!r} could not overtake the old one",
            do="Rebuild it when less is written.",
        )

    def _index(self, projection: Projection, generation: Generation) -> None:
        with self.database.transaction() as connection:
            create_indexes(connection.cursor(), projection, generation)

    # --- generations ----------------------------------------------------------------------------

    @contextmanager
    def _rebuilding(self) -> Iterator[None]:
        """One rebuild at a time in a database: what another one left unfinished is then nobody's."""
        with self.database.connection() as connection:
            connection.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", (_REBUILD_LOCK,))
            try:
                yield
            finally:
                connection.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", (_REBUILD_LOCK,))

    def _chosen(self, names: Iterable[str] | None) -> Sequence[Projection]:
        if names is None:
            return list(self.projections.values())
        unknown = [name for name in names if name not in self.projections]
        if unknown:
            raise NotFound(
                f"no projection is called {', '.join(map(repr, unknown))}",
                do=f"There are: {', '.join(self.projections)}.",
            )
        return [self.projections[name] for name in names]

    def _status(
        self, cursor: Cursor, projection: Projection, found: dict[tuple[str, str], Any], end: int
    ) -> Status:
        live = found.get((projection.name, "live"))
        if live is None:
            status = "rebuilding" if (projection.name, "filling") in found else "missing"
            return Status(projection.name, projection.version, 0, end, 0, status, None, None)
        version, position, updated_at, stopped = live
        rows = 0
        for table in projection.tables:
            cursor.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(SCHEMA, table.name)))
            rows += (cursor.fetchone() or (0,))[0]
        status = "rebuilding" if (projection.name, "filling") in found else "live"
        if stopped:
            status = "stopped"
        return Status(
            projection.name, version, position, max(end - position, 0), rows, status, updated_at, stopped
        )
