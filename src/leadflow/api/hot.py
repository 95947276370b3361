"""The paths that many take at once, intake and claims: their handlers are written and documented like all
others, and called in a shorter way.

FastAPI's way to a handler, a dependency for each header, costs more than all of the rest of such a request.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from functools import partial
from types import NoneType
from typing import Annotated, Any, TypeVar, get_args, get_origin, get_type_hints

from fastapi import APIRouter, FastAPI, Request, params
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, TypeAdapter, ValidationError
from starlette.types import ASGIApp, Receive, Scope, Send

from leadflow.api import failing, problems
from leadflow.api.changes import (
    IDEMPOTENCY_KEY,
    KEY,
    NEEDS,
    Asking,
    key_of,
    sequence_of,
    service_of,
    wait_of,
)
from leadflow.api.frame import JSON
from leadflow.api.identity import ROLE_HEADER, caller
from leadflow.bootstrap.identities import Caller
from leadflow.errors import NotPermitted

_KEY = re.compile(KEY)
_M = TypeVar("_M", bound=BaseModel)


_Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class HotRoute(APIRoute):
    """A route whose handler takes parameters of its path, an `Asking`, and one model as its body."""

    def get_route_handler(self) -> _Handler:
        """What answers a request."""
        hints = get_type_hints(self.endpoint, include_extras=True)
        hints.pop("return", None)
        in_path = set(self.param_convertors)
        # Who calls comes first: whoever may not ask is not told what is wrong with the question.
        order = sorted(hints, key=lambda name: name in in_path or get_origin(hints[name]) is not Annotated)
        made = {name: _maker(name, hints[name], in_path=name in in_path) for name in order}

        async def handle(request: Request) -> Response:
            values = {name: await make(request) for name, make in made.items()}
            answer: Response = await self.endpoint(**values)
            return answer

        return handle


class Shortcut:
    """Leads to hot routes at once (ASGI), past what others need on their way: half a dozen layers, and the
    search among all routes."""

    def __init__(self, app: ASGIApp, *, api: FastAPI, prefix: str, routers: Sequence[APIRouter]) -> None:
        """`prefix` stands before the paths of the `routers`; whatever is not theirs goes on to `app`."""
        self._app = app
        self._prefix = prefix
        self._handlers: Mapping[Any, Callable[[Request, Exception], Any]] = api.exception_handlers
        found = [route for router in routers for route in router.routes if isinstance(route, HotRoute)]
        self._routes = [(route, route.path_regex, route.get_route_handler()) for route in found]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        if scope["type"] == "http" and scope["method"] == "POST" and path.startswith(self._prefix):
            rest = path[len(self._prefix) :]
            for route, pattern, handle in self._routes:
                found = pattern.match(rest)
                if found is not None:
                    scope["route"], scope["path_params"] = route, found.groupdict()
                    answer = await self._answer(handle, Request(scope, receive, send))
                    await answer(scope, receive, send)
                    return
        await self._app(scope, receive, send)

    async def _answer(self, handle: _Handler, request: Request) -> Response:
        try:
            return await handle(request)
        except Exception as error:
            for kind in type(error).__mro__:
                if kind in self._handlers:
                    answer: Response = await self._handlers[kind](request, error)
                    return answer
            raise


_Maker = Callable[[Request], Awaitable[Any]]


def _maker(name: str, hint: Any, *, in_path: bool) -> _Maker:
    """What makes one of a handler's arguments."""
    if in_path:
        return _from_path(name, hint)
    if get_origin(hint) is Annotated:
        asks = [one.dependency for one in get_args(hint)[1:] if isinstance(one, params.Depends)]
        scope, of_lead = next(NEEDS[one] for one in asks if one is not None)

        async def asked(request: Request) -> Asking:
            return await asking(request, scope, of_lead=of_lead)

        return asked
    models = [one for one in get_args(hint) or (hint,) if one is not NoneType]

    async def body(request: Request) -> BaseModel | None:
        return await body_of(request, models[0], needed=NoneType not in get_args(hint))

    return body


def _from_path(name: str, hint: Any) -> _Maker:
    adapter: TypeAdapter[Any] = TypeAdapter(hint)

    async def found(request: Request) -> Any:
        try:
            return adapter.validate_python(request.path_params[name])
        except ValidationError as error:
            lines = error.errors(include_input=False, include_url=False)
            raise failing.of_validation([{**line, "loc": (name,)} for line in lines], "path") from None

    return found


async def asking(request: Request, scope: str, *, of_lead: bool = False) -> Asking:
    """Who asks, with this scope, and how: what `changes.asking` is on other paths.

    Raises NotSignedIn, NotPermitted, Unavailable, ProblemError.
    """
    who = await _caller(request, scope)
    headers = request.headers
    given = headers.get(IDEMPOTENCY_KEY)
    if given is not None and not _KEY.fullmatch(_bare(given)):
        wrong = problems.FieldError(
            field=IDEMPOTENCY_KEY,
            part="header",
            code="string_pattern_mismatch",
            message="a key is up to 255 letters, digits and . _ ~ : @ / + = -",
        )
        raise problems.ProblemError(problems.problem("invalid", "1 problem in what was sent", errors=[wrong]))
    name = key_of(given)
    found = Asking(
        service_of(request),
        who,
        name,
        named=given is not None,
        wait_s=wait_of(headers.get("prefer")),
        headers={IDEMPOTENCY_KEY: name},
    )
    if of_lead:
        if_match = headers.get("if-match")
        found.conditional = if_match is not None
        found.if_sequence = sequence_of(if_match)
    request.state.asking = found
    return found


def _bare(key: str) -> str:
    return key[1:-1] if len(key) > 1 and key[0] == key[-1] == '"' else key


async def body_of(request: Request, model: type[_M], *, needed: bool = True) -> _M | None:
    """The body as this model; None for one that is left out, where it need not be there.

    Raises ProblemError for what is no JSON, or not of the model.
    """
    content = await request.body()
    if not content and not needed:
        return None
    if content and not JSON.match(request.headers.get("content-type", "")):
        raise problems.ProblemError(
            problems.problem("unsupported-type", "the body must be JSON: application/json")
        )
    try:
        return model.model_validate_json(content)
    except ValidationError as error:
        raise failing.of_validation(error.errors(include_input=False, include_url=False), "body") from None


async def _caller(request: Request, scope: str) -> Caller:
    token, role = request.headers.get("authorization"), request.headers.get(ROLE_HEADER)
    look = partial(caller, request, None, None, role)
    if token is None:
        found = await run_in_threadpool(look)
    else:
        known = service_of(request).callers
        kept = known.known((token, role), look)
        found = kept if kept is not None else await run_in_threadpool(known.get, (token, role), look)
        request.state.caller = found
    if scope not in found.scopes:
        has = ", ".join(sorted(found.scopes))
        raise NotPermitted(f"the token {found.name} has not the scope {scope}, only {has}")
    return found


def forget_callers(request: Request) -> None:
    """Believe no token without looking: accounts or tokens have changed, and that is committed.

    Who is being looked up at this moment is noted in the memory that was there before: the old one goes.
    """
    service_of(request).forget_callers()
