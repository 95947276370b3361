"""The client of a log in Kafka: sends requests to their topics and waits for what becomes of them.

What a request caused is read from its pool's partition of the log, from the end that was noted before it was
sent. Where nothing comes of it there, the decider's own offset says whether it was decided: then it is a dead
letter, or it was decided before and the log has its first outcome, or there was nothing to write about it.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from kafka import KafkaConsumer, KafkaProducer
from kafka import errors as kafka_errors
from kafka.structs import TopicPartition

from consumers.first_outcomes import FirstOutcomes
from consumers.under_way import POLL_MS, Asked, Followed, Sent, give, wanted_by
from leadflow.domain.requests import AdvanceClock, Request, SubmitIntake
from leadflow.domain.values import role_of
from leadflow.errors import LeadflowError, Unavailable, UsageError
from leadflow.log.envelope import encode_request
from leadflow.log.kafka.client import Cluster, close_producer, translate, translated
from leadflow.log.kafka.reader import PartitionReader
from leadflow.log.kafka.records import CONTENT_TYPE, H_CONTENT_TYPE, H_ORIGIN, H_REASON, Origin
from leadflow.log.kafka.topics import TopicNames
from leadflow.log.partitioning import partition_of
from leadflow.outcome import Outcome

WAIT_S = 10.0
"""For how long nothing may come of requests that were sent."""
LOOK_S = 0.15
"""After so long without news, the decider's offset is looked at."""
ANSWER_MS = 1_000
"""How long to wait for an answer that can be asked for again."""
BATCHES_MAX = 4
"""Batches that are on their way at a time."""
_HEADERS = ((H_CONTENT_TYPE, CONTENT_TYPE.encode()),)


