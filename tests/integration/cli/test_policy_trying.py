"""`policy try`: what would have happened under another policy, from the log alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.sales_week import POLICY, Shell, leads, shell

__all__ = ["leads", "shell"]

GONE = "DELETE FROM log.events WHERE originator_id = 'east' AND originator_version = 7"


@pytest.fixture
def rotating(tmp_path: Path) -> str:
    """The week's policy, but with a rotation for all leads."""
    file = tmp_path / "rotating.toml"
    file.write_text(
        POLICY.replace('name = "small"', 'name = "rotating"').replace(
            "target = { hold = true }", 'target = { rotation = "senior" }'
        ),
        encoding="utf-8",
    )
    return str(file)


def tried(shell: Shell, *arguments: str) -> Any:
    return json.loads(shell("policy", "try", *arguments, "--json"))


def figures(found: Any) -> dict[str, tuple[Any, Any]]:
    return {one["name"]: (one["was"], one["would"]) for one in found["figures"]}


def test_without_a_file_every_decision_of_the_log_is_made_again(shell: Shell) -> None:
    found = tried(shell)
    assert found["differs_at"] is None
    refused = found["refused_anyway"] + sum(found["not_asked"].values())
    events = json.loads(shell("log", "verify", "--json"))["pools"]
    whole = next(one["events"] for one in events if one["pool"] == "east")
    assert found["facts_were"] == found["facts_would"] == whole - refused > 10
    assert all(was == would for was, would in figures(found).values())
    assert "facts are decided as they stand in the log" in shell("policy", "try")


def test_another_policy_shows_what_would_have_been_and_changes_nothing(shell: Shell, rotating: str) -> None:
    before = shell("log", "verify", "--json")
    found = tried(shell, rotating)
    was, would = figures(found)["assigned by rotation"]
    assert would > was
    assert found["differs_at"] is not None
    assert found["moved"]
    text = shell("policy", "try", rotating, "--leads", "1")
    assert "as it was and under “rotating”" in text
    assert "would have gone to somebody else first" in text
    assert shell("log", "verify", "--json") == before


def test_a_time_is_chosen_in_the_pools_own_days(shell: Shell, rotating: str) -> None:
    found = tried(shell, rotating, "--from", "2026-10-13", "--to", "2026-10-14")
    assert found["from_time"] == "2026-10-12T16:00:00.000000Z"
    assert found["to_time"] == "2026-10-14T15:59:59.999999Z"
    assert "there is no time from" in shell("policy", "try", rotating, "--from", "2027-01-01", code=2)


def test_analysts_may_try_policies_and_reps_may_not(shell: Shell, rotating: str) -> None:
    assert shell("--as", "analyst/ann", "policy", "try", rotating)
    assert "a manager or an analyst" in shell("--as", "rep/wang", "policy", "try", rotating, code=1).lower()


def test_a_file_that_is_no_policy_is_told_as_everywhere(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text('schema = 1\nname = "x"\n[claiming]\nheld_at_once = -1\n', encoding="utf-8")
    assert "claiming.held_at_once" in shell("policy", "try", str(file), code=2)


def test_a_log_with_a_gap_is_not_decided_anew(shell: Shell, database: str) -> None:
    shell("policy", "try")
    with psycopg.connect(database) as connection:
        deleted = connection.execute(GONE).rowcount
    assert deleted == 1
    told = shell("policy", "try", code=2)
    assert "east/8" in told
    assert "leadflow log verify" in told
