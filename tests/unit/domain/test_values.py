"""Values that every request and fact is made of."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from leadflow.domain.requests import CAP_MAX, AnyBody
from leadflow.domain.values import UtcTime


@pytest.mark.parametrize("text", ["9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+14:00"])
def test_a_time_that_utc_has_no_year_for_is_a_wrong_value(text: str) -> None:
    """What is no ValueError would not be refused as wrong input, but end whoever reads it."""
    with pytest.raises(ValidationError, match="years 1 to 9999"):
        TypeAdapter(UtcTime).validate_python(text)


BEYOND = 10**20
"""More than 64 bits: JSON's readers make a fraction of it, which is no whole number of a fact again."""


@pytest.mark.parametrize(
    "body",
    [
        {"type": "ClaimLead", "lead": "a", "if_sequence": BEYOND},
        {"type": "ClaimLead", "lead": "a", "if_sequence": -BEYOND},
        {
            "type": "PublishPolicy",
            "calendar": {"offsets": [{"start": "2020-01-01T00:00:00Z", "minutes": 480}]},
            "policy": {
                "rules": [
                    {
                        "name": "large",
                        "when": {"company_size": {"min": BEYOND}},
                        "target": {"hold": True},
                    }
                ]
            },
        },
    ],
    ids=lambda body: f"{body['type']}",
)
def test_a_number_that_no_fact_could_be_read_with_is_a_wrong_value(body: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="64 bits at most"):
        TypeAdapter(AnyBody).validate_python(body)


@pytest.mark.parametrize("kind", ["AddMember", "ChangeMember"])
def test_a_cap_that_read_models_cannot_hold_is_a_wrong_value(kind: str) -> None:
    body: dict[str, Any] = {"type": kind, "member": "li", "traits": {"holding_cap": CAP_MAX}}
    TypeAdapter(AnyBody).validate_python(body)
    for cap in (CAP_MAX + 1, 2**31, 2**63 - 1, BEYOND):
        body["traits"] = {"holding_cap": cap}
        with pytest.raises(ValidationError, match="holding_cap is 1,000,000 at most"):
            TypeAdapter(AnyBody).validate_python(body)


def test_every_whole_number_of_a_request_is_bounded_or_refused_beyond_64_bits() -> None:
    """A new field without a bound is to be found before a pool cannot be read any more."""
    schema = TypeAdapter(AnyBody).json_schema()
    unbounded = {
        name
        for kind in schema["$defs"].values()
        for name, field in kind.get("properties", {}).items()
        for part in (field, *field.get("anyOf", ()), *field.get("allOf", ()))
        if part.get("type") == "integer" and not part.keys() & {"maximum", "const"}
    }
    # Those above; what a transfer brings of a form is bounded where it came in.
    assert unbounded == {"holding_cap", "if_sequence", "min", "max", "asked", "filled"}
