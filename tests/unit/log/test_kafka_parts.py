"""The Kafka log's parts that need no broker: its index, its headers, and what an error means."""

from __future__ import annotations

import random
from types import SimpleNamespace

import pytest
from eventsourcing.persistence import StoredEvent
from kafka import errors as kafka_errors
from kafka.record.memory_records import MemoryRecords, MemoryRecordsBuilder

from leadflow.errors import (
    Conflict,
    Fenced,
    LogDamaged,
    NotFound,
    Rebalanced,
    TooLarge,
    Unavailable,
    UsageError,
)
from leadflow.log.kafka import Origin, Place
from leadflow.log.kafka.client import translate
from leadflow.log.kafka.index import Index
from leadflow.log.kafka.records import message_of, moment_of, record_of


def test_an_index_goes_on_from_its_place_as_if_it_had_read_all() -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    draw = random.Random(seed)
    whole, offset = Index(), 0
    places = [whole.place()]
    added: list[tuple[str, int, int, int]] = []
    for position in range(1, 200):
        pool = draw.choice(("east", "west", "north"))
        offset += draw.randint(1, 3)
        fact = (pool, (whole.last(pool) or 0) + 1, position, offset)
        whole.add(*fact)
        added.append(fact)
        places.append(whole.place())
    start = draw.randrange(200)
    later = Index(places[start])
    for fact in added[start:]:
        later.add(*fact)
    assert later.place() == whole.place()
    for pool, sequence, position, at in added[start:]:
        assert later.offset(position) == at
        assert list(later.positions(pool, sequence - 1, sequence)) == [position]
    for pool in whole.pools():
        mine = [position for name, _, position, _ in added if name == pool]
        assert list(whole.positions(pool, None, None)) == mine


@pytest.mark.parametrize(
    "facts",
    [
        [("east", 2)],
        [("east", 4)],
        [("west", 2)],
        [("east", 3), ("east", 3)],
        [("east", 3), ("east", 5)],
    ],
)
def test_only_the_next_fact_of_a_pool_may_be_written(facts: list[tuple[str, int]]) -> None:
    index = Index(Place(10, 2, {"east": 2}))
    with pytest.raises(Conflict):
        index.check(facts)
    index.check([("east", 3), ("west", 1), ("east", 4)])


@pytest.mark.parametrize("fact", [("east", 3, 4), ("east", 4, 3), ("west", 2, 3)])
def test_a_log_with_a_gap_is_damaged(fact: tuple[str, int, int]) -> None:
    pool, sequence, position = fact
    with pytest.raises(LogDamaged):
        Index(Place(10, 2, {"east": 2})).add(pool, sequence, position, 11)


def test_what_is_written_comes_back() -> None:
    event = StoredEvent("east", 1042, "leadflow.lead.claimed.v1", b'{"specversion":"1.0"}')
    origin = Origin("leadflow.commands", 3, 77)
    message = message_of(event, 12, "leadflow.events", 3, origin)
    assert dict(message.headers)["content-type"] == b"application/cloudevents+json; charset=UTF-8"
    found = SimpleNamespace(
        topic="leadflow.events", partition=3, offset=40, timestamp=1_795_255_200_123,
        key=message.key, value=message.value, headers=message.headers,
    )  # fmt: skip
    record = record_of(found)
    assert (record.stored, record.position, record.origin, record.offset) == (event, 12, origin, 40)
    assert record.recorded_at == moment_of(1_795_255_200_123)
    assert record.recorded_at.isoformat() == "2026-11-21T10:00:00.123000+00:00"
    found.headers = found.headers[:2]
    with pytest.raises(LogDamaged, match="offset 40"):
        record_of(found)


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        (kafka_errors.ProducerFencedError(), Fenced),
        (kafka_errors.InvalidProducerEpochError(), Fenced),
        (kafka_errors.KafkaError("in an error state", kafka_errors.ProducerFencedError()), Fenced),
        (kafka_errors.CommitFailedError("generation"), Rebalanced),
        (kafka_errors.UnknownTopicOrPartitionError(), NotFound),
        (kafka_errors.MessageSizeTooLargeError(), TooLarge),
        (kafka_errors.TopicAuthorizationFailedError(), UsageError),
        (kafka_errors.KafkaTimeoutError(), Unavailable),
        (kafka_errors.KafkaConnectionError(), Unavailable),
        (kafka_errors.NotEnoughReplicasError(), Unavailable),
    ],
)
def test_every_error_of_the_client_has_one_meaning(error: Exception, meaning: type[Exception]) -> None:
    told = translate(error, "Kafka at here:9092")
    assert type(told) is meaning
    assert told.where == "Kafka at here:9092"


class Bytes(str):
    """A header's name that is sent as bytes which are no UTF-8."""

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        return b"caf\xe9"


def test_records_are_read_whatever_their_headers_are_called() -> None:
    builder = MemoryRecordsBuilder(magic=2, compression_type=0, batch_size=10_000)
    sent = [[("content-type", b"1")], [("é", b"2"), (Bytes(), b"\xff"), ("none", None)], [("last", b"")]]
    for number, headers in enumerate(sent):
        builder.append(timestamp=number, key=b"east", value=b"%d" % number, headers=headers)
    builder.close()
    found = list(MemoryRecords(bytes(builder.buffer())).next_batch())
    assert [(record.offset, record.key, record.value) for record in found] == [
        (0, b"east", b"0"), (1, b"east", b"1"), (2, b"east", b"2"),
    ]  # fmt: skip
    assert [record.headers for record in found] == [
        sent[0],
        [("é", b"2"), ("caf\\xe9", b"\xff"), ("none", None)],
        sent[2],
    ]
