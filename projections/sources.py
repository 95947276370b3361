"""Where reports take their rows from: the live tables, or a fold in memory."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from psycopg import sql

from leadflow.postgres import Database
from projections.base import Row
from projections.copying import plain
from projections.memory import MemoryRows
from projections.store import SCHEMA


class Source(Protocol):
    """Rows by the table's name, with times and days as text."""

    def rows(self, table: str) -> Iterable[Row]:
        """All rows of a table."""
        ...


class LiveSource:
    """The live tables of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def rows(self, table: str) -> Iterable[Row]:
        """All rows of a table. Raises Unavailable if the database is away."""
        with self._database.connection() as connection, connection.cursor() as cursor:
            plain(cursor).execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(SCHEMA, table)))
            names = [column.name for column in cursor.description or ()]
            return [dict(zip(names, record, strict=True)) for record in cursor.fetchall()]


class FoldedSource:
    """What folds of the log give."""

    def __init__(self, folds: Iterable[MemoryRows]) -> None:
        self._tables = {name: rows for fold in folds for name, rows in fold.tables.items()}

    def rows(self, table: str) -> Iterable[Row]:
        return self._tables[table].values()
