"""The policy of a pool: every rule that decides what happens to a lead, and when.

Written as TOML, published as a fact, cited by its version in every decision.
"""

from __future__ import annotations

import re
from datetime import date, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Annotated, Any, Literal, NamedTuple, TypeVar

from pydantic import (
    AfterValidator,
    Field,
    PlainSerializer,
    PlainValidator,
    StringConstraints,
    model_validator,
)

from leadflow.domain.members import HoursText
from leadflow.domain.values import Model, Name, Text, UtcTime

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DURATION = re.compile(r"^([0-9]{1,5})(s|m|h|d|wh|wd)$")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_LONGEST = {"s": 99_999, "m": 99_999, "h": 87_600, "d": 3_650, "wh": 26_000, "wd": 2_600}
"""The largest count of each unit, so that every deadline can be computed."""


class Duration(NamedTuple):
    """A count and a unit.

    `30s`, `15m`, `24h`, `3d` run on the clock; `8wh` counts open hours and `3wd` working days of the
    pool's calendar.
    """

    count: int  # type: ignore[assignment]  # nobody counts what stands in the tuple
    unit: str
    """s, m, h, d, wh or wd."""

    @classmethod
    def parse(cls, value: Any) -> Duration:
        """Read `3d` and the like. Raises ValueError for anything else."""
        if isinstance(value, Duration):
            return value
        match = _DURATION.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            raise ValueError(
                "a duration is a number and s, m, h, d (on the clock) "
                "or wh, wd (working hours, working days): '24h', '3d', '2wd'"
            )
        count, unit = int(match[1]), match[2]
        if count > _LONGEST[unit]:
            raise ValueError(f"a duration is at most ten years, {_LONGEST[unit]}{unit}")
        return cls(count, unit)

    @property
    def on_calendar(self) -> bool:
        """Whether it counts working time only."""
        return self.unit in ("wh", "wd")

    @property
    def clock(self) -> timedelta:
        """The length of a duration on the clock. Raises KeyError for working time."""
        return timedelta(seconds=self.count * _SECONDS[self.unit])

    def __str__(self) -> str:
        return f"{self.count}{self.unit}"


DurationField = Annotated[
    Duration,
    PlainValidator(Duration.parse, json_schema_input_type=Annotated[str, Field(pattern=_DURATION.pattern)]),
    PlainSerializer(str, return_type=str),
]
Count = Annotated[int, Field(ge=0, le=1_000_000)]
Limit = Annotated[int, Field(ge=0, le=1_000_000)]
Score = Annotated[int, Field(ge=0, le=100)]
_S = TypeVar("_S", bound=str)
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]


def _unique(names: tuple[_S, ...]) -> tuple[_S, ...]:
    if len(set(names)) != len(names):
        raise ValueError("a name stands twice")
    return names


Names = Annotated[tuple[Name, ...], AfterValidator(_unique)]


class Offset(Model):
    """From this moment on, local time is `minutes` ahead of UTC."""

    start: UtcTime
    minutes: Annotated[int, Field(ge=-1440, le=1440)]


class Calendar(Model):
    """A calendar's days as `PolicyPublished` writes them out: decisions read nothing else."""

    offsets: Annotated[tuple[Offset, ...], Field(min_length=1)]
    holidays: tuple[date, ...] = ()
    """Days off that the week alone would make working days."""
    moved_working_days: tuple[date, ...] = ()
    """Working days that the week alone would make days off (调休)."""
    covered_until: date | None = None
    """The last day for which the country's holidays are known; None where no country is named."""
    source: str = "week"
    """Where the days come from, with its version."""


class CalendarRules(Model):
    """When the team works: week, hours, and the country whose public holidays hold."""

    country: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")] | None = None
    days: Annotated[tuple[Weekday, ...], Field(min_length=1), AfterValidator(_unique)] = (
        "mon",
        "tue",
        "wed",
        "thu",
        "fri",
    )
    hours: HoursText = "09:00-18:00"
    past_coverage: Literal["weekdays", "refuse"] = "weekdays"
    """What holds after the last covered day: plain weekdays (the fact says so), or refuse."""


class ChannelRules(Model):
    """A channel, and what one touch of it costs."""

    unit_cost: Annotated[Decimal, Field(ge=0, max_digits=16, decimal_places=6)] | None = None
    label: Text | None = None


class Range(Model):
    """Bounds, both included; None is open."""

    min: int | None = None
    max: int | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Range:
        if self.min is None and self.max is None:
            raise ValueError("give min, max, or both")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError("min is above max")
        return self


class Condition(Model):
    """What a lead must be: every part given must hold; a list means any of them."""

    channel: Names | None = None
    campaign: tuple[str, ...] | None = None
    region: tuple[str, ...] | None = None
    industry: tuple[str, ...] | None = None
    company_size: Range | None = None
    score: Range | None = None
    landing_page: tuple[str, ...] | None = None
    """Beginnings of the path or address of the page that the lead came in on."""
    referrer_class: tuple[str, ...] | None = None
    search_engine: tuple[str, ...] | None = None
    utm: dict[str, str] | None = None

    @cached_property
    def parts(self) -> tuple[tuple[str, Any], ...]:
        """The parts that are given, by field."""
        fields = ((name, getattr(self, name)) for name in type(self).model_fields)
        return tuple((name, wanted) for name, wanted in fields if wanted is not None)


