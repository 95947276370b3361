"""Arrows point one way: domain <- intake, log <- engine <- projections <- consumers.

The command line and the other doors reach the rest through `leadflow.bootstrap`. The rules are read
from the source with `ast`, so an import inside a function or under TYPE_CHECKING counts as well.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import packages_distributions, requires
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OWN = ("leadflow", "projections", "consumers")

BOTTOM = ("leadflow.errors", "leadflow.settings", "leadflow.postgres")
BELOW_ENGINE = (*BOTTOM, "leadflow.domain", "leadflow.log")
PARTS = (
    *BELOW_ENGINE,
    "leadflow.intake",
    "leadflow.outcome",
    "leadflow.streams",
    "leadflow.deciding",
    "leadflow.engine",
    "projections",
)
DOMAIN_DATA = tuple(
    f"leadflow.domain.{name}" for name in ("values", "events", "requests", "policy", "members", "routing")
)
DOOR = ("leadflow.bootstrap", "leadflow.errors", "leadflow.settings", *DOMAIN_DATA)

ALLOWED: dict[str, tuple[str, ...]] = {
    "leadflow.domain": (),
    "leadflow.errors": (),
    "leadflow.network": (),
    "leadflow.wording": ("leadflow.domain",),
    "leadflow.settings": ("leadflow.errors", "leadflow.domain.values", "leadflow.right_settings"),
    "leadflow.postgres": ("leadflow.errors", "leadflow.settings"),
    "leadflow.intake": ("leadflow.domain", "leadflow.errors", "leadflow.settings"),
    "leadflow.forms": ("leadflow.errors", "leadflow.intake"),
    "leadflow.identities": (*BOTTOM, "leadflow.domain"),
    "leadflow.log": (*BOTTOM, "leadflow.domain"),
    "leadflow.notifications": (
        *BOTTOM,
        "leadflow.network",
        "leadflow.domain",
        "leadflow.log",
        "leadflow.views",
    ),
    "leadflow.outcome": BELOW_ENGINE,
    "leadflow.streams": BELOW_ENGINE,
    "leadflow.deciding": (*BELOW_ENGINE, "leadflow.outcome", "leadflow.streams"),
    "leadflow.engine": (*BELOW_ENGINE, "leadflow.outcome", "leadflow.streams", "leadflow.deciding"),
    "leadflow.contracts": BELOW_ENGINE,
    "leadflow.rerunning": BELOW_ENGINE,
    "projections": ("leadflow.domain", "leadflow.log", "leadflow.postgres", "leadflow.errors"),
    "leadflow.embedded": ("leadflow.errors", "leadflow.postgres"),
    "leadflow.views": (*BELOW_ENGINE, "projections", "leadflow.wording"),
    "leadflow.incoming": (*PARTS, "leadflow.network", "leadflow.records", "leadflow.views"),
    "consumers": (*PARTS, "leadflow.records", "leadflow.notifications", "leadflow.views"),
    "leadflow.demo": (*PARTS, "leadflow.bootstrap", "leadflow.calendars", "leadflow.policies"),
    "leadflow.cli": (*DOOR, "leadflow.demo", "leadflow.api"),
    "leadflow.api": DOOR,
    "leadflow.console": DOOR,
    "leadflow.__main__": ("leadflow.cli",),
}
"""What a part may import of the project, besides itself."""

DOORS = ("leadflow.cli", "leadflow.api", "leadflow.console", "leadflow.__main__")
KAFKA_PLACES = ("leadflow.log.kafka", "consumers")


@dataclass(frozen=True)
class Import:
    """`module` imports `target` at `line` of `file`."""

    module: str
    target: str
    file: str
    line: int


def within(module: str, places: tuple[str, ...]) -> bool:
    return any(module == place or module.startswith(place + ".") for place in places)


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    parts = parts[1:] if parts[0] == "src" else parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(source: str, module: str, *, file: str, is_package: bool, known: set[str]) -> Iterator[Import]:
    """Every import in the source. `from leadflow import domain` counts as `leadflow.domain`."""
    for node in ast.walk(ast.parse(source, file)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(module, alias.name, file, node.lineno)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = module.split(".")
                above = above[: len(above) - node.level + is_package]
                base = ".".join([*above, base] if base else above)
            for alias in node.names:
                full = f"{base}.{alias.name}"
                yield Import(module, full if full in known else base, file, node.lineno)


def sources() -> list[Path]:
    return sorted(
        p for top in ("src/leadflow", "projections", "consumers") for p in (ROOT / top).rglob("*.py")
    )


def all_imports() -> list[Import]:
    paths = sources()
    known = {module_of(path) for path in paths}
    return [
        found
        for path in paths
        for found in imports_of(
            path.read_text(encoding="utf-8"),
            module_of(path),
            file=str(path.relative_to(ROOT)),
            is_package=path.name == "__init__.py",
            known=known,
        )
    ]


def part_of(module: str) -> str:
    """The part that a module belongs to: `leadflow.engine` or a top-level package."""
    names = module.split(".")
    return ".".join(names[:2]) if names[0] == "leadflow" else names[0]


def problem(found: Import) -> str | None:
    """Why this import points the wrong way, or None."""
    part, target = part_of(found.module), found.target
    top = target.split(".")[0]
    if top not in OWN:
        if part == "leadflow.domain" and top != "pydantic" and top not in sys.stdlib_module_names:
            return "the domain imports the standard library, pydantic and itself, nothing else"
        if top == "kafka" and not within(found.module, KAFKA_PLACES):
            return "the Kafka client is imported in leadflow/log/kafka/ and consumers/ only"
        return None
    if target == "leadflow":
        return None
    if part == "leadflow":
        return "the package itself imports nothing, so that importing one part loads no other"
    if within(target, (part,)):
        return None
    if part == "leadflow.bootstrap":
        return "bootstrap puts the parts together; doors stand on it" if within(target, DOORS) else None
    if part in ALLOWED:
        if within(target, ALLOWED[part]):
            return None
        may = ", ".join(ALLOWED[part]) or "nothing of the project"
        return f"{part} may import {may}"
    if within(target, (*DOORS, "leadflow.bootstrap", "consumers")):
        return f"{part} lies below bootstrap, the doors and the consumers"
    return None


def told(found: Import, why: str) -> str:
    return f"{found.file}:{found.line}: {found.module} imports {found.target}: {why}"


def test_imports_point_one_way() -> None:
    wrong = [told(found, why) for found in all_imports() if (why := problem(found))]
    assert not wrong, "imports against the layout:\n" + "\n".join(wrong)


def test_parts_form_no_circle() -> None:
    arrows: dict[str, set[str]] = {}
    for found in all_imports():
        part, target = part_of(found.module), part_of(found.target)
        if target.split(".")[0] in OWN and target != "leadflow" and part != target:
            arrows.setdefault(part, set()).add(target)
    done: set[str] = set()

    def visit(part: str, path: tuple[str, ...]) -> None:
        assert part not in path, "parts import each other in a circle: " + " -> ".join((*path, part))
        if part not in done:
            for target in sorted(arrows.get(part, ())):
                visit(target, (*path, part))
            done.add(part)

    for part in sorted(arrows):
        visit(part, ())


def test_every_imported_package_is_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {name for line in project["dependencies"] for name in promised(line)}
    providers = packages_distributions()
    missing = []
    for found in all_imports():
        top = found.target.split(".")[0]
        if top in OWN or top in sys.stdlib_module_names or not top:
            continue
        if not declared & {canonical(name) for name in providers.get(top, [top])}:
            missing.append(told(found, "pyproject.toml does not declare the package"))
    assert not missing, "\n".join(missing)


def promised(requirement: str) -> Iterator[str]:
    """The packages that a requirement names: itself, and what its extras bring (`psycopg[pool]`)."""
    name, extras = re.match(r"([\w.-]+)(?:\[([^\]]*)\])?", requirement).groups("")  # type: ignore[union-attr]
    yield canonical(name)
    for extra in filter(None, extras.split(",")):
        for line in requires(name) or []:
            if re.search(rf"extra == ['\"]{re.escape(extra.strip())}['\"]", line):
                yield canonical(re.split(r"[\[<>=!~; (]", line)[0])


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize(
    ("module", "source", "wrong"),
    [
        ("leadflow.domain.pool", "import json, pydantic\nfrom leadflow.domain import values", False),
        ("leadflow.domain.pool", "import psycopg", True),
        ("leadflow.domain.pool", "from leadflow.errors import LeadflowError", True),
        ("leadflow.domain.pool", "from ..log import envelope", True),
        ("leadflow.domain.pool", "from .values import Touch", False),
        ("leadflow.log.recorder", "from leadflow.domain import events", False),
        ("leadflow.log.recorder", "from leadflow import engine", True),
        ("leadflow.log.recorder", "def late():\n    import leadflow.engine", True),
        ("leadflow.log.recorder", "import kafka", True),
        ("leadflow.log.kafka", "from kafka import KafkaProducer", False),
        ("leadflow.log.kafka.client", "from kafka import KafkaProducer", False),
        ("consumers.decider", "import kafka\nfrom projections import base", False),
        ("leadflow.engine", "from projections import pools", True),
        ("projections.pools", "from leadflow.engine import Engine", True),
        ("leadflow.cli.claim", "from leadflow.bootstrap import open_home", False),
        ("leadflow.cli.claim", "from leadflow.domain.values import Money", False),
        ("leadflow.cli.claim", "from leadflow.engine import Engine", True),
        ("leadflow.bootstrap", "from leadflow.engine import Engine\nimport projections.pools", False),
        ("leadflow.bootstrap", "from leadflow.cli import main", True),
        ("leadflow", "from leadflow.engine import Engine", True),
        ("leadflow.operations.backup", "from leadflow.bootstrap import open_home", True),
    ],
)
def test_the_rules_themselves(module: str, source: str, wrong: bool) -> None:
    known = {"leadflow.engine", "leadflow.log.envelope", "leadflow.domain.values", "leadflow.domain.events"}
    found = imports_of(source, module, file="sample.py", is_package=False, known=known)
    assert ([one for one in found if problem(one)] != []) is wrong
