"""Whoever reads the output may stop reading: that is no refusal and no fault."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("command", ["config show", "contracts show asyncapi", "policy show --default"])
def test_a_command_whose_reader_has_seen_enough_is_done(command: str, tmp_path: Path) -> None:
    reads, writes = os.pipe()
    os.close(reads)
    place = os.pathsep.join(filter(None, (str(ROOT / "src"), str(ROOT), os.environ.get("PYTHONPATH"))))
    try:
        done = subprocess.run(
            [sys.executable, "-m", "leadflow.cli", *command.split(), "--home", str(tmp_path)],
            stdout=writes,
            stderr=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": place},
            encoding="utf-8",
            timeout=300,
            check=False,
        )
    finally:
        os.close(writes)
    assert (done.returncode, done.stderr) == (0, "")
