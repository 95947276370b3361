"""How a decider takes the partitions that the group gives it."""

from __future__ import annotations

from typing import Any

import pytest

from consumers.decider import Membership
from consumers.operating import Operating
from consumers.partition import PartitionDecider
from leadflow.log.kafka import Message
from tests.simulation.broker import SimBroker, SimGroup
from tests.simulation.company import NAMES, PARTITIONS
from tests.simulation.kafka import Kafka
from tests.simulation.log import SimWriter
from tests.simulation.network import Network
from tests.simulation.schedule import Simulation
from tests.simulation.world import MS, Process, S, World


def test_the_group_is_asked_between_two_partitions(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    poll, take = SimGroup.poll, PartitionDecider.take

    def polls(self: SimGroup, wait_ms: int) -> object:
        done.append("poll")
        return poll(self, wait_ms)

    def takes(self: PartitionDecider, group: SimGroup) -> None:
        done.append(f"take {self.partition}, ready: {operating.health().ready}")
        take(self, group)
        process.wait(60 * S)

    monkeypatch.setattr(SimGroup, "poll", polls)
    monkeypatch.setattr(PartitionDecider, "take", takes)
    world = World(1)
    kafka = Kafka(world, list(NAMES), PARTITIONS)
    operating = Operating("decider", clock=lambda: world.now / S)
    ended: list[Membership] = []

    def run(process: Process) -> None:
        member = Membership(
            SimBroker(kafka, NAMES, process, Network()), NAMES, virtual=False, operating=operating
        )
        while len([one for one in done if one != "poll"]) < PARTITIONS or not operating.health().ready:
            member.step()
        ended.append(member)

    process = Process(world, "decider", run)
    world.run_until(300 * S)
    assert process.problem is None
    assert ended
    first, second = (at for at, one in enumerate(done) if one.startswith("take"))
    assert done[first] == "take 0, ready: False"
    assert done[second] == "take 1, ready: False"
    assert "poll" in done[first:second]
    assert operating.health().partitions == [0, 1]


def test_who_is_late_to_hear_that_its_partition_was_given_away_goes_on_with_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    late: list[int] = []
    coordinate, work = SimGroup._coordinate, PartitionDecider.work
    simulation = Simulation(1)
    simulation.network = Network()
    simulation.kafka.marker_delays = (100, 3 * MS)
    simulation.start()
    (first,) = simulation.deciders

    def coordinates(self: SimGroup) -> None:
        coordinate(self)
        if self._broker is first.broker:
            # Its answer is on the way for long.
            self._answered = 0 if late else 60 * S

    def works(self: PartitionDecider, *arguments: Any, **named: Any) -> None:
        writer, group = self._log.writer, simulation.kafka.group
        assert isinstance(writer, SimWriter)
        mine = group.gave(self.partition, first.process.name)
        if writer._broker is first.broker and not mine and not late and group.generation > 1:
            # Time in which another takes it.
            first.process.wait(3 * S)
            late.append(self.partition)
            letter = Message(NAMES.dead_letters, self.partition, b"east", b"too late")
            self._log.append_later([], [letter]).positions()
        work(self, *arguments, **named)

    monkeypatch.setattr(SimGroup, "_coordinate", coordinates)
    monkeypatch.setattr(PartitionDecider, "work", works)
    simulation.world.run_until(S)
    simulation.start()
    simulation.world.run_until(20 * S)
    held = [one.decider._operating.health().partitions for one in simulation.deciders]
    assert [one.process.problem for one in simulation.deciders] == [None, None]
    assert late == held[1]
    assert sorted(held[0] + held[1]) == list(range(PARTITIONS))
    figure = first.decider._operating.registry.get_sample_value
    assert figure("leadflow_fencings_total") == figure("leadflow_retries_total") == 0
