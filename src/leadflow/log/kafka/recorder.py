"""The event store's recorders on one partition of the log, and the factory that makes them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import Any
from uuid import UUID

from eventsourcing.persistence import (
    AggregateRecorder,
    ApplicationRecorder,
    InfrastructureFactory,
    IntegrityError,
    Notification,
    NotSupportedError,
    OperationalError,
    ProcessRecorder,
    StoredEvent,
    Subscription,
    TrackingRecorder,
)

from leadflow.errors import Conflict, Fenced, LeadflowError, OutcomeUnknown, Unavailable, UsageError
from leadflow.log.kafka.client import Cluster
from leadflow.log.kafka.partition import PartitionLog
from leadflow.log.kafka.records import record_of
from leadflow.log.kafka.topics import TopicNames
from leadflow.settings import Settings

SUBSCRIPTION_POLL_MS = 100


class KafkaAggregateRecorder(AggregateRecorder):
    """Streams of events by originator, in one partition."""

    def __init__(self, log: PartitionLog) -> None:
        """The log is opened by what is asked of it first; the first insert takes the partition."""
        self.log = log
        self._turned_away: Fenced | None = None

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        self._insert(stored_events)
        return None

    def _insert(self, stored_events: Sequence[StoredEvent]) -> list[int]:
        """Write the events, all or none, for certain.

        Raises the event store's own errors: IntegrityError for a place that is taken, OperationalError if
        nothing was written for another reason.
        """
        if not stored_events:
            return []
        try:
            if self._turned_away is not None:
                raise self._turned_away
            if not self.log.taken:
                self.log.take()
            try:
                return self.log.append(stored_events)
            except OutcomeUnknown as unknown:
                self.log.take()
                found = self.log.find(stored_events)
                if found is None:
                    raise Unavailable("nothing was written: the transaction was not committed") from unknown
                return found
        except Conflict as error:
            raise IntegrityError(str(error)) from error
        except LeadflowError as error:
            if isinstance(error, Fenced):
                # Taking the partition back would turn the newer one away, which would take it back, …
                self._turned_away = error
            raise OperationalError(str(error)) from error

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        self.log.catch_up()
        found = self.log.read_pool(str(originator_id), gt, lte, limit, desc=desc)
        return [record.stored for record in found]


class KafkaApplicationRecorder(KafkaAggregateRecorder, ApplicationRecorder):
    """One partition of the log. Notification ids are its positions: 1, 2, 3, … without gaps."""

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        return self._insert(stored_events)

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        end = self.log.catch_up()
        gt = 0 if start is None else max(0, start - 1 if inclusive_of_start else start)
        until = end if stop is None else min(stop, end)
        if not topics:
            until = min(until, gt + limit)
        found: list[Notification] = []
        with closing(self.log.read(gt, until)) as records:
            for record in records:
                if not topics or record.type in topics:
                    found.append(record.notification)
                    if len(found) == limit:
                        break
        return found

    def max_notification_id(self) -> int | None:
        return self.log.catch_up() or None

    def subscribe(
        self, gt: int | None = None, topics: Sequence[str] = ()
    ) -> Subscription[ApplicationRecorder]:
        return KafkaSubscription(self, gt, topics)


class KafkaSubscription(Subscription[KafkaApplicationRecorder]):
    """Committed events as they come, from any process, on a connection of its own."""

    def __init__(
        self, recorder: KafkaApplicationRecorder, gt: int | None = None, topics: Sequence[str] = ()
    ) -> None:
        super().__init__(recorder, gt, topics)
        recorder.log.catch_up()
        self._reader = recorder.log.follower()
        self._pages = self._reader.follow(recorder.log.offset_after(gt or 0), SUBSCRIPTION_POLL_MS)
        self._page: list[Any] = []

    def __exit__(self, *args: object, **kwargs: Any) -> None:
        try:
            super().__exit__(*args, **kwargs)
        finally:
            self._reader.close()

    def __next__(self) -> Notification:
        while not self._has_been_stopped:
            while self._page:
                record = record_of(self._page.pop())
                if record.position > (self._last_notification_id or 0):
                    self._last_notification_id = record.position
                    if not self._topics or record.type in self._topics:
                        return record.notification
            self._page = next(self._pages)[::-1]
        raise StopIteration


class KafkaFactory(InfrastructureFactory[TrackingRecorder]):
    """`PERSISTENCE_MODULE=leadflow.log.kafka`; each recorder is bound to one partition.

    Reads LEADFLOW_KAFKA (bootstrap servers), LEADFLOW_KAFKA_PREFIX (of the topics' names; `leadflow`) and
    LEADFLOW_KAFKA_PARTITION (0).
    """

    def __init__(self, env: Any) -> None:
        super().__init__(env)
        self._opened: list[PartitionLog] = []

    def _log(self) -> PartitionLog:
        settings = Settings.from_environment(self.env)
        partition = self.env.get("LEADFLOW_KAFKA_PARTITION", "0")
        if settings.kafka is None or not partition or not partition.isdecimal():
            raise UsageError(
                "the Kafka recorder needs to know its cluster and its partition",
                do="Set LEADFLOW_KAFKA to host:port,… and LEADFLOW_KAFKA_PARTITION to a number.",
            )
        topic = TopicNames.of(settings.kafka_prefix).events
        log = PartitionLog(Cluster.of(settings), topic, int(partition))
        self._opened.append(log)
        return log

    def aggregate_recorder(self, purpose: str = "events") -> KafkaAggregateRecorder:
        if purpose != "events":
            raise NotSupportedError(f"the log holds events only, no {purpose}")
        return KafkaAggregateRecorder(self._log())

    def application_recorder(self) -> KafkaApplicationRecorder:
        return KafkaApplicationRecorder(self._log())

    def tracking_recorder(
        self, tracking_recorder_class: type[TrackingRecorder] | None = None
    ) -> TrackingRecorder:
        raise NotSupportedError("what a reader has read is kept beside what it made of it, in its database")

    def process_recorder(self) -> ProcessRecorder:
        raise NotSupportedError("what a reader has read is kept beside what it made of it, in its database")

    def close(self) -> None:
        opened, self._opened = self._opened, []
        for log in opened:
            log.close()
