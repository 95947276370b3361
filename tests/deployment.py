"""A Kafka deployment as processes of their own: a decider and a projector on one log and one database."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.processes import ROOT, environment, until

STOP_S = 300


class Part:
    """One process of a deployment; what it says goes to a file."""

    def __init__(self, home: Path, given: dict[str, str], *arguments: str) -> None:
        self.name = arguments[0]
        self._output = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed by `end`
        self._process = subprocess.Popen(
            [sys.executable, "-m", "leadflow.cli", *arguments],
            env={**environment(home), **given},
            cwd=ROOT,
            stderr=self._output,
            text=True,
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def runs(self) -> bool:
        return self._process.poll() is None

    def ready(self) -> bool:
        """Whether it runs and has said so. Raises AssertionError if it has ended."""
        assert self._process.poll() is None, self.said()
        return "is running" in self.said()

    def said(self) -> str:
        """What it has said."""
        return os.pread(self._output.fileno(), 1_000_000, 0).decode(errors="replace")

    def send(self, number: int) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        """While the block lasts, it does nothing; shorter than the group's patience with it."""
        self.send(signal.SIGSTOP)
        # The signal is on its way until every thread stands still.
        os.waitpid(self.pid, os.WUNTRACED)
        try:
            yield
        finally:
            self.send(signal.SIGCONT)

    def stop(self) -> None:
        """Ask it to end, which it must do well."""
        self.send(signal.SIGTERM)
        assert self._process.wait(STOP_S) == 0, self.said()

    def end(self) -> None:
        """See that it is gone."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait(STOP_S)
        self._output.close()


class Deployment:
    """The processes, and what a command needs to be told to use them."""

    def __init__(self, home: Path, address: str, prefix: str, database: str, clock: str) -> None:
        self.variables = {
            "LEADFLOW_KAFKA": address,
            "LEADFLOW_KAFKA_PREFIX": prefix,
            "LEADFLOW_DATABASE_URL": database,
        }
        loud = self.variables | {"LEADFLOW_LOG_LEVEL": "info"}
        self.decider = Part(home, loud, "decider", "--clock", clock)
        self.projector = Part(home, loud, "projector")


@contextmanager
def deployed(address: str, prefix: str, database: str, *, clock: str = "real") -> Iterator[Deployment]:
    """Both processes, ready; they must end well when they are asked to."""
    home = Path(tempfile.mkdtemp(prefix="leadflow-deployment-"))
    deployment = Deployment(home, address, prefix, database, clock)
    parts = (deployment.decider, deployment.projector)
    try:
        until(lambda: all(part.ready() for part in parts))
        yield deployment
        for part in parts:
            part.stop()
    except BaseException:
        for part in parts:
            print(f"{part.name}:\n{part.said()}")
        raise
    finally:
        for part in parts:
            part.end()
        shutil.rmtree(home, ignore_errors=True)
