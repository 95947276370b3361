"""A partition of the log on the simulated Kafka: reading it, and writing it in transactions."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from typing import Any

from kafka import errors as kafka_errors
from kafka.structs import TopicPartition

from leadflow.errors import TooLarge, Unavailable
from leadflow.log.kafka import Cluster, Message, Offsets, PartitionLog
from leadflow.log.kafka.client import CLOSE_WAIT_S
from leadflow.log.kafka.index import Place
from leadflow.log.kafka.reader import PartitionReader
from leadflow.log.kafka.writer import WAIT_S, Pending, Writer, Written
from tests.simulation.kafka import Entry
from tests.simulation.network import ANSWER, Connection
from tests.simulation.world import MS, S

RECORD_BYTES_MAX = 9_000
"""The largest record of the log, smaller than the real one so that it is met."""
CLUSTER = Cluster("simulation")


class SimReader(PartitionReader):
    """Reads one partition of the log."""

    def __init__(self, broker: Connection, topic: str, partition: int) -> None:
        super().__init__(CLUSTER, topic, partition)
        self._broker = broker
        self._partition = broker.kafka.partitions[TopicPartition(topic, partition)]

    def bounds(self) -> tuple[int, int]:
        self._broker.call()
        return 0, self._partition.stable_end

    def written_end(self) -> int:
        self._broker.call()
        end = self._partition.end
        self._broker.answer()
        return end

    def read(self, offset: int, until: int, page_max: int = 5_000) -> Generator[list[Any], None, None]:
        limit = self._broker.world.now + ANSWER
        while self._partition.stable_end < until:
            if self._broker.world.now > limit:
                raise self._broker.broken("an open transaction holds up reading")
            self._broker.process.wait(50 * MS)
        self._broker.call()
        if page := self._partition.visible(offset, until):
            yield page

    def close(self) -> None:
        pass


class SimPending(Pending):
    """A transaction on its way; whoever waits for it lets time pass."""

    def __init__(self, broker: Connection, messages: Sequence[Message], offsets: Offsets | None) -> None:
        super().__init__(messages, offsets, WAIT_S)
        self._broker = broker
        self._limit = broker.world.now + round(WAIT_S * S)

    def _wait(self) -> bool:
        self.wait_until(self._limit)
        return self.done

    def wait_until(self, limit: int) -> None:
        world = self._broker.world
        while not self.done and world.now < limit:
            self._broker.process.wait(limit - world.now)

    def succeed(self, written: list[Written]) -> None:
        super().succeed(written)
        self._broker.process.wake()

    def fail(self, error: BaseException, where: str) -> None:
        self._broker.world.say(lambda: f"{self._broker.process.name}: transaction fails: {error!r}")
        super().fail(error, where)
        self._broker.process.wake()


class SimWriter(Writer):
    """Transactions, step by step: records partition by partition, offsets, the end."""

    def __init__(self, broker: Connection, transactional_id: str) -> None:
        super().__init__(CLUSTER, transactional_id)
        self._broker = broker
        self._client: _Client | None = None

    @property
    def ready(self) -> bool:
        return self._client is not None and not self._client.over

    def fence(self) -> None:
        self._client = None
        broker = self._broker
        until = broker.world.now + ANSWER
        while True:
            broker.call()
            epoch = broker.kafka.fence(self.transactional_id, broker.process.name)
            broker.answer()
            if epoch is not None:
                break
            if broker.world.now > until:
                raise broker.broken("the transaction before does not end")
            broker.process.wait(5 * MS)
        broker.world.say(lambda: f"{broker.process.name} fences {self.transactional_id} with {epoch}")
        self._client = _Client(broker, self.transactional_id, epoch)

    def write_later(self, messages: Sequence[Message], offsets: Offsets | None = None) -> Pending:
        if self._client is None or self._client.over:
            raise Unavailable("nothing was written: the partition has to be taken first")
        pending = SimPending(self._broker, messages, offsets)
        self._client.begin(pending)
        return pending

    def close(self, *, wait_s: float = CLOSE_WAIT_S) -> None:
        client, self._client = self._client, None
        if client is not None and client.pending is not None and not client.pending.done:
            client.pending.wait_until(self._broker.world.now + round(wait_s * S))


class _Client:
    """One producer, until its first failure. Everything it does happens beside its process's program."""

    def __init__(self, broker: Connection, producer: str, epoch: int) -> None:
        self._broker = broker
        self._producer = producer
        self._epoch = epoch
        self.over = False
        self.pending: SimPending | None = None
        self._found: list[Entry | None] = []
        self._unanswered = 0

    def begin(self, pending: SimPending) -> None:
        self.pending = pending
        parts: dict[TopicPartition, list[int]] = {}
        for at, message in enumerate(pending.messages):
            parts.setdefault(TopicPartition(message.topic, message.partition), []).append(at)
            if message.topic.endswith(".events") and len(message.value or b"") > RECORD_BYTES_MAX:
                self._fail(pending, TooLarge("a record is too large"))
                return
        self._found = [None] * len(pending.messages)
        requests: list[Callable[[], None]] = []
        for place, numbers in parts.items():
            requests.append(lambda place=place, numbers=numbers: self._produce(pending, place, numbers))  # type: ignore[misc]
        if pending.offsets is not None:
            requests.append(lambda: self._send_offsets(pending))
        self._unanswered = len(requests)
        for request in requests:
            self._send(pending, request, lambda: self._answered(pending))

    def _produce(self, pending: SimPending, place: TopicPartition, numbers: Sequence[int]) -> None:
        messages = [pending.messages[at] for at in numbers]
        entries = self._broker.kafka.produce(self._producer, self._epoch, place, messages)
        for at, entry in zip(numbers, entries, strict=True):
            self._found[at] = entry

    def _send_offsets(self, pending: SimPending) -> None:
        assert pending.offsets is not None
        offsets = {TopicPartition(*place): at for place, at in pending.offsets.next_offsets.items()}
        group: Any = pending.offsets.group
        self._broker.kafka.send_offsets(self._producer, self._epoch, group, offsets)

    def _answered(self, pending: SimPending) -> None:
        self._unanswered -= 1
        if self._unanswered or self.over:
            return
        try:
            pending.begin_commit()
        except Unavailable as given_up:
            self._fail(pending, given_up)
            return
        fate = self._broker.world.chance.random() if self._broker.happens(self._broker.network.unknown) else 1
        end = lambda: self._broker.kafka.end(self._producer, self._epoch, commits=True)  # noqa: E731
        if fate < 0.25:
            return
        if fate < 0.5:
            self._fail(pending, kafka_errors.KafkaConnectionError("lost on its way there"))
        elif fate < 0.75:
            self._send(pending, end, lambda: None)
        elif fate < 1:
            broken = kafka_errors.KafkaConnectionError("lost on its way back")
            self._send(pending, end, lambda: self._fail(pending, broken))
        else:
            self._send(pending, end, lambda: self._committed(pending))

    def _committed(self, pending: SimPending) -> None:
        pending.succeed([Written(one.offset, one.timestamp) for one in self._found if one is not None])

    def _send(self, pending: SimPending, request: Callable[[], None], then: Callable[[], None]) -> None:
        """A request on its way, and its answer; sent again as long as it gets lost."""
        broker, world = self._broker, self._broker.world

        def arrive() -> None:
            if self.over:
                # Brokers verify that a late record belongs to a transaction that still goes on.
                return
            if broker.kafka.down or broker.happens(broker.network.loss):
                world.after(world.between(100 * MS, 600 * MS), lambda: broker.process.on_its_side(leave))
                return
            problem: Exception | None = None
            try:
                request()
            except kafka_errors.ConcurrentTransactionsError:
                world.after(5 * MS, lambda: broker.process.on_its_side(leave))
                return
            except kafka_errors.KafkaError as error:
                problem = error
            if problem is None and broker.happens(broker.network.breaks):
                problem = kafka_errors.KafkaConnectionError("the connection broke")
            answer = then if problem is None else lambda: self._fail(pending, problem)
            world.after(broker.delay(), lambda: broker.process.on_its_side(answer))

        def leave() -> None:
            if not self.over:
                world.after(broker.delay(), arrive)

        leave()

    def _fail(self, pending: SimPending, problem: Exception) -> None:
        if self.over or pending.done:
            return
        self.over = True
        committing = pending._committing
        pending.fail(problem, self._broker.where)
        if not committing and self._broker.happens(0.7):
            self._broker.world.after(self._broker.delay(), self._abort)

    def _abort(self) -> None:
        with suppress(kafka_errors.KafkaError):
            self._broker.kafka.end(self._producer, self._epoch, commits=False)


class SimLog(PartitionLog):
    """A partition of the log."""

    def __init__(self, broker: Connection, topic: str, partition: int, start: Place | None = None) -> None:
        super().__init__(CLUSTER, topic, partition, start=start)
        self.reader = SimReader(broker, topic, partition)
        transactional_id = f"{topic.removesuffix('.events')}-decider-{partition}"
        self.writer = SimWriter(broker, transactional_id)
