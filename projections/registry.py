"""Which versions of the projections there are: being filled, live, or retired and to be removed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

import orjson
from psycopg import sql

from leadflow.errors import BrokenInvariant, UsageError
from leadflow.postgres import Database
from projections.base import Projection
from projections.copying import Cursor, plain
from projections.store import SCHEMA, Generation, create_tables, drop_tables, point_views

FORMAT = "leadflow read models 3"
"""The schema's comment: what the tables of this module are like."""
STATEMENTS = (
    f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}",
    f"COMMENT ON SCHEMA {SCHEMA} IS '{FORMAT}'",
    f"""CREATE TABLE IF NOT EXISTS {SCHEMA}.projections (
        name text, generation integer, version integer NOT NULL,
        status text NOT NULL CHECK (status IN ('filling', 'live', 'retired')),
        tables jsonb NOT NULL, PRIMARY KEY (name, generation))""",
    f"""CREATE TABLE IF NOT EXISTS {SCHEMA}.projection_positions (
        name text, generation integer, partition integer, position bigint NOT NULL DEFAULT 0,
        updated_at timestamptz, stopped text, PRIMARY KEY (name, generation, partition))""",
    f"""CREATE UNIQUE INDEX IF NOT EXISTS projections_live ON {SCHEMA}.projections (name)
        WHERE status = 'live'""",
    f"""CREATE TABLE IF NOT EXISTS {SCHEMA}.projection_heads (
        name text, generation integer, pool text, sequence bigint NOT NULL, time timestamptz, clock text,
        offsets jsonb NOT NULL, PRIMARY KEY (name, generation, pool))""",
    f"""CREATE TABLE IF NOT EXISTS {SCHEMA}.projection_log (
        one boolean PRIMARY KEY DEFAULT true CHECK (one), log text NOT NULL)""",
)
_TABLE = sql.Identifier(SCHEMA, "projections")
_POSITIONS = sql.Identifier(SCHEMA, "projection_positions")
_HEADS = sql.Identifier(SCHEMA, "projection_heads")
_LOG = sql.Identifier(SCHEMA, "projection_log")


def prepare(database: Database) -> None:
    """Make the schema and the registry, if they are not there. Read models of another format are removed:
    whoever starts fills them anew."""
    with database.transaction() as connection:
        connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (SCHEMA,))
        found = connection.execute(
            "SELECT obj_description(to_regnamespace(%s), 'pg_namespace'), to_regnamespace(%s) IS NOT NULL",
            (SCHEMA, SCHEMA),
        ).fetchone()
        if found == (FORMAT, True):
            return
        if found is not None and found[1]:
            connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(SCHEMA)))
        for statement in STATEMENTS:
            connection.execute(sql.SQL(statement))


def of_log(database: Database, name: str) -> None:
    """Keep that the read models are of this log; as long as there are none, those of any other may come.

    Raises UsageError if they are another log's: their positions would mean other facts.
    """
    with database.transaction() as connection:
        connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (SCHEMA,))
        asked = sql.SQL("SELECT (SELECT log FROM {}), EXISTS (SELECT FROM {})").format(_LOG, _TABLE)
        kept, filled = connection.execute(asked).fetchone() or (None, False)
        if kept == name:
            return
        if kept is None or not filled:
            connection.execute(
                sql.SQL("INSERT INTO {} (log) VALUES (%s) ON CONFLICT (one) DO UPDATE SET log = %s").format(
                    _LOG
                ),
                (name, name),
            )
            return
    raise UsageError(
        f"the read models here are of another log: {kept}, and not {name}",
        where=database.where,
        do="Name their log, or another database (LEADFLOW_DATABASE_URL). If that log is not needed any more,"
        f" drop the schema {SCHEMA!r} in this database; the read models are then filled anew.",
    )


def live(database: Database) -> dict[str, Generation]:
    """The generations that readers see, by name."""
    with database.connection() as connection:
        found = connection.execute(
            sql.SQL("SELECT name, version, generation FROM {} WHERE status = 'live'").format(_TABLE)
        ).fetchall()
    return {name: Generation(name, version, number) for name, version, number in found}


