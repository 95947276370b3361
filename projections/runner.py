"""Keeping the read models: catching up, rebuilding beside the old version, waiting, listing.

Every projection has its own position and its own transactions, so one that stops holds up no other; one
pass over the log feeds them all.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import NamedTuple

from psycopg import sql

from leadflow.errors import NotFound, Unavailable
from leadflow.log.reading import Log, Positions
from leadflow.postgres import Database
from projections import channels, customers, outcomes, ownership, pools, registry, timeline
from projections.base import Projection
from projections.copying import Cursor
from projections.filling import Filling, Targets
from projections.locking import lock
from projections.reading import Progress
from projections.sharing import fill_new
from projections.store import SCHEMA, Generation, create_indexes
from projections.verification import Difference, differences
from projections.writer import REFUSED, positions_of

ALL: tuple[Projection, ...] = (
    pools.PROJECTION,
    outcomes.PROJECTION,
    timeline.PROJECTION,
    ownership.PROJECTION,
    customers.PROJECTION,
    channels.PROJECTION,
)
BATCH_LIVE = 10_000
BATCH_REBUILD = 10_000
SWITCH_TRIES_MAX = 100
WAIT_STEP_S = 0.02
OTHER_WAIT_S = 0.5
"""How often to look whether another process has rebuilt."""
_REBUILD_LOCK = "leadflow.projections.rebuild"


class Status(NamedTuple):
    """A projection as it stands."""

    name: str
    version: int
    position: int
    """How far it is in the log; of several partitions, the sum."""
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

    def prepare(self) -> None:
        """Make the schema and the registry, if they are not there. Raises UsageError if the read models are
        another log's."""
        registry.prepare(self.database)
        registry.of_log(self.database, self.log.identity())

    def start(self, progress: Progress | None = None) -> Sequence[str]:
        """Make what is missing, and rebuild what was written by another version of the code.

        Returns the names of what was filled. Raises ProjectionStopped, and as `prepare`.
        """
        self.prepare()
        if not self._old():
            return ()
        with self._rebuilding():
            # While one waited for its turn, another may have done it.
            old = self._old()
            if old:
                self._rebuild(self._chosen(old), progress)
            return old

    def open(self, stop: threading.Event) -> None:
        """As `start`, but what was never filled is left empty, to be fed by whoever follows the log.

        Returns before that is done only when told to stop. Raises ProjectionStopped, and as `prepare`.
        """
        self.prepare()
        while self._old() and not stop.is_set():
            with self._rebuilding(wait=False) as mine:
                if not mine:
                    stop.wait(OTHER_WAIT_S)
                    continue
                live = registry.live(self.database)
                for projection in self.projections.values():
                    if projection.name not in live:
                        self._open_empty(projection)
                if old := self._old():
                    self._rebuild(self._chosen(old), None)

    def _old(self) -> Sequence[str]:
        """What was never filled, or by another version of the code."""
        live = registry.live(self.database)
        return [
            name
            for name, projection in self.projections.items()
            if name not in live or live[name].version != projection.version
        ]

    def _open_empty(self, projection: Projection) -> None:
        generation = registry.begin(self.database, projection)
        with self.database.transaction() as connection, connection.cursor() as cursor:
            create_indexes(cursor, projection, generation)
            registry.go_live(cursor, projection, generation)

    def catch_up(self, names: Iterable[str] | None = None, progress: Progress | None = None) -> int:
        """Take what is new in the log. Returns the position that all of them have reached (of several
        partitions, the sum).

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
            self._rebuild(chosen, progress)

    def _rebuild(self, chosen: Sequence[Projection], progress: Progress | None) -> None:
        registry.remove_left_over(self.database, self.projections)
        try:
            for target in self._fill_new(chosen, progress):
                self._switch(*target)
        finally:
            registry.give_up_filling(self.database, self.projections)
            registry.remove_left_over(self.database, self.projections)

    def verify(
        self, progress: Progress | None = None, names: Iterable[str] | None = None
    ) -> Iterator[Difference]:
        """Compare live rows with a fresh fold of the log up to their positions; yields every difference."""
        live = registry.live(self.database)
        targets = [(p, live[p.name]) for p in self._chosen(names) if p.name in live]
        yield from differences(self.log, self.database, targets, progress)

    def list(self) -> Sequence[Status]:
        """Every projection: version, position, lag, rows, status."""
        ends = self.log.ends()
        with self.database.transaction() as connection, connection.cursor() as cursor:
            found = registry.standings(cursor)
            return [self._status(cursor, projection, found, ends) for projection in self._chosen(None)]

    def wait_for(self, positions: Positions, timeout_s: float, names: Iterable[str] | None = None) -> None:
        """Return when all have reached these positions of the log, by partition; somebody else takes them
        there.

        Raises Unavailable after the time given.
        """
        chosen = [projection.name for projection in self._chosen(names)]
        until = time.monotonic() + timeout_s
        while True:
            reached = registry.live_positions(self.database)
            late = [name for name in chosen if name not in reached or _behind(positions, reached[name])]
            if not late:
                return
            if time.monotonic() >= until:
                raise Unavailable(
                    f"projections have not reached the log's position {sum(positions.values())} yet:"
                    f" {', '.join(late)}",
                    do="Try again; `leadflow projections list` shows how far they are.",
                )
            time.sleep(WAIT_STEP_S)

    # --- filling --------------------------------------------------------------------------------

    def _fill(self, targets: Targets, size: int, progress: Progress | None) -> int:
        return Filling(self.log, self.database, targets, size, progress).run()

    def _fill_new(self, chosen: Sequence[Projection], progress: Progress | None) -> Targets:
        """New generations of these, filled to the log's end."""
        targets = [(projection, registry.begin(self.database, projection)) for projection in chosen]
        try:
            fill_new(self.log, self.database, targets, self._batch_rebuild, progress)
            return targets
        except REFUSED:
            # Which event it was shows where each batch is written by itself.
            targets = [(projection, registry.begin(self.database, projection)) for projection in chosen]
            for target in targets:
                self._index(*target)
            self._fill(targets, self._batch_rebuild, progress)
            return targets

    def _switch(self, projection: Projection, generation: Generation) -> None:
        """Let the new generation be the live one, once it has all that the old one has."""
        for _ in range(SWITCH_TRIES_MAX):
            self._fill([(projection, generation)], self._batch_live, None)
            old = registry.live(self.database).get(projection.name)
            with self.database.transaction() as connection, connection.cursor() as cursor:
                if old is not None:
                    lock(cursor, old)
                lock(cursor, generation)
                reached = positions_of(cursor, generation) or {}
                before = (positions_of(cursor, old) or {}) if old is not None else {}
                if all(reached.get(at, 0) >= position for at, position in before.items()):
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
    def _rebuilding(self, *, wait: bool = True) -> Iterator[bool]:
        """One rebuild at a time in a database: what another one left unfinished is then nobody's.

        Says whether it is our turn; who waits has it in the end.
        """
        key = "(hashtextextended(%s, 0))"
        with self.database.connection() as connection:
            take = "pg_advisory_lock" if wait else "pg_try_advisory_lock"
            found = connection.execute(f"SELECT {take}{key}".encode(), (_REBUILD_LOCK,)).fetchone()
            mine = wait or found == (True,)
            try:
                yield mine
            finally:
                if mine:
                    connection.execute(f"SELECT pg_advisory_unlock{key}".encode(), (_REBUILD_LOCK,))

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
        self,
        cursor: Cursor,
        projection: Projection,
        found: Mapping[tuple[str, str], registry.Standing],
        ends: Positions,
    ) -> Status:
        live = found.get((projection.name, "live"))
        filling = (projection.name, "filling") in found
        if live is None:
            status = "rebuilding" if filling else "missing"
            return Status(projection.name, projection.version, 0, sum(ends.values()), 0, status, None, None)
        rows = 0
        for table in projection.tables:
            cursor.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(SCHEMA, table.name)))
            rows += (cursor.fetchone() or (0,))[0]
        return Status(
            projection.name,
            live.version,
            sum(live.positions.values()),
            _behind(ends, live.positions),
            rows,
            "stopped" if live.stopped else "rebuilding" if filling else "live",
            live.updated_at,
            live.stopped,
        )


def _behind(ends: Positions, positions: Positions) -> int:
    """How many positions of the log are not taken yet."""
    return sum(max(end - positions.get(partition, 0), 0) for partition, end in ends.items())
