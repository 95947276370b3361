"""Tables of reports, on consoles of any width."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from leadflow.cli.report_tables import draw, new_table

NAMES = ["baidu_ads/brand-search-2026-autumn", "referral"]
FIGURES = [f"{1_234_567 * number:,}" for number in range(1, 12)]


def drawn(width: int, names: list[str]) -> str:
    table = new_table(*(f"figure\n{number}" for number in range(1, 12)), first=("channel", ""))
    for name in names:
        table.add_row(name, "¹", *FIGURES)
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None)
    draw(console, table)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("width", [40, 60, 80, 100, 120, 200])
@pytest.mark.parametrize("names", [NAMES, ["x" * 300]])
def test_no_figure_is_cut_whatever_the_width(width: int, names: list[str]) -> None:
    text = drawn(width, names)
    assert max(map(len, text.splitlines())) <= width
    for figure in FIGURES:
        assert len(re.findall(rf"(?<![\d,]){figure}(?![\d,…])", text)) == len(names)


def test_what_stands_below_has_its_name_and_its_mark_again() -> None:
    text = drawn(80, NAMES)
    parts = text.split("\n\n")
    assert len(parts) > 1
    assert all(name in part and part.count("¹") == 2 for part in parts for name in NAMES)


def test_a_table_that_fits_is_one() -> None:
    assert "\n\n" not in drawn(200, NAMES)


def test_a_long_name_is_cut_before_a_table_is_parted() -> None:
    table = new_table("leads", first=("page",))
    table.add_row("/" + "p" * 200, "1,234,567")
    console = Console(file=io.StringIO(), width=80, force_terminal=True, color_system=None)
    draw(console, table)
    assert isinstance(console.file, io.StringIO)
    assert re.search(r"/p{60,}… 1,234,567", console.file.getvalue())
