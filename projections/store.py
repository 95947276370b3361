"""Rows in Postgres: tables of one version of a projection, and one batch's reads and writes of them.

A batch reads the rows that it needs with one SELECT per table, works in memory, and writes by COPY:
straight into the table for rows that are new, through a staging table for rows that change. Rows, heads
and position are one transaction.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

import orjson
from psycopg import sql

from projections.base import Head, Key, Projection, Row, Table
from projections.copying import COPY_OPTIONS, Cursor, ManyRows, copy_block, key_arrays, key_values
from projections.folding import Batch
from projections.keeping import Kept, TableBatch

SCHEMA = "read"
COPY_BLOCK_LINES = 500


class Generation(NamedTuple):
    """One filling of a projection: its tables stand beside those of the one before."""

    name: str
    version: int
    number: int

    def table(self, table: str) -> str:
        """The name of this generation's table."""
        return f"{table}__v{self.version}_{self.number}"

    def identifier(self, table: str) -> sql.Identifier:
        """The same, for SQL."""
        return sql.Identifier(SCHEMA, self.table(table))


# --- tables ---------------------------------------------------------------------------------


def create_tables(cursor: Cursor, projection: Projection, generation: Generation) -> None:
    """Make a generation's tables. Keys come when they are needed, but for those of sums."""
    for table in projection.tables:
        columns = []
        for name, kind in table.columns.items():
            summed = table.kind == "sums" and name not in table.key
            # psycopg asks for literal text; kinds come from the tables' own declarations.
            columns.append(
                sql.SQL("{} {}").format(
                    sql.Identifier(name), sql.SQL(f"{kind} NOT NULL DEFAULT 0" if summed else kind)
                )
            )
        if table.kind == "sums":
            columns.append(_primary_key(table))
        cursor.execute(
            # Nobody asks them yet, and `create_indexes` ends with what autovacuum would do again and again.
            sql.SQL("CREATE TABLE {} ({}) WITH (autovacuum_enabled = off)").format(
                generation.identifier(table.name), sql.SQL(", ").join(columns)
            )
        )


def _primary_key(table: Table) -> sql.Composed:
    columns = sorted(table.key, key=lambda column: column != table.leading)
    return sql.SQL("PRIMARY KEY ({})").format(_names(columns))


def add_key(cursor: Cursor, table: Table, generation: Generation) -> None:
    """Give a table its primary key, if it has none yet."""
    cursor.execute("SELECT to_regclass(%s) IS NULL", (f"{SCHEMA}.{generation.table(table.name)}_pkey",))
    if cursor.fetchone() == (True,):
        cursor.execute(
            sql.SQL("ALTER TABLE {} ADD {}").format(generation.identifier(table.name), _primary_key(table))
        )


def create_indexes(cursor: Cursor, projection: Projection, generation: Generation) -> None:
    """What filling did without: keys, and the indexes for readers. Ends with ANALYZE of what they ask by;
    of every column it would take longer than all indexes."""
    for table in projection.tables:
        name = generation.identifier(table.name)
        add_key(cursor, table, generation)
        for index in table.indexes:
            cursor.execute(sql.SQL("CREATE INDEX ON {} {}").format(name, sql.SQL(index)))
        words = {*table.key, *re.findall(r"\w+", " ".join(table.indexes))}
        asked = _names(column for column in table.columns if column in words)
        cursor.execute(sql.SQL("ANALYZE {} ({})").format(name, asked))
        cursor.execute(sql.SQL("ALTER TABLE {} RESET (autovacuum_enabled)").format(name))


def drop_tables(cursor: Cursor, tables: Iterable[str]) -> None:
    """Remove tables by their full names."""
    for name in tables:
        cursor.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(sql.Identifier(SCHEMA, name)))


def point_views(cursor: Cursor, projection: Projection, generation: Generation) -> None:
    """Let the names that readers use mean this generation."""
    for table in projection.tables:
        view = sql.Identifier(SCHEMA, table.name)
        cursor.execute(sql.SQL("DROP VIEW IF EXISTS {}").format(view))
        cursor.execute(
            sql.SQL("CREATE VIEW {} AS SELECT * FROM {}").format(view, generation.identifier(table.name))
        )


def _names(columns: Iterable[str], prefix: str = "") -> sql.Composed:
    return sql.SQL(", ").join(
        sql.SQL("{}.{}").format(sql.Identifier(prefix), sql.Identifier(c)) if prefix else sql.Identifier(c)
        for c in columns
    )


