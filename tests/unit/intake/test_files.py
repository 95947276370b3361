"""Files with oddities that people send, and files that cannot be read: each one clear answer."""

from __future__ import annotations

import csv
import io
import json
import struct
import zipfile
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from leadflow.errors import NotFound, UnmappableHeader, UnreadableFile
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


# --- oddities ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]
)
def test_encodings_of_csv(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "list.csv"
    path.write_text(HEADER + ROW, encoding)
    (row,) = read(path)
    assert row.arrival.body is not None
    assert row.arrival.body.person.name == "张伟"
    assert row.arrival.body.person.phones == ("+8613812345678",)


@pytest.mark.parametrize(
    ("encoding", "name"), [("big5", "陳小姐與張先生的聯絡資料"), ("cp1252", "Renée Müller")]
)
def test_other_encodings_are_told_by_their_text(tmp_path: Path, encoding: str, name: str) -> None:
    path = tmp_path / "list.csv"
    path.write_text("Full name,Mobile\n" + f"{name},13812345678\n" * 40, encoding)
    rows = read(path)
    assert rows[0].arrival.body is not None
    assert rows[0].arrival.body.person.phones == ("+8613812345678",)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters(tmp_path: Path, delimiter: str) -> None:
    path = tmp_path / "list.csv"
    rows = [
        ["姓名", "手机号码", "备注"],
        ["张伟", "13812345678", "要报价, 周三; 回访"],
        ["李娜", "13912345678", ""],
    ]
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, delimiter=delimiter).writerows(rows)
    found = read(path)
    assert phones(found) == [("+8613812345678",), ("+8613912345678",)]
    assert found[0].arrival.body is not None
    assert found[0].arrival.body.person.note == "要报价, 周三; 回访"


