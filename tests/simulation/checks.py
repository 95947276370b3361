"""What must hold after a simulation, from the topics alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import chain

from kafka.structs import TopicPartition

from leadflow.domain.requests import Request
from leadflow.log.kafka import Origin, Record
from leadflow.log.kafka.records import H_ORIGIN, record_of
from tests.log_checks import check
from tests.simulation.company import BUGGY, HUGE, NAMES, PARTITIONS
from tests.simulation.kafka import Entry, Kafka
from tests.undisturbed import Letter, Passed, Undisturbed, differences


def fails(request: Request) -> bool:
    """Whether deciding a request meets a bug, or its outcome is too large."""
    return request.id.startswith((BUGGY, HUGE))


def examine(kafka: Kafka, begun: dict[int, int], *, late: bool = False) -> list[str]:
    """Everything that is wrong; `begun` says how many facts each partition had to begin with, `late` that
    records may be read a while after their stamps."""
    wrong = list(kafka.problems)
    passed: list[Passed] = []
    letters: list[Letter] = []
    everything: list[Record] = []
    for partition in range(PARTITIONS):
        facts = [record_of(entry) for entry in _all(kafka, NAMES.events, partition)]
        everything += facts
        if [record.position for record in facts] != list(range(1, len(facts) + 1)):
            wrong.append(f"the positions of partition {partition} have gaps")
        before = facts[: begun[partition]]
        undisturbed = Undisturbed(NAMES, partition, PARTITIONS, before, fails)
        records = (_all(kafka, topic, partition) for topic in (NAMES.intake, NAMES.commands))
        new = facts[begun[partition] :]
        undisturbed.take_all(chain.from_iterable(records), new if late else ())
        wrong += differences(new, undisturbed.facts(new))
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


def _differences(what: str, found: Iterable[object], wanted: Iterable[object]) -> list[str]:
    is_, should = Counter(found), Counter(wanted)
    return [f"{what}, too many: {one} ({times})" for one, times in (is_ - should).items()] + [
        f"{what}, missing: {one} ({times})" for one, times in (should - is_).items()
    ]
