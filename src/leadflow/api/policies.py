"""Policies: checked, published, shown, compared and explained."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field, model_validator

from leadflow.api import problems
from leadflow.api.changes import Managing
from leadflow.api.policy_answers import (
    TOML,
    Change,
    PolicyChecked,
    PolicyDiff,
    PolicyExplained,
    PolicyInForce,
    PolicyProblem,
    PolicyPublished,
    PolicyText,
    Section,
)
from leadflow.api.reading import PoolName, Reading
from leadflow.bootstrap.looking import Outcome
from leadflow.bootstrap.policies import build_calendar
from leadflow.bootstrap.policies import policies as rules
from leadflow.domain import requests as r
from leadflow.domain.events import PolicyPublished as Published
from leadflow.domain.policy import Calendar, Policy

router = APIRouter(tags=["policies"])

VERSION_MAX = 2**31 - 1
Version = Annotated[int | None, Field(ge=1, le=VERSION_MAX)]
Before = Annotated[
    Version, Query(alias="from", description="The version to compare with; left out, the one in force.")
]


class PolicySource(BaseModel):
    """A policy as somebody wrote it: its TOML text, or the same as a JSON document."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"toml": TOML}]})

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


def read_source(
    source: PolicySource, team: rules.Team | None = None
) -> tuple[Policy | None, tuple[rules.Problem, ...]]:
    """The policy, or None where there are errors, with all errors and warnings in it."""
    if source.toml is not None:
        return rules.read(source.toml, team)
    # Amounts stay decimal, as they are in TOML.
    text = json.dumps(source.document)
    return rules.read_document(json.loads(text, parse_float=Decimal), team)


def policy_from(source: PolicySource) -> Policy:
    """The policy. Raises InvalidDocument with every problem by its path."""
    found, told = read_source(source)
    if found is None:
        raise rules.InvalidDocument("policy", told)
    return found


def calendar_of(policy: Policy) -> Calendar:
    """The policy's calendar as it is known today, in the policy's zone. Raises UsageError."""
    return build_calendar(policy, datetime.now(ZoneInfo(policy.timezone)).date())


def _document(policy: Policy) -> dict[str, Any]:
    return policy.model_dump(mode="json", by_alias=True, exclude_none=True)


def _checked(found: Policy | None, told: Iterable[rules.Problem]) -> PolicyChecked:
    problems = [PolicyProblem.model_validate(one) for one in told]
    return PolicyChecked(valid=found is not None, problems=problems)


def _explained(policy: Policy, calendar: Calendar) -> PolicyExplained:
    sections = rules.sections(policy, calendar).items()
    return PolicyExplained(sections=[Section(title=title, lines=list(lines)) for title, lines in sections])


def _version(outcome: Outcome) -> int:
    data = outcome.events[0].data
    assert isinstance(data, Published)
    return data.version


# --- routes ---------------------------------------------------------------------------------


@router.get(
    "/policies/default",
    operation_id="getDefaultPolicy",
    summary="The default policy",
    response_model=PolicyText,
    responses=problems.responses(),
)
def get_default_policy(read: Reading) -> Response:
    """The policy that a pool gets when none is named, with its comments: to start from."""
    return read.answer(PolicyText(toml=rules.default_text(), document=_document(rules.default_policy())))


@router.post(
    "/policies/check",
    operation_id="checkPolicy",
    summary="Check a policy",
    response_model=PolicyChecked,
    responses=problems.responses(413, 415),
)
def check_policy(body: PolicySource, read: Reading) -> Response:
    """Every problem of a policy by its path. Nothing is published."""
    return read.answer(_checked(*read_source(body)))


@router.post(
    "/policies/explain",
    operation_id="explainPolicy",
    summary="Explain a policy",
    response_model=PolicyExplained,
    responses=problems.responses(413, 415),
)
def explain_policy(body: PolicySource, read: Reading) -> Response:
    """What happens to a lead, and when, by a policy that is not published yet."""
    policy = policy_from(body)
    return read.answer(_explained(policy, calendar_of(policy)))


