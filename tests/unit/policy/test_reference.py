"""The policy reference and the default policy name every setting."""

from __future__ import annotations

import re
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from leadflow.domain.policy import Calendar, Policy
from leadflow.domain.routing import RoutingTable
from leadflow.policies import default_text, load_routing, read

DOCS = Path(__file__).parents[3] / "docs"
REFERENCE = (DOCS / "reference" / "policy.md").read_text(encoding="utf-8")
HOW_TO = (DOCS / "how-to" / "write-a-policy.md").read_text(encoding="utf-8")


def settings(model: Any, path: str = "") -> list[tuple[str, str, Any]]:
    """Every setting as it is written in the reference, with its name and its default."""
    found = []
    for name, field in model.model_fields.items():
        name = field.alias or name
        place = f"{path}.{name}" if path else name
        inner = models(field.annotation)
        if name == "when" and path.startswith("scoring"):
            found.append((place, name, None))  # The same conditions as those of the rules.
        elif inner:
            text = str(field.annotation)
            place = "when" if name == "when" else place
            mark = ".NAME" if text.startswith("dict") else "[]" if text.startswith("tuple") else ""
            found += (
                [(place, name, None)] if inner[0].__name__ == "Range" else settings(inner[0], place + mark)
            )
        else:
            found.append((place, name, field.default))
    return found


def models(annotation: Any) -> list[Any]:
    if hasattr(annotation, "model_fields"):
        return [annotation]
    return [model for part in getattr(annotation, "__args__", ()) for model in models(part)]


PLACES = settings(Policy) + settings(RoutingTable)


@pytest.mark.parametrize("place", [place for place, _, _ in PLACES])
def test_every_setting_stands_in_the_reference(place: str) -> None:
    assert f"`{place}`" in REFERENCE or f"`{place}.NAME`" in REFERENCE


@pytest.mark.parametrize("name", list(Calendar.model_fields))
def test_what_publishing_writes_out_stands_in_the_reference(name: str) -> None:
    assert f"`{name}`" in REFERENCE


@pytest.mark.parametrize("name", sorted({name for _, name, _ in settings(Policy)}))
def test_every_setting_stands_in_the_default_policy(name: str) -> None:
    assert re.search(rf"\b{name}\b", default_text())


@pytest.mark.parametrize(
    ("place", "default"),
    [(place, default) for place, _, default in settings(Policy) if isinstance(default, (str, int, tuple))],
)
def test_defaults_in_the_reference_are_true(place: str, default: Any) -> None:
    row = next(line for line in REFERENCE.splitlines() if line.startswith(f"| `{place}` |"))
    shown = str(default).lower() if isinstance(default, bool) else str(default)
    if isinstance(default, str):
        shown = f'"{default}"'
    if isinstance(default, tuple):
        shown = "[" + ", ".join(f'"{item}"' for item in default) + "]"
    assert row.rstrip(" |").endswith(f"`{shown}`"), row


def test_the_examples_load() -> None:
    channels = '[channels]\nweb_form = { label = "x" }\n'
    groups = '[groups.field]\nreps = "all"\n'
    blocks = re.findall(r"```toml\n(.*?)```", REFERENCE, re.DOTALL)
    assert len(blocks) == 6
    for block in blocks[:-1]:
        keys = tomllib.loads(block, parse_float=Decimal)
        policy, problems = read(block + ("" if "groups" in keys or "rules" not in keys else groups))
        assert policy is not None, problems
    load_routing(blocks[-1])
    how_to = re.findall(r"```toml\n(.*?)```", HOW_TO, re.DOTALL)
    policy, problems = read(channels + "\n".join(re.sub("^   ", "", b, flags=re.MULTILINE) for b in how_to))
    assert policy is not None, problems
    assert problems == ()
