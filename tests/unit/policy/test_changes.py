"""What changed between two policies."""

from __future__ import annotations

import re
from typing import Any

from leadflow.domain.policy import Policy
from leadflow.policies import diff, dump, load

from .rich import RICH, rich


def changed(**parts: Any) -> list[str]:
    return [str(change) for change in diff(rich(), Policy.model_validate(RICH | parts))]


def test_the_same_policy_has_no_difference() -> None:
    assert diff(rich(), load(dump(rich()))) == []


def test_differences_by_path() -> None:
    assert changed(name="west") == ['name: "east" -> "west"']
    assert changed(score_classes={"A": 70, "C": 0}) == [
        "score_classes.A: 60 -> 70",
        "score_classes.B: removed 0",
        "score_classes.C: added 0",
    ]
    assert changed(recycling={**RICH["recycling"], "assign_after": "8wh"}) == [
        'recycling.assign_after: "24h" -> "8wh"'
    ]
    costs = {"web_form": {"unit_cost": "2.00", "label": "Form"}, "survey": {"label": "Survey"}}
    assert changed(channels=costs) == ["channels.web_form.unit_cost: 1.50 -> 2.00"]


def test_rules_are_compared_by_name_not_by_place() -> None:
    first, *rest = RICH["rules"]
    assert changed(rules=[{"name": "new", "target": {"hold": True}}, first, *rest]) == [
        'rules[new]: added {"when": {}, "target": {"order": "weighted", "hold": true}}'
    ]
    assert changed(rules=[*rest, first]) == [
        'rules.order: ["hot", "vip", "warm", "rest"] -> ["vip", "warm", "rest", "hot"]'
    ]
    assert changed(rules=[]) == [
        line for line in changed(rules=[]) if re.match(r"rules\[(hot|vip|warm|rest)\]: removed \{", line)
    ]
    assert len(changed(rules=[])) == 4
