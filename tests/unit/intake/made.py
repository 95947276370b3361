"""Files made for the tests, and how they are read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import openpyxl

from leadflow.intake.files import Incoming, open_arrivals
from leadflow.intake.limits import Limits
from leadflow.intake.mapping import MappingFile

DATA = Path(__file__).parents[2] / "data"
HEADER = "姓名,手机号码,邮箱,公司名称\n"
ROW = "张伟,13812345678,zhang@example.com,甲公司\n"


def read(path: Path, mapping: MappingFile | None = None, limits: Limits | None = None) -> list[Incoming]:
    return list(open_arrivals(path, "trade_show", mapping=mapping, limits=limits))


def phones(rows: list[Incoming]) -> list[tuple[str, ...]]:
    return [row.arrival.body.person.phones if row.arrival.body else () for row in rows]


def workbook(path: Path, rows: list[list[Any]], merged: str | None = None) -> Path:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in rows:
        sheet.append(row)
    if merged:
        sheet.merge_cells(merged)
    book.save(path)
    return path
