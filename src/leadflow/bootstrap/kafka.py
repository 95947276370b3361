"""LeadFlow on a log in Kafka: requests go to its topics, read models come from Postgres."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar

from consumers.first_outcomes import FirstOutcomes
from consumers.letters import again, collect
from consumers.partition_snapshots import PartitionSnapshots, documents_of
from consumers.requesting import Requesting
from leadflow.bootstrap.app import App
from leadflow.bootstrap.database import open_database
from leadflow.domain.pool import Pool, Stream
from leadflow.domain.requests import Request
from leadflow.errors import NotFound, Unavailable
from leadflow.log.kafka import Cluster, KafkaLog
from leadflow.log.kafka.client import ANSWER_WAIT_MS
from leadflow.log.kafka.reader import PartitionReader
from leadflow.log.kafka.topics import TopicNames
from leadflow.log.snapshots import Restored, Snapshots
from leadflow.outcome import Outcome
from leadflow.postgres import CONNECT_TIMEOUT_S, POOL_SIZE_MAX, Database
from leadflow.records import DeadLetter, DeadLetters
from leadflow.settings import Settings
from leadflow.streams import Streams
from projections import registry
from projections.lead_queries import pool_rows
from projections.runner import Projections

LOOK_WAIT_MS = 3_000
"""How long brokers are waited for when it is only looked whether they are there."""
CONNECT_WAIT_MIN_S = 3.0
"""However short the wait for an outcome is, a database that is there has so long to let one in."""
STALE_WAIT_S = 0.2
"""How long read models are waited for once they were found stale."""

Warn = Callable[[str], None]
T = TypeVar("T")


class PartitionStates(Snapshots):
    """States of pools out of the snapshots of their partitions: a long log need not be folded anew."""

    def __init__(self, database: Database, cluster: Cluster, log: KafkaLog, topic: str) -> None:
        super().__init__(database)
        self._partitions = PartitionSnapshots(database, topic)
        self._cluster = cluster
        self._log = log
        self._topic = topic

    def load(self, pool: str) -> Restored | None:
        """The state of the newest snapshot that fits the log."""
        partition = self._log.partition_of(pool)
        reader = PartitionReader(self._cluster, self._topic, partition)
        try:
            held = self._partitions.usable(partition, documents_of(reader), pool).pools.get(pool)
        finally:
            reader.close()
        return Restored(held.stream, held.stream.sequence, held.last_hash) if held is not None else None


class There:
    """The deciders of a log in Kafka, wherever they run."""

    def __init__(
        self,
        cluster: Cluster,
        names: TopicNames,
        requesting: Requesting,
        log: KafkaLog,
        projections: Projections,
        streams: Streams,
        *,
        wait_s: float,
        warn: Warn,
    ) -> None:
        """`wait_s` is how long read models are waited for; `warn` is told if they are stale then."""
        self._cluster = cluster
        self._names = names
        self.requesting = requesting
        self._log = log
        self._projections = projections
        self._streams = streams
        self._wait_s = wait_s
        self._warn = warn
        self._stale = False
        self._prepared = False
        self._looking = threading.RLock()
        # Its own, so that whoever reads does not wait while it is looked for brokers that are away.
        patient = {**cluster.options, "bootstrap_timeout_ms": LOOK_WAIT_MS}
        self._reached = KafkaLog(replace(cluster, options=patient), names.events)

    def _prepare(self) -> None:
        """See that the read models are this log's, once. Raises UsageError."""
        if not self._prepared:
            self._projections.prepare()
            self._prepared = True

    def submit(self, requests: Sequence[Request]) -> list[Outcome]:
        """Have requests decided in their order. Raises Unavailable; they can then be sent again."""
        # What became of requests before is looked for in the read models.
        self._prepare()
        return self.requesting.submit(requests)

    def submit_all(self, batches: Iterable[Sequence[Request]]) -> Iterator[list[Outcome]]:
        """Have batches decided; the next ones are on their way meanwhile. Raises Unavailable."""
        self._prepare()
        return self.requesting.submit_all(batches)

    def stream(self, name: str) -> Stream:
        """The present state of a stream."""
        with self._looking:
            return self._streams.caught_up(name).stream

    def pool(self, name: str) -> Pool:
        """The present state of a pool. Raises NotFound."""
        stream = self.stream(name)
        if not isinstance(stream, Pool) or not stream.sequence:
            raise NotFound(f"there is no pool {name!r}", do=f"Open it with `leadflow pool open {name}`.")
        return stream

    def look(self, name: str, at: Callable[[Pool], T]) -> T:
        """What `at` gives for the present state of a pool, which stands still meanwhile. Raises NotFound."""
        with self._looking:
            return at(self.pool(name))

    def pools(self) -> list[str]:
        """The pools that there are, by the read models."""
        self.settle(fire=False)
        return sorted(pool_rows(self._projections.database))

    def now(self) -> datetime:
        """The present moment."""
        return datetime.now(UTC)

    def settle(self, *, fire: bool) -> None:
        """Wait until the projector has taken what the log has by now; says so where it has not.

        Raises Unavailable where no projector has ever filled the read models, UsageError where they are
        another log's.
        """
        self._prepare()
        ends = self._log.ends()
        try:
            self._projections.wait_for(ends, STALE_WAIT_S if self._stale else self._wait_s)
        except Unavailable as late:
            if len(registry.live(self._projections.database)) < len(self._projections.projections):
                raise Unavailable(
                    "the read models have not been filled yet",
                    where=self._projections.database.where,
                    do="Run a projector: `leadflow projector`.",
                ) from late
            if not self._stale:
                self._warn(
                    f"Warning: what is shown is stale: {late.what}. Is a projector running"
                    " (`leadflow projector`)?"
                )
            self._stale = True

    def collect(self, letters: DeadLetters) -> None:
        """Take what is new in the topic of dead letters into the records."""
        collect(self._cluster, self._names, letters)

    def again(
        self, letter: DeadLetter, document: Any, changes: Mapping[str, str], pool: str | None
    ) -> Request:
        """The request that a letter is, with its corrections. Raises UsageError."""
        return again(letter, self._names, document, changes, pool)

    def catch_up(self) -> None:
        """Nothing: the projector does it."""

    def reach(self) -> None:
        """Raise Unavailable where Kafka is away, NotFound where its topics are."""
        self._reached.reach(LOOK_WAIT_MS)

    def close(self) -> None:
        """Close the connections of its own."""
        self._reached.close()

    def on_sent(self, tell: Callable[[Iterable[Request]], None]) -> None:
        """Have `tell` called with requests that every copy of their topic has."""
        self.requesting.on_sent = tell


