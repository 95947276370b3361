"""What doors need to ask for something: requests in an actor's name."""

from __future__ import annotations

from datetime import datetime

import uuid_utils
from pydantic import ValidationError

from leadflow.domain.requests import Body, Request, SubmitIntake, intake_request
from leadflow.errors import UsageError
from leadflow.log.envelope import problems_of


def new_request_id() -> str:
    """An id for a request that its sender did not name: UUIDv7, so ids sort by time."""
    return str(uuid_utils.uuid7())


def request_of(pool: str, actor: str, request_id: str, body: Body, at: datetime | None = None) -> Request:
    """A request in the actor's name; an intake's identity is its channel and source reference."""
    if isinstance(body, SubmitIntake):
        return intake_request(pool, actor, body, at)
    try:
        return Request.model_validate(
            {"pool": pool, "source": actor, "id": request_id, "actor": actor, "at": at, "body": body}
        )
    except ValidationError as error:
        raise UsageError(f"the request cannot be sent: {problems_of(error)}") from error
