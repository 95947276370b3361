"""Writing batches of one generation: rows, heads and positions in one transaction, one writer of a partition
at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import NamedTuple

import psycopg
from psycopg import sql

from leadflow.errors import Conflict
from leadflow.log.reading import Positions
from leadflow.postgres import Database
from projections.base import Projection, ProjectionStopped
from projections.copying import Cursor, plain
from projections.folding import Batch, fold
from projections.keeping import Kept
from projections.locking import STILL_MAX, lock_partitions, turn_out
from projections.store import SCHEMA, Generation, PostgresRows

REFUSED = (psycopg.DataError, psycopg.IntegrityError, psycopg.ProgrammingError)
"""What Postgres raises for rows that it does not take."""
PartitionOf = Callable[[str], int]
"""The partition that a pool lives in."""
_TABLE = sql.Identifier(SCHEMA, "projections")
_POSITIONS = sql.Identifier(SCHEMA, "projection_positions")
_HEADS = sql.Identifier(SCHEMA, "projection_heads")


def positions_of(cursor: Cursor, generation: Generation) -> dict[int, int] | None:
    """How far a generation has come in each partition; None where it is no longer written to."""
    cursor.execute(
        sql.SQL(
            "SELECT p.partition, p.position FROM {} LEFT JOIN {} p USING (name, generation)"
            " WHERE name = %s AND generation = %s AND status <> 'retired'"
        ).format(_TABLE, _POSITIONS),
        (generation.name, generation.number),
    )
    found = cursor.fetchall()
    return {at: position for at, position in found if at is not None} if found else None


def heads_of(
    cursor: Cursor, generations: Iterable[Generation], pools: Iterable[str]
) -> dict[str, dict[str, int]]:
    """By generation's name, the last sequence that it has of each of these pools, if it has any."""
    named = list(generations)
    cursor.execute(
        sql.SQL(
            "SELECT name, pool, sequence FROM {} JOIN unnest(%s::text[], %s::int[]) AS g(name, generation)"
            " USING (name, generation) WHERE pool = ANY(%s)"
        ).format(_HEADS),
        ([each.name for each in named], [each.number for each in named], list(pools)),
    )
    heads: dict[str, dict[str, int]] = {each.name: {} for each in named}
    for name, pool, sequence in cursor.fetchall():
        heads[name][pool] = sequence
    return heads


class Written(NamedTuple):
    """What became of a batch."""

    reached: dict[int, int]
    """By partition of the batch, where the generation stands now, as far as it was looked at. That is before
    the batch's end where the next decision follows from one that was not taken, or cannot be applied."""
    stopped: dict[int, ProjectionStopped]
    """By partition, what cannot be applied."""


def write(
    database: Database,
    projection: Projection,
    generation: Generation,
    batch: Batch,
    partition_of: PartitionOf,
    after: Positions,
    kept: Kept | None = None,
) -> Written | None:
    """Apply a batch, what stands before the generation's positions left out: rows and positions of all its
    partitions in one transaction.

    `after` are positions that it had reached already. A database that lost what was committed last, or was
    restored, stands before them: that raises Conflict, and whoever feeds it has to look where it stands.
    `kept` are rows of the batch before, for who writes several one after the other.

    Returns None where the generation is no longer written to. A decision that follows from one of another
    partition that was not taken is left out, and so is one that cannot be applied; with them what comes after
    in their partitions, and what follows from that.
    """
    try:
        while True:
            try:
                with (kept or Kept()).forgotten_by_errors(), writing(database) as cursor:
                    reached = _write_in(cursor, projection, generation, batch, partition_of, after, kept)
                return None if reached is None else Written(reached, {})
            except psycopg.errors.LockNotAvailable:
                turn_out(database, generation, batch.ends)
    except ProjectionStopped as stopped:
        at = next(at for at, entry in enumerate(batch) if entry.id == stopped.event)
        partition = batch[at].partition
        rest = batch.before({partition: batch.begin_of(at)})
        written: Written | None = Written({}, {})
        if rest:
            written = write(database, projection, generation, rest, partition_of, after, kept)
        if written is not None:
            note_stopped(database, generation, partition, stopped)
            written.stopped[partition] = stopped
        return written
    except REFUSED as error:
        return _write_halves(database, projection, generation, batch, partition_of, after, error)


@contextmanager
def writing(database: Database) -> Iterator[Cursor]:
    """A writer's transaction. What Postgres refuses is raised as it is: the caller looks for the event, or
    for who holds a lock."""
    refused: psycopg.Error | None = None
    with database.connection() as connection:
        try:
            with connection.transaction(), connection.cursor() as cursor:
                # A lost commit is made again from the log, so nobody waits for the disk. Rows are found by
                # their keys: the planner knows too little of tables that are being filled. Who stands still
                # with a lock in its hand is turned out, so that another can go on with the partition.
                cursor.execute(
                    "SELECT set_config('synchronous_commit', 'off', true),"
                    " set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true),"
                    " set_config('enable_mergejoin', 'off', true),"
                    " set_config('idle_in_transaction_session_timeout', %s, true)",
                    (STILL_MAX,),
                )
                yield plain(cursor)
        except (*REFUSED, psycopg.errors.LockNotAvailable) as error:
            # Raised again outside, where it is not translated.
            refused = error
    if refused is not None:
        raise refused


