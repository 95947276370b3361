"""Files of spend, and CSV that leaves without formulas."""

from __future__ import annotations

import csv
import io
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from leadflow.domain.values import Money
from leadflow.errors import UnmappableHeader
from leadflow.intake.spend import SpendRow, read_spend
from leadflow.views.csv_out import neutral, write_csv

OCTOBER = Path(__file__).parents[2] / "data" / "october" / "spend.csv"


def rows(tmp_path: Path, text: str, encoding: str = "utf-8") -> list[SpendRow]:
    path = tmp_path / "spend.csv"
    path.write_text(text, encoding)
    return read_spend(path)


def test_the_months_spend() -> None:
    bodies = [row.body for row in read_spend(OCTOBER)]
    assert all(bodies)
    assert [(body.channel, body.spend.amount, body.spend.currency) for body in bodies if body] == [
        ("baidu_ads", Decimal("300000.00"), "CNY"),
        ("douyin_ads", Decimal("120000.00"), "CNY"),
        ("trade_show", Decimal("40000.00"), "CNY"),
        ("purchased_list", Decimal("15000.00"), "CNY"),
    ]
    assert bodies[0] is not None
    assert (bodies[0].first_day, bodies[0].last_day) == (date(2026, 10, 1), date(2026, 10, 31))
    assert (bodies[0].units, bodies[0].unit) == (Decimal(60000), "click")


def test_chinese_names_signs_and_totals(tmp_path: Path) -> None:
    found = rows(
        tmp_path,
        '渠道,推广计划,开始日期,结束日期,金额\nbaidu_ads,品牌,2026/10/1,2026年10月31日,"￥30,000.50"\n'
        'baidu_ads,,2026-10-01,2026-10-31,3万\n合计,,,,"60,000.50"\n',
        "gbk",
    )
    assert [(row.row, row.body.campaign, str(row.body.spend.amount)) for row in found if row.body] == [
        (2, "品牌", "30000.50"),
        (3, None, "30000"),
    ]


@pytest.mark.parametrize(
    ("columns", "values"),
    [
        ("周期", "2026-11-01 ~ 2026-11-30"),
        ("投放周期", "2026/11/1至2026/11/30"),
        ("date range", "2026-11-01 - 2026-11-30"),
        ("日期范围", "2026年11月1日—2026年11月30日"),
        ("月份", "2026-11"),
        ("月份", "2026年11月"),
        ("period start,period end", "11/1/2026,11/30/2026"),
        ("起,止", "2026-11-01,2026-11-30"),
    ],
)
def test_the_days_of_a_month(tmp_path: Path, columns: str, values: str) -> None:
    (row,) = rows(tmp_path, f"平台,{columns},消耗\nbaidu_ads,{values},1.2万\n")
    assert row.body is not None
    assert (row.body.first_day, row.body.last_day) == (date(2026, 11, 1), date(2026, 11, 30))
    assert row.body.spend.amount == 12000


@pytest.mark.parametrize("value", ["2026-13", "soon", "2026-11-01 ~ 2026-11-10 ~ 2026-11-30", ""])
def test_what_is_no_period_is_a_problem(tmp_path: Path, value: str) -> None:
    (row,) = rows(tmp_path, f"渠道,周期,金额,点击\nbaidu_ads,{value},5,7\n")
    assert [problem.field for problem in row.problems] == ["period"]


def test_one_day(tmp_path: Path) -> None:
    (row,) = rows(tmp_path, "date,channel,spend\n2026-10-01,baidu_ads,5\n")
    assert row.body is not None
    assert row.body.first_day == row.body.last_day == date(2026, 10, 1)


@pytest.mark.parametrize(
    ("line", "problems"),
    [
        ("baidu_ads,x,2026-10-01,2026-10-31,much,CNY", {("amount", "invalid")}),
        ("baidu_ads,x,2026-10-01,2026-10-31,$5,CNY", {("currency", "two_currencies")}),
        ("baidu_ads,x,2026-10-01,2026-10-31,5 EUR,USD", {("currency", "two_currencies")}),
        ("baidu_ads,x,2026-10-01,2026-10-31,5,peanuts", {("currency", "unknown")}),
        ("baidu_ads,x,2026-10-01,2026-10-31,-5,CNY", {("amount", "negative")}),
        ("baidu_ads,x,2026-10-31,2026-10-01,5,CNY", {("to", "before_from")}),
        ("baidu ads,x,2026-10-01,2026-10-31,5,CNY", {("channel", "invalid")}),
        (
            ",x,soon,,,CNY",
            {("channel", "missing"), ("from", "invalid"), ("to", "missing"), ("amount", "missing")},
        ),
    ],
)  # fmt: skip
def test_problems_by_row_and_field(tmp_path: Path, line: str, problems: set[tuple[str, str]]) -> None:
    good = "baidu_ads,ok,2026-10-01,2026-10-31,5,CNY"
    bad, fine = rows(tmp_path, f"channel,campaign,from,to,amount,currency\n{line}\n{good}\n")
    assert (bad.row, bad.body) == (2, None)
    assert {(problem.field, problem.code) for problem in bad.problems} == problems
    assert fine.body is not None


