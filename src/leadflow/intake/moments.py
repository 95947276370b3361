"""Moments and days out of what forms and spreadsheets hold."""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from typing import Any, Literal

from leadflow.intake.problems import Problem
from leadflow.intake.text import as_text, fold, is_placeholder

DateOrder = Literal["day-first", "month-first"]

_CLOCK = (
    r"(?P<half>上午|下午|中午|凌晨|清晨|早上|早晨|傍晚|晚上|am|pm)?\s*"
    r"(?P<hour>\d{1,2})(?:[:时点](?:(?P<minute>\d{1,2})"
    r"(?:[:分](?:(?P<second>\d{1,2})(?:\.(?P<part>\d{1,9}))?秒?)?)?)?)?"
    r"\s*(?P<after>am|pm)?"
)
_ZONE = (
    r"\s*\(?(?P<zone>z|(?:utc|gmt)?[+-]\d{1,2}(?::?\d{2})?|utc|gmt|北京时间)?\)?(?:\s*[\[(][a-z /_]+[\])])?"
)
_WEEKDAY = re.compile(
    r"(?:\(|\b|(?<=[\d日]))(?:星期|周|礼拜)[一二三四五六日天]\)?"
    r"|\b(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?\b[.,]?",
    re.IGNORECASE,
)
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_MONTH = r"(?P<name>jan|feb|mar|apr|may|jun|jul|aug|sept?|oct|nov|dec)[a-z]*\.?"


def _spelled(day: str) -> re.Pattern[str]:
    return re.compile(rf"{day}(?:\s*[T_,]?\s*{_CLOCK})?{_ZONE}", re.IGNORECASE)


_YEAR_FIRST = _spelled(
    r"(?P<year>\d{4})\s*(?P<s>[-/.年])\s*(?P<month>\d{1,2})\s*(?:(?P=s)|月)\s*(?P<day>\d{1,2})\s*日?"
)
_NAMED = (
    _spelled(rf"{_MONTH}\s*(?P<day>\d{{1,2}})(?:st|nd|rd|th)?,?\s*(?P<year>\d{{4}}),?"),
    _spelled(rf"(?P<day>\d{{1,2}})(?:st|nd|rd|th)?[\s-]*{_MONTH}[\s,-]*(?P<year>\d{{4}}),?"),
    # As a spreadsheet in English writes it.
    _spelled(rf"(?P<day>\d{{1,2}})-{_MONTH}-(?P<year>\d{{2}})"),
    # As C's ctime writes it, the year at the end.
    re.compile(rf"{_MONTH}\s*(?P<day>\d{{1,2}})\s+{_CLOCK}\s+(?P<year>\d{{4}})(?P<zone>)", re.IGNORECASE),
)
_YEAR_LAST = _spelled(r"(?P<one>\d{1,2})(?P<s>[-/.])(?P<two>\d{1,2})(?P=s)(?P<year>\d{4}|\d{2}),?")
_COMPACT = re.compile(r"(20\d{2})(\d{2})(\d{2})(?:[T\s]?(\d{2}):?(\d{2}):?(\d{2})?)?")
_TIME_OF_DAY = re.compile(_CLOCK, re.IGNORECASE)
# Local times have no zone until they are known to be local: that is what the checks are told here.
_EXCEL_EPOCH = datetime(1899, 12, 30)  # noqa: DTZ001
_YEARS = range(1970, 2201)
_BEIJING = timezone(timedelta(hours=8))


def moment(value: Any, zone: tzinfo, order: DateOrder | None = None) -> datetime | Problem | None:
    """A moment in UTC: RFC 3339, usual local spellings, a spreadsheet's date, Unix seconds or ms.

    What has no offset is local time of `zone`; a day alone is its first moment there. `order` says how
    dates like 11/3/2026 are meant; without it only those are read that can be meant in one way.
    """
    if type(value) is str and len(value) <= 40:
        try:
            found = datetime.fromisoformat(value) if value[4:5] == "-" else None
        except ValueError:
            found = None
        if found is None:
            return _read_moment(fold(as_text(value)).strip().lstrip("'"), zone, order)
    elif isinstance(value, datetime):
        found = value
    elif isinstance(value, date):
        found = datetime(value.year, value.month, value.day)  # noqa: DTZ001
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        return _numeric_moment(float(value), zone)
    else:
        return _read_moment(fold(as_text(value)).strip(), zone, order)
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


