"""How much a file may hold. Beyond it the file is refused with the limit named, never half read."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """Bytes, rows, columns and cells; csv and jsonl are streamed, workbooks stand in memory."""

    text_bytes_max: int = 1024 * MIB
    workbook_bytes_max: int = 64 * MIB
    unpacked_bytes_max: int = 512 * MIB
    """Of a workbook's parts together, as they really unpack."""
    rows_max: int = 1_000_000
    columns_max: int = 500
    cells_max: int = 10_000_000
    """Of a sheet's used area."""
    line_length_max: int = MIB
    """Characters of a line of csv or jsonl."""
