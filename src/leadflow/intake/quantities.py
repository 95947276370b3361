"""Amounts of money out of what forms and spreadsheets hold."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Any

from leadflow.domain.currencies import code_of, unknown
from leadflow.domain.values import Money
from leadflow.intake.problems import Problem
from leadflow.intake.text import as_text, fold, is_placeholder

_AMOUNT = re.compile(
    r"([^\d\s+\-.,]{0,10})\s?([+-]?)\s?([^\d\s+\-.,]{0,10})\s?"
    r"(\d[\d,]*(?:\.\d*)?|\.\d+)\s?([千万亿]|[kw](?![a-z]))?\s?([^\d\s+\-.,]{0,10})",
    re.IGNORECASE,
)
_MULTIPLES = {"千": 1000, "k": 1000, "万": 10_000, "w": 10_000, "亿": 100_000_000}
_BLANK_THOUSANDS = re.compile(r"(?<=\d) (?=\d{3}(?!\d))")
_OF_COLUMN = re.compile(
    r"[(\[【/:_\s]\s*(?:单位\s*[:：]?\s*)?([千万亿]|[kw](?![a-z]))?\s*((?!all\b)[^\s\d()\[\]【】/:_]{0,6})\s*[)\]】]?"
)
"""What a column of money is counted in, by its name: `金额（万元）`, `Amount (USD)`, `花费/千元`."""
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})*(?:\.\d*)?|\d*\.?\d*")


def currency(value: Any) -> str | Problem | None:
    """The ISO 4217 code of a currency, its sign or its usual name (`元`, `RMB`, `美元`)."""
    text = fold(as_text(value)).strip().upper()
    if not text or is_placeholder(text):
        return None
    return code_of(text) or Problem("currency", "unknown", unknown(text))


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
    amount: Any,
    written_currency: Any = None,
    *,
    default: str = "CNY",
    field: str = "amount",
    column: str = "",
) -> Money | Problem | None:
    """An amount with its currency, from one or two cells: `300,000.00` + `CNY`, `¥1.5万`, `200 USD`.

    What the name of the `column` counts in holds where the cell does not say.
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
            if len(sign) == 3 and sign.isascii() and sign.isalpha():
                return code
            return Problem(field, "invalid", "is not an amount of money")
        if code and not (sign in "¥元圆" and declared == "JPY"):
            named.add(code)
    if len(named) > 1:
        return Problem("currency", "two_currencies", f"names two currencies: {', '.join(sorted(named))}")
    multiple, code = _counted_in(column)
    # `30000元` in a column of 万元 is what it says.
    multiple = _MULTIPLES.get((match[5] or "").lower(), 1 if match[6] else multiple)
    found = Decimal(match[2] + match[4].replace(",", "")) * multiple
    if abs(found) >= Decimal(10) ** 14 or found != round(found, 6):
        return Problem(field, "out_of_range", "has more than 14 digits before or 6 after the point")
    return Money(amount=found, currency=named.pop() if named else code or default)


def _counted_in(column: str) -> tuple[int, str | None]:
    """The multiple and the currency that a column's name ends with; 1 and None where it names neither."""
    for match in _OF_COLUMN.finditer(fold(column).strip()):
        multiple, unit = _MULTIPLES.get((match[1] or "").lower(), 1), match[2].upper()
        code = code_of(unit) if unit else None
        if code or (match[1] and not unit):
            return multiple, code
    return 1, None
