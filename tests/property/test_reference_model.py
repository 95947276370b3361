"""Random histories, each decision of which is held against a second, naive statement of the rules.

The model (`tests/reference/`) was written from the rules alone: it looks through all facts at every step,
where the domain keeps indexes. A difference is a fault of one of the two. More histories:
`LEADFLOW_TEST_SEEDS=500`.
"""

from __future__ import annotations

import os
from functools import cache

import pytest

from leadflow.domain import events as e
from tests.random_requests import POOL, RandomRequests
from tests.reference.comparing import ComparedScene
from tests.reference.unusual import UnusualRequests

SEEDS = int(os.environ.get("LEADFLOW_TEST_SEEDS", "24"))
REQUESTS = 150
WORTH = {
    *("already_owned", "already_owner", "already_converted", "at_cap", "stale"),
    *("calendar_not_covered", "cool_down", "not_open_yet", "min_gap", "in_queue", "nothing_to_claim"),
    *("daily_limit", "class_daily_limit", "group_daily_limit", "pool_daily_limit", "protection_limit"),
    *("identity_reused", "not_owner", "not_permitted", "paused", "protection_too_long", "reveal_limit"),
}


@pytest.mark.parametrize("seed", range(1000, 1000 + max(2, SEEDS // 4)))
def test_what_a_team_would_ask_is_decided_as_the_rules_say(seed: int) -> None:
    print(f"seed {seed}")
    scene = ComparedScene(POOL)
    RandomRequests(seed, scene).run(REQUESTS)
    assert len(scene.events) > REQUESTS


@cache
def unusual(seed: int) -> UnusualRequests:
    print(f"seed {seed}")
    return UnusualRequests(seed).run(REQUESTS)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_under_unusual_rules_everything_is_decided_as_the_rules_say(seed: int) -> None:
    assert len(unusual(seed).scene.events) > REQUESTS


def test_the_histories_hold_what_is_worth_comparing() -> None:
    facts = [event.data for seed in range(SEEDS) for event in unusual(seed).scene.events]
    other_streams = {e.RoutingPublished, e.SpendRecorded}
    assert set(e.FACTS.values()) - other_streams == {type(x) for x in facts}
    refusals = {x.reason for x in facts if isinstance(x, e.RequestRefused)}
    assert refusals >= WORTH, WORTH - refusals
