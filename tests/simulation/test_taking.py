"""How a decider takes the partitions that the group gives it."""

from __future__ import annotations

import pytest

from consumers.decider import Membership
from consumers.operating import Operating
from consumers.partition import PartitionDecider
from tests.simulation.broker import SimBroker, SimGroup
from tests.simulation.company import NAMES, PARTITIONS
from tests.simulation.kafka import Kafka
from tests.simulation.network import Network
from tests.simulation.world import Process, S, World


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
