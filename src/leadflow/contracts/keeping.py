"""The contracts as they were published, and whether today's still keep them.

One file per type and version lies in `published` beside this module. None is ever removed: facts name their
schema for ever, so one that the models no longer have is served from there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from copy import deepcopy
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from leadflow.contracts.comparing import changes, form_of
from leadflow.contracts.schemas import kind_of, names, schema
from leadflow.domain.values import JsonDict
from leadflow.errors import UnreadableFile
from leadflow.log.upcasters import UPCASTERS

PLACE = "published"
_VERSION = re.compile(r"^(.*\.v)(\d+)$")
_ENVELOPE = "leadflow.envelope."

Schemas = Mapping[str, JsonDict]


class Broken(NamedTuple):
    """A published contract that is not kept."""

    name: str
    path: str
    what: str
    do: str

    def __str__(self) -> str:
        return f"{self.name}: {self.path} {self.what}. {self.do}"


class Findings(NamedTuple):
    """What comes of comparing contracts with those that were published."""

    broken: tuple[Broken, ...]
    unpublished: tuple[str, ...]
    """Names of contracts that are new, or have got more than was published of them, and break nobody."""


def current() -> dict[str, JsonDict]:
    """Every schema as the models have it."""
    return {name: schema(name) for name in names()}


def published() -> dict[str, JsonDict]:
    """Every schema as it was published, older versions among them."""
    return deepcopy(_published())


@cache
def _published() -> dict[str, JsonDict]:
    found = files("leadflow.contracts").joinpath(PLACE).iterdir()
    return {one.name.removesuffix(".json"): json.loads(one.read_text(encoding="utf-8")) for one in found}


def served(name: str) -> JsonDict:
    """The schema of that name, as the models have it or, where they no longer do, as it was published.

    Raises NotFound.
    """
    if name not in names() and name in _published():
        return deepcopy(_published()[name])
    return schema(name)


def read_from(directory: Path) -> dict[str, JsonDict]:
    """The schemas that were written to a directory, by name. Raises UnreadableFile."""
    found = {}
    for file in sorted(directory.glob("leadflow.*.json")):
        try:
            one = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as problem:
            raise UnreadableFile("this is no JSON", where=str(file)) from problem
        if not isinstance(one, dict):
            raise UnreadableFile("this is no JSON Schema", where=str(file))
        found[file.name.removesuffix(".json")] = one
    if not found:
        do = "`leadflow contracts write DIR` writes them."
        raise UnreadableFile("there are no contracts in this directory", where=str(directory), do=do)
    return found


def check(before: Schemas, now: Schemas, lifted: Collection[str] = tuple(UPCASTERS)) -> Findings:
    """Which of the contracts `before` are not kept `now`, and what is not published yet.

    `lifted` are the names of versions of events that an upcaster still reads.
    """
    broken: list[Broken] = []
    for name, old in sorted(before.items()):
        if name in now:
            at = "document" if name.startswith(_ENVELOPE) else "data"
            found = changes(old, now[name], kind_of(name), at)
            broken += [Broken(name, change.path, change.what, _remedy(name)) for change in found]
        elif kind_of(name) == "request" or name not in lifted:
            broken.append(_gone(name, now))
    unpublished = [name for name in now if form_of(now[name]) != form_of(before.get(name))]
    names_broken = {one.name for one in broken}
    return Findings(tuple(broken), tuple(name for name in unpublished if name not in names_broken))


def _next(name: str) -> str:
    match = _VERSION.match(name)
    return f"{match[1]}{int(match[2]) + 1}" if match else f"{name}.v2"


def _remedy(name: str) -> str:
    if kind_of(name) == "event":
        return (
            "The log holds events of the old shape, and others read it: leave it as it was, or make the"
            f" change in a new version, {_next(name)}, with an upcaster from {name}"
            " (leadflow/log/upcasters.py)."
        )
    return (
        "Others write it: leave it as it was, or make the change in a new version,"
        f" {_next(name)}, and go on accepting {name} beside it."
    )


def _gone(name: str, now: Schemas) -> Broken:
    if kind_of(name) == "request":
        return Broken(name, "data", "is no longer accepted", "Others write it: go on accepting it.")
    if _next(name) in now:
        do = f"Add an upcaster from it to {_next(name)} (leadflow/log/upcasters.py)."
    else:
        do = "The log holds events of it: bring it back; names are for ever."
    return Broken(name, "data", "can no longer be read", do)
