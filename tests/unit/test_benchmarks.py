"""Every benchmark can be run as `make bench` runs it; what it measures is not asserted anywhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BENCHMARKS = sorted((ROOT / "tests/benchmarks").glob("bench_*.py"))


def test_each_benchmark_finds_what_it_imports() -> None:
    found = re.search(r'PYTHONPATH=(\S+) \$\(BIN\)/python "\$\$file"', (ROOT / "Makefile").read_text())
    assert found is not None
    assert BENCHMARKS
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([*found[1].split(":"), "src"])}
    # Under another name than `__main__` nothing is measured.
    script = "import runpy, sys\nfor file in sys.argv[1:]: runpy.run_path(file)"
    command = [sys.executable, "-c", script, *map(str, BENCHMARKS)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
