"""What subscriptions were told, and what could not be sent."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query
from fastapi.responses import Response
from pydantic import Field

from leadflow.api import answers, pages, problems
from leadflow.api.once import Managing
from leadflow.api.reading import Reading
from leadflow.api.subscriptions import SUBSCRIPTION_ID
from leadflow.bootstrap.notifying import Notification, Notifying
from leadflow.domain.values import UtcTime

router = APIRouter(tags=["notifications"])

NUMBER_MAX = 2**63 - 1
Number = Annotated[int, Path(ge=1, le=NUMBER_MAX, description="The notification's number.", examples=[17])]
_NOTIFICATION = {
    "id": 17,
    "fact": "east/1042",
    "pool": "east",
    "lead": "5d1a3c52-9f0e-8b7a-b2c4-08e1f7a6d9b3",
    "kind": "lead.assigned",
    "subscription": SUBSCRIPTION_ID,
    "state": "parked",
    "attempts": 8,
    "problem": "the receiver answered 500",
    "made_at": "2026-11-21T10:00:00.000000Z",
    "done_at": "2026-11-22T18:41:07.000000Z",
}


class NotificationInfo(answers.Answer):
    """A notification: a fact that somebody is told of."""

    model_config = answers.example(_NOTIFICATION)

    id: int
    fact: str
    pool: str
    lead: str
    kind: str
    subscription: str
    state: Literal["pending", "sent", "parked", "dropped"]
    attempts: int
    problem: Annotated[str | None, Field(description="What went wrong last.")]
    made_at: UtcTime
    done_at: UtcTime | None

    @classmethod
    def of(cls, one: Notification) -> NotificationInfo:
        """The notification as the API shows it."""
        return cls.model_validate({name: getattr(one, name) for name in cls.model_fields})


class NotificationList(answers.Answer):
    """A page of notifications."""

    model_config = answers.example({"items": [_NOTIFICATION], "next": None})

    items: list[NotificationInfo]
    next: Annotated[str | None, Field(description="The cursor of the next page; null on the last one.")]


@router.get(
    "/notifications",
    operation_id="listNotifications",
    summary="List notifications",
    response_model=NotificationList,
    responses=problems.responses(),
)
def list_notifications(
    look: Reading,
    state: Annotated[
        Literal["pending", "sent", "parked", "dropped"] | None,
        Query(description="Only those that wait, were sent, were given up, or are to be sent no more."),
    ] = None,
    limit: pages.Limit = pages.LIMIT,
    cursor: pages.Cursor = None,
) -> Response:
    """Notifications of the subscriptions that the caller may change, the oldest first. What was sent or
    dropped is forgotten after 90 days."""
    choice = pages.choice_of("notifications", state)
    after = pages.number_of(cursor, choice)
    found = Notifying(look.app).notifications(look.actor, state, limit=limit + 1, after=after)
    page = [NotificationInfo.of(one) for one, _ in found[:limit]]
    following = pages.cursor_of(choice, [page[-1].id]) if len(found) > limit else None
    return look.answer(NotificationList(items=page, next=following))


@router.post(
    "/notifications/{number}/replay",
    operation_id="replayNotification",
    summary="Try a parked notification again",
    response_model=NotificationInfo,
    responses=problems.responses(),
)
def replay_notification(change: Managing, number: Number) -> Response:
    """Try one that was given up again, with the `webhook-id` that it had."""
    return change.once(lambda: NotificationInfo.of(Notifying(change.app).replay(change.actor, number)))


@router.post(
    "/notifications/{number}/drop",
    operation_id="dropNotification",
    summary="Give a parked notification up",
    response_model=NotificationInfo,
    responses=problems.responses(),
)
def drop_notification(change: Managing, number: Number) -> Response:
    """Send one that was given up no more."""
    return change.once(lambda: NotificationInfo.of(Notifying(change.app).drop(change.actor, number)))
