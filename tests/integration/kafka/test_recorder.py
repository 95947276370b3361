"""The event store's own test cases, unchanged, on the Kafka recorder."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from unittest import TestCase
from uuid import uuid4

import pytest
from eventsourcing.persistence import (
    InfrastructureFactory,
    IntegrityError,
    NotSupportedError,
    OperationalError,
    StoredEvent,
)
from eventsourcing.tests import persistence as cases

from leadflow.errors import UsageError
from leadflow.log.kafka import Cluster, KafkaApplicationRecorder, KafkaFactory
from leadflow.log.kafka.recorder import KafkaAggregateRecorder
from leadflow.settings import Settings
from tests.integration.kafka.conftest import OpenLog


class OnKafka(TestCase):
    """Pools are named by text, as LeadFlow names them; the log is a test's own."""

    open_log: OpenLog

    @pytest.fixture(autouse=True)
    def _bind(self, open_log: OpenLog) -> None:
        self.open_log = open_log

    def new_originator_id(self) -> str:
        return str(uuid4())


class TestAggregateRecorder(OnKafka, cases.AggregateRecorderTestCase):
    def create_recorder(self) -> KafkaAggregateRecorder:
        return KafkaAggregateRecorder(self.open_log())


class TestApplicationRecorder(OnKafka, cases.ApplicationRecorderTestCase[KafkaApplicationRecorder]):
    def create_recorder(self) -> KafkaApplicationRecorder:
        return KafkaApplicationRecorder(self.open_log())

    def test_insert_subscribe(self) -> None:
        self.optional_test_insert_subscribe()


class TestNonInterleavingNotificationIDs(OnKafka, cases.NonInterleavingNotificationIDsBaseCase):
    def create_recorder(self) -> KafkaApplicationRecorder:
        return KafkaApplicationRecorder(self.open_log())


@pytest.fixture
def factory(kafka: Cluster, settings: Settings) -> Iterator[InfrastructureFactory[Any]]:
    made = InfrastructureFactory.construct(
        {
            "PERSISTENCE_MODULE": "leadflow.log.kafka",
            "LEADFLOW_KAFKA": kafka.servers,
            "LEADFLOW_KAFKA_PREFIX": settings.kafka_prefix,
        }
    )
    with made:
        yield made
    made.close()


def test_the_persistence_module_is_found_by_its_name(factory: InfrastructureFactory[Any]) -> None:
    assert type(factory) is KafkaFactory
    recorder = factory.application_recorder()
    assert recorder.insert_events([StoredEvent("east", 1, "opened", b"{}")]) == [1]
    assert [event.state for event in factory.aggregate_recorder().select_events("east")] == [b"{}"]
    for unsupported in (factory.tracking_recorder, factory.process_recorder):
        with pytest.raises(NotSupportedError):
            unsupported()
    with pytest.raises(NotSupportedError):
        factory.aggregate_recorder(purpose="snapshots")


def test_a_factory_without_a_cluster_says_what_to_set() -> None:
    made = InfrastructureFactory.construct({"PERSISTENCE_MODULE": "leadflow.log.kafka"})
    with pytest.raises(UsageError, match="LEADFLOW_KAFKA"):
        made.application_recorder()


def test_a_gap_is_a_conflict_as_a_taken_place_is(open_log: OpenLog) -> None:
    recorder = KafkaApplicationRecorder(open_log())
    recorder.insert_events([StoredEvent("east", 1, "opened", b"{}")])
    for sequence in (1, 3):
        with pytest.raises(IntegrityError):
            recorder.insert_events([StoredEvent("east", sequence, "opened", b"{}")])
    assert recorder.max_notification_id() == 1


def test_an_older_recorder_is_turned_away(open_log: OpenLog) -> None:
    older, newer = KafkaApplicationRecorder(open_log()), KafkaApplicationRecorder(open_log())
    older.insert_events([StoredEvent("east", 1, "opened", b"{}")])
    newer.insert_events([StoredEvent("east", 2, "claimed", b"{}")])
    with pytest.raises(OperationalError, match="taken over"):
        older.insert_events([StoredEvent("east", 2, "claimed", b"{}")])
    assert older.max_notification_id() == 2
