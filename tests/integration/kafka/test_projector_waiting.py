"""Partitions that wait for facts of others which another projector takes."""

from __future__ import annotations

import os
import random
import threading
from contextlib import closing
from typing import Any

import pytest

from consumers import feeding, ordering
from consumers import projector as projector_module
from consumers.operating import Operating
from consumers.projector import Projector
from leadflow.log.embedded import EmbeddedLog
from leadflow.log.kafka import Cluster, KafkaLog
from leadflow.postgres import Database
from leadflow.settings import Settings
from projections import writer
from projections.base import Projection
from projections.runner import ALL, Projections
from projections.store import Generation
from tests.histories import RandomHistory
from tests.kafka_broker import create_topics, new_prefix
from tests.processes import until
from tests.projectors import (
    PARTITIONS,
    POOLS,
    Writing,
    decisions_of,
    on_the_embedded_log,
    projecting,
    rows,
)

WAIT_S = 180.0
SLOW, STILL_S = "channels", 20.0
SEED = int(os.environ.get("LEADFLOW_TEST_SEED", "3"))


class Parking:
    """One read model stands still until it is parked somewhere: where a partition of another projector waits
    for it, the rest go on."""

    def __init__(self) -> None:
        self.parked: list[tuple[str, int]] = []
        self._seen = threading.Event()
        self._park = feeding._Target.park

    def park(self, target: feeding._Target, partition: int, *more: Any) -> None:
        self._park(target, partition, *more)
        self.parked.append((target.projection.name, partition))
        self._seen.set()

    def write(self, database: Database, projection: Projection, generation: Generation, *more: Any) -> Any:
        if projection.name == SLOW:
            # Not for ever: a division by the group waits for what is being written.
            self._seen.wait(STILL_S)
        return writer.write(database, projection, generation, *more)


@pytest.mark.parametrize("parked", [False, True])
def test_a_lead_between_partitions_of_two_projectors_arrives_after_it_has_left(
    monkeypatch: pytest.MonkeyPatch, kafka: Cluster, empty_database: str, log: EmbeddedLog, parked: bool
) -> None:
    monkeypatch.setattr(ordering, "BATCH_MAX", 20)
    monkeypatch.setattr(ordering, "BATCH_MIN", 1)
    # What stands still must not hold up reading before a lead has left for the other projector's partitions.
    monkeypatch.setattr(ordering, "WAITING_MAX", 10_000 if parked else 40)
    monkeypatch.setattr(projector_module, "RECORDS_MAX", 30)
    # With 0, nobody waits for a projection that lacks what others have: it reads anew what was not kept.
    monkeypatch.setattr(feeding, "PARK_S", 0 if parked else 2 * WAIT_S)
    parking = Parking()
    if parked:
        monkeypatch.setattr(feeding._Target, "park", lambda target, *given: parking.park(target, *given))
        monkeypatch.setattr(feeding, "write", parking.write)
    anew: list[list[int]] = []
    work = feeding.Feed.work

    def counted(feed: feeding.Feed) -> bool:
        # A division by the group makes it read anew, too, and may come at any time: that is not meant here.
        if again := work(feed):
            anew.append(sorted(feed.partitions))
        return again

    monkeypatch.setattr(feeding.Feed, "work", counted)
    print(f"seed {SEED}")
    history = RandomHistory(SEED, pools=POOLS, clock="requests").run(600)
    settings = Settings(kafka_prefix=new_prefix(), kafka_partitions=PARTITIONS)
    create_topics(kafka, settings)
    operating = [Operating("projector"), Operating("projector")]
    projectors = [Projector(kafka, settings.kafka_prefix, empty_database, one) for one in operating]
    with (
        KafkaLog(kafka, f"{settings.kafka_prefix}.events") as kafka_log,
        Database(empty_database) as database,
        closing(Writing(kafka, settings)) as writing,
        projecting(projectors[0]),
        projecting(projectors[1]),
    ):
        until(lambda: all(one.health().ready and one.health().partitions for one in operating))
        writing.write(decisions_of(history), random.Random(SEED))
        read_models = Projections(kafka_log, database)
        read_models.wait_for(kafka_log.ends(), WAIT_S)
        assert [status.status for status in read_models.list()] == ["live"] * len(ALL)
        assert rows(database) == on_the_embedded_log(log, history)
        print(f"partitions {[one.health().partitions for one in operating]}, read anew {anew}")
        assert parked or not anew
        assert not parked or SLOW in {name for name, _ in parking.parked}
