"""Every change of a real schema that breaks readers or writers is found, and no other is.

The changes are made at any place of any published schema, also deep within what several members share.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadflow import contracts
from leadflow.contracts.comparing import changes, form_of
from tests.schema_checks import problems

Schema = dict[str, Any]
Node = dict[str, Any]
PUBLISHED = contracts.published()
EVENTS = sorted(name for name in PUBLISHED if contracts.kind_of(name) == "event")
REQUESTS = sorted(name for name in PUBLISHED if contracts.kind_of(name) == "request")
ADDED = "brand_new"


def nodes(schema: Any) -> Iterator[Node]:
    """Every schema within a schema, itself first."""
    yield schema
    for key in ("properties", "patternProperties", "$defs"):
        for one in schema.get(key, {}).values():
            yield from nodes(one)
    for key in ("anyOf", "oneOf"):
        for one in schema.get(key, ()):
            yield from nodes(one)
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            yield from nodes(schema[key])


class Mutation:
    """A change that can be made to the nodes that `fits` takes."""

    def __init__(self, name: str, fits: Callable[[Node], bool], change: Callable[[Node], None]) -> None:
        self.name, self.fits, self.change = name, fits, change

    def __repr__(self) -> str:
        return self.name


def first(node: Node) -> str:
    return str(next(iter(node["properties"])))


def optional(node: Node) -> list[str]:
    return [name for name in node.get("properties", ()) if name not in node.get("required", ())]


def _remove(node: Node) -> None:
    name = first(node)
    del node["properties"][name]
    node["required"] = [one for one in node.get("required", ()) if one != name]


def _rename(node: Node) -> None:
    node["properties"][ADDED] = node["properties"][first(node)]
    _remove(node)


def _require_new(node: Node) -> None:
    node["properties"][ADDED] = {"type": "string"}
    node["required"] = [*node.get("required", ()), ADDED]


def _require(node: Node) -> None:
    node["required"] = [*node.get("required", ()), optional(node)[0]]


def _add(node: Node) -> None:
    node["properties"][ADDED] = {"type": "string", "default": ""}


def _allow_missing(node: Node) -> None:
    node["required"] = node["required"][1:]


def _reorder(node: Node) -> None:
    node["properties"] = dict(reversed(node["properties"].items()))
    node["required"] = node.get("required", [])[::-1]


def _set(**values: Any) -> Callable[[Node], None]:
    return lambda node: node.update(values)


def _more(key: str, by: int) -> Callable[[Node], None]:
    return lambda node: node.update({key: node[key] + by})


def is_object(node: Node) -> bool:
    return bool(node.get("properties"))


def is_text(node: Node) -> bool:
    return node.get("type") == "string" and "enum" not in node and "const" not in node


def has(*keys: str) -> Callable[[Node], bool]:
    return lambda node: all(key in node for key in keys)


def nullable(node: Node) -> bool:
    return {"type": "null"} in node.get("anyOf", ())


BREAKING = [
    Mutation("remove a member", is_object, _remove),
    Mutation("rename a member", is_object, _rename),
    Mutation("require a new member", is_object, _require_new),
    Mutation("require an optional member", lambda n: bool(optional(n)), _require),
    Mutation("another type", is_text, _set(type="integer")),
    Mutation("items of another type", lambda n: is_text(n.get("items", {})), _set(items={"type": "null"})),
    Mutation("take null away", nullable, lambda n: n["anyOf"].remove({"type": "null"})),
    Mutation("take a value away", has("enum"), lambda n: n["enum"].pop()),
    Mutation("one value only", is_text, _set(enum=["one"])),
    Mutation("a shorter text", has("maxLength"), _more("maxLength", -1)),
    Mutation("a limit to a text", lambda n: is_text(n) and "maxLength" not in n, _set(maxLength=9)),
    Mutation("a longer text at least", lambda n: is_text(n), _set(minLength=2)),
    Mutation("another pattern", is_text, _set(pattern="^[abc]$")),
    Mutation("another format", is_text, _set(format="uuid")),
    Mutation("a lower maximum", has("maximum"), _more("maximum", -1)),
    Mutation("a higher minimum", has("minimum"), _more("minimum", 1)),
    Mutation("fewer items", lambda n: n.get("type") == "array", _set(maxItems=1)),
    Mutation("another default", lambda n: "default" in n and not is_object(n), _set(default="other")),
    Mutation("texts by name of another type", lambda n: n.get("additionalProperties") == {"type": "string"},
             _set(additionalProperties={"type": "integer"})),
]  # fmt: skip
HARMLESS = [
    Mutation("add an optional member", is_object, _add),
    Mutation("another order", is_object, _reorder),
    Mutation("other words", lambda n: True, _set(title="T", description="D.", examples=[1])),
    Mutation("a longer text", has("maxLength"), _more("maxLength", 1)),
    Mutation("no limit to a text", has("maxLength"), lambda n: n.pop("maxLength")),
    Mutation("a higher maximum", has("maximum"), _more("maximum", 1)),
    Mutation("a lower minimum", has("minimum"), _more("minimum", -1)),
    Mutation("values in another order", has("enum"), lambda n: n["enum"].reverse()),
    Mutation("one alternative instead of the type", is_text,
             lambda n: n.update({"anyOf": [{k: n.pop(k) for k in list(n) if k != "default"}]})),
]  # fmt: skip
HARMLESS_TO_WRITERS = [
    Mutation("let a member be left out", has("required"), _allow_missing),
    Mutation("take another value", has("enum"), lambda n: n["enum"].append("one more")),
    Mutation("take null as well", lambda n: "anyOf" in n and not nullable(n),
             lambda n: n["anyOf"].append({"type": "null"})),
    Mutation("no pattern", has("pattern"), lambda n: n.pop("pattern")),
    Mutation("any number", lambda n: n.get("type") == "integer" and "const" not in n, _set(type="number")),
    Mutation("any type", lambda n: is_text(n), lambda n: n.pop("type")),
]  # fmt: skip
"""And no harmless ones to readers: they would meet what they do not know."""


def mutated(name: str, mutation: Mutation, draw: Callable[[Any], Any]) -> Schema | None:
    """The published schema with the change made somewhere; None where there is no place for it."""
    schema = deepcopy(PUBLISHED[name])
    places = [place for place, node in enumerate(nodes(schema)) if mutation.fits(node)]
    if not places:
        return None
    place = draw(st.sampled_from(places))
    mutation.change(list(nodes(schema))[place])
    return schema


def found(name: str, new: Schema) -> list[str]:
    kind = contracts.kind_of(name)
    return [f"{path} {what}" for path, what in changes(PUBLISHED[name], new, kind)]


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_a_schema_keeps_itself(name: str) -> None:
    assert found(name, deepcopy(PUBLISHED[name])) == []


@pytest.mark.parametrize("mutation", BREAKING, ids=str)
@given(data=st.data())
def test_what_breaks_readers_or_writers_is_found(mutation: Mutation, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(PUBLISHED)))
    new = mutated(name, mutation, data.draw)
    if new is not None and form_of(new) != form_of(PUBLISHED[name]):
        assert found(name, new) != []


@pytest.mark.parametrize("mutation", HARMLESS, ids=str)
@given(data=st.data())
def test_what_breaks_nobody_passes(mutation: Mutation, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(PUBLISHED)))
    new = mutated(name, mutation, data.draw)
    if new is not None:
        assert found(name, new) == []
        assert problems(new, PUBLISHED[name]["examples"][0]) == []


@pytest.mark.parametrize("mutation", HARMLESS_TO_WRITERS, ids=str)
@given(data=st.data())
def test_what_takes_more_breaks_readers_of_events_but_no_writers(
    mutation: Mutation, data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(sorted(PUBLISHED)))
    new = mutated(name, mutation, data.draw)
    if new is not None:
        assert bool(found(name, new)) == (name in EVENTS)


@pytest.mark.parametrize("mutation", [*BREAKING, *HARMLESS, *HARMLESS_TO_WRITERS], ids=str)
def test_every_change_has_a_place_in_events_and_in_requests(mutation: Mutation) -> None:
    for family in (EVENTS, REQUESTS):
        assert any(mutation.fits(node) for name in family for node in nodes(PUBLISHED[name]))


def test_a_shared_schema_of_another_name_is_the_same() -> None:
    for name, schema in PUBLISHED.items():
        text = json.dumps(schema)
        for part in schema.get("$defs", {}):
            text = text.replace(f'"#/$defs/{part}"', f'"#/$defs/X{part}"').replace(
                f'"{part}": {{', f'"X{part}": {{'
            )
        assert found(name, json.loads(text)) == []


def test_a_change_is_told_by_the_path_of_its_member() -> None:
    old = PUBLISHED["leadflow.lead.converted.v1"]
    new = deepcopy(old)
    del new["$defs"]["Touch"]["properties"]["campaign"]
    new["$defs"]["Money"]["properties"]["currency"]["pattern"] = "^CNY$"
    new["properties"]["contacts"]["default"] = 1
    told = {f"{path} {what}" for path, what in changes(old, new, "event")}
    assert told == {
        "data.touches[].campaign is removed",
        'data.touches[].cost.currency pattern is "^CNY$", was "^[A-Z]{3}$"',
        "data.contacts left out, means 1 now, meant 0",
    }


def test_a_schema_that_holds_itself_is_compared_once() -> None:
    tree: Schema = {
        "properties": {"tree": {"$ref": "#/$defs/Tree"}},
        "type": "object",
        "$defs": {
            "Tree": {
                "type": "object",
                "properties": {
                    "of": {"type": "array", "items": {"$ref": "#/$defs/Tree"}, "default": []},
                    "leaf": {"type": "string", "default": ""},
                },
            }
        },
    }
    new = deepcopy(tree)
    del new["$defs"]["Tree"]["properties"]["leaf"]
    assert changes(tree, tree, "event") == []
    assert changes(tree, new, "request") == [("data.tree.leaf", "is removed")]
