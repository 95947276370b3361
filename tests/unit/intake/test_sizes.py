"""Company sizes: what is understood of the ways in which people write them."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadflow.intake.problems import Problem
from leadflow.intake.sizes import SIZE_MAX, company_size


@pytest.mark.parametrize(
    ("written", "size"),
    [
        ("1-49人", 1), ("50-99人", 50), ("100-499人", 100), ("500人以上", 500), ("1000+", 1000), (260, 260),
        (260.0, 260), ("260", 260), ("260.0", 260), ("２６０", 260), ("1,000-4,999", 1000), ("50人以下", 1),
        ("<50", 1), ("10000人以上", 10000), ("1万人以上", 10000), ("1-5万", 10000), ("5k+", 5000),
        ("约200人", 200), ("200~500", 200), ("100－499人", 100), ("51-200 employees", 51),
        ("more than 500", 500), ("300人左右", 300), ("20-99人（小型）", 20), ("微型企业(1-20人)", 1),
        ("规模：50-99人", 50), ("A. 1-49人", 1), ("0", 0), ("无", None), ("", None), (None, None),
        ("1k-5k", 1000), ("1.5-2万", 15000), ("2.5K-5K", 2500), ("1 000 - 5 000", 1000), ("10,001+", 10001),
        ("50人-99人", 50), ("50至99人", 50), ("50 to 99", 50), ("between 50 and 99", 50), ("50 - 99 ppl", 50),
        ("员工数：50-99", 50), ("50名", 50), ("团队20人", 20), ("大概100人", 100), ("近300人", 300),
        ("approx. 300", 300), ("500人(含)以上", 500), ("20人（含兼职）", 20), ("50人或以上", 50),
        ("50人以上100人以下", 50), ("大于50小于100", 50), ("50-99人(含99人)", 50), ("50~∞", 50),
    ],
)  # fmt: skip
def test_company_sizes_are_the_lower_end(written: object, size: int | None) -> None:
    assert company_size(written) == size


MARKS = [
    "①", "②", "⑴", "⒈", "⓵", "❶", "➀", "㈠", "㊀", "㉑", "Ⓐ", "⒜", "Ⅱ.", "ⅱ、", "①、", "•", "·", "●", "■",
    "☑", "√", "*", "- ", "A.", "b)", "(c)", "D、", "1)", "2、", "(3)", "（4）", "5. ", "6：", "12)", "一、",
    "(二)",
]  # fmt: skip


@pytest.mark.parametrize("mark", MARKS)
def test_a_list_mark_before_the_range_is_no_part_of_it(mark: str) -> None:
    for between in ("", " "):
        assert company_size(f"{mark}{between}1-49人") == 1
        assert company_size(f"{mark}{between}50-99人") == 50
        assert company_size(f"{mark}{between}500人以上") == 500
        assert company_size(f"{mark}{between}5万人以上") == 50_000


def test_a_point_without_a_blank_is_a_list_mark_where_no_figure_can_have_it() -> None:
    assert company_size("2.50-99人") == 50
    assert company_size("2.50-99万") == 25_000
    assert company_size("1.5万") == 15_000


@pytest.mark.parametrize(
    "written",
    [
        "[50,100)", "(50,100]", "[50, 100]", "[50，100）", "［50，100）", "【50,100】", "（50，100］",
        "[50,100)人", "[50-100)", "[50,∞)", "[50,+∞)", "[50,)", "50≤x<100", "50<=x<100", "50 ≤ 人数 < 100",
        "50＜x≤100", "50≤Ｘ＜100", "100>x≥50", "x≥50", "X >= 50", "人数≥50", "50 < x", "50 <= n", ">=50",
        "≥ 50", "≧50", "⩾50",
    ],
)  # fmt: skip
def test_intervals_and_comparisons_begin_at_their_lower_end(written: str) -> None:
    assert company_size(written) == 50


def test_thousands_within_an_interval_are_told_from_its_ends() -> None:
    assert company_size("[1,000,5,000)") == company_size("[1,000,5000)") == company_size("(1,000)") == 1000
    assert company_size("[500,1,000)") == 500
    assert company_size("[1千,5千)") == 1000


@pytest.mark.parametrize(
    "written",
    [
        "<50", "＜50人", "≤50", "≦50", "<=50", "x<50", "50>x", "不到50人", "50人不到", "不足50", "不超过50人",
        "50人以内", "50人內", "最多50人", "十人以下", "50人以下(含50人)", "under 50", "up to 50 employees",
        "fewer than 50", "no more than 50", "at most 50", "max 50", "50 max", "50 or fewer",
    ],
)  # fmt: skip
def test_what_has_only_an_upper_end_begins_at_one(written: str) -> None:
    assert company_size(written) == 1


@pytest.mark.parametrize(
    "written", ["不少于50人", "至少50人", "大于等于50", "不低于50", "at least 50", "min 50"]
)
def test_what_has_only_a_lower_end_begins_there(written: str) -> None:
    assert company_size(written) == 50


@pytest.mark.parametrize(
    ("written", "size"),
    [
        ("百人以上", 100), ("千人以上", 1000), ("万人以上", 10_000), ("两百人", 200), ("兩百人", 200),
        ("二百", 200), ("五百人以上", 500), ("一万人以上", 10_000), ("两千五百人", 2500), ("两千五", 2500),
        ("一百零五人", 105), ("三百余人", 300), ("十几人", 10), ("上千人", 1000), ("三十至五十人", 30),
        ("十二人", 12), ("五人", 5), ("5百人", 500), ("3千人", 3000), ("一万二千人", 12_000),
        ("百余人", 100),
    ],
)  # fmt: skip
def test_chinese_numerals(written: str, size: int) -> None:
    assert company_size(written) == size


@pytest.mark.parametrize(
    ("written", "size"),
    [
        ("5、6人", 5), ("5，6人", 5), ("5-6人", 5), ("5~6", 5), ("5或6人", 5), ("5 或者 6 人", 5),
        ("五六人", 5), ("五、六人", 5), ("十五六人", 15), ("二三十人", 20), ("20、30人", 20),
        ("90、100人", 90), ("九、十人", 9), ("3、5人左右", 3), ("三五个人", 3), ("三五百人", 300),
        ("2、3百人", 200), ("两三百人", 200), ("一百二三十人", 120), ("两千五六", 2500),
        ("15、16人", 15),
    ],
)  # fmt: skip
def test_two_figures_that_are_one_guess_are_its_lower_end(written: str, size: int) -> None:
    assert company_size(written) == size


@pytest.mark.parametrize(
    ("written", "size"),
    [
        ("1、50人", 50), ("1、5人", 5), ("3、5-10人", 5), ("2、3-5人", 3), ("1、20人以下", 1),
        ("一、50人", 50), ("一、1-49人", 1), ("四、500人以上", 500), ("二、三十人以上", 30),
    ],
)  # fmt: skip
def test_a_number_before_another_figure_stays_a_list_mark(written: str, size: int) -> None:
    assert company_size(written) == size


@pytest.mark.parametrize(
    "written",
    [
        "很大", "小微企业", date(2049, 1, 1), "2049-01-01", "99999999999", -5, "-5", "1-x", "①", "①②",
        "几十人", "数百人", "500强", "二八人", "SME", "self-employed", "第二档", "一",
        "20-99人、100-499人",
    ],
)  # fmt: skip
def test_what_is_no_size_is_a_problem(written: object) -> None:
    assert isinstance(company_size(written), Problem)


@given(st.text("0123456789一两百千万人xkm<≤[(,.)]-~①A、 以上下", max_size=20))
def test_whatever_is_written_is_a_size_or_a_problem(written: str) -> None:
    found = company_size(written)
    assert found is None or isinstance(found, Problem) or 0 <= found <= SIZE_MAX


@given(st.integers(0, 9999), st.integers(1, 99), st.sampled_from(["", "人", " employees"]))
def test_a_range_is_read_alike_however_it_is_written(lower: int, more: int, unit: str) -> None:
    upper = lower + more
    for written in (
        f"{lower}-{upper}{unit}",
        f"②{lower}～{upper}{unit}",
        f"[{lower},{upper})",
        f"{lower}≤x<{upper}",
    ):
        assert company_size(written) == lower, written
