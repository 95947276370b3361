"""The reference model of a rotation's fairness: nobody is off its share by a lead or more.

It counts along with the facts. A group's counting begins anew when somebody's availability in it changes:
by opening hours and leave, or by a fact, as every fact about a member of it is taken to do, and every one by
which somebody reaches the holding cap or has room again, outside the opening hours, too.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from leadflow.domain import events as e
from tests.reference.calendar import DAY, minutes_of
from tests.reference.rules import full, there
from tests.reference.state import History

Key = tuple[str, tuple[tuple[str, int], ...]]
"""A group, and the reps among whom it went around with their weights."""


class Fairness:
    """What each rep got in each rotation since the availability of its group last changed."""

    def __init__(self) -> None:
        self.got: dict[Key, Counter[str]] = {}
        self.before: dict[str, tuple[bool, bool]] = {}
        self.time: datetime | None = None

    def count(self, history: History, event: e.Event) -> str | None:
        """Count one fact, which `history` has not folded yet; what is unfair about it."""
        if self.time is None or isinstance(event.data, (e.PolicyPublished, e.PoolOpened)):
            self.got, self.time = {}, event.time
            return None
        for moment in _openings(history, self.time, event.time):
            self.look(history, moment)
        self.time = event.time
        data = event.data
        if isinstance(data, (e.MemberJoined, e.MemberChanged, e.MemberPaused, e.MemberResumed)):
            self.forget(history, {data.member})
        if not isinstance(data, e.LeadAssigned) or data.order != "weighted" or data.group is None:
            return None
        rules = history.policy.groups[data.group]
        weights = {x.rep: rules.weights.get(x.rep, 1) for x in data.candidates if x.skipped is None}
        got = self.got.setdefault((data.group, tuple(sorted(weights.items()))), Counter())
        assert data.to is not None
        got[data.to] += 1
        turns, whole = got.total(), sum(weights.values())
        for rep, weight in weights.items():
            if abs(got[rep] * whole - turns * weight) >= whole:
                return f"{rep} has {got[rep]} of {turns} of {data.group} with {weight} of {whole}"
        return None

    def look(self, history: History, moment: datetime) -> None:
        """Forget what was counted in the groups of everybody whose availability has changed."""
        now = {rep: (not there(history, rep, moment), full(history, rep)) for rep in history.reps()}
        changed = {rep for rep in now | self.before if now.get(rep) != self.before.get(rep)}
        self.before = now
        if changed:
            self.forget(history, changed)

    def forget(self, history: History, changed: set[str]) -> None:
        for key in list(self.got):
            rules = history.policy.groups[key[0]]
            if rules.reps == "all" or changed & set(rules.reps):
                del self.got[key]


def _openings(history: History, start: datetime, end: datetime) -> list[datetime]:
    """The moments between two at which a rep's hours or leave may begin or end."""
    minutes = {0}
    for rep in history.reps():
        hours = history.members[rep].traits.hours
        minutes |= set(minutes_of(hours)) if hours is not None else set()
    day, last, found = history.clock.day(start), history.clock.day(end), set()
    while day <= last:
        found |= {history.clock.moment(day, minute) for minute in minutes}
        day += DAY
    return sorted(x for x in found if start < x <= end)
