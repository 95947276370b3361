"""What a file is, and where its tables are: before anything in it is read as a lead."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from leadflow.errors import NotFound, UnmappableHeader, UnreadableFile, UsageError
from leadflow.intake.contacts import fast_mobile
from leadflow.intake.limits import MIB, Limits
from leadflow.intake.mapping import MappingFile
from leadflow.intake.tables import Table, find_table
from leadflow.intake.textfiles import Encoding, csv_rows, delimiter_of, encoding_of
from leadflow.intake.workbooks import OLE_MAGIC, ZIP_MAGIC, read_workbook

WORKBOOK_ENDINGS = frozenset((".xlsx", ".xlsm", ".xlsb", ".xls", ".ods"))
CONTACT_POINT = "a phone number, an e-mail or a WeChat id"
JSONL_ENDINGS = frozenset((".jsonl", ".ndjson", ".json"))
CARD_ENDINGS = frozenset((".vcf", ".vcard"))
TEXT_ENDINGS = frozenset((".csv", ".tsv", ".txt"))
ENDINGS = WORKBOOK_ENDINGS | TEXT_ENDINGS | JSONL_ENDINGS | CARD_ENDINGS
_FOREIGN = {
    b"%PDF": "a PDF",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"GIF8": "a picture",
    b"\x1f\x8b": "packed by gzip",
    b"Rar!": "a RAR archive",
    b"7z\xbc\xaf": "a 7z archive",
    b"{\\rtf": "a text document",
}
"""Beginnings of files that hold no rows, whatever they are named."""
_HOW_TO_NAME = "Name the columns as the documentation has them, and give the table a header."
_HOW_TO_MAP = (
    'Write a mapping file, e.g.\n[columns]\n"{example}" = "phone"\n'
    'and give it with --map. "#3" names the third column; header_row = 0 says that there is no header.'
)


def kind_of(path: Path, head: bytes) -> str:
    """`xlsx`, `xls`, `ods`, `csv`, `jsonl` or `vcf`. Workbooks are known by content, not by name."""
    ending = path.suffix.lower()
    if head.startswith((ZIP_MAGIC, OLE_MAGIC)):
        return ending[1:] if ending in WORKBOOK_ENDINGS else "xlsx" if head.startswith(ZIP_MAGIC) else "xls"
    for beginning, what in _FOREIGN.items():
        if head.startswith(beginning):
            do = "Export the rows as .xlsx or .csv."
            raise UnreadableFile(f"the file is {what}, not a table", where=str(path), do=do)
    text = head.lstrip(b"\xef\xbb\xbf \r\n\t")[:200].lower()
    if ending in WORKBOOK_ENDINGS | TEXT_ENDINGS:
        if text.startswith((b"<html", b"<!doctype", b"<table", b"<?xml", b"<meta")):
            kind = "workbook" if ending in WORKBOOK_ENDINGS else "table of text"
            what, do = "a web page or XML", "Open it in a spreadsheet program and save it as .xlsx."
            raise UnreadableFile(f"the file is no {kind} but {what}", where=str(path), do=do)
        if re.match(rb'\{\s*"[^"]*"\s*:', text):
            return "jsonl"
    if ending in WORKBOOK_ENDINGS:
        if _is_table_of_text(head):
            # Many systems name a text with tabs or commas `.xls`, so that a spreadsheet program opens it.
            return "csv"
        what, do = "something else", "If it is text, rename it to .csv; else save it anew as .xlsx."
        raise UnreadableFile(f"the file is no workbook but {what}", where=str(path), do=do)
    if ending in JSONL_ENDINGS:
        return "jsonl"
    if ending in CARD_ENDINGS:
        return "vcf"
    if ending in TEXT_ENDINGS:
        return "csv"
    named = f"files that end in {ending}" if ending else "files whose names have no ending"
    raise UnreadableFile(
        f"{named} are not read",
        where=str(path),
        do="Use xlsx, xls, ods, csv, jsonl or vcf.",
    )


def _is_table_of_text(head: bytes) -> bool:
    """Whether the first lines are text with a delimiter: UTF-16, or bytes that no binary format has."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return True
    lines = [line for line in head.splitlines()[:-1] or [head] if line.strip()]
    control = any(byte < 9 or 13 < byte < 32 for byte in head)
    return not control and bool(lines) and any(line.count(b"\t") or line.count(b",") for line in lines)


@dataclass(frozen=True, slots=True)
class Opened:
    """The tables of a file, each with its sheet's name."""

    tables: list[tuple[str | None, Table]]
    encoding: Encoding | None = None
    delimiter: str | None = None
    left_out: tuple[str, ...] = ()
    """Visible sheets that hold contact points, but no header that is known."""


