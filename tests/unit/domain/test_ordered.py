"""A list in runs is the sorted set of what was put in and not taken out, however its runs are split."""

from __future__ import annotations

import pickle
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from leadflow.domain import ordered
from leadflow.domain.ordered import SortedRuns

NUMBERS = st.integers(0, 60)
STEPS = st.lists(st.tuples(st.booleans(), NUMBERS), max_size=120)


@given(STEPS, st.integers(1, 6))
def test_it_holds_in_order_what_was_added_and_not_discarded(
    steps: list[tuple[bool, int]], run_length: int
) -> None:
    runs, held = SortedRuns(), set[int]()
    with patch.object(ordered, "RUN_LENGTH_MAX", run_length):
        for adds, number in steps:
            if not adds:
                assert runs.discard((number,)) is (number in held)
                held.discard(number)
            elif number not in held:
                runs.add((number,))
                held.add(number)
            assert list(runs) == [(one,) for one in sorted(held)]
            assert len(runs) == len(held)
    assert list(pickle.loads(pickle.dumps(runs))) == list(runs)


def test_runs_stay_short() -> None:
    runs = SortedRuns()
    for number in range(4 * ordered.RUN_LENGTH_MAX):
        runs.add((number * 7919 % 10_007,))
    assert max(map(len, runs._runs)) <= ordered.RUN_LENGTH_MAX
    assert runs._lasts == [run[-1] for run in runs._runs]
    assert len(list(runs)) == len(runs) == 4 * ordered.RUN_LENGTH_MAX
