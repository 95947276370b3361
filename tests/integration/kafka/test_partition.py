"""One partition of the log: all or none, one writer, and certainty after every failure."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from eventsourcing.persistence import OperationalError, StoredEvent
from kafka.structs import ConsumerGroupMetadata, TopicPartition

from leadflow.errors import (
    BrokenInvariant,
    Conflict,
    Fenced,
    LeadflowError,
    LogDamaged,
    OutcomeUnknown,
    Rebalanced,
    Unavailable,
    UsageError,
)
from leadflow.log.kafka import Cluster, KafkaApplicationRecorder, Message, Offsets, Origin, PartitionLog
from leadflow.log.kafka.client import RECORD_BYTES_MAX, close_producer
from leadflow.log.kafka.topics import TopicNames
from leadflow.log.kafka.writer import WAIT_S, Pending
from leadflow.settings import Settings
from local_kafka import LocalKafka
from tests.integration.kafka.conftest import OpenLog
from tests.kafka_broker import create_topics, new_prefix, own_kafka
from tests.processes import until

NO_MEMBER = -1
PATIENCE_S = 0.5
"""How long tests wait for the answer of a broker that gives none."""


def facts(pool: str, first: int, count: int = 1, state: bytes = b"{}") -> list[StoredEvent]:
    return [StoredEvent(pool, first + at, "leadflow.lead.claimed.v1", state) for at in range(count)]


def group(name: str) -> ConsumerGroupMetadata:
    return ConsumerGroupMetadata(name, NO_MEMBER, "", None)


def test_facts_other_records_and_offsets_are_one_transaction(
    open_log: OpenLog, kafka: Cluster, settings: Settings
) -> None:
    names = TopicNames.of(settings.kafka_prefix)
    log = open_log()
    log.take()
    origin = Origin(names.commands, 0, 41)
    dead = Message(names.dead_letters, 0, b"east", b"\xff", [("reason", b"not JSON")])
    consumed = Offsets(group("deciders"), {(names.commands, 0): 42})
    assert log.append(facts("east", 1, 2), [dead], consumed, [origin, None]) == [1, 2]

    assert [record.origin for record in log.read()] == [origin, None]
    with pytest.raises(UsageError):
        log.append(facts("east", 3, state=b"x" * (RECORD_BYTES_MAX + 1)), [dead], consumed)
    log.take()
    stale = Offsets(ConsumerGroupMetadata("deciders", 7, "a-member-of-old", None), {(names.commands, 0): 50})
    with pytest.raises(Rebalanced):
        log.append(facts("east", 3), [dead], stale)

    reader = kafka.consumer("test", group_id="deciders")
    letters = TopicPartition(names.dead_letters, 0)
    reader.assign([letters])
    reader.seek_to_beginning(letters)
    found: list[Any] = []

    def come() -> bool:
        found.extend(reader.poll(200).get(letters, []))
        return bool(found)

    until(come)
    assert [(record.value, dict(record.headers)) for record in found] == [(b"\xff", {"reason": b"not JSON"})]
    # Of one transaction, each topic hears by itself that it is committed.
    until(lambda: reader.committed(TopicPartition(names.commands, 0)) == 42)
    reader.close()
    assert log.take() == 2


def test_positions_have_no_gaps_where_offsets_do(open_log: OpenLog) -> None:
    log = open_log()
    log.take()
    for sequence in (1, 2, 3):
        log.append(facts("east", sequence))
    found = list(log.read())
    assert [record.position for record in found] == [1, 2, 3]
    assert found[2].offset - found[0].offset > 2
    assert [record.position for record in log.read(gt=1, until=2)] == [2]


def test_what_an_older_writer_left_open_is_never_seen(open_log: OpenLog, kafka: Cluster) -> None:
    log = open_log()
    log.take()
    log.append(facts("east", 1))
    left = kafka.transactional_producer(log.writer.transactional_id)
    left.init_transactions()
    left.begin_transaction()
    left.send(log.topic, key=b"east", value=b"never", partition=0).get(timeout=120)

    newer = open_log()
    assert newer.take() == 1
    assert newer.append(facts("east", 2)) == [2]
    assert [record.document for record in newer.read()] == [b"{}", b"{}"]
    close_producer(left, wait_s=1.0)


def test_the_older_of_two_writers_is_turned_away(open_log: OpenLog) -> None:
    older, newer = open_log(), open_log()
    older.take()
    older.append(facts("east", 1))
    assert newer.take() == 1
    with pytest.raises(Fenced):
        older.append(facts("east", 2))
    assert not older.taken
    with pytest.raises(Unavailable, match="not taken"):
        older.append(facts("east", 2))
    newer.append(facts("east", 2))
    assert older.catch_up() == 2


def test_a_fact_must_be_the_next_of_its_pool(open_log: OpenLog) -> None:
    log = open_log()
    log.take()
    log.append([*facts("east", 1, 2), *facts("west", 1)])
    for wrong in (
        facts("east", 2),
        facts("east", 4),
        facts("west", 1),
        [*facts("west", 2), *facts("west", 2)],
    ):
        with pytest.raises(Conflict):
            log.append(wrong)
    assert log.append([*facts("west", 2), *facts("east", 3)]) == [4, 5]
    assert (log.pools(), log.last("east"), log.last("west"), log.last("north")) == (
        ["east", "west"], 3, 2, 0,
    )  # fmt: skip


def test_deciding_goes_on_while_an_append_is_under_way(open_log: OpenLog) -> None:
    log = open_log()
    log.take()
    first = log.append_later(facts("east", 1, 100))
    with pytest.raises(BrokenInvariant):
        log.append_later(facts("east", 101))
    assert first.positions() == list(range(1, 101))
    assert log.append_later(facts("east", 101)).positions() == [101]


def test_a_log_goes_on_from_a_place_without_reading_what_is_before(open_log: OpenLog, kafka: Cluster) -> None:
    log = open_log()
    log.take()
    log.append([*facts("east", 1, 50), *facts("west", 1, 50)])
    place = log.place()
    log.append(facts("east", 51, 2))

    later = PartitionLog(kafka, log.topic, 0, start=place)
    assert later.take() == 102
    assert later.append(facts("east", 53)) == [103]
    assert [record.sequence for record in later.read_pool("east", gt=50)] == [51, 52, 53]
    assert [record.sequence for record in later.read_pool("west", gt=47, limit=2)] == [48, 49]
    assert [record.sequence for record in later.read_pool("west", limit=2, desc=True)] == [50, 49]
    assert len(list(later.read())) == 103
    later.close()


def test_two_reads_at_a_time_do_not_disturb_each_other(open_log: OpenLog) -> None:
    log = open_log()
    log.take()
    log.append([*facts("east", 1, 30), *facts("west", 1, 30)])
    one, other = log.read(), log.read_pool("west")
    seen = [(next(one).position, next(other).sequence) for _ in range(30)]
    assert seen == [(at, at) for at in range(1, 31)]


def test_a_record_that_leadflow_did_not_write_stops_the_log(open_log: OpenLog, kafka: Cluster) -> None:
    log = open_log()
    producer = kafka.producer()
    producer.send(log.topic, key=b"east", value=b"hello", partition=0).get(timeout=120)
    producer.close(timeout=5)
    with pytest.raises(LogDamaged, match="not as LeadFlow writes"):
        log.take()


def test_facts_that_were_deleted_stop_the_log(open_log: OpenLog, kafka: Cluster) -> None:
    log = open_log()
    log.take()
    log.append(facts("east", 1, 3))
    admin = kafka.admin()
    admin.delete_records({TopicPartition(log.topic, 0): 2})
    admin.close()
    with pytest.raises(LogDamaged, match="offset"):
        open_log().take()


# --- a broker that stops answering ------------------------------------------------------------


@pytest.fixture(scope="module")
def broker() -> Iterator[LocalKafka]:
    """A broker that may be stopped in the middle of anything."""
    with own_kafka("stopped") as kafka:
        yield kafka


@pytest.fixture
def fragile(broker: LocalKafka) -> Iterator[PartitionLog]:
    """A log on it."""
    cluster = Cluster(broker.address)
    settings = Settings(kafka_prefix=new_prefix(), kafka_partitions=1)
    create_topics(cluster, settings)
    log = PartitionLog(cluster, f"{settings.kafka_prefix}.events", 0)
    log.take()
    log.append(facts("east", 1))
    yield log
    log.close()


def stopped_at_commit(broker: LocalKafka, monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Have the broker stop when the next commit begins; gives when nobody waits for that any more."""
    begin_commit = Pending.begin_commit
    stopped, waited = threading.Event(), threading.Event()

    def stop(pending: Pending) -> None:
        begin_commit(pending)
        broker.nodes[0].pause()
        stopped.set()

    def impatient(pending: Pending) -> bool:
        assert stopped.wait(pending.remaining_s()), "it did not come to the commit"
        done = pending._done.wait(PATIENCE_S)
        waited.set()
        return done

    monkeypatch.setattr(Pending, "begin_commit", stop)
    monkeypatch.setattr(Pending, "_wait", impatient)
    return waited


