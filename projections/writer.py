"""Writing batches of one generation: rows, heads and position in one transaction, one writer at a time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import psycopg
from psycopg import sql

from leadflow.postgres import Database
from projections.base import Entry, Projection, ProjectionStopped, fold
from projections.copying import Cursor, plain
from projections.store import SCHEMA, Generation, PostgresRows

REFUSED = (psycopg.DataError, psycopg.IntegrityError, psycopg.ProgrammingError)
"""What Postgres raises for rows that it does not take."""


def lock(cursor: Cursor, generation: Generation) -> None:
    """Be the only writer of a generation until the transaction ends."""
    cursor.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))",
        (f"leadflow.projections.{generation.name}.{generation.number}",),
    )


def position_of(cursor: Cursor, generation: Generation) -> int | None:
    """How far a generation has come; None where it is no longer written to."""
    cursor.execute(
        sql.SQL("SELECT position FROM {} WHERE name = %s AND generation = %s AND status <> 'retired'").format(
            sql.Identifier(SCHEMA, "projections")
        ),
        (generation.name, generation.number),
    )
    found = cursor.fetchone()
    return found[0] if found else None


def write(
    database: Database, projection: Projection, generation: Generation, entries: Sequence[Entry]
) -> int | None:
    """Apply entries that hold whole decisions, those before its position left out.

    Returns the position reached, or None where the generation is no longer written to. Raises
    ProjectionStopped at the first decision that cannot be applied; what comes before it is written.
    """
    try:
        return _write(database, projection, generation, entries)
    except ProjectionStopped as stopped:
        before = _decisions_before(entries, stopped.position)
        if before:
            _write(database, projection, generation, before)
        _note_stopped(database, generation, stopped)
        raise
    except REFUSED as error:
        return _write_halves(database, projection, generation, entries, error)


def _write(
    database: Database, projection: Projection, generation: Generation, entries: Sequence[Entry]
) -> int | None:
    refused: psycopg.Error | None = None
    with database.connection() as connection:
        try:
            with connection.transaction(), connection.cursor() as plain_cursor:
                return _write_in(plain(plain_cursor), projection, generation, entries)
        except REFUSED as error:
            # Raised again outside, where it is not translated: the caller looks for the event.
            refused = error
    raise refused


def _write_in(
    cursor: Cursor, projection: Projection, generation: Generation, entries: Sequence[Entry]
) -> int | None:
    # A lost commit is made again from the log, so nobody waits for the disk. Rows are found by their
    # keys: the planner knows too little of tables that are being filled.
    cursor.execute(
        "SELECT set_config('synchronous_commit', 'off', true), set_config('enable_seqscan', 'off', true),"
        " set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true)"
    )
    lock(cursor, generation)
    position = position_of(cursor, generation)
    if position is None:
        return None
    if entries[0].position <= position:
        entries = [entry for entry in entries if entry.position > position]
        if not entries:
            return position
    rows = PostgresRows(cursor, projection, generation)
    rows.load(entries)
    fold(projection, entries, rows)
    rows.write()
    reached = entries[-1].position
    cursor.execute(
        sql.SQL(
            "UPDATE {} SET position = %s, updated_at = %s, stopped = NULL WHERE name = %s AND generation = %s"
        ).format(sql.Identifier(SCHEMA, "projections")),
        (reached, datetime.now(UTC), generation.name, generation.number),
    )
    return reached


def _decisions_before(entries: Sequence[Entry], position: int) -> Sequence[Entry]:
    """The entries of all decisions before the one that holds the entry at `position`."""
    end = next(i for i, entry in enumerate(entries) if entry.position == position)
    return entries[: max(end + 1 - entries[end].fact_index, 0)]


def _write_halves(
    database: Database,
    projection: Projection,
    generation: Generation,
    entries: Sequence[Entry],
    error: psycopg.Error,
) -> int | None:
    """Postgres took one of these decisions' rows amiss: find it by halves, writing what is before it."""
    starts = [i for i, entry in enumerate(entries) if entry.fact_index == 1]
    if len(starts) < 2:
        why = f"Postgres refuses its rows: {error.diag.message_primary or type(error).__name__}"
        stopped = ProjectionStopped(projection.name, entries[0].position, entries[0].id, why)
        _note_stopped(database, generation, stopped)
        raise stopped from error
    middle = starts[len(starts) // 2]
    write(database, projection, generation, entries[:middle])
    return write(database, projection, generation, entries[middle:])


def _note_stopped(database: Database, generation: Generation, stopped: ProjectionStopped) -> None:
    with database.transaction() as connection:
        connection.execute(
            sql.SQL("UPDATE {} SET stopped = %s WHERE name = %s AND generation = %s").format(
                sql.Identifier(SCHEMA, "projections")
            ),
            (f"{stopped.event}: {stopped.why}", generation.name, generation.number),
        )
