"""The projector of a Kafka deployment: `leadflow projector`.

A member of one consumer group over the events topic: it takes its partitions into the read models of one
Postgres. Where it goes on is what Postgres says, in the same transaction as the rows; the group only divides
the partitions. Whatever goes wrong with Kafka or Postgres ends the membership, and another begins from there.
"""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from datetime import UTC, datetime

import structlog
from kafka import KafkaConsumer
from kafka.structs import TopicPartition

from consumers.feeding import Feed
from consumers.group import Listener, Ranges, count_partitions, keep_going
from consumers.operating import Operating
from leadflow.errors import Conflict, LeadflowError, LogDamaged, Unavailable
from leadflow.log.kafka import Cluster, KafkaLog
from leadflow.log.kafka.client import translated
from leadflow.log.kafka.topics import TopicNames
from leadflow.postgres import Database
from projections import registry
from projections.filling import WRITERS_MAX, Targets
from projections.runner import Projections

POLL_MS = 100
HURRY_MS = 5
"""How long to wait for facts while others are being written."""
RECORDS_MAX = 2_000
SESSION_MS = 6_000
"""After so long without a sign of life, the group gives a member's partitions to another."""
HEARTBEAT_MS = 1_000
ANSWER_MS = 5_000
LEAVE_MS = 3_000
LOOK_S = 2.0
"""How often to look how far the log goes, and whether a projection was rebuilt."""
STALL_S = 30.0
"""A consumer can stand still without saying so; after so long it is made anew."""
RETRY_S = (0.2, 5.0)
"""The first and the longest pause before beginning anew."""
GC_THRESHOLD = (200_000, 50, 100)
"""Folding makes very many small objects and no circles of them."""

log_ = structlog.get_logger(__name__)


class Membership:
    """One membership of the group, from joining to the first thing that goes wrong."""

    def __init__(
        self, cluster: Cluster, names: TopicNames, projections: Projections, operating: Operating
    ) -> None:
        """Join. Raises LeadflowError."""
        self._names = names
        self._projections = projections
        self._database = projections.database
        self._operating = operating
        self._feeds: dict[int, Feed] = {}
        self._divided = False
        """The group has divided the partitions anew since the last step."""
        self._targets: Targets = ()
        self._looked = 0.0
        self._moved: dict[int, tuple[int, float]] = {}
        """By partition, where reading stood when it last moved, and when that was."""
        self._where = f"{cluster.where}, group {names.events.removesuffix('.events')}-projector"
        with ExitStack() as stack:
            self._log = stack.enter_context(KafkaLog(cluster, names.events))
            self._asking = self._opened(stack, cluster.consumer("projector-ends"))
            self._partitions = count_partitions(self._asking, names, self._where)
            self._consumer = self._opened(
                stack,
                cluster.consumer(
                    "projector",
                    group_id=f"{names.events.removesuffix('.events')}-projector",
                    session_timeout_ms=SESSION_MS,
                    heartbeat_interval_ms=HEARTBEAT_MS,
                    max_poll_records=RECORDS_MAX,
                    partition_assignment_strategy=(Ranges(self._partitions),),
                ),
            )
            self._executor = stack.enter_context(ThreadPoolExecutor(WRITERS_MAX, "leadflow-projections"))
            with translated(self._where):
                self._consumer.subscribe(topics=[names.events], listener=Listener(self))
            self._stack = stack.pop_all()

    @staticmethod
    def _opened(stack: ExitStack, consumer: KafkaConsumer) -> KafkaConsumer:
        def close() -> None:
            try:
                consumer.close(autocommit=False, timeout_ms=LEAVE_MS)
            except Exception as problem:
                log_.warning("a connection to Kafka was not closed well", problem=repr(problem))

        stack.callback(close)
        return consumer

    # --- the group ------------------------------------------------------------------------------

    def rebalancing(self) -> None:
        """What is being written stays right: its position is looked at in its own transaction."""

    def assigned(self, assigned: Sequence[TopicPartition]) -> None:
        """What is assigned is read once it is known where its projections stand."""
        self._divided = True
        for place in assigned:
            self._consumer.pause(place)
            self._consumer.seek(place, 0)

    def lost(self) -> None:
        """The group has gone on without this member."""
        self._divided = True

    def _follow_assignment(self) -> None:
        """Begin anew with what is ours now: what was ours before, another may have taken further."""
        self._divided = False
        self._operating.rebalanced()
        mine = {place.partition for place in self._consumer.assignment()}
        log_.info("the group has divided the partitions", partitions=sorted(mine))
        for feed in self._feeds.values():
            feed.settle()
        self._feeds.clear()
        self._operating.holds(mine)
        self._targets = self._live()
        for at in sorted(mine):
            began = time.monotonic()
            feed = Feed(at, self._database, self._log.partition_of, self._executor, self._operating)
            feed.take(self._targets)
            self._feeds[at] = feed
            self._read_on(feed)
            self._operating.took(time.monotonic() - began)
        # Its connections were for finding these places.
        self._log.close()

    def _live(self) -> Targets:
        live = registry.live(self._database)
        known = self._projections.projections
        return [(known[name], live[name]) for name in known if name in live]

    def _read_on(self, feed: Feed) -> None:
        """Read after what its projections have taken. Raises LogDamaged where the log does not go so far."""
        position = feed.from_here()
        place = TopicPartition(self._names.events, feed.partition)
        if position is None:
            return
        offset = self._log.offset_after(feed.partition, position)
        if offset is None:
            raise LogDamaged(
                f"the read models are at position {position} of partition {feed.partition}, before which the"
                " log ends",
                where=self._where,
                do="The log was cut off, or they come from another. Name their own, or an empty database.",
            )
        self._consumer.seek(place, offset)
        self._moved[feed.partition] = (offset, time.monotonic())
        self._consumer.resume(place)

    # --- work -----------------------------------------------------------------------------------

    def step(self) -> None:
        """Read, and write what was read. Raises LeadflowError when this membership is over."""
        busy = any(feed.busy for feed in self._feeds.values())
        keep_going(self._consumer)
        with translated(self._where):
            polled = self._consumer.poll(HURRY_MS if busy else POLL_MS, max_records=RECORDS_MAX)
        if self._divided:
            # What was read before may be twice or out of place; it is read again.
            self._follow_assignment()
            return
        for at, feed in self._feeds.items():
            place = TopicPartition(self._names.events, at)
            if place in polled:
                feed.add(polled[place], self._consumer.highwater(place))
            if feed.work():
                self._read_on(feed)
            self._hold_back(feed)
        for feed in self._feeds.values():
            if moved := feed.moved():
                for other in self._feeds.values():
                    other.look_again(moved)
        if time.monotonic() - self._looked >= LOOK_S:
            self._look()
        self._operating.stepped()

    def _hold_back(self, feed: Feed) -> None:
        """A partition is read no faster than it is written."""
        place = TopicPartition(self._names.events, feed.partition)
        paused = place in self._consumer.paused()
        if feed.full and not paused:
            self._consumer.pause(place)
        elif paused and not feed.full:
            self._consumer.resume(place)

    def _look(self) -> None:
        """How far the log goes; whether reading moves; whether a projection was rebuilt meanwhile."""
        self._looked = time.monotonic()
        if (targets := self._live()) != self._targets:
            self._targets = targets
            for feed in self._feeds.values():
                feed.take(targets)
                self._read_on(feed)
        places = [TopicPartition(self._names.events, at) for at in self._feeds]
        with translated(self._where):
            ends = self._asking.end_offsets(places, ANSWER_MS) if places else {}
        for place in places:
            self._tell(self._feeds[place.partition], place, int(ends[place]))

    def _tell(self, feed: Feed, place: TopicPartition, end: int) -> None:
        with translated(self._where):
            at = int(self._consumer.position(place, timeout_ms=ANSWER_MS) or 0)
        before, since = self._moved.get(feed.partition, (-1, self._looked))
        if at != before or at >= end or place in self._consumer.paused():
            self._moved[feed.partition] = (at, self._looked)
        elif self._looked - since > STALL_S:
            raise Unavailable(
                f"reading stands at offset {at} of partition {feed.partition} though {end} is its end",
                where=self._where,
                do="The group is joined anew.",
            )
        waiting = feed.waiting + max(0, end - at)
        oldest = datetime.fromisoformat(feed.oldest) if feed.oldest else None
        age = (datetime.now(UTC) - oldest).total_seconds() if oldest else 0.0
        self._operating.behind(place.topic, place.partition, waiting, age)
        self._operating.progress(place.partition, feed.position, waiting=bool(waiting))

    def close(self) -> None:
        """Finish what is being written, and leave the group."""
        for feed in self._feeds.values():
            feed.settle()
        self._stack.close()


