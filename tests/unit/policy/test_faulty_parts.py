"""What is said of a part because of another one that is wrong itself."""

from __future__ import annotations

from datetime import date

import pytest

from leadflow.calendars import build_calendar
from leadflow.policies import explain, load, read


def paths(text: str) -> list[str]:
    return [problem.path for problem in read(text)[1] if problem.severity == "error"]


@pytest.mark.parametrize("setting", ["first_contact_within", "hold_at_most"])
def test_a_deadline_that_is_written_wrongly_is_not_called_missing(setting: str) -> None:
    assert paths(f'[follow_up]\n{setting} = "3 days"\nwarn_before = ["1d"]\n') == [f"follow_up.{setting}"]


def test_what_needs_a_deadline_is_named_beside_every_other_fault() -> None:
    text = '[follow_up]\nkeep_for = "7d"\nwarn_before = ["1d"]\nprotected_per_rep = -1\n'
    assert set(paths(text)) == {
        "follow_up.protected_per_rep",
        "follow_up.keep_for",
        "follow_up.warn_before",
    }


def test_one_outcome_that_does_not_count_is_spoken_of_as_one() -> None:
    text = '[follow_up]\nhold_at_most = "14d"\noutcomes = ["reached", "no_answer"]\ncounts = ["reached"]\n'
    policy = load(text)
    said = " ".join(explain(policy, build_calendar(policy, date(2026, 3, 1))))
    assert "no_answer is recorded but moves no deadline" in said
    assert "No contact keeps it longer." in said
