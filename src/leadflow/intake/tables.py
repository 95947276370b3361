"""Where a table begins, and which of its rows are rows: no titles, blanks, totals or footers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any

from leadflow.intake.contacts import fast_mobile
from leadflow.intake.mapping import SIMPLIFIED
from leadflow.intake.text import as_text, fold
from leadflow.intake.textfiles import is_value

HEADER_ROWS_MAX = 50
"""The header is looked for in so many rows that are not blank."""
NAME_LENGTH_MAX = 200
OWN_ROWS_MIN = 3
"""So many rows beneath a header make it one, even if a header further down has more columns."""

_MEASURE = r"(?:[条个人家行元位名张份笔次组]|条?记录)"
_SCOPE = (
    r"(?:以上|[本当]页|本表|全[部体]|有效|数据|记录|名片|线索|客户|人员|人|参[展会]|观众|访客|报名|金额|费用|花费"
    r"|rows?|records?|leads?|cards?|contacts?|visitors?|entries|people|valid|number\s+of)"
)
_COUNTING = (
    r"(?:[合总小共累]\s*计|汇\s*总|统\s*计|总[数量共]|总(?=[\u4e00-\u9fff]{1,6}[数量])|共有?|数量?|[行条张份]数|平均值?|最[大小]值"
    r"|(?:grand\s+|sub-?\s*)?totals?|sum|count|average|avg)"
)
_TOTAL = re.compile(
    rf"(?:{_SCOPE}\s*)*+{_COUNTING}(?:\s*+(?:{_SCOPE}|{_COUNTING}|{_MEASURE}))*+"
    rf"(?:\s*[(（].*[)）])?\s*[:：=]?\s*[¥￥]?\s*[\d,.]*+(?:\s*+(?:{_MEASURE}|{_SCOPE}))*+",
    re.IGNORECASE,
)
"""Words that count, among words for what is counted; behind them perhaps how many there were. No measure
word stands first: `张总` is somebody. What a loop has taken it keeps (`*+`), or a cell of
`人人人…` would take for ever."""
_COUNT_LINE = re.compile(rf"(?:以上)?(?:总?共|合计|总计)[计有]?\s*[:：]?\s*[\d,]+\s*{_MEASURE}.{{0,10}}")
_FOOTER = re.compile(
    r"[*※(（\[【\s]*(?:制表|导出|填表|审核|打印|备注|说明|注|数据来源|来源|更新|签字|签名|盖章|统计|日期|截止"
    r"|exported|generated|printed|source|note|prepared|created)"
    r"[^:：]{0,30}[:：].*"
    r"|第\s*\d+\s*页.{0,20}|page\s+\d+(?:\s*(?:of|/)\s*\d+)?"
    r"|(?:exported|generated|printed|created|downloaded)\s+(?:on|at|by|from)\b.*"
    r"|[*※]\s*[^\s*].*"
    r"|(?:导出|打印|更新|统计|截止|截至)[^:：\d]{0,8}\s*\d{4}\s*[-/.年].*"
    r"|[(（\s]*以[上下].+"
    r"|[-—=*#.\s]*(?:end(?:\s+of\s+(?:file|report|data|list))?|结束|完)?[-—=*#.\s]*",
    re.IGNORECASE,
)
"""What stands beneath a table. It is only looked for where nobody can be reached by the row."""
_HINT = re.compile(
    r"[*(（【\[\s]*(?:必填|选填|非必填|可选|可不填|必选|单选|多选|请填写|请输入|请选择|格式|文本|数字|日期|下拉选择?"
    r"|required|optional|mandatory|text|string|number|date|open-ended response)(?![a-z]).{0,40}"
    r"|\{\"ImportId\".*",
    re.IGNORECASE | re.DOTALL,
)
_EXAMPLE = re.compile(
    r"[(（【\[\s]*(?:示例|样例|范例|例如|例子|例|举例|example|sample|e\.g\.)(?:[:：)）】\]\s].*|$)",
    re.IGNORECASE,
)
_NUMBER = re.compile(
    rf"[总共约]*\s*[¥￥$€]?\s*[+-]?[\d,]+(?:\.\d+)?(?:E\+?\d+)?\s*(?:%|{_MEASURE})?|[-—/]+", re.IGNORECASE
)
_SIGNED = re.compile(
    r"(?:制表|导出|填表|审核|打印|数据来源|更新|签字|签名|盖章|日期|统计|第\s*\d+\s*页|exported|generated|printed|prepared)"
    r"[^:：]{0,12}(?:[:：]|$)|第\s*\d+\s*页",
    re.IGNORECASE,
)
_REACHABLE = re.compile(r"@|1[3-9]\d[\s-]?\d{4}[\s-]?\d{4}")


@dataclass
class Skipped:
    """Rows that are not rows."""

    blank: int = 0
    title: int = 0
    total: int = 0
    footer: int = 0
    header: int = 0
    """The header again: in the middle of the table, in another language, or hints and an example beneath."""


@dataclass
class Table:
    """A table with its header found."""

    columns: tuple[str, ...]
    header_row: int
    rows: Iterator[tuple[int, list[Any]]]
    """What follows the header, untouched."""
    skipped: Skipped = field(default_factory=Skipped)
    title_rows: frozenset[int] = frozenset()
    score: Callable[[list[str]], int] | None = None
    """How much a row looks like a header, where another one may follow."""

    def first(self, count: int) -> list[list[Any]]:
        """The first rows beneath the header, which stay to be read."""
        head = list(islice(self.rows, count))
        self.rows = chain(head, self.rows)
        return [values for _, values in head]

    def documents(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """Each real row with its number in the file, as column → value."""
        width, columns = len(self.columns), self.columns
        names = frozenset(columns)
        for number, values in self.rows:
            kind = row_kind(values, columns, number in self.title_rows)
            if kind:
                setattr(self.skipped, kind, getattr(self.skipped, kind) + 1)
                continue
            if not names.isdisjoint(values) and self._is_other_header(values):
                # A table beneath the first, with its columns in another order.
                self.skipped.header += 1
                columns = unique_names([as_text(value) for value in values])
                width = len(columns)
                continue
            document = dict(zip(columns, values, strict=False))
            if len(values) < width:
                for column in columns[len(values) :]:
                    document[column] = ""
            else:
                for place in range(width, len(values)):
                    if as_text(values[place]):
                        document[f"column {place + 1}"] = values[place]
            yield number, document

    def _is_other_header(self, values: list[Any]) -> bool:
        texts = [as_text(value) for value in values]
        return self.score is not None and self.score(texts) > 1 and not any(map(is_value, texts))


def row_kind(values: list[Any], columns: tuple[str, ...], merged: bool) -> str | None:
    """Why a row is none: blank, title, total, footer, header; None for a real one."""
    rest = [value for value in values if value is not None and value != ""]
    first = ""
    while rest and not first:
        first = as_text(rest.pop(0))
    if not first:
        return "blank"
    if len(first) < 80 and _TOTAL.fullmatch(fold(first).translate(SIMPLIFIED)) and _is_total(rest):
        return "total"
    if rest:
        if _is_header(values, first, columns):
            return "header"
        return "footer" if _is_footer(first, rest) else None
    if merged:
        return "title"
    if len(columns) > 2 and not _REACHABLE.search(first):
        if _COUNT_LINE.fullmatch(first):
            return "total"
        if _FOOTER.fullmatch(first):
            return "footer"
    return None


def _is_header(values: list[Any], first: str, columns: tuple[str, ...]) -> bool:
    """Whether a row is the table's header again."""
    if first != columns[0] and " ".join(first.split()) != columns[0]:
        return False
    return unique_names([as_text(value) for value in values[: len(columns)]]) == columns


