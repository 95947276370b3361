"""Values on their way: from Postgres as handlers have them, and to it in the CSV format of COPY."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any

import msgspec
import orjson
import psycopg
from psycopg import sql
from psycopg.adapt import Buffer, Loader

from projections.base import Key, Row, Table

COPY_OPTIONS = r"FORMAT csv, NULL 'null', ESCAPE E'\\'"
"""How Postgres has to read what `copy_block` writes."""
_lines = msgspec.json.Encoder().encode_lines
_json = orjson.dumps
_CONTROL = re.compile(rb'\\[^"\\]')
_ESCAPED = re.compile(rb"\\(?:\\|u00(..)|([bfnrt]))")
_CONTROLS = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t"}

Cursor = psycopg.Cursor[tuple[Any, ...]]
ManyRows = Sequence[Row] | Sequence[tuple[Any, ...]]


class _Moment(Loader):
    """A timestamptz (in UTC, as Postgres writes it) as `values.format_time` writes it."""

    def load(self, data: Buffer) -> str:
        text = bytes(data).decode()
        fraction = text[20:].partition("+")[0] if text[19:20] == "." else ""
        return f"{text[:10]}T{text[11:19]}.{fraction:0<6}Z"


class _Text(Loader):
    def load(self, data: Buffer) -> str:
        return bytes(data).decode()


class _Json(Loader):
    def load(self, data: Buffer) -> Any:
        return orjson.loads(bytes(data))


def plain(cursor: Cursor) -> Cursor:
    """The cursor, giving values as handlers have them: times, days and JSON as in events."""
    cursor.adapters.register_loader("timestamptz", _Moment)
    cursor.adapters.register_loader("date", _Text)
    cursor.adapters.register_loader("jsonb", _Json)
    return cursor


def copy_block(rows: ManyRows, columns: Mapping[str, str]) -> bytes:
    """Rows for COPY with `COPY_OPTIONS`; a column that a row does not name is NULL.

    A row is encoded as an array of JSON, without its brackets: one call makes all lines. It is a line of CSV,
    whose quotes and escapes are set to those of JSON; only control characters are written differently.
    https://www.postgresql.org/docs/current/sql-copy.html#SQL-COPY-FILE-FORMATS
    """
    tuples = _tuples(rows, columns)
    documents = [at for at, kind in enumerate(columns.values()) if kind.startswith("jsonb")]
    if documents:
        cells: list[Sequence[Any]] = list(zip(*tuples, strict=True))
        for at in documents:
            cells[at] = _documents(cells[at])
        tuples = list(zip(*cells, strict=True))
    block = _lines(tuples)[1:-2].replace(b"]\n[", b"\n") + b"\n"
    return _ESCAPED.sub(_unescaped, block) if _CONTROL.search(block) else block


def _tuples(rows: ManyRows, columns: Mapping[str, str]) -> Sequence[tuple[Any, ...]]:
    if isinstance(rows[0], tuple):
        return rows  # type: ignore[return-value]
    if len(columns) > 1:
        try:
            return list(map(itemgetter(*columns), rows))
        except KeyError:
            pass
    return [tuple([row.get(name) for name in columns]) for row in rows]  # type: ignore[union-attr]


def _documents(values: Sequence[Any]) -> Sequence[str | None]:
    """Each value as JSON in text, as a cell holds it; None stays NULL."""
    if None in values:
        return [None if value is None else _json(value).decode() for value in values]
    return _lines(values).decode().split("\n")[:-1]


def _unescaped(found: re.Match[bytes]) -> bytes:
    digits, letter = found.groups()
    if digits:
        return bytes.fromhex(digits.decode())
    return _CONTROLS[letter] if letter else found[0]


def key_arrays(table: Table) -> sql.Composed:
    """An SQL array for each column of a table's key, of what `key_values` gives."""
    return sql.SQL(", ").join(
        # psycopg asks for literal text; types come from the tables' own declarations.
        sql.SQL(f"string_to_array(%s, E'\\x01')::{table.columns[column]}[]")
        for column in table.key
    )


def key_values(keys: Sequence[Key]) -> Sequence[str]:
    """The columns of keys, each as one text: psycopg would take ten times as long over lists. No value in a
    row has a U+0001. A single key is given twice, because a text that is empty holds no value at all."""
    if len(keys) == 1:
        keys = [*keys, *keys]
    return ["\x01".join(map(str, column)) for column in zip(*keys, strict=True)]
