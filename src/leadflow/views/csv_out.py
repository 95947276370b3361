"""CSV that leaves LeadFlow: what would be a formula in a spreadsheet leaves as text."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, TextIO

_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def neutral(value: Any) -> str:
    """A value as a cell that no spreadsheet calculates.

    Text that begins with `=`, `+`, `-`, `@`, a tab or a line end (OWASP, "CSV Injection"), even after
    blanks, is given a leading apostrophe. Numbers are numbers and stay as they are; None is empty.
    """
    if value is None:
        return ""
    if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool):
        return str(value)
    text = str(value).replace("\0", "")
    if text.startswith(_STARTS) or text.lstrip().startswith(_STARTS):
        return "'" + text
    return text


def write_csv(file: TextIO, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
    """Write a header and rows, every cell made neutral; returns how many rows.

    Open `file` with `newline=""`.
    """
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow([neutral(column) for column in columns])
    count = 0
    for count, row in enumerate(rows, 1):  # noqa: B007
        writer.writerow([neutral(value) for value in row])
    return count
