"""Fair rotation: whose turn it is, so that nobody is off its share by a whole lead.

Tijdeman's chairman assignment (R. Tijdeman, "The chairman assignment problem", Discrete Mathematics 32,
1980): with shares w/W, after n turns each rep's count differs from its share n·w/W by at most
1 − 1/(2k−2) for k reps, whatever the weights. All in whole numbers, so it is exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from math import lcm

from leadflow.domain.events import Candidate, maker

_candidate = maker(Candidate)


class Turns:
    """The turns of some reps among themselves, since their shares began to count."""

    __slots__ = ("_common", "_slots", "_step", "_total", "_weights", "had", "reps", "standing", "turn")

    def __init__(
        self, reps: tuple[str, ...], weights: Sequence[int], had: Sequence[int] | None = None
    ) -> None:
        """Raises ValueError if there is nobody."""
        if not reps:
            raise ValueError("a rotation needs at least one eligible rep")
        self.reps = reps
        self.had = list(had or (0 for _ in reps))
        """Leads that each rep got."""
        self.turn = sum(self.had) + 1
        """Which turn comes next."""
        self._weights = tuple(weights)
        self._total, self._common, self._step = sum(weights), lcm(*weights), max(2 * len(reps) - 2, 1)
        places = range(len(reps))
        self._slots = [self._slot(place) for place in places]
        self.standing = [self._candidate(place) for place in places]
        """Each rep as the next turn's fact names it."""

    def __reduce__(self) -> tuple[type[Turns], tuple[tuple[str, ...], tuple[int, ...], list[int]]]:
        # The rest follows from these.
        return Turns, (self.reps, self._weights, self.had)

    def soonest(self) -> list[str]:
        """The reps whose turn it is. Of several with an equal claim, who waited longest is to go first, then
        the first of them."""
        turn, slots = self.turn, self._slots
        due_first = min([due for opens, due in slots if opens <= turn])
        places = enumerate(slots)
        return [self.reps[place] for place, (opens, due) in places if due == due_first and opens <= turn]

    def give(self, rep: str) -> None:
        """The rep got the lead of this turn."""
        place = self.reps.index(rep)
        self.had[place] += 1
        self.turn += 1
        self._slots[place] = self._slot(place)
        self.standing[place] = self._candidate(place)

    def _slot(self, place: int) -> tuple[int, int]:
        """From which turn on the rep may get its next lead, and a measure of when it must have it.

        It may once it is owed at least 1/(2k−2) of a lead; of those that may, the one whose debt would reach
        the bound soonest must. Both change only when the rep gets one. Dividing by a weight is multiplying by
        what is left of the weights' common multiple.
        """
        weight, had, total, step = self._weights[place], self.had[place], self._total, self._step
        opens = -(-total * (had * step + 1) // (weight * step))
        due = total * ((had + 1) * step - 1) * (self._common // weight)
        return opens, due

    def _candidate(self, place: int) -> Candidate:
        return _candidate(rep=self.reps[place], weight=self._weights[place], had=self.had[place])


class Rotation:
    """A group's shares since the last change of availability, by the set of eligible reps."""

    __slots__ = ("sequence", "time", "turns")

    def __init__(self, sequence: int, time: datetime) -> None:
        self.sequence = sequence
        self.time = time
        self.turns: dict[tuple[str, ...], Turns] = {}
