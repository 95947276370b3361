"""Contact points are normalised before they are compared, in one place that every door uses."""

from __future__ import annotations

import pytest

from leadflow.intake.contacts import emails, phones, wechats
from leadflow.intake.problems import Problem

MOBILE = "+8613812345678"


@pytest.mark.parametrize(
    "written",
    [
        "13812345678",
        " 13812345678 ",
        "138 1234 5678",
        "138-1234-5678",
        "+86 138 1234 5678",
        "+8613812345678",
        "0086-13812345678",
        "008613812345678",
        "86 13812345678",
        "(86)13812345678",
        "+86(0)13812345678",
        "013812345678",
        "'13812345678",
        "’13812345678",
        "13812345678.0",
        "'13812345678.0",
        "13812345678.00",
        13812345678,
        13812345678.0,
        "1.3812345678E+10",
        "1.3812345678e10",
        "１３８１２３４５６７８",
        "+８６ 138 1234 5678",
        "＋８６１３８１２３４５６７８",
        "１３８－１２３４－５６７８",
        "138\u00a01234\u00a05678",
        "\u202d138 1234 5678\u202c",
        "?138 1234 5678?",
        "138.1234.5678",
        "手机：13812345678",
        "13812345678（微信同号）",
        "13812345678 张经理",
        "tel:13812345678",
        "13812345678\n",
        "138·1234·5678",
        "138_1234_5678",
        "138\t1234\t5678",
        "13,812,345,678",
        "1.3812345678E+010",
        "86+13812345678",
    ],
)
def test_every_spelling_of_a_mobile_number_is_one_number(written: object) -> None:
    assert phones(written) == (MOBILE,)


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("010-82345678", "+861082345678"),
        ("(021) 6543 2100", "+862165432100"),
        ("0755-88123456", "+8675588123456"),
        ("０７５５－８８１２３４５６", "+8675588123456"),
        (1082345678.0, "+861082345678"),
        ("010-82345678-801", "+861082345678"),
        ("010-82345678转801", "+861082345678"),
        ("010-82345678 分机 801", "+861082345678"),
        ("010-82345678 ext. 801", "+861082345678"),
        ("010-82345678#801", "+861082345678"),
        ("400-820-8820", "+864008208820"),
        ("+1 415 555 2671", "+14155552671"),
        ("00852 9123 4567", "+85291234567"),
        ("852-91234567", "+85291234567"),
        ("(853) 6612 3456", "+85366123456"),
        ("886-912-345-678", "+886912345678"),
    ],
)
def test_landlines_extensions_and_other_countries(written: object, number: str) -> None:
    assert phones(written) == (number,)


@pytest.mark.parametrize(
    "written",
    [
        "13812345678/13987654321",
        "13812345678、13987654321",
        "13812345678 13987654321",
        "13812345678;13987654321",
        "13812345678；13987654321",
        "13812345678, 13987654321",
        "13812345678-13987654321",
        "138 1234 5678 139 8765 4321",
        "13812345678+13987654321",
        "13812345678 备用 13987654321",
    ],
)
def test_a_cell_may_hold_several_numbers(written: str) -> None:
    assert phones(written) == (MOBILE, "+8613987654321")


def test_two_numbers_of_two_kinds_in_a_cell() -> None:
    assert phones("13812345678;010-82345678-801") == (MOBILE, "+861082345678")
    assert phones("手机:13812345678,座机:021-65432100") == (MOBILE, "+862165432100")


@pytest.mark.parametrize(
    ("written", "numbers"),
    [
        ("+65 9194 5078\n13812345678", ("+6591945078", MOBILE)),
        ("+1 (415) 221-7507\r\n13812345678", ("+14152217507", MOBILE)),
        ("手机 13812345678\n座机 021-65432100", (MOBILE, "+862165432100")),
        ("138 1234\n5678", (MOBILE,)),
        ("13812345678\n分机12", (MOBILE,)),
    ],
)
def test_a_line_of_a_cell_is_a_number_by_itself_or_goes_on(written: str, numbers: tuple[str, ...]) -> None:
    assert phones(written) == numbers


def test_the_digits_of_an_address_are_no_phone_number() -> None:
    assert isinstance(phones("13812345678@example.com"), Problem)
    assert phones("13812345678 wang@example.com") == (MOBILE,)