@contextmanager
def open_kafka_app(settings: Settings, *, wait_s: float, warn: Warn) -> Iterator[App]:
    """LeadFlow on the log in Kafka and the Postgres that the settings name, or the data directory's.

    Raises UsageError, and Unavailable if either is away.
    """
    cluster = Cluster.of(settings)
    patient = min(ANSWER_WAIT_MS, max(1, int(wait_s * 1000)))
    cluster = replace(cluster, options={**cluster.options, "bootstrap_timeout_ms": patient})
    with ExitStack() as stack:
        url, _ = stack.enter_context(open_database(settings))
        database = stack.enter_context(Database(url))
        database.serve(POOL_SIZE_MAX, min(CONNECT_TIMEOUT_S, max(CONNECT_WAIT_MIN_S, wait_s)))
        names = TopicNames.of(settings.kafka_prefix)
        log = stack.enter_context(KafkaLog(cluster, names.events))
        streams = Streams(log, PartitionStates(database, cluster, log, names.events))
        firsts = FirstOutcomes(database, log, lambda name: there.stream(name))
        requesting = Requesting(cluster, settings.kafka_prefix, firsts, wait_s=wait_s)
        stack.callback(requesting.close)
        there = There(
            cluster, names, requesting, log, Projections(log, database), streams, wait_s=wait_s, warn=warn
        )
        stack.callback(there.close)
        yield App(settings, database, log, there)
