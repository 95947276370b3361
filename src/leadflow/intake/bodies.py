"""Push bodies and form submissions as one level of members, and the vendors' shapes among them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

import orjson

from leadflow.intake.mapping import OWN_NAMES, data_of, is_none_of_the_lead, is_thing


@dataclass(frozen=True, slots=True)
class Shape:
    """A vendor's body: members by which it is known, and what its members are."""

    name: str
    has: frozenset[str]
    fields: dict[str, str]


@cache
def shapes() -> tuple[Shape, ...]:
    """The shapes of `data/shapes.toml`."""
    return tuple(
        Shape(entry["name"], frozenset(entry["has"]), dict(entry["fields"]))
        for entry in data_of("shapes")["shape"]
    )


def shape_of(members: Iterable[str]) -> Shape | None:
    """The vendor's shape that a body with these members has, if it is a known one."""
    present = frozenset(members)
    return next((shape for shape in shapes() if shape.has <= present), None)


@cache
def _pairs() -> tuple[tuple[str, str], ...]:
    return tuple((pair["name"], pair["value"]) for pair in data_of("shapes")["pairs"])


DEPTH_MAX = 5
_NESTED: frozenset[type] = frozenset((dict, list))
_PACKED = frozenset(("formDetail", "form_detail", "remark_dict", "field_data", "answers", "fields", "extra"))
"""Members of vendors' bodies that some senders pack as a JSON text of their own."""
_UTM_PARTS = frozenset(("source", "medium", "campaign", "term", "content"))


def flatten(document: dict[str, Any]) -> dict[str, Any]:
    """A body as one level of members: nested objects and lists of named answers are opened.

    A member whose name is taken, or says whose it is (`owner.email`, `company.name`), is called
    `outer.inner`.
    """
    if not _PACKED.isdisjoint(document):
        document = {key: _unpacked(value) if key in _PACKED else value for key, value in document.items()}
    if _NESTED.isdisjoint(map(type, document.values())):
        return document
    # Outer members keep their names, whatever the inner ones are called.
    flat = {key: value for key, value in document.items() if type(value) not in _NESTED}
    for key, value in document.items():
        if type(value) in _NESTED:
            _open(flat, key, value, 1)
    return flat


def _unpacked(value: Any) -> Any:
    if not isinstance(value, str) or not value.startswith(("{", "[")):
        return value
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        return value


def _open(flat: dict[str, Any], name: str, value: Any, depth: int) -> None:
    if depth < DEPTH_MAX and isinstance(value, dict):
        for key, inner in value.items():
            if key in _UTM_PARTS and name.lower().startswith("utm"):
                key = f"utm_{key}"
            own = key in flat or is_none_of_the_lead(name) or (key in OWN_NAMES and is_thing(name))
            _open(flat, f"{name}.{key}" if own else key, inner, depth + 1)
        return
    if (
        depth < DEPTH_MAX
        and isinstance(value, list)
        and value
        and all(isinstance(one, dict) for one in value)
    ):
        for key_of, value_of in _pairs():
            # Who does not answer a question has a pair without a value.
            named = all(isinstance(one.get(key_of), str) for one in value)
            if named and any(value_of in one for one in value):
                for one in value:
                    key = one[key_of]
                    _open(flat, key if key not in flat else f"{name}.{key}", one.get(value_of), depth + 1)
                return
    unique, number = name, 2
    while unique in flat:
        unique, number = f"{name} ({number})", number + 1
    flat[unique] = value
