"""The one way in which the API reads: as the caller, through the views, and after what it wrote."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import Depends, Path, Request
from fastapi.responses import Response
from pydantic import BaseModel

from leadflow.api import answers, examples
from leadflow.api.changes import STALE, service_of
from leadflow.api.identity import needs
from leadflow.bootstrap.app import App
from leadflow.bootstrap.identities import Caller
from leadflow.bootstrap.looking import Action, PoolView
from leadflow.bootstrap.serving import Service
from leadflow.domain.values import LEAD_ID_PATTERN, POOL_PATTERN
from leadflow.errors import NotPermitted

PoolName = Annotated[str, Path(pattern=f"^{POOL_PATTERN}$", description="The pool's id.", examples=["east"])]
LeadName = Annotated[
    str,
    Path(pattern=f"^{LEAD_ID_PATTERN}$", description="The lead's id.", examples=[examples.LEAD_ID]),
]
MemberName = Annotated[
    str,
    Path(
        min_length=1,
        max_length=64,
        pattern=r"^[^\s/:]+$",
        description="The member's id.",
        examples=["wang"],
    ),
]


@dataclass
class Look:
    """One reading: who reads, and what the answer's headers say."""

    service: Service
    caller: Caller
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def app(self) -> App:
        """What is read."""
        return self.service.app

    @property
    def actor(self) -> str:
        """Who reads."""
        return self.caller.actor

    def fresh(self, stream: str) -> None:
        """Wait until what was written to a pool here can be read; a header says where it cannot be yet."""
        if not self.service.fresh.wait(stream):
            self.headers[STALE] = "true"

    def all_fresh(self) -> None:
        """The same of every pool that was written to here."""
        if not self.service.fresh.wait_for_all():
            self.headers[STALE] = "true"

    def pool(self, pool: str) -> PoolView:
        """The pool, with what was written to it here. Raises NotFound."""
        self.fresh(pool)
        return self.app.views.pool(pool)

    def may(self, action: Action, pool: str) -> bool:
        """Whether the caller may do this to the pool as a whole."""
        return self.app.views.may(action, self.actor, pool)

    def must(self, action: Action, pool: str, what: str) -> None:
        """Raise NotPermitted unless the caller may do this to the pool as a whole; NotFound."""
        if not self.may(action, pool):
            raise NotPermitted(f"{self.actor} may not see {what} of pool {pool}")

    def answer(
        self, document: BaseModel, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> Response:
        """A document as the answer."""
        return answers.answer(document, status, {**self.headers, **(headers or {})})


def reading(scope: str) -> Callable[..., Awaitable[Look]]:
    """The dependency of a route that reads: who reads, with this scope."""
    allowed: Any = Depends(needs(scope))

    async def made(request: Request, caller: Caller = allowed) -> Look:
        return Look(service_of(request), caller)

    return made


Reading = Annotated[Look, Depends(reading("read"))]
"""Who reads pools, leads, histories and outcomes."""
Reporting = Annotated[Look, Depends(reading("report"))]
"""Who reads reports and spend."""
Managing = Annotated[Look, Depends(reading("manage"))]
"""Who reads what is for managers: arrivals that could not be read, and uploads."""
