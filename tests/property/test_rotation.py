"""Rotation's bound: nobody is off its share by a whole lead, whatever the weights."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from leadflow.domain.rotation import next_in_turn

WEIGHTS = st.lists(st.integers(1, 1000), min_size=1, max_size=9)


@given(WEIGHTS, st.integers(0, 2**32))
@settings(max_examples=150)
def test_each_is_within_tijdemans_bound_after_every_turn(weights: list[int], salt: int) -> None:
    reps = [f"r{number}" for number in range(len(weights))]
    weight = dict(zip(reps, weights, strict=True))
    total = sum(weights)
    had = dict.fromkeys(reps, 0)
    waited = {rep: (salt >> number) % 3 for number, rep in enumerate(reps)}
    step = max(2 * len(reps) - 2, 1)
    for turn in range(1, 150):
        chosen = next_in_turn(reps, weight, had, waited)
        had[chosen] += 1
        waited[chosen] = turn
        for rep in reps:
            # |had - turn * weight / total| <= 1 - 1 / (2k - 2), in whole numbers.
            assert abs(had[rep] * total - turn * weight[rep]) * step <= total * (step - 1)


@given(WEIGHTS)
def test_a_whole_round_gives_each_exactly_its_weight(weights: list[int]) -> None:
    weights = [weight % 40 + 1 for weight in weights]
    reps = [f"r{number}" for number in range(len(weights))]
    weight = dict(zip(reps, weights, strict=True))
    had = dict.fromkeys(reps, 0)
    for _ in range(sum(weights)):
        had[next_in_turn(reps, weight, had, dict.fromkeys(reps, 0))] += 1
    assert had == weight


@given(st.integers(2, 9))
def test_of_equal_claims_who_waited_longest_goes_first(count: int) -> None:
    reps = [f"r{number}" for number in range(count)]
    waited = {rep: -number for number, rep in enumerate(reps)}
    chosen = next_in_turn(reps, dict.fromkeys(reps, 1), dict.fromkeys(reps, 0), waited)
    assert chosen == reps[-1]
