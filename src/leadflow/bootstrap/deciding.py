"""Where requests are decided: what an app asks of it, and the engine on the embedded log."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol, TypeVar

from consumers.handover import HandoverClient
from leadflow.domain.pool import Pool, Stream
from leadflow.domain.requests import Request
from leadflow.domain.values import COMPANY_STREAM
from leadflow.engine import SNAPSHOT_EVERY, Engine, Outcome
from leadflow.errors import LeadflowError, Unavailable, UsageError
from leadflow.incoming.batching import read_ahead
from leadflow.records import DeadLetter, DeadLetters
from projections.runner import Projections

SETTLE_WAIT_S = 10.0
T = TypeVar("T")


class Decisions(Protocol):
    """Requests in, outcomes out; and how things are at present."""

    def submit(self, requests: Sequence[Request]) -> list[Outcome]:
        """Have requests decided in their order. Raises Unavailable; they can then be sent again."""

    def submit_all(self, batches: Iterable[Sequence[Request]]) -> Iterator[list[Outcome]]:
        """The same of batches, one after the other. Raises as `submit`."""

    def stream(self, name: str) -> Stream:
        """The present state of a pool, or of the company, folded from the log. Only to be read."""

    def pool(self, name: str) -> Pool:
        """The same of a pool. Raises NotFound if it was never opened."""

    def look(self, name: str, at: Callable[[Pool], T]) -> T:
        """What `at` gives for the present state of a pool, which stands still meanwhile. Raises NotFound."""

    def pools(self) -> list[str]:
        """The pools that there are, in the order of their ids."""

    def now(self) -> datetime:
        """The present moment, by the clock that requests are decided at."""

    def collect(self, letters: DeadLetters) -> None:
        """Take into the records what could not be decided, where that is kept elsewhere."""

    def again(
        self, letter: DeadLetter, document: Any, changes: Mapping[str, str], pool: str | None
    ) -> Request:
        """The request that a letter of Kafka is, with its corrections. Raises UsageError."""

    def settle(self, *, fire: bool) -> None:
        """Bring the read models to the log's present end, and (with `fire`) deadlines to the present."""

    def catch_up(self) -> None:
        """Bring the read models along, unless somebody else does."""

    def reach(self) -> None:
        """Raise Unavailable where the log is away that requests go to, beside the database."""

    def on_sent(self, tell: Callable[[Iterable[Request]], None]) -> None:
        """Have `tell` called with requests that are kept for certain before they are decided."""


class Here:
    """The engine of the embedded log: the one that runs in the data directory, or this process."""

    def __init__(self, home: Path, engine: Engine, projections: Projections) -> None:
        self.engine = engine
        self._home = home
        self._projections = projections
        self._client: HandoverClient | None = None

    def running(self) -> HandoverClient | None:
        """The engine that runs in this data directory, if there is one."""
        if self._client is None and HandoverClient.reachable(self._home):
            self._client = HandoverClient(self._home)
        return self._client

    def submit(
        self, requests: Sequence[Request], meanwhile: Callable[[], None] | None = None
    ) -> list[Outcome]:
        """Have requests decided: by the engine that runs, or here. Raises Unavailable.

        `meanwhile` is called when there is nothing to do but wait.
        """
        client = self.running()
        if client is None:
            return self.engine.submit(requests, meanwhile)
        try:
            if meanwhile is not None:
                meanwhile()
            return client.submit(requests)[0]
        except Unavailable:
            # Where that engine has ended, the next requests go to another one, or are decided here.
            client.close()
            self._client = None
            raise

    def submit_all(self, batches: Iterable[Sequence[Request]]) -> Iterator[list[Outcome]]:
        """Have batches decided, one after the other; the next is read meanwhile. Raises Unavailable."""
        return read_ahead(batches, self.submit)

    def stream(self, name: str) -> Stream:
        """The present state of a stream."""
        return self.engine.stream(name)

    def now(self) -> datetime:
        """The present moment."""
        return self.engine.clock.now()

    def pool(self, name: str) -> Pool:
        """The present state of a pool. Raises NotFound."""
        return self.engine.pool(name)

    def look(self, name: str, at: Callable[[Pool], T]) -> T:
        """What `at` gives for the present state of a pool, which stands still meanwhile. Raises NotFound."""
        return self.engine.look(name, at)

    def pools(self) -> list[str]:
        """The pools that there are, in the order of their ids."""
        return [name for name in self.engine.log.pools() if name != COMPANY_STREAM]

    def collect(self, letters: DeadLetters) -> None:
        """Nothing: what this engine cannot decide, its sender is told at once."""

    def again(
        self, letter: DeadLetter, document: Any, changes: Mapping[str, str], pool: str | None
    ) -> Request:
        """None that this engine could decide. Raises UsageError."""
        what = f"dead letter {letter.id} came through Kafka, and this log is not there"
        raise UsageError(what, do="Set LEADFLOW_KAFKA.")

    def settle(self, *, fire: bool) -> None:
        """Bring the read models to the log's present end, and its deadlines to the present time.

        Raises Unavailable if the engine that runs does not get there in time: what is shown is stale.
        """
        self._projections.start()
        if self.running() is not None:
            self._projections.wait_for(self.engine.log.ends(), SETTLE_WAIT_S)
            return
        if fire:
            self.engine.tick()
        self._projections.catch_up()

    def catch_up(self) -> None:
        """Bring the read models along, unless an engine that runs does."""
        if self.running() is None:
            self._projections.catch_up()

    def reach(self) -> None:
        """Nothing: the log is in the database."""

    def on_sent(self, tell: Callable[[Iterable[Request]], None]) -> None:
        """Never: here what is kept is decided."""

    def close(self) -> None:
        """Hang up; keep a snapshot if much was folded here."""
        if self._client is not None:
            self._client.close()
            return
        # A snapshot only saves time; that there is none must not hide why a command ended.
        with suppress(LeadflowError):
            self.engine.save_snapshots(SNAPSHOT_EVERY)
