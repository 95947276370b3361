"""A policy's conditions on a lead, ready to be asked, and its score: 0–100 with the points of each rule."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any, NamedTuple

from leadflow.domain.policy import Condition, DistributionRule, Policy, Range
from leadflow.domain.values import Company, Money, ScorePart, Touch


class Scored(NamedTuple):
    """A score with its breakdown and its class."""

    score: int
    breakdown: tuple[ScorePart, ...]
    score_class: str | None


Told = Callable[[Touch, Company, int | None], Any]
"""What a lead with this score (None: not scored yet) tells of a condition's field."""
_TOLD: dict[str, Told] = {
    "company_size": lambda touch, company, score: company.size,
    "region": lambda touch, company, score: company.region,
    "industry": lambda touch, company, score: company.industry,
    "score": lambda touch, company, score: score,
    "channel": lambda touch, company, score: touch.channel,
    "campaign": lambda touch, company, score: touch.campaign,
    "landing_page": lambda touch, company, score: touch.landing_page,
    "referrer_class": lambda touch, company, score: touch.referrer_class,
    "search_engine": lambda touch, company, score: touch.search_engine,
    "utm": lambda touch, company, score: tuple(touch.utm.items()),
}
_VALUES_MAX = 4096
"""How many values of a field, and how many outcomes, are remembered."""


@lru_cache(maxsize=_VALUES_MAX)
def part(rule: str, points: int) -> ScorePart:
    """A line of a breakdown; the same few lines stand in every lead's."""
    return ScorePart(rule=rule, points=points)


def path_of(page: str) -> str:
    """The path of a page's address, `/` at least; what is no whole address is taken as it is."""
    _, separator, rest = page.partition("://")
    return f"/{rest.partition('/')[2]}" if separator else page


def meets(field: str, wanted: Any, told: Any) -> bool:
    """Whether what a lead tells of a field is what a condition wants there; unknown values meet nothing."""
    if told is None:
        return False
    if isinstance(wanted, Range):
        return (wanted.min is None or wanted.min <= told) and (wanted.max is None or told <= wanted.max)
    if field == "landing_page":
        return any(page.startswith(wanted) for page in (told, path_of(told)))
    if field == "utm":
        return all(item in told for item in wanted.items())
    return bool(told in wanted)


class Conditions:
    """Some conditions that are asked together, field by field.

    The answers are the bits of a number, the first condition's the lowest. Most leads tell of a field what
    another told before: which conditions that meets is remembered.
    """

    def __init__(self, conditions: Sequence[Condition]) -> None:
        self._all = (1 << len(conditions)) - 1
        parts = [dict(condition.parts) for condition in conditions]
        self._fields = [
            (told, lru_cache(maxsize=_VALUES_MAX)(partial(_met, field, [part.get(field) for part in parts])))
            for field, told in _TOLD.items()
            if any(field in part for part in parts)
        ]

    def met(self, touch: Touch, company: Company, score: int | None) -> int:
        """Which of them hold for a lead with this score (None: not scored yet)."""
        met = self._all
        for told, met_by in self._fields:
            met &= met_by(told(touch, company, score))
        return met


def _met(field: str, wanted: Sequence[Any], told: Any) -> int:
    return sum(1 << n for n, one in enumerate(wanted) if one is None or meets(field, one, told))


class Rules:
    """The rules of one policy, prepared once and asked about every lead."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._scoring = Conditions([rule.when for rule in policy.scoring.rules])
        self._distribution = Conditions([rule.when for rule in policy.rules])
        self._scored = lru_cache(maxsize=_VALUES_MAX)(self._score)
        self.class_of = tuple(policy.class_of(score) for score in range(101))
        """The class of each score."""
        self.unit_costs = {
            name: Money(amount=channel.unit_cost, currency=policy.currency)
            for name, channel in policy.channels.items()
            if channel.unit_cost is not None
        }
        """What a touch of each channel costs, where the policy says it."""
        follow_up = policy.follow_up
        self.first_limit = follow_up.first_contact_within or follow_up.hold_at_most
        """How long a rep that gets a lead has until it must have logged a contact."""
        self.warnings = tuple((before, str(before)) for before in follow_up.warn_before)
        """How long before a deadline is warned of it, and what that is called."""
        self.held_at_once = policy.claiming.held_at_once

    def score(self, touch: Touch, company: Company, asked: int, filled: int) -> Scored:
        """The score of a lead as its first touch and its company show it: base, completeness (so many of the
        fields asked for are filled) and every rule that holds."""
        completeness = self._policy.scoring.completeness * filled // asked if asked else 0
        return self._scored(completeness, self._scoring.met(touch, company, None))

    def _score(self, completeness: int, met: int) -> Scored:
        scoring = self._policy.scoring
        lines = [part("base", scoring.base), part("completeness", completeness)]
        lines = [line for line in lines if line.points]
        lines += [part(rule.name, rule.points) for n, rule in enumerate(scoring.rules) if met >> n & 1]
        total = max(0, min(100, sum(line.points for line in lines)))
        return Scored(total, tuple(lines), self.class_of[total])

    def first(self, touch: Touch, company: Company, score: int) -> DistributionRule | None:
        """The distribution rule that decides: the first whose condition holds."""
        met = self._distribution.met(touch, company, score)
        lowest = met & -met
        return self._policy.rules[lowest.bit_length() - 1] if met else None
