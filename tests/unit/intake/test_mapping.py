"""Usual column names in Chinese and English, and mapping files."""

from __future__ import annotations

from pathlib import Path

import pytest

from leadflow.errors import UsageError
from leadflow.intake.mapping import load_mapping, make_plan, vocabulary


@pytest.mark.parametrize(
    ("field", "names"),
    [
        ("name", "姓名 联系人 *姓名 您的姓名 1.您的姓名 Q1_姓名 姓名（必填） Full_name FULL-NAME 姓名/Name"),
        (
            "phone",
            (
                "手机号码 手机 电话 联系电话 手机号(必填) 客户手机号 2、您的手机号 "
                "Mobile telphone Tel. cluePhoneNumber 公司电话 work_phone"
            ),
        ),
        ("phone", "電話 聯絡電話 行動電話 联系号码 Contact_No."),
        ("email", "電郵 電子信箱"),
        ("name", "聯絡人 clueName"),
        ("time", "添加时间 来访日期 Visited_on Date_added 提交日期"),
        ("email", "邮箱 电子邮件 E-mail Email email_address 工作邮箱 您的邮箱地址是？"),
        ("wechat", "微信 微信号 WeChat_ID 客户微信号"),
        ("company", "公司名称 企业名称 单位 Company company_name 客户名称 您的公司"),
        ("industry", "行业 所属行业 Industry 您所在的行业"),
        ("size", "公司规模 人数 Employees company_size 员工人数 #_employees"),
        ("region", "地区 省市 Region 省份 所在地区 省/市"),
        ("city", "城市 city_name 所在城市 City"),
        ("note", "备注 Remarks 留言 Comment"),
        ("id", "Response_ID submission_id clueId clue_id 线索ID lead_id"),
        ("row_number", "序号 No. # S/N"),
        ("time", "Submitted submitted_at commitTime create_time 提交时间 Timestamp"),
        ("campaign", "campaign 活动名称 promotion_name flowChannelName"),
        ("landing_page", "landing_page url 落地页"),
        ("referrer", "referrer Referer 来源网址"),
        ("cost", "cost 单价 获客成本"),
        ("utm_source", "utm_source UTM-Source"),
        ("phone", "手机1 电话2 Phone_2 手机号码（2） 电话号码1 联系方式（手机）"),
        ("size", "公司规模_Size"),
        ("name", "姓名_Name 参展人 Attendee_Name"),
        ("email", "邮箱_Email Email_2 信箱"),
        ("time", "Completion_time 到访时间 采集时间 结束答题时间"),
        ("company", "任职公司 参展单位 公司2"),
    ],
)  # fmt: skip
def test_usual_names(field: str, names: str) -> None:
    words = vocabulary()
    assert {name: words.field_of(name.replace("_", " ")) for name in names.split()} == dict.fromkeys(
        names.split(), field
    )


@pytest.mark.parametrize(
    "name",
    [
        "",
        "是否接受电话",
        "方便接电话吗",
        "Would you like a demo?",
        "Would you like us to call your phone",
        "爱好",
        "column 5",
        "销售电话",
        "业务员手机",
        "客服电话",
        "推荐人电话",
        "紧急联系人电话",
        "销售（手机）",
        "Owner Email",
        "Sales rep email",
        "account manager phone",
        "銷售電話",
        "業務員電話",
        "推薦人電話",
        "Subscribe to email",
    ],
)
def test_questions_and_other_columns_are_no_fields(name: str) -> None:
    assert vocabulary().field_of(name) is None


@pytest.mark.parametrize(
    ("columns", "fields"),
    [
        (("提交日期", "提交时间"), {"time": ("提交日期",), "time_of_day": ("提交时间",)}),
        (("时间", "日期"), {"time": ("日期",), "time_of_day": ("时间",)}),
        (("Date", "Time"), {"time": ("Date",), "time_of_day": ("Time",)}),
        (("创建日期", "提交时间"), {"time": ("创建日期",)}),
    ],
)
def test_a_day_and_its_hour_in_two_columns(columns: tuple[str, ...], fields: object) -> None:
    assert make_plan(columns).fields == fields


def test_the_first_of_two_columns_has_a_single_field() -> None:
    plan = make_plan(("姓名", "联系人", "手机", "电话", "爱好"))
    assert plan.fields == {"name": ("姓名",), "phone": ("手机", "电话")}
    assert plan.answers == ("联系人", "爱好")
    assert plan.asked == 2
    assert plan.report() == {
        "columns": {"姓名": "name", "手机": "phone", "电话": "phone"},
        "answers": ["联系人", "爱好"],
        "ignored": [],
    }


def test_what_the_mapping_file_says_is_not_guessed_again() -> None:
    plan = make_plan(("姓名", "负责人", "手机"), {"负责人": "name", "手机": "ignore"})
    assert plan.fields == {"name": ("负责人",)}
    assert plan.answers == ("姓名",)


def test_mapping_files(tmp_path: Path) -> None:
    path = tmp_path / "map.toml"
    path.write_text('sheet = "名片"\nheader_row = 3\n[columns]\n"客户" = "name"\n"#4" = "phone"\n', "utf-8")
    own = load_mapping(path)
    assert (own.sheet, own.header_row, own.columns) == ("名片", 3, {"客户": "name", "#4": "phone"})


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('[columns]\n"a" = "telefon"\n', "columns.a"),
        ("header_row = -1\n", "header_row"),
        ('timezone = "Mars/Base"\n', "timezone"),
        ("colour = 1\n", "colour"),
        ("[columns\n", "TOML"),
    ],
)
def test_a_bad_mapping_file_names_every_problem_by_its_path(tmp_path: Path, text: str, named: str) -> None:
    path = tmp_path / "map.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(UsageError, match=named):
        load_mapping(path)
    with pytest.raises(UsageError):
        load_mapping(tmp_path / "none.toml")


def test_the_country_of_phone_numbers_is_one_that_there_is(tmp_path: Path) -> None:
    file = tmp_path / "map.toml"
    file.write_text('region = "DE"', encoding="utf-8")
    assert load_mapping(file).region == "DE"
    for wrong in ("XX", "de", "Germany"):
        file.write_text(f'region = "{wrong}"', encoding="utf-8")
        with pytest.raises(UsageError, match="region"):
            load_mapping(file)


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("公司電話", "phone"),
        ("聯絡人手機號碼", "phone"),
        ("電子郵件信箱", "email"),
        ("行業別", "industry"),
        ("從業人數", "size"),
        ("備註", "note"),
    ],
)
def test_traditional_characters_name_what_simplified_ones_do(name: str, field: str) -> None:
    assert vocabulary().field_of(name) == field


@pytest.mark.parametrize(("name", "field"), [("【姓名】", "name"), ("[手机]", "phone"), ("(Email)", "email")])
def test_a_name_that_stands_in_brackets_is_a_name(name: str, field: str) -> None:
    assert vocabulary().field_of(name) == field
