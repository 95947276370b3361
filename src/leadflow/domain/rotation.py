"""Fair rotation: whose turn it is, so that nobody is off its share by a whole lead.

Tijdeman's chairman assignment (R. Tijdeman, "The chairman assignment problem", Discrete Mathematics 32,
1980): with shares w/W, after n turns each rep's count differs from its share n·w/W by at most
1 − 1/(2k−2) for k reps, whatever the weights. All in whole numbers, so it is exact.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import lcm


def next_in_turn(
    eligible: Sequence[str],
    weights: Mapping[str, int],
    had: Mapping[str, int],
    waited: Mapping[str, int],
) -> str:
    """The rep whose turn it is.

    `had` counts what each got since the shares began to count; `waited` is the sequence of its last
    assignment ever: of reps with an equal claim, the one that waited longest goes first.
    Raises ValueError if nobody is eligible.
    """
    if not eligible:
        raise ValueError("a rotation needs at least one eligible rep")
    reps = len(eligible)
    if reps == 1:
        return eligible[0]
    each = [weights[rep] for rep in eligible]
    got = [had[rep] for rep in eligible]
    total, turn, step = sum(each), sum(got) + 1, 2 * reps - 2
    # Dividing by a weight is multiplying by what is left of the weights' common multiple.
    bound, common = total * (step - 1), lcm(*each)
    # Only reps that are owed at least 1/(2k-2) of a lead may be chosen; of these, the one whose debt
    # would reach the bound soonest.
    claims = [
        ((bound - owed) * (common // weight), waited[rep], place)
        for place, (rep, weight, count) in enumerate(zip(eligible, each, got, strict=True))
        if (owed := (weight * turn - count * total) * step) >= total
    ]
    return eligible[min(claims)[2]]
