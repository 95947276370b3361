"""The way between a process and the simulated cluster: it delays, loses and breaks."""

from __future__ import annotations

from dataclasses import dataclass

from leadflow.errors import Unavailable
from tests.simulation.kafka import Kafka
from tests.simulation.world import MS, Process, S

ANSWER = 10 * S


@dataclass
class Network:
    """What may happen on the way between a process and the cluster."""

    delays: tuple[int, int] = (100, 2 * MS)
    loss: float = 0.0
    """That a request gets lost, and is sent again later."""
    breaks: float = 0.0
    """That a connection breaks, which its client is told at once."""
    unknown: float = 0.0
    """That nobody learns whether a commit came through."""
    later: float = 0.1
    """That what can be read of a partition comes later than what can be read of another."""
    stalls: float = 0.0
    """That a consumer stands still on a partition without saying so."""
    busy: float = 0.0
    """That the process's machine is: its program gets on slowly, while its client speaks to the cluster."""
    skew: int = 0
    """How far the process's clock is ahead of the cluster's."""


class Connection:
    """What every client of one process goes through."""

    where = "simulation"

    def __init__(self, kafka: Kafka, process: Process, network: Network) -> None:
        self.kafka = kafka
        self.world = kafka.world
        self.process = process
        self.network = network
        self.stop_in_a_call = 0
        """How long its process will stand still as soon as it has asked for something."""

    def delay(self) -> int:
        return self.world.between(*self.network.delays)

    def call(self) -> None:
        """A request on its way to the cluster. Raises Unavailable."""
        until = self.world.now + ANSWER
        if self.stop_in_a_call:
            self.process.freeze(self.stop_in_a_call)
            self.stop_in_a_call = 0
        self.process.wait(self.delay())
        while self.kafka.down:
            if self.world.now > until:
                raise self.broken("no answer")
            self.process.wait(100 * MS)
        if self.happens(self.network.breaks):
            raise self.broken("the connection broke")

    def answer(self) -> None:
        """The answer on its way back."""
        self.process.wait(self.delay())

    def happens(self, likely: float) -> bool:
        return likely > 0 and self.world.chance.random() < likely

    def broken(self, what: str) -> Unavailable:
        self.world.say(lambda: f"{self.process.name}: {what}")
        return Unavailable(what, where=self.where)