def test_a_commit_without_an_answer_is_found_out_by_reading_back(
    fragile: PartitionLog, broker: LocalKafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped_at_commit(broker, monkeypatch)
    wanted = facts("east", 2, 3)
    try:
        with pytest.raises(OutcomeUnknown):
            fragile.append(wanted)
    finally:
        broker.nodes[0].resume()
    monkeypatch.undo()
    end = fragile.take()
    found = fragile.find(wanted)
    print(f"stopped during the commit; afterwards the log ends at {end}, the facts are at {found}")
    assert (end, found) in ((4, [2, 3, 4]), (1, None))
    assert fragile.append(facts("east", end + 1)) == [end + 1]


def test_the_event_store_hears_of_a_commit_only_what_is_certain(
    fragile: PartitionLog, broker: LocalKafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited = stopped_at_commit(broker, monkeypatch)

    def come_back() -> None:
        waited.wait()
        monkeypatch.undo()
        broker.nodes[0].resume()

    threading.Thread(target=come_back).start()
    recorder = KafkaApplicationRecorder(fragile)
    try:
        written = recorder.insert_events(facts("east", 2, 3))
    except OperationalError as told:
        # Whoever takes the partition may be sooner at the broker than the commit.
        print(told)
        written = []
    assert written in ([2, 3, 4], [])
    assert recorder.max_notification_id() == 1 + len(written)
    assert recorder.insert_events(facts("east", 2 + len(written))) == [2 + len(written)]


def test_a_broker_that_stops_before_the_commit_has_nothing_written(
    fragile: PartitionLog, broker: LocalKafka
) -> None:
    broker.nodes[0].pause()
    fragile.writer._wait_s = PATIENCE_S
    try:
        with pytest.raises(Unavailable) as caught:
            fragile.append(facts("east", 2, 3))
    finally:
        broker.nodes[0].resume()
    assert caught.type is Unavailable
    fragile.writer._wait_s = WAIT_S
    assert fragile.take() == 1
    assert fragile.append(facts("east", 2)) == [2]


def test_a_broker_that_was_killed_comes_back_with_every_fact(
    fragile: PartitionLog, broker: LocalKafka
) -> None:
    broker.nodes[0].kill()
    fragile.writer._wait_s = PATIENCE_S
    with pytest.raises(Unavailable):
        fragile.append(facts("east", 2))
    fragile.writer._wait_s = WAIT_S
    broker.start_node(broker.nodes[0])
    end = fragile.take()
    assert end in (1, 2)
    assert fragile.append(facts("east", end + 1)) == [end + 1]


@pytest.mark.parametrize("stopped", [False, True])
def test_nothing_goes_on_for_ever_when_a_broker_does_not_come_back(broker: LocalKafka, stopped: bool) -> None:
    """A decider throws its producer away after each failure: what a lost one keeps would add up."""
    cluster = Cluster(broker.address)
    settings = Settings(kafka_prefix=new_prefix(), kafka_partitions=1)
    create_topics(cluster, settings)
    before = set(threading.enumerate())
    logs = [PartitionLog(cluster, f"{settings.kafka_prefix}.events", 0) for _ in range(3)]
    for number, log in enumerate(logs):
        log.writer.transactional_id += f"-{number}"
        log.take()
        log.append(facts(f"east{number}", 1))
        log.writer._wait_s = PATIENCE_S
    single = cluster.producer()
    single.partitions_for(logs[0].topic)
    node = broker.nodes[0]
    node.pause() if stopped else node.kill()
    try:
        for number, log in enumerate(logs):
            with pytest.raises(LeadflowError):
                log.append(facts(f"east{number}", 2))
        single.send(logs[0].topic, key=b"east", value=b"{}", partition=0)
        close_producer(single, wait_s=0)
        for log in logs:
            log.close()
        until(lambda: set(threading.enumerate()) <= before)
    finally:
        node.resume() if stopped else broker.start_node(node)
