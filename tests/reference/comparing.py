"""A scene in which every decision of the pool is held against the reference model."""

from __future__ import annotations

from typing import Any

from leadflow.domain import events as e
from leadflow.domain import requests as r
from leadflow.domain.deadlines import decide_due
from leadflow.domain.decide import decide
from tests.domain_asks import START, Ask, offset
from tests.domain_harness import Scene
from tests.reference.deadlines import Due, due
from tests.reference.fairness import Fairness
from tests.reference.model import judge
from tests.reference.rules import Reasons, Wanted
from tests.reference.state import History


class ComparedScene(Scene):
    """Asks the model before the pool, and compares; the model then learns the pool's own facts."""

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self.history = History()
        self.fairness = Fairness()
        self.asked: dict[str, list[r.Request]] = {}

    def do(self, one: Ask) -> list[e.Event]:
        if one.at is not None:
            self.now = START + offset(one.at)
        if self.events:
            self.drain()
        if one.body is None:
            return []
        request = self.request(one)
        facts = decide(self.stream, request, self.now)
        if self.events and not isinstance(one.body, r.AdvanceClock):
            self._compare(request, facts)
        refused = bool(facts) and isinstance(facts[0].data, e.RequestRefused)
        if not (refused and isinstance(one.body, r.SubmitIntake)):
            # An arrival that was not taken in may come again.
            self.asked.setdefault(request.identity, []).append(request)
        self._take(facts)
        self.drain()
        return facts

    def drain(self) -> None:
        while True:
            now = max(self.now, self.pool.time)
            owed = due(self.history, now)
            facts = decide_due(self.pool, now)
            if problem := clock_mismatch(facts, owed):
                raise AssertionError(self.report(problem, facts, {x.fact.subject for x in owed}))
            if not facts:
                return
            self._take(facts)

    def _take(self, facts: list[e.Event]) -> None:
        super()._take(facts)
        for event in facts:
            unfair = self.fairness.count(self.history, event)
            self.history.fold(event)
            self.fairness.look(self.history, event.time)
            if unfair is not None:
                raise AssertionError(self.report(unfair, [event], set()))

    def _compare(self, request: r.Request, facts: list[e.Event]) -> None:
        known = self.asked.get(request.identity)
        if known is None:
            verdict = judge(self.history, request, self.now)
        elif request in known or isinstance(request.body, r.SubmitIntake):
            verdict = []
        else:
            verdict = {"identity_reused": {}}
        problem = mismatch(facts, verdict)
        if problem is None and any(x.time != max(self.now, self.history.time) for x in facts):
            problem = "decided at another time"
        if problem is not None:
            about = {x.subject for x in verdict} if isinstance(verdict, list) else set()
            text = f"{request.body.type}: {problem}\nby {request.actor}: {request.body!r}"
            raise AssertionError(self.report(text, facts, about))

    def report(self, what: str, facts: list[e.Event], subjects: set[str]) -> str:
        """What a difference is about: the facts, and what was known of their leads."""
        lines = [what, f"at {self.now}, under {self.history.policy.model_dump_json(exclude_defaults=True)}"]
        lines += [f"found: {_line(x)}" for x in facts]
        for name in subjects | {x.subject for x in facts}:
            lines += [_line(x) for x in self.events if x.subject == name]
            lines.append(repr(self.history.leads.get(name) or self.history.members.get(name)))
        return "\n".join(lines)


def _line(event: e.Event) -> str:
    what = f"{type(event.data).__name__} {event.data.packed.decode()}"
    return f"{event.sequence} {event.time} {event.subject[:8]} {event.actor}: {what}"


def clock_mismatch(facts: list[e.Event], owed: list[Due]) -> str | None:
    """Why what the clock decided is not what was due first."""
    if not facts:
        return f"nothing instead of {[(str(x.moment), *x.fact) for x in owed]}" if owed else None
    if not owed:
        return f"{type(facts[0].data).__name__} although nothing is due"
    problems = []
    for one in owed:
        problem = fact_mismatch(facts[0], one.fact)
        if problem is None and facts[0].time == one.moment and len(facts) == 1:
            return None
        problems.append(f"{problem} at {one.moment}")
    return f"{type(facts[0].data).__name__}: {problems}"


def mismatch(facts: list[e.Event], verdict: Reasons | list[Wanted]) -> str | None:
    """Why a decision is not what was wanted."""
    if isinstance(verdict, dict):
        if len(facts) != 1 or not isinstance(refusal := facts[0].data, e.RequestRefused):
            return f"not refused for any of {sorted(verdict)}"
        if refusal.reason not in verdict:
            return f"refused as {refusal.reason}, not for any of {sorted(verdict)}"
        return _differs(refusal, verdict[refusal.reason])
    if len(facts) != len(verdict):
        return f"{len(facts)} facts instead of {len(verdict)}"
    open_facts = list(verdict)
    for event in facts:
        fits = [x for x in open_facts if fact_mismatch(event, x) is None]
        if not fits:
            return (
                f"{type(event.data).__name__} is not wanted: {[fact_mismatch(event, x) for x in open_facts]}"
            )
        open_facts.remove(fits[0])
    return None


def fact_mismatch(event: e.Event, one: Wanted) -> str | None:
    if type(event.data) is not one.kind or event.subject != one.subject:
        return f"{one.kind.__name__} about {one.subject}"
    return _differs(event.data, one.members)


def _differs(data: e.Fact, members: dict[str, Any]) -> str | None:
    for name, expected in members.items():
        found = getattr(data, name)
        if callable(expected):
            holds = expected(found)
        else:
            holds = found in expected if isinstance(expected, (set, frozenset)) else found == expected
        if not holds:
            return f"{name} is {found!r}, not {expected!r}"
    return None