def _read_moment(text: str, zone: tzinfo, order: DateOrder | None) -> datetime | Problem | None:
    if not text or is_placeholder(text):
        return None
    try:
        match = _YEAR_FIRST.fullmatch(text)
        if match:
            return _in_utc(_from_parts(match, int(match["month"])), zone)
        compact = _COMPACT.fullmatch(text)
        if compact:
            return _in_utc(datetime(*(int(part or 0) for part in compact.groups())), zone)  # type: ignore[arg-type]  # noqa: DTZ001
        if len(text) > 80:
            return _no_time()
        return _unusual(" ".join(_WEEKDAY.sub(" ", text).split()), zone, order)
    except (ValueError, OverflowError):
        return _no_time()


def _no_time() -> Problem:
    return Problem("time", "invalid", "is not a time; write it as 2026-10-01T09:30:00+08:00")


def _unusual(text: str, zone: tzinfo, order: DateOrder | None) -> datetime | Problem | None:
    """Spellings with a weekday, a month's name, or the year at the end."""
    match = _YEAR_FIRST.fullmatch(text)
    if match:
        return _in_utc(_from_parts(match, int(match["month"])), zone)
    for pattern in _NAMED:
        match = pattern.fullmatch(text)
        if match:
            return _in_utc(_from_parts(match, _MONTHS.index(match["name"][:3].lower()) + 1), zone)
    match = _YEAR_LAST.fullmatch(text)
    if not match:
        return _numeric_moment(float(text), zone)
    one, two = int(match["one"]), int(match["two"])
    order = order or order_of(text)
    if order is None and (one != two or len(match["year"]) == 2):
        return Problem(
            "time",
            "ambiguous",
            'may have the day or the month first; say `dates = "day-first"` or `"month-first"` in a '
            "mapping file",
        )
    day, month = (one, two) if order == "day-first" else (two, one)
    return _in_utc(_from_parts(match, month, day), zone)


def order_of(text: str) -> DateOrder | None:
    """Which order a date like 13/11/2026 can only have; None where both or none are possible."""
    match = _YEAR_LAST.fullmatch(" ".join(fold(text).split()))
    if not match:
        return None
    one, two = int(match["one"]), int(match["two"])
    if len(match["year"]) == 2:
        # 26-11-03 may have its year first; 11/13/26 may not.
        return "month-first" if one <= 12 < two else None
    return None if (one > 12) == (two > 12) else "day-first" if one > 12 else "month-first"


def is_year_last(text: str) -> bool:
    """Whether `text` is a date with its year at the end, like 11/3/2026."""
    return bool(_YEAR_LAST.fullmatch(" ".join(fold(text).split())))


def _from_parts(match: re.Match[str], month: int, day: int | None = None) -> datetime:
    year = int(match["year"])
    hour = _hour(int(match["hour"] or 0), match["half"] or match["after"])
    micro = int((match["part"] or "0").ljust(6, "0")[:6])
    found = datetime(  # noqa: DTZ001
        year if year > 99 else 2000 + year,
        month,
        int(match["day"]) if day is None else day,
        hour,
        int(match["minute"] or 0),
        int(match["second"] or 0),
        micro,
    )
    zone = (match["zone"] or "").lower()
    if zone in ("", "北京时间"):
        return found.replace(tzinfo=_BEIJING) if zone else found
    offset = zone.removeprefix("utc").removeprefix("gmt")
    if offset in ("", "z"):
        return found.replace(tzinfo=UTC)
    hours, minutes = re.fullmatch(r"[+-](\d{1,2}?):?(\d{2})?", offset).groups()  # type: ignore[union-attr]
    sign = "-" if offset[0] == "-" else "+"
    return datetime.fromisoformat(f"{found.isoformat()}{sign}{int(hours):02}:{minutes or '00'}")


