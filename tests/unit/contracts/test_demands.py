"""What checks in the models demand stands in the schemas of requests, and is compared like the rest."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from pydantic import ValidationError

from leadflow import contracts
from leadflow.contracts.comparing import changes
from leadflow.contracts.demands import DEMANDS
from leadflow.log.envelope import BODIES
from tests.schema_checks import problems

INTAKE = "leadflow.command.submit-intake.v1"
SPEND = "leadflow.command.record-spend.v1"
POLICY = "leadflow.command.publish-policy.v1"
Change = Callable[[dict[str, Any]], object]


def rule(**target: Any) -> dict[str, Any]:
    return {"name": "one", "target": target}


def unreachable(document: dict[str, Any]) -> None:
    document["person"] |= {"phones": [], "emails": [], "wechats": []}


def amount(value: Any) -> Change:
    return lambda document: document["spend"].update(amount=value)


def policy(**parts: Any) -> Change:
    return lambda document: document.update(policy=parts)


REFUSED: list[tuple[str, Change]] = [
    (INTAKE, unreachable),
    (
        INTAKE,
        lambda document: [document["person"].pop(name, None) for name in ("phones", "emails", "wechats")],
    ),
    (SPEND, amount("-1.50")),
    (SPEND, amount(" -0.01")),
    (SPEND, amount(-1)),
    (POLICY, policy(rules=[rule()])),
    (POLICY, policy(rules=[rule(hold=True, queue="managers")])),
    (POLICY, policy(rules=[rule(hold=None)])),
    (POLICY, policy(rules=[rule(hold=True) | {"when": {"score": {}}}])),
    (POLICY, policy(rules=[rule(hold=True) | {"when": {"channel": ["seo", "seo"]}}])),
    (POLICY, policy(calendar={"days": ["mon", "mon"]})),
]
TAKEN: list[tuple[str, Change]] = [
    (INTAKE, lambda document: document["person"].update(phones=[], emails=[], wechats=["zhang_88"])),
    (SPEND, amount("0")),
    (SPEND, amount("-0.00")),
    (SPEND, amount(12)),
    (POLICY, policy(rules=[rule(hold=True, queue=None) | {"when": {"score": {"min": 1, "max": None}}}])),
]


def accepted(name: str, document: dict[str, Any]) -> bool:
    try:
        BODIES[name].model_validate(document)
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize(
    ("name", "change", "right"),
    [*((*one, False) for one in REFUSED), *((*one, True) for one in TAKEN)],
)
def test_schema_and_model_agree(name: str, change: Change, right: bool) -> None:
    schema = contracts.schema(name)
    document = deepcopy(schema["examples"][0])
    assert problems(schema, document) == []
    change(document)
    assert accepted(name, document) is right
    assert (problems(schema, document) == []) is right


def test_another_demand_is_a_change_that_breaks_writers_and_one_less_is_none() -> None:
    before = contracts.schema(INTAKE)
    now = deepcopy(before)
    now["allOf"][0]["anyOf"].pop()
    assert [change.path for change in changes(before, now, "request")] == ["data"]
    del now["allOf"]
    assert changes(before, now, "request") == []
    assert changes(now, before, "request") != []


def test_every_demand_is_that_of_a_check() -> None:
    from leadflow.domain import members, policy, requests, values

    for name in DEMANDS:
        kind, _, check = name.rpartition(".")
        places = (members, policy, requests, values)
        assert any(hasattr(getattr(place, kind, None) if kind else place, check) for place in places), name
    assert "allOf" not in str(contracts.schema("leadflow.policy.published.v1"))
