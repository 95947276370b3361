"""One partition of the log: its index, its one write path, and reading from it.

Whoever writes takes the partition first: that turns away every earlier writer, and reads the log to its
end. From then on what this process wrote is all there is, until another takes the partition from it.
"""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator, Sequence
from typing import Any

from eventsourcing.persistence import StoredEvent

from leadflow.errors import BrokenInvariant, LeadflowError, Unavailable
from leadflow.log.kafka.client import Cluster
from leadflow.log.kafka.index import Index, Place
from leadflow.log.kafka.reader import PartitionReader
from leadflow.log.kafka.records import Message, Origin, Record, message_of, record_of
from leadflow.log.kafka.writer import WAIT_S, Offsets, Pending, Writer


class Append:
    """Facts on their way into the log. `positions` waits until they are committed."""

    def __init__(self, log: PartitionLog, facts: Sequence[StoredEvent], pending: Pending) -> None:
        self._log = log
        self._facts = facts
        self._pending = pending

    @property
    def done(self) -> bool:
        """Whether `positions` would return at once."""
        return self._pending.done

    @property
    def seconds(self) -> float:
        """How long it took, once it is committed."""
        return self._pending.seconds

    def positions(self) -> list[int]:
        """The facts' positions. Raises as `PartitionLog.append`; after an error the partition is let go."""
        return self._log._settle(self._facts, self._pending)