def test_titles_blanks_totals_footers_and_repeated_headers_are_no_rows(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text(
        "2026 秋季展 联系方式汇总,,,\n,,,\n" + HEADER + ROW + ",,,\n \n" + HEADER + "小计,1,,\n"
        "李娜,13912345678,,乙公司\n合 计：,2,,\nTotal,2,,\n"
        "以上共 2 条,,,\n制表人：王经理,,,\n导出时间：2026-10-01,,,\n",
        "utf-8",
    )
    rows = read(path)
    assert [row.row for row in rows] == [4, 9]
    assert phones(rows) == [("+8613812345678",), ("+8613912345678",)]


def test_a_person_named_total_is_a_row(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text(HEADER + "合计,13812345678,,\n总计,,boss@example.com,\n", "utf-8")
    assert len(read(path)) == 2


def test_a_row_with_only_a_name_is_an_unreadable_row(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text(HEADER + "张伟,,,\n", "utf-8")
    (row,) = read(path)
    assert row.arrival.body is None
    assert [problem.code for problem in row.arrival.problems] == ["no_contact_point"]


def test_merged_titles_in_the_middle_of_a_sheet_are_no_rows(tmp_path: Path) -> None:
    rows: list[list[Any]] = [
        ["姓名", "手机", "公司"],
        ["张伟", 13812345678, "甲"],
        ["第二天", None, None],
        ["李娜", 13912345678.0, "乙"],
    ]
    found = read(workbook(tmp_path / "cards.xlsx", rows, merged="A3:C3"))
    assert [row.row for row in found] == [2, 4]


def test_a_header_of_two_rows(tmp_path: Path) -> None:
    rows = [
        ["姓名", "联系方式", None, "公司"],
        [None, "手机", "邮箱", None],
        ["张伟", 13812345678, "Z@example.com", "甲"],
    ]
    (row,) = read(workbook(tmp_path / "cards.xlsx", rows))
    assert row.arrival.body is not None
    assert row.arrival.body.person.emails == ("z@example.com",)
    assert row.arrival.body.company.name == "甲"
    assert row.arrival.body.person.name == "张伟"


@pytest.mark.parametrize("name", ["cards.xls", "cards.ods"])
def test_xls_and_ods(name: str) -> None:
    rows = read(DATA / "workbooks" / name)
    assert [row.row for row in rows] == [4, 5, 7, 8]
    assert phones(rows) == [("+8613812345678",), ("+861082345678",), ("+8613912345678",), ()]


def test_every_visible_sheet_with_contact_points_is_read(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    first = book.active
    assert first is not None
    first.append(["填写说明：请勿修改表头"])
    for title, number in (("第一天", 13812345678), ("第二天", 13912345678), ("备份", 13712345678)):
        sheet = book.create_sheet(title)
        sheet.append(["姓名", "手机"])
        sheet.append(["张伟", number])
    book["备份"].sheet_state = "hidden"
    book.save(tmp_path / "cards.xlsx")
    assert [row.sheet for row in read(tmp_path / "cards.xlsx")] == ["第一天", "第二天"]
    one = read(tmp_path / "cards.xlsx", MappingFile(sheet="第二天"))
    assert phones(one) == [("+8613912345678",)]
    with pytest.raises(NotFound, match="备份"):
        read(tmp_path / "cards.xlsx", MappingFile(sheet="备份"))


def test_a_workbook_is_known_by_its_content(tmp_path: Path) -> None:
    workbook(tmp_path / "cards.xlsx", [["姓名", "手机"], ["张伟", 13812345678]])
    for name in ("cards.xls", "cards.csv"):
        (tmp_path / name).write_bytes((tmp_path / "cards.xlsx").read_bytes())
        assert phones(read(tmp_path / name)) == [("+8613812345678",)]


def test_values_that_look_like_formulas_are_text(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text(HEADER + "=HYPERLINK(1),13812345678,,@SUM(1)\n", "utf-8")
    (row,) = read(path)
    assert row.arrival.body is not None
    assert row.arrival.body.person.name == "=HYPERLINK(1)"
    assert row.arrival.body.company.name == "@SUM(1)"


def test_short_and_long_rows(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text(HEADER + "张伟,13812345678\n李娜,13912345678,,乙,还有,话\n", "utf-8")
    first, second = read(path)
    assert first.arrival.body is not None
    assert second.arrival.body is not None
    assert second.arrival.body.person.answers == {"column 5": "还有", "column 6": "话"}


def test_equal_rows_have_references_by_their_number_and_one_row_more_changes_no_other(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text(HEADER + ROW + ROW, "utf-8")
    before = [row.arrival.ref for row in read(path)]
    path.write_text(HEADER + ROW + ROW + "李娜,13912345678,,\n" + ROW, "utf-8")
    after = [row.arrival.ref for row in read(path)]
    assert len(set(after)) == 4
    assert after[:2] == before


def test_running_numbers_name_nothing(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("序号,姓名,手机\n1,张伟,13812345678\n2,李娜,13912345678\n", "utf-8")
    before = [row.arrival.ref for row in read(path)]
    path.write_text("序号,姓名,手机\n1,王芳,13712345678\n2,张伟,13812345678\n3,李娜,13912345678\n", "utf-8")
    assert [row.arrival.ref for row in read(path)][1:] == before


def test_mapping_file_for_columns_that_nobody_could_guess(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("a;b;c\n张伟;13812345678;geheim\n", "utf-8")
    own = MappingFile(columns={"a": "name", "#2": "phone", "c": "ignore"}, delimiter=";")
    (row,) = read(path, own)
    assert row.arrival.body is not None
    assert row.arrival.body.person.model_dump(exclude_defaults=True) == {
        "name": "张伟",
        "phones": ("+8613812345678",),
        "written": {"phone": "13812345678"},
    }


def test_mapping_file_for_a_file_without_a_header(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("张伟,13812345678\n李娜,13912345678\n", "utf-8")
    rows = read(path, MappingFile(header_row=0, columns={"#1": "name", "#2": "phone"}))
    assert [row.row for row in rows] == [1, 2]
    assert phones(rows) == [("+8613812345678",), ("+8613912345678",)]


def test_jsonl_in_other_encodings_and_with_blank_lines(tmp_path: Path) -> None:
    line = json.dumps({"姓名": "张伟", "电话": "13812345678"}, ensure_ascii=False)
    for encoding in ("utf-8", "utf-8-sig", "gb18030", "utf-16"):
        path = tmp_path / "leads.jsonl"
        path.write_text(f"{line}\n\n{line}\n", encoding)
        assert [row.row for row in read(path)] == [1, 3]
        assert phones(read(path)) == [("+8613812345678",)] * 2


def test_the_report_names_what_was_mapped(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("姓名,手机,爱好\n张伟,13812345678,足球\n", "gbk")
    report = open_arrivals(path, "trade_show").report()
    assert report["encoding"] == "gb18030"
    assert report["columns"] == {"姓名": "name", "手机": "phone"}
    assert report["answers"] == ["爱好"]


# --- bad input --------------------------------------------------------------------------------


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
    path.write_text(HEADER + ROW, "utf-8")
    assert "no workbook" in refused(path)
    path.write_text("<html><table><tr><td>手机</td></tr></table></html>", "utf-8")
    assert "web page" in refused(path)
    path.write_bytes(b"PK\x03\x04" + b"\0" * 500)
    assert "corrupt" in refused(path)
    path.write_bytes(bytes.fromhex("d0cf11e0a1b11ae1") + b"\x11" * 4000)
    assert "corrupt" in refused(path)


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
    with pytest.raises(UnreadableFile, match="unknown encoding"):
        read(path, MappingFile(encoding="klingon"))
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1.4")
    assert ".pdf" in refused(tmp_path / "a.pdf")


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
    assert codes[:7] == ["not_an_object", "", "not_an_object", "not_an_object", "not_json", "", "not_json"]
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
