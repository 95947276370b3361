"""One simulation: a company's requests, deciders, and what happens to them, all from one seed."""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, NamedTuple
from unittest.mock import patch

import structlog
from kafka.structs import TopicPartition

from consumers.decider import CLOCKS_APART, Decider
from leadflow.domain.decide import decide
from leadflow.domain.events import Event
from leadflow.domain.pool import Stream
from leadflow.domain.requests import Request
from leadflow.errors import Fenced
from leadflow.log.kafka.records import message_of
from leadflow.settings import Settings
from tests.simulation.broker import SimBroker
from tests.simulation.checks import examine
from tests.simulation.company import BUGGY, NAMES, PARTITIONS, Company, Sent, beginning, home_of
from tests.simulation.kafka import Kafka
from tests.simulation.log import SimWriter
from tests.simulation.network import Connection, Network
from tests.simulation.world import MS, Process, S, World

SETTINGS = Settings(kafka_prefix="sim", database_url=None)
LOAD = 8 * S
"""While requests come and things happen."""
PATIENCE = 240 * S
"""After that everything works again; by then every request must have its outcome."""
RESTART = (50 * MS, 3 * S)


@dataclass
class Running:
    """A decider, its process, and what the simulation knows of both."""

    decider: Decider
    process: Process
    broker: SimBroker
    excused: bool = False
    """It stood still, or somebody took a partition whom the group had not given it: that it ends is right."""
    stops: bool = False


class Result(NamedTuple):
    """What became of a simulation."""

    seed: int
    wrong: list[str]
    happened: list[str]
    facts: int
    trace: list[str]


