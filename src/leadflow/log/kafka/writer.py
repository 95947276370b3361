"""Writing to Kafka in transactions, with a limit on every wait.

The client's `commit_transaction` and `send_offsets_to_transaction` wait for ever. So a thread of its own
talks to the client, and whoever asked waits with a limit. After any failure the producer is thrown away:
transactions here follow the protocol before KIP-890, in which only a new producer's `init_transactions`
(which fences, and waits for what is still being committed) brings certainty, and then the log read back.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from kafka import KafkaProducer
from kafka import errors as kafka_errors
from kafka.structs import ConsumerGroupMetadata, OffsetAndMetadata, TopicPartition

from leadflow.errors import LeadflowError, OutcomeUnknown, Unavailable
from leadflow.log.kafka.client import (
    CLOSE_WAIT_S,
    Cluster,
    close_producer,
    give_up_producer,
    translate,
    translated,
)
from leadflow.log.kafka.records import Message

WAIT_S = 12.0
"""How long one transaction may take. Shorter than the broker's own time-out, which fences the producer."""


class Offsets(NamedTuple):
    """What a consumer group will have consumed once the transaction is committed."""

    group: ConsumerGroupMetadata
    """`consumer.group_metadata()`, not the group's name: it lets the broker turn away a stale member."""
    next_offsets: Mapping[tuple[str, int], int]
    """By topic and partition, the offset of the next request."""


class Written(NamedTuple):
    """Where a record stands."""

    offset: int
    timestamp_ms: int


class Pending:
    """A transaction on its way. `result` waits for it."""

    def __init__(self, messages: Sequence[Message], offsets: Offsets | None, wait_s: float) -> None:
        self.messages = messages
        self.offsets = offsets
        self._began = time.monotonic()
        self._until = self._began + wait_s
        self.seconds = 0.0
        """How long it took, once it is committed."""
        self._guard = threading.Lock()
        self._done = threading.Event()
        self._committing = False
        self._given_up = False
        self._written: list[Written] = []
        self._error: LeadflowError | None = None

    @property
    def done(self) -> bool:
        """Whether `result` would return at once."""
        return self._done.is_set()

    def result(self) -> list[Written]:
        """Where the records stand, once they are committed.

        Raises OutcomeUnknown if that cannot be known; Fenced, Rebalanced, UsageError and Unavailable if
        nothing was written and nothing will be.
        """
        if not self._wait():
            with self._guard:
                # From here on the thread does not begin to commit, however late it wakes up.
                self._given_up = True
                committing = self._committing
            if not self._done.is_set():
                raise _unknown(None) if committing else _nothing_written("it took too long")
        if self._error is not None:
            raise self._error
        return self._written

    def _wait(self) -> bool:
        """Wait until it is done, or has taken too long; says whether it is done."""
        return self._done.wait(max(0.0, self._until - time.monotonic()))

    def remaining_s(self) -> float:
        return max(0.001, self._until - time.monotonic())

    def begin_commit(self) -> None:
        with self._guard:
            if self._given_up:
                raise _nothing_written("it took too long")
            self._committing = True

    def succeed(self, written: list[Written]) -> None:
        self.seconds = time.monotonic() - self._began
        self._written = written
        self._done.set()

    def fail(self, error: BaseException, where: str) -> None:
        if self._committing:
            told: LeadflowError = _unknown(error)
        else:
            told = error if isinstance(error, LeadflowError) else translate(error, where)
        if told is not error:
            told.__cause__ = error
        self._error = told
        self._done.set()


def _unknown(error: BaseException | None) -> OutcomeUnknown:
    told = f": {type(error).__name__}: {error}" if error else ""
    return OutcomeUnknown(
        f"whether the last transaction was committed is unknown{told}",
        do="Send the request again; it is decided once however often it is sent.",
    )


def _nothing_written(why: str) -> Unavailable:
    return Unavailable(f"nothing was written: {why}", do="See whether Kafka's brokers are up, and try again.")


