"""Making the topics, and every way in which they may be wrong."""

from __future__ import annotations

import pytest
from kafka.admin import ConfigResource, ConfigResourceType

from leadflow.errors import UsageError
from leadflow.log.kafka import Cluster
from leadflow.log.kafka.topics import TopicNames, Topics, specs
from leadflow.settings import Settings
from tests.kafka_broker import new_prefix
from tests.processes import until


def test_topics_are_made_once_and_are_as_they_must_be(kafka: Cluster) -> None:
    settings = Settings(kafka_prefix=new_prefix(), kafka_partitions=3)
    names = TopicNames.of(settings.kafka_prefix)
    with Topics(kafka, settings) as topics:
        assert [found.what for found in topics.check()] == ["topic"] * 4
        assert topics.create() == list(names)
        assert topics.check() == []
        assert topics.create() == []


def test_every_deviation_is_named_with_its_risk(kafka: Cluster) -> None:
    settings = Settings(kafka_prefix=new_prefix(), kafka_partitions=2, kafka_replication=1)
    names = TopicNames.of(settings.kafka_prefix)
    with Topics(kafka, settings) as topics:
        topics.create()
    admin = kafka.admin()
    wrong = {"cleanup.policy": "compact", "retention.ms": "1000", "message.timestamp.type": "CreateTime"}
    as_sent = {"compression.type": "producer"}
    admin.alter_configs(
        [
            ConfigResource(ConfigResourceType.TOPIC, names.events, wrong),
            ConfigResource(ConfigResourceType.TOPIC, names.intake, as_sent),
        ]
    )
    admin.close()

    other = settings.model_copy(update={"kafka_partitions": 5})
    with Topics(kafka, other) as topics:
        expected = {
            (names.events, "cleanup.policy", "compact", "delete"),
            (names.events, "retention.ms", "1000", "-1"),
            (names.events, "message.timestamp.type", "CreateTime", "LogAppendTime"),
            (names.intake, "compression.type", "producer", "uncompressed"),
            *((name, "partitions", "2", "5") for name in names),
        }
        # A broker learns of changed settings by and by.
        until(lambda: len(topics.check()) == len(expected))
        found = topics.check()
    assert {(one.topic, one.what, one.found, one.wanted) for one in found} == expected
    assert all(one.risk for one in found)


def test_production_keeps_three_copies_and_waits_for_two() -> None:
    for spec in specs(Settings(), brokers=5):
        assert (spec.partitions, spec.replication) == (12, 3)
        assert spec.config["min.insync.replicas"] == "2"
    by_name = {spec.name: spec.config["retention.ms"] for spec in specs(Settings(), brokers=1)}
    assert by_name == {
        "leadflow.intake": str(30 * 86_400_000),
        "leadflow.commands": str(30 * 86_400_000),
        "leadflow.events": "-1",
        "leadflow.dead-letters": "-1",
    }


def test_more_copies_in_sync_than_there_are_cannot_be() -> None:
    with pytest.raises(UsageError, match="MIN_ISR"):
        specs(Settings(kafka_replication=1, kafka_min_isr=2), brokers=3)
