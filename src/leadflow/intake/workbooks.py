"""Workbooks (.xlsx, .xlsm, .xlsb, .xls, .ods): checked before they are opened, read by calamine."""

from __future__ import annotations

import re
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leadflow.errors import UnreadableFile
from leadflow.intake.limits import MIB, Limits

if TYPE_CHECKING:
    from python_calamine import CalamineWorkbook

ZIP_MAGIC = b"PK"
OLE_MAGIC = bytes.fromhex("d0cf11e0a1b11ae1")
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_CELL = re.compile(rb'<(?:\w+:)?c r="([A-Z]{1,3})(\d{1,7})"')
_ODS_REPEAT = re.compile(
    rb'number-columns-repeated="(\d+)"[^>]*office:value-type'
    rb'|office:value-type[^>]*number-columns-repeated="(\d+)"'
)
_ODS_ROWS = re.compile(rb'number-rows-repeated="(\d+)"[^>]*>\s*<table:table-cell[^>]*office:value-type')
_CHUNK = 1 << 20
_OVERLAP = 512


@dataclass(frozen=True, slots=True)
class Sheet:
    """One visible sheet: its rows with their numbers in the file (from 1)."""

    name: str
    rows: Iterator[tuple[int, list[Any]]]
    title_rows: frozenset[int]
    """Rows that one merged cell covers from end to end."""


def read_workbook(path: Path, head: bytes, limits: Limits) -> list[Sheet]:
    """The visible sheets of a workbook. Raises UnreadableFile, with the reason."""
    # Imported where it is needed: most commands read no workbook.
    from python_calamine import (
        CalamineError,
        CalamineWorkbook,
        PasswordError,
        SheetTypeEnum,
        SheetVisibleEnum,
    )

    where = str(path)
    if path.stat().st_size > limits.workbook_bytes_max:
        raise UnreadableFile(
            f"the workbook is larger than {limits.workbook_bytes_max // MIB} MiB",
            where=where,
            do="Save it as CSV, which is read line by line.",
        )
    raw = path.read_bytes()
    if head.startswith(ZIP_MAGIC):
        check_zip(raw, where, limits)
    elif _ENCRYPTED in raw:
        raise _protected(where)
    try:
        book = CalamineWorkbook.from_filelike(BytesIO(raw))
        return [
            _sheet(book, meta.name, where, limits)
            for meta in book.sheets_metadata
            if meta.visible == SheetVisibleEnum.Visible and meta.typ == SheetTypeEnum.WorkSheet
        ]
    except PasswordError as error:
        raise _protected(where) from error
    except (CalamineError, ValueError, OSError) as error:
        if "password" in str(error).lower():
            raise _protected(where) from error
        raise _corrupt(where, str(error)) from error


def _sheet(book: CalamineWorkbook, name: str, where: str, limits: Limits) -> Sheet:
    sheet = book.get_sheet_by_name(name)
    if sheet.width > limits.columns_max:
        raise UnreadableFile(f"sheet {name!r} has more than {limits.columns_max} columns", where=where)
    if sheet.height > limits.rows_max:
        raise UnreadableFile(f"sheet {name!r} has more than {limits.rows_max:,} rows", where=where)
    if sheet.start is None:
        return Sheet(name, iter(()), frozenset())
    first, left = sheet.start
    titles: set[int] = set()
    for (top, begin), (bottom, end) in sheet.merged_cell_ranges or ():
        if end - begin + 1 >= max(2, sheet.width * 0.8):
            titles.update(range(top + 1, min(bottom, top + 100) + 2))
    below = {
        (row, begin): top
        for (top, begin), (bottom, end) in sheet.merged_cell_ranges or ()
        if begin == end
        for row in range(top + 1, min(bottom, sheet.height + first) + 1)
    }
    # Columns keep their places, so that `#3` of a mapping file is the sheet's column C.
    pad: list[Any] = [""] * left
    # One after the other, from the sheet's first row: all of them as Python's lists take far more memory.
    table: Iterable[list[Any]] = islice(sheet.iter_rows(), first, None)
    if below:
        table = list(table)
        _fill_down(table, below, first, left)
    rows = ((number, pad + row) for number, row in enumerate(table, first + 1))
    return Sheet(name, rows, frozenset(titles))


def _fill_down(table: list[list[Any]], below: dict[tuple[int, int], int], first: int, left: int) -> None:
    """Give every row of a cell merged downwards its value, as one reads it; rows that are empty stay so."""
    filled = [any(value not in (None, "") for value in row) for row in table]
    for (row, column), top in below.items():
        at, across, source = row - first, column - left, top - first
        if 0 <= source < at < len(table) and 0 <= across < len(table[at]) and filled[at]:
            table[at][across] = table[source][across]


