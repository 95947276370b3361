"""Members of a pool: joining, changing, pausing, leaving."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from urllib.parse import quote

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from leadflow.api import answers, examples, pages, problems
from leadflow.api.bodies import NewName, body, given
from leadflow.api.changes import Asking, Managing
from leadflow.api.reading import MemberName, PoolName, Reading
from leadflow.bootstrap.looking import Outcome, member_loads
from leadflow.domain import requests as r
from leadflow.domain.members import MemberTraits
from leadflow.domain.values import Name, UtcTime
from leadflow.errors import NotFound

router = APIRouter(tags=["members"])
Role = Literal["rep", "manager", "marketing", "support"]
MEMBERS = "/pools/{pool}/members"

_TRAITS = {"display_name": "王芳", "regions": ["上海"], "hours": "09:00-18:00", "holding_cap": 30}
_MEMBER: dict[str, Any] = {
    "pool": "east",
    "member": "wang",
    "role": "rep",
    "status": "active",
    "paused_until": None,
    "traits": {**_TRAITS, "industries": None, "leave": None},
    "since": "2026-11-01T00:00:00.000000Z",
    "held": 12,
    "cap": 30,
    "customers": 3,
    "protected": 1,
    "next_deadline": "2026-11-22T10:00:00.000000Z",
}


class Member(answers.Answer):
    """A member of a pool, and what it holds."""

    model_config = answers.example(_MEMBER)

    pool: str
    member: str
    role: str
    status: Annotated[str, Field(description="active, paused or left.")]
    paused_until: UtcTime | None
    traits: MemberTraits
    since: UtcTime
    held: Annotated[int, Field(description="Leads that it owns.")]
    cap: Annotated[int | None, Field(description="Leads that it may own at once.")]
    customers: int
    protected: int
    next_deadline: UtcTime | None


class MemberList(answers.Answer):
    """A page of members."""

    model_config = answers.example({"items": [_MEMBER], "next": None})

    items: list[Member]
    next: Annotated[str | None, Field(description="The cursor of the next page; null on the last one.")]


class MemberChanged(answers.Changed):
    """What a change of a member caused, and the member as it is now."""

    model_config = answers.example({**examples.CHANGED, "state": _MEMBER})

    state: Member | None


class AddMember(BaseModel):
    """Somebody who joins."""

    model_config = body({"member": "wang", "role": "rep", "traits": _TRAITS})

    member: NewName
    role: Role = "rep"
    traits: MemberTraits = MemberTraits()


class ChangeMember(BaseModel):
    """What changes; what is left out stays."""

    model_config = body({"traits": {"holding_cap": 40, "hours": None}})

    role: Annotated[Role | None, Field(description="Another role; who owns leads stays a rep.")] = None
    traits: Annotated[
        MemberTraits | None, Field(description="Traits to set; `null` takes one away, left out it stays.")
    ] = None


class Pause(BaseModel):
    """Until when."""

    model_config = body({"until": "2026-12-01T01:00:00Z"})

    until: Annotated[UtcTime | None, Field(description="When it is back by itself.")] = None


class Leave(BaseModel):
    """Who gets what it has."""

    model_config = body({"leads_to": "li", "customers_to": "li"})

    leads_to: Annotated[Name | None, Field(description="Without: back to the public pool.")] = None
    customers_to: Annotated[Name | None, Field(description="Without: who gets the leads.")] = None


@router.get(
    MEMBERS,
    operation_id="listMembers",
    summary="List members",
    response_model=MemberList,
    responses=problems.responses(),
)
def list_members(
    request: Request,
    pool: PoolName,
    read: Reading,
    everybody: Annotated[bool, Query(alias="all", description="Also those who left.")] = False,
    limit: pages.Limit = pages.LIMIT,
    cursor: pages.Cursor = None,
) -> Response:
    """Everybody in the pool, and what they hold."""
    read.fresh(pool)
    read.must("see_public", pool, "the members")
    rows = [row for row in member_loads(read.app.database, pool) if everybody or row["status"] != "left"]
    choice = pages.choice_of("members", pool, everybody)
    page, following = pages.page_of(rows, lambda row: (row["member"],), choice, cursor, limit)
    items = [_member(row) for row in page]
    return read.answer(MemberList(items=items, next=following), headers=pages.links(request, following))


@router.get(
    MEMBERS + "/{member}",
    operation_id="getMember",
    summary="Look at a member",
    response_model=Member,
    responses=problems.responses(),
)
def get_member(pool: PoolName, member: MemberName, read: Reading) -> Response:
    """One member, and what it holds."""
    read.fresh(pool)
    read.must("see_public", pool, "the members")
    found = _find(read.app.database, pool, member)
    if found is None:
        raise NotFound("there is no such member of the pool")
    return read.answer(found)


@router.post(
    MEMBERS,
    operation_id="addMember",
    summary="Add a member",
    status_code=201,
    response_model=MemberChanged,
    responses=problems.changes(),
)
def add_member(pool: PoolName, body: AddMember, asking: Managing) -> Response:
    """Let somebody join the pool; for managers."""
    outcome = asking.send(pool, r.AddMember, **given(body))
    asking.headers["Location"] = f"/v1/pools/{pool}/members/{quote(body.member, safe='')}"
    return _changed(asking, outcome, body.member, 201)


@router.patch(
    MEMBERS + "/{member}",
    operation_id="changeMember",
    summary="Change a member",
    response_model=MemberChanged,
    responses=problems.changes(),
)
def change_member(pool: PoolName, member: MemberName, body: ChangeMember, asking: Managing) -> Response:
    """Change the role or the traits of a member; for managers."""
    named = body.traits.model_fields_set if body.traits is not None else set()
    values = {name: getattr(body.traits, name) for name in named}
    outcome = asking.send(
        pool,
        r.ChangeMember,
        member=member,
        role=body.role,
        traits={name: value for name, value in values.items() if value is not None},
        clear=tuple(sorted(name for name, value in values.items() if value is None)),
    )
    return _changed(asking, outcome, member)


@router.post(
    MEMBERS + "/{member}/pause",
    operation_id="pauseMember",
    summary="Pause a member",
    response_model=MemberChanged,
    responses=problems.changes(),
)
def pause_member(pool: PoolName, member: MemberName, asking: Managing, body: Pause | None = None) -> Response:
    """Give a rep no leads, and let it claim none, until a time or until resumed; for managers."""
    return _changed(asking, asking.send(pool, r.PauseMember, member=member, **given(body)), member)


@router.post(
    MEMBERS + "/{member}/resume",
    operation_id="resumeMember",
    summary="Resume a member",
    response_model=MemberChanged,
    responses=problems.changes(),
)
def resume_member(pool: PoolName, member: MemberName, asking: Managing) -> Response:
    """The rep is back; for managers."""
    return _changed(asking, asking.send(pool, r.ResumeMember, member=member), member)


@router.post(
    MEMBERS + "/{member}/leave",
    operation_id="removeMember",
    summary="Let a member leave",
    response_model=MemberChanged,
    responses=problems.changes(),
)
def remove_member(
    pool: PoolName, member: MemberName, asking: Managing, body: Leave | None = None
) -> Response:
    """A member leaves: its leads go back or to a colleague, its customers to a colleague, in one decision;
    for managers."""
    return _changed(asking, asking.send(pool, r.RemoveMember, member=member, **given(body)), member)


def _changed(asking: Asking, outcome: Outcome, member: str, status: int = 200) -> Response:
    pool = outcome.events[0].pool
    asking.fresh(pool)
    state = _find(asking.service.app.database, pool, member)
    return asking.answer(
        MemberChanged(**vars(asking.changed(outcome)), state=state), 200 if outcome.repeated else status
    )


def _find(database: Any, pool: str, member: str) -> Member | None:
    rows = member_loads(database, pool)
    return next((_member(row) for row in rows if row["member"] == member), None)


def _member(row: dict[str, Any]) -> Member:
    return Member.model_validate({name: row[name] for name in Member.model_fields})
