"""Subscriptions to notifications: a rep's own, and those of a manager's pools."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from leadflow.api import answers, pages, problems
from leadflow.api.once import Managing
from leadflow.api.reading import Look, Reading, reading
from leadflow.bootstrap.notifying import KINDS, Notifying, Subscription
from leadflow.domain.values import POOL_PATTERN, UtcTime

router = APIRouter(tags=["notifications"])

SUBSCRIPTION_ID = "9f2c04b1de"
HOURS_MAX = 24 * 30

Kind = Literal[
    "lead.assigned", "lead.deadline_near", "lead.recycled", "lead.nobody_available", "customer.came_back"
]
assert set(Kind.__args__) == set(KINDS)  # type: ignore[attr-defined]
Trying = Annotated[Look, Depends(reading("manage"))]
"""Who has a test sent, which changes nothing."""
SubscriptionName = Annotated[
    str, Path(pattern="^[0-9a-f]{10}$", description="Its id.", examples=[SUBSCRIPTION_ID])
]
OnePool = Annotated[
    str | None, Query(pattern=f"^{POOL_PATTERN}$", description="Only of this pool.", examples=["east"])
]


class NewSubscription(BaseModel):
    """A subscription to be made. It has either `webhook` or `email`."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"pool": "east", "webhook": "https://hooks.example.com/leads"}]},
    )

    pool: Annotated[str, Field(pattern=f"^{POOL_PATTERN}$")]
    webhook: Annotated[
        str | None, Field(min_length=1, max_length=2_000, description="The URL to send to, by https.")
    ] = None
    email: Annotated[str | None, Field(min_length=3, max_length=320)] = None
    member: Annotated[
        str | None,
        Field(min_length=1, max_length=64, pattern=r"^[^\s/:]+$", description="Whose; the caller's if none."),
    ] = None
    role: Annotated[
        Literal["rep", "manager"] | None, Field(description="Instead: those of everybody with this role.")
    ] = None
    kinds: Annotated[list[Kind], Field(max_length=len(KINDS), description="All, if none is named.")] = []