class _Session:
    """One producer and the thread that talks to it, until the first failure."""

    def __init__(self, producer: KafkaProducer, where: str) -> None:
        self._producer = producer
        self._where = where
        self._jobs: queue.SimpleQueue[Pending | None] = queue.SimpleQueue()
        self.over = False
        # It may hang in the client for ever, and must not keep the process from ending.
        self._thread = threading.Thread(target=self._run, name="kafka-writer", daemon=True)
        self._thread.start()

    def submit(self, pending: Pending) -> None:
        self._jobs.put(pending)

    def end(self, wait_s: float) -> None:
        self.over = True
        self._jobs.put(None)
        self._thread.join(wait_s)
        if self._thread.is_alive():
            threading.Thread(target=self._abandon, name="kafka-writer-closing", daemon=True).start()

    def _abandon(self) -> None:
        """Have the client let the thread go, which then closes the producer."""
        self._thread.join(CLOSE_WAIT_S)
        if self._thread.is_alive():
            give_up_producer(self._producer)

    def _run(self) -> None:
        while (pending := self._jobs.get()) is not None:
            if self.over:
                pending.fail(_nothing_written("the transaction before it failed"), self._where)
                continue
            try:
                pending.succeed(self._transact(pending))
            except Exception as error:
                self.over = True
                pending.fail(self._reason(error), self._where)
                # Readers need not wait for the broker to do it. What is being committed cannot be aborted.
                with suppress(Exception):
                    self._producer.abort_transaction()
        close_producer(self._producer)

    def _transact(self, pending: Pending) -> list[Written]:
        producer = self._producer
        producer.begin_transaction()
        futures = [
            producer.send(m.topic, value=m.value, key=m.key, headers=list(m.headers), partition=m.partition)
            for m in pending.messages
        ]
        if pending.offsets is not None:
            producer.send_offsets_to_transaction(
                {
                    TopicPartition(*place): OffsetAndMetadata(offset)
                    for place, offset in pending.offsets.next_offsets.items()
                },
                pending.offsets.group,
            )
        # Every record is asked for before the commit: after some errors the client goes over to a new
        # epoch by itself, drops what was on its way, and then reports an empty commit as a success.
        found = [one.value if one.succeeded() else one.get(pending.remaining_s()) for one in futures]
        pending.begin_commit()
        producer.commit_transaction()
        return [Written(one.offset, one.timestamp) for one in found]

    def _reason(self, error: Exception) -> Exception:
        """The error, with the one that it hides: the client often tells only that there was one."""
        manager: Any = getattr(self._producer, "_transaction_manager", None)
        hidden: object = getattr(manager, "last_error", None)
        told = isinstance(hidden, kafka_errors.KafkaError) and not isinstance(error, LeadflowError)
        return hidden if told and isinstance(hidden, Exception) else error


class Writer:
    """Transactions under one transactional id; the newest that was `fence`d is the only one that writes."""

    def __init__(self, cluster: Cluster, transactional_id: str, *, wait_s: float = WAIT_S) -> None:
        """Opens nothing; `fence` does."""
        self._cluster = cluster
        self.transactional_id = transactional_id
        self.where = f"{cluster.where}, {transactional_id}"
        self._wait_s = wait_s
        self._session: _Session | None = None

    @property
    def ready(self) -> bool:
        """Whether `write` can be called: fenced, and nothing failed since."""
        return self._session is not None and not self._session.over

    def fence(self) -> None:
        """Become the writer: every earlier one is turned away, and what it had begun is over.

        Takes 0.1 to 0.4 seconds. Raises LeadflowError.
        """
        self.close(wait_s=0)
        producer = self._cluster.transactional_producer(self.transactional_id)
        try:
            with translated(self.where):
                producer.init_transactions()
        except BaseException:
            threading.Thread(target=close_producer, args=(producer,), daemon=True).start()
            raise
        self._session = _Session(producer, self.where)

    def write_later(self, messages: Sequence[Message], offsets: Offsets | None = None) -> Pending:
        """Begin to write records and offsets in one transaction, all or none.

        Several follow one another in their order; after one that fails the rest fail too.
        """
        if self._session is None or self._session.over:
            raise _nothing_written("the partition has to be taken first")
        pending = Pending(messages, offsets, self._wait_s)
        self._session.submit(pending)
        return pending

    def write(self, messages: Sequence[Message], offsets: Offsets | None = None) -> list[Written]:
        """Write records and offsets in one transaction and wait for it; raises as `Pending.result`."""
        pending = self.write_later(messages, offsets)
        try:
            return pending.result()
        except LeadflowError:
            self.give_up()
            raise

    def give_up(self) -> None:
        """Throw the producer away; `fence` makes another."""
        self.close(wait_s=0)

    def close(self, *, wait_s: float = CLOSE_WAIT_S) -> None:
        """Let go of the producer. What it had begun without committing is aborted."""
        session, self._session = self._session, None
        if session is not None:
            session.end(wait_s)
