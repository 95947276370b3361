"""The commands of a Kafka deployment that need no running decider."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator

import pytest
from click.testing import CliRunner

from leadflow.cli import leadflow
from leadflow.cli.common import run
from leadflow.log.kafka import Cluster
from leadflow.log.kafka.topics import TopicNames
from tests.kafka_broker import new_prefix


@pytest.fixture
def prefix(kafka: Cluster, monkeypatch: pytest.MonkeyPatch) -> str:
    """Settings for topics that are not there yet."""
    name = new_prefix()
    monkeypatch.setenv("LEADFLOW_KAFKA", kafka.servers)
    monkeypatch.setenv("LEADFLOW_KAFKA_PREFIX", name)
    monkeypatch.setenv("LEADFLOW_KAFKA_PARTITIONS", "2")
    return name


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    """A decider in this process leaves no handlers behind."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_topics_are_made_and_checked(prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    command = CliRunner().invoke
    before = command(leadflow, ["topics", "check", "--json"])
    assert before.exit_code == 1
    assert [one["what"] for one in json.loads(before.stdout)] == ["topic"] * 4
    made = command(leadflow, ["topics", "create", "--json"])
    assert json.loads(made.stdout) == {"made": list(TopicNames.of(prefix))}
    assert "there already" in command(leadflow, ["topics", "create"]).stdout
    assert command(leadflow, ["topics", "check"]).exit_code == 0
    monkeypatch.setenv("LEADFLOW_KAFKA_PARTITIONS", "5")
    wrong = command(leadflow, ["topics", "check"])
    assert wrong.exit_code == 1
    assert "pools would be looked for" in " ".join(wrong.stdout.split())


def test_a_decider_without_topics_says_what_to_do(prefix: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(leadflow, ["decider"]) == 2
    assert "leadflow topics create" in capfd.readouterr().err


def test_without_a_cluster_the_setting_is_named(
    prefix: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("LEADFLOW_KAFKA")
    for command in (["decider"], ["topics", "create"], ["topics", "check"]):
        assert run(leadflow, command) == 2
        assert "LEADFLOW_KAFKA" in capfd.readouterr().err
