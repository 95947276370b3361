"""Policies survive being written and read, whatever names and texts they hold."""

from __future__ import annotations

import tomllib
from datetime import date
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from leadflow.calendars import build_calendar
from leadflow.domain.policy import Policy
from leadflow.policies import diff, dump, explain

NAMES = st.from_regex(r"[^\s/:]{1,8}", fullmatch=True).filter(lambda name: name == name.strip())
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\r"), min_size=1, max_size=12)
STRIPPED = TEXTS.filter(lambda text: text == text.strip())
COSTS = st.decimals(Decimal(0), Decimal("999999.99"), places=2)
UNITS = st.sampled_from(["s", "m", "h", "d", "wh", "wd"])
DURATIONS = st.builds(lambda count, unit: f"{count}{unit}", st.integers(1, 2600), UNITS)
SCORES = st.integers(0, 100)


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    channels = draw(
        st.dictionaries(NAMES, st.fixed_dictionaries({}, optional={"unit_cost": COSTS, "label": STRIPPED}))
    )
    reps = draw(st.lists(NAMES, min_size=1, max_size=4, unique=True))
    when: dict[str, Any] = {"region": draw(st.lists(TEXTS, min_size=1, max_size=2))}
    when["utm"] = draw(st.dictionaries(TEXTS, TEXTS, min_size=1, max_size=2))
    if channels:
        when["channel"] = [draw(st.sampled_from(sorted(channels)))]
    group = draw(NAMES)
    rules = draw(st.lists(NAMES, max_size=4, unique=True))
    return Policy.model_validate(
        {
            "name": draw(STRIPPED),
            "channels": channels,
            "score_classes": draw(st.dictionaries(NAMES, SCORES, max_size=3)),
            "scoring": {"rules": [{"name": name, "points": draw(SCORES), "when": when} for name in rules]},
            "groups": {group: {"reps": reps, "weights": {reps[0]: draw(st.integers(1, 9))}}},
            "rules": [{"name": name, "when": when, "target": {"rotation": group}} for name in rules],
            "claiming": {"min_gap": draw(st.none() | DURATIONS), "per_rep_per_day": draw(st.none() | SCORES)},
            "follow_up": {"first_contact_within": draw(st.none() | DURATIONS)},
        }
    )


@given(policies())
@settings(deadline=None, max_examples=40)
def test_what_is_written_reads_as_the_same(policy: Policy) -> None:
    # By the model alone: what the checks would refuse is the policy itself, not its writing.
    again = Policy.model_validate(tomllib.loads(dump(policy), parse_float=Decimal))
    assert again == policy
    assert diff(policy, again) == []


@given(policies(), policies())
@settings(deadline=None, max_examples=40)
def test_a_difference_is_told_exactly_where_there_is_one(first: Policy, second: Policy) -> None:
    assert bool(diff(first, second)) == (first.model_dump() != second.model_dump())
    assert diff(first, first) == []


@given(policies())
@settings(deadline=None, max_examples=40)
def test_every_policy_can_be_explained(policy: Policy) -> None:
    assert explain(policy, build_calendar(policy, date(2026, 1, 1)))
