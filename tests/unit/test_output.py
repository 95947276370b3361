"""What commands do where their output cannot be written as it is."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
WORDS = "schema = 1\n[channels]\nseo = { label = '自然搜索😀' }\n"


def no_room() -> None:
    """No file of this process may have a byte."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def leadflow(
    *arguments: str,
    stdout: int | IO[Any] = subprocess.PIPE,
    before: Callable[[], None] | None = None,
    **environment: str,
) -> subprocess.CompletedProcess[str]:
    place = os.pathsep.join(filter(None, (str(ROOT / "src"), str(ROOT), os.environ.get("PYTHONPATH"))))
    return subprocess.run(
        [sys.executable, "-m", "leadflow.cli", *arguments],
        stdout=stdout,
        stderr=subprocess.PIPE,
        preexec_fn=before,
        env=os.environ | {"PYTHONPATH": place} | environment,
        encoding="utf-8",
        timeout=300,
        check=False,
    )


@pytest.fixture
def policy(tmp_path: Path) -> str:
    path = tmp_path / "policy.toml"
    path.write_text(WORDS, "utf-8")
    return str(path)


def test_signs_that_the_terminal_does_not_have_are_written_out(policy: str) -> None:
    done = leadflow("policy", "explain", policy, PYTHONIOENCODING="ascii")
    assert (done.returncode, "bug" in done.stderr) == (0, False)
    assert "\\u81ea\\u7136" in done.stdout


def test_json_is_the_same_whatever_the_terminal_has(policy: str) -> None:
    (plain, whole) = (
        leadflow("policy", "explain", policy, "--json", PYTHONIOENCODING=encoding)
        for encoding in ("ascii", "utf-8")
    )
    assert "😀" in whole.stdout
    assert json.loads(plain.stdout) == json.loads(whole.stdout)


def test_a_full_disk_is_no_bug_of_leadflow(policy: str, tmp_path: Path) -> None:
    with (tmp_path / "out").open("w") as full:
        done = leadflow("policy", "explain", policy, stdout=full, before=no_room)
    assert done.returncode == 3
    assert done.stderr.splitlines()[-1] == "Error: the system refuses: File too large"
