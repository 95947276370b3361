"""Rotation's bound: nobody is off its share by a whole lead, whatever the weights."""

from __future__ import annotations

import pickle
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from leadflow.domain.rotation import Turns

WEIGHTS = st.lists(st.integers(1, 1000), min_size=1, max_size=9)


@given(WEIGHTS, st.integers(0, 2**32))
@settings(max_examples=150)
def test_each_is_within_tijdemans_bound_after_every_turn(weights: list[int], salt: int) -> None:
    reps = [f"r{number}" for number in range(len(weights))]
    total = sum(weights)
    turns = Turns(tuple(reps), weights)
    waited = [(salt >> number) % 3 for number in range(len(weights))]
    step = max(2 * len(reps) - 2, 1)
    for turn in range(1, 150):
        chosen = min(turns.soonest(), key=lambda rep: waited[reps.index(rep)])
        turns.give(chosen)
        waited[reps.index(chosen)] = turn
        for had, weight in zip(turns.had, weights, strict=True):
            # |had - turn * weight / total| <= 1 - 1 / (2k - 2), in whole numbers.
            assert abs(had * total - turn * weight) * step <= total * (step - 1)


def by_definition(weights: list[int], had: list[int], waited: list[int]) -> int:
    """The place of the rep whose turn it is, worked out anew as Tijdeman states it."""
    total, turn, step = sum(weights), sum(had) + 1, max(2 * len(weights) - 2, 1)
    claims = []
    for place, (weight, count) in enumerate(zip(weights, had, strict=True)):
        owed = Fraction(weight * turn, total) - count
        if owed >= Fraction(1, step):
            until_bound = (1 - Fraction(1, step) - owed) / Fraction(weight, total)
            claims.append((until_bound, waited[place], place))
    return min(claims)[2]


@given(WEIGHTS, st.integers(0, 2**32))
@settings(max_examples=60)
def test_the_turn_is_the_one_that_the_definition_gives(weights: list[int], salt: int) -> None:
    reps = tuple(f"r{number}" for number in range(len(weights)))
    turns = Turns(reps, weights)
    waited = [(salt >> number) % 3 for number in range(len(weights))]
    for turn in range(1, 60):
        chosen = min(turns.soonest(), key=lambda rep: waited[reps.index(rep)])
        assert chosen == reps[by_definition(weights, turns.had, waited)]
        assert [(c.rep, c.weight, c.had) for c in turns.standing] == [
            *zip(reps, weights, turns.had, strict=True)
        ]
        turns.give(chosen)
        waited[reps.index(chosen)] = turn
        if turn % 7 == 0:
            turns = pickle.loads(pickle.dumps(turns))


@given(WEIGHTS)
def test_a_whole_round_gives_each_exactly_its_weight(weights: list[int]) -> None:
    weights = [weight % 40 + 1 for weight in weights]
    turns = Turns(tuple(f"r{number}" for number in range(len(weights))), weights)
    for _ in range(sum(weights)):
        turns.give(turns.soonest()[0])
    assert turns.had == weights


@given(st.integers(2, 9))
def test_equal_claims_are_told_in_the_order_of_the_group(count: int) -> None:
    turns = Turns(tuple(f"r{number}" for number in range(count)), [1] * count)
    assert turns.soonest() == list(turns.reps)
