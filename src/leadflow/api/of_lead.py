"""What all changes of one lead have in common, however they are asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from fastapi import APIRouter

from leadflow.api import answers, problems

LEAD = "/pools/{pool}/leads/{lead}"
_H = TypeVar("_H", bound=Callable[..., Any])


def change_of_lead(
    router: APIRouter, path: str, name: str, summary: str, *, method: str = "POST"
) -> Callable[[_H], _H]:
    """Let a handler answer at `path` below a lead: `name` is the operation's, in the API's document."""

    def routed(handler: _H) -> _H:
        router.add_api_route(
            LEAD + path,
            handler,
            methods=[method],
            operation_id=name,
            summary=summary,
            response_model=answers.LeadChanged,
            responses=problems.changes_of_lead(),
        )
        return handler

    return routed
