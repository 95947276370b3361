"""How deciders divide the partitions among themselves, and how one hears of it."""

from __future__ import annotations

from typing import Any, Protocol

from kafka import KafkaConsumer
from kafka.consumer.subscription_state import ConsumerRebalanceListener
from kafka.coordinator.assignors.range import RangePartitionAssignor

from leadflow.errors import NotFound, UsageError
from leadflow.log.kafka.client import translated
from leadflow.log.kafka.topics import TopicNames


class Member(Protocol):
    """Who hears of a new division."""

    def rebalancing(self) -> None:
        """The group is about to divide the partitions anew."""

    def assigned(self, assigned: Any) -> None:
        """It has given this member these partitions."""

    def lost(self) -> None:
        """It has gone on without this member."""


class Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    """Tells what the group does. It is called on the client's own thread while the main one polls."""

    def __init__(self, member: Member) -> None:
        self._member = member

    def on_partitions_revoked(self, revoked: Any) -> None:
        self._member.rebalancing()

    def on_partitions_assigned(self, assigned: Any) -> None:
        self._member.assigned(assigned)

    def on_partitions_lost(self, lost: Any) -> None:
        self._member.lost()


class _Known:
    """The cluster as an assignor asks for it: every topic has so many partitions."""

    def __init__(self, partitions: int) -> None:
        self._partitions = set(range(partitions))

    def partitions_for_topic(self, _: str) -> set[int]:
        return self._partitions


class Ranges(RangePartitionAssignor):  # type: ignore[misc]
    """Divides the partitions by ranges, of both topics alike, so that a member holds both of a number.

    The client's own goes by the metadata that it has at that moment. Where it has none yet, it assigns
    nothing, and may leave it at that.
    """

    def __init__(self, partitions: int) -> None:
        self._known = _Known(partitions)

    def assign(self, cluster: Any, members: Any) -> Any:
        return RangePartitionAssignor.assign(self._known, members)


def count_partitions(consumer: KafkaConsumer, names: TopicNames, where: str) -> int:
    """How many partitions every topic has. Raises NotFound for missing ones, UsageError if they differ."""
    with translated(where):
        counts = {name: len(consumer.partitions_for_topic(name) or ()) for name in names}
    missing = [name for name, count in counts.items() if not count]
    if missing:
        do = "Run `leadflow topics create`."
        raise NotFound(f"topics are missing: {', '.join(missing)}", where=where, do=do)
    if len(set(counts.values())) > 1:
        raise UsageError(
            f"the topics differ in their numbers of partitions: {counts}",
            where=where,
            do="See `leadflow topics check`.",
        )
    return counts[names.events]
