"""Company sizes, moments, days and amounts of money out of what forms and spreadsheets hold."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, tzinfo
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
    r"[\d\s,.~\-–—+<>≤≥()]|至|到|约|大约|[名个]?员?[人工]|多|余|万|千|百|[wkm](?![a-z])"
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


_LOCAL = re.compile(
    r"(\d{4})(?P<s>[-/.年])(\d{1,2})(?:(?P=s)|月)(\d{1,2})日?"
    r"(?:[T\s]*(上午|下午|am|pm)?\s*(\d{1,2})[:时点](\d{1,2})(?:[:分](\d{1,2})(?:\.(\d{1,9}))?秒?|分)?\s*(am|pm)?)?"
    r"\s*(z|utc|gmt|[+-]\d{2}:?\d{2})?",
    re.IGNORECASE,
)
_COMPACT = re.compile(r"(20\d{2})(\d{2})(\d{2})(?:[T\s]?(\d{2}):?(\d{2}):?(\d{2})?)?")
# Local times have no zone until they are known to be local: that is what the checks are told here.
_EXCEL_EPOCH = datetime(1899, 12, 30)  # noqa: DTZ001
_YEARS = range(1970, 2201)


def moment(value: Any, zone: tzinfo) -> datetime | Problem | None:
    """A moment in UTC: RFC 3339, usual local spellings, a spreadsheet's date, Unix seconds or ms.

    What has no offset is local time of `zone`; a day alone is its first moment there.
    """
    if type(value) is str and len(value) <= 40:
        try:
            found = datetime.fromisoformat(value) if value[4:5] == "-" else None
        except ValueError:
            found = None
        if found is None:
            return _read_moment(fold(as_text(value)).strip().lstrip("'"), zone)
    elif isinstance(value, datetime):
        found = value
    elif isinstance(value, date):
        found = datetime(value.year, value.month, value.day)  # noqa: DTZ001
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        return _numeric_moment(float(value), zone)
    else:
        return _read_moment(fold(as_text(value)).strip(), zone)
    return _in_utc(found, zone)


def _in_utc(found: datetime, zone: tzinfo) -> datetime | Problem:
    if found.year not in _YEARS:
        return Problem("time", "out_of_range", "is not between the years 1970 and 2200")
    return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)


def _numeric_moment(number: float, zone: tzinfo) -> datetime | Problem | None:
    """Days of a spreadsheet (1970 to 2099), Unix seconds, or Unix milliseconds, by their size."""
    if number != number:
        return None
    if 25_569 <= number < 73_051:
        seconds = round(number * 86_400)
        return _in_utc(_EXCEL_EPOCH + timedelta(seconds=seconds), zone)
    for unit in (1, 1000):
        if 946_684_800 <= number / unit < 4_102_444_800:
            return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=round(number * 1000 / unit))
    return Problem("time", "invalid", "is a number that is no date of a spreadsheet and no Unix time")


def _read_moment(text: str, zone: tzinfo) -> datetime | Problem | None:
    if not text or is_placeholder(text):
        return None
    match = _LOCAL.fullmatch(text)
    try:
        if match:
            return _in_utc(_from_parts(match), zone)
        compact = _COMPACT.fullmatch(text)
        if compact:
            return _in_utc(datetime(*(int(part or 0) for part in compact.groups())), zone)  # type: ignore[arg-type]  # noqa: DTZ001
        return _numeric_moment(float(text), zone)
    except (ValueError, OverflowError):
        return Problem("time", "invalid", "is not a time; write it as 2026-10-01T09:30:00+08:00")


def _from_parts(match: re.Match[str]) -> datetime:
    year, month, day = int(match[1]), int(match[3]), int(match[4])
    hour = int(match[6] or 0)
    half = (match[5] or match[10] or "").lower()
    if half in ("下午", "pm") and hour < 12:
        hour += 12
    elif half in ("上午", "am") and hour == 12:
        hour = 0
    micro = int((match[9] or "0").ljust(6, "0")[:6])
    found = datetime(year, month, day, hour, int(match[7] or 0), int(match[8] or 0), micro)  # noqa: DTZ001
    offset = (match[11] or "").lower()
    if offset in ("z", "utc", "gmt"):
        return found.replace(tzinfo=UTC)
    return datetime.fromisoformat(found.isoformat() + offset) if offset else found


def day(value: Any, field: str = "day") -> date | Problem | None:
    """A calendar day; of a local time its day."""
    if isinstance(value, str):
        # The day is the one that was written, whatever the offset behind it.
        value = re.split(r"[T\s]", fold(as_text(value)), maxsplit=1)[0]
    found = moment(value, UTC)
    if isinstance(found, Problem):
        return Problem(field, found.code, "is not a day; write it as 2026-10-01")
    return None if found is None else found.date()


_CURRENCY_NAMES = {
    "CNY": "CNY RMB CNH 人民币 人民币元 元 圆 ¥",
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
    r"(\d[\d,]*(?:\.\d*)?|\.\d+)\s?(万)?\s?([^\d\s+\-.,]{0,10})"
)
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
    match = _AMOUNT.fullmatch(text)
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
    found = Decimal(match[2] + match[4].replace(",", "")) * (10_000 if match[5] else 1)
    if abs(found) >= Decimal(10) ** 14 or found != round(found, 6):
        return Problem(field, "out_of_range", "has more than 14 digits before or 6 after the point")
    return Money(amount=found, currency=named.pop() if named else default)
