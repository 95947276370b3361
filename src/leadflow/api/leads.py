"""Leads: lists, and one lead whole."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from leadflow.api import answers, pages, problems
from leadflow.api.changes import LeadAsking
from leadflow.api.reading import LeadName, PoolName, Reading
from leadflow.bootstrap.editing import corrections
from leadflow.bootstrap.looking import Criteria, Place
from leadflow.domain import requests as r
from leadflow.domain.values import id_of

router = APIRouter(tags=["leads"])

Status = Literal["public", "queue", "private", "converted", "disqualified", "merged", "transferred"]
OPEN: tuple[Status, ...] = ("public", "queue", "private")
Text = Annotated[str, Query(max_length=200)]
_TIMES = ("age", "newest", "deadline")


class LeadFilter(BaseModel):
    """What is looked for among leads."""

    model_config = ConfigDict(extra="forbid")

    status: Annotated[
        list[Status] | None,
        Field(description="May be given several times. Closed leads are listed where it names them."),
    ] = None
    owner: Annotated[str | None, Field(max_length=64, description="Only leads of this rep.")] = None
    mine: Annotated[bool, Field(description="Only leads that the caller owns.")] = False
    channel: Annotated[str | None, Field(max_length=64, description="Of the first touch.")] = None
    campaign: Annotated[str | None, Field(max_length=4000, description="Of the first touch.")] = None
    region: Annotated[str | None, Field(max_length=4000)] = None
    industry: Annotated[str | None, Field(max_length=4000)] = None
    min_score: Annotated[int | None, Field(ge=0, le=100)] = None
    waiting: Annotated[bool, Field(description="Only those that wait for a rep or a manager.")] = False
    search: Annotated[
        str | None,
        Field(
            max_length=200,
            description="Part of company, place, industry, campaign, or of what is not masked to the caller.",
        ),
    ] = None
    sort: Annotated[
        Literal["score", "age", "newest", "deadline", "touches"], Field(description="What comes first.")
    ] = "score"
    limit: Annotated[int, Field(ge=1, le=pages.LIMIT_MAX, description="Leads of a page.")] = pages.LIMIT
    cursor: Annotated[
        str | None, Field(max_length=1000, description="`next` of the page before. Opaque.")
    ] = None


@router.get(
    "/pools/{pool}/leads",
    operation_id="listLeads",
    summary="List leads",
    response_model=answers.LeadList,
    responses=problems.responses(),
)
def list_leads(
    request: Request, pool: PoolName, read: Reading, wanted: Annotated[LeadFilter, Query()]
) -> Response:
    """The leads that the caller may see, in order. No filter, order or search tells what a mask hides."""
    read.pool(pool)
    criteria = _criteria(wanted, read.actor)
    choice = pages.choice_of(pool, wanted.model_dump(exclude={"limit", "cursor"}))
    if wanted.cursor is not None:
        criteria = _behind(criteria, pages.place_of(wanted.cursor, choice))
    found = read.app.views.leads(read.actor, pool, criteria)
    items = [answers.Lead.of(one) for one in found.leads[: wanted.limit]]
    more = len(found.leads) > wanted.limit
    following = pages.cursor_of(choice, _written(found.places[wanted.limit - 1])) if more else None
    return read.answer(
        answers.LeadList(items=items, total=found.total, next=following),
        headers=pages.links(request, following),
    )


def _criteria(wanted: LeadFilter, actor: str) -> Criteria:
    statuses: Sequence[str] = wanted.status or ((*OPEN, "converted") if wanted.mine else OPEN)
    return Criteria(
        status=statuses,
        owner=id_of(actor) if wanted.mine else wanted.owner,
        channel=wanted.channel,
        campaign=wanted.campaign,
        region=wanted.region,
        industry=wanted.industry,
        score_min=wanted.min_score,
        waiting=wanted.waiting,
        search=wanted.search,
        order=wanted.sort,
        # One more than is shown says whether there are more.
        limit=wanted.limit + 1,
    )


def _behind(criteria: Criteria, place: list[object]) -> Criteria:
    """The criteria, from a cursor's place on. Raises ProblemError for a place that is none."""
    try:
        value, sequence = place
        if not isinstance(sequence, int) or not 0 <= sequence < 2**62:
            raise ValueError
        if criteria.order in _TIMES:
            value = None if value is None else datetime.fromisoformat(str(value))
            if isinstance(value, datetime) and value.tzinfo is None:
                raise ValueError
        if value is None and criteria.order != "deadline":
            raise ValueError
        if not (value is None or isinstance(value, (int, datetime))):
            raise ValueError
        if isinstance(value, int) and abs(value) >= 2**31:
            raise ValueError
    except (ValueError, OverflowError) as error:
        raise pages.no_cursor() from error
    return Criteria(**{**vars(criteria), "after": Place(value, sequence)})


def _written(place: tuple[int | datetime | None, int]) -> Sequence[object]:
    value, sequence = place
    return (value.isoformat() if isinstance(value, datetime) else value, sequence)


@router.get(
    "/pools/{pool}/leads/{lead}",
    operation_id="getLead",
    summary="Look at a lead",
    response_model=answers.LeadStory,
    responses={
        304: {"description": "The lead is as `If-None-Match` names it."},
        **problems.responses(),
    },
)
def get_lead(
    pool: PoolName,
    lead: LeadName,
    read: Reading,
    if_none_match: Annotated[
        str | None,
        Header(alias="If-None-Match", description="The `ETag` of the state that the caller has already."),
    ] = None,
) -> Response:
    """A lead with score and breakdown, owner and deadline with the reason, touches, contacts and history, as
    far as the caller may see them. The `ETag` names its state: give it back as `If-Match` with a change."""
    read.pool(pool)
    view = read.app.views.lead(read.actor, pool, lead)
    etag = answers.etag_of(view)
    headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
    if if_none_match is not None and _names(if_none_match, etag):
        return Response(status_code=304, headers={**read.headers, **headers})
    return read.answer(answers.LeadStory.of(read.app.story(read.actor, pool, lead)), headers=headers)


def _names(if_none_match: str, etag: str) -> bool:
    tags = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return "*" in tags or etag in tags


Short = Annotated[str, Field(min_length=1, max_length=4000)]


class EditLead(BaseModel):
    """Corrections of a lead; what is left out stays. Contact points are added."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"name": "赵敏", "phone": ["138 0013 8001"], "region": "上海"}]},
    )

    name: Short | None = None
    phone: Annotated[list[Short], Field(max_length=20)] = []
    email: Annotated[list[Short], Field(max_length=20)] = []
    wechat: Annotated[list[Short], Field(max_length=20)] = []
    company: Short | None = None
    industry: Short | None = None
    size: Annotated[Short | None, Field(description="Employees, a number or a range.")] = None
    region: Short | None = None
    city: Short | None = None
    note: Short | None = None


@router.patch(
    "/pools/{pool}/leads/{lead}",
    operation_id="editLead",
    summary="Correct a lead",
    response_model=answers.LeadChanged,
    responses=problems.changes_of_lead(),
)
def edit_lead(pool: PoolName, lead: LeadName, body: EditLead, asking: LeadAsking) -> Response:
    """Correct the details of a lead. Contact points are understood as those that arrive; a new score is
    worked out at once."""
    given = {name: value for name, value in body.model_dump().items() if value}
    person, company = corrections(given)
    outcome = asking.send(
        pool, r.EditLead, lead=lead, if_sequence=asking.if_sequence, person=person, company=company
    )
    return asking.about_lead(outcome)
