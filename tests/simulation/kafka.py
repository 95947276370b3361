"""Kafka's semantics, as far as a decider can tell: partitions, transactions, a consumer group.

Nothing here knows what is decided. Clients reach it through `tests.simulation.broker`, where requests and
answers take their time and get lost.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from kafka import errors as kafka_errors
from kafka.structs import TopicPartition

from leadflow.log.kafka import Message
from tests.simulation.group import Group
from tests.simulation.world import MS, S, World
from tests.team import NOON

TRANSACTION = 15 * S
"""After so long a transaction is aborted."""
OPEN, PREPARED, COMPLETE = "open", "prepared", "complete"
EPOCH_MS = round(NOON.timestamp() * 1000)


@dataclass(slots=True)
class Entry:
    """A record as a consumer gets it; `transaction` is whose it is, None for one that counts at once."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]
    transaction: Transaction | None = None
    marker: bool = False


@dataclass(eq=False)
class Transaction:
    """One transaction of a transactional id."""

    producer: str
    epoch: int
    state: str = OPEN
    commits: bool = False
    partitions: list[Partition] = field(default_factory=list)
    offsets: dict[TopicPartition, int] = field(default_factory=dict)
    markers_due: int = 0


class Partition:
    """A partition of a topic."""

    def __init__(self, world: World, place: TopicPartition, changed: Callable[[], None]) -> None:
        """`changed` is called when more can be read than before."""
        self.place = place
        self.entries: list[Entry] = []
        self.lateness = (0, 0)
        """How long after its stamp a record can be read, in microseconds."""
        self._world = world
        self._changed = changed
        self._there = 0
        """So many of the records count as there; the others are still being written."""
        self._open: dict[int, int] = {}
        """By transaction that has no marker here yet: its first offset."""
        self._aborted: set[int] = set()
        self._kept: list[Transaction] = []

    @property
    def end(self) -> int:
        """The offset after the last record that is there."""
        return self._there

    @property
    def settled(self) -> bool:
        """Whether everything that was sent can be read."""
        return self.stable_end == len(self.entries)

    @property
    def stable_end(self) -> int:
        """Up to where it is known what counts."""
        return min((self.end, *self._open.values()))

    def append(
        self,
        key: bytes | None,
        value: bytes | None,
        headers: Sequence[tuple[str, bytes]],
        transaction: Transaction | None = None,
        *,
        marker: bool = False,
    ) -> Entry:
        stamp = EPOCH_MS + self._world.now // MS
        topic, partition = self.place
        offset = len(self.entries)
        entry = Entry(topic, partition, offset, stamp, key, value, headers, transaction, marker)
        if transaction is not None and not marker and id(transaction) not in self._open:
            self._open[id(transaction)] = entry.offset
            self._kept.append(transaction)
            transaction.partitions.append(self)
        self.entries.append(entry)
        if transaction is None and any(self.lateness):
            self._world.after(self._world.between(*self.lateness), lambda: self._comes(offset))
        else:
            self._there = offset + 1
        return entry

    def _comes(self, offset: int) -> None:
        """A record is written, and with it all before it."""
        self._there = max(self._there, offset + 1)
        self._changed()

    def mark(self, transaction: Transaction) -> None:
        """Write the marker that ends a transaction here."""
        self.append(None, None, (), transaction, marker=True)
        del self._open[id(transaction)]
        if not transaction.commits:
            self._aborted.add(id(transaction))

    def visible(self, offset: int, until: int | None = None) -> list[Entry]:
        """The committed records from an offset on."""
        end = self.stable_end if until is None else min(until, self.stable_end)
        return [
            entry
            for entry in self.entries[offset:end]
            if not entry.marker and not (entry.transaction and id(entry.transaction) in self._aborted)
        ]


