"""What is said where the terminal does not have every sign."""

from __future__ import annotations

import io
import json
import sys

import pytest

from tests.office import Desk, desk, office_template

__all__ = ["desk", "office_template"]


def test_the_document_of_a_refusal_is_json_whatever_signs_the_terminal_has(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, "ascii", errors="backslashreplace"))
    desk("member", "pause", "李😀", "--json", code=1)
    sys.stdout.flush()
    assert json.loads(written.getvalue())["refused"]["detail"] == "李😀"
