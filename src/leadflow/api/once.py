"""The one way in which the API makes changes that no pool decides: accounts, tokens, inlets, subscriptions.

With an `Idempotency-Key` such a change is made once, however often it is sent, and answered as the first time
(`leadflow.identities.repeats`). What pools decide goes by `changes`, where the key is the request's id.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Header, Request
from fastapi.responses import Response
from pydantic import BaseModel

from leadflow.api.changes import IDEMPOTENCY_KEY, KEY, REPEATED, Asking, service_of
from leadflow.api.identity import needs
from leadflow.api.reading import Look
from leadflow.bootstrap.identities import Answered, Caller, Repeats

OnceKey = Annotated[
    str | None,
    Header(
        alias=IDEMPOTENCY_KEY,
        pattern=rf'^({KEY}|"{KEY}")$',
        description="Names this change: sent again with the same key within 30 days, it is not made again "
        "and gets its first answer, without secrets that were shown then.",
        examples=["0199d3a0-5c1e-7c3e-b0f5-2f6f0f6b8a11"],
    ),
]
_T = TypeVar("_T")
_A = TypeVar("_A", bound=BaseModel)


def digest_of(*parts: str | bytes) -> str:
    """What tells the content of one change from another's: SHA-256, each part with its length before it."""
    found = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        found.update(f"{len(data)}:".encode() + data)
    return found.hexdigest()


@dataclass
class Change(Look):
    """One change that no pool decides: who asks, and under which key, if under any."""

    key: str | None = None
    content: str = ""
    """A digest of all that is asked."""

    @property
    def repeats(self) -> Repeats:
        """What was answered before."""
        return self.app.identities.repeats

    def once(
        self, make: Callable[[], _A], status: int = 200, *, again: Callable[[_A], _A] | None = None
    ) -> Response:
        """Make the change, unless it was made under this key; the answer to it. `again` is what a repeat is
        answered with, where that is something else: what is shown once is not kept.

        Raises KeyReused, and what `make` raises.
        """
        if self.key is None:
            return self.answer(make(), status)
        made: list[_A] = []

        def answered() -> Answered:
            made.append(make())
            kept = again(made[0]) if again is not None else made[0]
            return Answered(status, kept.model_dump_json(by_alias=True))

        found, repeated = self.repeats.once(self.actor, self.key, self.content, answered)
        self.headers[IDEMPOTENCY_KEY] = self.key
        if not repeated:
            return self.answer(made[0], status)
        self.headers[REPEATED] = "true"
        return Response(found.document, found.status, self.headers, media_type="application/json")


async def _content_of(request: Request) -> str:
    """Method, path and body: what was asked. The same document in other characters is the same."""
    body = await request.body()
    try:
        canonical = json.dumps(json.loads(body), sort_keys=True, separators=(",", ":")).encode()
    except (ValueError, RecursionError):
        canonical = body
    return digest_of(request.method, request.url.path, request.url.query, canonical)


def changing(allowed: Callable[..., Any]) -> Callable[..., Awaitable[Change]]:
    """The dependency of a route that makes such a change; `allowed` is the one that says who may."""
    who: Any = Depends(allowed)

    async def made(request: Request, caller: Caller = who, key: OnceKey = None) -> Change:
        if key is None:
            return Change(service_of(request), caller)
        return Change(service_of(request), caller, key=key.strip('"'), content=await _content_of(request))

    return made


def same(asking: Asking, make: Callable[[], _T], *content: str) -> _T:
    """Make a change that comes to the same however often it is made, under the key that the caller named, if
    it named one: under the same key with another content it is not made. Raises KeyReused."""
    if not asking.named:
        return make()
    repeats: Repeats = asking.service.app.identities.repeats
    asked = digest_of(*content)
    repeats.refuse_other(asking.actor, asking.key, asked)
    found = make()
    repeats.note(asking.actor, asking.key, asked)
    return found


Managing = Annotated[Change, Depends(changing(needs("manage")))]
"""Who makes a change that is for managers, or about what is one's own."""
