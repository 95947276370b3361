"""The decider of a Kafka deployment: `leadflow decider`.

A member of one consumer group over the intake and the commands topic. It decides on the partitions that it
holds of both, and writes those partitions of the log. Whatever goes wrong with Kafka ends the membership:
what is in memory is dropped, and the partitions are taken again with the next one. Only a decider that was
turned away by another ends for good.
"""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime

import structlog
from kafka import KafkaConsumer
from kafka.structs import TopicPartition

from consumers.group import Changes, Listener, Ranges, count_partitions
from consumers.partition import BATCH_MAX, DecideAgain, PartitionDecider
from leadflow.errors import Conflict, Fenced, Unavailable, UsageError
from leadflow.log.kafka.client import Cluster, translated
from leadflow.log.kafka.topics import TopicNames
from leadflow.settings import Settings

POLL_MS = 100
"""How long to wait for requests before looking whether a deadline has come."""
HURRY_MS = 2
"""The same while requests wait here already."""
TICK_S = 0.25
SESSION_MS = 6_000
"""After so long without a sign of life, the group gives a member's partitions to another."""
HEARTBEAT_MS = 1_000
SETTLE_S = 5.0
"""How long a rebalance waits for what is being committed."""
POSITION_MS = 5_000
STALL_S = 20.0
"""A consumer can stand still without saying so; after so long it is made anew."""
RETRY_S = (0.2, 5.0)
"""The first and the longest pause before joining the group anew."""
LEAVE_MS = 3_000
GC_THRESHOLD = (200_000, 100, 100)
"""The state of pools grows for ever and has hardly any garbage in it: looking for some among it at Python's
usual pace took a fifth of a decider's time."""

log_ = structlog.get_logger(__name__)


class Membership:
    """One membership of the group, from joining to the first thing that goes wrong."""

    def __init__(self, cluster: Cluster, names: TopicNames, *, virtual: bool) -> None:
        """Join. Raises LeadflowError."""
        self._cluster = cluster
        self._names = names
        self._virtual = virtual
        self._topics = (names.commands,) if virtual else (names.intake, names.commands)
        self._where = f"{cluster.where}, group {names.events.removesuffix('.events')}-decider"
        self._held: dict[int, PartitionDecider] = {}
        self._changes = Changes()
        self._ticked = 0.0
        self._moved: dict[TopicPartition, tuple[int, float]] = {}
        """Where reading stood when it last moved, and when that was."""
        # Asked for ends on a connection of its own: on the other, answers wait behind fetches.
        self._ends: KafkaConsumer = cluster.consumer("decider-ends")
        self._open = [self._ends]
        try:
            self._partitions = count_partitions(self._ends, names, self._where)
            self._consumer = self._join()
        except BaseException:
            self.close(finish=False)
            raise

    def _join(self) -> KafkaConsumer:
        consumer = self._cluster.consumer(
            "decider",
            group_id=f"{self._names.events.removesuffix('.events')}-decider",
            session_timeout_ms=SESSION_MS,
            heartbeat_interval_ms=HEARTBEAT_MS,
            max_poll_records=BATCH_MAX,
            partition_assignment_strategy=(Ranges(self._partitions),),
        )
        self._open.append(consumer)
        consumer.subscribe(topics=self._topics, listener=Listener(self))
        return consumer

    # --- the group ------------------------------------------------------------------------------

    def rebalancing(self) -> None:
        """The group divides the partitions anew: what is being committed belongs to the old division."""
        until = time.monotonic() + SETTLE_S
        while any(held.busy for held in list(self._held.values())) and time.monotonic() < until:
            time.sleep(0.002)

    def assigned(self, assigned: Sequence[TopicPartition]) -> None:
        """What is assigned is read once it was taken; until then it stands, at any place there is."""
        self._changes.assigned(place.partition for place in assigned)
        for place in assigned:
            self._consumer.pause(place)
            self._consumer.seek(place, 0)

    def lost(self) -> None:
        """The group has gone on without this member."""
        self._changes.lost()

    def _follow_assignment(self) -> None:
        """Let go of what is not ours any more, and take what is new."""
        kept = self._changes.taken(self._held)
        assignment = set(self._consumer.assignment())
        both = {
            at
            for at in range(self._partitions)
            if all(TopicPartition(topic, at) in assignment for topic in self._topics)
        }
        log_.info("the group has divided the partitions", partitions=sorted(both))
        for at in list(self._held):
            if at not in both & kept:
                self._held.pop(at).close()
        for at in sorted(both):
            if at not in self._held:
                decider = PartitionDecider(
                    self._cluster, self._names, at, self._partitions, virtual=self._virtual
                )
                self._held[at] = decider
                self._take(decider)
            self._read_on(self._held[at])

    def _take(self, decider: PartitionDecider) -> None:
        def committed(topic: str) -> int | None:
            place = TopicPartition(topic, decider.partition)
            offset = self._consumer.committed(place, timeout_ms=POSITION_MS)
            return None if offset is None else int(offset)

        def first(topic: str) -> int:
            place = TopicPartition(topic, decider.partition)
            return int(self._ends.beginning_offsets([place])[place])

        with translated(self._where):
            decider.take(committed, first)
        # What was folded stays: the collector need not look at it again.
        gc.freeze()

    def _read_on(self, decider: PartitionDecider) -> None:
        for topic in decider.topics:
            place = TopicPartition(topic, decider.partition)
            self._consumer.seek(place, decider.next[topic])
            self._consumer.resume(place)

    # --- work -----------------------------------------------------------------------------------

    def step(self) -> None:
        """Read, decide, write. Raises LeadflowError when this membership is over."""
        wait_ms = HURRY_MS if any(held.waits for held in self._held.values()) else POLL_MS
        with translated(self._where):
            polled = self._consumer.poll(wait_ms, max_records=BATCH_MAX)
        if self._changes:
            # What was read before may be twice or out of place; it is read again.
            self._follow_assignment()
            return
        for place, records in polled.items():
            held = self._held.get(place.partition)
            if held is not None:
                held.add(place.topic, records)
        if self._held:
            self._decide()

    def _decide(self) -> None:
        places = [TopicPartition(topic, at) for at, held in self._held.items() for topic in held.topics]
        tick = time.monotonic() - self._ticked >= TICK_S
        asked = datetime.now(UTC)
        with translated(self._where):
            ends = self._ends.end_offsets(places)
            at_end = {place: self._read_to(place, ends[place]) for place in places}
            member = self._consumer.group_metadata()
        for at, held in self._held.items():
            read = {topic: at_end[TopicPartition(topic, at)] for topic in held.topics}
            try:
                held.work(read, asked, member, tick=tick)
            except DecideAgain:
                self._take(held)
                self._read_on(held)
            self._hold_back(held)
        if tick:
            self._ticked = time.monotonic()

    def _read_to(self, place: TopicPartition, end: int) -> bool:
        """Whether a topic has been read to this end. Raises Unavailable if it gets no nearer."""
        now = time.monotonic()
        at = int(self._consumer.position(place, timeout_ms=POSITION_MS) or 0)
        before, since = self._moved.get(place, (-1, now))
        if at >= end or at != before or place in self._consumer.paused():
            self._moved[place] = (at, now)
        elif now - since > STALL_S:
            raise Unavailable(
                f"reading stands at offset {at} of {place.topic}-{place.partition} though {end} is its end",
                where=self._where,
                do="The group is joined anew.",
            )
        return at >= end

    def _hold_back(self, held: PartitionDecider) -> None:
        """A topic that is far ahead of the other waits for it."""
        for topic in held.topics:
            place = TopicPartition(topic, held.partition)
            if held.full(topic):
                self._consumer.pause(place)
            elif place in self._consumer.paused():
                self._consumer.resume(place)

    def close(self, *, finish: bool) -> None:
        """Leave the group; with `finish`, once what is being committed is written."""
        try:
            if finish:
                for held in self._held.values():
                    held.wait_until_written()
        finally:
            for held in self._held.values():
                held.close()
            for consumer in reversed(self._open):
                try:
                    consumer.close(autocommit=False, timeout_ms=LEAVE_MS)
                except Exception as problem:
                    log_.warning("a connection to Kafka was not closed well", problem=repr(problem))


