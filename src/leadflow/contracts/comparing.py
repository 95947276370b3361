"""What a change of a schema takes from those who read or write by it.

Two questions are asked. *Accepted*: is everything that the old schema let pass still let pass by the new
one? For requests, because others write them; for events, because the log holds what was ever written.
*Understood*: does the new schema write nothing that readers of the old one do not know? For events alone; an
optional member that is added is no problem to readers, and neither is a wider limit (a text may be longer).

Schemas are compared as the models give them: types, members, alternatives, values, limits and defaults, and
what further checks demand (`allOf`, as a whole). What a schema cannot say (that one date lies before another)
is not compared. Of two different patterns it is not
known which lets more pass, so another pattern counts as narrower.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

from leadflow.domain.values import JsonDict

ANNOTATIONS = frozenset({"$schema", "$id", "$defs", "title", "description", "examples"})
"""Say nothing about what passes."""
AT_MOST = ("maxLength", "maximum", "exclusiveMaximum", "maxItems", "maxProperties")
AT_LEAST = ("minLength", "minimum", "exclusiveMinimum", "minItems", "minProperties")
_ALTERNATIVES = ("anyOf", "oneOf")
_REST = "additionalProperties"
_OF_THEIR_OWN = frozenset(
    {"type", "enum", "const", "default", "required", "properties", "items", _REST}
    | {"patternProperties", "propertyNames", "$ref", *AT_MOST, *AT_LEAST, *_ALTERNATIVES}
)
_ANY: JsonDict = {}


class Change(NamedTuple):
    """Something that a new schema no longer promises."""

    path: str
    """The member: `data.touch.channel`; `[]` is an item of a list, `{}` a value by name."""
    what: str


def changes(
    old: JsonDict, new: JsonDict, kind: Literal["event", "request"], at: str = "data"
) -> list[Change]:
    """Every change that breaks somebody, by the member's path; none where the new schema may stand."""
    found = _Comparison(old, new, understood=False).within(old, new, at)
    if kind == "event":
        found += _Comparison(new, old, understood=True).within(new, old, at)
    return list(dict.fromkeys(found))


