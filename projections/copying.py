"""Values on their way: from Postgres as handlers have them, and to it in the text format of COPY."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson
import psycopg
from psycopg.adapt import Buffer, Loader

from projections.base import Row

_NULL = "\x01"
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})

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


def copy_block(rows: ManyRows, columns: Mapping[str, str]) -> str:
    """Rows in COPY's text format, NULL being U+0001; column by column, which is three times as fast.
    https://www.postgresql.org/docs/current/sql-copy.html#SQL-COPY-FILE-FORMATS"""
    cells = [
        _texts(values, kind) for values, kind in zip(_columns(rows, columns), columns.values(), strict=True)
    ]
    block = "\n".join(map("\t".join, zip(*cells, strict=True))) + "\n"
    if (
        "\\" in block
        or "\r" in block
        or block.count("\t") != (len(cells) - 1) * len(rows)
        or block.count("\n") != len(rows)
    ):
        cells = [[cell.translate(_ESCAPES) for cell in column] for column in cells]
        block = "\n".join(map("\t".join, zip(*cells, strict=True))) + "\n"
    return block


def _columns(rows: ManyRows, columns: Iterable[str]) -> Iterable[Sequence[Any]]:
    if isinstance(rows[0], tuple):
        return zip(*rows, strict=True)
    return [[row.get(name) for row in rows] for name in columns]  # type: ignore[union-attr]


def _texts(values: Sequence[Any], kind: str) -> Sequence[str]:
    if kind.startswith(("text", "timestamptz", "date")):
        return values if None not in values else [_NULL if v is None else v for v in values]
    dumps = orjson.dumps
    if kind.startswith("jsonb"):
        return [_NULL if v is None else dumps(v).decode() for v in values]
    return [_NULL if v is None else str(v) for v in values]