class Rotation(BaseModel):
    """How a secret is changed."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"keep_hours": 24}]})

    keep_hours: Annotated[
        float, Field(ge=0, le=HOURS_MAX, description="How long the secret before signs as well.")
    ] = 24.0


_SUBSCRIPTION = {
    "id": SUBSCRIPTION_ID,
    "pool": "east",
    "member": "wang",
    "role": None,
    "kinds": ["lead.assigned", "lead.deadline_near"],
    "way": "webhook",
    "address": "https://hooks.example.com/…",
    "created_by": "rep/wang",
    "created_at": "2026-11-21T10:00:00.000000Z",
    "ended_at": None,
    "ended_why": None,
    "failing": 0,
}


class SubscriptionInfo(answers.Answer):
    """A subscription, without its secret."""

    model_config = answers.example(_SUBSCRIPTION)

    id: str
    pool: str
    member: Annotated[str | None, Field(description="Whose; null for those of everybody with the role.")]
    role: str | None
    kinds: list[str]
    way: Literal["webhook", "email"]
    address: Annotated[str, Field(description="Of a webhook the host alone: its path may be a secret.")]
    created_by: str
    created_at: UtcTime
    ended_at: UtcTime | None
    ended_why: str | None
    failing: Annotated[int, Field(description="Attempts that failed since the last that went well.")]

    @classmethod
    def of(cls, one: Subscription) -> SubscriptionInfo:
        """The subscription as the API shows it."""
        return cls(
            id=one.id,
            pool=one.pool,
            member=one.member,
            role=one.role,
            kinds=one.kinds,
            way=one.way,
            address=one.shown,
            created_by=one.created_by,
            created_at=one.created_at,
            ended_at=one.disabled_at,
            ended_why=one.disabled_why,
            failing=one.failing,
        )


class SubscriptionMade(answers.Answer):
    """A subscription with its secret, which is shown this once."""

    model_config = answers.example({"secret": "whsec_…", "subscription": _SUBSCRIPTION})

    secret: Annotated[
        str | None,
        Field(
            description="What webhooks are signed with (Standard Webhooks); none of an e-mail, and none "
            "where the `Idempotency-Key` says that this was done before: change the secret where it was lost."
        ),
    ]
    subscription: SubscriptionInfo


class SubscriptionList(answers.Answer):
    """A page of subscriptions."""

    model_config = answers.example({"items": [_SUBSCRIPTION], "next": None})

    items: list[SubscriptionInfo]
    next: Annotated[str | None, Field(description="The cursor of the next page; null on the last one.")]


class Ended(answers.Answer):
    """A subscription that has ended."""

    model_config = answers.example(
        {
            "subscription": _SUBSCRIPTION
            | {"ended_at": "2026-11-22T09:00:00.000000Z", "ended_why": "ended by rep/wang"},
            "dropped": 0,
        }
    )

    subscription: SubscriptionInfo
    dropped: Annotated[int, Field(description="Notifications that waited for it.")]


class Attempt(answers.Answer):
    """What became of a test."""

    model_config = answers.example({"outcome": "sent", "problem": None})

    outcome: Literal["sent", "failed", "hopeless", "gone"]
    problem: Annotated[str | None, Field(description="Why it did not arrive.")]


def _neither_nor_both(body: NewSubscription) -> problems.ProblemError:
    wrong = problems.FieldError(
        field="webhook", part="body", code="one_of", message="give either `webhook` or `email`"
    )
    what = "both `webhook` and `email` are given" if body.webhook else "`webhook` or `email` is missing"
    return problems.ProblemError(problems.problem("invalid", what, errors=[wrong]))


@router.post(
    "/subscriptions",
    operation_id="subscribe",
    summary="Be told",
    status_code=201,
    response_model=SubscriptionMade,
    responses=problems.responses(409, 413, 415),
)
def subscribe(change: Managing, body: NewSubscription) -> Response:
    """Be told from now on of what happens in a pool; nothing from before is told. A webhook's secret is in
    this answer and nowhere else."""
    if (body.webhook is None) == (body.email is None):
        raise _neither_nor_both(body)
    change.pool(body.pool)

    def make() -> SubscriptionMade:
        made, secret = Notifying(change.app).subscribe(
            change.actor,
            body.pool,
            "webhook" if body.webhook is not None else "email",
            body.webhook or body.email or "",
            member=body.member,
            role=body.role,
            kinds=body.kinds,
        )
        return SubscriptionMade(secret=secret, subscription=SubscriptionInfo.of(made))

    return change.once(make, 201, again=_without_secret)


def _without_secret(made: SubscriptionMade) -> SubscriptionMade:
    return made.model_copy(update={"secret": None})


@router.get(
    "/subscriptions",
    operation_id="listSubscriptions",
    summary="List subscriptions",
    response_model=SubscriptionList,
    responses=problems.responses(),
)
def list_subscriptions(
    look: Reading,
    pool: OnePool = None,
    ended: Annotated[bool, Query(description="Those that have ended as well.")] = False,
    limit: pages.Limit = pages.LIMIT,
    cursor: pages.Cursor = None,
) -> Response:
    """The subscriptions that the caller may change: its own, and those of pools that it manages."""
    look.all_fresh()
    rows = Notifying(look.app).list(look.actor, pool, disabled=ended)
    choice = pages.choice_of("subscriptions", pool, ended)
    page, following = pages.page_of(rows, lambda row: (row.pool, row.id), choice, cursor, limit)
    return look.answer(SubscriptionList(items=[SubscriptionInfo.of(row) for row in page], next=following))


@router.get(
    "/subscriptions/{subscription}",
    operation_id="getSubscription",
    summary="Look at a subscription",
    response_model=SubscriptionInfo,
    responses=problems.responses(),
)
def get_subscription(look: Reading, subscription: SubscriptionName) -> Response:
    """One of them."""
    return look.answer(SubscriptionInfo.of(Notifying(look.app).get(look.actor, subscription)))


@router.delete(
    "/subscriptions/{subscription}",
    operation_id="unsubscribe",
    summary="Be told no more",
    response_model=Ended,
    responses=problems.responses(),
)
def unsubscribe(change: Managing, subscription: SubscriptionName) -> Response:
    """End a subscription; what waits for it is dropped."""
    notifying = Notifying(change.app)

    def make() -> Ended:
        dropped = notifying.unsubscribe(change.actor, subscription)
        ended = SubscriptionInfo.of(notifying.get(change.actor, subscription))
        return Ended(subscription=ended, dropped=dropped)

    return change.once(make)


@router.post(
    "/subscriptions/{subscription}/rotate",
    operation_id="rotateSecret",
    summary="Change a webhook's secret",
    response_model=SubscriptionMade,
    responses=problems.responses(413, 415),
)
def rotate_secret(change: Managing, subscription: SubscriptionName, body: Rotation | None = None) -> Response:
    """Sign with another secret, which is in this answer and nowhere else. For a while both sign, so that
    receivers can change over."""
    keep = timedelta(hours=(body or Rotation()).keep_hours)

    def make() -> SubscriptionMade:
        found, secret = Notifying(change.app).rotate(change.actor, subscription, keep)
        return SubscriptionMade(secret=secret, subscription=SubscriptionInfo.of(found))

    return change.once(make, again=_without_secret)


@router.post(
    "/subscriptions/{subscription}/test",
    operation_id="testSubscription",
    summary="Send a test",
    response_model=Attempt,
    responses=problems.responses(),
)
def test_subscription(look: Trying, subscription: SubscriptionName) -> Response:
    """Send a test to the subscription's address at once, and say what became of it."""
    answer = Notifying(look.app).test(look.actor, subscription)
    return look.answer(Attempt(outcome=answer.outcome, problem=answer.problem))
