"""One of LeadFlow's processes on a log in Kafka: `leadflow decider`, `leadflow projector`, and the like."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from leadflow.settings import Settings
from tests.processes import ROOT, environment, until

START_S = 300
"""Several start at a time, on machines that have other things to do."""
END_S = 300


class KafkaProcess:
    """A process of its own, started when it says that it runs; what it says goes to a file."""

    def __init__(self, settings: Settings, address: str, *python: str) -> None:
        """`python` is what stands behind the interpreter on its command line."""
        given = {
            "LEADFLOW_KAFKA": address,
            "LEADFLOW_KAFKA_PREFIX": settings.kafka_prefix,
            "LEADFLOW_LOG_LEVEL": "info",
        }
        if settings.database_url is not None:
            given["LEADFLOW_DATABASE_URL"] = settings.database_url
        self._output = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed by `end`
        self._process = subprocess.Popen(
            [sys.executable, *python],
            env={**environment(Path(os.devnull)), **given},
            cwd=ROOT,
            stderr=self._output,
            text=True,
        )
        until(lambda: "is running" in self.said() or not self.runs, START_S)

    @property
    def runs(self) -> bool:
        return self._process.poll() is None

    def said(self) -> str:
        """What it has said."""
        return os.pread(self._output.fileno(), 1_000_000, 0).decode(errors="replace")

    def send(self, number: int) -> None:
        self._process.send_signal(number)

    def wait(self) -> int:
        """What it ended with."""
        return self._process.wait(END_S)

    def stop(self) -> None:
        """Ask it to end, which it must do well."""
        self.send(signal.SIGTERM)
        assert self.wait() == 0, self.said()

    def stop_unless_turned_away(self) -> None:
        """Ask it to end; what stood still for too long may have found that another has taken over."""
        self.send(signal.SIGTERM)
        code = self.wait()
        turned_away = code == 3 and "taken over" in self.said()
        assert code == 0 or turned_away, (code, self.said())

    def end(self) -> None:
        """See that it is gone."""
        if self.runs:
            self._process.kill()
            self._process.wait(END_S)
        self._output.close()
