"""How deciders divide the partitions among themselves, and how one hears of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kafka import KafkaConsumer
from kafka.consumer.subscription_state import ConsumerRebalanceListener
from kafka.coordinator.assignors.range import RangePartitionAssignor

from consumers.broker import Member
from leadflow.errors import NotFound, UsageError
from leadflow.log.kafka.client import translated
from leadflow.log.kafka.topics import TopicNames


class Changes:
    """What the group has changed since this member last went by it.

    A partition that was given to another and back in between is not the same any more: the other has
    written it. A member may not even hear of a division that the next one overtakes, so they are counted.
    """

    def __init__(self) -> None:
        self._kept: set[int] | None = None
        self._lost = False
        self._generation = -1

    def __bool__(self) -> bool:
        return self._lost or self._kept is not None

    def assigned(self, partitions: Iterable[int], generation: int) -> None:
        """The group has given this member these partitions, in its division of this number."""
        numbers = set(partitions) if generation == self._generation + 1 else set()
        self._generation = generation
        self._kept = numbers if self._kept is None else self._kept & numbers

    def lost(self) -> None:
        """It has gone on without this member; what that held may have been written by others."""
        self._lost = True

    def taken(self, held: Iterable[int]) -> set[int]:
        """Which of the partitions held until now were ours all along; from here on changes count anew."""
        kept = set(held) if self._kept is None else set(held) & self._kept
        lost, self._lost, self._kept = self._lost, False, None
        return set() if lost else kept


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


def keep_going(consumer: KafkaConsumer) -> None:
    """To be called before each poll, so that reading does not stand still for ever (kafka-python 3.0).

    A division of the partitions that has begun has to be waited for: the client asks to join anew where it
    sees other metadata than it joined with. When those change back before the answer is there, it does not
    look for the answer any more, keeps its partitions, reads none of them and sends no heartbeat
    (`AbstractCoordinator.join_group_async`). And what was fetched of a partition before it was paused has to
    be found when it is resumed: the client looks there only where it holds nothing of another one, and takes
    an emptied batch for something (`Fetcher.fetched_records`).
    """
    coordinator = consumer._coordinator
    if coordinator.rejoining:
        coordinator.request_rejoin()
    fetcher = consumer._fetcher
    if not fetcher._next_partition_records:
        fetcher._next_partition_records = None


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
