"""The row store in memory: for verification, and for reports as of an earlier time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from projections.base import Head, Key, Projection, Row


class MemoryRows:
    """A projection's rows in memory."""

    def __init__(self, projection: Projection) -> None:
        self.tables: dict[str, dict[Key, Row]] = {table.name: {} for table in projection.tables}
        self.heads: dict[str, Head] = {}
        self._specs = {table.name: table for table in projection.tables}

    def head(self, pool: str) -> Head:
        head = self.heads.get(pool)
        if head is None:
            head = self.heads[pool] = Head()
        return head

    def get(self, table: str, key: Key) -> Row | None:
        return self.tables[table].get(key)

    def put(self, table: str, key: Key, row: Row) -> None:
        self.tables[table][key] = row

    def delete(self, table: str, key: Key) -> None:
        self.tables[table].pop(key, None)

    def append(self, table: str, row: Row | tuple[Any, ...]) -> None:
        if isinstance(row, tuple):
            row = dict(zip(self._specs[table].columns, row, strict=True))
        key = self._specs[table].key_of(row)
        if key in self.tables[table]:
            raise ValueError(f"{table} has {key} already")
        self.tables[table][key] = row

    def add(self, table: str, key: Key, amounts: Mapping[str, int | Decimal]) -> None:
        row = self.tables[table].get(key)
        if row is None:
            row = self.tables[table][key] = dict(zip(self._specs[table].key, key, strict=True))
        for column, amount in amounts.items():
            row[column] = row.get(column, 0) + amount

    def rows(self, table: str) -> Iterator[Row]:
        """All rows of a table."""
        return iter(self.tables[table].values())
