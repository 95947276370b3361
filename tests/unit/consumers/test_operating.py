"""What a process tells of itself: figures, health, and the port that serves them."""

from __future__ import annotations

import http.client
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import capture_logs

from consumers.exposition import Exposition
from consumers.operating import ALIVE_AGE_S, READY_AGE_S, Operating
from leadflow.errors import Unavailable

ROOT = Path(__file__).resolve().parents[3]


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def operating(clock: Clock) -> Operating:
    return Operating("decider", clock=clock)


def figures(operating: Operating) -> dict[str, float]:
    """Every sample, as `name{label=value,…}`."""
    _, body = operating.exposed("text/plain")
    found = {}
    for family in text_string_to_metric_families(body.decode()):
        for sample in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


def test_a_decider_is_ready_once_it_has_taken_its_partitions(operating: Operating) -> None:
    assert not operating.health().ready
    operating.joining()
    operating.rebalanced()
    assert (operating.health().state, operating.health().ready) == ("taking", False)
    operating.took(0.2)
    operating.holds([3, 1])
    assert not operating.health().ready
    operating.stepped()
    health = operating.health()
    assert (health.ready, health.alive, health.partitions) == (True, True, [1, 3])
    assert figures(operating)["leadflow_ready"] == 1
    operating.stopping()
    assert not operating.health().ready


def test_a_spare_member_that_holds_nothing_is_ready(operating: Operating) -> None:
    operating.holds([])
    operating.stepped()
    assert operating.health().ready


def test_one_that_stands_still_is_not_ready_and_then_not_alive(operating: Operating, clock: Clock) -> None:
    operating.holds([0])
    operating.stepped()
    clock.now += READY_AGE_S + 1
    assert (operating.health().ready, operating.health().alive) == (False, True)
    assert "it has stood still for 16 s" in operating.health().problems["decider"]
    operating.stepped()
    assert operating.health().ready
    assert not operating.health().problems
    clock.now += ALIVE_AGE_S + 1
    assert not operating.health().alive
    assert figures(operating)["leadflow_seconds_since_step"] == ALIVE_AGE_S + 1


def test_while_it_begins_anew_it_is_alive_and_not_ready(operating: Operating, clock: Clock) -> None:
    operating.holds([0])
    operating.stepped()
    operating.retrying("Kafka does not answer")
    clock.now += 10 * ALIVE_AGE_S
    health = operating.health()
    assert (health.ready, health.alive, health.partitions) == (False, True, [])
    assert health.problems == {"decider": "Kafka does not answer"}
    operating.stepped()
    assert not operating.health().ready
    operating.holds([0])
    operating.stepped()
    assert operating.health().ready
    assert figures(operating)["leadflow_retries_total"] == 1


def test_what_is_away_for_long_is_told_once_and_so_is_its_return(operating: Operating, clock: Clock) -> None:
    with capture_logs() as lines:
        for tried in range(3):
            operating.joining()
            operating.retrying(f"no broker after {tried} ms")
            clock.now += 10
        operating.retrying("Postgres is away")
        operating.retrying("no broker after 7 ms")
        operating.holds([0])
        operating.stepped()
        operating.stepped()
        operating.rebalanced()
        operating.stepped()
        operating.retrying("no broker after 9 ms")
    heard = [line for line in lines if line["log_level"] != "debug"]
    assert [(line["event"], line.get("problem"), line.get("after_s")) for line in heard] == [
        ("begins again until it works", "no broker after 0 ms", None),
        ("begins again until it works", "Postgres is away", None),
        ("works again", None, 30),
        ("begins again until it works", "no broker after 9 ms", None),
    ]


def test_a_part_says_when_it_ceases_to_work_and_when_it_works_again(operating: Operating) -> None:
    said = [operating.fails("notifier", problem) for problem in ("Kafka is away", "Postgres is away")]
    assert said == [True, False]
    assert [operating.works("notifier") for _ in range(2)] == [True, False]