def live_positions(database: Database) -> dict[str, dict[int, int]]:
    """How far the live generations are, by name and partition."""
    with database.connection() as connection:
        rows = connection.execute(
            sql.SQL(
                "SELECT name, p.partition, p.position FROM {} LEFT JOIN {} p USING (name, generation)"
                " WHERE status = 'live'"
            ).format(_TABLE, _POSITIONS)
        ).fetchall()
    found: dict[str, dict[int, int]] = {}
    for name, partition, position in rows:
        reached = found.setdefault(name, {})
        if partition is not None:
            reached[partition] = position
    return found


class Standing(NamedTuple):
    """How a generation stands."""

    version: int
    positions: dict[int, int]
    """By partition of the log."""
    updated_at: datetime | None
    stopped: str | None
    """The first event that it could not apply, and why."""


def standings(cursor: Cursor) -> dict[tuple[str, str], Standing]:
    """How every generation stands, by name and status."""
    cursor.execute(
        sql.SQL(
            "SELECT name, status, version, p.partition, p.position, p.updated_at, p.stopped"
            " FROM {} LEFT JOIN {} p USING (name, generation) ORDER BY name, generation, p.partition"
        ).format(_TABLE, _POSITIONS)
    )
    found: dict[tuple[str, str], Standing] = {}
    for name, status, version, partition, position, updated_at, stopped in cursor.fetchall():
        known = found.get((name, status), Standing(version, {}, None, None))
        times = [time for time in (known.updated_at, updated_at) if time is not None]
        if partition is not None:
            known.positions[partition] = position
        found[name, status] = known._replace(
            updated_at=max(times, default=None), stopped=known.stopped or stopped
        )
    return found


def begin(database: Database, projection: Projection) -> Generation:
    """A new generation with empty tables, to be filled."""
    with database.transaction() as connection, connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("SELECT coalesce(max(generation), 0) + 1 FROM {} WHERE name = %s").format(_TABLE),
            (projection.name,),
        )
        found = cursor.fetchone()
        if found is None:
            raise BrokenInvariant("an aggregate gave no row")
        generation = Generation(projection.name, projection.version, found[0])
        tables = [generation.table(table.name) for table in projection.tables]
        cursor.execute(
            sql.SQL(
                "INSERT INTO {} (name, generation, version, status, tables) "
                "VALUES (%s, %s, %s, 'filling', %s::jsonb)"
            ).format(_TABLE),
            (projection.name, generation.number, projection.version, orjson.dumps(tables).decode()),
        )
        create_tables(cursor, projection, generation)
        return generation


def go_live(cursor: Cursor, projection: Projection, generation: Generation) -> None:
    """Let readers see this generation, and no longer the one before; in the cursor's transaction."""
    _set_status(cursor, [projection.name], "live", "retired")
    cursor.execute(
        sql.SQL("UPDATE {} SET status = 'live' WHERE name = %s AND generation = %s").format(_TABLE),
        (generation.name, generation.number),
    )
    point_views(cursor, projection, generation)


def give_up_filling(database: Database, names: Iterable[str]) -> None:
    """Nobody fills these any more."""
    with database.transaction() as connection, connection.cursor() as cursor:
        _set_status(cursor, names, "filling", "retired")


def remove_left_over(database: Database, names: Iterable[str]) -> None:
    """Remove the tables of generations that nobody reads or writes any more."""
    with database.transaction() as connection, connection.cursor() as cursor:
        plain(cursor).execute(
            sql.SQL(
                "DELETE FROM {} WHERE name = ANY(%s) AND status <> 'live' RETURNING name, generation, tables"
            ).format(_TABLE),
            (list(names),),
        )
        for name, generation, tables in cursor.fetchall():
            drop_tables(cursor, tables)
            for table in (_HEADS, _POSITIONS):
                cursor.execute(
                    sql.SQL("DELETE FROM {} WHERE name = %s AND generation = %s").format(table),
                    (name, generation),
                )


def _set_status(cursor: Cursor, names: Iterable[str], before: str, after: str) -> None:
    cursor.execute(
        sql.SQL("UPDATE {} SET status = %s WHERE name = ANY(%s) AND status = %s").format(_TABLE),
        (after, list(names), before),
    )
