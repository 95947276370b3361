"""A list with nothing in it says what to do next."""

from __future__ import annotations

import pytest

from tests.office import Desk, desk, office_template

__all__ = ["desk", "office_template"]


def test_every_empty_list_says_what_to_do_next(desk: Desk) -> None:
    for command, next_step in {
        "notify list": "leadflow notify subscribe --webhook URL",
        "notify parked": "leadflow notify list",
        "inlet list": "leadflow inlet add KIND ID",
        "user list": "leadflow user add NAME",
        "token list": "leadflow token create",
        "dead-letters list": "leadflow dead-letters list --status all",
        "leads": "leadflow import FILE",
        "leads --status public": "leave out one of the options",
        "leads --mine --as rep/wang": "leadflow next",
        "report origins": "--from DAY",
        "report channels --from 2020-01-01 --to 2020-01-02": "--from DAY",
    }.items():
        assert next_step in desk(*command.split()), command


def test_without_a_pool_the_list_of_pools_says_how_to_open_one(
    empty_database: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from leadflow.cli import leadflow
    from leadflow.cli.common import run

    monkeypatch.setenv("LEADFLOW_DATABASE_URL", empty_database)
    assert run(leadflow, ["pool", "list"]) == 0
    assert "leadflow pool open ID" in capfd.readouterr().out
