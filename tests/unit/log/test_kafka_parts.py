"""The Kafka log's parts that need no broker: its index, its headers, and what an error means."""

from __future__ import annotations

import gc
import random
import socket
import threading
import time
import weakref
from collections.abc import Callable

import pytest
from eventsourcing.persistence import StoredEvent
from kafka import errors as kafka_errors
from kafka.net import KafkaNetSocket
from kafka.record.default_records import DefaultRecordBatch
from kafka.record.memory_records import MemoryRecords

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
from leadflow.log.kafka import Cluster, Origin, Place, unpacking
from leadflow.log.kafka.client import translate
from leadflow.log.kafka.index import Index
from leadflow.log.kafka.records import Message, message_of, moment_of, position_in, record_of
from tests.kafka_records import as_read, batch_of
from tests.processes import until


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
    found = as_read([message], 3, 40)[0]
    record = record_of(found)
    assert (record.stored, record.position, record.origin, record.offset) == (event, 12, origin, 40)
    assert position_in(found) == 12
    found.timestamp = 1_795_255_200_123
    assert record_of(found).recorded_at == moment_of(1_795_255_200_123)
    assert record_of(found).recorded_at.isoformat() == "2026-11-21T10:00:00.123000+00:00"
    (lacking,) = as_read([message._replace(headers=message.headers[:2])], 3, 40)
    found.block += b"\x00"
    for damaged in (lacking, found):
        with pytest.raises(LogDamaged, match="offset 40"):
            record_of(damaged)


@pytest.mark.parametrize(
    "headers",
    [
        [("leadflow-position", b"12")],
        [("content-type", b"text/plain"), ("ce_type", b"leadflow-position"), ("leadflow-position", b"12")],
    ],
)
def test_a_position_is_found_among_any_headers(headers: list[tuple[str, bytes]]) -> None:
    fact = [("ce_sequence", b"7"), ("ce_type", b"leadflow.lead.claimed.v1")]
    (found,) = as_read([Message("events", 0, b"east", b"{}", [*headers, *fact])])
    assert position_in(found) == 12


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
    sent = [[("content-type", b"1")], [("é", b"2"), (Bytes(), b"\xff"), ("none", None)], [("last", b"")]]
    found = as_read(Message("t", 0, b"east", b"%d" % at, headers) for at, headers in enumerate(sent))  # type: ignore[arg-type]
    assert [(record.offset, record.key, record.value) for record in found] == [
        (1, b"east", b"0"), (2, b"east", b"1"), (3, b"east", b"2"),
    ]  # fmt: skip
    assert [record.headers for record in found] == [
        sent[0],
        [("é", b"2"), ("caf\\xe9", b"\xff"), ("none", None)],
        sent[2],
    ]


def test_records_are_read_as_the_client_itself_would() -> None:
    seed = 11
    print(f"seed {seed}")
    chance = random.Random(seed)

    def some(sizes: tuple[int, ...]) -> bytes | None:
        return None if chance.random() < 0.1 else chance.randbytes(chance.choice(sizes))

    for codec in (0, 1):
        messages = [
            Message(
                "t", 0, some((0, 1, 63, 64, 200)), some((0, 63, 64, 8191, 8192, 100_000)),
                [(f"h{n}", some((0, 63, 64)) or b"") for n in range(chance.choice((0, 1, 5, 64)))],
            )
            for _ in range(300)
        ]  # fmt: skip
        raw = batch_of(messages, 7, codec, step_ms=77)
        theirs = list(MemoryRecords(raw).next_batch())
        ours = unpacking.records_of(MemoryRecords(raw).next_batch(), "t", 0)
        names = ("offset", "timestamp", "key", "value", "headers")
        assert [[getattr(one, name) for name in names] for one in ours] == [
            [getattr(one, name) for name in names] for one in theirs
        ]


def test_a_batch_that_does_not_hold_together_is_refused() -> None:
    raw = batch_of([Message("t", 0, b"k", b"value", [("a", b"b")])] * 3)
    for cut in (raw[:-3], raw + b"\x00", raw[:61] + b"\xff" * 12 + raw[73:], raw[:61] + b"\x02" + raw[62:]):
        with pytest.raises(kafka_errors.CorruptRecordError, match="the batch at offset"):
            unpacking.records_of(DefaultRecordBatch(cut), "t", 0)


@pytest.mark.parametrize("error", [kafka_errors.KafkaTimeoutError("no broker"), OSError("no broker")])
def test_an_error_is_named_once(error: Exception) -> None:
    assert translate(error, "Kafka").what.count(type(error).__name__) == 1


@pytest.mark.parametrize(
    "connect",
    [
        lambda cluster: cluster.admin(),
        lambda cluster: cluster.consumer("reader"),
        lambda cluster: cluster.producer(),
        lambda cluster: cluster.transactional_producer("writer"),
    ],
)
def test_a_client_that_reaches_no_broker_leaves_nothing_behind(
    connect: Callable[[Cluster], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = set(threading.enumerate())
    opened: list[weakref.ref[socket.socket]] = []
    make = KafkaNetSocket.socket

    def noted(self: KafkaNetSocket, *kind: int) -> socket.socket:
        made: socket.socket = make(self, *kind)
        opened.append(weakref.ref(made))
        return made

    monkeypatch.setattr(KafkaNetSocket, "socket", noted)
    gc.disable()
    try:
        # Nobody may listen on port 1.
        _refused("ECONNREFUSED", lambda: connect(_reached_soon("127.0.0.1:1")))
        assert opened
        assert all(made is None or made.fileno() < 0 for made in (one() for one in opened))
    finally:
        gc.enable()
    until(lambda: set(threading.enumerate()) <= before)


def test_a_client_tells_why_it_was_not_let_in() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        over = threading.Event()

        def hang_up() -> None:
            while not over.is_set():
                server.accept()[0].close()

        thread = threading.Thread(target=hang_up, daemon=True)
        thread.start()
        where = "127.0.0.1", server.getsockname()[1]
        _refused("Handshake failed", _reached_soon(f"{where[0]}:{where[1]}", security_protocol="SSL").admin)
        over.set()
        socket.create_connection(where).close()
        thread.join()


def _reached_soon(servers: str, **options: str) -> Cluster:
    return Cluster(servers, options={"bootstrap_timeout_ms": 300, **options})


def _refused(why: str, connect: Callable[[], object]) -> None:
    """On a busy machine the time is over before a connection was tried: it is then tried again."""
    deadline = time.monotonic() + 120
    told = ""
    while why not in told:
        assert time.monotonic() < deadline, told
        with pytest.raises(Unavailable) as caught:
            connect()
        told = caught.value.what
