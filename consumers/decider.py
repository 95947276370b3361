"""The decider of a Kafka deployment: `leadflow decider`.

A member of one consumer group over the intake and the commands topic. It decides on the partitions that it
holds of both, and writes those partitions of the log. Whatever goes wrong with Kafka ends the membership:
what is in memory is dropped, and the partitions are taken again with the next one. Only a decider that was
turned away by another ends for good.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import timedelta

import structlog
from kafka.structs import TopicPartition

from consumers.broker import Broker
from consumers.group import Changes, Standing
from consumers.kafka_broker import KafkaBroker
from consumers.operating import Operating
from consumers.partition import DecideAgain, PartitionDecider
from consumers.partition_snapshots import PartitionSnapshots
from leadflow.errors import Conflict, Fenced, Rebalanced, Unavailable
from leadflow.log.kafka.client import Cluster
from leadflow.log.kafka.topics import TopicNames
from leadflow.settings import Settings

POLL_MS = 100
"""How long to wait for requests before looking whether a deadline has come."""
HURRY_MS = 2
"""The same while requests wait here already."""
FEW = 250
"""So few requests would be decided sooner than the transaction before theirs is committed. They wait for it,
and those that come meanwhile are written with them: in one more transaction, not in two."""
TICK_S = 0.25
MOMENT_S = 0.001
"""The log's time stamps are whole milliseconds."""
CLOCKS_APART = timedelta(seconds=1)
"""How far the clocks of brokers and deciders may be apart. A deadline's fact is written so much later, that
no request from before the deadline is still to come; its time is the deadline's."""
SETTLE_S = 5.0
"""How long a rebalance waits for what is being committed."""
RETRY_S = (0.2, 5.0)
"""The first and the longest pause before joining the group anew."""
GC_THRESHOLD = (200_000, 100, 100)
"""The state of pools grows for ever and has hardly any garbage in it: looking for some among it at Python's
usual pace took a fifth of a decider's time."""

log_ = structlog.get_logger(__name__)


class Membership:
    """One membership of the group, from joining to the first thing that goes wrong."""

    def __init__(
        self,
        broker: Broker,
        names: TopicNames,
        *,
        virtual: bool,
        operating: Operating,
        snapshots: PartitionSnapshots | None = None,
    ) -> None:
        """Join. Raises LeadflowError."""
        self._broker = broker
        self._operating = operating
        self._snapshots = snapshots
        self._names = names
        self._virtual = virtual
        self._topics = (names.commands,) if virtual else (names.intake, names.commands)
        self._held: dict[int, PartitionDecider] = {}
        self._to_take: list[int] = []
        """Partitions that the group has given to this member and that stand still until they are taken."""
        self._changes = Changes()
        self._to_come = 0  # So many requests were still to be read when it was last asked.
        self._ticked = 0.0
        self._group = broker.join(self._topics, self)
        self._standing = Standing(self._group, broker)

    # --- the group ------------------------------------------------------------------------------

    def rebalancing(self) -> None:
        """The group divides the partitions anew: what is being committed belongs to the old division."""
        until = self._broker.elapsed_s() + SETTLE_S
        while any(held.busy for held in list(self._held.values())) and self._broker.elapsed_s() < until:
            self._broker.pause(0.002)

    def assigned(self, assigned: Sequence[TopicPartition]) -> None:
        """What is assigned is read once it was taken; until then it stands, at any place there is."""
        self._changes.assigned({place.partition for place in assigned}, self._group.generation())
        for place in assigned:
            self._group.pause(place)
            self._group.seek(place, 0)

    def lost(self) -> None:
        """The group has gone on without this member."""
        self._changes.lost()

    def _follow_assignment(self) -> None:
        """Let go of what is not ours any more, and read on in what is; what is new is taken by and by."""
        self._operating.rebalanced()
        kept = self._changes.taken(self._held)
        mine = self._group.assignment()
        both = set.intersection(*({p.partition for p in mine if p.topic == t} for t in self._topics))
        log_.info("the group has divided the partitions", partitions=sorted(both))
        for at in list(self._held):
            if at not in both & kept:
                self._held.pop(at).close()
        for held in self._held.values():
            self._read_on(held)
        self._to_take = sorted(both - self._held.keys())
        self._operating.holds(self._held)

    def _take_next(self) -> None:
        """Take one partition. Between two the group is asked: who does not ask for long is given up by it."""
        at = self._to_take.pop(0)
        decider = self._held[at] = PartitionDecider(
            self._broker.log(at),
            self._names,
            at,
            self._group.partitions,
            virtual=self._virtual,
            operating=self._operating,
            snapshots=self._snapshots,
        )
        self._take(decider)
        self._operating.holds(self._held)

    def _take(self, decider: PartitionDecider) -> None:
        began = self._broker.elapsed_s()
        decider.take(self._group)
        self._operating.took(self._broker.elapsed_s() - began)
        self._standing.forget()
        # What was folded stays: the collector need not look at it again.
        gc.freeze()
        if not self._changes:
            self._read_on(decider)

    def _read_on(self, decider: PartitionDecider) -> None:
        for topic in decider.topics:
            place = TopicPartition(topic, decider.partition)
            self._group.seek(place, decider.next[topic])
            self._group.resume(place)

    # --- work -----------------------------------------------------------------------------------

    def step(self) -> None:
        """Read, decide, write. Raises LeadflowError when this membership is over."""
        try:
            self._step()
        except (Fenced, Rebalanced) as problem:
            turned_away = [at for at, held in self._held.items() if not held.writes]
            if not self._changes.gave_away(turned_away, self._group, self._broker):
                raise
            # Whoever has them now was sooner than the news of it.
            log_.info("partitions were given to others", partitions=turned_away, problem=str(problem))

    def _step(self) -> None:
        if self._waiting() + self._to_come < FEW:
            self._finish()
        hurry = self._to_take or self._waiting()
        if not self._read(HURRY_MS if hurry else POLL_MS):
            return
        if self._waiting() < FEW and any(held.busy for held in self._held.values()):
            # More were to be read than have come yet.
            self._finish()
            if not self._read(HURRY_MS):
                return
        if self._held:
            self._decide()
        if self._to_take:
            self._take_next()
        else:
            self._operating.stepped()

    def _waiting(self) -> int:
        return sum(held.waiting for held in self._held.values())

    def _finish(self) -> None:
        """Wait for what is being committed."""
        for held in self._held.values():
            try:
                held.wait_until_written()
            except DecideAgain:
                self._take(held)

    def _read(self, wait_ms: int) -> bool:
        """Read what comes next; says False if the group has divided the partitions anew."""
        polled = self._group.poll(wait_ms)
        if self._changes:
            # What was read before may be twice or out of place; it is read again.
            self._follow_assignment()
            return False
        for place, records in polled.items():
            held = self._held.get(place.partition)
            if held is not None:
                held.add(place.topic, records)
        if any(place.topic != self._topics[0] for place in polled):
            # Of one moment, arrivals are decided first; what is written from here on has a later one.
            self._broker.pause(MOMENT_S)
        return True

    def _decide(self) -> None:
        places = [TopicPartition(topic, at) for at, held in self._held.items() for topic in held.topics]
        tick = self._broker.elapsed_s() - self._ticked >= TICK_S
        asked = self._broker.now() - CLOCKS_APART
        ends = self._group.ends(places)
        self._to_come = sum(self._unread(place, ends) for place in places)
        if self._to_come and (waiting := self._waiting()) < FEW:
            if not self._read(HURRY_MS):
                return
            if self._waiting() > waiting:
                # Of what came now some may be newer than these ends, and than what stands behind them.
                ends = self._group.ends(places)
        at_end = {place: self._standing.read_to(place, ends[place]) for place in places}
        member = self._group.member()
        stands = {place: self._group.position(place) for place in places} if tick else {}
        if self._changes:
            # These may be the places of another division of the partitions than what was read.
            stands.clear()
        for at, held in self._held.items():
            read = {topic: at_end[TopicPartition(topic, at)] for topic in held.topics}
            mine = {place.topic: offset for place, offset in stands.items() if place.partition == at}
            try:
                held.work(read, asked, member, tick=tick, stands=mine)
            except DecideAgain:
                self._take(held)
            self._hold_back(held)
            if tick:
                unread = {place.topic: self._unread(place, ends) for place in places if place.partition == at}
                held.report(unread, self._broker.now())
        if tick:
            self._ticked = self._broker.elapsed_s()

    def _unread(self, place: TopicPartition, ends: Mapping[TopicPartition, int]) -> int:
        """How many records of a topic are still to be read, or one mark of a transaction for some."""
        return max(0, ends[place] - self._group.position(place))

    def _hold_back(self, held: PartitionDecider) -> None:
        """A topic that is far ahead of the other waits for it."""
        for topic in held.topics:
            place = TopicPartition(topic, held.partition)
            if held.full(topic):
                self._group.pause(place)
            elif self._group.paused(place):
                self._group.resume(place)

    def close(self, *, finish: bool) -> None:
        """Leave the group; with `finish`, once what is being committed is written."""
        try:
            if finish:
                for held in self._held.values():
                    # What cannot be written together is left to whoever takes the partition next.
                    with suppress(DecideAgain):
                        held.wait_until_written()
        finally:
            for held in self._held.values():
                held.close()
            self._group.close()


