"""What must hold after a simulation, from the topics alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from eventsourcing.persistence import StoredEvent
from kafka.structs import TopicPartition

from consumers.doors import command_of, intake_of
from consumers.work import Memory
from leadflow.deciding import Batch
from leadflow.errors import UsageError
from leadflow.log.envelope import decode, encode_request
from leadflow.log.kafka import Origin, Record
from leadflow.log.kafka.records import H_ORIGIN, moment_of, record_of
from leadflow.streams import fold
from tests.log_checks import check
from tests.simulation.company import BUGGY, HUGE, NAMES, PARTITIONS, deciding, home_of
from tests.simulation.kafka import Entry, Kafka

Letter = tuple[Origin, bytes | None]
Passed = tuple[str, bytes]


class Undisturbed:
    """What a decider would have decided of a partition to which nothing ever happened."""

    def __init__(self, partition: int, begun: Iterable[Record]) -> None:
        self.partition = partition
        self._streams = Memory()
        self._rules = deciding(self._streams)
        self.batch = Batch()
        self.letters: list[Letter] = []
        self.passed: list[Passed] = []
        for record in begun:
            fold(self._streams[record.pool], record.document)

    def take(self, entry: Entry) -> None:
        """Decide one record of the request topics."""
        place = Origin(entry.topic, entry.partition, entry.offset)
        try:
            request = (intake_of if entry.topic == NAMES.intake else command_of)(entry)
        except UsageError:
            self.letters.append((place, entry.value))
            return
        if home_of(request.pool) != self.partition:
            self.passed.append((entry.topic, entry.value or b""))
            return
        if request.id.startswith((BUGGY, HUGE)):
            self.letters.append((place, entry.value))
            return
        outcome = self._rules.decide(request, moment_of(entry.timestamp), self.batch)
        if not self._streams[request.pool].stream.sequence:
            del self._streams[request.pool]
        if outcome.error is not None:
            self.letters.append((place, entry.value))

    def facts(self, found: Sequence[Record]) -> list[StoredEvent]:
        """Its facts, and what became due up to the last fact that was found of each pool."""
        for record in {record.pool: record for record in found}.values():
            held = self._streams[record.pool]
            if held.stream.sequence < record.sequence:
                self._rules.fire(held, decode(record.document).time, self.batch)
        return self.batch.stored

    def forwarded(self) -> list[Passed]:
        """What it passed on to other partitions."""
        return self.passed + [(NAMES.commands, encode_request(one)) for one in self.batch.forwarded]


def examine(kafka: Kafka, begun: dict[int, int]) -> list[str]:
    """Everything that is wrong; `begun` says how many facts each partition had to begin with."""
    wrong = list(kafka.problems)
    passed: list[Passed] = []
    letters: list[Letter] = []
    everything: list[Record] = []
    for partition in range(PARTITIONS):
        facts = [record_of(entry) for entry in _all(kafka, NAMES.events, partition)]
        everything += facts
        if [record.position for record in facts] != list(range(1, len(facts) + 1)):
            wrong.append(f"the positions of partition {partition} have gaps")
        undisturbed = Undisturbed(partition, facts[: begun[partition]])
        records = [
            (entry.timestamp, rank, entry.offset, entry)
            for rank, topic in enumerate((NAMES.intake, NAMES.commands))
            for entry in _all(kafka, topic, partition)
        ]
        for *_, entry in sorted(records, key=lambda one: one[:3]):
            undisturbed.take(entry)
        new = facts[begun[partition] :]
        wrong += _compare(partition, new, undisturbed.facts(new))
        passed += undisturbed.forwarded()
        letters += undisturbed.letters
    try:
        check(everything)
    except AssertionError as problem:
        wrong.append(f"the log does not hold together: {problem}")
    found_passed = [
        (entry.topic, entry.value)
        for topic in (NAMES.intake, NAMES.commands)
        for entry in _everywhere(kafka, topic)
        if entry.transaction is not None
    ]
    found_letters = [
        (Origin.from_bytes(dict(entry.headers)[H_ORIGIN]), entry.value)
        for entry in _everywhere(kafka, NAMES.dead_letters)
    ]
    wrong += _differences("passed on", found_passed, passed)
    wrong += _differences("dead letters", found_letters, letters)
    return wrong


def _all(kafka: Kafka, topic: str, partition: int) -> list[Entry]:
    return kafka.partitions[TopicPartition(topic, partition)].visible(0)


def _everywhere(kafka: Kafka, topic: str) -> list[Entry]:
    return [entry for partition in range(PARTITIONS) for entry in _all(kafka, topic, partition)]


def _compare(partition: int, found: Sequence[Record], wanted: Sequence[StoredEvent]) -> list[str]:
    """The facts pool by pool: between the pools of a partition, deadlines may come in another order."""
    wrong = []
    for pool in sorted({record.pool for record in found} | {str(one.originator_id) for one in wanted}):
        mine = [record.document for record in found if record.pool == pool]
        theirs = [one.state for one in wanted if one.originator_id == pool]
        if mine != theirs:
            pairs = enumerate(zip(mine, theirs, strict=False))
            at = next((at for at, (one, other) in pairs if one != other), min(len(mine), len(theirs)))
            wrong.append(
                f"partition {partition}, pool {pool}: new fact {at + 1} of {len(mine)} ({len(theirs)})"
                f"\n   is        {(mine[at : at + 1] or [b'nothing'])[0].decode()}"
                f"\n   should be {(theirs[at : at + 1] or [b'nothing'])[0].decode()}"
            )
    return wrong


def _differences(what: str, found: Iterable[object], wanted: Iterable[object]) -> list[str]:
    is_, should = Counter(found), Counter(wanted)
    return [f"{what}, too many: {one} ({times})" for one, times in (is_ - should).items()] + [
        f"{what}, missing: {one} ({times})" for one, times in (should - is_).items()
    ]
