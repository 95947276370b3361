"""Files with the oddities that people send."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from leadflow.errors import NotFound, UnmappableHeader, UsageError
from leadflow.intake.files import open_arrivals
from leadflow.intake.mapping import MappingFile
from tests.unit.intake.made import DATA, HEADER, ROW, phones, read, workbook


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
    ("encoding", "text"),
    [
        ("big5", "姓名,手機\n陳怡君,13800138000\n"),
        ("big5", "name,phone\n林志玲,13800138000\n"),
        ("cp950", "姓名,電話\n王裏明,13800138000\n"),
        ("big5hkscs", "姓名,電話\n陳㗎,13800138000\n"),
        ("gbk", "姓名,電話\n陳怡君,13800138000\n"),
        ("gbk", "name,phone\n王,13800138000\n"),
        ("gbk", "name,phone,city\nLee,13800138000,亳州\n"),
        ("gbk", "name,phone\n翟赟翀,13800138000\n"),
        ("gbk", "name,phone\n空 Renéü,13800138000\n"),
    ],
)
def test_a_short_file_is_told_by_its_header_or_by_everyday_characters(
    tmp_path: Path, encoding: str, text: str
) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(text.encode(encoding))
    file = open_arrivals(path, "trade_show")
    cells = [value for one in file for value in one.payload().values()]
    assert cells == [cell for line in text.splitlines()[1:] for cell in line.split(",")]


def test_a_guess_is_said_to_be_one(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("name,phone\n翟赟翀,13800138000\n".encode("gbk"))
    assert open_arrivals(path, "trade_show").report()["encoding_guessed"] is True
    named = open_arrivals(path, "trade_show", mapping=MappingFile(encoding="gbk"))
    assert "encoding_guessed" not in named.report()
    path.write_bytes("氏名,電話番号\n田中さくら,09012345678\n".encode("euc-jp"))
    with pytest.raises(UnmappableHeader, match=r"was read as gb18030; .* \(`--encoding`\)"):
        open_arrivals(path, "trade_show")


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
    rows: list[list[Any]] = [
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


@pytest.mark.parametrize("name", ["leads.csv", "leads.jsonl", "leads.vcf"])
def test_a_sheet_of_a_file_that_has_none_is_wrong_use(tmp_path: Path, name: str) -> None:
    text = {
        "leads.csv": "phone\n13812345678\n",
        "leads.jsonl": '{"phone": "13812345678"}\n',
        "leads.vcf": "BEGIN:VCARD\nVERSION:3.0\nTEL:13812345678\nEND:VCARD\n",
    }
    (tmp_path / name).write_text(text[name], encoding="utf-8")
    with pytest.raises(UsageError, match="has no sheets"):
        read(tmp_path / name, MappingFile(sheet="第二天"))


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
