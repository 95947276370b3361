"""Files that cannot be read, in whole or in part: each gets one clear answer."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from leadflow.errors import NotFound, UnmappableHeader, UnreadableFile
from leadflow.intake.limits import Limits
from leadflow.intake.mapping import MappingFile
from tests.unit.intake.made import DATA, HEADER, ROW, phones, read, workbook


def refused(path: Path, limits: Limits | None = None) -> str:
    with pytest.raises(UnreadableFile) as caught:
        read(path, limits=limits)
    assert caught.value.where == str(path)
    assert caught.value.exit_code == 2
    return caught.value.what


def test_missing_and_empty_files(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        read(tmp_path / "none.csv")
    for name in ("a.csv", "a.jsonl", "a.xlsx", "a.xls", "a.ods"):
        (tmp_path / name).write_bytes(b"")
        assert "empty" in refused(tmp_path / name)
    (tmp_path / "a.csv").write_bytes(b"\xef\xbb\xbf\n\n")
    assert "empty" in refused(tmp_path / "a.csv")
    (tmp_path / "folder.csv").mkdir()
    assert "no file" in refused(tmp_path / "folder.csv")
    assert "no rows" in refused(workbook(tmp_path / "empty.xlsx", []))


def test_a_header_that_cannot_be_mapped_names_the_columns_and_the_way_out(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("甲列,乙列\nx,y\n", "utf-8")
    with pytest.raises(UnmappableHeader) as caught:
        read(path)
    assert "甲列, 乙列" in str(caught.value)
    assert '"甲列" = "phone"' in str(caught.value)
    assert "--map" in str(caught.value)


def test_a_file_without_a_header_shows_no_contact_point_in_its_error(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("张伟,13812345678\n李娜,13912345678\n", "utf-8")
    with pytest.raises(UnmappableHeader) as caught:
        read(path)
    assert "138" not in str(caught.value)
    assert "张伟" not in str(caught.value)
    assert "header_row = 0" in str(caught.value)


@pytest.mark.parametrize("name", ["a.xlsx", "a.xls", "a.ods"])
def test_corrupt_and_pretended_workbooks(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("手机\n13812345678\n", "utf-8")
    assert "no workbook" in refused(path)
    path.write_bytes(HEADER.encode() + b"\0\1\2")
    assert "no workbook" in refused(path)
    path.write_text("<html><table><tr><td>手机</td></tr></table></html>", "utf-8")
    assert "web page" in refused(path)
    path.write_bytes(b"PK\x03\x04" + b"\0" * 500)
    assert "corrupt" in refused(path)
    path.write_bytes(bytes.fromhex("d0cf11e0a1b11ae1") + b"\x11" * 4000)
    assert "corrupt" in refused(path)


@pytest.mark.parametrize(
    ("name", "beginning", "what"),
    [
        ("a.csv", b"%PDF-1.7\n", "a PDF"),
        ("a.csv", b"\x89PNG\r\n\x1a\n", "a picture"),
        ("a.xlsx", b"\xff\xd8\xff\xe0", "a picture"),
        ("a.jsonl", b"\x1f\x8b\x08\x00", "packed by gzip"),
        ("a.pdf", b"%PDF-1.7\n", "a PDF"),
    ],
)
def test_what_is_no_table_is_named(tmp_path: Path, name: str, beginning: bytes, what: str) -> None:
    path = tmp_path / name
    path.write_bytes(beginning + b"abc,def\n" * 100)
    assert f"the file is {what}" in refused(path)


def test_json_that_lacks_a_little_is_read_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    rows = ['{"phone": "13812345678", "name": "李娜", "score": NaN}'] * 20
    path.write_bytes("\n".join(rows).encode() + '\n{"phone": "13912345678", "name": "张'.encode() + b'\xff"}')
    found = read(path)
    assert phones(found) == [("+8613812345678",)] * 20 + [("+8613912345678",)]
    assert found[0].arrival.problems == ()
    assert [problem.code for problem in found[-1].arrival.problems] == ["garbled"]


def test_a_workbook_cut_short_or_with_a_changed_byte(tmp_path: Path) -> None:
    whole = workbook(tmp_path / "a.xlsx", [["姓名", "手机"], ["张伟", 13812345678]]).read_bytes()
    (tmp_path / "cut.xlsx").write_bytes(whole[: len(whole) // 2])
    assert "corrupt" in refused(tmp_path / "cut.xlsx")
    for place in range(40, len(whole), 97):
        (tmp_path / "bent.xlsx").write_bytes(
            whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :]
        )
        with suppress(UnreadableFile, UnmappableHeader):
            read(tmp_path / "bent.xlsx")


def test_a_password(tmp_path: Path) -> None:
    assert "password" in refused(DATA / "workbooks" / "protected.xlsx")


def test_an_archive_is_no_workbook(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.xlsx", "w") as archive:
        archive.writestr("list.csv", HEADER)
    assert "archive" in refused(tmp_path / "a.xlsx")


def bomb(path: Path, size: int, says: int | None = None) -> Path:
    """A workbook one part of which unpacks to `size` bytes, whatever its directory says."""
    source = workbook(path, [["手机"], [13812345678]])
    buffer = io.BytesIO()
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
        new.writestr("xl/media/image1.bin", b"\0" * size)
    raw = bytearray(buffer.getvalue())
    if says is not None:
        check = zlib.crc32(b"\0" * says)
        for mark, at in ((b"PK\x03\x04", 14), (b"PK\x01\x02", 16)):
            place = raw.rfind(mark)
            raw[place + at : place + at + 4] = struct.pack("<I", check)
            raw[place + at + 8 : place + at + 12] = struct.pack("<I", says)
    path.write_bytes(raw)
    return path


def test_enormous_workbooks_are_refused_before_they_are_opened(tmp_path: Path) -> None:
    limits = Limits(unpacked_bytes_max=2_000_000)
    assert "unpacks" in refused(bomb(tmp_path / "honest.xlsx", 4_000_000), limits)
    assert "unpacks" in refused(bomb(tmp_path / "liar.xlsx", 4_000_000, says=100), limits)
    assert "larger" in refused(bomb(tmp_path / "big.xlsx", 10), Limits(workbook_bytes_max=100))


def test_a_stray_cell_far_away_does_not_fill_the_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet["A1"], sheet["XFD1048576"] = "手机", "x"
    book.save(path)
    assert "span" in refused(path)


def test_rows_columns_cells_and_lines_have_limits(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(HEADER + ROW * 5, "utf-8")
    assert "more than 3 rows" in refused(path, Limits(rows_max=3))
    assert "larger" in refused(path, Limits(text_bytes_max=50))
    path.write_text("手机," * 600 + "\n" + "1," * 600, "utf-8")
    assert "columns" in refused(path)
    path.write_text(HEADER + "张伟,13812345678,," + "长" * 2_000_000, "utf-8")
    assert "longer" in refused(path)
    path.write_text(HEADER + "张伟,13812345678,," + "长" * 40_000, "utf-8")
    assert "line 2" in refused(path)
    rows: list[list[Any]] = [["姓名", "手机"], *[["张伟", 13812345678]] * 5]
    assert "rows" in refused(workbook(tmp_path / "a.xlsx", rows), Limits(rows_max=3))


def test_a_quotation_mark_that_is_not_closed(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(HEADER + '"张伟,13812345678,,\n' + ROW * 3 + '李娜",13912345678,,\n' + ROW, "utf-8")
    first, second = read(path)
    assert first.arrival.body is None
    assert [problem.code for problem in first.arrival.problems] == ["unclosed_quote"]
    assert second.row == 7
    path.write_text(HEADER + '"张伟,13812345678,,\n' + ROW * 9000, "utf-8")
    assert "line 2" in refused(path)


def test_text_that_is_none_and_wrong_encodings(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(bytes(range(256)) * 20)
    assert "not text" in refused(path)
    path.write_text(HEADER + ROW * 20, "gbk")
    with pytest.raises(UnreadableFile, match="not encoded in utf-8"):
        read(path, MappingFile(encoding="utf-8"))
    for name in ("klingon", "hex", "zlib", "a\0b"):
        with pytest.raises(UnreadableFile, match="there is no encoding"):
            read(path, MappingFile(encoding=name))
    (tmp_path / "a.doc").write_bytes(b"text")
    assert ".doc" in refused(tmp_path / "a.doc")


def test_single_broken_characters_are_noted_at_their_row(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes((HEADER + ROW * 20).encode() + b"\xff\xfe" + "某,13912345678,,\n".encode())
    rows = read(path)
    assert [problem.code for row in rows for problem in row.arrival.problems] == ["garbled"]
    assert all(row.arrival.body for row in rows)


def test_json_lines_that_are_no_objects_are_problems_of_their_line(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    good = '{"phone": "13812345678"}'
    path.write_text(
        f'[1]\n{good}\n"x"\nnull\n{{"phone": \n{good}\n{{"x": NaN}}\n' + "[" * 3000 + "\n", "utf-8"
    )
    rows = read(path)
    codes = [row.arrival.problems[0].code if row.arrival.problems else "" for row in rows]
    assert codes[:6] == ["not_an_object", "", "not_an_object", "not_an_object", "not_json", ""]
    assert codes[6] == "no_contact_point"
    assert rows[6].payload() == {"x": None}
    assert codes[7] == "not_json"
    assert rows[0].payload() == {"line": "[1]"}


def test_a_json_line_that_is_too_long_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"phone": "' + "1" * 5000 + '"}\n{"phone": "13812345678"}\n', "utf-8")
    first, second = read(path, limits=Limits(line_length_max=1000))
    assert first.arrival.problems[0].code == "too_long"
    assert (second.row, second.arrival.problems) == (2, ())


def test_one_json_document_is_not_one_object_a_line(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    for text in ('[{"phone": "13812345678"}]', '[\n {"phone": "1"}\n]', '{\n "phone": "1"\n}'):
        path.write_text(text, "utf-8")
        assert "one JSON document" in refused(path)


def test_a_web_page_that_is_named_as_a_table_of_text_is_called_one(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(
        "<html><table><tr><td>手机</td></tr><tr><td>13812345678</td></tr></table></html>", "utf-8"
    )
    assert "web page" in refused(path)


@pytest.mark.parametrize("name", ["a.txt", "a.csv"])
def test_json_lines_are_known_by_their_content(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text('{"phone": "13812345678"}\n{"phone": "13912345678"}\n', "utf-8")
    assert phones(read(path)) == [("+8613812345678",), ("+8613912345678",)]
