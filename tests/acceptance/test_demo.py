"""`leadflow demo`, run as a newcomer runs it: what it promises to show, and that a seed decides it all."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

ROOT = Path(__file__).resolve().parents[2]
START = "import sys; sys.argv[0] = 'leadflow'; from leadflow.cli import main; sys.exit(main())"
SECONDS_MAX = 600


class Runner:
    """Real commands in a scratch directory, which is also where temporary files go."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        clean = {name: v for name, v in os.environ.items() if not name.startswith(("LEADFLOW_", "PG"))}
        self.environment = clean | {
            "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}",
            "HOME": str(directory),
            "TMPDIR": str(directory),
            "LC_ALL": "C.UTF-8",
            "NO_COLOR": "1",
        }

    def __call__(self, *arguments: str, code: int = 0, home: Path | None = None) -> str:
        """What a command prints to stdout; both streams where it is to fail."""
        done = subprocess.run(
            [sys.executable, "-c", START, *arguments],
            cwd=self.directory,
            env=self.environment | ({"LEADFLOW_HOME": str(home)} if home else {}),
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=SECONDS_MAX,
            check=False,
        )
        assert done.returncode == code, f"exit code {done.returncode}:\n{done.stdout}\n{done.stderr}"
        return done.stdout if code == 0 else done.stdout + done.stderr

    def left_over(self) -> list[str]:
        """Data directories that a demo left behind."""
        return [path.name for path in self.directory.iterdir() if path.name.startswith("leadflow-demo-")]


@pytest.fixture
def leadflow() -> Iterator[Runner]:
    # Not in pytest's own directory: every other run of pytest closes that to the user that Postgres
    # runs as where the tests run as root.
    with tempfile.TemporaryDirectory(prefix="leadflow-test-") as directory:
        yield Runner(Path(directory))


SCREENS = (
    "1/5  The pool now",
    "2/5  One lead that several wanted",
    "3/5  What every channel cost and brought",
    "4/5  Was it fair?",
    "5/5  Can it be proved?",
    "What to run next",
)


def test_the_screens_hold_what_they_promise(leadflow: Runner) -> None:
    text = leadflow("demo")
    places = [text.index(title) for title in SCREENS]
    assert places == sorted(places)
    pool, dispute, channels, fairness, proof, following = (
        text[start:end] for start, end in zip(places, [*places[1:], len(text)], strict=True)
    )
    assert re.search(r"public [1-9]\d* .* private [1-9]\d* .* converted [1-9]\d*", pool)
    assert re.search(r"1\d\d\*\*\*\*\d{4}", pool), "contact points are masked"
    first = re.search(r"Who claimed it first\? (\w+), by fact (east/\d+)", dispute)
    assert first
    assert re.search(r"s later and was told: \w+ has the lead already, by fact east/\d+", squeezed(dispute))
    assert len(re.findall(r"^\d\. ", dispute, re.MULTILINE)) >= 2, "it had several owners"
    for channel in ("baidu_ads/crm-search", "douyin_ads", "trade_show", "purchased_list", "email", "social"):
        assert channel in channels
    assert "█" in channels
    assert "spend that brought no lead" in channels
    assert "nobody is off its share by a whole lead" in fairness
    assert "must not be" not in fairness
    assert re.search(r"^ok +east +\d+ +[0-9a-f]{64}", proof, re.MULTILINE)
    assert "leadflow demo --keep" in following
    assert max(map(cell_len, text.splitlines())) <= 100
    assert leadflow.left_over() == []


def test_the_same_seed_gives_the_same_last_hash(leadflow: Runner) -> None:
    one, again, other = (json.loads(leadflow("demo", "--seed", seed, "--json")) for seed in ("7", "7", "8"))
    assert one == again
    assert re.fullmatch("[0-9a-f]{64}", one["last_hash"])
    assert other["last_hash"] != one["last_hash"]


def test_the_month_holds_what_a_team_meets(leadflow: Runner) -> None:
    home = leadflow.directory / "kept"
    leadflow("demo", "--seed", "11", "--keep", str(home), "--json")
    assert leadflow.left_over() == []
    report = json.loads(leadflow("report", "channels", "--json", home=home))
    paid = {row["channel"] for row in report["rows"] if row["money"].get("CNY", {}).get("spend", "0") != "0"}
    assert len(paid) >= 5
    reps = json.loads(leadflow("report", "reps", "--json", home=home))
    assert _sums(reps["reps"]).keys() >= {
        "rotation", "directed", "timeout", "manual", "no_first_contact", "inactive", "returned", "rep_left",
        "claimed", "handed_on", "converted", "deals",
    }  # fmt: skip
    for group in reps["rotations_since_last_change"]:
        for share in group["shares"]:
            assert abs(share["got"] - float(share["share"])) < 1
    refusal = leadflow("demo", "--keep", str(home), code=2)
    assert "a directory of its own" in refusal


def squeezed(text: str) -> str:
    return " ".join(text.split())


def _sums(rows: list[dict[str, Any]]) -> dict[str, int]:
    """Every figure that is not nought, over all reps."""
    sums: dict[str, int] = {}
    for row in rows:
        figures = {**row, **row["assigned"], **row["recycled"]}
        for name, value in figures.items():
            if isinstance(value, int) and value:
                sums[name] = sums.get(name, 0) + value
    return sums