class Kafka:
    """One cluster: its partitions, its transactional ids and its group."""

    def __init__(self, world: World, topics: Sequence[str], partitions: int) -> None:
        self.world = world
        self.partitions_count = partitions
        self.partitions = {
            place: Partition(world, place, self.changed)
            for topic in topics
            for place in (TopicPartition(topic, at) for at in range(partitions))
        }
        self.down = False
        self.marker_delays = (100, 3 * MS)
        self.committed: dict[TopicPartition, int] = {}
        self._pending: dict[int, Transaction] = {}
        """Transactions whose offsets are not decided yet."""
        self.problems: list[str] = []
        """Promises that were broken on the way."""
        self._epochs: dict[str, int] = {}
        self._current: dict[str, Transaction] = {}
        self.group = Group(world, partitions, lambda: self.down, self.changed)
        self.on_usurped: Callable[[], None] = lambda: None
        """Told when a process fences that the group has not given the partition to."""
        self.waiting: list[Callable[[], None]] = []
        """Who is to be told when something can be read."""

    def changed(self) -> None:
        told, self.waiting = self.waiting, []
        for tell in told:
            tell()

    def append(
        self,
        place: TopicPartition,
        key: bytes | None,
        value: bytes | None,
        headers: Sequence[tuple[str, bytes]],
    ) -> Entry:
        """One record, from a producer without transactions."""
        entry = self.partitions[place].append(key, value, headers)
        self.changed()
        return entry

    # --- transactions ---------------------------------------------------------------------------

    def _checked(self, producer: str, epoch: int) -> None:
        if self._epochs.get(producer) != epoch:
            raise kafka_errors.ProducerFencedError(f"{producer} has a newer epoch than {epoch}")

    def _transaction(self, producer: str, epoch: int) -> Transaction:
        self._checked(producer, epoch)
        found = self._current.get(producer)
        if found is None or found.state == COMPLETE:
            found = self._current[producer] = Transaction(producer, epoch)
            self.world.after(TRANSACTION, lambda: self._time_out(found))
        elif found.state != OPEN:
            # The last one's markers are still being written.
            raise kafka_errors.ConcurrentTransactionsError(producer)
        return found

    def _time_out(self, transaction: Transaction) -> None:
        if transaction.state == OPEN:
            self._epochs[transaction.producer] += 1
            self._end(transaction, commits=False)

    def produce(
        self, producer: str, epoch: int, place: TopicPartition, messages: Sequence[Message]
    ) -> list[Entry]:
        """Records of a transaction, into one partition."""
        transaction = self._transaction(producer, epoch)
        partition = self.partitions[place]
        return [partition.append(one.key, one.value, one.headers, transaction) for one in messages]

    def send_offsets(
        self, producer: str, epoch: int, member: tuple[int, str], offsets: Mapping[TopicPartition, int]
    ) -> None:
        """Consumed offsets of a transaction; a stale member is turned away."""
        transaction = self._transaction(producer, epoch)
        self.group.check(member)
        transaction.offsets.update(offsets)
        self._pending[id(transaction)] = transaction

    def end(self, producer: str, epoch: int, *, commits: bool) -> None:
        """Commit or abort. It holds from here on; readers see it once the markers are written."""
        self._checked(producer, epoch)
        transaction = self._current.get(producer)
        if transaction is None or transaction.state != OPEN:
            raise kafka_errors.InvalidTxnStateError("there is no transaction")
        self._end(transaction, commits=commits)

    def _end(self, transaction: Transaction, *, commits: bool) -> None:
        transaction.state, transaction.commits = PREPARED, commits
        self.world.say(lambda: f"{transaction.producer} {'commits' if commits else 'is aborted'}")
        transaction.markers_due = len(transaction.partitions) + 1

        def mark(write: Callable[[], None]) -> None:
            if self.down:
                self.world.after(20 * MS, lambda: mark(write))
                return
            write()
            transaction.markers_due -= 1
            if not transaction.markers_due:
                transaction.state = COMPLETE
            self.changed()

        writes: list[Callable[[], None]] = [lambda: self._decide_offsets(transaction)]
        for partition in transaction.partitions:
            writes.append(lambda partition=partition: partition.mark(transaction))  # type: ignore[misc]
        for write in writes:
            self.world.after(
                self.world.between(*self.marker_delays),
                lambda write=write: mark(write),  # type: ignore[misc]
            )

    def _decide_offsets(self, transaction: Transaction) -> None:
        self._pending.pop(id(transaction), None)
        if transaction.commits:
            for place, offset in transaction.offsets.items():
                self.commit(place, offset)

    def commit(self, place: TopicPartition, offset: int) -> None:
        before = self.committed.get(place, 0)
        if offset < before:
            self.problems.append(f"the offset of {place.topic}-{place.partition}: {before}, then {offset}")
        self.committed[place] = offset

    def stable(self, place: TopicPartition) -> bool:
        """Whether no transaction may still change this offset of the group."""
        return not any(place in one.offsets for one in self._pending.values())

    def fence(self, producer: str, process: str) -> int | None:
        """The epoch of the newest producer, once what an earlier one had begun is over; else None."""
        if not self.group.gave(int(producer.rpartition("-")[2]), process):
            self.on_usurped()
        found = self._current.get(producer)
        if found is not None and found.state == OPEN:
            self._epochs[producer] += 1
            self._end(found, commits=False)
            return None
        if found is not None and found.state != COMPLETE:
            return None
        self._epochs[producer] = self._epochs.get(producer, 0) + 1
        return self._epochs[producer]

    @property
    def quiet(self) -> bool:
        """Whether no transaction is under way."""
        return all(one.state == COMPLETE for one in self._current.values())
