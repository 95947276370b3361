"""Filling new generations from the log's beginning: rows stay in memory from batch to batch, and most are
written once.

Nobody reads a generation that is being filled, and a process that dies leaves it to be removed. So its rows
need not be in the database after every batch, nor have their keys there. Only where a table has more rows
than `ROWS_HELD_MAX` do those that changed longest ago go to the database; what is wanted again of them is
read back, by a key that is built when it is first needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice

from leadflow.log.reading import Log, Positions
from leadflow.postgres import Database
from projections.base import Entry, Head, Key, Projection, Row
from projections.copying import Cursor
from projections.filling import WRITERS_MAX, Targets
from projections.folding import fold
from projections.reading import Progress, batches, read, without_collector
from projections.store import Generation, PostgresRows, TableBatch, add_key, create_indexes
from projections.writer import note_position, writing

ROWS_HELD_MAX = 20_000
"""Rows that are held of one table; some 3 kB each at most."""


def fill_new(
    log: Log, database: Database, targets: Targets, size: int, progress: Progress | None = None
) -> None:
    """Fill generations that were just begun to the log's end, and make their keys and indexes.

    Raises ProjectionStopped, and what psycopg raises for a row that Postgres refuses; the generations are
    then good for nothing.
    """
    rows = [NewRows(*target) for target in targets]
    ends = log.ends()
    end, reached = sum(ends.values()), dict.fromkeys(ends, 0)
    with without_collector(), ThreadPoolExecutor(WRITERS_MAX, "leadflow-rebuild") as executor:
        under_way: list[Future[None]] = []
        # Up to ends that were asked for together: else one partition might show a lead's arrival, and another
        # that was read to its end before not yet its departure.
        for batch in batches(read(log, upto=ends), size):
            # While one batch was folded and written, this one was read.
            for taken in under_way:
                taken.result()
            under_way = [executor.submit(_take, database, each, batch) for each in rows]
            reached |= {entry.partition: entry.position for entry in batch}
            if progress:
                done = sum(reached.values())
                progress(done, max(end, done))
        for taken in under_way:
            taken.result()
        under_way = [executor.submit(_finish, database, each, reached) for each in rows]
        for taken in under_way:
            taken.result()


def _take(database: Database, rows: NewRows, entries: Sequence[Entry]) -> None:
    with writing(database) as cursor:
        rows.take(cursor, entries)


def _finish(database: Database, rows: NewRows, reached: Positions) -> None:
    with writing(database) as cursor:
        rows.finish(cursor, reached)


class NewRows(PostgresRows):
    """The rows of a generation from its first event on."""

    def __init__(self, projection: Projection, generation: Generation) -> None:
        # Each batch comes with its own cursor.
        super().__init__(None, projection, generation)  # type: ignore[arg-type]
        self._let_go: set[str] = set()
        """Tables of which not all rows are in memory."""

    def head(self, pool: str) -> Head:
        head = self._heads.get(pool)
        if head is None:
            head = self._heads[pool] = Head()
        return head

    def get(self, table: str, key: Key) -> Row | None:
        return self._tables[table].loaded.get(key)

    def put(self, table: str, key: Key, row: Row) -> None:
        batch = self._tables[table]
        # At the end: the order is that of the last changes.
        batch.loaded.pop(key, None)
        batch.loaded[key] = row
        batch.changed[key] = None

    def take(self, cursor: Cursor, entries: Sequence[Entry]) -> None:
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
        for partition, position in reached.items():
            note_position(cursor, self._generation, partition, position)
        create_indexes(cursor, self._projection, self._generation)

    def _was_asked(self, batch: TableBatch, key: Key) -> bool:
        # What is in memory was read back or is new.
        return True

    def _write_oldest(self, batch: TableBatch, keep: int) -> None:
        """Write the rows that changed longest ago and hold no more than `keep`."""
        keys = list(islice(batch.loaded, max(len(batch.loaded) - keep, 0)))
        if not keys:
            return
        self._write_rows(batch, [key for key in keys if key in batch.changed])
        self._let_go.add(batch.table.name)
        for key in keys:
            del batch.loaded[key]
            batch.changed.pop(key, None)
        batch.stored.difference_update(keys)

    def _read_back(self, entries: Sequence[Entry]) -> None:
        """Read the rows that the entries touch and memory does not hold."""
        wanted: dict[str, dict[Key, None]] = {name: {} for name in self._let_go}
        for entry in entries:
            for name, key in self._projection.keys(entry):
                if name in wanted and key not in self._tables[name].loaded:
                    wanted[name][key] = None
        for name, keys in wanted.items():
            if keys:
                batch = self._tables[name]
                add_key(self._cursor, batch.table, self._generation)
                self._load_table(batch, list(keys))
