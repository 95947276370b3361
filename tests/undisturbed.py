"""What a decider would have decided to whom nothing ever happened: the rules over the records of topics."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from eventsourcing.persistence import StoredEvent

from consumers.decider import CLOCKS_APART
from consumers.doors import command_of, intake_of
from consumers.work import Memory
from leadflow.deciding import Batch, Deciding
from leadflow.domain.events import Event
from leadflow.domain.requests import Request
from leadflow.errors import NotFound, UsageError
from leadflow.log.envelope import decode, encode_request
from leadflow.log.kafka import Origin, Record
from leadflow.log.kafka.records import moment_of
from leadflow.log.kafka.topics import TopicNames
from leadflow.log.partitioning import partition_of
from leadflow.streams import fold

Letter = tuple[Origin, bytes | None]
Passed = tuple[str, bytes]
LATE_MS = CLOCKS_APART // timedelta(milliseconds=1)


def rules_over(streams: Memory) -> Deciding:
    """The rules, as a decider of Kafka uses them."""

    def unknown(pool: str) -> NotFound:
        return NotFound(f"there is no pool {pool!r}", do="Open it, then send the request again.")

    return Deciding(streams, unknown, virtual=False, forwarding=True)


def _place_of(entry: Any) -> Origin:
    return Origin(entry.topic, entry.partition, entry.offset)


def _stamp(entry: Any) -> int:
    return int(entry.timestamp)


class _Told:
    """The order that facts tell: of what became due, and of the requests that they answer."""

    def __init__(self, found: Iterable[Record]) -> None:
        self._following: deque[Event | Origin] = deque()
        self._answered: set[Origin] = set()
        for record in found:
            if record.origin is None:
                self._following.append(decode(record.document))
            elif record.origin not in self._answered:
                self._answered.add(record.origin)
                self._following.append(record.origin)

    def due_by(self, stamp: int) -> Iterator[Event]:
        """What became due before the next request that was answered, up to then."""
        while self._following and not isinstance(due := self._following[0], Origin):
            if due.time > moment_of(stamp):
                return
            self._following.popleft()
            yield due

    def answered_before(self, entry: Any, waiting: Mapping[str, Sequence[Any]]) -> Any | None:
        """What waits in the other topic and was answered next, if this entry was answered later."""
        if not self._following or not isinstance(place := self._following[0], Origin):
            return None
        if place == _place_of(entry) or _place_of(entry) not in self._answered:
            return None
        return next((one for one in waiting[place.topic] if _place_of(one) == place), None)

    def taken(self, place: Origin) -> None:
        """The request that stood there is decided."""
        if self._following and self._following[0] == place:
            self._following.popleft()


class Undisturbed:
    """What a decider would have decided of a partition to which nothing ever happened."""

    def __init__(
        self,
        names: TopicNames,
        partition: int,
        partitions: int,
        begun: Iterable[Record] = (),
        fails: Callable[[Request], bool] = lambda _: False,
    ) -> None:
        """`begun` is what the log held before; `fails` says which requests cannot be decided at all."""
        self._names = names
        self._partition = partition
        self._partitions = partitions
        self._fails = fails
        self._streams = Memory()
        self._rules = rules_over(self._streams)
        self.batch = Batch()
        self.letters: list[Letter] = []
        self.passed: list[Passed] = []
        for record in begun:
            fold(self._streams[record.pool], record.document)

    def take_all(self, records: Iterable[Any], found: Iterable[Record] = ()) -> None:
        """Decide the records of both request topics, each topic's in their order; between the two in the
        order of their append times, arrivals first.

        A record has its append time before it can be read, for as long as its broker takes to write it. One
        of the other topic that comes meanwhile may be decided first, and what becomes due between the two.
        Which was, the facts that were `found` say, as long as it is no further apart than clocks may be.
        """
        topics = (self._names.intake, self._names.commands)
        waiting: dict[str, deque[Any]] = {topic: deque() for topic in topics}
        for entry in sorted(records, key=lambda one: one.offset):
            waiting[entry.topic].append(entry)
        told = _Told(found)
        while first := min((each[0] for each in waiting.values() if each), key=_stamp, default=None):
            for due in told.due_by(first.timestamp + LATE_MS):
                self._rules.fire(self._streams[due.pool], due.time, self.batch)
            before = told.answered_before(first, waiting)
            if before is not None and before.timestamp <= first.timestamp + LATE_MS:
                first = waiting[before.topic][0]
            waiting[first.topic].popleft()
            told.taken(_place_of(first))
            self._take(first)

    def _take(self, entry: Any) -> None:
        place = _place_of(entry)
        try:
            request = (intake_of if entry.topic == self._names.intake else command_of)(entry)
        except UsageError:
            self.letters.append((place, entry.value))
            return
        if partition_of(request.pool, self._partitions) != self._partition:
            self.passed.append((entry.topic, entry.value or b""))
            return
        if self._fails(request):
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
        return self.passed + [(self._names.commands, encode_request(one)) for one in self.batch.forwarded]


def differences(found: Sequence[Record], wanted: Sequence[StoredEvent]) -> list[str]:
    """Where facts differ, pool by pool: between pools of a partition, deadlines may come in another order."""
    wrong = []
    for pool in sorted({record.pool for record in found} | {str(one.originator_id) for one in wanted}):
        mine = [record.document for record in found if record.pool == pool]
        theirs = [one.state for one in wanted if one.originator_id == pool]
        if mine != theirs:
            pairs = enumerate(zip(mine, theirs, strict=False))
            at = next((at for at, (one, other) in pairs if one != other), min(len(mine), len(theirs)))
            wrong.append(
                f"pool {pool}: fact {at + 1} of {len(mine)} ({len(theirs)})"
                f"\n   is        {(mine[at : at + 1] or [b'nothing'])[0].decode()}"
                f"\n   should be {(theirs[at : at + 1] or [b'nothing'])[0].decode()}"
            )
    return wrong
