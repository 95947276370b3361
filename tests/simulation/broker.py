"""The simulated Kafka as a decider's process sees it: the group, and the partitions of the log."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from kafka.structs import TopicPartition

from consumers.broker import Member
from leadflow.errors import Unavailable
from leadflow.log.kafka import PartitionLog
from leadflow.log.kafka.topics import TopicNames
from tests.simulation.group import GroupMember
from tests.simulation.kafka import Entry, Kafka
from tests.simulation.log import SimLog
from tests.simulation.network import Connection, Network
from tests.simulation.world import MS, Process, S


class SimBroker(Connection):
    """Kafka for one process."""

    def __init__(self, kafka: Kafka, names: TopicNames, process: Process, network: Network) -> None:
        super().__init__(kafka, process, network)
        self._names = names
        self._memberships = 0

    def now(self) -> datetime:
        return self.world.time() + timedelta(microseconds=self.network.skew)

    def elapsed_s(self) -> float:
        return self.world.now / S

    def pause(self, seconds: float, stop: threading.Event | None = None) -> None:
        if stop is None or not stop.is_set():
            self.process.wait(round(seconds * S))

    def join(self, topics: Sequence[str], member: Member) -> SimGroup:
        self.call()
        self._memberships += 1
        return SimGroup(self, f"{self.process.name}.{self._memberships}", topics, member)

    def log(self, partition: int) -> PartitionLog:
        return SimLog(self, self._names.events, partition)


class SimGroup:
    """A member of the group."""

    def __init__(self, broker: SimBroker, name: str, topics: Sequence[str], member: Member) -> None:
        self.partitions = broker.kafka.partitions_count
        self._broker = broker
        self._kafka = broker.kafka
        self._first_name = self._name = name
        self._renamed = 0
        self._topics = topics
        self._member = member
        self._generation = -1
        self._positions: dict[TopicPartition, int] = {}
        self._paused: set[TopicPartition] = set()
        self._stalled: set[TopicPartition] = set()
        self._closed = False
        self._answered = 0
        """When the answer to its last joining again is here."""
        self._join()

    def _join(self) -> None:
        process = self._broker.process

        def alive() -> bool:
            return not (process.frozen or process.killed or process.over or self._closed)

        self._kafka.group.join(self._name, GroupMember(alive, self._topics))

    def _coordinate(self) -> None:
        group = self._kafka.group
        known = group.members.get(self._name)
        if known is None:
            self._positions = {}
            self._broker.world.say(lambda: f"{self._name} hears that it was given up")
            self._member.lost()
            self._renamed += 1
            self._name = f"{self._first_name}.{self._renamed}"
            self._join()
        elif group.dividing and not known.joined:
            if self._broker.happens(0.5):
                self._member.rebalancing()
                self._positions = {}
                group.join(self._name, known)
                # The answer is on its way while polls come and go.
                delay = self._broker.delay() + self._broker.delay()
                self._answered = self._broker.world.now + delay
                self._broker.process.wake(delay)
        elif self._broker.world.now < self._answered:
            return
        elif not group.dividing and known.knows != group.generation:
            known.knows = self._generation = group.generation
            self._positions = dict.fromkeys(known.assigned, 0)
            self._paused.clear()
            self._member.assigned(known.assigned)

    def poll(self, wait_ms: int) -> Mapping[TopicPartition, Sequence[Any]]:
        broker, world = self._broker, self._broker.world
        # Nobody promises that it returns in time.
        until = world.now + wait_ms * MS * world.between(1, 30 if broker.happens(0.05) else 6)
        broker.process.wait(broker.delay())
        while True:
            if not self._kafka.down:
                self._coordinate()
                if found := self._fetch():
                    return found
            if world.now >= until:
                return {}
            self._kafka.waiting.append(lambda: broker.process.wake(broker.delay()))
            broker.process.wait(until - world.now)

    def _fetch(self) -> dict[TopicPartition, list[Entry]]:
        found: dict[TopicPartition, list[Entry]] = {}
        for place in self._positions:
            later = self._broker.happens(self._broker.network.later)
            if later or place in self._paused or place in self._stalled:
                continue
            if self._broker.happens(self._broker.network.stalls):
                self._broker.world.say(lambda place=place: f"{self._name} stands still on {place}")  # type: ignore[misc]
                self._stalled.add(place)
                continue
            partition = self._kafka.partitions[place]
            records = partition.visible(self._positions[place])
            limit = self._broker.world.between(1, 12)
            self._positions[place] = (
                records[limit].offset if len(records) > limit
                else max(self._positions[place], partition.stable_end)
            )  # fmt: skip
            if records:
                found[place] = records[:limit]
        return found

    def assignment(self) -> Collection[TopicPartition]:
        return frozenset(self._positions)

    def generation(self) -> int:
        return self._generation

    def pause(self, place: TopicPartition) -> None:
        self._paused.add(place)

    def resume(self, place: TopicPartition) -> None:
        self._paused.discard(place)

    def paused(self, place: TopicPartition) -> bool:
        return place in self._paused

    def seek(self, place: TopicPartition, offset: int) -> None:
        if place in self._positions:
            self._positions[place] = offset

    def position(self, place: TopicPartition) -> int:
        return self._positions.get(place, 0)

    def ends(self, places: Collection[TopicPartition]) -> Mapping[TopicPartition, int]:
        self._broker.call()
        ends = {place: self._kafka.partitions[place].end for place in places}
        self._broker.answer()
        return ends

    def first(self, place: TopicPartition) -> int:
        return 0

    def committed(self, place: TopicPartition) -> int | None:
        self._broker.call()
        until = self._broker.world.now + 5 * S
        while not self._kafka.stable(place):
            if self._broker.world.now > until:
                raise self._broker.broken("offsets are not stable")
            self._broker.process.wait(20 * MS)
        found = self._kafka.committed.get(place)
        self._broker.answer()
        return found

    def member(self) -> Any:
        group = self._kafka.group
        news = group.dividing or self._generation != group.generation
        if news and self._broker.happens(self._broker.network.busy):
            # The group does not wait until this member's program hears of it: its client has joined for it.
            self._broker.process.wait(self._broker.world.between(50 * MS, 3 * S))
        return self._generation, self._name

    def close(self) -> None:
        self._closed = True
        with suppress(Unavailable):
            self._broker.call()
            self._kafka.group.leave(self._name)
