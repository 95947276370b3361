"""Rows in memory: those of a batch, and those that a writer keeps for the next one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from itertools import islice
from typing import Any

from leadflow.log.reading import Positions
from projections.base import Key, Row, Table

ROWS_KEPT_MAX = 20_000
"""Rows of one table; some 3 kB each at most."""


class Kept:
    """Rows of hot tables as one writer left them.

    They are as they stand in the database as long as nobody else has written their partitions: every batch
    moves its partitions' positions, so equal positions mean equal rows.
    """

    def __init__(self) -> None:
        self.rows: dict[str, dict[Key, Row]] = {}
        self.positions: dict[int, int] = {}
        """By partition, where the generation stood after the last batch."""

    def check(self, positions: Positions) -> None:
        """Forget all if somebody else has written since. `positions` are those in the database."""
        if any(positions.get(at, 0) != position for at, position in self.positions.items()):
            self.clear()

    @contextmanager
    def forgotten_by_errors(self) -> Iterator[None]:
        """Forget all if the block, which ends with the commit, fails: rows are changed as they are kept."""
        try:
            yield
        except BaseException:
            self.clear()
            raise

    def clear(self) -> None:
        """Forget all: what is kept may not be what the database has."""
        self.rows.clear()
        self.positions.clear()

    def keep(self, table: str, rows: Mapping[Key, Row | None]) -> None:
        """Rows as they are now, None for those that are gone; those used longest ago are let go."""
        kept = self.rows.setdefault(table, {})
        for key, row in rows.items():
            # At the end: the order is that of their last use.
            kept.pop(key, None)
            if row is not None:
                kept[key] = row
        if (many := len(kept) - ROWS_KEPT_MAX) > 0:
            for key in list(islice(kept, many)):
                del kept[key]


class TableBatch:
    """One table's part of a batch."""

    __slots__ = ("appended", "asked", "changed", "loaded", "stored", "sums", "table", "tuples")

    def __init__(self, table: Table) -> None:
        self.table = table
        self.loaded: dict[Key, Row | None] = {}
        self.asked: set[Key] = set()
        """Keys of which it is known whether they stood in the table when the batch began."""
        self.stored: set[Key] = set()
        """Those of them that did."""
        self.changed: dict[Key, None] = {}
        self.appended: list[Row] = []
        self.tuples: list[tuple[Any, ...]] = []
        self.sums: dict[Key, dict[str, int | Decimal]] = {}
