"""Any history that a pool decides is decided again from its own facts, and from any moment on."""

from __future__ import annotations

import os

import pytest

from leadflow.domain import events as e
from leadflow.rerunning.rerun import Rerunning
from tests.random_requests import POOL, RandomRequests
from tests.reference.unusual import UnusualRequests

SEEDS = tuple(range(int(os.environ.get("LEADFLOW_TEST_SEEDS", "12"))))


@pytest.mark.parametrize("kind", [RandomRequests, UnusualRequests])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_history_is_decided_again_from_its_own_facts(seed: int, kind: type[RandomRequests]) -> None:
    print(f"seed {seed}")
    events = kind(seed).run(250).scene.events
    rerunning = Rerunning(POOL)
    again = list(rerunning.run(events, events[-1].time))
    assert rerunning.found.differs_at is None
    assert rerunning.found.facts_were == rerunning.found.facts_would == len(again)
    happened = [event.data.TYPE for event in events if not isinstance(event.data, e.RequestRefused)]
    assert [x.data.TYPE for x in again if not isinstance(x.data, e.RequestRefused)] == happened
    assert rerunning.found.not_done == {}
    assert rerunning.found.was == rerunning.found.would


@pytest.mark.parametrize("seed", SEEDS[:4])
def test_from_the_middle_on_it_is_decided_again_as_well(seed: int) -> None:
    print(f"seed {seed}")
    events = RandomRequests(seed).run(250).scene.events
    middle = events[len(events) // 2].time
    rerunning = Rerunning(POOL, since=middle)
    again = list(rerunning.run(events, events[-1].time))
    assert again
    assert min(event.time for event in again) >= middle
    assert rerunning.found.differs_at is None
    assert rerunning.found.was == rerunning.found.would
