"""What a process tells of itself: figures for Prometheus, and whether it is well and ready.

The processes say what happens where it happens; `consumers.exposition` serves what is kept here. Figures
carry no names of people, pools or requests: partitions, topics and kinds only.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from operator import itemgetter
from typing import Literal, NamedTuple

import structlog
from prometheus_client import CollectorRegistry, Gauge, Info, ProcessCollector
from prometheus_client.exposition import choose_encoder

from consumers.figures import Figures
from leadflow.outcome import Outcome

READY_AGE_S = 15.0
"""A process whose last step is older is not ready. Longer than one transaction may take."""
ALIVE_AGE_S = 120.0
"""A process at work whose last step is older hangs, and has to be started again."""

log_ = structlog.get_logger(__name__)

State = Literal["starting", "joining", "taking", "running", "retrying", "stopping"]


class Health(NamedTuple):
    """Whether a process is well, and whether it does its work at this moment."""

    process: str
    state: State
    alive: bool
    ready: bool
    partitions: list[int]
    last_step_s: float | None
    """Seconds since the last step of its slowest part; None before the first."""
    problems: dict[str, str]
    """By part: what keeps it from working."""


class Operating:
    """One process as its operator sees it. Every method may be called from any thread."""

    def __init__(
        self, process: str, *, pause_s: float = 0.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`pause_s` is how long the process rests between two steps; `clock` gives seconds."""
        self.process = process
        self.registry = CollectorRegistry()
        self._figures = Figures(self.registry)
        self._pause_s = pause_s
        self._clock = clock
        self._guard = threading.RLock()  # A signal may come in the middle of anything.
        self._state: State = "starting"
        self._problems: dict[str, str] = {}
        self._told: dict[str, float] = {}
        """What the process has begun anew for since it last worked, and when it first did."""
        self._failing: dict[int, set[str]] = {}
        """By partition, the parts of it that had a problem."""
        self._stepped: dict[str, float] = {}
        """By part, when its last step ended."""
        self._held: set[int] = set()
        self._moved: dict[int, float] = {}
        """By partition, when it last moved or had nothing waiting."""
        self._topics: dict[int, set[str]] = {}
        self._positions: dict[int, int] = {}
        self._projections: dict[int, set[str]] = {}
        self._figures.step_s.set_function(lambda: self._age() or 0.0)
        self._figures.ready.set_function(lambda: float(self.health().ready))
        Info("leadflow_process", "What runs here.", registry=self.registry).info(
            {"process": process, "version": _version()}
        )
        ProcessCollector(registry=self.registry)

    # --- life -----------------------------------------------------------------------------------

    def joining(self) -> None:
        """The process joins its group; it holds nothing yet."""
        with self._guard:
            self._state = "joining"
            self._hold(())

    def rebalanced(self) -> None:
        """The group has divided the partitions anew; those that are new are being taken."""
        self._figures.rebalances.inc()
        with self._guard:
            self._state = "taking"

    def took(self, seconds: float) -> None:
        """A partition was taken: fenced and read to its end."""
        self._figures.takeover_s.observe(seconds)

    def holds(self, partitions: Iterable[int]) -> None:
        """The process works on these partitions and on no others, from its next step on."""
        with self._guard:
            self._hold(partitions)
            self._state = "taking"

    def stepped(self, part: str = "") -> None:
        """A part of the process has ended a turn of its loop, with or without work."""
        if self._state == "taking":
            with self._guard:
                self._state = "running"
                self._problems.pop("", None)
                self._stepped.clear()
                told, self._told = self._told, {}
            if told:
                log_.warning("works again", after_s=round(self._clock() - min(told.values()), 1))
        self._stepped[part] = self._clock()

    def works(self, part: str) -> bool:
        """A part works; says whether it had a problem until now."""
        with self._guard:
            return self._problems.pop(part, None) is not None

    def fails(self, part: str, problem: str, partition: int | None = None) -> bool:
        """A part cannot work; the process is not ready until `works`, or until another process has the
        `partition` that the part belongs to, if it belongs to one. Says whether the part worked until now."""
        with self._guard:
            if partition is not None:
                self._failing.setdefault(partition, set()).add(part)
            worked = part not in self._problems
            if self._problems.get(part) != problem:
                self._figures.retries.inc()
            self._problems[part] = problem
            return worked

    def retrying(self, problem: str) -> None:
        """The process begins anew after a problem; it is not ready until it `holds` partitions again.

        What it waits for may be away for long: each problem is told once until the process works again.
        """
        self._figures.retries.inc()
        # The same problem comes with other milliseconds and offsets.
        kind = re.sub(r"\d+", "0", problem)
        with self._guard:
            self._state = "retrying"
            self._problems[""] = problem
            self._hold(())
            news = kind not in self._told
            self._told.setdefault(kind, self._clock())
        tell = log_.warning if news else log_.debug
        tell("begins again until it works", problem=problem)

    def fenced(self) -> None:
        """Another process has taken over what this one wrote."""
        self._figures.fencings.inc()

    def stopping(self) -> None:
        """The process was asked to end."""
        with self._guard:
            self._state = "stopping"

    # --- work -----------------------------------------------------------------------------------

    def decided(self, kind: str, outcome: str, count: int = 1) -> None:
        """Requests of a kind have an outcome that is written."""
        self._figures.requests.labels(kind, outcome).inc(count)
        if outcome == "dead_letter":
            self._figures.dead_letters.inc(count)

    def deciding(self, seconds: float) -> None:
        """A batch was decided in so long; it is not written yet."""
        self._figures.decision_s.observe(seconds)

    def committed(self, seconds: float, size: int, facts: int) -> None:
        """A transaction of so many requests (or records that were read) is committed."""
        self._figures.commit_s.observe(seconds)
        self._figures.batch.observe(size)
        self._figures.facts.inc(facts)

    def behind(self, topic: str, partition: int, events: int, seconds: float) -> None:
        """How many records of a topic wait for this process, and how old the oldest is."""
        events = max(0, events)
        with self._guard:
            if partition not in self._held:
                return
            self._topics.setdefault(partition, set()).add(topic)
            self._figures.lag_events.labels(topic, str(partition)).set(events)
            self._figures.lag_s.labels(topic, str(partition)).set(max(0.0, seconds) if events else 0.0)

    def progress(self, partition: int, position: int, *, waiting: bool) -> None:
        """The partition's last position in the log, and whether anything waits to get it further."""
        with self._guard:
            if partition not in self._held:
                return
            if not waiting or self._positions.get(partition) != position:
                self._moved[partition] = self._clock()
            self._positions[partition] = position
            self._figures.position.labels(str(partition)).set(position)

    def projected(self, projection: str, partition: int, position: int) -> None:
        """A projection has reached a position of a partition."""
        with self._guard:
            if partition in self._held:
                self._projections.setdefault(partition, set()).add(projection)
                self._figures.projected.labels(projection, str(partition)).set(position)

    def notified(self, way: str, outcome: str) -> None:
        """An attempt to notify was `sent`, `failed`, or `parked` as the last; or none is due: `dropped`."""
        self._figures.notified.labels(way, outcome).inc()

    def notifications(self, waiting: int, parked: int, oldest_s: float) -> None:
        """How the ledger of notifications stands."""
        self._figures.waiting.set(waiting)
        self._figures.parked.set(parked)
        self._figures.oldest_s.set(max(0.0, oldest_s))

    def pulled(self, outcome: str, answers: Mapping[str, int] | None = None) -> None:
        """A vendor was asked for what it did not push: `done` or `failed`, and what became of its leads."""
        self._figures.pulls.labels(outcome).inc()
        for answer, count in (answers or {}).items():
            self._figures.pulled.labels(answer).inc(count)

    def pulls(self, oldest_s: float) -> None:
        """How long ago the last good pull was, of the inlet that has waited longest."""
        self._figures.pulled_s.set(max(0.0, oldest_s))

    # --- what is told ---------------------------------------------------------------------------

    def health(self) -> Health:
        """How the process is at this moment."""
        age = self._age()
        with self._guard:
            running = self._state == "running"
            fresh = age is not None and age <= self._pause_s + READY_AGE_S
            problems = {part or self.process: told for part, told in self._problems.items()}
            if running and age is not None and not fresh and not problems:
                slowest = min(list(self._stepped.items()), key=itemgetter(1))[0] or self.process
                told = f"it has stood still for {age:.0f} s: what it waits for does not answer"
                problems.setdefault(slowest, f"{told} (Kafka, Postgres), or the machine has no time for it")
            return Health(
                self.process,
                self._state,
                alive=not running or age is None or age <= self._pause_s + ALIVE_AGE_S,
                ready=running and fresh and not self._problems,
                partitions=sorted(self._held),
                last_step_s=None if age is None else round(age, 3),
                problems=problems,
            )

    def exposed(self, accept: str) -> tuple[str, bytes]:
        """The figures in the form of Prometheus or OpenMetrics that is accepted: content type and body."""
        encode, content_type = choose_encoder(accept)
        return content_type, encode(self.registry)

    # --------------------------------------------------------------------------------------------

    def _age(self) -> float | None:
        """Seconds since the last step of the part that has stood longest."""
        stepped = list(self._stepped.values())
        return self._clock() - min(stepped) if stepped else None

    def _hold(self, partitions: Iterable[int]) -> None:
        now, wanted = self._clock(), set(partitions)
        for partition in self._held - wanted:
            self._forget(partition)
        for partition in wanted - self._held:
            self._moved[partition] = now
            self._figures.still_s.labels(str(partition)).set_function(self._since_moved(partition))
        self._held = wanted
        self._figures.held.set(len(wanted))

    def _since_moved(self, partition: int) -> Callable[[], float]:
        return lambda: self._clock() - self._moved.get(partition, self._clock())

    def _forget(self, partition: int) -> None:
        """A partition that another process works on now has no figures and no problems here."""
        number = str(partition)
        self._moved.pop(partition, None)
        for gauge, *labels in self._labels(partition, number):
            gauge.remove(*labels)
        self._positions.pop(partition, None)
        self._topics.pop(partition, None)
        self._projections.pop(partition, None)
        for part in self._failing.pop(partition, ()):
            self._problems.pop(part, None)

    def _labels(self, partition: int, number: str) -> Iterator[tuple[Gauge, *tuple[str, ...]]]:
        yield self._figures.still_s, number
        if partition in self._positions:
            yield self._figures.position, number
        for topic in self._topics.get(partition, ()):
            yield self._figures.lag_events, topic, number
            yield self._figures.lag_s, topic, number
        for projection in self._projections.get(partition, ()):
            yield self._figures.projected, projection, number


def kind_of(outcome: Outcome) -> str:
    """The word for an outcome, in the figures."""
    if outcome.error is not None:
        return "failed"
    if outcome.refusal is not None:
        return "refused"
    return "repeated" if outcome.repeated else "accepted"


def _version() -> str:
    try:
        return version("leadflow")
    except PackageNotFoundError:
        return "source"
