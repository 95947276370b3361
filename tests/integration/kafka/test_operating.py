"""What the processes tell of themselves while they work, on a real broker and a real Postgres."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from leadflow.log.kafka import Cluster
from leadflow.settings import Settings
from tests.deciders import Office, causes
from tests.kafka_broker import create_topics, new_prefix
from tests.processes import ROOT, environment, leadflow, until
from tests.team import arrival, claim, joining, opening


class Served:
    """A process of LeadFlow that serves its metrics on a port of its own."""

    def __init__(self, command: str, **variables: str) -> None:
        self._home = tempfile.TemporaryDirectory()
        self._output = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed by `close`
        given = {f"LEADFLOW_{name.upper()}": value for name, value in variables.items()}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "leadflow.cli", command, "--metrics-port", "0"],
            env={**environment(Path(self._home.name)), "LEADFLOW_LOG_FORMAT": "json", **given},
            cwd=ROOT,
            stderr=self._output,
            text=True,
        )
        until(lambda: "Metrics and health are at" in self.said() or self._process.poll() is not None)
        found = re.search(r"http://127.0.0.1:(\d+)/metrics", self.said())
        assert found, self.said()
        self._port = int(found[1])

    def said(self) -> str:
        return os.pread(self._output.fileno(), 1_000_000, 0).decode()

    def lines(self) -> list[dict[str, object]]:
        """What it has said; every line of it is JSON."""
        return [json.loads(line) for line in self.said().splitlines(keepends=True) if line.endswith("\n")]

    def ask(self, path: str) -> tuple[int, str]:
        link = http.client.HTTPConnection("127.0.0.1", self._port, timeout=120)
        try:
            link.request("GET", path)
            answer = link.getresponse()
            return answer.status, answer.read().decode()
        finally:
            link.close()

    @property
    def ready(self) -> bool:
        return self.ask("/readyz")[0] == 200

    def figure(self, name: str, **labels: str) -> float | None:
        for family in text_string_to_metric_families(self.ask("/metrics")[1]):
            for sample in family.samples:
                if sample.name == name and sample.labels == labels:
                    return sample.value
        return None

    def stop(self) -> int:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        return self._process.wait(120)

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait(120)
        print(self.said())
        self._output.close()
        self._home.cleanup()


@pytest.fixture
def office(kafka: Cluster) -> Iterator[Office]:
    settings = Settings(kafka_prefix=new_prefix(), kafka_partitions=2)
    create_topics(kafka, settings)
    opened = Office(kafka, settings)
    yield opened
    opened.close()


def test_decider_and_projector_tell_of_themselves(office: Office, empty_database: str) -> None:
    address, prefix = office.cluster.servers, office.settings.kafka_prefix
    with ExitStack() as stack:
        common = {"kafka": address, "kafka_prefix": prefix}
        decider = Served("decider", **common, log_level="debug")
        stack.callback(decider.close)
        projector = Served("projector", **common, database_url=empty_database)
        stack.callback(projector.close)
        until(lambda: decider.ready)
        office.send([opening(), *joining(["wang"]), arrival(1), claim("wang", "nothing", "early")])
        office.send([arrival(1)])
        office.put(office.names.intake, b"no lead").get(timeout=120)
        facts = office.wait_for(lambda facts: {"rep/wang:early", arrival(1).identity} <= causes(facts))

        def decided(kind: str, outcome: str) -> bool:
            return bool(decider.figure("leadflow_requests_total", kind=kind, outcome=outcome))

        until(lambda: decided("SubmitIntake", "repeated") and decided("unreadable", "dead_letter"))
        assert decider.figure("leadflow_requests_total", kind="OpenPool", outcome="accepted") == 1
        assert decider.figure("leadflow_requests_total", kind="ClaimLead", outcome="refused") == 1
        assert decider.figure("leadflow_dead_letters_total") == 1
        assert decider.figure("leadflow_facts_total") == len(facts)
        assert decider.figure("leadflow_partitions_held") == 2
        assert decider.figure("leadflow_batch_size_sum") == 6
        assert (decider.figure("leadflow_commit_seconds_count") or 0) >= 1
        assert (decider.figure("leadflow_rebalances_total") or 0) >= 1
        until(lambda: decider.figure("leadflow_log_position", partition="0") == len(facts))
        place = {"topic": office.names.intake, "partition": "0"}
        until(lambda: decider.figure("leadflow_lag_events", **place) == 0)
        until(lambda: decider.figure("leadflow_lag_seconds", **place) == 0)
        until(lambda: projector.ready)
        until(lambda: projector.figure("leadflow_facts_total") is not None)
        reached = {"projection": "ownership", "partition": "0"}
        until(lambda: projector.figure("leadflow_projection_position", **reached) == len(facts))
        assert json.loads(projector.ask("/healthz")[1])["partitions"] == [0, 1]
        assert (decider.stop(), projector.stop()) == (0, 0)
        told = [line for line in decider.lines() if line["event"] == "a request is decided"]
        refused = next(line for line in told if line["outcome"] == "refused")
        assert (refused["pool"], refused["partition"], refused["request"]) == ("east", 0, "rep/wang:early")
        assert refused["position"] == next(
            one.position for one in facts if one.type == "leadflow.request.refused.v1"
        )
        assert "王小明" not in decider.said() + projector.said()
        assert "+8613800000001" not in decider.said() + projector.said()


def test_while_kafka_is_away_a_process_is_alive_and_not_ready() -> None:
    decider = Served("decider", kafka="127.0.0.1:9")
    try:
        until(lambda: json.loads(decider.ask("/readyz")[1])["state"] == "retrying")
        status, told = decider.ask("/readyz")
        assert status == 503
        assert "127.0.0.1:9" in json.loads(told)["problems"]["decider"]
        assert decider.ask("/healthz")[0] == 200
        assert decider.stop() == 0
    finally:
        decider.close()


def test_the_engine_of_one_machine_tells_of_itself(tmp_path: Path) -> None:
    engine = Served("up", home=str(tmp_path))
    try:
        until(lambda: engine.ready)
        leadflow(tmp_path, "pool", "open", "east")
        leadflow(tmp_path, "--as", "rep/wang", "claim", "11111111", code=None)
        accepted = {"kind": "OpenPool", "outcome": "accepted"}
        until(lambda: engine.figure("leadflow_requests_total", **accepted) == 1)
        until(lambda: (engine.figure("leadflow_facts_total") or 0) >= 2)
        until(lambda: (engine.figure("leadflow_log_position", partition="0") or 0) >= 2)
        until(
            lambda: engine.figure("leadflow_projection_position", projection="ownership", partition="0") == 2
        )
        assert engine.stop() == 0
    finally:
        engine.close()
