"""Conditions on a lead, and its score: 0–100 with the points of each rule that applied."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from leadflow.domain.policy import Condition, Policy, Range
from leadflow.domain.values import Company, ScorePart, Touch


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


def _within(value: int | None, bounds: Range) -> bool:
    return (
        value is not None
        and (bounds.min is None or value >= bounds.min)
        and (bounds.max is None or value <= bounds.max)
    )


@lru_cache(maxsize=4096)
def part(rule: str, points: int) -> ScorePart:
    """A line of a breakdown; the same few lines stand in every lead's."""
    return ScorePart(rule=rule, points=points)


def path_of(page: str) -> str:
    """The path of a page's address, `/` at least; what is no whole address is taken as it is."""
    _, separator, rest = page.partition("://")
    return f"/{rest.partition('/')[2]}" if separator else page


def holds(condition: Condition, subject: Subject, score: int | None) -> bool:
    """Whether every part of the condition that is given holds; unknown values meet nothing."""
    touch, company = subject.touch, subject.company
    for field, wanted in condition.parts:
        if field == "company_size":
            met = _within(company.size, wanted)
        elif field == "score":
            met = _within(score, wanted)
        elif field in ("region", "industry"):
            met = getattr(company, field) in wanted
        elif field == "landing_page":
            met = touch.landing_page is not None and any(
                page.startswith(wanted) for page in (touch.landing_page, path_of(touch.landing_page))
            )
        elif field == "utm":
            met = all(touch.utm.get(key) == value for key, value in wanted.items())
        else:
            met = getattr(touch, field) in wanted
        if not met:
            return False
    return True


def score(policy: Policy, subject: Subject) -> Scored:
    """The lead's score under this policy: base, completeness and every rule that holds."""
    scoring = policy.scoring
    parts: list[ScorePart] = []
    if scoring.base:
        parts.append(part("base", scoring.base))
    if scoring.completeness and subject.asked:
        points = scoring.completeness * subject.filled // subject.asked
        if points:
            parts.append(part("completeness", points))
    for rule in scoring.rules:
        if holds(rule.when, subject, None):
            parts.append(part(rule.name, rule.points))
    total = max(0, min(100, sum([line.points for line in parts])))
    return Scored(total, tuple(parts), policy.class_of(total))