def check_zip(raw: bytes, where: str, limits: Limits) -> None:
    """Refuse what would unpack to too much, and sheets whose far-off cells span too wide an area.

    The directory of an archive may lie about sizes; so each part is unpacked once, in pieces that are
    thrown away, before a library trusts it.
    """
    try:
        parts = zipfile.ZipFile(BytesIO(raw)).infolist()
    except (zipfile.BadZipFile, ValueError, OSError, struct.error) as error:
        raise _corrupt(where, str(error)) from error
    names = {part.filename for part in parts}
    if not names & {"xl/workbook.xml", "xl/workbook.bin", "content.xml"}:
        raise UnreadableFile(
            "the file is an archive, not a workbook", where=where, do="Unpack it and import the files in it."
        )
    if sum(part.file_size for part in parts) > limits.unpacked_bytes_max or len(parts) > 10_000:
        raise _bomb(where, limits)
    total = 0
    for part in parts:
        if part.flag_bits & 1:
            raise _protected(where)
        for size in _unpack(raw, part, where, limits):
            total += size
            if total > limits.unpacked_bytes_max:
                raise _bomb(where, limits)


def _unpack(raw: bytes, part: zipfile.ZipInfo, where: str, limits: Limits) -> Iterator[int]:
    at = part.header_offset
    if raw[at : at + 4] != b"PK\x03\x04" or len(raw) < at + 30:
        raise _corrupt(where, "a part of the archive is not where its directory says")
    name_length, extra_length = struct.unpack("<HH", raw[at + 26 : at + 30])
    begin = at + 30 + name_length + extra_length
    data = memoryview(raw)[begin : begin + part.compress_size]
    if part.compress_type == zipfile.ZIP_STORED:
        yield len(data)
        return
    if part.compress_type != zipfile.ZIP_DEFLATED:
        raise _corrupt(where, "a part of the archive is packed in an unusual way")
    area = _Area(part.filename, where, limits)
    inflater = zlib.decompressobj(-15)
    piece: bytes | memoryview = data
    try:
        while not inflater.eof:
            out = inflater.decompress(piece, _CHUNK)
            if not out and not inflater.unconsumed_tail:
                raise _corrupt(where, f"{part.filename} ends too early")
            area.see(out)
            yield len(out)
            piece = inflater.unconsumed_tail
    except zlib.error as error:
        raise _corrupt(where, str(error)) from error


class _Area:
    """The used area of a sheet, from its unpacked text: a dense table of it must fit in memory."""

    def __init__(self, name: str, where: str, limits: Limits) -> None:
        self._kind = "ods" if name == "content.xml" else "xlsx" if "/worksheets/" in name else ""
        self._where, self._limits = where, limits
        self._tail = b""
        self._columns = [1 << 30, 0]
        self._rows = [1 << 30, 0]

    def see(self, piece: bytes) -> None:
        if not self._kind:
            return
        text = self._tail + piece
        self._tail = text[-_OVERLAP:]
        if self._kind == "ods":
            repeats = [int(number) for match in _ODS_REPEAT.findall(text) for number in match if number]
            if max(repeats, default=0) > self._limits.columns_max:
                raise self._too_wide()
            if sum(int(number) for number in _ODS_ROWS.findall(text)) > self._limits.rows_max:
                raise self._too_wide()
            return
        found = _CELL.findall(text)
        if not found:
            return
        columns = {_column_number(letters) for letters in {letters for letters, _ in found}}
        self._columns = [min(self._columns[0], *columns), max(self._columns[1], *columns)]
        rows = [int(found[0][1]), *(int(number) for _, number in found)]
        self._rows = [min(self._rows[0], min(rows)), max(self._rows[1], max(rows))]
        height, width = self._rows[1] - self._rows[0] + 1, self._columns[1] - self._columns[0] + 1
        if height * width > self._limits.cells_max:
            raise self._too_wide()

    def _too_wide(self) -> UnreadableFile:
        return UnreadableFile(
            f"a sheet's cells span more than {self._limits.cells_max:,} cells",
            where=self._where,
            do="Delete the stray cells far from the table, or save the table as CSV.",
        )


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


def _protected(where: str) -> UnreadableFile:
    return UnreadableFile(
        "the workbook is protected by a password",
        where=where,
        do="Save it without a password and import that.",
    )


def _corrupt(where: str, why: str) -> UnreadableFile:
    return UnreadableFile(
        f"the workbook is corrupt: {why}",
        where=where,
        do="Open it in a spreadsheet program and save it anew.",
    )


def _bomb(where: str, limits: Limits) -> UnreadableFile:
    return UnreadableFile(
        f"the workbook unpacks to more than {limits.unpacked_bytes_max // MIB} MiB",
        where=where,
        do="Save the sheet that holds the leads as CSV, which is read line by line.",
    )
