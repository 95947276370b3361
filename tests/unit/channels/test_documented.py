"""The page on connecting channels shows what is read: each kind's own example."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from leadflow.intake.channels import meta
from leadflow.intake.channels.base import Inlet
from leadflow.intake.channels.kinds import KINDS

PAGE = Path(__file__).resolve().parents[3] / "docs" / "how-to" / "connect-channels.md"
TEXT = PAGE.read_text("utf-8")
HEADINGS = re.findall(r"^## .*$", TEXT, re.MULTILINE)
DESCRIBED = [kind for line in HEADINGS for kind in re.findall(r"`(\w+)`", line)]
"""The kinds that have a section on this page."""
SHOWN = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)]
SECRETS = ("google_key", "sign")


@pytest.mark.parametrize("kind", DESCRIBED)
def test_the_page_shows_the_example_that_is_tested(kind: str) -> None:
    inlet = Inlet("gate", kind, KINDS[kind].channel, options=KINDS[kind].options())
    example = json.loads(KINDS[kind].example(inlet, datetime(2026, 10, 1, tzinfo=UTC)).body)
    assert {name: value for name, value in example.items() if name not in SECRETS} in SHOWN


def test_the_page_shows_the_fields_that_meta_gives() -> None:
    assert meta.EXAMPLE_FIELDS in SHOWN
