"""The decider on a real Kafka: beside a bare loop, one claim's way, and what transactions cost.

    python tests/benchmarks/bench_decider.py [REQUESTS] [SECONDS]

A broker of its own (or `LEADFLOW_TEST_KAFKA`) with the settings of docker/kafka, one partition. The bare loop
consumes the same requests and writes as many, equally large, already encoded records as the decider wrote,
in transactions of the same size, with the consumed offsets in each. The broker is warmed up before: a JVM's
first transactions take several times as long as those of one that has run for a minute.
"""

from __future__ import annotations

import itertools
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any

from kafka import KafkaProducer
from kafka.structs import OffsetAndMetadata, TopicPartition

from leadflow.domain.requests import Request
from leadflow.domain.values import derived_id
from leadflow.log.envelope import encode_request, parse
from leadflow.log.kafka import Cluster, Message, PartitionLog, Record
from leadflow.log.kafka.client import BATCH_BYTES
from leadflow.log.kafka.records import message_of
from leadflow.log.kafka.topics import Topics
from leadflow.log.kafka.writer import Offsets, Writer
from leadflow.settings import Settings
from tests.benchmarks.common import calibrate, waiting_policy
from tests.deciders import Office, deciding
from tests.kafka_broker import new_prefix, running_kafka
from tests.team import arrival, claim, joining, opening

REPS = tuple(f"rep{number}" for number in range(10))
INTERVALS_MS = (5, 20, 100)
WARM_UP = 50
TRANSACTIONS_BEFORE = 1_500
ROUNDS = 3
LOOK_S = 0.25
"""How often it is asked how far the decider is."""


def new_office(cluster: Cluster) -> Office:
    """Topics of their own, one partition each."""
    settings = Settings(kafka_prefix=new_prefix(), kafka_partitions=1)
    with Topics(cluster, settings) as topics:
        topics.create()
    return Office(cluster, settings)


def warm_up(cluster: Cluster) -> None:
    """Let the broker do for a while what will be measured."""
    office = new_office(cluster)
    consumer = cluster.consumer("bare", group_id=f"{office.settings.kafka_prefix}-bare")
    consumer.assign([TopicPartition(office.names.events, 0)])
    consumer.seek(TopicPartition(office.names.events, 0), 0)
    writer = Writer(cluster, f"{office.settings.kafka_prefix}-bare")
    writer.fence()
    for number in range(TRANSACTIONS_BEFORE):
        offsets = Offsets(consumer.group_metadata(), {(office.names.commands, 0): number})
        writer.write([Message(office.names.events, 0, b"east", b"x" * 800)], offsets)
        consumer.poll(0)
    writer.close()
    consumer.close(autocommit=False)
    office.close()


