"""Projections that wait for facts of other partitions, while others go on."""

from __future__ import annotations

import os
import random
import time
from typing import Any

import pytest

from consumers import feeding
from consumers import projector as projector_module
from consumers.projector import Projector
from leadflow.log.embedded import EmbeddedLog
from leadflow.log.kafka import Cluster, KafkaLog
from leadflow.log.kafka.topics import Topics
from leadflow.postgres import Database
from leadflow.settings import Settings
from projections import registry, writer
from projections.base import Projection
from projections.runner import ALL, Projections
from tests.histories import RandomHistory
from tests.kafka_broker import new_prefix
from tests.projectors import (
    PARTITIONS,
    POOLS,
    Writing,
    decisions_of,
    on_the_embedded_log,
    projecting,
    rows,
)

WAIT_S = 60.0
SEED = int(os.environ.get("LEADFLOW_TEST_SEED", "3"))


def write_slowly(database: Database, projection: Projection, *more: Any) -> int | None:
    """One read model is slow in one partition, so in the others it waits while the rest go on."""
    if projection.name == "channels" and more[1][0].partition == 1:
        time.sleep(0.1)
    return writer.write(database, projection, *more)


def test_what_waits_for_long_is_read_anew_and_leaves_nothing_out(
    monkeypatch: pytest.MonkeyPatch, kafka: Cluster, empty_database: str, log: EmbeddedLog
) -> None:
    # So little is kept of a partition that whoever waits for another one has to let go of what comes after.
    monkeypatch.setattr(feeding, "BATCH_MAX", 20)
    monkeypatch.setattr(feeding, "BATCH_MIN", 1)
    monkeypatch.setattr(feeding, "WAITING_MAX", 40)
    monkeypatch.setattr(feeding, "PARK_S", 0)
    monkeypatch.setattr(feeding, "write", write_slowly)
    monkeypatch.setattr(projector_module, "RECORDS_MAX", 30)
    print(f"seed {SEED}")
    history = RandomHistory(SEED, pools=POOLS, clock="requests").run(1_000)
    settings = Settings(kafka_prefix=new_prefix(), kafka_partitions=PARTITIONS)
    with Topics(kafka, settings) as topics:
        topics.create()
    writing = Writing(kafka, settings)
    writing.write(decisions_of(history), random.Random(SEED))
    writing.close()
    with (
        KafkaLog(kafka, f"{settings.kafka_prefix}.events") as kafka_log,
        Database(empty_database) as database,
    ):
        registry.prepare(database)
        read_models = Projections(kafka_log, database)
        with projecting(Projector(kafka, settings.kafka_prefix, database.url)):
            read_models.wait_for(kafka_log.ends(), WAIT_S)
            assert [status.status for status in read_models.list()] == ["live"] * len(ALL)
        assert rows(database) == on_the_embedded_log(log, history)
