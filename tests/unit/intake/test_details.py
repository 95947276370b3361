"""Regions, company sizes, moments, money: what is understood of what people write."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from leadflow.intake.moments import day, joined, moment
from leadflow.intake.problems import Problem
from leadflow.intake.quantities import currency, decimal, money
from leadflow.intake.regions import Place, city, place

SHANGHAI = ZoneInfo("Asia/Shanghai")


@pytest.mark.parametrize(
    ("written", "region", "town"),
    [
        ("广东省深圳市", "广东", "深圳"),
        ("深圳", "广东", "深圳"),
        ("深圳市", "广东", "深圳"),
        ("广东 深圳", "广东", "深圳"),
        ("广东-深圳-南山", "广东", "深圳"),
        ("深圳市南山区", "广东", "深圳"),
        ("中国广东省深圳市", "广东", "深圳"),
        ("Shenzhen", "广东", "深圳"),
        ("廣東省深圳市", "广东", "深圳"),
        ("內蒙古", "内蒙古", None),
        ("Shenzhen, Guangdong, China", "广东", "深圳"),
        ("Guangdong Shenzhen", "广东", "深圳"),
        ("Xi'an", "陕西", "西安"),
        ("浙江", "浙江", None),
        ("浙江省", "浙江", None),
        ("Zhejiang Province", "浙江", None),
        ("上海", "上海", None),
        ("上海市", "上海", None),
        ("Shanghai", "上海", None),
        ("SHANGHAI", "上海", None),
        ("北京市朝阳区", "北京", None),
        ("成都", "四川", "成都"),
        ("吉林", "吉林", None),
        ("吉林市", "吉林", "吉林"),
        ("内蒙古自治区呼和浩特市", "内蒙古", "呼和浩特"),
        ("延边朝鲜族自治州", "吉林", "延边"),
        ("新疆维吾尔自治区", "新疆", None),
        ("香港", "香港", None),
        ("Hong Kong", "香港", None),
        ("USA", "美国", None),
        ("中国", "中国", None),
        ("华南", "华南", None),
        ("Indiana", "Indiana", None),
        ("", None, None),
        ("未知", None, None),
    ],
)
def test_regions(written: str, region: str | None, town: str | None) -> None:
    assert place(written) == Place(region, town)


def test_a_column_of_cities_keeps_a_town_that_nobody_knows() -> None:
    assert city("某某镇") == Place(None, "某某镇")
    assert city("成都") == Place("四川", "成都")
    assert isinstance(place("长" * 100), Problem)


@pytest.mark.parametrize(
    "written",
    [
        "2026-10-01T08:05:00+08:00", "2026-10-01T00:05:00Z", "2026-10-01 08:05:00", "2026-10-01 08:05",
        "2026/10/1 8:05", "2026.10.01 08:05", "2026年10月1日 08:05", "2026年10月1日 8时5分",
        "20261001 080500",
        "2026-10-01 08:05:00 +0800", "2026/10/1 上午 8:05", "2026/10/1 8:05 AM",
        "2026年10月1日 上午8点5分", "2026 年 10 月 1 日 8:05", "2026年10月1日 星期四 08:05",
        "2026-10-01 周四 8:05",
        "2026年10月1日 早上8:05", "2026-10-01, 08:05", "2026-10-01 08:05 GMT+8", "2026-10-01 08:05 UTC+08:00",
        "2026-10-01T08:05:00+08:00[Asia/Shanghai]", "2026-10-01 08:05 北京时间", "Oct 1, 2026 8:05 AM",
        "1 October 2026 08:05", "01-Oct-2026 08:05", "Thu, 01 Oct 2026 08:05:00 +0800",
        "Thu Oct 01 2026 08:05:00 GMT+0800 (China Standard Time)", "Thu Oct  1 08:05:00 2026",
        1790813100, 1790813100000, datetime(2026, 10, 1, 8, 5, tzinfo=SHANGHAI), 46296.336805555555,
        "46296.336805555555",
    ],
)  # fmt: skip
def test_moments_without_an_offset_are_local(written: object) -> None:
    assert moment(written, SHANGHAI) == datetime(2026, 10, 1, 0, 5, tzinfo=UTC)


def test_a_day_alone_is_its_first_moment() -> None:
    assert moment(date(2026, 10, 1), SHANGHAI) == datetime(2026, 9, 30, 16, tzinfo=UTC)
    assert moment("2026-10-01", SHANGHAI) == datetime(2026, 9, 30, 16, tzinfo=UTC)


@pytest.mark.parametrize(
    "written",
    [
        "yesterday",
        "10/01/2026",
        "31/31/2026",
        "2月",
        "10月1日",
        "2026-13-01",
        "1899-01-01 00:00",
        5,
        "2026-10-01 25:00",
    ],
)
def test_what_is_no_moment_is_a_problem(written: object) -> None:
    assert isinstance(moment(written, SHANGHAI), Problem)


@pytest.mark.parametrize(
    ("written", "hour"),
    [("下午3点", 15), ("下午3:05", 15), ("晚上8:05", 20), ("中午12:05", 12), ("中午1:05", 13),
     ("凌晨2:05", 2), ("上午12:05", 0), ("12:05 PM", 12), ("12:05 am", 0)],
)  # fmt: skip
def test_the_half_of_the_day(written: str, hour: int) -> None:
    found = moment(f"2026年10月1日 {written}", SHANGHAI)
    assert isinstance(found, datetime)
    assert found.astimezone(SHANGHAI).hour == hour


@pytest.mark.parametrize(
    ("written", "order", "expected"),
    [
        ("13/10/2026", None, (10, 13)), ("10/13/2026 8:05 PM", None, (10, 13)), ("10/13/26", None, (10, 13)),
        ("10/10/2026", None, (10, 10)), ("11/3/2026", "month-first", (11, 3)),
        ("3.11.2026", "day-first", (11, 3)),
        ("11/3/26", "month-first", (11, 3)),
    ],
)  # fmt: skip
def test_a_year_at_the_end(written: str, order: Any, expected: tuple[int, int]) -> None:
    found = moment(written, SHANGHAI, order)
    assert isinstance(found, datetime)
    local = found.astimezone(SHANGHAI)
    assert (local.year, local.month, local.day) == (2026, *expected)


@pytest.mark.parametrize("written", ["11/3/2026", "11/3/26", "26-11-03", "13/11/26"])
def test_a_date_that_can_be_meant_in_two_ways_is_a_problem(written: str) -> None:
    found = moment(written, SHANGHAI)
    assert isinstance(found, Problem)
    assert found.code == "ambiguous"


@pytest.mark.parametrize(
    ("written", "clock", "expected"),
    [
        ("2026-10-01", "08:05", "2026-10-01 08:05"),
        (date(2026, 10, 1), time(8, 5), "2026-10-01 08:05:00"),
        (datetime(2026, 10, 1), timedelta(hours=8, minutes=5), "2026-10-01 8:05:00"),  # noqa: DTZ001
        (46296.0, 0.336805555, "2026-10-01 8:05:00"),
        ("2026-10-01", "下午3点", "2026-10-01 下午3点"),
        ("2026-10-01", "", "2026-10-01"),
        ("2026-10-01", "later", "2026-10-01"),
        ("", "2026-10-01 08:05", "2026-10-01 08:05"),
    ],
)
def test_a_day_and_its_hour_become_one_moment(written: object, clock: object, expected: str) -> None:
    assert joined(written, clock) == expected


def test_days() -> None:
    assert day("2026-10-01") == day("2026/10/1") == day(date(2026, 10, 1)) == date(2026, 10, 1)
    assert day("2026-10-01T00:00:00+08:00") == date(2026, 10, 1)
    assert isinstance(day("soon", "from"), Problem)


@pytest.mark.parametrize(
    ("amount", "named", "value", "code"),
    [
        ("300000.00", "CNY", "300000.00", "CNY"), ("300,000.00", "人民币", "300000.00", "CNY"),
        ("¥1.5万", None, "15000", "CNY"), ("200 USD", None, "200", "USD"), ("$3", None, "3", "USD"),
        ("12.50元", None, "12.50", "CNY"), (12.5, None, "12.5", "CNY"), (0.1 + 0.2, None, "0.3", "CNY"),
        (100, "usd", "100", "USD"), ("3千元", None, "3000", "CNY"),
        ("1.2w", None, "12000", "CNY"), ("2k", None, "2000", "CNY"),
        ("1 234.50", None, "1234.50", "CNY"), ("500块", None, "500", "CNY"),
        ("1.2 万元", None, "12000", "CNY"),
        ("1,234.50元整", None, "1234.50", "CNY"), ("1200KRW", None, "1200", "KRW"),
        ("８８", None, "88", "CNY"),
    ],
)  # fmt: skip
def test_money_is_decimal(amount: object, named: str | None, value: str, code: str) -> None:
    found = money(amount, named)
    assert not isinstance(found, Problem)
    assert found is not None
    assert (found.amount, found.currency) == (Decimal(value), code)


@pytest.mark.parametrize(
    ("amount", "named", "code"),
    [
        ("200 USD", "CNY", "two_currencies"), ("$3元", None, "two_currencies"), ("abc", "CNY", "invalid"),
        ("1,2,3", "CNY", "invalid"), ("12,5 万", "CNY", "invalid"), ("1-2万", "CNY", "invalid"),
        ("12元/条", "CNY", "invalid"), ("1e5", "CNY", "invalid"), ("5", "peanuts", "unknown"),
        ("9" * 30, "CNY", "out_of_range"), ("1.12345678", "CNY", "out_of_range"),
    ],
)  # fmt: skip
def test_bad_amounts_and_two_currencies_are_problems(amount: str, named: str, code: str) -> None:
    found = money(amount, named)
    assert isinstance(found, Problem)
    assert found.code == code


def test_currencies_and_numbers() -> None:
    assert currency("元") == currency("rmb") == currency("¥") == "CNY"
    assert currency("") is None
    assert decimal("60,000", "units") == Decimal(60000)
    assert isinstance(decimal("many", "units"), Problem)