class Requesting:
    """Sends requests and waits for their outcomes. Not safe for several threads at a time."""

    def __init__(
        self, cluster: Cluster, prefix: str, first_outcomes: FirstOutcomes, *, wait_s: float = WAIT_S
    ) -> None:
        """Opens nothing; the first requests do. `wait_s` is how long may pass without any outcome."""
        self._cluster = cluster
        self._names = TopicNames.of(prefix)
        self._group = f"{prefix}-decider"
        self._first_outcomes = first_outcomes
        self._wait_s = wait_s
        self._producer: KafkaProducer | None = None
        self._asking: KafkaConsumer | None = None
        self._followed: dict[int, Followed] = {}
        self.on_sent: Callable[[Iterable[Request]], None] | None = None
        """Called with the requests of a batch once they are in their topic for certain."""

    def submit(self, requests: Sequence[Request]) -> list[Outcome]:
        """The outcomes of these requests, decided in this order within each pool.

        A request that cannot be decided has an `error` in its outcome. Raises Unavailable if Kafka is away
        or nothing came of them in time; they may be decided later, and can be sent again.
        """
        return next(self.submit_all([requests])) if requests else []

    def submit_all(self, batches: Iterable[Sequence[Request]]) -> Iterator[list[Outcome]]:
        """The outcomes of each batch, in order; the next batches are sent meanwhile. Raises as `submit`."""
        under_way: deque[Sent] = deque()
        before = ""
        for batch in batches:
            topic = self._topic_of(batch)
            while under_way and (len(under_way) >= BATCHES_MAX or topic != before):
                yield self._finish(under_way)
            under_way.append(self._send(batch, topic, under_way))
            before = topic
        while under_way:
            yield self._finish(under_way)

    # --- sending --------------------------------------------------------------------------------

    def _send(self, requests: Sequence[Request], topic: str, under_way: Iterable[Sent]) -> Sent:
        sent = Sent(requests)
        known = self._first_outcomes.known(list(sent.requests.values()))
        for asked, request in sent.requests.items():
            if (events := known.get((request.pool, request.identity))) and events[0].digest in ("", asked[2]):
                sent.answer(asked, Outcome(request, events, repeated=True))
        new = dict(sent.unanswered())
        if not new:
            return sent
        producer = self._open()
        partitions = self._partitions(producer)
        places = {asked: partition_of(request.pool, partitions) for asked, request in new.items()}
        self._note_ends(set(places.values()), sent, under_way)
        try:
            futures = [
                (
                    asked,
                    producer.send(
                        topic,
                        value=encode_request(request),
                        key=request.pool.encode(),
                        partition=places[asked],
                        headers=list(_HEADERS),
                    ),
                )
                for asked, request in new.items()
            ]
            until = time.monotonic() + self._wait_s
            for asked, future in futures:
                # Acknowledged by every copy that counts: from here on it is not lost.
                written = future.get(timeout=max(0.001, until - time.monotonic()))
                sent.open[asked] = Origin(written.topic, written.partition, written.offset)
        except kafka_errors.KafkaError as problem:
            # After records that expired the client may never send again; the next requests get a new one.
            self._let_go_of_producer()
            raise self._not_sent(problem) from problem
        if self.on_sent is not None:
            self.on_sent(new.values())
        return sent

    def _topic_of(self, requests: Sequence[Request]) -> str:
        """Between two topics there is no order, so a batch goes to one. Adapters' arrivals have one of their
        own; with a time of their own they are for the virtual clock, where everything is a command."""

        def arrives(one: Request) -> bool:
            return isinstance(one.body, SubmitIntake) and role_of(one.actor) == "adapter" and one.at is None

        return self._names.intake if all(map(arrives, requests)) else self._names.commands

    def _not_sent(self, problem: kafka_errors.KafkaError) -> LeadflowError:
        error = translate(problem, self._cluster.where)
        if isinstance(error, Unavailable):
            what = f"whether the request was sent is unknown: {error.what}"
            return Unavailable(what, where=error.where, do="Send it again; it is decided once.")
        return error

    def _note_ends(self, partitions: set[int], sent: Sent, under_way: Iterable[Sent]) -> None:
        """Where reading for this batch begins. What others have written since the last request is passed
        over: it may be more than can be read in the time that there is."""
        waiting = {place.partition for one in under_way for place in one.open.values()}
        events = [TopicPartition(self._names.events, at) for at in partitions - waiting]
        dead = [TopicPartition(self._names.dead_letters, at) for at in partitions]
        with translated(self._cluster.where):
            ends = self._asker().end_offsets([*events, *dead])
        for place in events:
            end = int(ends[place])
            if place.partition in self._followed:
                self._followed[place.partition].skip_to(end)
            else:
                reader = PartitionReader(self._cluster, place.topic, place.partition)
                self._followed[place.partition] = Followed(reader, end)
        sent.dead_from = {place.partition: int(ends[place]) for place in dead}

    def _partitions(self, producer: KafkaProducer) -> int:
        with translated(self._cluster.where):
            counts = [len(producer.partitions_for(name) or ()) for name in self._names]
        if not counts[0] or len(set(counts)) > 1:
            raise UsageError(
                "the topics differ in their numbers of partitions",
                where=self._cluster.where,
                do="See `leadflow topics check`.",
            )
        return counts[0]

    def _open(self) -> KafkaProducer:
        if self._producer is None:
            self._producer = self._cluster.producer()
        return self._producer

    def _let_go_of_producer(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            close_producer(producer, wait_s=1.0)

    def _asker(self) -> KafkaConsumer:
        if self._asking is None:
            self._asking = self._cluster.consumer("outcomes", group_id=self._group)
        return self._asking

    # --- waiting --------------------------------------------------------------------------------

    def _finish(self, under_way: deque[Sent]) -> list[Outcome]:
        """Wait until every request of the oldest batch has an answer; what comes of the others is kept."""
        first = under_way[0]
        moved = looked = time.monotonic()
        while first.open:
            try:
                if self._read(under_way):
                    moved = looked = time.monotonic()
                elif time.monotonic() - looked > LOOK_S:
                    if self._look(first, under_way):
                        moved = time.monotonic()
                    looked = time.monotonic()
            except Unavailable as problem:
                if first.open:
                    problem.do = f"What was sent will be decided once. {_ask_later(first)}"
                raise
            if first.open and time.monotonic() - moved > self._wait_s:
                raise self._too_late(first)
        under_way.popleft()
        return first.outcomes()

    def _read(self, under_way: Iterable[Sent]) -> bool:
        """Take what is new in the log; says whether anything was answered."""
        wanted = wanted_by(under_way)
        partitions = {place.partition for sent in under_way for place in sent.open.values()}
        answered = False
        for partition in partitions:
            for events in self._followed[partition].decisions(max(1, POLL_MS // len(partitions))):
                answered = give(events, wanted) or answered
        return answered

    def _look(self, sent: Sent, under_way: Iterable[Sent]) -> bool:
        """Whether the decider has gone past requests of this batch without writing a fact about them."""
        past = self._decided(sent)
        if not past:
            return False
        wanted = wanted_by(under_way)
        # The decider's offsets may be seen before its facts are: they are there, but not visible yet.
        for partition in {place.partition for place in past.values()}:
            followed = self._followed[partition]
            for events in followed.decisions_until(followed.reader.written_end()):
                give(events, wanted)
        left = {asked: place for asked, place in past.items() if asked in sent.open}
        reasons = self._dead_letters(left, sent)
        for asked in left:
            request = sent.requests[asked]
            if asked in reasons:
                do = "It is kept: `leadflow dead-letters list`."
                sent.answer(asked, Outcome(request, error=UsageError(reasons[asked], do=do)))
            elif isinstance(request.body, AdvanceClock):
                sent.answer(asked, Outcome(request))
            else:
                before = self._first_outcomes.folded(request)
                sent.answer(asked, Outcome(request, before, repeated=True))
        return True

    def _decided(self, sent: Sent) -> dict[Asked, Origin]:
        places = {TopicPartition(place.topic, place.partition) for place in sent.open.values()}
        after: dict[TopicPartition, int] = {}
        try:
            for place in places:
                after[place] = self._asker().committed(place, timeout_ms=ANSWER_MS) or 0
        except (kafka_errors.KafkaTimeoutError, kafka_errors.RetriableError):
            return {}
        except kafka_errors.KafkaError as problem:
            raise translate(problem, self._cluster.where) from problem
        return {
            asked: place
            for asked, place in sent.open.items()
            if place.offset < after[TopicPartition(place.topic, place.partition)]
        }

    def _dead_letters(self, left: Mapping[Asked, Origin], sent: Sent) -> dict[Asked, str]:
        asked_at = {place.to_bytes(): asked for asked, place in left.items()}
        found: dict[Asked, str] = {}
        for partition in {place.partition for place in left.values()}:
            reader = PartitionReader(self._cluster, self._names.dead_letters, partition)
            try:
                for page in reader.read(sent.dead_from[partition], reader.written_end()):
                    for record in page:
                        headers = dict(record.headers)
                        asked = asked_at.get(headers.get(H_ORIGIN, b""))
                        if asked is not None:
                            found[asked] = headers.get(H_REASON, b"").decode("utf-8", "replace")
            finally:
                reader.close()
        return found

    def _too_late(self, sent: Sent) -> Unavailable:
        try:
            place = next(iter(sent.open.values()))
            self._asker().end_offsets([TopicPartition(place.topic, place.partition)], ANSWER_MS)
        except kafka_errors.KafkaError as problem:
            error = translate(problem, self._cluster.where)
            error.do = f"What was sent will be decided once, when Kafka is back. {_ask_later(sent)}"
            raise error from problem
        count = f"{len(sent.open)} requests have" if len(sent.open) > 1 else "the request has"
        return Unavailable(
            f"{count} no outcome after {self._wait_s:g} s",
            where=self._cluster.where,
            do="It was sent and will be decided once; is a decider running (`leadflow decider`)? "
            + _ask_later(sent),
        )

    def close(self) -> None:
        """Close every connection."""
        for followed in self._followed.values():
            followed.reader.close()
        self._followed.clear()
        self._let_go_of_producer()
        asking, self._asking = self._asking, None
        if asking is not None:
            asking.close(autocommit=False, timeout_ms=1_000)


def _ask_later(sent: Sent) -> str:
    return f"Ask later: `leadflow request show {sent.requests[next(iter(sent.open))].identity}`."