@dataclass
class Simulation:
    """Everything that takes part."""

    seed: int
    tracing: bool = False
    happened: list[str] = field(default_factory=list)
    deciders: list[Running] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.world = World(self.seed)
        self.world.tracing = self.tracing
        self.chance = self.world.chance
        self.kafka = Kafka(self.world, list(NAMES), PARTITIONS)
        self.kafka.on_usurped = self._usurped
        self.company = Company(self.chance)
        self.started = 0
        self.healing = False
        self.problems: list[str] = []
        self.begun: dict[int, int] = dict.fromkeys(range(PARTITIONS), 0)
        for stored in beginning():
            at = home_of(str(stored.originator_id))
            self.begun[at] += 1
            message = message_of(stored, self.begun[at], NAMES.events, at)
            self.kafka.append(TopicPartition(NAMES.events, at), message.key, message.value, message.headers)
        self.network = self._some_network()
        self.late = self.chance.random() < 0.2
        """Whether records can be read a while after their stamps only."""
        if self.late:
            # Of this and the difference between clocks, a second is the sum.
            longest = CLOCKS_APART // timedelta(microseconds=1) - 50 * MS - abs(self.network.skew)
            for place, partition in self.kafka.partitions.items():
                if place.topic in (NAMES.intake, NAMES.commands):
                    partition.lateness = (0, self.chance.choice((2 * MS, 30 * MS, longest)))

    def _some_network(self) -> Network:
        chance = self.chance
        slow = chance.random() < 0.25
        if slow:
            self.kafka.marker_delays = (MS, 400 * MS)
        return Network(
            delays=(100, 120 * MS) if slow else (100, 2 * MS),
            loss=chance.choice((0, 0, 0.05, 0.2)),
            breaks=chance.choice((0, 0, 0, 0.01, 0.03)),
            unknown=chance.choice((0, 0, 0.1, 0.3)),
            later=chance.choice((0.1, 0.5)),
            stalls=chance.choice((0, 0, 0, 0.02)),
            busy=chance.choice((0, 0, 0, 0.3)),
            skew=chance.choice((0, 0, self.world.between(-900 * MS, 900 * MS))),
        )

    # --- deciders -------------------------------------------------------------------------------

    def start(self) -> None:
        """One more decider."""
        self.started += 1
        name = f"decider-{self.started}"
        holder: list[Running] = []

        def run(process: Process) -> None:
            holder[0].decider._run()

        process = Process(self.world, name, run)
        broker = SimBroker(self.kafka, NAMES, process, self.network)
        running = Running(Decider(SETTINGS, broker=broker), process, broker)
        holder.append(running)
        self.deciders.append(running)
        self.world.say(lambda: f"{name} starts")

    def _see_to_them(self) -> None:
        """Whoever has ended is started again, by another name."""
        for running in list(self.deciders):
            if running.process.over:
                self.deciders.remove(running)
                self._ended(running)
                self.world.after(self.world.between(*RESTART), self._start_if_needed)
        self.world.after(200 * MS, self._see_to_them)

    def _start_if_needed(self) -> None:
        if len(self.deciders) < 3:
            self.start()

    def _ended(self, running: Running) -> None:
        problem, name = running.process.problem, running.process.name
        self.world.say(lambda: f"{name} has ended: {problem!r}")
        if problem is None:
            if not (running.stops or running.process.killed):
                self.problems.append(f"{name} ended by itself")
        elif not (isinstance(problem, Fenced) and running.excused):
            self.problems.append(f"{name} ended with {problem!r}")

    def _usurped(self) -> None:
        for running in self.deciders:
            running.excused = True

    # --- what happens ---------------------------------------------------------------------------

    def _some(self) -> Running | None:
        alive = [one for one in self.deciders if not one.process.over]
        return self.chance.choice(alive) if alive else None

    def _kill(self) -> str | None:
        if (one := self._some()) is None:
            return None
        one.process.kill()
        return f"{one.process.name} is killed"

    def _freeze(self) -> str | None:
        one = self._some()
        if one is None or one.process.frozen:
            return None
        long = self.chance.choice((self.world.between(MS, 500 * MS), self.world.between(6 * S, 14 * S)))
        one.excused = True
        if self.chance.random() < 0.5:
            one.process.freeze(long)
            return f"{one.process.name} stands still for {long / S:.3f} s"
        one.broker.stop_in_a_call = long
        return f"{one.process.name} will stand still for {long / S:.3f} s, waiting for an answer"

    def _stop(self) -> str | None:
        if (one := self._some()) is None:
            return None
        one.stops = True
        one.decider.stop()
        return f"{one.process.name} is asked to end"

    def _another(self) -> str | None:
        if len(self.deciders) > 3:
            return None
        self.start()
        return f"{self.deciders[-1].process.name} joins"

    def _passes_by(self) -> str | None:
        """One comes and goes: partitions are given to it and back within moments."""
        if len(self.deciders) > 3:
            return None
        self.start()
        one = self.deciders[-1]
        one.stops = True
        self.world.after(self.world.between(50 * MS, 2 * S), one.decider.stop)
        return f"{one.process.name} joins, and will be asked to end at once"

    def _outage(self) -> str:
        long = self.world.between(10 * MS, 13 * S)
        self.kafka.down = True

        def up() -> None:
            self.kafka.down = False
            self.kafka.changed()

        self.world.after(long, up)
        return f"the cluster is away for {long / S:.3f} s"

    def _force(self) -> str:
        """Somebody outside the group takes a partition, writes nothing, and goes away."""
        at = self.chance.randrange(PARTITIONS)

        def take(process: Process) -> None:
            writer = SimWriter(Connection(self.kafka, process, Network()), f"sim-decider-{at}")
            writer.fence()

        Process(self.world, "intruder", take)
        return f"an intruder takes partition {at}"

    def _disturb(self, what: Callable[[], str | None]) -> None:
        if (told := what()) is not None:
            self.happened.append(f"{self.world.now / S:9.6f} {told}")
            self.world.say(lambda: f"*** {told}")

    def _send(self, sent: Sent) -> None:
        if self.kafka.down:
            self.world.after(200 * MS, lambda: self._send(sent))
            return
        entry = self.kafka.append(sent.place, sent.key, sent.value, sent.headers)
        self.world.say(lambda: f"{entry.topic}-{entry.partition}/{entry.offset}: {entry.value!r:.120}")

    # --- the whole ------------------------------------------------------------------------------

    def _plan(self) -> None:
        world, chance = self.world, self.chance
        for _ in range(chance.choice((1, 1, 2, 3))):
            world.after(world.between(0, S), self.start)
        crowds = chance.random() < 0.2
        for sent in list(self.company.asks(chance.randint(10, 30))):
            # Many at a time, so that some meet in the same millisecond, or come while others are being read.
            moment = chance.choice((world.between(0, LOAD), world.between(0, 16) * 500 * MS))
            if crowds:
                moment = world.between(1, 2) * 2 * S
            moment += world.between(0, 6 * MS if crowds else 3 * MS)
            world.after(moment, lambda sent=sent: self._send(sent))  # type: ignore[misc]
        kinds = (
            self._kill, self._kill, self._freeze, self._freeze, self._stop, self._another, self._outage,
            self._force, self._passes_by, self._passes_by,
        )  # fmt: skip
        for _ in range(chance.randint(0, 5)):
            what = chance.choice(kinds)
            world.after(world.between(0, LOAD), lambda what=what: self._disturb(what))  # type: ignore[misc]
        world.after(LOAD + S, self._heal)
        self._see_to_them()

    def _heal(self) -> None:
        self.healing = True
        network = self.network
        network.loss = network.breaks = network.unknown = network.stalls = 0.0
        if not self.deciders:
            self.start()

    def _decided(self) -> bool:
        """Whether every request was consumed, and nothing is under way."""
        if not self.healing or not self.kafka.quiet or self.kafka.down:
            return False
        for place, partition in self.kafka.partitions.items():
            if place.topic not in (NAMES.intake, NAMES.commands):
                continue
            # The marks of transactions, too: else what is deleted for its age looks undecided.
            if not partition.settled or self.kafka.committed.get(place, 0) < partition.end:
                return False
        return True

    def run(self) -> Result:
        """Play it and look at what came of it."""
        self._plan()
        while not (done := self._decided()) and self.world.now < LOAD + PATIENCE:
            self.world.run_until(self.world.now + 200 * MS)
        for one in self.deciders:
            if one.process.over:
                self._ended(one)
            one.process.kill()
        wrong = [] if done else [f"not everything was decided: {self.kafka.committed}"]
        wrong += self.problems + examine(self.kafka, self.begun, late=self.late)
        facts = sum(
            len(self.kafka.partitions[TopicPartition(NAMES.events, at)].visible(0)) for at in self.begun
        )
        return Result(self.seed, wrong, self.happened, facts, self.world.trace)


def _with_bugs(stream: Stream, request: Request, now: Any) -> list[Event]:
    if request.id.startswith(BUGGY):
        raise ZeroDivisionError
    return decide(stream, request, now)


def simulate(seed: int, *, tracing: bool = False) -> Result:
    """Play one seed; the same seed gives the same."""
    simulation = Simulation(seed, tracing)
    logged = simulation.world

    def keep(_: Any, name: str, event: Any) -> Any:
        logged.say(lambda: f"{name}: {event}")
        raise structlog.DropEvent

    structlog.configure(processors=[keep], cache_logger_on_first_use=False)
    try:
        with patch("leadflow.deciding.decide", _with_bugs):
            return simulation.run()
    finally:
        structlog.reset_defaults()
        gc.unfreeze()
