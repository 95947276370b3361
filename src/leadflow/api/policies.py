"""Policies: checked, published, shown, compared and explained."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, model_validator

from leadflow.bootstrap import build_calendar
from leadflow.bootstrap import policies as rules
from leadflow.domain.policy import Calendar, Policy

router = APIRouter(tags=["policies"])

_TOML = """\
schema = 1
name = "office"
[channels]
web_form = {}
[[rules]]
name = "rest"
target = { hold = true }
"""


class PolicySource(BaseModel):
    """A policy as somebody wrote it: its TOML text, or the same as a JSON document."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"toml": _TOML}]})

    toml: Annotated[
        str | None, Field(max_length=1_000_000, description="The text of a policy file, with its comments.")
    ] = None
    document: Annotated[
        dict[str, Any] | None, Field(description="The policy as JSON: what the TOML of a policy file says.")
    ] = None

    @model_validator(mode="after")
    def _one(self) -> PolicySource:
        if (self.toml is None) == (self.document is None):
            raise ValueError("give one of toml and document")
        return self


def read_source(source: PolicySource) -> tuple[Policy | None, tuple[rules.Problem, ...]]:
    """The policy, or None where there are errors, with all errors and warnings in it."""
    if source.toml is not None:
        return rules.read(source.toml)
    # Amounts stay decimal, as they are in TOML.
    text = json.dumps(source.document)
    return rules.read_document(json.loads(text, parse_float=Decimal))


def policy_from(source: PolicySource) -> Policy:
    """The policy. Raises InvalidDocument with every problem by its path."""
    found, told = read_source(source)
    if found is None:
        raise rules.InvalidDocument("policy", told)
    return found


def calendar_of(policy: Policy) -> Calendar:
    """The policy's calendar as it is known today, in the policy's zone. Raises UsageError."""
    return build_calendar(policy, datetime.now(ZoneInfo(policy.timezone)).date())
