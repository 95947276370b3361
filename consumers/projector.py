"""The projector of a Kafka deployment: `leadflow projector`.

A member of one consumer group over the events topic: it takes its partitions into the read models of one
Postgres. Where it goes on is what Postgres says, in the same transaction as the rows; the group only divides
the partitions. Whatever goes wrong with Kafka or Postgres ends the membership, and another begins from there.
"""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, wait
from contextlib import ExitStack, suppress
from datetime import UTC, datetime

import structlog
from kafka import KafkaConsumer
from kafka.structs import TopicPartition

from consumers.feeding import AGAIN_S, Feed
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
from projections.threads import Writers

POLL_MS = 100
HURRY_S = 0.02
"""How long to wait for others to be written before facts are looked for."""
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
END_S = 15.0
"""How long what is being written may take to end; some tenths of a second are usual."""
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
            self._executor = stack.enter_context(Writers(WRITERS_MAX))
            self._feed = self._fed(())
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
        self._feed.settle()
        self._operating.holds(mine)
        self._targets = self._live()
        began = time.monotonic()
        self._feed = self._fed(mine)
        self._begin_anew()
        if mine:
            self._operating.took(time.monotonic() - began)
        # Its connections were for finding these places.
        self._log.close()

    def _fed(self, partitions: Iterable[int]) -> Feed:
        return Feed(partitions, self._database, self._log.partition_of, self._executor, self._operating)

    def _live(self) -> Targets:
        live = registry.live(self._database)
        known = self._projections.projections
        return [(known[name], live[name]) for name in known if name in live]

    def _begin_anew(self) -> None:
        """Read after what the projections have taken. Raises LogDamaged where the log does not go so far."""
        for at, position in self._feed.take(self._targets).items():
            offset = self._log.offset_after(at, position)
            if offset is None:
                raise LogDamaged(
                    f"the read models are at position {position} of partition {at}, before which the"
                    " log ends",
                    where=self._where,
                    do="The log was cut off, or they come from another. Name their own, or an empty"
                    " database.",
                )
            place = TopicPartition(self._names.events, at)
            self._consumer.seek(place, offset)
            self._moved[at] = (offset, time.monotonic())
            self._consumer.resume(place)

    # --- work -----------------------------------------------------------------------------------

    def step(self) -> None:
        """Read, and write what was read. Raises LeadflowError when this membership is over."""
        keep_going(self._consumer)
        with translated(self._where):
            polled = self._consumer.poll(self._wait_ms(), max_records=RECORDS_MAX)
        if self._divided:
            # What was read before may be twice or out of place; it is read again.
            self._follow_assignment()
            return
        for place, records in polled.items():
            self._feed.add(place.partition, records, self._consumer.highwater(place))
        if self._feed.work():
            self._begin_anew()
        self._hold_back()
        if not polled:
            self._feed.wait(HURRY_S)
        if time.monotonic() - self._looked >= LOOK_S:
            self._look()
        self._operating.stepped()

    def _wait_ms(self) -> int:
        """How long to wait for facts, where there are none."""
        if self._feed.busy:
            return 0
        return int(AGAIN_S[0] * 1_000) if self._feed.hurries(time.monotonic()) else POLL_MS

    def _hold_back(self) -> None:
        """Partitions are read no faster than they are written."""
        paused = self._consumer.paused()
        for at in self._feed.partitions:
            place = TopicPartition(self._names.events, at)
            if (full := self._feed.full(at)) and place not in paused:
                self._consumer.pause(place)
            elif place in paused and not full:
                self._consumer.resume(place)

    def _look(self) -> None:
        """How far the log goes; whether reading moves; whether a projection was rebuilt meanwhile."""
        self._looked = time.monotonic()
        if (targets := self._live()) != self._targets:
            self._targets = targets
            self._begin_anew()
        places = [TopicPartition(self._names.events, at) for at in self._feed.partitions]
        with translated(self._where):
            ends = self._asking.end_offsets(places, ANSWER_MS) if places else {}
        for place in places:
            self._tell(place, int(ends[place]))

    def _tell(self, place: TopicPartition, end: int) -> None:
        with translated(self._where):
            at = int(self._consumer.position(place, timeout_ms=ANSWER_MS) or 0)
        before, since = self._moved.get(place.partition, (-1, self._looked))
        if at != before or at >= end or place in self._consumer.paused():
            self._moved[place.partition] = (at, self._looked)
        elif self._looked - since > STALL_S:
            raise Unavailable(
                f"reading stands at offset {at} of partition {place.partition} though {end} is its end",
                where=self._where,
                do="The group is joined anew.",
            )
        waiting = self._feed.waiting(place.partition) + max(0, end - at)
        oldest = self._feed.oldest(place.partition)
        age = (datetime.now(UTC) - datetime.fromisoformat(oldest)).total_seconds() if oldest else 0.0
        self._operating.behind(place.topic, place.partition, waiting, age)
        self._operating.progress(place.partition, self._feed.position(place.partition), waiting=bool(waiting))

    def close(self) -> None:
        """Finish what is being written, and leave the group."""
        self._feed.settle()
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

        One that stands still is not, once told to stop: no limit of Postgres's own ends that, so the work is
        on a thread that is left behind. Rows and positions are one transaction, there as a whole or not.

        Raises UsageError for read models of another log and for what is not permitted, LogDamaged for a log
        that has lost facts which they have, NotFound for topics that are missing.
        """
        usual = gc.get_threshold()
        gc.set_threshold(*GC_THRESHOLD)
        done: Future[None] = Future()

        def work() -> None:
            try:
                self._run()
                done.set_result(None)
            except BaseException as problem:
                done.set_exception(problem)

        threading.Thread(target=work, name="leadflow-projector", daemon=True).start()
        done.add_done_callback(lambda _: self._stop.set())
        try:
            self._stop.wait()
            if wait([done], END_S).not_done:
                log_.warning("what is being written does not end, and is left behind", after_s=END_S)
            else:
                done.result()
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
