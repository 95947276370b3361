"""The log in Kafka as its readers see it: what the embedded log says of the same facts, and no more reading
than is needed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from eventsourcing.persistence import StoredEvent

from leadflow.errors import LogDamaged, NotFound, Unavailable
from leadflow.log.embedded import EmbeddedLog
from leadflow.log.kafka import Cluster, KafkaLog, PartitionLog
from leadflow.log.kafka.reader import PartitionReader
from leadflow.log.partitioning import partition_of
from leadflow.log.reading import Log
from leadflow.log.verify import export, verify
from leadflow.settings import Settings
from tests.integration.log.chains import chain
from tests.kafka_broker import create_topics, new_prefix
from tests.processes import until

PARTITIONS = 3
POOLS = ("_company", "east", "north", "south", "west")


@pytest.fixture
def settings(kafka: Cluster) -> Settings:
    made = Settings(kafka_prefix=new_prefix(), kafka_partitions=PARTITIONS)
    create_topics(kafka, made)
    return made


@pytest.fixture
def topic(settings: Settings) -> str:
    return f"{settings.kafka_prefix}.events"


@pytest.fixture
def kafka_log(kafka: Cluster, topic: str) -> Iterator[KafkaLog]:
    with KafkaLog(kafka, topic) as log:
        yield log


def written(kafka: Cluster, topic: str, decisions: dict[str, list[int]], seed: int) -> list[StoredEvent]:
    """Chains of facts in their partitions, in transactions of all sizes, some of them aborted."""
    draw = random.Random(seed)
    print(f"seed {seed}")
    everything = []
    for partition in range(PARTITIONS):
        chains = [chain(p, d) for p, d in decisions.items() if partition_of(p, PARTITIONS) == partition]
        if not chains:
            continue
        log = PartitionLog(kafka, topic, partition)
        log.take()
        while any(chains):
            facts = chains[draw.randrange(len(chains))]
            size = draw.choice((1, 7, 30, 500))
            batch, facts[:] = facts[:size], facts[size:]
            if draw.random() < 0.1:
                log.append_later(batch)
                log.take()
                if log.find(batch) is not None:
                    everything += batch
                    continue
            log.append(batch)
            everything += batch
        log.close()
    return everything


def test_both_logs_say_the_same(kafka: Cluster, topic: str, kafka_log: KafkaLog, log: EmbeddedLog) -> None:
    assert (kafka_log.ends(), kafka_log.end()) == ({0: 0, 1: 0, 2: 0}, 0)
    assert (kafka_log.last("east"), kafka_log.document("east", 1)) == (0, None)
    draw = random.Random(7)
    facts = written(kafka, topic, {p: [draw.randint(1, 3) for _ in range(30)] for p in POOLS}, seed=7)
    log.append(facts)

    def told(one: Log) -> dict[str, Any]:
        return {
            "end": one.end(),
            "pools": one.pools(),
            "last": [one.last(pool) for pool in (*POOLS, "nowhere")],
            "pool": {pool: list(one.read_pool(pool)) for pool in POOLS},
            "on": [list(one.read_pool("east", gt)) for gt in (1, 30, one.last("east"), 10_000)],
            "one": [one.document("west", sequence) for sequence in (1, 17, 29, one.last("west"), 10_000)],
            "some": one.documents("south", [3, 1, 24, 10_000]),
            "all": sorted(event.state for _, _, event in one.read_all(topics=[facts[0].topic])),
            "none": list(one.read_all(topics=["leadflow.pool.opened.v1"])),
            "proof": {name: (pool.events, pool.last_hash) for name, pool in verify(one).pools.items()},
        }

    assert told(kafka_log) == told(log)
    assert sum(kafka_log.ends().values()) == len(facts)


def test_a_place_goes_on_from_itself(kafka: Cluster, topic: str, kafka_log: KafkaLog) -> None:
    written(kafka, topic, {"east": [2] * 200, "west": [1] * 30}, seed=8)
    at = kafka_log.partition_of("east")
    everything = list(kafka_log.read_partition(at))
    assert [position for position, *_ in everything] == list(range(1, kafka_log.ends()[at] + 1))
    for gt in (0, 57, 200, len(everything) - 1, len(everything), len(everything) + 1):
        assert list(kafka_log.read_partition(at, gt)) == everything[gt:]
    moment = everything[90][1]
    assert list(kafka_log.read_partition(at, until=moment)) == [one for one in everything if one[1] <= moment]
    assert list(kafka_log.read_partition(at, until=everything[0][1] - timedelta(seconds=1))) == []


def test_a_fact_is_found_without_reading_the_partition(
    kafka: Cluster, topic: str, kafka_log: KafkaLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = written(kafka, topic, {"east": [3] * 1_500, "west": [1] * 100}, seed=9)
    by_place = {(f.originator_id, f.originator_version): f.state for f in facts}
    positions = {
        event.originator_version: position
        for position, _, event in kafka_log.read_partition(kafka_log.partition_of("east"))
        if event.originator_id == "east"
    }
    seen: list[int] = []
    page = PartitionReader.page

    def counted(self: PartitionReader, *args: Any, **options: Any) -> Any:
        found = page(self, *args, **options)
        seen.append(len(found[0]))
        return found

    monkeypatch.setattr(PartitionReader, "page", counted)
    with KafkaLog(kafka, topic) as cold:
        assert cold.document("east", 3_543, positions[3_543]) == by_place["east", 3_543]
        with_position, looks = sum(seen), len(seen)
        assert cold.documents("east", [100, 4_200], [positions[100], positions[4_200]]) == {
            sequence: by_place["east", sequence] for sequence in (100, 4_200)
        }
        wrong = cold.document("east", 3_543, 12)
        assert wrong == by_place["east", 3_543]
    assert with_position < 1_000
    assert looks < 12
    # Many facts are many neighbours: each page is read once.
    many = range(1_000, 2_000)
    seen.clear()
    with KafkaLog(kafka, topic) as cold:
        found = cold.documents("east", many, [positions[sequence] for sequence in many])
    assert found == {sequence: by_place["east", sequence] for sequence in many}
    print(f"{len(seen)} pages for {len(many)} facts")
    assert len(seen) < 100
    seen.clear()
    with KafkaLog(kafka, topic) as cold:
        assert cold.document("east", 3_543) == by_place["east", 3_543]
    assert sum(seen) < 2_500


def test_what_is_not_committed_is_not_there(kafka: Cluster, topic: str, kafka_log: KafkaLog) -> None:
    facts = chain("east", [1] * 6)
    at = kafka_log.partition_of("east")
    writer = PartitionLog(kafka, topic, at)
    writer.take()
    writer.append(facts[:3])
    until(lambda: kafka_log.ends()[at] == 3)
    assert kafka_log.wait(120), "what came before the first wait is unknown"
    assert not kafka_log.wait(0.1)
    producer = kafka.transactional_producer(f"{topic}-open")
    producer.init_transactions()
    producer.begin_transaction()
    producer.send(topic, partition=at, key=b"east", value=b"not yet").get(timeout=120)
    assert kafka_log.ends()[at] == 3
    assert kafka_log.last("east") == 3
    assert [event.originator_version for event in kafka_log.read_pool("east")] == [1, 2, 3]
    producer.abort_transaction()
    producer.close()
    writer.append(facts[3:])
    until(lambda: kafka_log.ends()[at] == 6)
    writer.close()


def test_the_export_is_every_document(kafka: Cluster, topic: str, kafka_log: KafkaLog, tmp_path: Any) -> None:
    facts = written(kafka, topic, {"east": [2] * 10, "north": [1] * 7}, seed=10)
    with (tmp_path / "log").open("wb") as out:
        assert export(kafka_log, out) == len(facts)
    assert sorted((tmp_path / "log").read_bytes().splitlines()) == sorted(fact.state for fact in facts)


def test_a_lost_position_is_told(kafka: Cluster, topic: str, kafka_log: KafkaLog) -> None:
    for number in (1, 2):
        # Whoever writes past the decider's own way repeats a position.
        log = PartitionLog(kafka, topic, 1)
        log.writer.fence()
        log._settled = True
        log.append(chain("east", [1] * 3)[: number + 1])
        log.close()
    with pytest.raises(LogDamaged, match="after position 2 of partition 1 comes 1"):
        list(kafka_log.read_partition(1))


def test_a_log_that_is_away_is_unavailable(kafka: Cluster) -> None:
    with KafkaLog(Cluster("127.0.0.1:1"), "leadflow.events") as log, pytest.raises(Unavailable):
        log.ends()
    with KafkaLog(kafka, "nothing-of-that-name") as log, pytest.raises(NotFound):
        log.ends()
