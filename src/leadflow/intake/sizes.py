"""Company sizes out of what forms and spreadsheets hold: of a range its lower end.

Text is brought into one spelling step by step (list marks off, Chinese numerals and signs of comparison
as figures and `-`). What then holds anything but figures, units and words about employees is no size.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from leadflow.intake.problems import Problem
from leadflow.intake.text import as_text, fold, is_placeholder

SIZE_MAX = 10_000_000
LENGTH_MAX = 60
_UNITS = {"万": 10_000, "w": 10_000, "千": 1000, "k": 1000, "百": 100, "m": 1_000_000}
_COUNT = re.compile(r"(\d{1,3}(?:,\d{3})+|\d+)(?:\.(\d+))?\s*([万千百wkm])?(?![a-z])", re.IGNORECASE)
_MEANT = re.compile(r"^[^\d()]{1,20}\(([^()]*\d[^()]*)\)$")
_DATE_LIKE = re.compile(r"\d{4}[-/.年]\d{1,2}[-/.月]\d{1,2}")

_ENCLOSED = re.compile(
    "^(?:(?:[\u2160-\u2188\u2460-\u24ff\u2776-\u2793\u3220-\u3229\u3251-\u325f\u3280-\u3289\u32b1-\u32bf]"
    r"[.．、:：)）]?|[•‣·▪▫■□●○◆◇►▸➢➤★☆√✓✔☑☐*※]|-(?=\s))\s*)+"
)
"""Circled, bracketed and Roman numbers, and bullets. Folding would make digits of some of them."""
_LISTED = re.compile(
    r"^(?:\((?:\d{1,2}|[a-h]|[一二三四五六七八九十])\)|(?:\d{1,2}|[a-h])[)、]|[一二三四五六七八九十]、|(?:\d|[a-h]):"
    r"|\d{1,2}\.\s|[a-h][.\s]|\d\.(?=\d{2,}-\d+(?![\d万千百wkm])))\s*(?=[^-~\d]*[\d一二两三四五六七八九十百千万])",
    re.IGNORECASE,
)
"""`A.`, `(1)`, `1、`, `一、` before what it numbers. Nobody has a fraction of employees: `2.50-99` is line 2,
but `2.5-10万` is none."""

_TRADITIONAL = str.maketrans("兩萬餘幾約內於過員從業規", "两万余几约内于过员从业规")
_NUMERALS = {numeral: digit % 10 for digit, numeral in enumerate("零一二三四五六七八九〇")} | {"两": 2}
_WEIGHTS = {"十": 10, "百": 100, "千": 1000}
_CHINESE = re.compile(
    r"(?<![\d.])(?:[零〇一二两三四五六七八九十百千万]{2,}|[一二两三四五六七八九十百千万](?=[多余几来人名位个员至到-]))"
)
_DIGIT = "一二两三四五六七八九"
_ROUGHLY = re.compile(rf"(?<![零〇{_DIGIT}])([{_DIGIT}])([{_DIGIT}])(?![零〇{_DIGIT}])")
"""Two figures next to each other are a guess between them: `五六人`, `十五六人`, `二三十人`, `两三百人`."""
_EITHER = re.compile(
    r"([1-9]\d*|[一二两三四五六七八九])\s*(?:、|或者?)\s*([1-9]\d*|[二三四五六七八九十])"
    r"([十百千万wk]?\s*(?:[多来]|左右|上下)?\s*[个名位]?\s*(?:员工|人|员)?\s*(?:左右|上下)?)",
    re.IGNORECASE,
)
"""`5、6人`, `20或30人`: one of two. Of other pairs the first is a list mark, as in `1、50人`."""
_BLANK_THOUSANDS = re.compile(r"(?<=\d) (?=\d{3}(?!\d))")

_COMPARISONS = {">=": "≥", "=>": "≥", "≧": "≥", "⩾": "≥", "<=": "≤", "=<": "≤", "≦": "≤", "⩽": "≤"}
_COMPARISON = re.compile("|".join(map(re.escape, _COMPARISONS)))
_FIGURE = r"(?:\d{1,3}(?:,\d{3})+|\d+)\s*[万千百wkm]?"
_INTERVAL = re.compile(
    rf"[\[(【]\s*({_FIGURE})\s*[,~-]\s*((?!0\d){_FIGURE}|\+?∞)?\s*[\])】]\s*(?:[人名]|employees)?",
    re.IGNORECASE,
)
_CHAIN = re.compile(
    rf"(?:({_FIGURE})人?\s*([<>≤≥])\s*)?(?:[xn]|人数|员工人?数|规模)\s*(?:([<>≤≥])\s*({_FIGURE}))?",
    re.IGNORECASE,
)
_BELOW = re.compile(
    r"^(?:<|≤|不到|不足|少于|小于|低于|不超过|不多于|不大于|至多|最多|less than|under|up to|below|fewer than"
    r"|(?:no|not) more than|at most|max(?:imum)?(?: of)?\b)"
    r"|以下|[以之]内|内$|不到$|不足$|or (?:less|fewer|under)|\bmax(?:imum)?$",
    re.IGNORECASE,
)
_INCLUDING = re.compile(r"\(?不?含[\d人本数]+\)?|\(不?含[^()]*\)")
"""`以上（含50人）`, `（含兼职）`: no second figure."""
_NOISE = re.compile(
    r"[\d\s,.~\-–—+<>≤≥≈∞():/]|或者?(?=\d)|不[到足超低大小高少多]于?过?|[至最][少多]|起码|[至到约近]|大约|大概|将近|差不多|[多余来起]|几(?=[人名位个员])"
    r"|(?<!\d)[上过超逾](?=\d)|超过|[少小低大多高]于|等于"
    r"|(?:公司|企业|团队|员工|从业|总)*(?:总?人数|员工数量?|规模)|[名个位]?(?:员工|人员|职工|员|人|工)|[名位]|团队"
    r"|万|千|百|[wkm](?![a-z])|左右|上下|之间|[小中大微]型|企业|公司|[及或]?以[上下]|[以之]?内|含"
    r"|employees|people|ppl|staff|persons?|members|workers|personnel|headcount|ftes?"
    r"|(?:or|and) (?:more|above|less|fewer|over|under|up)|(?:(?:no|not) )?(?:more|less|fewer) than"
    r"|at (?:least|most)|(?:max|min)(?:imum)?(?: of)?|plus|over|under|up to|below|above|from|between|and|to"
    r"|about|approx(?:imately|\.)?|around|roughly|circa|nearly|almost",
    re.IGNORECASE,
)


def company_size(value: Any) -> int | Problem | None:
    """Employees; of a range its lower end: `1-49人` is 1, `500人以上` and `500+` are 500, `[50,100)` is 50.

    What is only bounded from above begins at 1.
    """
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
    text = _plain(written)
    if len(written) > LENGTH_MAX or text[:1] == "-" or _NOISE.sub("", text):
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


def _plain(written: str) -> str:
    """What was written in one spelling: `② 50≤人数<100` and `[50,100)` are `50-100`, `两百人` is `200人`."""
    text = fold(_ENCLOSED.sub("", written.lstrip("'"))).translate(_TRADITIONAL).replace("_", " ").strip()
    # `Small (1-50)`: what stands in the brackets is what the word means.
    text = _MEANT.sub(r"\1", text)
    text = _BLANK_THOUSANDS.sub("", text)
    either = _EITHER.fullmatch(text)
    if either and _neighbours(_figure(either[1]), _figure(either[2])):
        text = either[1] + either[3]
    text = _ROUGHLY.sub(_lower, _LISTED.sub("", text))
    text = _CHINESE.sub(_arabic, _INCLUDING.sub("", text))
    text = _COMPARISON.sub(lambda sign: _COMPARISONS[sign[0]], text).strip()
    interval = _INTERVAL.fullmatch(text)
    if interval:
        return f"{interval[1]}-{interval[2] or ''}"
    return _CHAIN.sub(_in_order, text)


def _neighbours(lower: int, upper: int) -> bool:
    """Whether people name the two together for something between: `5、6`, `20、30`, `90、100`, `3、5`."""
    place = 10 ** (len(str(lower)) - len(str(lower).rstrip("0")))
    return upper - lower == place or (lower, upper) == (3 * place, 5 * place)


def _figure(written: str) -> int:
    return int(written) if written.isdecimal() else 10 if written == "十" else _NUMERALS[written]


def _lower(pair: re.Match[str]) -> str:
    """The lower of two neighbours; two figures that are none are digits one by one, and stay."""
    return pair[1] if _neighbours(_figure(pair[1]), _figure(pair[2])) else pair[0]


def _in_order(chain: re.Match[str]) -> str:
    """A comparison with a variable without it: `50≤x<100` is `50-100`, `50<x` is `>50`, `x<50` is `<50`."""
    left, sign, other, right = chain.groups()
    if left is None:
        return f"{other}{right}" if other else chain[0]
    if right is None:
        return ("≥" if sign in "<≤" else "≤") + left
    return f"{left}-{right}" if sign in "<≤" else f"{right}-{left}"


def _arabic(numeral: re.Match[str]) -> str:
    """A Chinese numeral in figures: `两千五` is 2500, `一百零五` is 105, `百` is 100; else as it stands."""
    total = section = digit = 0
    weight = 10
    for sign in numeral[0]:
        if sign in _NUMERALS:
            if digit:
                # `二〇〇`, `二八`: digits one by one.
                return numeral[0]
            digit = _NUMERALS[sign]
            weight = weight if digit else 10
        elif sign == "万":
            total += (section + digit or 1) * 10_000
            section, digit, weight = 0, 0, 10_000
        else:
            weight = _WEIGHTS[sign]
            section += (digit or 1) * weight
            digit = 0
    return str(total + section + digit * (weight // 10))