@router.get(
    "/pools/{pool}/policy",
    operation_id="getPolicy",
    summary="A pool's policy",
    response_model=PolicyInForce,
    responses=problems.responses(),
)
def get_policy(
    pool: PoolName,
    read: Reading,
    version: Annotated[
        Version, Query(description="The one that was published as this version; left out, the one in force.")
    ] = None,
) -> Response:
    """A policy of a pool, every setting written out, and its calendar."""
    read.pool(pool)
    number, policy, calendar = read.app.policy(pool, version)
    return read.answer(
        PolicyInForce(
            pool=pool,
            version=number,
            toml=rules.dump(policy),
            document=_document(policy),
            calendar=calendar,
        )
    )


@router.put(
    "/pools/{pool}/policy",
    operation_id="publishPolicy",
    summary="Publish a policy",
    response_model=PolicyPublished,
    responses=problems.changes(),
)
def publish_policy(pool: PoolName, body: PolicySource, asking: Managing) -> Response:
    """Put a policy in force, with its calendar's days written out; for managers. No promise that was given
    gets shorter. A rule that names a group without a rep of the pool is refused by its path."""
    app = asking.service.app
    asking.fresh(pool)
    _, before, _ = app.policy(pool)
    after, told = read_source(body, rules.Team.of(app.views.members(pool).values()))
    if after is None:
        raise rules.InvalidDocument("policy", told)
    outcome = asking.send(pool, r.PublishPolicy, policy=after, calendar=calendar_of(after))
    asking.service.forget()
    return asking.answer(
        PolicyPublished(
            **vars(asking.changed(outcome)),
            version=_version(outcome),
            changes=[Change.of(one) for one in rules.diff(before, after)],
            warnings=[str(one) for one in told],
        )
    )


@router.post(
    "/pools/{pool}/policy/check",
    operation_id="checkPolicyInPool",
    summary="Check a policy against a pool's members",
    response_model=PolicyChecked,
    responses=problems.responses(413, 415),
)
def check_policy_in_pool(pool: PoolName, body: PolicySource, read: Reading) -> Response:
    """As `checkPolicy`, and whether its groups have reps in this pool."""
    read.fresh(pool)
    read.must("see_public", pool, "the members")
    team = rules.Team.of(read.app.views.members(pool).values())
    return read.answer(_checked(*read_source(body, team)))


@router.post(
    "/pools/{pool}/policy/diff",
    operation_id="diffPolicy",
    summary="Compare a policy with a pool's",
    response_model=PolicyDiff,
    responses=problems.responses(413, 415),
)
def diff_policy(pool: PoolName, body: PolicySource, read: Reading, before: Before = None) -> Response:
    """What publishing a policy would change, setting by setting."""
    read.pool(pool)
    version, known, _ = read.app.policy(pool, before)
    changes = rules.diff(known, policy_from(body))
    return read.answer(PolicyDiff(version=version, changes=[Change.of(one) for one in changes]))


@router.get(
    "/pools/{pool}/policy/diff",
    operation_id="diffPolicyVersions",
    summary="Compare two versions of a policy",
    response_model=PolicyDiff,
    responses=problems.responses(),
)
def diff_policy_versions(
    pool: PoolName,
    read: Reading,
    before: Annotated[
        int, Query(alias="from", ge=1, le=VERSION_MAX, description="The earlier version.", examples=[1])
    ],
    after: Annotated[
        Version, Query(alias="to", description="The later one; left out, the one in force.")
    ] = None,
) -> Response:
    """What a version of a policy changed, setting by setting, from an earlier one on."""
    read.pool(pool)
    version, known, _ = read.app.policy(pool, before)
    _, other, _ = read.app.policy(pool, after)
    changes = rules.diff(known, other)
    return read.answer(PolicyDiff(version=version, changes=[Change.of(one) for one in changes]))


@router.get(
    "/pools/{pool}/policy/explain",
    operation_id="explainPolicyInForce",
    summary="Explain the policy in force",
    response_model=PolicyExplained,
    responses=problems.responses(),
)
def explain_policy_in_force(pool: PoolName, read: Reading) -> Response:
    """What happens to a lead of this pool, and when, in plain sentences."""
    read.pool(pool)
    _, policy, calendar = read.app.policy(pool)
    return read.answer(_explained(policy, calendar))
