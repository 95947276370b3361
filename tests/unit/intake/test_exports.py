"""Files and bodies as other systems write them: running numbers, examples in headers, empty members."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from leadflow.domain.requests import SubmitIntake
from leadflow.intake.arrivals import ArrivalReader
from leadflow.intake.contacts import phones as phones_of
from leadflow.intake.contacts import wechats
from leadflow.intake.mapping import MappingFile
from leadflow.intake.moments import day
from leadflow.intake.sizes import company_size
from leadflow.intake.spend import read_spend
from tests.unit.intake.made import phones, read, workbook

PHONE = "13812345678"
MOBILE = "+8613812345678"


def body(document: dict[str, Any], channel: str = "trade_show", **options: Any) -> SubmitIntake:
    found = ArrivalReader(channel, **options).read(document).body
    assert found is not None
    return found


def write(path: Path, text: str) -> Path:
    path.write_text(text, "utf-8")
    return path


@pytest.mark.parametrize("column", ["流水号", "答题序号", "Response ID", "Lead ID", "记录编号"])
def test_a_running_number_of_a_list_names_no_row(column: str) -> None:
    first, second = (body({column: "1", "姓名": who, "手机": PHONE}) for who in ("张三", "李四"))
    assert first.touch.ref != second.touch.ref
    assert first.person.answers == {column: "1"}
    again = body({column: "7", "姓名": "张三", "手机": PHONE})
    assert again.touch.ref == first.touch.ref


def test_a_running_number_is_an_id_where_a_mapping_file_says_so_and_over_other_doors() -> None:
    own = MappingFile(columns={"流水号": "id"})
    assert body({"流水号": "1", "手机": PHONE}, mapping=own).touch.ref == "1"
    assert body({"submission_id": "57", "手机": PHONE}, "web_form", door="web_form").touch.ref == "57"


def test_a_message_of_several_lines_is_no_swallowed_row(tmp_path: Path) -> None:
    text = f'Name,Phone,Email,Message\nWei,{PHONE},w@x.com,"Hello,\nwe need 5, 3, 2, and a quote."\n'
    (row,) = read(write(tmp_path / "a.csv", text))
    assert row.arrival.body is not None
    assert row.arrival.body.person.note == "Hello,\nwe need 5, 3, 2, and a quote."


@pytest.mark.parametrize(
    "header",
    ["姓名,手机(如13800138000),邮箱", "姓名,手机,登记日期（格式：2026-10-01）", "姓名,手机,邮箱(如a@b.com)"],
)
def test_an_example_in_a_columns_name_is_no_value(tmp_path: Path, header: str) -> None:
    assert phones(read(write(tmp_path / "a.csv", f"{header}\n张三,{PHONE},\n"))) == [(MOBILE,)]


@pytest.mark.parametrize(
    ("written", "numbers"),
    [
        ("0571-61767854-6807 / 15821233284", ("+8657161767854", "+8615821233284")),
        ("0571-88529881-4831、13700000051", ("+8657188529881", "+8613700000051")),
        ("138/1234/5678", (MOBILE,)),
        ("13,812,345,678", (MOBILE,)),
    ],
)
def test_what_separates_two_numbers_may_stand_in_one(written: str, numbers: tuple[str, ...]) -> None:
    assert phones_of(written) == numbers


def test_the_header_again_is_found_wherever_it_stands(tmp_path: Path) -> None:
    header = ["姓名", "手机", "公司"]
    rows: list[list[Any]] = [["", *header], ["", "张三", PHONE, "甲"], ["", *header]]
    rows += [["", "李四", "13812345679", "乙"], [], ["序号", *header], [1, "王五", "13812345670", "丙"]]
    found = read(workbook(tmp_path / "a.xlsx", rows))
    assert phones(found) == [(MOBILE,), ("+8613812345679",), ("+8613812345670",)]
    names = [row.arrival.body and row.arrival.body.person.name for row in found]
    assert names == ["张三", "李四", "王五"]


def test_a_question_that_is_not_answered_hides_no_other() -> None:
    pairs = [{"name": "行业", "type": "select"}, {"name": "姓名", "type": "text", "value": "张三"}]
    found = body({"clueId": "bd7", "cluePhoneNumber": PHONE, "formDetail": pairs}, "baidu_ads")
    assert (found.person.name, found.company.industry) == ("张三", None)


def test_an_empty_member_leaves_its_field_to_another_that_means_it() -> None:
    nested = {"姓名": "张三", "所在城市": "深圳"}
    found = body({"telphone": PHONE, "name": "", "city_name": "", "remark_dict": nested}, "douyin_ads")
    assert (found.person.name, found.company.region, found.company.city) == ("张三", "广东", "深圳")
    assert body({"手机": PHONE, "姓名": "", "负责人": "销售小王"}).person.name is None
    assert body({"手机": PHONE, "负责人": "王总"}).person.name == "王总"


@pytest.mark.parametrize(
    ("columns", "region", "city"),
    [
        ({"国家": "中国", "省份": "广东省", "城市": "深圳市"}, "广东", "深圳"),
        ({"国家/地区": "中国", "城市": "深圳"}, "广东", "深圳"),
        ({"Country": "Germany"}, "德国", None),
    ],
)
def test_a_province_goes_before_a_country(columns: dict[str, str], region: str, city: str | None) -> None:
    found = body({"手机": PHONE, **columns}).company
    assert (found.region, found.city) == (region, city)


@pytest.mark.parametrize(
    ("columns", "region", "city"),
    [
        ({"Province": "Anhui", "City": "Suzhou"}, "安徽", "Suzhou"),
        ({"Location": "Suzhou, Anhui"}, "安徽", None),
        ({"Location": "Suzhou, Jiangsu"}, "江苏", "苏州"),
        ({"Location": "Shenzhen, China"}, "广东", "深圳"),
        ({"地区": "大理州"}, "云南", "大理"),
    ],
)
def test_a_town_is_the_one_of_its_province(columns: dict[str, str], region: str, city: str | None) -> None:
    found = body({"手机": PHONE, **columns}).company
    assert (found.region, found.city) == (region, city)


@pytest.mark.parametrize(
    ("number", "code", "read"),
    [
        ("4152214416", "1", "+14152214416"),
        ("4152214416", "US", "+14152214416"),
        ("91945078", "65", "+6591945078"),
        ("82345678", "10", "+861082345678"),
        ("82345678", "CN", ""),
    ],
)
def test_a_country_has_its_code_in_a_column(number: str, code: str, read: str) -> None:
    found = ArrivalReader("trade_show").read({"姓名": "Bo", "手机": number, "国家代码": code}).body
    assert (found.person.phones if found else ()) == ((read,) if read else ())


@pytest.mark.parametrize(
    ("written", "size"),
    [("11-50_employees", 11), ("Small (1-50)", 1), ("小微（20人以下）", 1), ("50_99", 50)],
)
def test_a_size_as_vendors_write_it(written: str, size: int) -> None:
    assert company_size(written) == size


def test_a_total_in_traditional_characters_is_no_row(tmp_path: Path) -> None:
    text = f"姓名,手機,公司名稱\n陳大文,{PHONE},甲\n合計,1,\n總計,1,\n"
    path = tmp_path / "a.csv"
    path.write_bytes(text.encode("big5"))
    assert phones(read(path)) == [(MOBILE,)]


def test_text_that_is_written_as_a_formula_is_the_text(tmp_path: Path) -> None:
    text = f'"=""姓名""",手机,公司\n"=""张三""","=""{PHONE}""","=""甲公司"""\n'
    (row,) = read(write(tmp_path / "a.csv", text))
    assert row.arrival.body is not None
    assert (row.arrival.body.person.name, row.arrival.body.company.name) == ("张三", "甲公司")
    assert row.arrival.body.person.phones == (MOBILE,)


def test_a_wechat_account_may_be_a_spaced_phone_number() -> None:
    assert wechats("+86 138 1234 5678") == (MOBILE,)


def test_the_currency_of_spend_is_that_of_its_column(tmp_path: Path) -> None:
    header = "channel,Campaign,Start date,End date,Currency code,Cost"
    text = f'{header}\ngoogle_ads,A,"Oct 1, 2026",2026-10-31,USD,"1,234.50"\n'
    (row,) = read_spend(write(tmp_path / "a.csv", text))
    assert row.body is not None
    assert row.body.spend.currency == "USD"
    assert row.body.first_day == date(2026, 10, 1)


@pytest.mark.parametrize(
    "written", ["Oct 1, 2026", "1 Oct 2026", "1-Oct-26", "2026-10-01T23:30:00-11:00", "2026-10-01 09:00"]
)
def test_a_day_may_be_written_with_blanks(written: str) -> None:
    assert day(written) == date(2026, 10, 1)
