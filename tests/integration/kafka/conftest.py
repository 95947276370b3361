"""A broker for the tests of this directory, and topics of each test's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from leadflow.log.kafka import Cluster, PartitionLog
from leadflow.settings import Settings
from tests.kafka_broker import create_topics, new_prefix, running_kafka

OpenLog = Callable[[], PartitionLog]


@pytest.fixture(scope="session")
def kafka() -> Iterator[Cluster]:
    """The cluster of this run."""
    with running_kafka() as address:
        yield Cluster(address)


@pytest.fixture
def settings(kafka: Cluster) -> Settings:
    """Topics of this test's own, with one partition each."""
    made = Settings(kafka_prefix=new_prefix(), kafka_partitions=1)
    create_topics(kafka, made)
    return made


@pytest.fixture
def open_log(kafka: Cluster, settings: Settings) -> Iterator[OpenLog]:
    """Opens the test's log, as often as asked; each is another process, as far as Kafka can see."""
    opened: list[PartitionLog] = []

    def another() -> PartitionLog:
        log = PartitionLog(kafka, f"{settings.kafka_prefix}.events", 0)
        opened.append(log)
        return log

    yield another
    for log in opened:
        log.close()