@pytest.mark.parametrize("written", ["", " ", None, "无", "-", "N/A", "暂无", float("nan"), "'"])
def test_nothing_is_nothing_and_no_problem(written: object) -> None:
    assert phones(written) == ()
    assert emails(written) == ()
    assert wechats(written) == ()


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("8812345", "invalid"),
        ("12345", "invalid"),
        ("12345678901", "invalid"),
        ("没留电话", "invalid"),
        ("someone@example.com", "invalid"),
        (True, "invalid"),
        (12.5, "invalid"),
        ("1.38E+10", "digits_lost"),
        ("1" * 300, "too_long"),
    ],
)
def test_what_is_no_phone_number_is_a_problem_that_does_not_repeat_it(written: object, code: str) -> None:
    found = phones(written)
    assert isinstance(found, Problem)
    assert (found.field, found.code) == ("phone", code)
    assert str(written) not in found.message


def test_another_default_region() -> None:
    assert phones("(415) 555-2671", "US") == ("+14155552671",)
    assert phones("13812345678", "US") != (MOBILE,)


@pytest.mark.parametrize(
    "written",
    ["030 901820", "(030) 90 18 20", "030/901820", "0049 30 901820", "+49 (0)30 901820", "030-901820"],
)
def test_a_german_list_holds_german_numbers(written: str) -> None:
    assert phones(written, "DE") == ("+4930901820",)
    assert phones("+86 138 1234 5678", "DE") == (MOBILE,)


@pytest.mark.parametrize(
    ("written", "addresses"),
    [
        (" Wang@EXAMPLE.COM ", ("wang@example.com",)),
        ("ｗａｎｇ＠example.com", ("wang@example.com",)),
        ("mailto:wang@example.com", ("wang@example.com",)),
        ("王 <wang@example.com>", ("wang@example.com",)),
        ("'wang@example.com", ("wang@example.com",)),
        ("wang@example.com; li@example.cn", ("wang@example.com", "li@example.cn")),
        ("wang@example.com.", ("wang@example.com",)),
        ("wang@example.com或li@example.cn", ("wang@example.com", "li@example.cn")),
        ("《wang@example.com》", ("wang@example.com",)),
        ("mailto:wang@example.com?subject=hi", ("wang@example.com",)),
        ("wang@example.com!", ("wang@example.com",)),
        ("wang @ example.com", ("wang@example.com",)),
        ("wang@example .com", ("wang@example.com",)),
        ("邮箱wang@example.com", ("wang@example.com",)),
        ("a.b+c_d%e@sub.example.co.uk", ("a.b+c_d%e@sub.example.co.uk",)),
        ("wang@firma.local", ("wang@firma.local",)),
    ],
)
def test_emails_are_lower_cased_and_checked_by_syntax(written: str, addresses: tuple[str, ...]) -> None:
    assert emails(written) == addresses


@pytest.mark.parametrize(
    "written",
    ["not-an-email", "a@b", "a..b@example.com", "@example.com", "a@-x.com", "test@test", "a" * 2000],
)
def test_what_is_no_email_is_a_problem(written: str) -> None:
    found = emails(written)
    assert isinstance(found, Problem)
    assert found.field == "email"
    assert written not in found.message


@pytest.mark.parametrize(
    ("written", "ids"),
    [
        (" zhang_San-88 ", ("zhang_San-88",)),
        ("微信号：zhang_san", ("zhang_san",)),
        ("wxid_abcdef1234567890", ("wxid_abcdef1234567890",)),
        ("13812345678", ("13812345678",)),
        (13812345678.0, ("13812345678",)),
        ("138 1234 5678", ("13812345678",)),
        ("微信同号", ()),
        ("同手机号码", ()),
        ("与手机号相同", ()),
        ("same as phone", ()),
        ("微信号 zhang_san", ("zhang_san",)),
        ("微信号zhang_san", ("zhang_san",)),
        ("微信号是zhang_san", ("zhang_san",)),
        ("wx_zhang_san", ("wx_zhang_san",)),
        ("weixin: zhang_san", ("zhang_san",)),
        ("zhang_san（微信）", ("zhang_san",)),
        ("zhang_san。", ("zhang_san",)),
        ("zhang_san / li_si_88", ("zhang_san", "li_si_88")),
    ],
)
def test_wechat_ids_are_trimmed(written: object, ids: tuple[str, ...]) -> None:
    assert wechats(written) == ids


@pytest.mark.parametrize("written", ["微信", "ab", "a b c d e f", "张三的微信", "a" * 40])
def test_what_is_no_wechat_id_is_a_problem(written: str) -> None:
    assert isinstance(wechats(written), Problem)
