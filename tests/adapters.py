"""The examples of a page for authors of adapters, run as they stand there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from kafka_jars import install_on_debian
from tests.processes import ROOT

RUN_S = 300


def ensure(program: str) -> None:
    """See to a program that a page shows; on Debian as root it is installed where it is missing."""
    if shutil.which(program) is None:
        install_on_debian(program)
    assert shutil.which(program), f"{program} is missing. Debian, Ubuntu: apt-get install -y {program}"


class Page:
    """A page of docs/, by its path there, and its fenced blocks."""

    def __init__(self, path: str) -> None:
        self.text = (ROOT / "docs" / path).read_text(encoding="utf-8")
        self._blocks: list[tuple[str, str]] = re.findall(
            r"^```(\w+)\n(.*?)^```$", self.text, re.MULTILINE | re.DOTALL
        )

    def blocks(self, kind: str) -> list[str]:
        """The blocks of a language, in the order of the page."""
        return [text for found, text in self._blocks if found == kind]


class Adapter:
    """Runs examples in a directory of its own, with these variables; names in them may stand for others."""

    def __init__(
        self, directory: Path, variables: Mapping[str, str], names: Mapping[str, str] | None = None
    ) -> None:
        self._directory = directory
        self._environment = {**os.environ, **variables}
        self._names = names or {}

    def file(self, name: str, text: str) -> None:
        """What the reader saves under that name."""
        (self._directory / name).write_text(text, encoding="utf-8")

    def shell(self, text: str) -> str:
        """Gives what it printed."""
        return self._run(["bash", "-euo", "pipefail", "-c", self._of_this_test(text)])

    def python(self, text: str) -> str:
        """The same for a program."""
        return self._run([sys.executable, "-c", self._of_this_test(text)])

    def _of_this_test(self, text: str) -> str:
        for name, other in self._names.items():
            text = text.replace(name, other)
        return text

    def _run(self, command: list[str]) -> str:
        done = subprocess.run(
            command,
            cwd=self._directory,
            env=self._environment,
            capture_output=True,
            timeout=RUN_S,
            check=False,
        )
        assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()
        return done.stdout.decode()