def test_one_that_rests_between_its_steps_is_ready_all_the_same(clock: Clock) -> None:
    operating = Operating("snapshotter", pause_s=60, clock=clock)
    operating.holds([])
    operating.stepped()
    clock.now += 60
    assert operating.health().ready
    clock.now += READY_AGE_S + 1
    assert not operating.health().ready


def test_one_part_that_fails_or_hangs_is_enough(operating: Operating, clock: Clock) -> None:
    operating.holds([])
    for part in ("", "clock", "projector"):
        operating.stepped(part)
    operating.fails("projector", "Postgres is away")
    operating.fails("projector", "Postgres is away")
    assert operating.health().problems == {"projector": "Postgres is away"}
    assert not operating.health().ready
    operating.works("projector")
    assert operating.health().ready
    clock.now += READY_AGE_S + 1
    operating.stepped("")
    operating.stepped("clock")
    assert not operating.health().ready
    assert list(operating.health().problems) == ["projector"]
    assert figures(operating)["leadflow_retries_total"] == 1


def test_a_problem_goes_with_its_partition(operating: Operating) -> None:
    operating.holds([0, 1])
    operating.stepped()
    operating.fails("leads, partition 0", "an event that it cannot apply", 0)
    operating.fails("leads, partition 1", "another", 1)
    operating.fails("port", "taken")
    operating.holds([0, 2])
    operating.stepped()
    assert set(operating.health().problems) == {"leads, partition 0", "port"}
    operating.works("port")
    operating.holds([2])
    operating.stepped()
    assert operating.health().ready
    operating.holds([1, 2])
    operating.fails("leads, partition 1", "another", 1)
    operating.stepped()
    assert not operating.health().ready


def test_requests_are_counted_by_kind_and_outcome(operating: Operating) -> None:
    operating.decided("ClaimLead", "accepted", 2)
    operating.decided("ClaimLead", "refused")
    operating.decided("unreadable", "dead_letter", 3)
    operating.deciding(0.002)
    operating.committed(0.02, size=6, facts=3)
    found = figures(operating)
    assert found["leadflow_requests_total{kind=ClaimLead,outcome=accepted}"] == 2
    assert found["leadflow_requests_total{kind=ClaimLead,outcome=refused}"] == 1
    assert found["leadflow_dead_letters_total"] == 3
    assert found["leadflow_facts_total"] == 3
    assert found["leadflow_batch_size_sum"] == 6
    assert found["leadflow_commit_seconds_count"] == found["leadflow_decision_seconds_count"] == 1
    assert found["leadflow_commit_seconds_bucket{le=0.01}"] == 0
    assert found["leadflow_commit_seconds_bucket{le=0.025}"] == 1


def test_lag_without_progress_is_seen(operating: Operating, clock: Clock) -> None:
    operating.holds([2])
    operating.behind("leadflow.intake", 2, 0, 0)
    operating.progress(2, 10, waiting=False)
    clock.now += 30
    assert figures(operating)["leadflow_seconds_since_progress{partition=2}"] == 30
    operating.progress(2, 10, waiting=False)
    assert figures(operating)["leadflow_seconds_since_progress{partition=2}"] == 0
    clock.now += 5
    operating.behind("leadflow.intake", 2, 7, 5.5)
    operating.progress(2, 10, waiting=True)
    found = figures(operating)
    assert found["leadflow_lag_events{partition=2,topic=leadflow.intake}"] == 7
    assert found["leadflow_lag_seconds{partition=2,topic=leadflow.intake}"] == 5.5
    assert found["leadflow_seconds_since_progress{partition=2}"] == 5
    operating.progress(2, 11, waiting=True)
    found = figures(operating)
    assert found["leadflow_seconds_since_progress{partition=2}"] == 0
    assert found["leadflow_log_position{partition=2}"] == 11


