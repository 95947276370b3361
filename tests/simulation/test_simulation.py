"""Deciders on a simulated Kafka: whatever happens to them, the log says what it must."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest

from tests.simulation.__main__ import story
from tests.simulation.mutants import MUTANTS
from tests.simulation.schedule import simulate

FIXED = range(150)
BY_CHANCE = 150
PATIENCE = 3_000
"""Seeds within which every mutant must be found."""


def test_nothing_that_happens_to_deciders_changes_a_decision() -> None:
    wrong = [result for seed in FIXED if (result := simulate(seed)).wrong]
    assert not wrong, "\n".join(map(story, wrong[:3]))


def test_nor_does_anything_else() -> None:
    first = int.from_bytes(os.urandom(4), "big")
    print(f"seeds from {first} on")
    wrong = [result for seed in range(first, first + BY_CHANCE) if (result := simulate(seed)).wrong]
    assert not wrong, "\n".join(map(story, wrong[:3]))


def test_a_seed_gives_the_same_every_time() -> None:
    assert simulate(7, tracing=True) == simulate(7, tracing=True)


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_bug_is_found(mutant: Callable[[], Any]) -> None:
    with mutant():
        found = next((result for seed in range(PATIENCE) if (result := simulate(seed)).wrong), None)
    assert found is not None
    print(story(found))
