"""Bugs, to see that simulations find them: each breaks one thing that a decider must do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from unittest.mock import patch

from eventsourcing.persistence import StoredEvent
from kafka.structs import TopicPartition

from consumers.decider import Membership
from consumers.group import Changes, Standing
from consumers.partition import PartitionDecider
from leadflow.errors import OutcomeUnknown
from leadflow.log.kafka import Append, Message, Offsets, Origin, PartitionLog
from tests.simulation.broker import SimGroup
from tests.simulation.kafka import Kafka
from tests.simulation.log import SimLog, SimWriter


def _keeps_what_was_given_away() -> Any:
    """A partition that the group gave to another and back is kept with what was in memory."""

    def assigned(self: Changes, partitions: Any, _: int) -> None:
        self._kept = set(partitions)

    return patch.object(Changes, "assigned", assigned)


def _does_not_fence() -> Any:
    """Whoever takes a partition turns nobody away."""

    def fence(self: Kafka, producer: str, _: str) -> int | None:
        return self._epochs.setdefault(producer, 1)

    return patch.object(Kafka, "fence", fence)


def _commits_offsets_before_its_facts() -> Any:
    """Offsets are committed by themselves, before the facts."""
    real = PartitionLog.append_later

    def append_later(
        self: PartitionLog,
        facts: Sequence[StoredEvent],
        messages: Sequence[Message] = (),
        offsets: Offsets | None = None,
        origins: Sequence[Origin | None] = (),
    ) -> Append:
        if offsets is not None:
            assert isinstance(self.writer, SimWriter)
            for place, offset in offsets.next_offsets.items():
                kafka = self.writer._broker.kafka
                kafka.committed[TopicPartition(*place)] = offset
        return real(self, facts, messages, None, origins)

    return patch.object(PartitionLog, "append_later", append_later)


def _goes_on_after_an_unknown_outcome() -> Any:
    """What was sent is taken for written, and what is in memory for true."""
    real = PartitionDecider._settle

    def settle(self: PartitionDecider) -> None:
        try:
            real(self)
        except OutcomeUnknown:
            self._log.take()

    return patch.object(PartitionDecider, "_settle", settle)


def _asks_for_what_can_be_read() -> Any:
    """Ends leave out what open transactions have written."""

    def ends(self: SimGroup, places: Any) -> Mapping[TopicPartition, int]:
        self._broker.call()
        found = {place: self._kafka.partitions[place].stable_end for place in places}
        self._broker.answer()
        return found

    return patch.object(SimGroup, "ends", ends)


def _never_suspects_its_consumer() -> Any:
    """A consumer that stands still is waited for."""

    def read_to(self: Standing, place: TopicPartition, end: int) -> bool:
        return self._group.position(place) >= end

    return patch.object(Standing, "read_to", read_to)


def _does_not_wait_for_the_other_topic() -> Any:
    """What came is decided at once, whatever may still be to read."""
    return patch.object(Standing, "read_to", lambda *_: True)


def _fires_deadlines_by_its_own_clock() -> Any:
    """Deadlines are decided as soon as the decider's own clock says so."""

    def fire(self: PartitionDecider, work: Any, until: Any) -> None:
        if isinstance(self._log, SimLog):
            assert isinstance(self._log.writer, SimWriter)
            until = self._log.writer._broker.world.time()
        real(self, work, until)

    real = PartitionDecider._fire
    return patch.object(PartitionDecider, "_fire", fire)


def _leaves_marks_unconsumed() -> Any:
    """The group's offset stays behind the last request, whatever marks of transactions follow it."""
    return patch.object(PartitionDecider, "_behind_the_last", lambda *_: {})


def _goes_by_ends_from_before_it_read_more() -> Any:
    """Ends are asked for once in a step, whatever is read after that."""
    real = Membership._decide

    def decide(self: Membership) -> None:
        ask = self._group.ends
        found: list[Mapping[TopicPartition, int]] = []

        def ends(places: Any) -> Mapping[TopicPartition, int]:
            if not found:
                found.append(ask(places))
            return found[0]

        with patch.object(self._group, "ends", ends):
            real(self)

    return patch.object(Membership, "_decide", decide)


MUTANTS: tuple[Callable[[], Any], ...] = (
    _keeps_what_was_given_away,
    _does_not_fence,
    _commits_offsets_before_its_facts,
    _goes_on_after_an_unknown_outcome,
    _asks_for_what_can_be_read,
    _never_suspects_its_consumer,
    _does_not_wait_for_the_other_topic,
    _fires_deadlines_by_its_own_clock,
    _leaves_marks_unconsumed,
    _goes_by_ends_from_before_it_read_more,
)
