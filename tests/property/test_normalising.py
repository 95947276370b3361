"""Shortcuts agree with the libraries that they stand for, and nothing that arrives can break the reader."""

from __future__ import annotations

from typing import Any

from email_validator import EmailNotValidError, validate_email
from hypothesis import example, given, settings
from hypothesis import strategies as st

from leadflow.intake.arrivals import ArrivalReader
from leadflow.intake.contacts import _EMAIL, emails, fast_mobile, phones, valid_number
from leadflow.intake.problems import Problem
from leadflow.intake.text import fold
from leadflow.views.csv_out import neutral

SPELLED = st.builds(
    lambda prefix, digits, marks: prefix + "".join(d + m for d, m in zip(digits, marks, strict=True)),
    st.sampled_from(["", "+86", "0086", "86", "+86 ", "0086-", " ", "'", "+８６", "＋86-"]),
    st.text(st.sampled_from("0123456789０１３５８"), min_size=11, max_size=11).map(
        lambda text: "1" + text[1:]
    ),
    st.lists(st.sampled_from(["", "", "", " ", "-", "－", "　"]), min_size=11, max_size=11),
)


@settings(max_examples=200)
@given(SPELLED)
@example("17400000000")
@example("16100000000")
def test_the_fast_path_of_mobile_numbers_agrees_with_libphonenumber(written: str) -> None:
    fast = fast_mobile(written)
    if fast is not None:
        assert fast == valid_number(fold(written).strip().lstrip("'"), "CN")


def test_the_fast_path_takes_what_libphonenumber_takes_for_every_prefix() -> None:
    for prefix in range(1300, 2000):
        written = f"{prefix}2345678"
        fast, slow = fast_mobile(written), valid_number(written, "CN")
        assert fast in (None, slow)
        # Two ranges of satellite and internet-of-things numbers are left to the library.
        assert fast == slow or written.startswith(("1740", "1610"))


@settings(max_examples=150)
@given(st.one_of(SPELLED, st.text(max_size=40), st.integers(), st.floats(), st.none(), st.booleans()))
def test_phones_give_e164_or_nothing_or_a_problem(written: Any) -> None:
    found = phones(written)
    if isinstance(found, Problem):
        return
    for number in found:
        assert number.startswith("+")
        assert number[1:].isdigit()
        assert phones(number) == (number,)


def by_library(written: str) -> str | None:
    """What email-validator makes of an address; None where it refuses more than the syntax says.

    Reserved names are well-formed, and so are labels with `--` that are no names yet.
    """
    try:
        return validate_email(written, check_deliverability=False, test_environment=True).normalized.lower()
    except EmailNotValidError as error:
        if "special-use" in str(error) or "--" in written or len(written) > 250:
            return None
        return f"refused: {error}"


@settings(max_examples=100, deadline=None)
@given(st.from_regex(_EMAIL, fullmatch=True))
def test_the_fast_path_of_emails_agrees_with_email_validator(written: str) -> None:
    found, slow = emails(written), by_library(written.strip("'`."))
    assert slow is None or found == (slow,)


VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=30)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=10,
)
NAMES = st.sampled_from(
    ["name", "phone", "email", "wechat", "公司规模", "地区", "city", "time", "cost", "currency",
     "landing_page", "referrer", "utm_source", "gclid", "id", "编号", "备注", "formDetail", "x"]
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(st.one_of(NAMES, st.text(max_size=10)), VALUES, max_size=8),
    st.sampled_from(["web_form", "survey"]),
)
def test_no_document_breaks_the_reader(document: dict[str, Any], channel: str) -> None:
    found = ArrivalReader(channel).read(document)
    assert found.ref
    assert (found.body is None) <= bool(found.problems)
    assert found == ArrivalReader(channel).read(document)
    if found.body is not None:
        found.body.model_dump_json().encode()
        assert "\\u0000" not in found.body.model_dump_json()


@given(st.text(max_size=20))
def test_no_text_leaves_as_a_formula(text: str) -> None:
    assert not neutral(text).lstrip().startswith(("=", "+", "-", "@"))
