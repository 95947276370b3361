"""A pool whose clock meets a bug: its requests become dead letters, and nothing else suffers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from kafka.structs import TopicPartition

from consumers.partition import PartitionDecider
from leadflow.domain.deadlines import decide_due
from leadflow.domain.events import Event
from leadflow.domain.pool import Pool
from leadflow.domain.requests import Request
from leadflow.domain.values import derived_id
from leadflow.log.envelope import encode_request
from leadflow.log.kafka.records import H_REASON
from tests.simulation.company import NAMES, Sent, home_of
from tests.simulation.kafka import Entry
from tests.simulation.network import Network
from tests.simulation.schedule import Simulation
from tests.simulation.world import MS, S
from tests.team import claim

LEAD, OTHER = (derived_id("lead", "east", f"intake/web_form:form-{number}") for number in range(2))
AFTER = 20
"""Requests of the pool after its clock has stopped."""


def sent(request: Request) -> Sent:
    place = TopicPartition(NAMES.commands, home_of(request.pool))
    return Sent(place, request.pool.encode(), encode_request(request))


def visible(simulation: Simulation, topic: str) -> list[Entry]:
    partition = simulation.kafka.partitions[TopicPartition(topic, home_of("east"))]
    return partition.visible(0)


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Which partitions were taken; deadlines of the pool east meet a bug."""
    found: list[int] = []
    take = PartitionDecider.take

    def takes(self: PartitionDecider, group: Any) -> None:
        found.append(self.partition)
        take(self, group)

    def with_a_bug(pool: Pool, now: datetime) -> list[Event]:
        events = decide_due(pool, now)
        if events and pool.id == "east":
            raise ZeroDivisionError
        return events

    monkeypatch.setattr(PartitionDecider, "take", takes)
    monkeypatch.setattr("leadflow.deciding.decide_due", with_a_bug)
    return found


def played(requests: Callable[[Simulation], None]) -> Simulation:
    simulation = Simulation(1)
    simulation.network = Network()
    simulation.kafka.marker_delays = (100, 3 * MS)
    simulation.start()
    requests(simulation)
    simulation.world.run_until(12 * S)
    assert simulation.deciders[0].process.problem is None
    return simulation


@pytest.mark.parametrize("quiet", [True, False], ids=["found by a tick", "found by a request"])
def test_requests_of_a_pool_whose_clock_stands_are_dead_letters_at_once(
    taken: list[int], quiet: bool
) -> None:
    def requests(simulation: Simulation) -> None:
        send, world = simulation._send, simulation.world
        world.after(S, lambda: send(sent(claim("wang", LEAD, "before", "east"))))
        # The claim's first deadline comes a second later.
        for at in range(AFTER):
            one = sent(claim("li", OTHER, f"after-{at}", "east"))
            moment = 5 * S + at * 100 * MS if quiet else 2 * S + (at + 2) * 100 * MS
            world.after(moment, lambda one=one: send(one))  # type: ignore[misc]
        world.after(8 * S, lambda: send(sent(claim("li", north, "there", "north"))))

    north = derived_id("lead", "north", "intake/web_form:form-0")
    simulation = played(requests)
    facts = [bytes(entry.value or b"") for entry in visible(simulation, NAMES.events)]
    assert any(b"before" in fact for fact in facts)
    assert not any(b"after-" in fact for fact in facts)
    assert any(b"there" in fact for fact in facts)
    letters = [dict(entry.headers)[H_REASON] for entry in visible(simulation, NAMES.dead_letters)]
    assert len(letters) == AFTER
    assert b"the clock of its pool cannot go on (a bug: ZeroDivisionError)" in letters[-1]
    assert sum(b"clock" in letter for letter in letters) >= AFTER - 2
    # Once at first, and once or twice more until it is known what is wrong.
    assert taken.count(home_of("east")) <= 4
    health = simulation.deciders[0].decider._operating.health()
    assert not health.ready
    assert "1 of its pools" in health.problems[f"clocks of partition {home_of('east')}"]
