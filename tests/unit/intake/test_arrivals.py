"""One arrival: a dictionary in, `SubmitIntake` or every problem by field out; the same for every door."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from leadflow.domain.requests import SubmitIntake
from leadflow.intake.arrivals import Arrival, ArrivalReader
from leadflow.intake.mapping import MappingFile


def read(document: dict[str, Any], channel: str = "trade_show", **options: Any) -> Arrival:
    return ArrivalReader(channel, **options).read(document)


def body(document: dict[str, Any], channel: str = "trade_show", **options: Any) -> SubmitIntake:
    found = read(document, channel, **options).body
    assert found is not None
    return found


def codes(arrival: Arrival) -> set[tuple[str, str]]:
    return {(problem.field, problem.code) for problem in arrival.problems}


def test_a_website_form() -> None:
    found = body(
        {
            "name": "张伟", "company": "甲公司", "industry": "教育", "company_size": "500人以上",
            "region": "广东省深圳市", "phone": "１３８１２３４５６７８", "email": " Z@EXAMPLE.COM ",
            "utm_source": "baidu", "utm_medium": "cpc", "utm_campaign": "autumn", "form_id": "demo",
            "submission_id": "web-1", "submitted_at": "2026-10-01T08:00:00+08:00",
            "landing_page": "https://example.cn/lp?bd_vid=9", "budget": 50000,
        },
        "web_form",
    )  # fmt: skip
    assert found.model_dump(exclude_defaults=True) == {
        "touch": {
            "channel": "baidu_ads",
            "ref": "web-1",
            "door": "web_form",
            "campaign": "autumn",
            "occurred_at": datetime(2026, 10, 1, tzinfo=UTC),
            "landing_page": "https://example.cn/lp?bd_vid=9",
            "referrer_class": "cpc",
            "utm": {"utm_source": "baidu", "utm_medium": "cpc", "utm_campaign": "autumn"},
            "click_ids": {"bd_vid": "9"},
        },
        "person": {
            "name": "张伟",
            "phones": ("+8613812345678",),
            "emails": ("z@example.com",),
            "written": {
                "phone": "１３８１２３４５６７８",
                "email": "Z@EXAMPLE.COM",
                "size": "500人以上",
                "region": "广东省深圳市",
            },
            "answers": {"form_id": "demo", "budget": "50000"},
        },
        "company": {"name": "甲公司", "industry": "教育", "size": 500, "region": "广东", "city": "深圳"},
        "asked": 7,
        "filled": 7,
    }


def test_a_baidu_push_body() -> None:
    found = body(
        {
            "ucid": 31415926, "clueId": "bd1", "commitTime": "2026-10-01T00:00:00+08:00",
            "cluePhoneNumber": "13812345678", "flowChannelName": "搜索推广",
            "url": "https://example.cn/lp?bd_vid=123&utm_term=crm",
            "formDetail": [
                {"name": "姓名", "type": "text", "value": "张伟"},
                {"name": "公司", "type": "text", "value": "甲公司"},
                {"name": "邮箱", "type": "text", "value": "z@example.com"},
                {"name": "预算", "type": "text", "value": "5万"},
            ],
        },
        "baidu_ads",
    )  # fmt: skip
    assert (found.touch.channel, found.touch.door, found.touch.ref) == ("baidu_ads", "file", "bd1")
    assert found.touch.campaign == "搜索推广"
    assert found.touch.click_ids == {"bd_vid": "123"}
    assert found.touch.utm == {"utm_term": "crm"}
    assert found.person.name == "张伟"
    assert found.person.emails == ("z@example.com",)
    assert found.person.answers["预算"] == "5万"
    assert found.company.name == "甲公司"
    assert (found.asked, found.filled) == (4, 4)


def test_a_douyin_push_body() -> None:
    found = body(
        {
            "clue_id": "fy1", "adv_id": "17", "promotion_name": "秋季推广",
            "create_time": "2026-10-01 08:00:00",
            "name": "张伟", "telphone": "13812345678", "city_name": "深圳",
            "remark_dict": {"公司": "甲公司", "行业": "物流"},
        },
        "douyin_ads",
    )  # fmt: skip
    assert found.touch.ref == "fy1"
    assert found.touch.campaign == "秋季推广"
    assert found.touch.occurred_at == datetime(2026, 10, 1, tzinfo=UTC)
    assert found.company.model_dump(exclude_none=True) == {
        "name": "甲公司",
        "industry": "物流",
        "region": "广东",
        "city": "深圳",
    }


def test_an_unusable_phone_beside_a_usable_email_is_noted() -> None:
    found = read({"电话": "12345", "邮箱": "z@example.com"})
    assert found.body is not None
    assert found.body.person.phones == ()
    assert found.body.person.written == {"phone": "12345"}
    assert codes(found) == {("phone", "invalid")}
    assert (found.body.asked, found.body.filled) == (2, 1)


def test_a_contact_point_in_the_wrong_column_is_one_all_the_same() -> None:
    found = read({"联系方式": "微信：wangsir88", "邮箱": "138 1234 5678"})
    assert found.body is not None
    assert (found.body.person.phones, found.body.person.wechats) == (("+8613812345678",), ("wangsir88",))
    assert codes(found) == {("phone", "invalid"), ("email", "invalid")}
    assert body({"电话": "z@example.com"}).person.emails == ("z@example.com",)


def test_an_unreadable_arrival_names_every_problem_by_field_and_keeps_its_reference() -> None:
    found = read(
        {"id": "lead-77", "电话": "12345", "邮箱": "not-an-email", "公司规模": "很大", "备注": "没留电话"}
    )
    assert found.body is None
    assert found.ref == "lead-77"
    assert codes(found) == {
        ("phone", "invalid"),
        ("email", "invalid"),
        ("size", "invalid"),
        ("contact", "no_contact_point"),
    }
    assert not any("12345" in problem.message for problem in found.problems)


@pytest.mark.parametrize("document", [{}, {"name": "张伟"}, {"phone": ""}, {"phone": None}, {"phone": []}])
def test_without_a_contact_point_there_is_no_lead(document: dict[str, Any]) -> None:
    assert codes(read(document)) == {("contact", "no_contact_point")}


def test_bad_details_do_not_lose_the_lead() -> None:
    found = read(
        {"手机": "13812345678", "人数": "很大", "提交时间": "昨天", "费用": "贵", "姓名": "长" * 5000}
    )
    assert found.body is not None
    assert codes(found) == {
        ("size", "invalid"),
        ("time", "invalid"),
        ("cost", "invalid"),
        ("name", "too_long"),
    }
    assert found.body.person.answers == {"姓名": "长" * 5000}
    assert found.body.person.written.keys() == {"phone", "size", "time", "cost"}


def test_cost_of_its_own() -> None:
    touch = body({"手机": "13812345678", "单价": "12.50", "币种": "USD"}).touch
    assert touch.cost is not None
    assert (touch.cost.amount, touch.cost.currency, touch.cost_basis) == (Decimal("12.50"), "USD", "own")
    assert codes(read({"手机": "13812345678", "单价": "$12", "币种": "CNY"})) == {
        ("currency", "two_currencies")
    }
    assert codes(read({"手机": "13812345678", "单价": "-1"})) == {("cost", "negative")}


def test_several_columns_of_one_kind() -> None:
    person = body({"手机": "13812345678", "座机": "010-82345678", "备注": "一", "留言": "二"}).person
    assert person.phones == ("+8613812345678", "+861082345678")
    assert person.note == "一\n二"
    assert person.written == {"phone": "13812345678", "phone_2": "010-82345678"}


def test_names_in_two_columns() -> None:
    assert body({"姓": "张", "名": "伟", "手机": "13812345678"}).person.name == "张伟"
    assert (
        body({"First name": "Wei", "Last name": "Zhang", "Mobile": "13812345678"}).person.name == "Wei Zhang"
    )


def test_the_campaign_is_the_rows_own_then_the_imports() -> None:
    assert body({"手机": "13812345678"}, campaign="秋展").touch.campaign == "秋展"
    assert body({"手机": "13812345678", "活动": "春展"}, campaign="秋展").touch.campaign == "春展"


def test_references() -> None:
    row = {"手机": "13812345678", "姓名": "张伟"}
    reader = ArrivalReader("trade_show", campaign="秋展")
    first, second = reader.read(row).ref, reader.read(row).ref
    assert first.rpartition("-")[0] == second.rpartition("-")[0]
    assert (first[-2:], second[-2:]) == ("-1", "-2")
    assert ArrivalReader("trade_show", campaign="秋展").read(row).ref == first
    assert ArrivalReader("trade_show", campaign="春展").read(row).ref != first
    assert ArrivalReader("survey", campaign="秋展").read(row).ref != first
    assert body({"手机": "13812345678", "Response ID": 10010017.0}).touch.ref == "10010017"
    assert len(body({"手机": "13812345678", "Response ID": "x" * 600}).touch.ref) == 64
    assert body({"手机": "13812345678", "编号": "A-17"}).touch.ref == "A-17"
    running = body({"手机": "13812345678", "编号": 17})
    assert running.touch.ref.startswith("row-")
    assert running.person.answers == {"编号": "17"}


def test_a_mapping_file_goes_before_every_guess() -> None:
    own = MappingFile(columns={"Kunde": "name", "Nr": "phone", "phone": "note", "cid": "click_id:gclid"})
    found = body({"Kunde": "张伟", "Nr": "13812345678", "phone": "nach 5", "cid": "abc"}, mapping=own)
    assert found.person.name == "张伟"
    assert found.person.note == "nach 5"
    assert found.touch.click_ids == {"gclid": "abc"}


def test_what_the_store_cannot_keep_is_taken_out() -> None:
    found = body(
        {"姓名": "张\u0000伟\u200b", "手机": "13812345678", "问\u0000": "a\u0000b", "备注": "一\n二"}
    )
    assert found.person.name == "张伟"
    assert found.person.note == "一\n二"
    assert found.person.answers == {"问": "ab"}


def test_too_many_fields() -> None:
    assert codes(read({f"f{number}": 1 for number in range(600)})) == {("row", "too_wide")}


def test_nested_bodies_of_unknown_vendors_are_opened_too() -> None:
    found = body(
        {
            "name": "lead",
            "contact": {"name": "张伟", "phone": "13812345678", "tags": ["a", "b"]},
            "answers": [{"question": "公司名称", "answer": "甲公司"}],
        }
    )
    assert found.person.phones == ("+8613812345678",)
    assert found.company.name == "甲公司"
    assert found.person.answers["tags"] == "a、b"
    assert found.person.answers["contact.name"] == "张伟"


def test_a_nested_object_says_whose_its_members_are() -> None:
    found = body(
        {
            "form": {"name": "Demo"},
            "owner": {"name": "Rep", "email": "rep@example.com", "phone": "13900001111"},
            "company": {"name": "甲公司", "industry": "教育"},
            "contact": {"name": "张伟", "phones": ["13812345678", "13987654321"]},
            "utm": {"source": "baidu", "medium": "cpc"},
        }
    )
    assert found.person.name == "张伟"
    assert found.person.phones == ("+8613812345678", "+8613987654321")
    assert found.person.emails == ()
    assert (found.company.name, found.company.industry) == ("甲公司", "教育")
    assert found.touch.utm == {"utm_source": "baidu", "utm_medium": "cpc"}
    assert found.person.answers["owner.email"] == "rep@example.com"


def test_members_that_are_packed_as_json_text_are_opened() -> None:
    found = body(
        {
            "clueId": "bd1",
            "cluePhoneNumber": "13812345678",
            "formDetail": '[{"name": "姓名", "value": "张伟"}, {"name": "公司", "value": "甲公司"}]',
            "remark_dict": '{"行业": "教育"}',
            "extra": "{not json",
        }
    )
    assert (found.person.name, found.company.name, found.company.industry) == ("张伟", "甲公司", "教育")
    assert found.person.answers["extra"] == "{not json"


def test_an_address_among_phone_numbers_is_taken_beside_the_number() -> None:
    found = body({"手机": "13812345678 / wang@example.com"})
    assert (found.person.phones, found.person.emails) == (("+8613812345678",), ("wang@example.com",))
