"""docker/compose.yaml and docker/Dockerfile as tests read them: what would run, how its health is told."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple

from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[1]
COMPOSE = ROOT / "docker/compose.yaml"
DOCKERFILE = ROOT / "docker/Dockerfile"
PASSWORD = "LEADFLOW_POSTGRES_PASSWORD"


class Service(NamedTuple):
    """A service as compose would run it."""

    name: str
    given: dict[str, Any]
    environment: dict[str, str]
    command: list[str]
    health: list[str] | None
    """The command that asks; None if nothing does."""


def services() -> dict[str, Service]:
    """Every service by its name, with anchors and variables filled in."""
    document = YAML(typ="safe").load(_filled(COMPOSE.read_text(encoding="utf-8")))
    found = {}
    for name, given in document["services"].items():
        check = given.get("healthcheck", {})
        test = None if check.get("disable") or not check else check["test"]
        assert test is None or test[0] == "CMD", f"{name}: only commands without a shell are tried here"
        environment = {key: str(value) for key, value in given.get("environment", {}).items()}
        found[name] = Service(name, given, environment, given.get("command", []), test and test[1:])
    return found


def _filled(text: str) -> str:
    """Variables as compose fills them in: their defaults, and a password where one is asked for."""

    def value(found: re.Match[str]) -> str:
        name, default = found[1], found[2] or ""
        return default[2:] if default.startswith(":-") else "secret" if name == PASSWORD else ""

    return re.sub(r"\$\{(\w+)(:[-?][^}]*)?\}", value, text)


def image_environment() -> dict[str, str]:
    """What the image sets, of LeadFlow's own."""
    text = DOCKERFILE.read_text(encoding="utf-8").replace("\\\n", " ")
    last = text[text.rindex("\nFROM ") :]
    return dict(re.findall(r"(LEADFLOW_\w+)=(\S+)", last))


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile, instruction by instruction."""
    text = re.sub(r"^#.*\n", "", DOCKERFILE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    lines = text.replace("\\\n", " ").splitlines()
    return [(line.split(None, 1)[0], line.split(None, 1)[1]) for line in lines if line.strip()]
