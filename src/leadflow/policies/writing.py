"""From a policy back to TOML, and from two policies to what changed between them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import tomlkit
from tomlkit.items import InlineTable, Item, Table

from leadflow.domain.policy import Policy
from leadflow.domain.routing import RoutingTable
from leadflow.policies.problems import path_of


@dataclass(frozen=True, slots=True)
class Change:
    """A setting that two policies hold differently; None is not set."""

    path: str
    """Rules are named, not counted: `rules[big].target.rotation`."""
    before: Any
    after: Any

    def __str__(self) -> str:
        if self.before is None:
            return f"{self.path}: added {_shown(self.after)}"
        if self.after is None:
            return f"{self.path}: removed {_shown(self.before)}"
        return f"{self.path}: {_shown(self.before)} -> {_shown(self.after)}"


def dump(policy: Policy) -> str:
    """The policy as TOML, every setting written out; `load(dump(policy)) == policy`."""
    return _document(_plain(policy))


def dump_routing(table: RoutingTable) -> str:
    """The routing table as TOML; `load_routing(dump_routing(table)) == table`."""
    return _document(table.model_dump(mode="python", exclude_none=True))


def diff(before: Policy, after: Policy) -> list[Change]:
    """What changed, by path, in the order of the document."""
    return list(_changes((), _by_name(_plain(before)), _by_name(_plain(after))))


def _plain(policy: Policy) -> dict[str, Any]:
    return policy.model_dump(mode="python", by_alias=True, exclude_none=True)


def _document(values: dict[str, Any]) -> str:
    document = tomlkit.document()
    simple = {key: value for key, value in values.items() if not _is_table(value)}
    for key, value in simple.items():
        document.add(key, _item(value))
    for key, value in values.items():
        if key not in simple:
            document.add(key, _table(value) if isinstance(value, dict) else _tables(value))
    return tomlkit.dumps(document)


def _is_table(value: Any) -> bool:
    return isinstance(value, dict) or (bool(value) and _is_tables(value))


def _is_tables(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(isinstance(row, dict) for row in value)


def _table(values: dict[str, Any]) -> Table:
    table = tomlkit.table()
    # Arrays of tables stand last: in TOML, what follows one would belong to it.
    for key, value in sorted(values.items(), key=lambda pair: bool(pair[1]) and _is_tables(pair[1])):
        table.add(key, _tables(value) if value and _is_tables(value) else _item(value))
    return table


def _tables(rows: Any) -> Item:
    array = tomlkit.aot()
    for row in rows:
        array.append(_table(row))
    return array


def _item(value: Any) -> Item:
    """A value on one line: dictionaries as inline tables, decimals as they were written."""
    if isinstance(value, dict):
        inline: InlineTable = tomlkit.inline_table()
        for key, inner in value.items():
            inline.add(key, _item(inner))
        return inline
    if isinstance(value, (list, tuple)):
        array = tomlkit.array()
        for inner in value:
            array.append(_item(inner))
        return array
    if isinstance(value, Decimal):
        return tomlkit.value(format(value, "f"))
    item: Item = tomlkit.item(value)
    return item


def _by_name(value: Any) -> Any:
    """The same with lists of named tables as dictionaries, so that a rule is compared with itself."""
    if isinstance(value, dict):
        return {key: _by_name(inner) for key, inner in value.items()}
    if value and _is_tables(value):
        rows = {f"[{row['name']}]": {k: _by_name(v) for k, v in row.items() if k != "name"} for row in value}
        return {"order": [row["name"] for row in value], **rows}
    return list(value) if isinstance(value, (list, tuple)) else value


def _changes(path: tuple[str, ...], before: Any, after: Any) -> Iterator[Change]:
    if before == after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for key in [*before, *(key for key in after if key not in before)]:
            yield from _changes((*path, key), before.get(key), after.get(key))
        return
    if path[-1] == "order":
        kept = [name for name in before or () if name in (after or ())]
        if kept == [name for name in after or () if name in (before or ())]:
            return
    # An empty list beside a list of named tables is the same as none.
    empty: tuple[Any, ...] = ([], {})
    if isinstance(before, dict) and after in (None, *empty):
        yield from _one_sided(path, before, gone=True)
    elif isinstance(after, dict) and before in (None, *empty):
        yield from _one_sided(path, after, gone=False)
    else:
        yield Change(_path(path), before, after)


def _one_sided(path: tuple[str, ...], table: dict[str, Any], *, gone: bool) -> Iterator[Change]:
    """A table that only one side has: row by row if it is a list of named tables, else as one."""
    if "order" in table and all(key == "order" or key.startswith("[") for key in table):
        for key, row in table.items():
            if key != "order":
                yield Change(_path((*path, key)), row if gone else None, None if gone else row)
    else:
        yield Change(_path(path), table if gone else None, None if gone else table)


def _path(path: tuple[str, ...]) -> str:
    text = ""
    for part in path:
        text += part if part.startswith("[") else ("." if text else "") + path_of((part,))
    return text


def _shown(value: Any) -> str:
    if isinstance(value, Decimal):
        return format(value, "f")
    return json.dumps(value, ensure_ascii=False, default=str)
