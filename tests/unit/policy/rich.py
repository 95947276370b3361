"""A policy in which every setting is set, and what each could be instead."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from leadflow.domain.policy import Policy

RICH: dict[str, Any] = {
    "schema": 1,
    "name": "east",
    "timezone": "Asia/Shanghai",
    "currency": "CNY",
    "calendar": {
        "country": "CN",
        "days": ["mon", "tue", "wed", "thu", "fri", "sat"],
        "hours": "09:00-18:00",
        "past_coverage": "weekdays",
    },
    "channels": {
        "web_form": {"unit_cost": "1.50", "label": "Form"},
        "survey": {"label": "Survey"},
    },
    "scoring": {
        "base": 10,
        "completeness": 20,
        "rules": [
            {
                "name": "fit",
                "points": 30,
                "when": {
                    "channel": ["web_form"],
                    "campaign": ["autumn"],
                    "region": ["上海"],
                    "industry": ["SaaS"],
                    "company_size": {"min": 50, "max": 500},
                    "landing_page": ["/demo"],
                    "referrer_class": ["cpc"],
                    "search_engine": ["baidu"],
                    "utm": {"utm_source": "mail"},
                },
            }
        ],
    },
    "score_classes": {"A": 60, "B": 0},
    "groups": {
        "field": {"reps": ["wang", "li"], "weights": {"wang": 2}},
        "all-reps": {"reps": "all"},
    },
    "rules": [
        {"name": "hot", "when": {"score": {"min": 80}}, "target": {"directed": "wang"}},
        {"name": "vip", "when": {"region": ["北京"]}, "target": {"queue": "boss"}},
        {
            "name": "warm",
            "when": {"score": {"max": 79}},
            "target": {"rotation": "field", "order": "weighted"},
        },
        {"name": "rest", "target": {"hold": True}},
    ],
    "claiming": {
        "per_rep_per_day": 20,
        "per_group_per_day": {"field": 30},
        "per_pool_per_day": 50,
        "per_class_per_day": {"A": 5},
        "held_at_once": 40,
        "min_gap": "30s",
        "cool_down": "7d",
        "open_after": "10m",
        "reveals_per_day": 3,
    },
    "follow_up": {
        "first_contact_within": "3d",
        "keep_for": "7d",
        "hold_at_most": "30d",
        "warn_before": ["1d", "2h"],
        "outcomes": ["reached", "meeting", "no_answer"],
        "counts": ["reached", "meeting"],
        "protected_per_rep": 2,
        "protect_at_most": "14d",
        "fresh_deadline_on_hand_over": True,
    },
    "recycling": {"after_recycle": "public", "assign_after": "24h", "fallback": "all-reps"},
}

_OTHER: dict[str, Any] = {
    "timezone": "Europe/Berlin",
    "currency": "EUR",
    "country": "DE",
    "days": ["sun"],
    "hours": "10:00-24:00",
    "past_coverage": "refuse",
    "reps": ["zhao"],
    "order": "least_loaded",
    "hold": None,
    "after_recycle": "rotate",
    "counts": ["reached"],
    "warn_before": ["5h"],
    "fresh_deadline_on_hand_over": False,
}
"""Another value where the kind of the present one does not tell."""


def rich() -> Policy:
    return Policy.model_validate(RICH)


def leaves(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The places of all settings: what is no table and no list of tables."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from leaves(inner, (*path, key))
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        for index, inner in enumerate(value):
            yield from leaves(inner, (*path, index))
    else:
        yield path


def other(path: tuple[str | int, ...], value: Any) -> Any:
    """Another value that the setting could have."""
    key = path[-1]
    if key in _OTHER:
        return _OTHER[str(key)]
    if isinstance(value, list):
        return [*value, "another"]
    if isinstance(value, int):
        return value + 1
    if isinstance(value, str) and value[0].isdigit():
        return "9" + value
    return f"{value}x"