def test_a_file_that_is_no_spend(tmp_path: Path) -> None:
    with pytest.raises(UnmappableHeader, match="channel"):
        rows(tmp_path, "姓名,手机\n张伟,13812345678\n")


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "＝1", "\n+1"])
def test_formulas_leave_as_text(text: str) -> None:
    assert neutral(text) == "'" + text
    file = io.StringIO(newline="")
    assert write_csv(file, ["name", text], [[text, 1]]) == 1
    assert list(csv.reader(io.StringIO(file.getvalue(), newline=""))) == [
        ["name", "'" + text],
        ["'" + text, "1"],
    ]


def test_other_cells_stay_as_they_are() -> None:
    assert [neutral(value) for value in ("a=b", "张伟", "", None, -5, Decimal("-1.50"), True)] == [
        "a=b", "张伟", "", "", "-5", "-1.50", "True",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("XXX", "XXX is not a currency of ISO 4217; write a code such as CNY"),
        ("RNB", "RNB is not a currency of ISO 4217; did you mean CNY?"),
        ("UDS", "UDS is not a currency of ISO 4217; did you mean USD?"),
        ("pesos", "is not a currency; write its ISO 4217 code, e.g. CNY"),
    ],
)
def test_a_currency_that_does_not_exist_is_named_with_the_one_that_is_meant(
    tmp_path: Path, written: str, said: str
) -> None:
    found = rows(tmp_path, f"channel,date,amount,currency\nseo,2026-10-01,10,{written}\n")
    assert [problem.message for problem in found[0].problems] == [said]


def test_a_currency_that_stands_with_the_amount_is_checked_too(tmp_path: Path) -> None:
    found = rows(tmp_path, "channel,date,amount\nseo,2026-10-01,10 RNB\n")
    assert "did you mean CNY?" in found[0].problems[0].message


def test_every_kind_of_currency_that_somebody_pays_in_is_known(tmp_path: Path) -> None:
    for code in ("CNY", "USD", "VND", "XAF", "HRK"):
        found = rows(tmp_path, f"channel,date,amount,currency\nseo,2026-10-01,10,{code}\n")
        assert found[0].body is not None
        assert found[0].body.spend.currency == code


def test_money_of_facts_that_are_in_the_log_is_read_whatever_its_currency() -> None:
    assert Money(amount=Decimal(10), currency="XXX").currency == "XXX"


@pytest.mark.parametrize(
    ("column", "cell", "amount", "currency"),
    [
        ("金额（万元）", "3", "30000", "CNY"),
        ("花费/千元", "1.5", "1500", "CNY"),
        ("金额【万】", "2", "20000", "CNY"),
        ("金额（元）", "3", "3", "CNY"),
        ("Amount (USD)", "3", "3", "USD"),
        ("花费（港币）", "3", "3", "HKD"),
        ("金额（含税）", "3", "3", "CNY"),
        ("Cost (all)", "3", "3", "CNY"),
        ("金额（万元）", "30000元", "30000", "CNY"),
        ("金额（万元）", "3万", "30000", "CNY"),
        ("Amount (USD)", "¥3", "3", "CNY"),
    ],
)
def test_an_amount_is_counted_in_what_its_columns_name_says_unless_the_cell_says_it(
    tmp_path: Path, column: str, cell: str, amount: str, currency: str
) -> None:
    (found,) = rows(tmp_path, f"渠道,开始日期,结束日期,{column}\nbaidu_ads,2026-10-01,2026-10-31,{cell}\n")
    assert found.body is not None
    assert found.body.spend == Money(amount=Decimal(amount), currency=currency)


@pytest.mark.parametrize(
    "written",
    [
        "2026.10.01-2026.10.31",
        "2026-10-01-2026-10-31",
        "20261001-20261031",
        "2026/10/1-10/31",
        "2026年10月1日-10月31日",
        "10/1/2026 - 10/31/2026",
        "202610",
    ],
)
def test_a_dash_may_stand_between_the_days_of_a_period(tmp_path: Path, written: str) -> None:
    (found,) = rows(tmp_path, f"渠道,投放周期,金额\nbaidu_ads,{written},3\n")
    assert found.body is not None
    assert (found.body.first_day, found.body.last_day) == (date(2026, 10, 1), date(2026, 10, 31))


def test_a_month_that_a_spreadsheet_made_a_day_of_is_all_of_it(tmp_path: Path) -> None:
    (month,) = rows(tmp_path, "渠道,月份,金额\nbaidu_ads,2026-10-01,3\n")
    (day,) = rows(tmp_path, "渠道,投放周期,金额\nbaidu_ads,2026-10-01,3\n")
    assert month.body is not None
    assert day.body is not None
    assert (month.body.first_day, month.body.last_day) == (date(2026, 10, 1), date(2026, 10, 31))
    assert (day.body.first_day, day.body.last_day) == (date(2026, 10, 1), date(2026, 10, 1))
