"""What is wrong with a document, by its path in it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from pydantic import BaseModel, ValidationError

from leadflow.domain.members import HOURS_PATTERN
from leadflow.domain.values import COMPANY_STREAM, POOL_PATTERN
from leadflow.errors import UsageError

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_FORMS = {
    r"^[^\s/:]+$": "a name has no blanks, slashes or colons",
    r"^[A-Z]{2}$": "give a country by its two capital letters, e.g. CN",
    r"^[A-Z]{3}$": "give a currency by its three capital letters, e.g. CNY",
    HOURS_PATTERN: "give the hours of a day as 09:00-18:00; the end may be 24:00",
    rf"^({POOL_PATTERN}|{COMPANY_STREAM})$": "a pool's id is up to 63 small letters, digits and dashes",
}
"""What a pattern asks for, in words."""
Loc = tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong (`error`) or looks like a mistake (`warning`), and where."""

    path: str
    """As in `rules[0].target.rotation`; counted from 0. Of a file that is no TOML, the line."""
    message: str
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        mark = "" if self.severity == "error" else "warning: "
        return f"{self.path}: {mark}{self.message}" if self.path else f"{mark}{self.message}"


def error(path: str, message: str) -> Problem:
    """Something that keeps the document from being used."""
    return Problem(path, message)


def warning(path: str, message: str) -> Problem:
    """Something that looks like a mistake."""
    return Problem(path, message, "warning")


class InvalidDocument(UsageError):
    """A policy or routing table that cannot be used; `problems` holds everything that is wrong."""

    def __init__(self, kind: str, problems: Iterable[Problem], *, where: str | None = None) -> None:
        self.kind = kind
        self.problems = tuple(problems)
        errors = [problem for problem in self.problems if problem.severity == "error"]
        count = "1 problem" if len(errors) == 1 else f"{len(errors)} problems"
        super().__init__(
            f"the {kind} has {count}",
            where=where,
            do="\n".join(f"  {problem}" for problem in self.problems),
        )

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (self.kind, self.problems, self.where))


def _rebuild(kind: str, problems: tuple[Problem, ...], where: str | None) -> InvalidDocument:
    return InvalidDocument(kind, problems, where=where)


def path_of(loc: Sequence[int | str]) -> str:
    """A place in the document as people write it: `rules[0].when.channel`."""
    path = ""
    for part in loc:
        if isinstance(part, int):
            path += f"[{part}]"
        else:
            key = part if _BARE_KEY.fullmatch(part) else '"' + part.replace('"', '\\"') + '"'
            path += f".{key}" if path else key
    return path


def clean(loc: Loc) -> Loc:
    """The place without the marks that pydantic adds for keys and for the alternatives of a type."""
    return tuple(part for part in loc if isinstance(part, int) or not ("[" in part and part.endswith("]")))


def from_pydantic(error: ValidationError, model: type[BaseModel]) -> list[Problem]:
    """The problems that a model found, one for each place, in plain words."""
    found: dict[Loc, Problem] = {}
    for line in error.errors(include_url=False):
        place = clean(line["loc"])
        message = _words(line["type"], line["msg"], line["input"], line["loc"], line.get("ctx", {}), model)
        # Of the alternatives of a type, the one that fits a list tells more than the other.
        if place not in found or line["type"] != "literal_error":
            found[place] = Problem(path_of(place), message)
    return list(found.values())


def _words(
    kind: str, text: str, value: Any, loc: Loc, context: dict[str, Any], model: type[BaseModel]
) -> str:
    if kind == "extra_forbidden":
        near = difflib.get_close_matches(str(loc[-1]), _fields(model, loc[:-1]), n=1)
        return "there is no such setting" + (f"; did you mean {near[0]}?" if near else "")
    if kind == "missing":
        return "is needed"
    if kind == "value_error":
        return text.removeprefix("Value error, ")
    if kind == "tuple_type":
        if loc[-1] != clean(loc)[-1]:
            return 'give "all", or a list of ids of reps'
        return f'give a list, e.g. ["{value}"]' if isinstance(value, str) else "give a list"
    if kind == "string_pattern_mismatch":
        return _FORMS.get(str(context.get("pattern")), f"it does not have the form {context.get('pattern')}")
    if kind == "too_short":
        return "is empty; give at least one"
    if kind in ("model_type", "model_attributes_type", "dict_type"):
        return "give a table"
    return re.sub(r"^(Input|String|Value) should", "it should", text) + f", not {_short(value)}"


def _short(value: Any) -> str:
    if isinstance(value, (dict, list)):
        return "a table" if isinstance(value, dict) else "a list"
    text = str(value) if isinstance(value, Decimal) else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _fields(model: type[BaseModel], loc: Loc) -> list[str]:
    """The names of the settings at a place of the document."""
    for part in clean(loc):
        if isinstance(part, int):
            continue
        field = model.model_fields.get(part)
        inner = _models(field.annotation) if field is not None else [model]
        if not inner:
            return []
        model = inner[0]
    return [field.alias or name for name, field in model.model_fields.items()]


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in getattr(annotation, "__args__", ()) for model in _models(part)]
