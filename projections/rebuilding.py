"""Filling new generations from the log's beginning: rows stay in memory from batch to batch, and most are
written once.

Nobody reads a generation that is being filled, and a process that dies leaves it to be removed. So its rows
need not be in the database after every batch, nor have their keys there. Only where a table has more rows
than `ROWS_HELD_MAX` do those that changed longest ago go to the database; what is wanted again of them is
read back, by a key that is built when it is first needed. Of rows that went, digests of their keys stay: most
of what a fact asks for was never there, as the first outcome of a request.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

from leadflow.log.reading import Positions
from leadflow.postgres import Database
from projections.base import Head, Key, Projection, Row
from projections.copying import Cursor
from projections.filling import WRITERS_MAX, Targets
from projections.folding import Batch, fold
from projections.keeping import TableBatch
from projections.store import Generation, PostgresRows, add_key, create_indexes
from projections.threads import Writers
from projections.writer import note_position, writing

ROWS_HELD_MAX = 20_000
"""Rows that are held of one table; some 3 kB each at most."""
KEYS_KNOWN_MAX = 1_000_000
"""Digests of keys that are held of one table; some 70 bytes each."""


class Filler:
    """Fills generations that were just begun, in this process: while a batch is folded and written, the next
    one is read."""

    def __init__(self, database: Database, targets: Targets) -> None:
        self._database = database
        self._rows = [NewRows(*target) for target in targets]
        self._executor = Writers(WRITERS_MAX)
        self._under_way: list[Future[None]] = []

    def take(self, batch: Batch) -> None:
        """Begin to fold and write a batch. Raises what the one before has raised."""
        self.wait()
        self._under_way = [self._executor.submit(self._take, rows, batch) for rows in self._rows]

    def finish(self, reached: Positions) -> None:
        """Begin to write what is held, how far this is, and what readers need."""
        self.wait()
        self._under_way = [self._executor.submit(self._finish, rows, reached) for rows in self._rows]

    def wait(self) -> None:
        """Return when what was begun is done. Raises ProjectionStopped, and what psycopg raises for a row
        that Postgres refuses."""
        for taken in self._under_way:
            taken.result()
        self._under_way = []

    def __enter__(self) -> Filler:
        return self

    def __exit__(self, *_: object) -> None:
        self._executor.shutdown()

    def _take(self, rows: NewRows, batch: Batch) -> None:
        with writing(self._database) as cursor:
            rows.take(cursor, batch)

    def _finish(self, rows: NewRows, reached: Positions) -> None:
        with writing(self._database) as cursor:
            rows.finish(cursor, reached)


class NewRows(PostgresRows):
    """The rows of a generation from its first event on."""

    # What is in memory was read back or is new.
    _knows_all = True

    def __init__(self, projection: Projection, generation: Generation) -> None:
        # Each batch comes with its own cursor.
        super().__init__(None, projection, generation)  # type: ignore[arg-type]
        self._let_go: dict[str, set[int] | None] = {}
        """Of tables of which not all rows are in memory, digests of the others' keys; None where these are
        too many."""

    def head(self, pool: str) -> Head:
        head = self._heads.get(pool)
        if head is None:
            head = self._heads[pool] = Head()
        return head

    def get(self, table: str, key: Key) -> Row | None:
        return self._tables[table].loaded.get(key)

    def append(self, table: str, row: Row | tuple[Any, ...]) -> None:
        batch = self._tables[table]
        if isinstance(row, tuple):
            batch.tuples.append(row)
        elif batch.table.kind == "log":
            batch.appended.append(row)
        else:
            # Nobody asks what stood in the table before: there was nothing.
            key = batch.table.key_of(row)
            batch.loaded[key] = row
            batch.changed[key] = None

    def take(self, cursor: Cursor, entries: Batch) -> None:
        """Fold entries, and write what need not or must not be held."""
        self._cursor = cursor
        if self._let_go:
            self._read_back(entries)
        fold(self._projection, entries, self)
        for batch in self._tables.values():
            self._write_log(batch)
            if len(batch.loaded) > ROWS_HELD_MAX:
                self._write_oldest(batch, ROWS_HELD_MAX // 2)
            if len(batch.sums) > ROWS_HELD_MAX:
                self._write_sums(batch)

    def finish(self, cursor: Cursor, reached: Positions) -> None:
        """Write what is held, how far this is, and what readers need."""
        self._cursor = cursor
        for batch in self._tables.values():
            self._write_oldest(batch, 0)
            self._write_sums(batch)
        self._write_heads()
        note_position(cursor, self._generation, reached)
        create_indexes(cursor, self._projection, self._generation)

    def _write_oldest(self, batch: TableBatch, keep: int) -> None:
        """Write the rows that changed longest ago and hold no more than `keep`."""
        loaded, changed = batch.loaded, batch.changed
        if len(loaded) <= keep:
            return
        keys = list(loaded)
        if keep:
            # First those that have not changed since rows were last written; all that are held are written
            # sooner or later, as few are read back that do not change.
            keys = [*(key for key in keys if key not in changed), *changed][: len(loaded) - keep]
        self._write_rows(batch, keys)
        self._remember(batch.table.name, keys)
        for key in keys:
            del loaded[key]
        changed.clear()
        batch.stored.difference_update(keys)

    def _remember(self, table: str, keys: Sequence[Key]) -> None:
        """Keep that rows with these keys may stand in the database. Two keys of one digest would cost a
        reading in vain, no more."""
        gone = self._let_go.setdefault(table, set())
        if gone is not None:
            gone.update(map(hash, keys))
            if len(gone) > KEYS_KNOWN_MAX:
                self._let_go[table] = None

    def _read_back(self, entries: Batch) -> None:
        """Read the rows that the entries touch and memory does not hold."""
        for name, keys in entries.touches(self._projection).items():
            if name not in self._let_go:
                continue
            batch, gone = self._tables[name], self._let_go[name]
            missing = [key for key in keys if key not in batch.loaded and (gone is None or hash(key) in gone)]
            if missing:
                add_key(self._cursor, batch.table, self._generation)
                self._load_table(batch, missing)
