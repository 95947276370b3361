"""What a file tells by itself: which rows are none, how dates are written, whose contact points are whose."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from pathlib import Path

import openpyxl
import pytest

from leadflow.intake.files import open_arrivals
from leadflow.intake.mapping import MappingFile
from tests.unit.intake.made import HEADER, ROW, phones, read, workbook


@pytest.mark.parametrize(
    "beneath",
    [
        "Name,Mobile,Email,Company",
        "name,phone,email,company",
        "必填,必填（11位）,选填,",
        "required,required,,optional",
        "示例：张三,13800000000,example@example.com,某某公司",
        "Name,Mobile,Email,Company\n（必填）,（必填）,,",
    ],
)
def test_what_stands_beneath_the_header_and_belongs_to_it_is_no_row(tmp_path: Path, beneath: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(HEADER + beneath + "\n" + ROW, "utf-8")
    rows = read(path)
    assert phones(rows) == [("+8613812345678",)]
    assert rows[0].row == 3 + beneath.count("\n")


@pytest.mark.parametrize(
    "row",
    [
        "Total rows: 60", "总人数：60", "数据合计,60", "Count,60", "平均,60", "总条数,60", "记录数：60",
        "合计金额,\"1,200.00\"", "--- END ---", "（以下空白）", "———", "制表人：王,审核人：李",
        "打印日期：2026-11-30,,,第1页/共1页", "Exported on 2026-11-30 by admin", "签字：,,日期：",
        "* 数据来源于展会扫码", "第 1 页 共 1 页",
        "合计,共800张", "总计：800张名片", "共计800张", "名片总数,800", "总名片数,800", "参展总人数：800",
        "统计,800", "总量,800", "行数,800", "记录总数：800", "Total cards,800", "总计,800,,制表：王",
        "以上名片由展台扫描", "以上数据截至2026年10月12日", "打印日期 2026-10-31",
    ],
)  # fmt: skip
def test_more_totals_and_footers_are_no_rows(tmp_path: Path, row: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(HEADER + ROW + row + "\n", "utf-8")
    assert len(read(path)) == 1


@pytest.mark.parametrize(
    "row",
    [
        "张伟,,,",
        "张总,,,",
        "总计 张伟,没留电话,,",
        "张总,300,,",
        "有效,,,",
        "备注,备注,备注,备注",
        "制表人：王,13912345678,,",
    ],
)
def test_a_row_that_may_be_somebodys_stays_a_row(tmp_path: Path, row: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(HEADER + ROW + row + "\n", "utf-8")
    assert len(read(path)) == 2


def test_blanks_before_quotation_marks(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('"姓名", "手机", "公司"\n"张伟", "13812345678", "甲, 乙公司"\n', "utf-8")
    body = read(path)[0].arrival.body
    assert body is not None
    assert body.company.name == "甲, 乙公司"


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "utf-16"])
def test_a_text_that_is_named_as_a_workbook(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "a.xls"
    path.write_text((HEADER + ROW).replace(",", "\t"), encoding)
    assert phones(read(path)) == [("+8613812345678",)]


def test_a_cell_merged_downwards_holds_for_each_of_its_rows(tmp_path: Path) -> None:
    path = workbook(
        tmp_path / "a.xlsx",
        [
            ["公司", "姓名", "手机"],
            ["甲公司", "张伟", "13812345678"],
            [None, "李娜", "13912345678"],
            [None, None, None],
            ["乙公司", "王芳", "13712345678"],
        ],
        "A2:A4",
    )
    companies = [row.arrival.body.company.name for row in read(path) if row.arrival.body]
    assert companies == ["甲公司", "甲公司", "乙公司"]


def test_a_sheet_that_is_left_out_though_it_holds_contact_points_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    book = openpyxl.Workbook()
    first = book.active
    assert first is not None
    for row in (["姓名", "手机"], ["张伟", "13812345678"]):
        first.append(row)
    book.create_sheet("续").append(["李娜", "13912345678"])
    book.create_sheet("说明").append(["第一天收集"])
    book.save(path)
    file = open_arrivals(path, "trade_show")
    assert len(list(file)) == 1
    assert file.report()["left_out"] == ["续"]


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (["11/3/2026", "11/13/2026"], [(11, 3), (11, 13)]),
        (["3/11/2026", "13/11/2026"], [(11, 3), (11, 13)]),
        (["11/3/2026", "11/13/2026", "13/11/2026"], [None, (11, 13), (11, 13)]),
        (["11/3/2026"], [None]),
    ],
)
def test_the_file_tells_how_it_writes_its_dates(
    tmp_path: Path, days: list[str], expected: list[object]
) -> None:
    path = tmp_path / "a.csv"
    rows = [f"1381234567{number},{day} 12:00\n" for number, day in enumerate(days)]
    path.write_text("手机,提交时间\n" + "".join(rows), "utf-8")
    bodies = [row.arrival.body for row in read(path)]
    moments = [body.touch.occurred_at for body in bodies if body]
    assert [moment and (moment.month, moment.day) for moment in moments] == expected


def test_the_mapping_file_tells_how_dates_are_written(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("手机,提交时间\n13812345678,11/3/2026 12:00\n", "utf-8")
    body = read(path, MappingFile(dates="month-first"))[0].arrival.body
    assert body is not None
    assert body.touch.occurred_at == datetime(2026, 11, 3, 4, tzinfo=UTC)


def refs(path: Path) -> list[str]:
    return [row.arrival.ref for row in read(path)]


def test_an_id_that_comes_again_with_other_contents_is_noted(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("Response ID,Mobile\nr1,13812345678\nr1,13812345678\nr1,13912345678\n", "utf-8")
    rows = read(path)
    assert [row.arrival.ref for row in rows] == ["r1"] * 3
    assert [[p.code for p in row.arrival.problems] for row in rows] == [[], [], ["repeated"]]


def test_a_number_that_most_rows_share_is_the_lists_and_names_no_row(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("ID,手机\n20261103,13812345678\n20261103,13912345678\n", "utf-8")
    file = open_arrivals(path, "purchased_list")
    found = [row.arrival for row in file]
    assert len({one.ref for one in found}) == 2
    assert file.report()["answers"] == ["ID"]
    assert [one.body.person.answers for one in found if one.body] == [{"ID": "20261103"}] * 2


def test_a_weak_id_that_comes_again_with_other_contents_names_its_first_row_only(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    rows = [f"{1000000 + number},1381234567{number}\n" for number in range(5)]
    path.write_text("客户编号,手机\n" + "".join(rows) + "1000001,13912345678\n", "utf-8")
    found = refs(path)
    assert found[:5] == [str(1000000 + number) for number in range(5)]
    assert found[5].startswith("row-")
    assert refs(path) == found


def test_ids_of_json_lines_are_watched_alike(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    lines = ['{"clue_id": "c1", "phone": "13812345678"}', '{"clue_id": "c1", "phone": "13912345678"}']
    path.write_text("\n".join(lines), "utf-8")
    assert [len(row.arrival.problems) for row in read(path)] == [0, 1]


def test_a_table_beneath_the_first_may_have_its_columns_in_another_order(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(
        "姓名,手机,公司\n张伟,13812345678,甲公司\n"
        "手机,姓名,公司,邮箱\n13912345678,李娜,乙公司,li@example.com\n",
        "utf-8",
    )
    people = [row.arrival.body for row in read(path)]
    assert [(one.person.name, one.person.phones, one.company.name) for one in people if one] == [
        ("张伟", ("+8613812345678",), "甲公司"),
        ("李娜", ("+8613912345678",), "乙公司"),
    ]
    assert people[1] is not None
    assert people[1].person.emails == ("li@example.com",)


@pytest.mark.parametrize(
    "beneath",
    ["Open-Ended Response,Open-Ended Response,,", '"{""ImportId"":""QID1""}","{""ImportId"":""QID2""}",,'],
)
def test_what_survey_tools_write_beneath_a_header_is_no_row(tmp_path: Path, beneath: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(HEADER + beneath + "\n" + ROW, "utf-8")
    assert len(read(path)) == 1


def people(count: int, seed: int = 3) -> list[str]:
    """Mobile numbers, no two alike."""
    drawn = random.Random(seed).sample(range(10**8), count)
    return [f"138{number:08d}" for number in drawn]


def test_contact_points_that_all_rows_share_are_kept_as_answers(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    rows = [
        f"{mobile},{number}@example.com,rep@corp.example.cn\n" for number, mobile in enumerate(people(20))
    ]
    path.write_text("联系人手机,联系人邮箱,负责人邮箱\n" + "".join(rows), "utf-8")
    file = open_arrivals(path, "purchased_list")
    bodies = [row.arrival.body for row in file]
    assert [body.person.emails for body in bodies if body] == [(f"{n}@example.com",) for n in range(20)]
    assert file.report()["shared"] == ["负责人邮箱"]
    assert file.report()["answers"] == ["负责人邮箱"]


def test_the_only_contact_points_of_a_kind_are_the_rows_own_though_they_are_alike(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    rows = [f"{mobile},same@example.com\n" for mobile in people(20)]
    path.write_text("手机,邮箱\n" + "".join(rows), "utf-8")
    bodies = [row.arrival.body for row in read(path)]
    assert [body.person.emails for body in bodies if body] == [("same@example.com",)] * 20


def test_a_mapping_file_says_whose_contact_points_are(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("手机,电话\n" + "".join(f"{mobile},010-82345678\n" for mobile in people(20)), "utf-8")
    own = read(path, MappingFile(columns={"电话": "phone"}))
    assert all(numbers[1:] == ("+861082345678",) for numbers in phones(own))
    assert all(len(numbers) == 1 for numbers in phones(read(path)))


def test_an_empty_column_leaves_its_place_to_another(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("Name,Your full name,Your phone number\n,张伟,13812345678\n", "utf-8")
    body = read(path)[0].arrival.body
    assert body is not None
    assert body.person.name == "张伟"


@pytest.mark.parametrize(
    ("code", "number", "expected"),
    [
        ("010", "82345678", "+861082345678"),
        ("0755", "88123456", "+8675588123456"),
        ("10", "82345678", "+861082345678"),
        ("010", "13812345678", "+8613812345678"),
        ("010", "010-82345678", "+861082345678"),
        ("+86", "13812345678", "+8613812345678"),
        ("86", "13812345678", "+8613812345678"),
        ("+852", "91234567", "+85291234567"),
        ("852", "91234567", "+85291234567"),
        ("+1", "2125551234", "+12125551234"),
        ("0065", "91234567", "+6591234567"),
        ("", "13812345678", "+8613812345678"),
    ],
)
def test_area_and_country_codes_in_a_column_of_their_own(
    tmp_path: Path, code: str, number: str, expected: str
) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"姓名,区号,电话\n张伟,{code},{number}\n", "utf-8")
    assert phones(read(path)) == [(expected,)]


def test_a_number_among_addresses_is_taken_beside_the_address(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("姓名,邮箱\n张伟,wang@example.com 13812345678\n", "utf-8")
    assert phones(read(path)) == [("+8613812345678",)]


def test_what_a_lead_cost_is_counted_in_what_its_columns_name_says(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("姓名,手机,成本（千元）\n王,13812345678,1.5\n", "utf-8")
    body = read(path)[0].arrival.body
    assert body is not None
    assert body.touch.cost is not None
    assert (str(body.touch.cost.amount), body.touch.cost.currency) == ("1500.0", "CNY")


@pytest.mark.parametrize("word", ["人", "总数", "条数", "记录", "条记录"])
def test_a_word_of_totals_said_over_and_over_is_looked_at_once(tmp_path: Path, word: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(HEADER + ROW + f"合计{(word * 75)[:75]}x,,,\n", "utf-8")
    assert len(read(path)) == 2
