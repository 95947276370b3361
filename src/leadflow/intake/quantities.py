"""Company sizes and amounts of money out of what forms and spreadsheets hold."""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

from leadflow.domain.values import Money
from leadflow.intake.problems import Problem
from leadflow.intake.text import as_text, fold, is_placeholder

SIZE_MAX = 10_000_000
_UNITS = {"万": 10_000, "w": 10_000, "千": 1000, "k": 1000, "百": 100, "m": 1_000_000}
_COUNT = re.compile(r"(\d{1,3}(?:,\d{3})+|\d+)(?:\.(\d+))?\s*([万千百wkm])?(?![a-z])", re.IGNORECASE)
_DATE_LIKE = re.compile(r"\d{4}[-/.年]\d{1,2}[-/.月]\d{1,2}")
_BELOW = re.compile(
    r"^(?:<|≤|不到|不足|少于|小于|低于|less than|under|up to|below|fewer than)"
    r"|以下|以内|or less|or fewer",
    re.IGNORECASE,
)
_SIZE_NOISE = re.compile(
    r"^[a-h][\s.、)]+(?=\d)|[\d\s,.~\-–—+<>≤≥():/]|至|到|约|大约|[名个]?员?[人工]|多|余|万|千|百|[wkm](?![a-z])"
    r"|左右|上下|规模|[小中大微]型|企业|公司"
    r"|及?以[上下内]|含|不[到足]|[少小低大多高]于|超过"
    r"|employees|people|staff|persons|(?:or|and) (?:more|above|less|fewer)|(?:more|less|fewer) than"
    r"|over|under|up to|below|about|to",
    re.IGNORECASE,
)


def company_size(value: Any) -> int | Problem | None:
    """Employees; of a range its lower end: `1-49人` is 1, `500人以上` and `500+` are 500."""
    if type(value) is int and 0 <= value <= SIZE_MAX:
        return value
    if isinstance(value, (date, datetime)):
        return Problem(
            "size", "is_a_date", "a spreadsheet made a date of the range; format the column as text"
        )
    return _company_size(as_text(value))


@lru_cache(maxsize=4096)
def _company_size(written: str) -> int | Problem | None:
    text = fold(written).strip().lstrip("'")
    if not text or is_placeholder(text):
        return None
    if _DATE_LIKE.match(text):
        return Problem("size", "is_a_date", "is a date; a spreadsheet may have made it of a range")
    if len(text) > 60 or text[0] == "-" or _SIZE_NOISE.sub("", text):
        return Problem("size", "invalid", "is not a number of employees or a range of them")
    found = _COUNT.findall(text)
    if not found:
        return Problem("size", "invalid", "holds no number of employees")
    whole, fraction, unit = found[0]
    # In `1-5万` and `1-2k` the unit stands only once, at the end, for both.
    if not unit and len(found) > 1 and found[1][2] and int(whole.replace(",", "")) < 100:
        unit = found[1][2]
    size = int(Decimal(f"{whole.replace(',', '')}.{fraction or 0}") * _UNITS.get(unit.lower(), 1))
    if len(found) == 1 and _BELOW.search(text):
        size = min(size, 1)
    if size > SIZE_MAX:
        return Problem("size", "out_of_range", f"is more than {SIZE_MAX:,} employees")
    return size


_CURRENCY_NAMES = {
    "CNY": "CNY RMB CNH 人民币 人民币元 元 元整 圆 块 ¥",
    "USD": "USD $ US$ 美元 美金",
    "EUR": "EUR € 欧元",
    "GBP": "GBP £ 英镑",
    "HKD": "HKD HK$ 港币 港元",
    "JPY": "JPY 日元",
    "TWD": "TWD NT$ 新台币",
    "SGD": "SGD S$ 新加坡元",
    "KRW": "KRW ₩ 韩元",
    "AUD": "AUD A$ 澳元",
}
_CURRENCIES = {name: code for code, names in _CURRENCY_NAMES.items() for name in names.split()}
_AMOUNT = re.compile(
    r"([^\d\s+\-.,]{0,10})\s?([+-]?)\s?([^\d\s+\-.,]{0,10})\s?"
    r"(\d[\d,]*(?:\.\d*)?|\.\d+)\s?([千万亿]|[kw](?![a-z]))?\s?([^\d\s+\-.,]{0,10})",
    re.IGNORECASE,
)
_MULTIPLES = {"千": 1000, "k": 1000, "万": 10_000, "w": 10_000, "亿": 100_000_000}
_BLANK_THOUSANDS = re.compile(r"(?<=\d) (?=\d{3}(?!\d))")
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})*(?:\.\d*)?|\d*\.?\d*")


def currency(value: Any) -> str | Problem | None:
    """The ISO 4217 code of a currency, its sign or its usual name (`元`, `RMB`, `美元`)."""
    text = fold(as_text(value)).strip().upper()
    if not text or is_placeholder(text):
        return None
    code = _CURRENCIES.get(text) or (text if re.fullmatch(r"[A-Z]{3}", text) else None)
    return code or Problem("currency", "unknown", "is not a currency; write its ISO 4217 code, e.g. CNY")


def decimal(value: Any, field: str) -> Decimal | Problem | None:
    """A number as a decimal, thousands separated by commas or not; never through a float's digits."""
    text = fold(as_text(value)).strip().lstrip("'")
    if not text or is_placeholder(text):
        return None
    if not _THOUSANDS.fullmatch(text.lstrip("+-")):
        return Problem(field, "invalid", "is not a number")
    try:
        found = Decimal(text.replace(",", ""))
    except InvalidOperation:
        return Problem(field, "invalid", "is not a number")
    return found


def money(
    amount: Any, written_currency: Any = None, *, default: str = "CNY", field: str = "amount"
) -> Money | Problem | None:
    """An amount with its currency, from one or two cells: `300,000.00` + `CNY`, `¥1.5万`, `200 USD`.

    Two different currencies in one row are a Problem, never a choice.
    """
    text = fold(as_text(amount)).strip().lstrip("'")
    if not text or is_placeholder(text):
        return None
    declared = currency(written_currency)
    if isinstance(declared, Problem):
        return declared
    match = _AMOUNT.fullmatch(_BLANK_THOUSANDS.sub("", text))
    if not match or not _THOUSANDS.fullmatch(match[4]):
        return Problem(field, "invalid", "is not an amount of money")
    named: set[str] = {declared} if declared else set()
    for sign in (match[1], match[3], match[6]):
        code = currency(sign)
        if isinstance(code, Problem):
            return Problem(field, "invalid", "is not an amount of money")
        if code and not (sign in "¥元圆" and declared == "JPY"):
            named.add(code)
    if len(named) > 1:
        return Problem("currency", "two_currencies", f"names two currencies: {', '.join(sorted(named))}")
    found = Decimal(match[2] + match[4].replace(",", "")) * _MULTIPLES.get((match[5] or "").lower(), 1)
    if abs(found) >= Decimal(10) ** 14 or found != round(found, 6):
        return Problem(field, "out_of_range", "has more than 14 digits before or 6 after the point")
    return Money(amount=found, currency=named.pop() if named else default)
