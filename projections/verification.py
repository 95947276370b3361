"""Comparing live rows with a fresh fold of the log."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from psycopg import sql

from leadflow.errors import LogDamaged
from leadflow.log.reading import Log, Positions
from leadflow.postgres import Connection, Database
from projections.base import Entry, Key, Projection, Row, Table
from projections.copying import plain
from projections.folding import fold
from projections.memory import MemoryRows
from projections.reading import Progress, batches, read, without_collector
from projections.store import SCHEMA, Generation
from projections.writer import positions_of

BATCH = 5_000
FETCH_ROWS = 2_000


class Difference(NamedTuple):
    """A value of a live projection that is not what the log says."""

    projection: str
    table: str
    key: str
    column: str
    """Empty where the whole row is missing, or should not be there."""
    live: Any
    fresh: Any


def differences(
    log: Log,
    database: Database,
    targets: Sequence[tuple[Projection, Generation]],
    progress: Progress | None = None,
) -> Iterator[Difference]:
    """Every difference between live rows and a fold of the log up to their positions.

    All rows are those of one moment, however long it takes. Raises LogDamaged where they have taken events
    of a pool that the log no longer has at its end.
    """
    with database.connection() as connection:
        connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        try:
            cursor = connection.cursor()
            positions = [positions_of(cursor, generation) or {} for _, generation in targets]
            with without_collector():
                folds = _fold(log, [projection for projection, _ in targets], positions, progress)
            for (projection, generation), fresh in zip(targets, folds, strict=True):
                yield from _compare_heads(connection, projection, generation, fresh)
                for table in projection.tables:
                    yield from _compare(connection, projection, generation, table, fresh.tables[table.name])
        finally:
            connection.execute("ROLLBACK")


def _fold(
    log: Log, projections: Sequence[Projection], positions: Sequence[Positions], progress: Progress | None
) -> list[MemoryRows]:
    folds = [MemoryRows(projection) for projection in projections]
    upto = {at: max(reached.get(at, 0) for reached in positions) for at in log.ends()}
    end, seen = sum(upto.values()), dict.fromkeys(upto, 0)
    for batch in batches(read(log, upto=upto), BATCH):
        for projection, reached, rows in zip(projections, positions, folds, strict=True):
            taken: Sequence[Entry] = batch
            if reached != upto:
                taken = [entry for entry in batch if entry.position <= reached.get(entry.partition, 0)]
            fold(projection, taken, rows)
        if progress:
            seen |= {entry.partition: entry.position for entry in batch}
            progress(sum(seen.values()), end)
    return folds


def _compare(
    connection: Connection,
    projection: Projection,
    generation: Generation,
    table: Table,
    fresh: dict[Key, Row],
) -> Iterator[Difference]:
    """Compare a table, taking from `fresh` what was found."""
    columns = tuple(table.columns)
    places = [columns.index(column) for column in table.key]
    default = 0 if table.kind == "sums" else None
    with connection.cursor(name="verify") as cursor:
        cursor.itersize = FETCH_ROWS
        plain(cursor)
        cursor.execute(
            sql.SQL("SELECT {} FROM {}").format(
                sql.SQL(", ").join(map(sql.Identifier, columns)), generation.identifier(table.name)
            )
        )
        for record in cursor:
            key = tuple([record[place] for place in places])
            expected = fresh.pop(key, None)
            if expected is not None and record == tuple(map(expected.get, columns)):
                continue
            live = dict(zip(columns, record, strict=True))
            name = "/".join(map(str, key))
            if expected is None:
                yield Difference(projection.name, table.name, name, "", live, None)
                continue
            for column in columns:
                wanted = expected.get(column, default)
                if live[column] != wanted:
                    yield Difference(projection.name, table.name, name, column, live[column], wanted)
    for key, row in fresh.items():
        yield Difference(projection.name, table.name, "/".join(map(str, key)), "", None, row)


def _shorter(pool: str, last: int, taken: int) -> LogDamaged:
    # The log was folded as far as these read models have come. Filling them anew would forget what it lost.
    return LogDamaged(
        f"is missing: the read models have taken {pool!r} up to {taken}, the log no longer has it",
        event=f"{pool}/{last + 1}",
        do="Restore the log from a backup. Do not rebuild: the read models alone still tell what is missing.",
    )


def _compare_heads(
    connection: Connection, projection: Projection, generation: Generation, fresh: MemoryRows
) -> Iterator[Difference]:
    cursor = plain(connection.cursor())
    cursor.execute(
        sql.SQL(
            "SELECT pool, sequence, time, clock, offsets FROM {} WHERE name = %s AND generation = %s"
        ).format(sql.Identifier(SCHEMA, "projection_heads")),
        (generation.name, generation.number),
    )
    stored = {pool: tuple(rest) for pool, *rest in cursor.fetchall()}
    empty: tuple[Any, ...] = (0, None, None, [])
    for pool in sorted({*stored, *fresh.heads}):
        head = fresh.heads.get(pool)
        expected = (head.sequence, head.time, head.clock, head.offsets) if head else empty
        live = stored.get(pool, empty)
        if live[0] > expected[0]:
            raise _shorter(pool, expected[0], live[0])
        for column, a, b in zip(("sequence", "time", "clock", "offsets"), live, expected, strict=True):
            if a != b:
                yield Difference(projection.name, "projection_heads", pool, column, a, b)
