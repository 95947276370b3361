"""From a TOML document to a policy or a routing table, with every problem at once."""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Iterable
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from leadflow.domain.policy import Policy
from leadflow.domain.routing import RoutingTable
from leadflow.domain.values import Model
from leadflow.errors import NotFound, UsageError
from leadflow.policies.checks import check_policy, check_routing
from leadflow.policies.membership import Team, check_members
from leadflow.policies.problems import InvalidDocument, Loc, Problem, clean, from_pydantic

SIZE_MAX = 1_000_000
"""Bytes of a document; a policy is a page or two."""
_ROUNDS_MAX = 5
_MENDED = {"follow_up": ("outcomes", "counts")}
"""Tables that are checked whole, and the settings that such a check is about."""
_M = TypeVar("_M", bound=Model)


def load(source: str | Path) -> Policy:
    """The policy of a TOML text, or of the file at a `Path`.

    Raises InvalidDocument with every error (and warning) by its path; NotFound or UsageError for a
    file that is not there or cannot be read as text. `read` gives warnings without raising.
    """
    policy, problems = read(source)
    if policy is None:
        raise InvalidDocument("policy", problems, where=_where(source))
    return policy


def read(source: str | Path, team: Team | None = None) -> tuple[Policy | None, tuple[Problem, ...]]:
    """The policy, or None where there are errors, with all errors and warnings in it: against the members of
    a pool, too, where its team is given."""
    document, problems = _parse(source)
    return (None, problems) if document is None else read_document(document, team)


def read_document(
    document: dict[str, Any], team: Team | None = None
) -> tuple[Policy | None, tuple[Problem, ...]]:
    """As `read`, of a policy that is a document already: what its TOML says, amounts as decimals."""
    policy, partial, found = _validate(Policy, document)
    if partial is not None:
        faulty = {problem.path for problem in found}
        found += _further(found, check_policy(partial, whole=policy is not None, faulty=faulty))
        if team is not None:
            found += _further(found, check_members(partial, *team))
    return _judge(policy, found)


def load_routing(source: str | Path, pools: Iterable[str] | None = None) -> RoutingTable:
    """The routing table of a TOML text, or of the file at a `Path`; `pools` are those that exist.

    Raises InvalidDocument with every problem by its path, as `load` does.
    """
    table, problems = read_routing(source, pools)
    if table is None:
        raise InvalidDocument("routing table", problems, where=_where(source))
    return table


def read_routing(
    source: str | Path, pools: Iterable[str] | None = None
) -> tuple[RoutingTable | None, tuple[Problem, ...]]:
    """The routing table, or None where there are errors, with all errors and warnings in it."""
    document, problems = _parse(source)
    if document is None:
        return None, problems
    table, partial, found = _validate(RoutingTable, document)
    if partial is not None:
        known = None if pools is None else set(pools)
        found += _further(found, check_routing(partial, known, whole=table is not None))
    return _judge(table, found)


def default_text() -> str:
    """The default policy as it is shipped, with its comments."""
    return files("leadflow").joinpath("default_policy.toml").read_text(encoding="utf-8")


def default_policy() -> Policy:
    """The policy that a pool gets when none is named."""
    return load(default_text())


def _further(found: list[Problem], more: list[Problem]) -> list[Problem]:
    """Problems of places that have none yet: a part that was mended is not judged twice."""
    known = {problem.path for problem in found}
    return [problem for problem in more if problem.path not in known]


def _judge(document: _M | None, found: list[Problem]) -> tuple[_M | None, tuple[Problem, ...]]:
    errors = [problem for problem in found if problem.severity == "error"]
    warnings = [problem for problem in found if problem.severity == "warning"]
    return (None if errors else document), (*errors, *warnings)


def _where(source: str | Path) -> str | None:
    return str(source) if isinstance(source, Path) else None


def _parse(source: str | Path) -> tuple[dict[str, Any] | None, tuple[Problem, ...]]:
    text = source if isinstance(source, str) else _read_file(source)
    try:
        # Amounts stay decimal: a float would lose the digits that were written.
        return tomllib.loads(text.removeprefix("\ufeff").replace("\r\n", "\n"), parse_float=Decimal), ()
    except tomllib.TOMLDecodeError as error:
        return None, (Problem("", f"this is not TOML: {error}"),)


def _read_file(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(SIZE_MAX + 1)
    except FileNotFoundError as error:
        raise NotFound("there is no such file", where=str(path)) from error
    except OSError as error:
        raise UsageError(f"the file cannot be read: {error.strerror}", where=str(path)) from error
    if len(data) > SIZE_MAX:
        raise UsageError(f"the file is larger than {SIZE_MAX} bytes", where=str(path))
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(
            f"the file is not UTF-8 at byte {error.start}",
            where=str(path),
            do="save it as UTF-8, which TOML asks for",
        ) from error


def _validate(model: type[_M], document: dict[str, Any]) -> tuple[_M | None, _M | None, list[Problem]]:
    """The document as a model if it is one; else what is left of it without its faulty parts.

    The rest is only there to be checked further, so that all problems are told at once.
    """
    try:
        whole = model.model_validate(document)
        return whole, whole, []
    except ValidationError as error:
        first = error
    rest = copy.deepcopy(document)
    current, found = first, from_pydantic(first, model)
    for _ in range(_ROUNDS_MAX):
        for line in current.errors(include_url=False):
            _mend(rest, line["type"], clean(line["loc"]))
        try:
            return None, model.model_validate(rest), found
        except ValidationError as error:
            current = error
            found += [one for one in from_pydantic(error, model) if _hidden(one, found)]
    return None, None, found


def _hidden(problem: Problem, found: list[Problem]) -> bool:
    """Whether a check of a whole table found it that other faults of the table had kept from being made."""
    about = _MENDED.get(problem.path, ())
    faulty = {one.path.partition("[")[0] for one in found}
    return bool(about) and faulty.isdisjoint({problem.path, *(f"{problem.path}.{name}" for name in about)})


def _mend(document: dict[str, Any], kind: str, loc: Loc) -> None:
    """Take a faulty part out; put something harmless where a part is needed."""
    holder: Any = document
    keyed: tuple[dict[str, Any], str] | None = None
    for part in loc:
        if isinstance(part, str) and isinstance(holder, dict):
            keyed = (holder, part)
            if part not in holder:
                break
            holder = holder[part]
        elif isinstance(part, int) and isinstance(holder, list) and part < len(holder):
            holder = holder[part]
        else:
            break
    if keyed is None:
        return
    table, key = keyed
    if kind == "value_error" and key in _MENDED and isinstance(table.get(key), dict):
        # What a check of the whole table refuses is in these settings; the others are judged further.
        for name in _MENDED[key]:
            table[key].pop(name, None)
        return
    faulty = table.pop(key, None)
    if key == "target" and isinstance(faulty, dict) and "rotation" in faulty:
        # That it names a group is not taken back, so the group is looked for, and nobody misses it.
        table[key] = {"rotation": faulty["rotation"]}
    if kind == "missing":
        number = next((part for part in loc if isinstance(part, int)), 0)
        harmless = {"name": f"unnamed-{number}", "points": 0, "when": {}, "reps": "all"}
        table[key] = {"hold": True} if key == "target" else harmless.get(key, "unnamed")