def _is_footer(first: str, rest: list[Any]) -> bool:
    """Whether every cell says who made the table and when: `制表人：王 | 审核人：李`."""
    return _is_signed(first) and all(map(_is_signed, map(as_text, rest)))


def _is_signed(text: str) -> bool:
    return not text or (_SIGNED.match(text) is not None and len(text) <= 60 and not _REACHABLE.search(text))


def _is_total(rest: list[Any]) -> bool:
    """Whether all that follows is figures and who signs. A person named Total would have a phone number."""
    for value in rest:
        text = as_text(value)
        if not _is_signed(text) and (not _NUMBER.fullmatch(text) or fast_mobile(text)):
            return False
    return True


def find_table(
    rows: Iterable[tuple[int, list[Any]]],
    score: Callable[[list[str]], int],
    header_row: int | None = None,
    title_rows: frozenset[int] = frozenset(),
) -> Table | list[list[str]]:
    """The table in `rows`, its header being the row that `score` likes best.

    `score` gives 0 for what cannot be a header. A header of two rows, groups above names, is read as
    one. `header_row` (from 1; 0 for none) settles it beforehand. If there is no header, the first rows
    as text, for the error message.
    """
    stream = iter(rows)
    if header_row is not None:
        return _at(stream, header_row, title_rows)
    head: list[tuple[int, list[Any]]] = []
    for number, values in islice(stream, HEADER_ROWS_MAX * 20):
        head.append((number, values))
        if sum(1 for _, row in head[-HEADER_ROWS_MAX:] if any(map(as_text, row))) >= HEADER_ROWS_MAX:
            break
    best, best_at, names = 0, -1, [""]
    before: list[str] = []
    rows_beneath = 0
    for place, (_, values) in enumerate(head):
        texts = [as_text(value) for value in values]
        if not any(texts) or any(map(is_value, texts)):
            before = []
            rows_beneath += best_at >= 0 and any(texts)
            continue
        if rows_beneath >= OWN_ROWS_MIN or (rows_beneath and len(set(names) & set(texts) - {""}) > 1):
            # What stands above is a table already; a larger header here begins another one beneath it.
            continue
        both = [
            own or (before[column] if column < len(before) else "") for column, own in enumerate(texts)
        ] + before[len(texts) :]
        for candidate in (texts, both):
            points = score(candidate)
            if points > best:
                best, best_at, names, rows_beneath = points, place, candidate, 0
        before = texts
    if best_at < 0:
        return [[as_text(value) for value in values] for _, values in head]
    first = best_at + 1 + _more_header(head[best_at + 1 :], score)
    return Table(
        unique_names(names),
        head[best_at][0],
        chain(head[first:], stream),
        Skipped(
            title=sum(any(map(as_text, row)) for _, row in head[:best_at]),
            header=sum(any(map(as_text, row)) for _, row in head[best_at + 1 : first]),
        ),
        title_rows,
        score,
    )


