"""A company on a real Kafka, its load, and what must hold of it whatever was done to its processes."""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import Any

from kafka.errors import KafkaError
from kafka.structs import TopicPartition

from leadflow.domain import requests as r
from leadflow.domain.requests import Request
from leadflow.domain.values import derived_id
from leadflow.log.envelope import encode_request
from leadflow.log.kafka import Cluster, Origin, Record
from leadflow.log.kafka.records import H_ORIGIN
from leadflow.log.partitioning import partition_of
from leadflow.settings import Settings
from tests.deciders import Office, check, decided
from tests.faults.reading import ReadAlong, reading_along
from tests.kafka_broker import create_topics, new_prefix
from tests.simulation.company import HASTY
from tests.team import arrival, claim, joining, opening, request
from tests.undisturbed import Undisturbed, differences

SEED = int(os.environ.get("LEADFLOW_TEST_SEED", "1"))
POOLS = ("east", "west")
REPS = ("wang", "li")
WAIT_S = 300.0
ANSWER_S = 30.0
"""Longer than a producer tries by itself."""


class Scene:
    """One company with topics of its own. Two pools share its one or more partitions."""

    def __init__(self, office: Office, name: str, read_models: ReadAlong) -> None:
        self.office = office
        self.name = name
        self.read_models = read_models
        self.chance = random.Random(f"{SEED}-{name}")
        self.expected: set[tuple[str, str]] = set()
        """Acknowledged requests, as (pool, identity)."""
        self.told: list[str] = []
        self._arrived = dict.fromkeys(POOLS, 0)
        self._number = 0
        self._positions: dict[TopicPartition, int] = {}
        self._facts = 0

    def injected(self, what: str) -> None:
        """Note what was done."""
        self.told.append(f"{what}, with {len(self.facts())} facts in the log")

    # --- load -----------------------------------------------------------------------------------

    def open(self) -> None:
        """Two pools with their people."""
        for pool in POOLS:
            self._send([opening(pool, HASTY), *joining(REPS, pool)])

    def load(self, count: int, *, wait_s: float = WAIT_S) -> None:
        """Arrivals, claims, contacts and transfers, some of them twice, some in the wrong place or
        unreadable; what is not acknowledged in `wait_s` may be there or not."""
        self._send([self._some() for _ in range(count)], wait_s=wait_s)

    def _some(self) -> Request | None:
        chance, kind = self.chance, self.chance.random()
        self._number += 1
        pool, rep, name = chance.choice(POOLS), chance.choice(REPS), f"{self.name}-{self._number}"
        if kind < 0.03:
            return None
        if kind < 0.5 or not self._arrived[pool]:
            if not self._arrived[pool] or chance.random() < 0.8:
                self._arrived[pool] += 1
            return arrival(chance.randint(1, self._arrived[pool]), pool)
        lead = derived_id("lead", pool, f"intake/web_form:form-{chance.randint(1, self._arrived[pool])}")
        if kind < 0.85:
            return claim(rep, lead, name, pool)
        if kind < 0.93:
            return request(r.LogContact(lead=lead, outcome="reached"), name, f"rep/{rep}", pool)
        other = POOLS[1 - POOLS.index(pool)]
        return request(r.TransferLead(lead=lead, to_pool=other), name, pool=pool)

    def _send(self, requests: Sequence[Request | None], *, wait_s: float = WAIT_S) -> None:
        """Send them, and those that are not acknowledged again: whoever gets no answer may."""
        until = time.monotonic() + wait_s
        waiting = list(requests)
        while waiting and time.monotonic() < until:
            waiting = self._unacknowledged([(one, future) for one in waiting for future in self._put(one)])
            if waiting:
                self.told.append("requests were not acknowledged, and sent again by a new producer")
                self.office.connect_anew()

    def _put(self, one: Request | None) -> Iterator[Any]:
        office = self.office
        if one is None:
            yield office.put(
                self.chance.choice((office.names.intake, office.names.commands)), self.chance.randbytes(8)
            )
            return
        topic = office.names.intake if isinstance(one.body, r.SubmitIntake) else office.names.commands
        lost = self.chance.randrange(office.partitions) if self.chance.random() < 0.05 else None
        for _ in range(1 + (self.chance.random() < 0.05)):
            yield office.put(topic, encode_request(one), one.pool.encode(), lost)

    def _unacknowledged(self, sent: Sequence[tuple[Request | None, Any]]) -> list[Request | None]:
        failed: list[Request | None] = []
        until = time.monotonic() + ANSWER_S
        for one, future in sent:
            try:
                future.get(timeout=max(0.01, until - time.monotonic()))
            except KafkaError:
                failed.append(one)
                continue
            if one is not None:
                self.expected.add((one.pool, one.identity))
        return failed

    # --- what must hold -------------------------------------------------------------------------

    def facts(self) -> list[Record]:
        return self.office.facts()

    def decided(self) -> list[Record]:
        """The facts, once every acknowledged request has its outcome; offsets have not gone back."""
        facts = self.office.wait_for(lambda facts: self.expected <= decided(facts))
        self.look_at_offsets()
        return facts

    def look_at_offsets(self) -> None:
        """The group's offsets are where they were, or further."""
        office = self.office
        consumer = office.cluster.consumer("offsets", group_id=f"{office.settings.kafka_prefix}-decider")
        try:
            for topic in (office.names.intake, office.names.commands):
                for partition in range(office.partitions):
                    place = TopicPartition(topic, partition)
                    offset = consumer.committed(place) or 0
                    assert offset >= self._positions.get(place, 0), (place, offset, self._positions[place])
                    self._positions[place] = offset
        finally:
            consumer.close(autocommit=False)

    def check(self) -> str:
        """Everything that must hold of the topics and of the read models; says what was done and what was
        checked."""
        self.decided()
        facts = self._settled()
        check(facts)
        letters: Counter[Any] = Counter()
        for partition in range(self.office.partitions):
            mine = [record for record in facts if self._home(record) == partition]
            assert [record.position for record in mine] == list(range(1, len(mine) + 1))
            undisturbed = Undisturbed(self.office.names, partition, self.office.partitions)
            undisturbed.take_all(self._requests(partition), mine)
            assert not (wrong := differences(mine, undisturbed.facts(mine))), "\n".join(wrong)
            letters.update(undisturbed.letters)
        found = Counter(
            (Origin.from_bytes(dict(one.headers)[H_ORIGIN]), one.value) for one in self.office.dead_letters()
        )
        assert found == letters, f"dead letters: too many {found - letters}, missing {letters - found}"
        compared = self.read_models.check()
        counted = Counter(self.told).items()
        done = "; ".join(what if times == 1 else f"{what} ({times} times)" for what, times in counted)
        return (
            f"{self.name} (seed {SEED}): {done}. {len(self.expected)} requests have one outcome each,"
            f" {len(facts)} facts hold together and are those of an undisturbed decider, {letters.total()}"
            f" dead letters are there once, offsets only grew, {compared}."
        )

    def _home(self, record: Record) -> int:
        return partition_of(record.pool, self.office.partitions)

    def _settled(self) -> list[Record]:
        """The facts, once all that was passed on between partitions is decided as well."""
        deadline = time.monotonic() + WAIT_S
        office = self.office
        while time.monotonic() < deadline:
            self.look_at_offsets()
            records = chain.from_iterable(map(self._requests, range(office.partitions)))
            last = {TopicPartition(one.topic, one.partition): one.offset for one in records}
            if all(self._positions[place] > offset for place, offset in last.items()):
                return self.facts()
            time.sleep(0.2)
        raise AssertionError(f"requests are not consumed: {self._positions}")

    def _requests(self, partition: int) -> list[Any]:
        """Every record of a partition of the request topics."""
        office = self.office
        found: list[Any] = []
        reader = office.cluster.consumer("requests")
        places = [TopicPartition(topic, partition) for topic in (office.names.intake, office.names.commands)]
        reader.assign(places)
        reader.seek_to_beginning(*places)
        ends = reader.end_offsets(places)
        while any(reader.position(place) < ends[place] for place in places):
            found += chain.from_iterable(reader.poll(200).values())
        reader.close(autocommit=False)
        return found


@contextmanager
def scene(address: str, pg_url: str, name: str, partitions: int = 1, **more: Any) -> Iterator[Scene]:
    """A scene on a broker, with read models on a Postgres server."""
    cluster = Cluster(address)
    settings = Settings(kafka_prefix=new_prefix(), kafka_partitions=partitions, **more)
    create_topics(cluster, settings)
    office = Office(cluster, settings)
    try:
        with reading_along(cluster, settings, pg_url) as read_models:
            yield Scene(office, name, read_models)
    finally:
        office.close()
