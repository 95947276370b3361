"""What tests with real processes share."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory for data directories.

    Not pytest's own: where tests run as root, Postgres runs as another user, and every new run of pytest
    closes the directories of all others to it.
    """
    directory = Path(tempfile.mkdtemp(prefix="leadflow-"))
    yield directory
    shutil.rmtree(directory, ignore_errors=True)
