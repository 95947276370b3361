"""The page on connecting channels shows what is read: each kind's own example, and every kind."""

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
SECRETS = ("google_key", "sign")


@pytest.fixture(scope="module")
def shown() -> list[object]:
    """Every JSON document of the page."""
    return [
        json.loads(block) for block in re.findall(r"```json\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_shows_the_example_that_is_tested(kind: str, shown: list[object]) -> None:
    inlet = Inlet("gate", kind, KINDS[kind].channel, options=KINDS[kind].options())
    example = json.loads(KINDS[kind].example(inlet, datetime(2026, 10, 1, tzinfo=UTC)).body)
    assert {name: value for name, value in example.items() if name not in SECRETS} in shown
    assert f"`{kind}`" in PAGE.read_text("utf-8")


def test_the_page_shows_the_fields_that_meta_gives(shown: list[object]) -> None:
    assert meta.EXAMPLE_FIELDS in shown
