"""Writing batches of one generation: rows, heads and position in one transaction, one writer of a partition
at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

import psycopg
from psycopg import sql

from leadflow.errors import Conflict
from leadflow.postgres import Database
from projections.base import Entry, Projection, ProjectionStopped, comes_after
from projections.copying import Cursor, plain
from projections.folding import fold
from projections.store import SCHEMA, Generation, PostgresRows

REFUSED = (psycopg.DataError, psycopg.IntegrityError, psycopg.ProgrammingError)
"""What Postgres raises for rows that it does not take."""
IDLE_MAX = "20s"
"""How long a writer may leave its transaction standing."""
PartitionOf = Callable[[str], int]
"""The partition that a pool lives in."""
_TABLE = sql.Identifier(SCHEMA, "projections")
_POSITIONS = sql.Identifier(SCHEMA, "projection_positions")
_HEADS = sql.Identifier(SCHEMA, "projection_heads")


def lock_partition(cursor: Cursor, generation: Generation, partition: int) -> None:
    """Be the only writer of a generation's partition until the transaction ends; other partitions may be
    written meanwhile."""
    name = _lock_name(generation)
    cursor.execute(
        "SELECT pg_advisory_xact_lock_shared(hashtextextended(%s, 0)),"
        " pg_advisory_xact_lock(hashtextextended(%s, 0))",
        (name, f"{name}.{partition}"),
    )


def lock(cursor: Cursor, generation: Generation) -> None:
    """Keep every writer out of a generation until the transaction ends."""
    cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (_lock_name(generation),))


def _lock_name(generation: Generation) -> str:
    return f"leadflow.projections.{generation.name}.{generation.number}"


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


def write(
    database: Database,
    projection: Projection,
    generation: Generation,
    entries: Sequence[Entry],
    partition_of: PartitionOf,
    after: int = 0,
) -> int | None:
    """Apply entries of one partition that hold whole decisions, those before its position left out.

    `after` is a position that it had reached already. A database that lost what was committed last, or was
    restored, stands before it: that raises Conflict, and whoever feeds it has to look where it stands.

    Returns the position reached, or None where the generation is no longer written to. It ends before a
    decision that follows from another partition's, as long as that one was not taken. Raises
    ProjectionStopped at the first decision that cannot be applied; what comes before it is written.
    """
    try:
        return _write(database, projection, generation, entries, partition_of, after)
    except ProjectionStopped as stopped:
        before = _decisions_before(entries, stopped.position)
        if before:
            _write(database, projection, generation, before, partition_of, after)
        note_stopped(database, generation, entries[0].partition, stopped)
        raise
    except REFUSED as error:
        return _write_halves(database, projection, generation, entries, partition_of, after, error)


def _write(
    database: Database,
    projection: Projection,
    generation: Generation,
    entries: Sequence[Entry],
    partition_of: PartitionOf,
    after: int,
) -> int | None:
    with writing(database) as cursor:
        return _write_in(cursor, projection, generation, entries, partition_of, after)


@contextmanager
def writing(database: Database) -> Iterator[Cursor]:
    """A writer's transaction. What Postgres refuses is raised as it is: the caller looks for the event."""
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
                    (IDLE_MAX,),
                )
                yield plain(cursor)
        except REFUSED as error:
            # Raised again outside, where it is not translated.
            refused = error
    if refused is not None:
        raise refused


def _write_in(
    cursor: Cursor,
    projection: Projection,
    generation: Generation,
    entries: Sequence[Entry],
    partition_of: PartitionOf,
    after: int,
) -> int | None:
    partition = entries[0].partition
    lock_partition(cursor, generation, partition)
    positions = positions_of(cursor, generation)
    if positions is None:
        return None
    position = positions.get(partition, 0)
    if position < after:
        raise Conflict(
            f"the projection {projection.name!r} stands at position {position} of partition {partition},"
            f" though it was at {after}",
            do="Go on from there: the database has lost its last commits or was restored.",
        )
    if entries[0].position <= position:
        entries = [entry for entry in entries if entry.position > position]
    entries = _possible(cursor, generation, entries, partition_of)
    if not entries:
        return position
    rows = PostgresRows(cursor, projection, generation)
    rows.load(entries)
    fold(projection, entries, rows)
    rows.write()
    note_position(cursor, generation, partition, entries[-1].position)
    return entries[-1].position


def _possible(
    cursor: Cursor, generation: Generation, entries: Sequence[Entry], partition_of: PartitionOf
) -> Sequence[Entry]:
    """The entries before the first decision that follows from one of another partition that was not taken
    yet. In its own partition everything comes in its order."""
    following = [
        (at, before)
        for at, entry in enumerate(entries)
        if (before := comes_after(entry)) and partition_of(before[0]) != entry.partition
    ]
    if not following:
        return entries
    cursor.execute(
        sql.SQL(
            "SELECT pool, sequence FROM {} WHERE name = %s AND generation = %s AND pool = ANY(%s)"
        ).format(_HEADS),
        (generation.name, generation.number, [pool for _, (pool, _) in following]),
    )
    heads: dict[str, int] = dict(cursor.fetchall())
    for at, (pool, sequence) in following:
        if heads.get(pool, 0) < sequence:
            return _decisions_before(entries, entries[at].position)
    return entries


def note_position(cursor: Cursor, generation: Generation, partition: int, position: int) -> None:
    """Keep how far a generation has come in a partition."""
    cursor.execute(
        sql.SQL(
            "INSERT INTO {} (name, generation, partition, position, updated_at) VALUES (%s, %s, %s, %s, %s)"
            " ON CONFLICT (name, generation, partition) DO UPDATE"
            " SET position = excluded.position, updated_at = excluded.updated_at, stopped = NULL"
        ).format(_POSITIONS),
        (generation.name, generation.number, partition, position, datetime.now(UTC)),
    )


def _decisions_before(entries: Sequence[Entry], position: int) -> Sequence[Entry]:
    """The entries of all decisions before the one that holds the entry at `position`."""
    end = next(i for i, entry in enumerate(entries) if entry.position == position)
    return entries[: max(end + 1 - entries[end].fact_index, 0)]


def _write_halves(
    database: Database,
    projection: Projection,
    generation: Generation,
    entries: Sequence[Entry],
    partition_of: PartitionOf,
    after: int,
    error: psycopg.Error,
) -> int | None:
    """Postgres took one of these decisions' rows amiss: find it by halves, writing what is before it."""
    starts = [i for i, entry in enumerate(entries) if entry.fact_index == 1]
    if len(starts) < 2:
        why = f"Postgres refuses its rows: {error.diag.message_primary or type(error).__name__}"
        stopped = ProjectionStopped(projection.name, entries[0].position, entries[0].id, why)
        note_stopped(database, generation, entries[0].partition, stopped)
        raise stopped from error
    middle = starts[len(starts) // 2]
    write(database, projection, generation, entries[:middle], partition_of, after)
    return write(database, projection, generation, entries[middle:], partition_of, after)


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
