"""How deciders divide the partitions among themselves, and how one hears of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from kafka import KafkaConsumer
from kafka.consumer.subscription_state import ConsumerRebalanceListener
from kafka.coordinator.assignors.range import RangePartitionAssignor
from kafka.structs import TopicPartition

from consumers.broker import Broker, Group, Member
from leadflow.errors import NotFound, Unavailable, UsageError
from leadflow.log.kafka.client import translated
from leadflow.log.kafka.topics import TopicNames

STALL_S = 30.0
"""A consumer can stand still without saying so; after so long it is made anew. An open transaction holds it
up for 25 seconds at most."""
NEWS_S = 5.0
"""How long who was turned away waits to hear that the group has given its partitions to others."""
NEWS_POLL_MS = 100


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

    def gave_away(self, partitions: Sequence[int], group: Group, broker: Broker) -> bool:
        """Whether the group has given all of these to others, by a division that this member took part in.

        The client hears of one while it is polled, and others may begin with theirs before. So news is waited
        for. Who was given up by the group is no member, whatever it has divided.
        """
        until = broker.elapsed_s() + NEWS_S
        while not self and broker.elapsed_s() < until:
            group.poll(NEWS_POLL_MS)
        if self._lost or self._kept is None or not partitions:
            return False
        return self._kept.isdisjoint(partitions)

    def taken(self, held: Iterable[int]) -> set[int]:
        """Which of the partitions held until now were ours all along; from here on changes count anew."""
        kept = set(held) if self._kept is None else set(held) & self._kept
        lost, self._lost, self._kept = self._lost, False, None
        return set() if lost else kept


class Standing:
    """Where reading stands, and since when: a consumer can stand still without saying so."""

    def __init__(self, group: Group, broker: Broker) -> None:
        self._group = group
        self._broker = broker
        self._moved: dict[TopicPartition, tuple[int, float]] = {}
        """Where reading stood when it last moved, and when that was."""

    def forget(self) -> None:
        """Nothing was read meanwhile, which does not mean that reading stands still."""
        self._moved.clear()

    def read_to(self, place: TopicPartition, end: int) -> bool:
        """Whether a topic has been read to this end. Raises Unavailable if it gets no nearer."""
        now = self._broker.elapsed_s()
        at = self._group.position(place)
        before, since = self._moved.get(place, (-1, now))
        if at >= end or at != before or self._group.paused(place):
            self._moved[place] = (at, now)
        elif now - since > STALL_S:
            raise Unavailable(
                f"reading stands at offset {at} of {place.topic}-{place.partition} though {end} is its end",
                where=self._broker.where,
                do="The group is joined anew.",
            )
        return at >= end


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