class Projector:
    """Keeps the read models of one database until it is told to stop."""

    def __init__(
        self,
        cluster: Cluster,
        prefix: str,
        url: str,
        operating: Operating | None = None,
        *,
        revive: Callable[[], None] | None = None,
    ) -> None:
        """Of the log whose topics have this prefix, in the Postgres at `url`. `revive` starts that again if
        it went away.

        Opens nothing.
        """
        self._revive = revive
        self._cluster = cluster
        self._names = TopicNames.of(prefix)
        self._url = url
        self._operating = operating or Operating("projector")
        self._stop = threading.Event()

    def stop(self) -> None:
        """Finish what is being written and leave; may be called from a signal handler."""
        self._stop.set()

    def run(self) -> None:
        """Project until told to stop. A cluster or a database that is away is waited for.

        Raises UsageError for read models of another log and for what is not permitted, LogDamaged for a log
        that has lost facts which they have, NotFound for topics that are missing.
        """
        usual = gc.get_threshold()
        gc.set_threshold(*GC_THRESHOLD)
        try:
            self._run()
        finally:
            gc.set_threshold(*usual)

    def _run(self) -> None:
        pause_s = RETRY_S[0]
        while not self._stop.is_set():
            began = time.monotonic()
            try:
                self._as_member()
            except (Conflict, Unavailable) as problem:
                if time.monotonic() - began > RETRY_S[1]:
                    pause_s = RETRY_S[0]
                self._operating.retrying(str(problem))
                log_.warning("begins again from the read models", problem=str(problem), pause_s=pause_s)
                self._stop.wait(pause_s)
                if self._revive is not None and not self._stop.is_set():
                    with suppress(LeadflowError):
                        self._revive()
                pause_s = min(2 * pause_s, RETRY_S[1])
        self._operating.stopping()

    def _as_member(self) -> None:
        self._operating.joining()
        # Connections of its own: those that were lost would wait ever longer before they are tried again.
        with Database(self._url) as database:
            with KafkaLog(self._cluster, self._names.events) as log:
                projections = Projections(log, database)
                projections.open(self._stop)
                member = Membership(self._cluster, self._names, projections, self._operating)
            try:
                while not self._stop.is_set():
                    member.step()
            finally:
                member.close()
