"""Pools: opening them and looking at them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from leadflow.api import answers, examples, pages, problems
from leadflow.api.bodies import body
from leadflow.api.changes import Managing
from leadflow.api.policies import PolicySource, calendar_of, policy_from
from leadflow.api.reading import PoolName, Reading
from leadflow.bootstrap.looking import pool_summaries
from leadflow.bootstrap.policies import policies as rules
from leadflow.domain import requests as r
from leadflow.domain.values import POOL_PATTERN

router = APIRouter(tags=["pools"])


class OpenPool(BaseModel):
    """A pool to be opened."""

    model_config = body({"pool": "east"})

    pool: Annotated[str, Field(pattern=f"^{POOL_PATTERN}$", description="Its id.")]
    policy: Annotated[
        PolicySource | None, Field(description="Its first policy; the default one if left out.")
    ] = None


class PoolOpened(answers.Changed):
    """What opening a pool caused, and the pool."""

    model_config = answers.example({**examples.CHANGED, "state": examples.POOL})

    state: answers.Pool | None


@router.get(
    "/pools",
    operation_id="listPools",
    summary="List pools",
    response_model=answers.PoolList,
    responses=problems.responses(),
)
def list_pools(
    request: Request, read: Reading, limit: pages.Limit = pages.LIMIT, cursor: pages.Cursor = None
) -> Response:
    """Every pool with its policy; its leads by status for those who may see reports of it."""
    rows = pool_summaries(read.app.database)
    choice = pages.choice_of("pools")
    page, following = pages.page_of(rows, lambda row: (row["pool"],), choice, cursor, limit)
    items = [answers.pool_of(row, figures=read.may("report", row["pool"])) for row in page]
    return read.answer(answers.PoolList(items=items, next=following), headers=pages.links(request, following))


@router.post(
    "/pools",
    operation_id="openPool",
    summary="Open a pool",
    status_code=201,
    response_model=PoolOpened,
    responses=problems.changes(),
)
def open_pool(body: OpenPool, asking: Managing) -> Response:
    """Open a pool with its first policy. The policy's calendar is written out from what is known today."""
    policy = policy_from(body.policy) if body.policy is not None else rules.default_policy()
    outcome = asking.send(body.pool, r.OpenPool, policy=policy, calendar=calendar_of(policy))
    asking.headers["Location"] = f"/v1/pools/{body.pool}"
    asking.service.forget()
    changed = asking.changed(outcome)
    row = pool_summaries(asking.service.app.database, body.pool)
    state = answers.pool_of(row[0], figures=True) if row else None
    return asking.answer(PoolOpened(**vars(changed), state=state), 200 if outcome.repeated else 201)


@router.get(
    "/pools/{pool}",
    operation_id="getPool",
    summary="Look at a pool",
    response_model=answers.Pool,
    responses=problems.responses(),
)
def get_pool(pool: PoolName, read: Reading) -> Response:
    """One pool: its policy, calendar, leads by status, next deadline."""
    read.pool(pool)
    row = pool_summaries(read.app.database, pool)[0]
    return read.answer(answers.pool_of(row, figures=read.may("report", pool)))