def is_workbook(head: bytes) -> bool:
    """Whether a file that begins so is a workbook, whatever its name says."""
    return head.startswith((ZIP_MAGIC, OLE_MAGIC))


def open_tables(
    path: Path,
    head: bytes,
    score: Callable[[list[str]], int],
    own: MappingFile,
    limits: Limits,
    only_sheet: str | None = None,
    needs: str = CONTACT_POINT,
) -> Opened:
    """The tables of a workbook's visible sheets, or the one of a CSV file, their headers found."""
    if is_workbook(head):
        sheets = read_workbook(path, head, limits)
        if only_sheet is not None:
            sheets = [sheet for sheet in sheets if sheet.name == only_sheet]
            if not sheets:
                raise NotFound(f"the workbook has no visible sheet {only_sheet!r}", where=str(path))
        found = [
            (sheet.name, find_table(sheet.rows, score, own.header_row, sheet.title_rows)) for sheet in sheets
        ]
        tables: list[tuple[str | None, Table]] = [
            (name, table) for name, table in found if isinstance(table, Table) and score(list(table.columns))
        ]
        if not tables:
            raise no_header(path, [_first_rows(table) for _, table in found], needs)
        known = {name for name, _ in tables}
        left_out = [
            sheet for sheet, table in found if sheet not in known and _holds_contacts(_first_rows(table))
        ]
        return Opened(tables, left_out=tuple(left_out))
    encoding = encoding_of(path, own.encoding, score)
    delimiter = own.delimiter or delimiter_of(path, encoding, limits, score)
    table = find_table(csv_rows(path, encoding, delimiter, limits), score, own.header_row)
    if not isinstance(table, Table) or not score(list(table.columns)):
        problem = no_header(path, [_first_rows(table)], needs)
        if not encoding.name.startswith("utf"):
            problem.do = f"{problem.do}\n{_READ_AS.format(name=encoding.name)}"
        raise problem
    if len(table.columns) > limits.columns_max:
        raise UnreadableFile(f"the table has more than {limits.columns_max} columns", where=str(path))
    return Opened([(None, table)], encoding, delimiter)


_READ_AS = "The file was read as {name}; if what it holds looks wrong, name its encoding (`--encoding`)."
_EXPORT_AGAIN = "Save or export it again from where it came."


def _first_rows(table: Table | list[list[str]]) -> list[list[str]]:
    return [list(table.columns)] if isinstance(table, Table) else table


def _holds_contacts(rows: list[list[str]]) -> bool:
    """Whether some of the rows hold what people are reached by."""
    return any("@" in cell or fast_mobile(cell) for row in rows for cell in row)


def no_header(path: Path, found: list[list[list[str]]], needs: str = CONTACT_POINT) -> UsageError:
    """The error that names the columns seen and says how to write a mapping file.

    Only a row without contact points is shown as the columns: the first row may be a person's.
    """
    rows = [row for rows in found for row in rows if any(row)]
    if not rows:
        return UnreadableFile("the file holds no rows", where=str(path), do=_EXPORT_AGAIN)
    widest = max(sum(map(bool, row)) for row in rows)
    for row in rows:
        if sum(map(bool, row)) * 2 >= widest:
            if any("@" in cell or sum(map(str.isdigit, cell)) >= 5 for cell in row):
                break
            columns = [cell for cell in row if cell]
            do = _HOW_TO_MAP.format(example=columns[0]) if needs == CONTACT_POINT else _HOW_TO_NAME
            return UnmappableHeader(
                f"no column is known to hold {needs}; the columns seen are: {', '.join(columns)[:1000]}",
                where=str(path),
                do=do,
            )
    return UnmappableHeader(
        f"the file has no header, or none that is known; its rows have {widest} columns",
        where=str(path),
        do=_HOW_TO_MAP.format(example="#1") if needs == CONTACT_POINT else _HOW_TO_NAME,
    )


def read_head(path: Path, limits: Limits) -> bytes:
    """The first bytes of a file that is there, is not empty and is not too large."""
    try:
        size = path.stat().st_size
        if not path.is_file():
            raise UnreadableFile("this is no file", where=str(path))
        with path.open("rb") as file:
            head = file.read(4096)
    except FileNotFoundError as error:
        raise NotFound(
            "the file does not exist", where=str(path), do="Look how its name and folder are written."
        ) from error
    except OSError as error:
        raise UnreadableFile(f"cannot read the file: {error.strerror}", where=str(path)) from error
    if not head.strip(b"\xef\xbb\xbf \r\n\t\0"):
        raise UnreadableFile("the file is empty", where=str(path), do=_EXPORT_AGAIN)
    if size > limits.text_bytes_max:
        raise UnreadableFile(
            f"the file is larger than {limits.text_bytes_max // MIB} MiB", where=str(path), do="Split it."
        )
    return head
