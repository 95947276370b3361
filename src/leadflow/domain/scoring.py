"""A policy's conditions on a lead, ready to be asked, and its score: 0–100 with the points of each rule."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from operator import attrgetter
from typing import Any, NamedTuple

from leadflow.domain.policy import Condition, DistributionRule, Policy, Range
from leadflow.domain.values import Company, Money, ScorePart, Touch


class Subject(NamedTuple):
    """What conditions look at: a lead as its first touch and its company show it."""

    touch: Touch
    company: Company
    asked: int
    filled: int


class Scored(NamedTuple):
    """A score with its breakdown and its class."""

    score: int
    breakdown: tuple[ScorePart, ...]
    score_class: str | None


Test = Callable[[Touch, Company, int | None], bool]
"""Whether a condition holds for a lead with this score (None: not scored yet)."""


@lru_cache(maxsize=4096)
def part(rule: str, points: int) -> ScorePart:
    """A line of a breakdown; the same few lines stand in every lead's."""
    return ScorePart(rule=rule, points=points)


def path_of(page: str) -> str:
    """The path of a page's address, `/` at least; what is no whole address is taken as it is."""
    _, separator, rest = page.partition("://")
    return f"/{rest.partition('/')[2]}" if separator else page


def condition_test(condition: Condition) -> Test:
    """The test of every part of the condition that is given; unknown values meet nothing."""
    tests = [_test(field, wanted) for field, wanted in condition.parts]
    if len(tests) == 1:
        return tests[0]
    return lambda touch, company, score: all(test(touch, company, score) for test in tests)


def _test(field: str, wanted: Any) -> Test:
    if field == "company_size":
        within = _within(wanted)
        return lambda touch, company, score: within(company.size)
    if field == "score":
        within = _within(wanted)
        return lambda touch, company, score: within(score)
    if field == "landing_page":
        return lambda touch, company, score: (
            touch.landing_page is not None
            and any(page.startswith(wanted) for page in (touch.landing_page, path_of(touch.landing_page)))
        )
    if field == "utm":
        return lambda touch, company, score: all(touch.utm.get(key) == wanted[key] for key in wanted)
    names, value = frozenset(wanted), attrgetter(field)
    if field in ("region", "industry"):
        return lambda touch, company, score: value(company) in names
    return lambda touch, company, score: value(touch) in names


def _within(bounds: Range) -> Callable[[int | None], bool]:
    low = bounds.min if bounds.min is not None else float("-inf")
    high = bounds.max if bounds.max is not None else float("inf")
    return lambda value: value is not None and low <= value <= high


class Rules:
    """The rules of one policy, prepared once and asked about every lead."""

    def __init__(self, policy: Policy) -> None:
        scoring = policy.scoring
        self._base = (part("base", scoring.base),) if scoring.base else ()
        self._completeness = scoring.completeness
        self._scoring = [(condition_test(r.when), r.points, part(r.name, r.points)) for r in scoring.rules]
        self._distribution = [(condition_test(rule.when), rule) for rule in policy.rules]
        self.class_of = tuple(policy.class_of(score) for score in range(101))
        """The class of each score."""
        self.unit_costs = {
            name: Money(amount=channel.unit_cost, currency=policy.currency)
            for name, channel in policy.channels.items()
            if channel.unit_cost is not None
        }
        """What a touch of each channel costs, where the policy says it."""
        self.warnings = tuple((before, str(before)) for before in policy.follow_up.warn_before)
        """How long before a deadline is warned of it, and what that is called."""

    def score(self, subject: Subject) -> Scored:
        """The lead's score: base, completeness and every rule that holds."""
        touch, company, asked, filled = subject
        lines = list(self._base)
        total = lines[0].points if lines else 0
        if self._completeness and asked:
            points = self._completeness * filled // asked
            if points:
                total += points
                lines.append(part("completeness", points))
        for holds, points, line in self._scoring:
            if holds(touch, company, None):
                total += points
                lines.append(line)
        total = max(0, min(100, total))
        return Scored(total, tuple(lines), self.class_of[total])

    def first(self, subject: Subject, score: int) -> DistributionRule | None:
        """The distribution rule that decides: the first whose condition holds."""
        touch, company = subject.touch, subject.company
        for holds, rule in self._distribution:
            if holds(touch, company, score):
                return rule
        return None
