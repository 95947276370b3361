"""Text out of whatever a cell, a form or a JSON member holds."""

from __future__ import annotations

import re
import unicodedata
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)
"""Control and direction marks, and halves of surrogate pairs: never part of what somebody meant,
and Postgres keeps neither NUL nor half a pair."""

_PLACEHOLDERS = frozenset(
    [
        "无",
        "没有",
        "暂无",
        "未填",
        "未填写",
        "未知",
        "不详",
        "不明",
        "空",
        "保密",
        "不便透露",
        "/",
        "//",
        "\\",
        "-",
        "--",
        "---",
        "—",
        "——",
        "_",
        ".",
        "。",
        "*",
        "?",
        "？",
        "x",
        "xx",
        "n/a",
        "na",
        "#n/a",
        "nil",
        "none",
        "null",
        "nan",
        "undefined",
        "unknown",
        "empty",
        "(empty)",
        "(null)",
        "(none)",
        "(无)",
        "（无）",
        "#ref!",
        "#value!",
    ]
)

CELL_LENGTH_MAX = 32_767
"""Characters in one cell: what Excel itself allows."""


def as_text(value: Any) -> str:
    """A value as the text that a person would read: trimmed, without invisible characters.

    A whole number that a spreadsheet made a float is written without its `.0`; None and NaN are ''.
    """
    if type(value) is not str:
        value = _scalar_text(value)
    if not value.isprintable():
        value = _INVISIBLE.sub("", value)
    return value.strip()  # type: ignore[no-any-return]


def _scalar_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return str(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if value != value:
            return ""
        return str(int(value)) if value.is_integer() and abs(value) < 1e17 else f"{value:.15g}"
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, (int, Decimal, timedelta)):
        return str(value)
    if isinstance(value, (list, tuple)):
        return "、".join(part for part in map(as_text, value) if part)
    if isinstance(value, dict):
        return "、".join(f"{key}：{as_text(part)}" for key, part in value.items())
    return str(value)


def given(value: Any) -> str | None:
    """`as_text`, or None where nothing or a placeholder was given."""
    text = value.strip() if type(value) is str and value.isprintable() else as_text(value)
    return None if not text or (len(text) <= 10 and text.lower() in _PLACEHOLDERS) else text


def fold(text: str) -> str:
    """Full-width forms as their ordinary ones (NFKC); what is plain ASCII stays as it is."""
    return text if text.isascii() else unicodedata.normalize("NFKC", text)


def is_placeholder(text: str) -> bool:
    """Whether `text` is how people and systems write "nothing": `无`, `-`, `N/A`, `#REF!`, …."""
    return len(text) <= 10 and text.lower() in _PLACEHOLDERS
