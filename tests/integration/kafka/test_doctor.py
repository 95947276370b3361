"""`leadflow doctor` on a log in Kafka: what deviates, what it risks, who is there, what waits."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from kafka.admin import ConfigResource, ConfigResourceType

from leadflow.cli import leadflow
from leadflow.log.kafka import Cluster
from leadflow.log.kafka.inspection import Copies, GroupStanding, Inspection
from leadflow.log.kafka.topics import specs
from leadflow.operations.doctor import Finding
from leadflow.operations.doctor_kafka import decider, of_copies, of_topics
from leadflow.settings import Settings
from tests.deciders import Office, causes, deciding
from tests.kafka_broker import create_topics, new_prefix
from tests.processes import until
from tests.team import arrival, joining, opening


@pytest.fixture
def office(kafka: Cluster) -> Iterator[Office]:
    settings = Settings(kafka_prefix=new_prefix(), kafka_partitions=2)
    create_topics(kafka, settings)
    opened = Office(kafka, settings)
    yield opened
    opened.close()


@pytest.fixture
def doctor(office: Office, empty_database: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> CliRunner:
    """Runs in an environment that names the test's topics and database."""
    for name, value in {
        "KAFKA": office.cluster.servers,
        "KAFKA_PREFIX": office.settings.kafka_prefix,
        "KAFKA_PARTITIONS": "2",
        "DATABASE_URL": empty_database,
        "HOME": str(tmp_path),
    }.items():
        monkeypatch.setenv(f"LEADFLOW_{name}", value)
    return CliRunner()


def findings(runner: CliRunner, code: int = 0) -> list[Finding]:
    result = runner.invoke(leadflow, ["doctor", "--json"])
    assert result.exit_code == code, result.stdout
    return [Finding(**one) for one in json.loads(result.stdout)]


def of(found: list[Finding], check: str) -> list[Finding]:
    return [one for one in found if one.check == check]


def test_a_deployment_is_looked_at_whole(office: Office, doctor: CliRunner) -> None:
    office.send([opening(), *joining(["wang"]), arrival(1)])
    before = findings(doctor)
    assert of(before, "kafka")[0].what.startswith("1 broker answers")
    assert [one.status for one in of(before, "decider")] == ["warn"]
    assert f"2 in {office.names.commands}" in of(before, "decider")[0].what
    assert f"1 in {office.names.intake}" in of(before, "decider")[0].what
    assert "leadflow projector" in str(of(before, "projector")[0].do)
    assert "Postgres" in of(before, "database")[0].what
    assert of(before, "topics")[0].status == "warn"
    assert "its only broker" in of(before, "topics")[0].what
    with deciding(office.settings, office.cluster.servers):
        office.wait_for(lambda facts: arrival(1).identity in causes(facts))
        with Inspection(office.cluster, office.settings) as inspection:
            asked = [office.names.intake, office.names.commands]

            def waiting() -> int:
                return sum(
                    inspection.group(f"{office.settings.kafka_prefix}-decider", asked).waiting.values()
                )

            until(lambda: waiting() == 0)
        during = of(findings(doctor), "decider")
    assert [one.status for one in during] == ["ok"]
    assert "1 in the group" in during[0].what


def test_every_deviation_is_named_with_its_risk(office: Office, doctor: CliRunner) -> None:
    admin = office.cluster.admin()
    wrong = {
        "retention.ms": "1000",
        "cleanup.policy": "compact",
        "message.timestamp.type": "CreateTime",
        "max.message.bytes": "1000000",
    }
    admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, office.names.events, configs=wrong)])
    admin.close()

    def told() -> list[str]:
        return [one.what for one in of(findings(doctor), "topics")]

    until(lambda: len(told()) == len(wrong))
    for key, value in wrong.items():
        assert any(f"{office.names.events}: {key} is {value}, should be" in what for what in told()), key
    assert any("every fact of a pool" in what for what in told())


def test_partitions_that_differ_fail(doctor: CliRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEADFLOW_KAFKA_PARTITIONS", "12")
    found = of(findings(doctor, 3), "topics")
    assert [one.status for one in found] == ["fail"] * 4
    assert "LEADFLOW_KAFKA_PARTITIONS" in str(found[0].do)


def test_topics_that_are_missing_fail(doctor: CliRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEADFLOW_KAFKA_PREFIX", new_prefix())
    found = of(findings(doctor, 3), "topics")
    assert {one.do for one in found} == {"Run `leadflow topics create`."}


def test_a_cluster_that_is_away_is_named_and_the_rest_is_looked_at(
    doctor: CliRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEADFLOW_KAFKA", "127.0.0.1:9")
    monkeypatch.setattr("leadflow.log.kafka.client.ANSWER_WAIT_MS", 500)
    found = findings(doctor, 3)
    assert [one.status for one in of(found, "kafka")] == ["fail"]
    assert "127.0.0.1:9" in of(found, "kafka")[0].what
    assert "Postgres" in of(found, "database")[0].what
    # It is waited for once, not again for each thing that needs it.
    told = of(found, "projections")
    assert [one.status for one in told] == ["warn"]
    assert "127.0.0.1:9" not in told[0].what


def test_what_cannot_be_seen_on_one_broker() -> None:
    lacking = Copies("leadflow.events", without_leader=[3], too_few=[4, 5], behind=[6])
    told = list(of_copies(lacking))
    assert [one.status for one in told] == ["fail", "fail", "warn"]
    assert "4, 5" in told[1].what
    good = list(of_topics(specs(Settings(), brokers=3), []))
    assert [one.status for one in good] == ["ok"]
    assert "12 partitions, 3 copies of each, 2 in step" in good[0].what
    assert decider(GroupStanding("g", "Stable", 2, {"a": 20_000})).status == "warn"