def _hour(hour: int, half: str | None) -> int:
    """The hour of the day; `下午3` is 15, `上午12` is 0, `晚上8` is 20."""
    half = (half or "").lower()
    if half in ("下午", "pm", "傍晚", "晚上") and hour < 12:
        return hour + 12
    if half == "中午" and hour < 3:
        return hour + 12
    return 0 if half in ("上午", "am", "凌晨", "清晨") and hour == 12 else hour


def joined(day_written: Any, clock: Any) -> Any:
    """The day of one column with the time of day of another; the one that says both by itself if one does."""
    written = fold(as_text(clock)).strip()
    if isinstance(clock, float) and 0 <= clock < 1:
        written = str(timedelta(seconds=round(clock * 86_400)))
    if not isinstance(clock, (time, timedelta, float)) and not _TIME_OF_DAY.fullmatch(written):
        return day_written if day_written is not None and as_text(day_written) else clock
    if isinstance(day_written, float) and 25_569 <= day_written < 73_051:
        day_written = (_EXCEL_EPOCH + timedelta(days=int(day_written))).date()
    if isinstance(day_written, datetime):
        day_written = day_written.date()
    day_text = as_text(day_written)
    return f"{day_text} {written}" if day_text and written else day_written


def day(value: Any, field: str = "day", order: DateOrder | None = None) -> date | Problem | None:
    """A calendar day; of a local time its day. `order` as for a moment."""
    if isinstance(value, str):
        # The day is the one that was written, whatever the offset behind it.
        whole = fold(as_text(value))
        value = re.split(r"T(?=\d)|\s", whole, maxsplit=1)[0]
    else:
        whole = value
    found = moment(value, UTC, order)
    if isinstance(found, Problem):
        # `Oct 1, 2026` has blanks within the day.
        found = moment(whole, UTC, order)
    if isinstance(found, Problem):
        return Problem(field, found.code, "is not a day; write it as 2026-10-01")
    return None if found is None else found.date()


_MONTH_ALONE = re.compile(r"(\d{4})(?:\s*[-/.年]\s*(\d{1,2})\s*月?|(\d{2}))")
_BETWEEN_DAYS = re.compile(r"\s*(?:~+|至|到|—+|–|－|\bto\b)\s*|\s+-+\s+")
_DAY_OF_YEAR = re.compile(r"\d{1,2}\s*[-/.月]\s*\d{1,2}\s*日?")


def days_of(text: str) -> list[str]:
    """The days that a period is written with: one, or the first and the last."""
    parts = _BETWEEN_DAYS.split(text.strip())
    pieces = text.split("-")
    if len(parts) == 1 and len(pieces) % 2 == 0 and all(map(str.strip, pieces)):
        # `2026.10.1-2026.10.31`, `2026-10-01-2026-10-31`: the dash in the middle is none of a day's.
        half = len(pieces) // 2
        parts = ["-".join(pieces[:half]).strip(), "-".join(pieces[half:]).strip()]
    if len(parts) == 2 and _DAY_OF_YEAR.fullmatch(parts[1]):
        year = re.match(r"\d{4}\s*[-/.年]", parts[0])
        parts[1] = (year[0] if year else "") + parts[1]
    return parts


def period(
    value: Any, order: DateOrder | None = None, *, whole_month: bool = False
) -> tuple[date, date] | Problem | None:
    """The first and last day of `2026-11-01 ~ 2026-11-30`, of a month (`2026年11月`), or of one day.

    Of a column of months (`whole_month`) a single day stands for its month.
    """
    text = fold(as_text(value)).strip()
    if not text or is_placeholder(text):
        return None
    month = _MONTH_ALONE.fullmatch(text)
    if month and 1 <= int(month[2] or month[3]) <= 12:
        return _month(int(month[1]), int(month[2] or month[3]))
    days = [day(part, "period", order) for part in days_of(text)]
    known = [one for one in days if isinstance(one, date)]
    if len(known) != len(days) or len(days) > 2:
        return Problem("period", "invalid", "is no period; write it as 2026-10-01 ~ 2026-10-31")
    if whole_month and len(known) == 1:
        return _month(known[0].year, known[0].month)
    return known[0], known[-1]


def _month(year: int, number: int) -> tuple[date, date]:
    return date(year, number, 1), date(year, number, monthrange(year, number)[1])
