"""`make demo-kafka`: the demo's screens from a log in Kafka, and nothing left behind, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes import until

ROOT = Path(__file__).resolve().parents[2]
SECONDS_MAX = 1_200
SEED = "11"


class Demo:
    """Demos in a scratch directory, which is also where temporary files go."""

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

    def begin(self, *command: str) -> subprocess.Popen[str]:
        """Start one, as a terminal does: with a group of its own, which gets Ctrl-C."""
        with (self.directory / "said").open("w") as said:
            return subprocess.Popen(
                [sys.executable, *command],
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=said,
                text=True,
                start_new_session=True,
            )

    def whole(self, *command: str) -> str:
        """What one prints that is played to its end."""
        demo = self.begin(*command)
        out, _ = demo.communicate(timeout=SECONDS_MAX)
        assert demo.returncode == 0, self.said()
        return out

    def said(self) -> str:
        """What the last one has told on stderr."""
        return (self.directory / "said").read_text("utf-8")

    def left_over(self) -> list[str]:
        """Directories and processes that a demo has left behind."""
        left = [path.name for path in self.directory.iterdir() if path.name.startswith("leadflow-")]
        mark = os.fsencode(f"TMPDIR={self.directory}")
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if mark in (process / "environ").read_bytes():
                    left.append((process / "cmdline").read_text("utf-8", "replace").replace("\0", " "))
            except OSError:
                continue  # It has ended, or is somebody else's.
        return left


@pytest.fixture
def demo() -> Iterator[Demo]:
    with tempfile.TemporaryDirectory(prefix="leadflow-test-") as directory:
        yield Demo(Path(directory))


KAFKA = str(ROOT / "docker" / "kafka" / "demo.py")


def test_the_screens_are_those_of_one_machine(demo: Demo) -> None:
    on_kafka = demo.whole(KAFKA, "--seed", SEED, "--yes")
    assert "5/5  Can it be proved?" in on_kafka
    assert on_kafka == demo.whole("-m", "leadflow.cli", "demo", "--seed", SEED, "--yes")
    until(lambda: demo.left_over() == [])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_whatever_ends_it_nothing_is_left_behind(demo: Demo, number: signal.Signals) -> None:
    playing = demo.begin(KAFKA, "--yes")
    try:
        until(lambda: "Playing October" in demo.said() or playing.poll() is not None)
        assert playing.poll() is None, demo.said()
        assert any("decider" in what for what in demo.left_over())
        if number == signal.SIGINT:
            os.killpg(playing.pid, number)
        else:
            playing.send_signal(number)
        assert playing.wait(300) in (130, 143)
    finally:
        if playing.poll() is None:
            os.killpg(playing.pid, signal.SIGKILL)
            playing.wait()
    until(lambda: demo.left_over() == [])
