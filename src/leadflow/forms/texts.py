"""What the pages say, in Chinese and in English."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

LANGUAGES = ("zh", "en")


@cache
def texts(language: str) -> Mapping[str, Any]:
    """Every text of a language; `en` for one that is not known."""
    name = language if language in LANGUAGES else "en"
    return tomllib.loads(files(__package__).joinpath(f"texts/{name}.toml").read_text("utf-8"))


def language_of(asked: str | None, accepted: str | None) -> str:
    """The language of a page: the one asked for, else the first of `Accept-Language` (RFC 9110) that there
    is, else Chinese."""
    if asked in LANGUAGES:
        return asked
    best, best_weight = "zh", 0.0
    for part in (accepted or "").split(",")[:20]:
        name, _, parameters = part.partition(";")
        language = name.strip().lower().partition("-")[0]
        try:
            weight = float(parameters.partition("q=")[2] or 1)
        except ValueError:
            weight = 0.0
        if language in LANGUAGES and weight > best_weight:
            best, best_weight = language, weight
    return best
