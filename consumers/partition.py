"""Deciding one partition: its pools in memory, its requests in the order of their append times.

One transaction writes a batch's facts, its dead letters, the requests that it passes on and how far the
request topics were consumed. The next batch is decided while the last is being committed.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import structlog
from kafka.structs import TopicPartition

from consumers.broker import Group
from consumers.clocks import Clocks, reason_of
from consumers.dead_letters import dead_letters
from consumers.doors import command_of, intake_of
from consumers.merging import Arrived, in_order, read_by
from consumers.operating import Operating
from consumers.partition_snapshots import NOTHING, PartitionSnapshots, documents_of, note_origin
from consumers.work import UNREADABLE, Memory, Told, Work, told_of
from leadflow.deciding import Deciding
from leadflow.domain.requests import Request
from leadflow.errors import LogDamaged, NotFound, TooLarge, UsageError
from leadflow.log.envelope import encode_request
from leadflow.log.kafka import Append, Message, Offsets, Origin, PartitionLog
from leadflow.log.kafka.records import CONTENT_TYPE, H_CONTENT_TYPE, moment_of
from leadflow.log.kafka.topics import TopicNames
from leadflow.log.partitioning import partition_of
from leadflow.streams import fold

BATCH_MAX = 1_000
"""Requests that one transaction decides."""
BATCH_BYTES_MAX = 4 * 1024 * 1024
"""Bytes of requests after which a batch takes no more."""
WAITING_MAX = 4 * BATCH_MAX
"""Requests of one topic that may be waiting for the other topic to be read."""
log_ = structlog.get_logger(__name__)


class DecideAgain(Exception):
    """A request could not be decided with the others: take the partition again and go more carefully."""


class PartitionDecider:
    """One partition of the request topics and of the log, as long as this process owns it."""

    def __init__(
        self,
        log: PartitionLog,
        names: TopicNames,
        partition: int,
        partitions: int,
        *,
        virtual: bool,
        operating: Operating,
        snapshots: PartitionSnapshots | None = None,
    ) -> None:
        """Opens nothing; `take` does."""
        self.partition = partition
        self.topics = (names.commands,) if virtual else (names.intake, names.commands)
        self._names = names
        self._partitions = partitions
        self._virtual = virtual
        self._log = log
        self._operating = operating
        self._snapshots = snapshots
        self._streams = Memory()
        self._deciding = Deciding(self._streams, self._unknown, virtual=virtual, forwarding=True)
        self._waiting: dict[str, deque[Arrived]] = {topic: deque() for topic in self.topics}
        self._last: dict[str, datetime] = {}
        """When the last record of each topic that was read was appended."""
        self.next: dict[str, int] = {}
        """By topic, the offset to read on from."""
        self._pending: tuple[Append, Work] | None = None
        self._condemned: dict[Origin, str] = {}
        """Requests that cannot be decided, and why; they become dead letters."""
        self._careful: dict[str, int] = {}
        """By topic, the offset before which requests are decided one by one."""
        self._clocks = Clocks(partition, self._streams, self._deciding, operating)

    # --- taking and letting go ------------------------------------------------------------------

    def take(self, group: Group) -> None:
        """Fence, read the log to its end (from a snapshot on, if there is one), and find where to go on:
        the later of the offset that was committed and what the facts say.

        The group's offsets are asked for once no other can commit any more. Raises LogDamaged if requests
        were deleted that nobody has decided.
        """
        self._pending = None
        before = NOTHING
        if self._snapshots is not None:
            before = self._snapshots.usable(self.partition, documents_of(self._log.reader))
            self._log.begin(before.place)
        self._log.take()
        self._streams.clear()
        self._streams.update(before.pools)
        told = dict(before.resume)
        for record in self._log.read(gt=before.place.position):
            fold(self._streams[record.pool], record.document)
            note_origin(told, record.origin, self.partition)
        for topic in self.topics:
            place = TopicPartition(topic, self.partition)
            offset, earliest = max(group.committed(place) or 0, told.get(topic, 0)), group.first(place)
            if offset < earliest:
                raise LogDamaged(
                    f"requests from offset {offset} on were deleted before they were decided; the first"
                    f" that is there is {earliest}",
                    where=f"topic {topic}, partition {self.partition}",
                    do="Their senders have to send them again; then set the group's offset by hand.",
                )
            self.next[topic] = offset
        self._waiting = {topic: deque() for topic in self.topics}
        self._last.clear()
        self._clocks.taken()
        log_.info(
            "a partition is taken",
            partition=self.partition,
            position=self._log.end(),
            snapshot=before.place.position,
            next=dict(self.next),
        )

    def wait_until_written(self) -> None:
        """Wait for what is being committed. Raises as `PartitionLog.append`."""
        if self._pending is not None:
            self._settle()

    @property
    def writes(self) -> bool:
        """Whether it can, as far as is known: it was taken, and nobody has turned it away."""
        return self._log.taken

    @property
    def busy(self) -> bool:
        """Whether something is being committed."""
        return self._pending is not None and not self._pending[0].done

    @property
    def waiting(self) -> int:
        """How many requests wait here to be decided."""
        return sum(map(len, self._waiting.values()))

    def close(self) -> None:
        """Let go. What was begun without being committed is aborted."""
        self._log.close()

    # --- requests -------------------------------------------------------------------------------

    def add(self, topic: str, records: Sequence[Any]) -> None:
        """Records of a topic that were read, in their order."""
        if records:
            # All are read before any is decided: reading and deciding in turns drive each other out of the
            # processor's caches, which took a quarter more of its time.
            read = intake_of if topic == self._names.intake else command_of
            self._waiting[topic].extend(Arrived(one.timestamp, one, read_by(read, one)) for one in records)
            self._last[topic] = moment_of(records[-1].timestamp)
            self.next[topic] = records[-1].offset + 1

    def full(self, topic: str) -> bool:
        """Whether no more of this topic should be read for now."""
        return len(self._waiting[topic]) >= WAITING_MAX

    def work(
        self,
        at_end: Mapping[str, bool],
        asked: datetime,
        member: Any,
        *,
        tick: bool,
        stands: Mapping[str, int],
    ) -> None:
        """Decide a batch of what can be decided and begin to write it.

        `at_end` says which topics have been read to their ends as asked for at `asked`; `member` is the
        consumer group's metadata; with `tick`, what is due in any pool is decided, and where reading `stands`
        by topic is committed if that is behind the last request. Raises DecideAgain, and as
        `PartitionLog.append`.
        """
        began = time.perf_counter()
        work = self._decide(at_end)
        if tick and not self._virtual:
            self._fire(work, self._horizon(at_end, asked))
        decided = time.perf_counter()
        self.wait_until_written()
        after = {(place.topic, place.partition): place.offset + 1 for place in work.places}
        if tick:
            after |= self._behind_the_last(at_end, stands)
        if work.empty and not after:
            return
        if not work.empty:
            self._operating.deciding(decided - began)
        offsets = Offsets(member, after) if after else None
        append = self._log.append_later(work.batch.stored, work.messages, offsets, work.origins)
        self._pending = (append, work)

    def _behind_the_last(
        self, at_end: Mapping[str, bool], stands: Mapping[str, int]
    ) -> dict[tuple[str, int], int]:
        """Where reading stands in topics that have nothing to decide, if that is further than was known.

        Marks of transactions stand behind the last request. Once all before them was deleted for its age,
        an offset that points at a mark would look as if requests had been deleted undecided.
        """
        moved = {
            topic: stands[topic]
            for topic in self.topics
            if at_end[topic] and not self._waiting[topic] and stands.get(topic, 0) > self.next[topic]
        }
        self.next |= moved
        return {(topic, self.partition): offset for topic, offset in moved.items()}

    def _settle(self) -> None:
        assert self._pending is not None
        (append, work), self._pending = self._pending, None
        try:
            positions = append.positions()
        except TooLarge as problem:
            # Something is too large to be written. Alone, it will show what it is.
            if not work.places:
                raise
            if len(work.places) == 1:
                self._condemned[work.places[0]] = f"its outcome cannot be written: {problem.what}"
            for place in work.places:
                self._careful[place.topic] = max(self._careful.get(place.topic, 0), place.offset + 1)
            raise DecideAgain from problem
        if not work.empty:
            work.tell(self._operating, self.partition, positions, append.seconds)

    def report(self, unread: Mapping[str, int], now: datetime) -> None:
        """Tell how far this partition is; `unread` says by topic how many records are still to be read."""
        waiting = 0
        for topic, requests in self._waiting.items():
            age = (now - moment_of(requests[0].timestamp)).total_seconds() if requests else 0.0
            events = len(requests) + unread[topic]
            self._operating.behind(topic, self.partition, events, age)
            waiting += events
        self._operating.progress(self.partition, self._log.end(), waiting=waiting > 0)

    def _decide(self, at_end: Mapping[str, bool]) -> Work:
        work = Work()
        for topic, (_, record, request) in in_order(self._waiting, at_end):
            place = Origin(topic, self.partition, record.offset)
            try:
                told = self._take_in(record, request, place, work)
            except Exception as problem:
                # What is in memory may have run ahead of what is written: it is folded anew.
                log_.error("a request could not be decided", **place._asdict(), exc_info=problem)
                self._condemned[place] = f"it could not be decided ({reason_of(problem)})"
                self.wait_until_written()
                raise DecideAgain from problem
            work.places.append(place)
            work.told.append(told)
            work.size += len(record.value or b"")
            full = len(work.places) >= BATCH_MAX or work.size >= BATCH_BYTES_MAX
            if full or record.offset < self._careful.get(topic, 0):
                break
        return work

    def _take_in(self, record: Any, request: Request | Exception, place: Origin, work: Work) -> Told:
        condemned = self._condemned.get(place) if self._condemned else None
        if condemned is not None:
            work.messages += dead_letters(self._names.dead_letters, record, place, condemned)
            return UNREADABLE
        if isinstance(request, UsageError):
            work.messages += dead_letters(self._names.dead_letters, record, place, request.what)
            return UNREADABLE
        if isinstance(request, Exception):
            raise request
        right = partition_of(request.pool, self._partitions)
        if right != self.partition:
            # Another client's partitioner put it here. It is decided where its pool lives.
            key = request.pool.encode()
            work.messages.append(Message(place.topic, right, key, bytes(record.value), record.headers))
            return Told(request.body.type, "forwarded", request.pool, request.identity)
        before = len(work.batch.stored)
        moment = moment_of(record.timestamp)
        troubled = self._clocks.troubled and not self._virtual
        refusal = self._clocks.refusal(request.pool, moment, work.batch) if troubled else None
        if refusal is not None:
            work.messages += dead_letters(self._names.dead_letters, record, place, refusal)
            return Told(request.body.type, "dead_letter", request.pool, request.identity)
        try:
            outcome = self._deciding.decide(request, moment, work.batch)
        except Exception:
            self._clocks.suspect(request.pool)
            raise
        if not self._streams[request.pool].stream.sequence:
            del self._streams[request.pool]
        if outcome.error is not None:
            work.messages += dead_letters(self._names.dead_letters, record, place, outcome.error.what)
        if len(work.batch.stored) - before == len(outcome.events):
            # Nothing became due beside it: all of these are its own.
            work.origins += [place] * len(outcome.events)
        else:
            self._note(work, before, request.identity, place)
        if work.batch.forwarded:
            work.messages += map(self._passed_on, work.batch.forwarded)
            work.batch.forwarded.clear()
        return told_of(outcome, len(work.batch.stored))

    def _note(self, work: Work, before: int, identity: str, place: Origin | None) -> None:
        """Where the newest facts come from."""
        batch = work.batch
        for stored in batch.stored[before:]:
            event = batch.events[str(stored.originator_id), stored.originator_version]
            work.origins.append(place if event.causation == identity else None)

    def _passed_on(self, request: Request) -> Message:
        right = partition_of(request.pool, self._partitions)
        headers = [(H_CONTENT_TYPE, CONTENT_TYPE.encode())]
        return Message(self._names.commands, right, request.pool.encode(), encode_request(request), headers)

    # --- deadlines ------------------------------------------------------------------------------

    def _horizon(self, at_end: Mapping[str, bool], asked: datetime) -> datetime | None:
        """Until when every request is known: a deadline due by then comes before all that will be read."""
        moments = []
        for topic in self.topics:
            if self._waiting[topic]:
                moments.append(moment_of(self._waiting[topic][0].timestamp))
            elif at_end[topic]:
                moments.append(asked)
            elif topic in self._last:
                moments.append(self._last[topic])
            else:
                return None
        return min(moments)

    def _fire(self, work: Work, until: datetime | None) -> None:
        if until is None:
            return
        try:
            self._clocks.fire_all(until, work.batch, lambda before: self._note(work, before, "", None))
        except Exception as problem:
            self.wait_until_written()
            raise DecideAgain from problem

    @staticmethod
    def _unknown(pool: str) -> NotFound:
        return NotFound(f"there is no pool {pool!r}", do="Open it, then send the request again.")
