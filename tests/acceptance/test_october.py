"""The October files through the real command: exactly the known numbers, and nothing the second time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from leadflow.domain.events import LeadCaptured
from tests.office import Desk, desk, office_template

__all__ = ["desk", "office_template"]

ROOT = Path(__file__).resolve().parents[2]
OCTOBER = ROOT / "tests" / "data" / "october"
TRUTH = json.loads((OCTOBER / "truth.json").read_text("utf-8"))
CHANNELS = {
    "website_forms.jsonl": "web_form",
    "baidu_leads.jsonl": "baidu_ads",
    "douyin_leads.jsonl": "douyin_ads",
    "trade_show_cards.xlsx": "trade_show",
    "purchased_list.csv": "purchased_list",
    "survey.csv": "survey",
}
NAMES = ("rows", "unreadable", "created", "merged")
KILLED = """
import os, signal
from leadflow.cli import main
from leadflow.log.embedded import EmbeddedLog
append, left = EmbeddedLog.append, [3]
def then_die(*given):
    done = append(*given)
    left[0] -= 1
    if not left[0]:
        os.kill(os.getpid(), signal.SIGKILL)
    return done
EmbeddedLog.append = then_die
main()
"""
"""A command that is killed when it has written its third batch, before it hears of that."""


@pytest.fixture
def month(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A pool with the default policy."""
    monkeypatch.setenv("LEADFLOW_POOL", "month")
    desk("pool", "open", "month")
    for rep in ("wang", "li", "zhao"):
        desk("member", "add", rep, "--role", "rep")
    return desk


def test_the_month_gives_exactly_its_numbers_and_nothing_twice(month: Desk) -> None:
    for name, expected in TRUTH["files"].items():
        arguments = ("import", str(OCTOBER / name), "--channel", CHANNELS[name])
        planned = month.json(*arguments, "--dry-run")
        assert {key: planned[key] for key in NAMES} == expected
        report = month.json(*arguments)
        assert {key: report[key] for key in NAMES} == expected
        assert report["duplicate"] == 0
    everything = ("--status", "public", "--status", "private", "--status", "queue", "--limit", "1")
    assert month.json("leads", *everything)["total"] == TRUTH["distinct_leads"]
    end = month.office.app.log.end()
    for name, expected in TRUTH["files"].items():
        report = month.json("import", str(OCTOBER / name), "--channel", CHANNELS[name])
        assert (report["created"], report["merged"]) == (0, 0)
        assert report["duplicate"] == expected["created"] + expected["merged"]
        assert report["unreadable"] == expected["unreadable"]
    assert month.office.app.log.end() == end
    letters = month.json("dead-letters", "list", "--limit", "1000")
    assert len(letters) == sum(file["unreadable"] for file in TRUTH["files"].values())
    assert {letter["times"] for letter in letters} == {2}


def captured(month: Desk) -> int:
    return sum(1 for _ in month.office.app.log.read_all(topics=[LeadCaptured.TYPE]))


def test_an_import_that_was_killed_is_completed_by_the_next_without_a_duplicate(month: Desk) -> None:
    arguments = ("import", str(OCTOBER / "purchased_list.csv"), "--channel", "purchased_list")
    planned: Any = month.json(*arguments, "--dry-run")
    child = subprocess.run(
        [sys.executable, "-c", KILLED, *arguments],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert child.returncode == -signal.SIGKILL, child.stderr
    done = captured(month)
    assert 0 < done < planned["created"], "the import was over before it was killed"
    report = month.json(*arguments)
    assert report["created"] == planned["created"] - done
    assert report["created"] + report["merged"] + report["duplicate"] + report["unreadable"] == 5000
    assert captured(month) == planned["created"]
    assert month.json(*arguments)["duplicate"] == planned["created"] + planned["merged"]
