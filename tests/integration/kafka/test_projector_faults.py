"""What goes wrong around a projector: brokers stop, its database stands still. `tests/faults` has more."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from consumers.operating import Operating
from consumers.projector import Projector
from leadflow.embedded.postgres import EmbeddedPostgres
from leadflow.log.kafka import Cluster, KafkaLog
from leadflow.postgres import Database
from leadflow.settings import Settings
from local_kafka import LocalKafka
from projections import registry
from projections.runner import Projections
from tests.histories import RandomHistory
from tests.kafka_broker import create_topics, new_prefix, own_kafka
from tests.processes import until
from tests.projectors import PARTITIONS, POOLS, Process, Writing, decisions_of, projecting

WAIT_S = 300.0
SEED = int(os.environ.get("LEADFLOW_TEST_SEED", "9"))
NEW_VERSION = """
from projections import customers
object.__setattr__(customers.PROJECTION, "version", 99)
"""


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


def test_it_ends_when_told_to_though_its_database_stands_still(broker: LocalKafka, tmp_path: Path) -> None:
    cluster = Cluster(broker.address)
    settings = made(cluster)
    decisions = decisions_of(RandomHistory(SEED, pools=POOLS).run(200))
    writing = Writing(cluster, settings)
    writing.write(decisions[:50], random.Random(SEED))
    server = EmbeddedPostgres(tmp_path)
    url = server.start()
    process = Process(settings, broker.address, url)
    try:
        with Database(url) as database, KafkaLog(cluster, f"{settings.kafka_prefix}.events") as log:
            registry.prepare(database)
            read_models = Projections(log, database)
            read_models.wait_for(log.ends(), WAIT_S)
            with database.connection() as connection:
                row = connection.execute(
                    "SELECT array_agg(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
                ).fetchone()
            assert row is not None
            still = [int(server.postmaster.file.read_text().split()[0]), *row[0]]
            for pid in still:
                os.kill(pid, signal.SIGSTOP)
            try:
                writing.write(decisions[50:], random.Random(SEED))
                process.stop()
            finally:
                for pid in still:
                    os.kill(pid, signal.SIGCONT)
            assert "is left behind" in process.said()
            with projecting(Projector(cluster, settings.kafka_prefix, url)):
                read_models.wait_for(log.ends(), WAIT_S)
            assert list(read_models.verify()) == []
    finally:
        process.end()
        server.stop()
        writing.close()


def test_it_ends_when_told_to_though_a_rebuild_stands_still(broker: LocalKafka, empty_database: str) -> None:
    """As after an upgrade that brings a new version of a read model."""
    cluster = Cluster(broker.address)
    settings = made(cluster)
    writing = Writing(cluster, settings)
    writing.write(decisions_of(RandomHistory(SEED, pools=POOLS).run(200)), random.Random(SEED))
    with Database(empty_database) as database, KafkaLog(cluster, f"{settings.kafka_prefix}.events") as log:
        registry.prepare(database)
        read_models = Projections(log, database)
        with projecting(Projector(cluster, settings.kafka_prefix, empty_database)):
            read_models.wait_for(log.ends(), WAIT_S)

        def waits() -> bool:
            with database.connection() as asking:
                query = "SELECT count(*) FROM pg_locks WHERE NOT granted"
                return asking.execute(query).fetchone() != (0,)

        with database.connection() as holding:
            holding.execute("BEGIN; LOCK TABLE read.projection_heads")
            process = Process(settings, broker.address, empty_database, NEW_VERSION)
            try:
                until(waits)
                process.stop()
                assert "is left behind" in process.said()
            finally:
                process.end()
                holding.execute("ROLLBACK")
        with projecting(Projector(cluster, settings.kafka_prefix, empty_database)):
            read_models.wait_for(log.ends(), WAIT_S)
        assert list(read_models.verify()) == []
    writing.close()