def _more_header(rows: list[tuple[int, list[Any]]], score: Callable[[list[str]], int]) -> int:
    """How many of the rows beneath the header belong to it: the names in another language, what may be
    filled in (`必填`), an example."""
    count = 0
    for _, values in rows[:4]:
        texts = [as_text(value) for value in values]
        filled = [text for text in texts if text]
        named = score(texts) >= 2 and not any(map(is_value, filled))
        if not filled or not (named or _EXAMPLE.fullmatch(filled[0]) or all(map(_HINT.fullmatch, filled))):
            break
        count += 1
    return count


def _at(
    stream: Iterator[tuple[int, list[Any]]], header_row: int, titles: frozenset[int]
) -> Table | list[list[str]]:
    if header_row == 0:
        first = next(stream, None)
        if first is None:
            return []
        columns = tuple(f"column {place}" for place in range(1, len(first[1]) + 1))
        return Table(columns, 0, chain([first], stream), Skipped(), titles)
    for number, values in stream:
        if number >= header_row:
            return Table(
                unique_names([as_text(value) for value in values]), number, stream, Skipped(), titles
            )
    return []


def unique_names(texts: list[str]) -> tuple[str, ...]:
    """Column names, none empty and none twice; empty ones at the end are no columns."""
    while texts and not texts[-1]:
        texts = texts[:-1]
    names: dict[str, None] = {}
    for place, text in enumerate(texts, 1):
        name = plain = " ".join(text.split())[:NAME_LENGTH_MAX] or f"column {place}"
        number = 2
        while name in names:
            name, number = f"{plain} ({number})", number + 1
        names[name] = None
    return tuple(names)