def load(count: int) -> Iterator[Request]:
    """Half arrivals, half claims of them."""
    for number in range(count // 2):
        intake = arrival(number)
        yield intake
        yield claim(REPS[number % 10], derived_id("lead", "east", intake.identity), f"claim-{number}")


def throughput(cluster: Cluster, count: int) -> float:
    """Requests that wait are decided: records a second, beside the bare loop; gives their ratio."""
    office = new_office(cluster)
    requests = [opening(policy=waiting_policy()), *joining(REPS), *load(count)]
    office.send(requests, all_through_commands=True)
    log = PartitionLog(cluster, office.names.events, 0)
    with deciding(office.settings, cluster.servers):
        # Nobody reads what the bare loop writes; so nobody reads the facts before they are all there.
        while log.reader.bounds()[1] < len(requests):
            time.sleep(LOOK_S)
        facts = office.wait_for(lambda facts: len(facts) >= len(requests))
    seconds = (facts[-1].recorded_at - facts[0].recorded_at).total_seconds()
    transactions = log.reader.bounds()[1] - len(facts)
    log.close()
    size = max(1, len(facts) // transactions)
    bytes_each = statistics.mean(len(one.document) for one in facts)
    decider = len(facts) / seconds
    bare = bare_loop(cluster, office, facts, size)
    print(
        f"{len(requests)} requests, {len(facts)} facts of {bytes_each:.0f} bytes in {transactions}"
        f" transactions: decider {decider:.0f}/s, bare loop {bare:.0f}/s, ratio {decider / bare:.2f}"
    )
    office.close()
    return decider / bare


def bare_loop(cluster: Cluster, office: Office, facts: Sequence[Record], size: int) -> float:
    """Consume, echo, commit: records a second."""
    place = TopicPartition(office.names.commands, 0)
    consumer = cluster.consumer("bare", group_id=f"{office.settings.kafka_prefix}-bare")
    consumer.assign([place])
    consumer.seek(place, 0)
    writer = Writer(cluster, f"{office.settings.kafka_prefix}-bare")
    writer.fence()
    topic, member = office.names.dead_letters, consumer.group_metadata()
    # With their headers: a record of the decider's is a quarter larger than its document.
    messages = iter([message_of(one.stored, one.position, topic, 0, one.origin) for one in facts])
    written, offset, pending = 0, 0, None
    began = time.monotonic()
    while written < len(facts):
        for records in consumer.poll(100, max_records=size).values():
            offset = records[-1].offset + 1
        batch = list(itertools.islice(messages, size))
        following = writer.write_later(batch, Offsets(member, {(place.topic, 0): offset}))
        if pending is not None:
            pending.result()
        pending, written = following, written + len(batch)
    if pending is not None:
        pending.result()
    seconds = time.monotonic() - began
    writer.close()
    consumer.close(autocommit=False)
    return len(facts) / seconds


def latency(cluster: Cluster, rate: int, seconds: float) -> None:
    """From the client's send of a claim to the client's fact, at so many a second."""
    office = new_office(cluster)
    office.send([opening(policy=waiting_policy()), *joining(REPS), *map(arrival, range(WARM_UP))])
    lead = derived_id("lead", "east", arrival(0).identity)
    with deciding(office.settings, cluster.servers):
        office.wait_for(lambda facts: len(facts) >= 1 + len(REPS) + WARM_UP)
        follower = cluster.consumer("client")
        place = TopicPartition(office.names.events, 0)
        follower.assign([place])
        follower.seek_to_end(place)
        follower.poll(100)
        sent: dict[str, float] = {}
        took: list[float] = []
        began, number, count = time.monotonic(), 0, int(rate * seconds)
        while len(took) < count and time.monotonic() - began < 4 * seconds + 10:
            while number < count and time.monotonic() - began >= number / rate:
                one = claim(REPS[number % 10], lead, f"c-{number}")
                sent[one.identity] = time.monotonic()
                office.put(office.names.commands, encode_request(one))
                number += 1
            # Looking for facts without a pause would take from the broker and the decider what they need.
            wait_ms = max(1, int((began + number / rate - time.monotonic()) * 1e3)) if number < count else 20
            for records in follower.poll(wait_ms).values():
                now = time.monotonic()
                took += (now - sent.pop(cause) for cause in map(_cause, records) if cause in sent)
        follower.close(autocommit=False)
    ordered = sorted(took[WARM_UP:])
    p99 = ordered[int(len(ordered) * 0.99)]
    print(
        f"a claim at {rate}/s: p50 {statistics.median(ordered) * 1e3:.0f} ms, p99 {p99 * 1e3:.0f} ms"
        f" ({len(took)} of {count} came back)"
    )
    office.close()


def _cause(record: Any) -> str:
    return str(parse(record.value).get("causationid"))


def intervals(cluster: Cluster, seconds: float) -> None:
    """What commits cost: records a second with one every so often, beside none."""
    office = new_office(cluster)
    topic, value = office.names.events, b"x" * 800
    plain = KafkaProducer(bootstrap_servers=cluster.servers.split(","), batch_size=BATCH_BYTES)
    bare = _rate(seconds, lambda: plain.send(topic, value=value, key=b"east", partition=0), plain.flush)
    plain.close(timeout=10)
    print(f"records of {len(value)} bytes: {bare:.0f}/s without transactions")
    for interval_ms in INTERVALS_MS:
        producer = cluster.transactional_producer(f"{office.settings.kafka_prefix}-{interval_ms}")
        producer.init_transactions()
        producer.begin_transaction()
        due = time.monotonic() + interval_ms / 1e3

        def send(producer: Any = producer, interval_ms: int = interval_ms) -> None:
            nonlocal due
            producer.send(topic, value=value, key=b"east", partition=0)
            if time.monotonic() >= due:
                place = TopicPartition(office.names.commands, 0)
                offsets = {place: OffsetAndMetadata(0)}
                producer.send_offsets_to_transaction(offsets, f"{office.settings.kafka_prefix}-group")
                producer.commit_transaction()
                producer.begin_transaction()
                due = time.monotonic() + interval_ms / 1e3

        rate = _rate(seconds, send, producer.commit_transaction)
        producer.close(timeout=10)
        print(f"  a commit every {interval_ms} ms: {rate:.0f}/s, {rate / bare:.2f} of that")
    office.close()


def _rate(seconds: float, send: Any, finish: Any) -> float:
    began, count = time.monotonic(), 0
    while time.monotonic() - began < seconds:
        send()
        count += 1
    finish()
    return count / (time.monotonic() - began)


def main() -> None:
    """Measure."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 10.0
    calibrate()
    with running_kafka("bench") as address:
        cluster = Cluster(address)
        warm_up(cluster)
        ratios = [throughput(cluster, count) for _ in range(ROUNDS)]
        print(f"the median of {ROUNDS} rounds: {statistics.median(ratios):.2f} of the bare loop (goal 0.5)")
        latency(cluster, 50, seconds)
        latency(cluster, 1_000, seconds)
        intervals(cluster, seconds / 3)


if __name__ == "__main__":
    main()