def test_a_partition_that_is_another_s_has_no_figures_here(operating: Operating) -> None:
    operating.holds([0, 1])
    for partition in (0, 1):
        operating.behind("leadflow.commands", partition, 1, 1)
        operating.progress(partition, 5, waiting=True)
        operating.projected("leads", partition, 5)
    operating.holds([1])
    operating.progress(0, 6, waiting=True)
    operating.behind("leadflow.commands", 0, 1, 1)
    operating.projected("leads", 0, 6)
    of_partitions = [name for name in figures(operating) if "partition=" in name]
    assert len(of_partitions) == 5
    assert all("partition=1" in name for name in of_partitions)
    operating.retrying("gone")
    assert not [name for name in figures(operating) if "partition=" in name]
    operating.fenced()
    assert figures(operating)["leadflow_fencings_total"] == 1


def test_every_figure_is_explained() -> None:
    page = (ROOT / "docs/reference/metrics.md").read_text(encoding="utf-8")
    explained = set(re.findall(r"^\| `(leadflow_\w+)`", page, re.MULTILINE))
    _, body = Operating("decider").exposed("text/plain")
    found = set()
    for family in text_string_to_metric_families(body.decode()):
        if family.name.startswith("leadflow_") and not family.name.endswith("_created"):
            found.add(f"{family.name}_total" if family.type == "counter" else family.name)
    assert explained == found


# --- the port -----------------------------------------------------------------------------------


@pytest.fixture
def served(operating: Operating) -> Iterator[Exposition]:
    with Exposition(operating, "127.0.0.1", 0) as exposition:
        yield exposition


def ask(served: Exposition, path: str, **headers: str) -> tuple[int, str, str]:
    """Status, content type and body."""
    link = http.client.HTTPConnection("127.0.0.1", served.port, timeout=120)
    link.request("GET", path, headers=headers)
    answer = link.getresponse()
    found = answer.status, answer.headers["Content-Type"], answer.read().decode()
    link.close()
    return found


def test_the_port_serves_figures_and_health(operating: Operating, served: Exposition) -> None:
    status, kind, body = ask(served, "/metrics")
    assert (status, kind.split(";")[0]) == (200, "text/plain")
    assert 'leadflow_process_info{process="decider"' in body
    assert "process_resident_memory_bytes" in body
    _, kind, body = ask(served, "/metrics", Accept="application/openmetrics-text;version=1.0.0")
    assert kind.startswith("application/openmetrics-text")
    assert body.endswith("# EOF\n")
    status, kind, body = ask(served, "/readyz")
    assert (status, kind, json.loads(body)["state"]) == (503, "application/json", "starting")
    assert ask(served, "/healthz")[0] == 200
    operating.holds([0])
    operating.stepped()
    assert ask(served, "/readyz?verbose")[0] == 200
    assert ask(served, "/other")[0] == 404


def test_a_port_that_is_taken_is_named(operating: Operating) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(Unavailable, match="cannot be served") as caught:
            Exposition(operating, "127.0.0.1", port)
    assert f"127.0.0.1:{port}" in str(caught.value)
    assert "--metrics-port" in str(caught.value)


def check(port: str, host: str = "127.0.0.1") -> subprocess.CompletedProcess[str]:
    """The health check of a container."""
    given = {"LEADFLOW_METRICS_PORT": port, "LEADFLOW_METRICS_HOST": host, "PYTHONPATH": str(ROOT / "src")}
    return subprocess.run(
        [sys.executable, "-m", "leadflow.health"],
        env={**os.environ, **given},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_the_check_of_a_container(operating: Operating, served: Exposition) -> None:
    before = check(str(served.port))
    assert (before.returncode, json.loads(before.stdout)["ready"]) == (1, False)
    operating.holds([0])
    operating.stepped()
    assert check(str(served.port), "0.0.0.0").returncode == 0
    served.close()
    away = check(str(served.port))
    assert (away.returncode, "nobody answers" in away.stderr) == (3, True)
    assert check("").returncode == 2