class Decider:
    """Decides until it is told to stop."""

    def __init__(
        self,
        settings: Settings,
        *,
        virtual: bool = False,
        broker: Broker | None = None,
        operating: Operating | None = None,
    ) -> None:
        """`virtual` reads the commands topic only and goes by the requests' own times. `broker` stands in
        for the cluster that the settings name. `operating` is told what happens.

        Raises UsageError if no cluster is named.
        """
        self._names = TopicNames.of(settings.kafka_prefix)
        self._broker: Broker = broker or KafkaBroker(Cluster.of(settings), self._names)
        self._virtual = virtual
        self._snapshots = PartitionSnapshots.to_begin_with(settings, self._names.events)
        self._operating = operating or Operating("decider")
        self._stop = threading.Event()

    def stop(self) -> None:
        """Finish what is being written and leave; may be called from a signal handler."""
        self._operating.stopping()
        self._stop.set()

    def run(self) -> None:
        """Decide until told to stop.

        A cluster that is away is waited for. Raises Fenced when the brokers turn this one away from a
        partition that the group has not taken away from it: another has taken that over, or (which they
        answer alike) they have aborted a transaction of its own that stood open for too long. Raises
        LogDamaged, and UsageError for topics that are missing or not permitted.
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
            began = self._broker.elapsed_s()
            try:
                self._as_member()
            except Fenced:
                self._operating.fenced()
                raise
            except (Conflict, Unavailable) as problem:
                # Conflict: somebody else has written, or the group has gone on. Both start from the log.
                if self._broker.elapsed_s() - began > RETRY_S[1]:
                    pause_s = RETRY_S[0]
                self._operating.retrying(str(problem))
                self._broker.pause(pause_s, self._stop)
                pause_s = min(2 * pause_s, RETRY_S[1])

    def _as_member(self) -> None:
        self._operating.joining()
        member = Membership(
            self._broker,
            self._names,
            virtual=self._virtual,
            operating=self._operating,
            snapshots=self._snapshots,
        )
        finish = False
        try:
            while not self._stop.is_set():
                member.step()
            finish = True
        finally:
            member.close(finish=finish)