class PartitionLog:
    """The facts of one partition of the events topic."""

    def __init__(
        self,
        cluster: Cluster,
        topic: str,
        partition: int,
        *,
        start: Place | None = None,
        wait_s: float = WAIT_S,
    ) -> None:
        """Opens nothing. `start` is where the index begins; what lies before is indexed when asked for.

        An append takes `wait_s` at most. The transactional id is `leadflow-decider-<partition>`, with the
        topics' prefix in front.
        """
        self.topic = topic
        self.partition = partition
        self._cluster = cluster
        self.reader = PartitionReader(cluster, topic, partition)
        transactional_id = f"{topic.removesuffix('.events')}-decider-{partition}"
        self.writer = Writer(cluster, transactional_id, wait_s=wait_s)
        self.where = self.reader.where
        self._index = Index(start)
        self._settled = False
        self._writing = threading.RLock()
        self._following = threading.RLock()
        self._pending: Pending | None = None

    # --- writing --------------------------------------------------------------------------------

    @property
    def taken(self) -> bool:
        """Whether this process is the writer, as far as it knows."""
        return self._settled and self.writer.ready

    def begin(self, start: Place) -> None:
        """Index from this place on, if nothing was read yet; what lies before is indexed when asked for."""
        with self._writing, self._following:
            if not self._index.next_offset:
                self._index = Index(start)

    def take(self) -> int:
        """Become the partition's only writer and read the log to its end; gives the last position.

        Raises Unavailable if Kafka is away, LogDamaged for a log that does not hold together.
        """
        with self._writing:
            self._settled = False
            self._pending = None
            self.writer.fence()
            with self._following:
                end = self.reader.written_end()
                for page in self.reader.read(self._index.next_offset, end):
                    self._take_in(page)
                self._index.next_offset = max(self._index.next_offset, end)
            self._settled = True
            return self._index.end

    def append(
        self,
        facts: Sequence[StoredEvent],
        messages: Sequence[Message] = (),
        offsets: Offsets | None = None,
        origins: Sequence[Origin | None] = (),
    ) -> list[int]:
        """Write facts, other records (dead letters, requests passed on) and offsets, all or none.

        `origins` says for each fact where its request stood. Gives the facts' positions. Raises Conflict
        if a fact is not the next of its pool, Fenced if another has taken the partition, Rebalanced if the
        group has given it away, UsageError for a record that is too large, Unavailable: of all these,
        nothing was written. Raises OutcomeUnknown if that cannot be known: `take` again, then `find`.
        """
        with self._writing:
            return self.append_later(facts, messages, offsets, origins).positions()

    def append_later(
        self,
        facts: Sequence[StoredEvent],
        messages: Sequence[Message] = (),
        offsets: Offsets | None = None,
        origins: Sequence[Origin | None] = (),
    ) -> Append:
        """Begin an append; the next may begin once its positions were asked for. Raises as `append`."""
        with self._writing:
            if self._pending is not None:
                raise BrokenInvariant("an append begins before the last one's outcome was asked for")
            if not self.taken:
                raise Unavailable("nothing was written: the partition is not taken", where=self.where)
            self._index.check((str(fact.originator_id), fact.originator_version) for fact in facts)
            first = self._index.end + 1
            of = origins or (None,) * len(facts)
            records = [
                message_of(fact, first + at, self.topic, self.partition, origin)
                for at, (fact, origin) in enumerate(zip(facts, of, strict=True))
            ]
            pending = self.writer.write_later([*records, *messages], offsets)
            self._pending = pending
            return Append(self, facts, pending)

    def _settle(self, facts: Sequence[StoredEvent], pending: Pending) -> list[int]:
        try:
            written = pending.result()
        except LeadflowError:
            with self._writing:
                self._settled = False
                self._pending = None
                self.writer.give_up()
            raise
        with self._writing:
            self._pending = None
            first = self._index.end + 1
            for at, fact in enumerate(facts):
                pool, sequence = str(fact.originator_id), fact.originator_version
                self._index.add(pool, sequence, first + at, written[at].offset)
            return list(range(first, first + len(facts)))

    def find(self, facts: Sequence[StoredEvent]) -> list[int] | None:
        """The positions of these facts if the log has them all, byte for byte; asked after `take`."""
        found: list[int] = []
        for fact in facts:
            pool, sequence = str(fact.originator_id), fact.originator_version
            record = next(iter(self.read_pool(pool, gt=sequence - 1, lte=sequence)), None)
            if record is None or record.document != fact.state:
                return None
            found.append(record.position)
        return found

    # --- reading --------------------------------------------------------------------------------

    def catch_up(self) -> int:
        """Take in what others have committed by now; gives the last position. The writer knows it all."""
        with self._following:
            if not self.taken:
                _, end = self.reader.bounds()
                for page in self.reader.read(self._index.next_offset, end):
                    self._take_in(page)
                self._index.next_offset = max(self._index.next_offset, end)
            return self._index.end

    def place(self) -> Place:
        """Where the log ends as far as it was read, to begin from there another time."""
        return self._index.place()

    def end(self) -> int:
        """The last position as far as it was read; 0 for an empty log."""
        return self._index.end

    def last(self, pool: str) -> int:
        """The last sequence of a pool as far as it was read; 0 if it has no facts."""
        return self._index.last(pool) or 0

    def pools(self) -> list[str]:
        """The pools that have facts here, in the order of their ids."""
        return self._index.pools()

    def read(self, gt: int = 0, until: int | None = None) -> Generator[Record, None, None]:
        """Facts after position `gt` up to position `until` (the end, if left out), in order."""
        end = self._index.end if until is None else min(until, self._index.end)
        if gt >= end:
            return
        self._reach(gt + 1)
        index = self._index
        for page in self.reader.read(index.offset(gt + 1), index.offset(end) + 1):
            yield from map(record_of, page)

    def read_pool(
        self, pool: str, gt: int | None = None, lte: int | None = None, limit: int | None = None,
        *, desc: bool = False,
    ) -> Iterator[Record]:  # fmt: skip
        """A pool's facts after sequence `gt` up to `lte`, in order or (`desc`) from the last one back."""
        if (0 if gt is None else gt + 1) < self._index.first(pool):
            self._reach(1)
        index = self._index
        positions = index.positions(pool, gt, lte)
        if limit is not None:
            positions = positions[max(0, len(positions) - limit) :] if desc else positions[:limit]
        if not positions:
            return
        found = self._between(index.offset(positions[0]), index.offset(positions[-1]) + 1, pool)
        yield from reversed(list(found)) if desc else found

    def follower(self) -> PartitionReader:
        """A reader with a connection of its own, to be closed by whoever asked for it."""
        return PartitionReader(self._cluster, self.topic, self.partition)

    def offset_after(self, position: int) -> int:
        """Where reading begins for what comes after a position."""
        self._reach(position + 1)
        return self._index.offset(position + 1) if position < self._index.end else self._index.next_offset

    def _between(self, offset: int, until: int, pool: str) -> Iterator[Record]:
        key = pool.encode()
        for page in self.reader.read(offset, until):
            yield from (record_of(record) for record in page if record.key == key)

    def _take_in(self, page: Sequence[Any]) -> None:
        for found in page:
            record = record_of(found)
            self._index.add(record.pool, record.sequence, record.position, record.offset)

    def _reach(self, position: int) -> None:
        """See that a position is indexed: one before the index's start has the whole partition read."""
        with self._writing, self._following:
            if position > self._index.start.position:
                return
            first, _ = self.reader.bounds()
            known, self._index = self._index, Index(Place(first))
            try:
                for page in self.reader.read(first, known.next_offset):
                    self._take_in(page)
            except BaseException:
                self._index = known
                raise
            self._index.next_offset = known.next_offset

    def close(self) -> None:
        """Close the connections."""
        self.writer.close()
        self.reader.close()
