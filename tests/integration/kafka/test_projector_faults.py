"""What goes wrong around a projector: its brokers stop. Its database does in `tests/faults`."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator

import pytest

from consumers.operating import Operating
from consumers.projector import Projector
from leadflow.log.kafka import Cluster, KafkaLog
from leadflow.postgres import Database
from leadflow.settings import Settings
from local_kafka import LocalKafka
from projections import registry
from projections.runner import Projections
from tests.histories import RandomHistory
from tests.kafka_broker import create_topics, new_prefix, own_kafka
from tests.processes import until
from tests.projectors import PARTITIONS, POOLS, Writing, decisions_of, projecting

WAIT_S = 300.0
SEED = int(os.environ.get("LEADFLOW_TEST_SEED", "9"))


@pytest.fixture(scope="module")
def broker() -> Iterator[LocalKafka]:
    """A broker that may be killed."""
    with own_kafka("projector") as kafka:
        yield kafka


def made(cluster: Cluster) -> Settings:
    settings = Settings(kafka_prefix=new_prefix(), kafka_partitions=PARTITIONS)
    create_topics(cluster, settings)
    return settings


def test_a_broker_that_is_killed_is_waited_for_and_gone_on_with(
    broker: LocalKafka, empty_database: str
) -> None:
    cluster = Cluster(broker.address)
    settings = made(cluster)
    operating = Operating("projector")
    decisions = decisions_of(RandomHistory(SEED, pools=POOLS).run(400))
    writing = Writing(cluster, settings)
    writing.write(decisions[:100], random.Random(SEED))
    with Database(empty_database) as database, KafkaLog(cluster, f"{settings.kafka_prefix}.events") as log:
        registry.prepare(database)
        read_models = Projections(log, database)
        with projecting(Projector(cluster, settings.kafka_prefix, empty_database, operating)):
            read_models.wait_for(log.ends(), WAIT_S)
            broker.nodes[0].kill()
            until(lambda: not operating.health().ready)
            print(operating.health().problems)
            broker.start_node(broker.nodes[0])
            for kept in writing.logs:
                kept.take()
            writing.write(decisions[100:], random.Random(SEED))
            read_models.wait_for(log.ends(), WAIT_S)
            until(lambda: operating.health().ready)
        assert list(read_models.verify()) == []
        print(f"seed {SEED}: SIGKILL of the projector's broker; the projections equal the fold of the log")
    writing.close()
