"""Deciders as processes, what is sent to them, and what the log says afterwards."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from kafka.structs import TopicPartition

from leadflow.domain.requests import Request, SubmitIntake
from leadflow.errors import Unavailable
from leadflow.log.envelope import decode, encode_request, hash_of
from leadflow.log.kafka import Cluster, PartitionLog, Record
from leadflow.log.kafka.client import close_producer
from leadflow.log.kafka.records import CONTENT_TYPE
from leadflow.log.kafka.topics import TopicNames
from leadflow.log.partitioning import partition_of
from leadflow.settings import Settings
from tests.kafka_processes import KafkaProcess
from tests.log_checks import check as check

WAIT_S = 300.0
STRUCTURED = [("content-type", CONTENT_TYPE.encode())]


class Office:
    """One log in Kafka, seen from outside: its request topics, its facts, its dead letters."""

    def __init__(self, cluster: Cluster, settings: Settings) -> None:
        self.cluster = cluster
        self.names = TopicNames.of(settings.kafka_prefix)
        self.settings = settings
        self.partitions = settings.kafka_partitions
        self._producer = cluster.producer()
        self._logs = [PartitionLog(cluster, self.names.events, p) for p in range(self.partitions)]

    def send(
        self, requests: Iterable[Request], *, all_through_commands: bool = False, in_order: bool = True
    ) -> None:
        """Send requests: arrivals as adapters do, the others as LeadFlow does.

        Between the two topics only append times make an order, so a change of topic waits for the next one.
        """
        sent: list[Any] = []
        before = ""
        for request in requests:
            intake = isinstance(request.body, SubmitIntake) and not all_through_commands
            topic = self.names.intake if intake else self.names.commands
            if in_order and sent and topic != before:
                sent[-1].get(timeout=WAIT_S)
                time.sleep(0.002)
            before = topic
            sent.append(self.put(topic, encode_request(request), request.pool.encode()))
        for future in sent:
            future.get(timeout=WAIT_S)

    def put(
        self,
        topic: str,
        value: bytes | None,
        key: bytes | None = b"east",
        partition: int | None = None,
        headers: Sequence[tuple[str, bytes]] = STRUCTURED,
    ) -> Any:
        """Send one record, as it is."""
        at = partition_of((key or b"").decode(), self.partitions) if partition is None else partition
        return self._producer.send(topic, value=value, key=key, partition=at, headers=list(headers))

    def facts(self) -> list[Record]:
        """Every fact, partition by partition."""
        for log in self._logs:
            log.catch_up()
        return [record for log in self._logs for record in log.read()]

    def wait_for(self, condition: Callable[[list[Record]], bool]) -> list[Record]:
        """The facts, once they are as wanted."""
        deadline = time.monotonic() + WAIT_S
        while not condition(facts := self.facts()):
            kinds = Counter(record.type for record in facts)
            assert time.monotonic() < deadline, f"not within {WAIT_S} s: {len(facts)} facts, {kinds}"
            time.sleep(0.1)
        return facts

    def dead_letters(self) -> list[Any]:
        """Every record of the dead letters."""
        reader = self.cluster.consumer("letters")
        places = [TopicPartition(self.names.dead_letters, p) for p in range(self.partitions)]
        reader.assign(places)
        reader.seek_to_beginning(*places)
        ends = reader.end_offsets(places)
        found: list[Any] = []
        while any(reader.position(place) < ends[place] for place in places):
            found += [record for records in reader.poll(200).values() for record in records]
        reader.close()
        return found

    def connect_anew(self) -> None:
        """Another producer: one whose records expired does not always get over it."""
        close_producer(self._producer, wait_s=1.0)
        deadline = time.monotonic() + WAIT_S
        while True:
            try:
                self._producer = self.cluster.producer()
                return
            except Unavailable:
                assert time.monotonic() < deadline, "the broker does not come back"

    def close(self) -> None:
        # What a broker that was killed never acknowledged keeps it from closing well.
        close_producer(self._producer)
        for log in self._logs:
            log.close()


def heads(facts: Iterable[Record]) -> dict[str, tuple[int, str]]:
    """The last sequence and hash of every pool."""
    return {record.pool: (record.sequence, hash_of(record.document)) for record in facts}


def causes(facts: Iterable[Record]) -> set[str]:
    """What has caused facts: the identities of the requests that have an outcome."""
    return {decode(record.document).causation for record in facts}


def decided(facts: Iterable[Record]) -> set[tuple[str, str]]:
    """The requests that have an outcome, as (pool, identity)."""
    return {(record.pool, decode(record.document).causation) for record in facts}


class Process(KafkaProcess):
    """`leadflow decider`, as a process."""

    def __init__(self, settings: Settings, address: str, *arguments: str, module: str | None = None) -> None:
        """`module` is run in place of the command line."""
        command = [module] if module else ["leadflow.cli", "decider"]
        super().__init__(settings, address, "-m", *command, *arguments)


@contextmanager
def deciding(settings: Settings, address: str, *arguments: str) -> Iterator[Process]:
    """A decider that must end well when it is asked to, unless it has ended by then."""
    process = Process(settings, address, *arguments)
    try:
        yield process
        if process.runs:
            process.stop()
    except BaseException:
        print(process.said())
        raise
    finally:
        process.end()