def _write_in(
    cursor: Cursor,
    projection: Projection,
    generation: Generation,
    batch: Batch,
    partition_of: PartitionOf,
    after: Positions,
    kept: Kept | None,
) -> dict[int, int] | None:
    lock_partitions(cursor, generation, batch.ends)
    positions = positions_of(cursor, generation)
    if positions is None:
        return None
    if kept is not None:
        kept.check(positions)
    reached = {partition: positions.get(partition, 0) for partition in batch.ends}
    for partition, position in reached.items():
        if position < after.get(partition, 0):
            raise Conflict(
                f"the projection {projection.name!r} stands at position {position} of partition {partition},"
                f" though it was at {after[partition]}",
                do="Go on from there: the database has lost its last commits or was restored.",
            )
    if any(batch.begins[partition] <= position for partition, position in reached.items()):
        batch = Batch(entry for entry in batch if entry.position > reached[entry.partition])
    batch = _possible(cursor, generation, batch, partition_of)
    if batch:
        rows = PostgresRows(cursor, projection, generation, kept)
        rows.load(batch)
        fold(projection, batch, rows)
        rows.write()
        note_position(cursor, generation, batch.ends)
        if kept is not None:
            kept.positions |= batch.ends
    return reached | batch.ends


def _possible(cursor: Cursor, generation: Generation, batch: Batch, partition_of: PartitionOf) -> Batch:
    """The batch without what follows from decisions of other partitions that were not taken yet, and are not
    in it. In its own partition everything comes in its order."""
    needed = [
        one
        for one in batch.following
        if not batch.holds(one.pool, one.sequence) and partition_of(one.pool) != one.entry.partition
    ]
    if not needed:
        return batch
    heads = heads_of(cursor, [generation], {one.pool for one in needed})[generation.name]
    late: dict[int, int] = {}
    for one in needed:
        if heads.get(one.pool, 0) < one.sequence:
            late.setdefault(one.entry.partition, batch.begin_of(one.at))
    # Others in the batch may follow from what is left out.
    return _possible(cursor, generation, batch.before(late), partition_of) if late else batch


def note_position(cursor: Cursor, generation: Generation, reached: Positions) -> None:
    """Keep how far a generation has come in some partitions."""
    cursor.execute(
        sql.SQL(
            "INSERT INTO {} (name, generation, partition, position, updated_at)"
            " SELECT %s, %s, reached.*, %s FROM unnest(%s::int[], %s::bigint[]) AS reached"
            " ON CONFLICT (name, generation, partition) DO UPDATE"
            " SET position = excluded.position, updated_at = excluded.updated_at, stopped = NULL"
        ).format(_POSITIONS),
        (generation.name, generation.number, datetime.now(UTC), list(reached), list(reached.values())),
    )


def _write_halves(
    database: Database,
    projection: Projection,
    generation: Generation,
    batch: Batch,
    partition_of: PartitionOf,
    after: Positions,
    error: psycopg.Error,
) -> Written | None:
    """Postgres took one of these decisions' rows amiss: find it by halves, writing all others."""
    starts = [at for at, entry in enumerate(batch) if entry.fact_index == 1]
    if len(starts) < 2:
        first = batch[0]
        why = f"Postgres refuses its rows: {error.diag.message_primary or type(error).__name__}"
        stopped = ProjectionStopped(projection.name, first.position, first.id, why)
        stopped.__cause__ = error
        note_stopped(database, generation, first.partition, stopped)
        return Written({}, {first.partition: stopped})
    middle = starts[len(starts) // 2]
    half = Batch(batch[:middle])
    written = write(database, projection, generation, half, partition_of, after)
    if written is None:
        return None
    late = {at: 0 for at, end in half.ends.items() if written.reached.get(at, 0) < end}
    rest = Batch(batch[middle:]).before(late)
    following = write(database, projection, generation, rest, partition_of, after) if rest else written
    if following is None:
        return None
    return Written(written.reached | following.reached, written.stopped | following.stopped)


def note_stopped(
    database: Database, generation: Generation, partition: int, stopped: ProjectionStopped
) -> None:
    """Keep what stopped a generation, for those who ask. Raises Unavailable."""
    with database.transaction() as connection:
        connection.execute(
            sql.SQL(
                "INSERT INTO {} (name, generation, partition, stopped) VALUES (%s, %s, %s, %s)"
                " ON CONFLICT (name, generation, partition) DO UPDATE SET stopped = excluded.stopped"
            ).format(_POSITIONS),
            (generation.name, generation.number, partition, f"{stopped.event}: {stopped.why}"),
        )
