"""Kafka as a decider sees it: everything between its loop and the outside, the clock included.

`consumers.kafka_broker` is the real one. The tests' simulation is another, with the same semantics on a
virtual clock.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from kafka.structs import TopicPartition

from leadflow.log.kafka import PartitionLog


class Member(Protocol):
    """Who hears of a new division of the partitions; it is told while it polls."""

    def rebalancing(self) -> None:
        """The group is about to divide the partitions anew."""

    def assigned(self, assigned: Sequence[TopicPartition]) -> None:
        """It has given this member these partitions, and no others."""

    def lost(self) -> None:
        """It has gone on without this member."""


class Group(Protocol):
    """One membership of the deciders' group. Every method raises LeadflowError."""

    partitions: int
    """How many each topic has."""

    def poll(self, wait_ms: int) -> Mapping[TopicPartition, Sequence[Any]]:
        """Records that come next, after at most so long; the member hears of a new division meanwhile."""

    def assignment(self) -> Collection[TopicPartition]:
        """What the group has given this member."""

    def generation(self) -> int:
        """The number of the division that gave it; each has the next."""

    def pause(self, place: TopicPartition) -> None:
        """Read no more of this for now."""

    def resume(self, place: TopicPartition) -> None:
        """Go on with it."""

    def paused(self, place: TopicPartition) -> bool:
        """Whether it is paused."""

    def seek(self, place: TopicPartition, offset: int) -> None:
        """Read on from this offset."""

    def position(self, place: TopicPartition) -> int:
        """The offset that is read next."""

    def ends(self, places: Collection[TopicPartition]) -> Mapping[TopicPartition, int]:
        """The offsets after the last records that are written, asked for now."""

    def first(self, place: TopicPartition) -> int:
        """The earliest offset that is there."""

    def committed(self, place: TopicPartition) -> int | None:
        """The group's offset."""

    def member(self) -> Any:
        """What a transaction says of this membership, so that the broker can turn away a stale one."""

    def close(self) -> None:
        """Leave the group."""


class Broker(Protocol):
    """Where a decider's topics are. Opens nothing by itself."""

    where: str

    def now(self) -> datetime:
        """The time of day."""

    def elapsed_s(self) -> float:
        """A clock that only goes forward."""

    def pause(self, seconds: float, stop: threading.Event | None = None) -> None:
        """Wait; no longer than until told to stop."""

    def join(self, topics: Sequence[str], member: Member) -> Group:
        """Become a member of the deciders' group for these topics. Raises LeadflowError."""

    def log(self, partition: int) -> PartitionLog:
        """A partition of the log."""