class Decider:
    """Decides until it is told to stop."""

    def __init__(self, settings: Settings, *, virtual: bool = False) -> None:
        """`virtual` reads the commands topic only and goes by the requests' own times.

        Raises UsageError if no cluster is named.
        """
        if settings.kafka is None:
            raise UsageError("no Kafka cluster is named", do="Set LEADFLOW_KAFKA to its bootstrap servers.")
        self._cluster = Cluster(settings.kafka)
        self._names = TopicNames.of(settings.kafka_prefix)
        self._virtual = virtual
        self._stop = threading.Event()

    def stop(self) -> None:
        """Finish what is being written and leave; may be called from a signal handler."""
        self._stop.set()

    def run(self) -> None:
        """Decide until told to stop.

        A cluster that is away is waited for. Raises Fenced when another decider has taken over a partition
        that the group has not taken away from this one, LogDamaged, and UsageError for topics that are
        missing or not permitted.
        """
        usual = gc.get_threshold()
        gc.set_threshold(*GC_THRESHOLD)
        try:
            self._run()
        finally:
            gc.set_threshold(*usual)
            gc.unfreeze()

    def _run(self) -> None:
        pause_s = RETRY_S[0]
        while not self._stop.is_set():
            began = time.monotonic()
            try:
                self._as_member()
            except Fenced:
                raise
            except (Conflict, Unavailable) as problem:
                # Conflict: somebody else has written, or the group has gone on. Both start from the log.
                if time.monotonic() - began > RETRY_S[1]:
                    pause_s = RETRY_S[0]
                log_.warning("begins again from the log", problem=str(problem), pause_s=pause_s)
                self._stop.wait(pause_s)
                pause_s = min(2 * pause_s, RETRY_S[1])

    def _as_member(self) -> None:
        member = Membership(self._cluster, self._names, virtual=self._virtual)
        finish = False
        try:
            while not self._stop.is_set():
                member.step()
            finish = True
        finally:
            member.close(finish=finish)