class ScoringRule(Model):
    """Points for a lead that meets a condition (score itself excluded)."""

    name: Name
    points: Annotated[int, Field(ge=-100, le=100)]
    when: Condition


class Scoring(Model):
    """A score is the sum of the points that apply, kept within 0–100."""

    base: Score = 0
    completeness: Score = 0
    """Points for a form filled completely; a share of them for a share of its fields."""
    rules: tuple[ScoringRule, ...] = ()


class Group(Model):
    """Reps that share a rotation. A rep's share is its weight over the sum of weights."""

    reps: Literal["all"] | Names
    """Ids of reps, or `all` reps of the pool."""
    weights: dict[Name, Annotated[int, Field(ge=1, le=1000)]] = {}
    """Weight by rep; 1 where not named."""


class Target(Model):
    """What a distribution rule does: exactly one of these."""

    rotation: Name | None = None
    """A group's name: its reps in turn."""
    order: Literal["weighted", "least_loaded"] = "weighted"
    directed: Name | None = None
    """A rep's id."""
    queue: Name | None = None
    """A manager's id, or `managers`: unowned, not claimable, seen by managers."""
    hold: Literal[True] | None = None
    """Stays in the public pool to be claimed."""

    @model_validator(mode="after")
    def _one(self) -> Target:
        given = [v for v in (self.rotation, self.directed, self.queue, self.hold) if v is not None]
        if len(given) != 1:
            raise ValueError("give exactly one of rotation, directed, queue, hold")
        return self


class DistributionRule(Model):
    """One row of the ordered list: the first whose condition holds decides."""

    name: Name
    when: Condition = Condition()
    target: Target


class Claiming(Model):
    """Limits of active claims; None does not limit. Days are the pool's local days."""

    per_rep_per_day: Limit | None = None
    per_group_per_day: dict[Name, Limit] = {}
    per_pool_per_day: Limit | None = None
    per_class_per_day: dict[Name, Limit] = {}
    """By score class, per rep."""
    held_at_once: Limit | None = None
    min_gap: DurationField | None = None
    cool_down: DurationField | None = None
    """After a lead left a rep, before the same rep may claim it again."""
    open_after: DurationField | None = None
    """Head start: how long a fresh lead cannot be claimed at all."""
    reveals_per_day: Limit = 0


class FollowUp(Model):
    """What a rep owes a lead that it holds."""

    first_contact_within: DurationField | None = None
    keep_for: DurationField | None = None
    """How long a counting contact keeps the lead."""
    hold_at_most: DurationField | None = None
    warn_before: tuple[DurationField, ...] = ()
    outcomes: Names = ("reached", "meeting", "replied", "no_answer", "wrong_number")
    counts: Names = ("reached", "meeting", "replied")
    """Outcomes that move the deadline."""
    protected_per_rep: Limit = 0
    protect_at_most: DurationField | None = None
    fresh_deadline_on_hand_over: bool = True

    @model_validator(mode="after")
    def _known_outcomes(self) -> FollowUp:
        unknown = sorted(set(self.counts) - set(self.outcomes))
        if unknown:
            raise ValueError(f"counts names outcomes that are not declared: {', '.join(unknown)}")
        return self


class Recycling(Model):
    """Where a lead goes that nobody followed up, or nobody claimed."""

    after_recycle: Literal["public", "rotate"] = "public"
    assign_after: DurationField | None = None
    """A public or queued lead that nobody took this long is assigned."""
    fallback: Name | None = None
    """The group for leads whose rule names none."""


class Policy(Model):
    """The whole policy of a pool."""

    schema_version: Annotated[Literal[1], Field(alias="schema")] = 1
    name: Text = "policy"
    timezone: Text = "Asia/Shanghai"
    currency: Currency = "CNY"
    calendar: CalendarRules = CalendarRules()
    channels: dict[Name, ChannelRules] = {}
    scoring: Scoring = Scoring()
    score_classes: dict[Name, Score] = {}
    """Lowest score of each class."""
    groups: dict[Name, Group] = {}
    rules: tuple[DistributionRule, ...] = ()
    claiming: Claiming = Claiming()
    follow_up: FollowUp = FollowUp()
    recycling: Recycling = Recycling()

    model_config = Model.model_config | {"populate_by_name": True}

    def class_of(self, score: int) -> str | None:
        """The score class: the one with the highest floor that the score reaches."""
        best: tuple[int, str] | None = None
        for name, floor in self.score_classes.items():
            if score >= floor and (best is None or (floor, name) > best):
                best = (floor, name)
        return best[1] if best else None

    def rule(self, name: str | None) -> DistributionRule | None:
        """The distribution rule of that name, if this version still has it."""
        return next((rule for rule in self.rules if rule.name == name), None)

    def group_names(self) -> dict[str, str]:
        """Every place that names a group, by its path in the document."""
        places = {f"rules[{i}].target.rotation": r.target.rotation for i, r in enumerate(self.rules)}
        places["recycling.fallback"] = self.recycling.fallback
        places |= {f"claiming.per_group_per_day.{name}": name for name in self.claiming.per_group_per_day}
        return {path: name for path, name in places.items() if name is not None}