# --- a batch --------------------------------------------------------------------------------


class PostgresRows:
    """One batch's view of a generation: what was read, and what is to be written."""

    _knows_all = False
    """Whether a row whose key is not among those that stood in the table is new, in any case."""

    def __init__(
        self, cursor: Cursor, projection: Projection, generation: Generation, kept: Kept | None = None
    ) -> None:
        self._cursor = cursor
        self._kept = kept
        self._projection = projection
        self._generation = generation
        self._tables = {table.name: TableBatch(table) for table in projection.tables}
        self._heads: dict[str, Head] = {}

    # What handlers call.

    def head(self, pool: str) -> Head:
        return self._heads[pool]

    def get(self, table: str, key: Key) -> Row | None:
        return self._tables[table].loaded[key]

    def put(self, table: str, key: Key, row: Row) -> None:
        batch = self._tables[table]
        batch.loaded[key] = row
        batch.changed[key] = None

    def delete(self, table: str, key: Key) -> None:
        batch = self._tables[table]
        batch.loaded[key] = None
        batch.changed[key] = None

    def append(self, table: str, row: Row | tuple[Any, ...]) -> None:
        batch = self._tables[table]
        if isinstance(row, tuple):
            batch.tuples.append(row)
        elif batch.table.kind == "log":
            batch.appended.append(row)
        else:
            key = batch.table.key_of(row)
            batch.asked.add(key)
            batch.loaded[key] = row
            batch.changed[key] = None

    def add(self, table: str, key: Key, amounts: Mapping[str, int | Decimal]) -> None:
        sums = self._tables[table].sums
        known = sums.get(key)
        if known is None:
            sums[key] = dict(amounts)
        else:
            for column, amount in amounts.items():
                known[column] = known.get(column, 0) + amount

    # What the writer calls.

    def load(self, entries: Batch) -> None:
        """Read every row that these entries touch and that is not kept, and the heads of their pools."""
        for name, keys in entries.touches(self._projection).items():
            batch = self._tables[name]
            kept = self._kept.rows.get(name) if self._kept is not None else None
            if kept:
                known = {key: kept[key] for key in keys if key in kept}
                batch.loaded |= known
                batch.asked.update(known)
                batch.stored.update(known)
                missing = [key for key in keys if key not in known]
            else:
                missing = list(keys)
            if missing:
                self._load_table(batch, missing)
        self._load_heads(entries.runs)

    def _load_table(self, batch: TableBatch, keys: list[Key]) -> None:
        table = batch.table
        statement = sql.SQL("SELECT {} FROM unnest({}) AS wanted({}) JOIN {} AS t USING ({})").format(
            _names(table.columns, "t"),
            key_arrays(table),
            _names(table.key),
            self._generation.identifier(table.name),
            _names(table.key),
        )
        # Asked without preparing: a general plan would not know how few rows are wanted.
        self._cursor.execute(statement, key_values(keys), prepare=False)
        batch.loaded |= dict.fromkeys(keys)
        batch.asked.update(keys)
        columns = tuple(table.columns)
        for record in self._cursor.fetchall():
            row = dict(zip(columns, record, strict=True))
            key = table.key_of(row)
            batch.loaded[key] = row
            batch.stored.add(key)

    def _load_heads(self, pools: Iterable[str]) -> None:
        self._heads = {pool: Head() for pool in pools}
        self._cursor.execute(
            sql.SQL(
                "SELECT pool, sequence, time, clock, offsets FROM {} "
                "WHERE name = %s AND generation = %s AND pool = ANY(%s)"
            ).format(sql.Identifier(SCHEMA, "projection_heads")),
            (self._generation.name, self._generation.number, list(pools)),
        )
        for pool, *rest in self._cursor.fetchall():
            self._heads[pool] = Head(*rest)

    def write(self) -> None:
        """Write what changed, in the transaction of the cursor."""
        for batch in self._tables.values():
            self._write_log(batch)
            self._write_rows(batch, batch.changed)
            self._write_sums(batch)
        self._write_heads()
        if self._kept is not None:
            for batch in self._tables.values():
                if batch.table.hot:
                    self._kept.keep(batch.table.name, batch.loaded)

    def _write_heads(self) -> None:
        heads = [
            (pool, h.sequence, h.time, h.clock, orjson.dumps(h.offsets).decode())
            for pool, h in self._heads.items()
        ]
        if not heads:
            return
        self._cursor.execute(
            sql.SQL(
                "INSERT INTO {} AS h (name, generation, pool, sequence, time, clock, offsets) "
                "SELECT %s, %s, * FROM unnest(%s::text[], %s::bigint[], %s::timestamptz[],"
                " %s::text[], %s::jsonb[]) "
                "ON CONFLICT (name, generation, pool) DO UPDATE "
                "SET sequence = excluded.sequence, time = excluded.time, clock = excluded.clock, "
                "offsets = excluded.offsets"
            ).format(sql.Identifier(SCHEMA, "projection_heads")),
            (self._generation.name, self._generation.number, *map(list, zip(*heads, strict=True))),
        )

    def _write_log(self, batch: TableBatch) -> None:
        """Write what was appended to a log."""
        name = self._generation.identifier(batch.table.name)
        if batch.appended:
            self._copy(name, batch.table.columns, batch.appended)
            batch.appended = []
        if batch.tuples:
            self._copy(name, batch.table.columns, batch.tuples)
            batch.tuples = []

    def _write_rows(self, batch: TableBatch, keys: Iterable[Key]) -> None:
        """Write the rows under these keys as they are now."""
        table, name = batch.table, self._generation.identifier(batch.table.name)
        new, changed, deleted = [], [], []
        stored, knows_all = batch.stored, self._knows_all
        for key in keys:
            row = batch.loaded[key]
            if row is None:
                if key in stored:
                    deleted.append(key)
            elif key in stored or not (knows_all or key in batch.asked):
                changed.append(row)
            else:
                new.append(row)
        if deleted:
            self._delete(table, name, deleted)
        if new:
            self._copy(name, table.columns, new)
        if changed:
            self._upsert(table, name, changed)

    def _write_sums(self, batch: TableBatch) -> None:
        """Add what was added."""
        if not batch.sums:
            return
        table = batch.table
        zero = {column: 0 for column in table.columns if column not in table.key}
        sums = [
            zero | dict(zip(table.key, key, strict=True)) | amounts for key, amounts in batch.sums.items()
        ]
        self._upsert(table, self._generation.identifier(table.name), sums)
        batch.sums = {}

    def _copy(self, into: sql.Identifier, columns: Mapping[str, str], rows: ManyRows) -> None:
        statement = sql.SQL("COPY {} ({}) FROM STDIN ({})").format(
            into, _names(columns), sql.SQL(COPY_OPTIONS)
        )
        with self._cursor.copy(statement) as copy:
            for start in range(0, len(rows), COPY_BLOCK_LINES):
                copy.write(copy_block(rows[start : start + COPY_BLOCK_LINES], columns))

    def _upsert(self, table: Table, name: sql.Identifier, rows: Sequence[Row]) -> None:
        stage = sql.Identifier("pg_temp", f"stage_{self._generation.table(table.name)}")
        self._cursor.execute(
            sql.SQL("CREATE TEMP TABLE IF NOT EXISTS {} (LIKE {}) ON COMMIT DELETE ROWS").format(stage, name)
        )
        columns = tuple(table.columns)
        self._copy(stage, table.columns, rows)
        pattern = "{0} = t.{0} + excluded.{0}" if table.kind == "sums" else "{0} = excluded.{0}"
        changes = sql.SQL(", ").join(
            sql.SQL(pattern).format(sql.Identifier(column)) for column in columns if column not in table.key
        )
        self._cursor.execute(
            # In the order of their keys: writers of other partitions add to the same sums, and never
            # wait for each other in a circle.
            sql.SQL(
                "INSERT INTO {} AS t ({}) SELECT {} FROM {} ORDER BY {} ON CONFLICT ({}) DO UPDATE SET {}"
            ).format(
                name, _names(columns), _names(columns), stage, _names(table.key), _names(table.key), changes
            )
        )
        self._cursor.execute(sql.SQL("TRUNCATE {}").format(stage))

    def _delete(self, table: Table, name: sql.Identifier, keys: Sequence[Key]) -> None:
        same = sql.SQL(" AND ").join(
            sql.SQL("t.{0} = gone.{0}").format(sql.Identifier(column)) for column in table.key
        )
        self._cursor.execute(
            sql.SQL("DELETE FROM {} AS t USING unnest({}) AS gone({}) WHERE {}").format(
                name, key_arrays(table), _names(table.key), same
            ),
            key_values(keys),
            prepare=False,
        )
