"""Which versions of the projections there are: being filled, live, or retired and to be removed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson
from psycopg import sql

from leadflow.errors import BrokenInvariant
from leadflow.postgres import Database
from projections.base import Projection
from projections.copying import Cursor, plain
from projections.store import SCHEMA, Generation, create_tables, drop_tables, point_views

STATEMENTS = (
    f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}",
    f"""CREATE TABLE IF NOT EXISTS {SCHEMA}.projections (
        name text, generation integer, version integer NOT NULL,
        status text NOT NULL CHECK (status IN ('filling', 'live', 'retired')),
        position bigint NOT NULL DEFAULT 0, updated_at timestamptz, stopped text,
        tables jsonb NOT NULL, PRIMARY KEY (name, generation))""",
    f"""CREATE UNIQUE INDEX IF NOT EXISTS projections_live ON {SCHEMA}.projections (name)
        WHERE status = 'live'""",
    f"""CREATE TABLE IF NOT EXISTS {SCHEMA}.projection_heads (
        name text, generation integer, pool text, sequence bigint NOT NULL, time timestamptz, clock text,
        offsets jsonb NOT NULL, PRIMARY KEY (name, generation, pool))""",
)
_TABLE = sql.Identifier(SCHEMA, "projections")
_HEADS = sql.Identifier(SCHEMA, "projection_heads")


def prepare(database: Database) -> None:
    """Make the schema and the registry, if they are not there."""
    with database.transaction() as connection:
        connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (SCHEMA,))
        for statement in STATEMENTS:
            connection.execute(sql.SQL(statement))


def live(database: Database) -> dict[str, Generation]:
    """The generations that readers see, by name."""
    with database.connection() as connection:
        found = connection.execute(
            sql.SQL("SELECT name, version, generation FROM {} WHERE status = 'live'").format(_TABLE)
        ).fetchall()
    return {name: Generation(name, version, number) for name, version, number in found}


def live_positions(database: Database) -> dict[str, int]:
    """How far the live generations are, by name."""
    with database.connection() as connection:
        return dict(
            connection.execute(
                sql.SQL("SELECT name, position FROM {} WHERE status = 'live'").format(_TABLE)
            ).fetchall()
        )


def entries(cursor: Cursor) -> dict[tuple[str, str], Any]:
    """By name and status: version, position, when it was last written, and what stopped it."""
    cursor.execute(
        sql.SQL("SELECT name, status, version, position, updated_at, stopped FROM {}").format(_TABLE)
    )
    return {(name, status): rest for name, status, *rest in cursor.fetchall()}


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
            cursor.execute(
                sql.SQL("DELETE FROM {} WHERE name = %s AND generation = %s").format(_HEADS),
                (name, generation),
            )


def _set_status(cursor: Cursor, names: Iterable[str], before: str, after: str) -> None:
    cursor.execute(
        sql.SQL("UPDATE {} SET status = %s WHERE name = ANY(%s) AND status = %s").format(_TABLE),
        (after, list(names), before),
    )