def form_of(schema: Any) -> Any:
    """A schema without what only explains it: two of the same form let the same documents pass."""
    if isinstance(schema, list):
        return [form_of(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {key: value for key, value in schema.items() if key not in ANNOTATIONS - {"$defs"}}
    named = ("properties", "$defs")
    return {
        key: {name: form_of(one) for name, one in value.items()} if key in named else form_of(value)
        for key, value in kept.items()
    }


class _Comparison:
    """Whether all that `narrow` lets pass is let pass by `wide`, member by member."""

    def __init__(self, narrow: JsonDict, wide: JsonDict, *, understood: bool) -> None:
        self._narrow, self._wide = narrow, wide
        self._understood = understood
        self._open: set[tuple[str, str]] = set()

    def within(self, narrow: JsonDict, wide: JsonDict, at: str) -> list[Change]:
        """What of `narrow` is not within `wide`."""
        pair = (narrow.get("$ref", ""), wide.get("$ref", ""))
        if all(pair):
            # A schema that holds itself is compared once.
            if pair in self._open:
                return []
            self._open.add(pair)
        found: list[Change] = []
        wides = list(_alternatives(wide, self._wide))
        for one in _alternatives(narrow, self._narrow):
            tries = [self._one(one, other, at) for other in wides if _same_kind(one, other)]
            if not tries:
                told = str(one.get("type", "any value"))
                found.append(
                    Change(at, f"may be {told} now" if self._understood else f"no longer takes {told}")
                )
            else:
                best = min(tries, key=len)
                found += best
        self._open.discard(pair)
        return found

    def _one(self, narrow: JsonDict, wide: JsonDict, at: str) -> list[Change]:
        """The same for two of one type."""
        if not wide.keys() - ANNOTATIONS - {"default"}:
            return []
        found = [*self._values(narrow, wide, at), *self._limits(narrow, wide, at)]
        if "items" in wide:
            found += self.within(narrow.get("items", _ANY), wide["items"], f"{at}[]")
        if "properties" in wide or "properties" in narrow:
            found += self._members(narrow, wide, at)
        found += self._by_name(narrow, wide, f"{at}{{}}")
        for key in sorted(wide.keys() - _OF_THEIR_OWN - ANNOTATIONS):
            if narrow.get(key) != wide[key]:
                found.append(self._other(at, key, narrow.get(key), wide[key]))
        return found

    def _values(self, narrow: JsonDict, wide: JsonDict, at: str) -> Iterator[Change]:
        mine, theirs = _values_of(narrow), _values_of(wide)
        if theirs is None:
            return
        if mine is None:
            told = "may be any value now" if self._understood else f"takes only {', '.join(theirs)} now"
            yield Change(at, told)
        elif lost := [one for one in mine if one not in theirs]:
            told = "may be {} now" if self._understood else "no longer takes {}"
            yield Change(at, told.format(", ".join(lost)))

    def _limits(self, narrow: JsonDict, wide: JsonDict, at: str) -> Iterator[Change]:
        if self._understood or _values_of(narrow) is not None:
            return
        for keys, sign in ((AT_MOST, 1), (AT_LEAST, -1)):
            for key in keys:
                before, now = narrow.get(key), wide.get(key)
                if now is not None and (before is None or sign * now < sign * before):
                    yield self._other(at, key, before, now)

    def _other(self, at: str, key: str, of_narrow: Any, of_wide: Any) -> Change:
        before, now = (of_wide, of_narrow) if self._understood else (of_narrow, of_wide)
        told = f"{key} is {_json(now)}" if now is not None else f"{key} is gone"
        return Change(at, f"{told}, was {_json(before)}" if before is not None else f"{told}, was free")

    def _members(self, narrow: JsonDict, wide: JsonDict, at: str) -> Iterator[Change]:
        mine, theirs = narrow.get("properties", {}), wide.get("properties", {})
        must, must_there = set(narrow.get("required", ())), set(wide.get("required", ()))
        for name in mine.keys() - theirs.keys():
            # An open document's further members have no names, so one that had a name has lost its promise.
            if not self._understood:
                yield Change(f"{at}.{name}", "is removed")
        for name in theirs:
            path = f"{at}.{name}"
            if name not in mine:
                if name in must_there and not self._understood:
                    yield Change(path, "is new and required")
                continue
            if name in must_there and name not in must:
                yield Change(path, "may be missing now" if self._understood else "is required now")
            elif not self._understood and name not in must:
                yield from _default(mine[name], theirs[name], path)
            yield from self.within(mine[name], theirs[name], path)

    def _by_name(self, narrow: JsonDict, wide: JsonDict, at: str) -> list[Change]:
        """Objects whose members have any names: what may stand in them, and which names they may have."""
        mine, theirs = narrow.get(_REST), wide.get(_REST)
        if mine is True and theirs is False:
            return [Change(at, "no longer takes further members")]
        pairs = [(mine, theirs), (narrow.get("propertyNames"), wide.get("propertyNames"))]
        patterns = narrow.get("patternProperties", {})
        pairs += [(patterns.get(key), one) for key, one in wide.get("patternProperties", {}).items()]
        found: list[Change] = []
        for before, now in pairs:
            if isinstance(now, dict):
                found += self.within(before if isinstance(before, dict) else _ANY, now, at)
        return found


def _default(old: JsonDict, new: JsonDict, path: str) -> Iterator[Change]:
    """What is left out of a document has its default: another one changes what was said already."""
    before, now = old.get("default"), new.get("default")
    if _json(before) != _json(now):
        yield Change(path, f"left out, means {_json(now)} now, meant {_json(before)}")


def _alternatives(schema: JsonDict, root: JsonDict) -> Iterator[JsonDict]:
    """The schemas of which one must let a value pass, each with one type and no reference."""
    if "$ref" in schema:
        named: JsonDict = root["$defs"][schema["$ref"].removeprefix("#/$defs/")]
        yield from _alternatives({**named, **{k: v for k, v in schema.items() if k != "$ref"}}, root)
        return
    for key in _ALTERNATIVES:
        if key in schema:
            for one in schema[key]:
                yield from _alternatives(one, root)
            return
    types = schema.get("type")
    for one in types if isinstance(types, list) else [types]:
        yield {**schema, "type": one} if one is not None else schema


def _same_kind(narrow: JsonDict, wide: JsonDict) -> bool:
    mine, theirs = narrow.get("type"), wide.get("type")
    return theirs is None or mine == theirs or (mine, theirs) == ("integer", "number")


def _values_of(schema: Mapping[str, Any]) -> list[str] | None:
    if "const" in schema:
        return [_json(schema["const"])]
    return [_json(one) for one in schema["enum"]] if "enum" in schema else None


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
