"""What every request goes through: limits of its body, one line in the log, and no bug that shows itself."""

from __future__ import annotations

import re
import time

import orjson
import structlog
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from leadflow.api import failing, problems
from leadflow.api.identity import template_of
from leadflow.bootstrap.importing import doubled

BODY_MAX = "leadflow.body_max"
"""Where a request's scope keeps how many bytes its body may have; a route may allow itself another number
before it reads."""
HEADERS = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)
"""Of every answer, unless it has its own."""

JSON = re.compile(r"application/([\w.+-]+\+)?json\s*(;|$)", re.IGNORECASE)
"""The media types of JSON."""
NOT_LOOKED_AT = ("/v1/", "/in/")
"""Below these nothing answers HEAD: it is programs that ask there, and streams never end. Pages do, as those
who check links and show previews of them expect (RFC 9110, 9.3.2)."""
PROBES = ("/healthz", "/readyz")
GONE = 499
"""What the log has for a caller that went away, as nginx does; nobody is answered with it."""

log_ = structlog.get_logger("leadflow.access")


class Frame:
    """Wraps the application (ASGI)."""

    def __init__(self, app: ASGIApp, *, body_max: int) -> None:
        self._app = app
        self._body_max = body_max

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if scope["method"] == "HEAD" and not scope["path"].startswith(NOT_LOOKED_AT):
            # The server leaves the body out by the scope of its own.
            scope = {**scope, "method": "GET"}
        scope[BODY_MAX] = self._body_max
        began = time.monotonic()
        status = 0

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                present = {name.lower() for name, _ in message["headers"]}
                message["headers"] = [
                    *message["headers"],
                    *(header for header in HEADERS if header[0] not in present),
                ]
            await send(message)

        try:
            refusal = _refusal(scope)
            if refusal is not None:
                await refusal(scope, receive, sending)
            else:
                await self._app(scope, Body(scope, receive), sending)
        except ClientDisconnect:
            # Who asked has gone away before all of it was said: there is nobody to answer, and nothing to do.
            status = status or GONE
        except Exception as error:
            answer = failing.bug(error)
            if status:
                # The beginning of an answer is on its way already: the connection ends.
                raise Broken from None
            await answer(scope, receive, sending)
        finally:
            _tell(scope, status, time.monotonic() - began)


class Broken(Exception):
    """An answer ended in the middle; what went wrong stands in the log."""


class Body:
    """A request's body, counted while it is read."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self._scope = scope
        self._receive = receive
        self._read = 0
        # Of what comes to an inlet everything is kept, with what is wrong with it.
        self._looks = not scope["path"].startswith("/in/") and _is_json(scope)
        self._pieces: list[bytes] = []

    async def __call__(self) -> Message:
        limit = self._scope[BODY_MAX]
        if not self._read and _announced(self._scope) > limit:
            raise too_large(limit)
        message = await self._receive()
        if message["type"] == "http.request":
            self._read += len(message.get("body", b""))
            if self._read > limit:
                raise too_large(limit)
            if self._looks:
                self._pieces.append(message.get("body", b""))
                if not message.get("more_body", False):
                    _check_members(b"".join(self._pieces))
        return message


def _check_members(content: bytes) -> None:
    """Raise HTTPException for JSON that says something twice. What is none is told by who reads it."""
    try:
        document = orjson.loads(content)
    except orjson.JSONDecodeError:
        document = None
    if (twice := doubled(content, document)) is not None:
        raise HTTPException(400, f"the body says {twice} twice: which of them holds is not guessed")


def _is_json(scope: Scope) -> bool:
    return any(
        name == b"content-type" and JSON.match(value.decode("latin-1")) for name, value in scope["headers"]
    )


def too_large(limit: int) -> HTTPException:
    """What ends a request whose body is too large."""
    return HTTPException(413, f"a body here has at most {limit:,} bytes", {"Connection": "close"})


def _refusal(scope: Scope) -> Response | None:
    """The answer to what can be read in no way."""
    if _unusable(scope):
        return problems.answer_of(
            problems.problem("unreadable", "the address holds a character that no address has")
        )
    packed = [value for name, value in scope["headers"] if name == b"content-encoding"]
    if any(value.strip().lower() not in (b"", b"identity") for value in packed):
        # As something unreadable it would be acknowledged, and nobody could read it (RFC 9110, 15.5.16).
        found = problems.problem("unsupported-type", "bodies are taken as they are, without Content-Encoding")
        return problems.answer_of(found, {"Accept-Encoding": "identity"})
    return None


def _announced(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value) if value.isdigit() and len(value) < 20 else 0
    return 0


def _unusable(scope: Scope) -> bool:
    """Whether the address holds a NUL or what is no UTF-8: no text of Postgres does."""
    query: bytes = scope["query_string"]
    path: str = scope["path"]
    if "\x00" in path or "\ufffd" in path or b"%00" in query or b"\x00" in query:
        return True
    try:
        path.encode()
    except UnicodeEncodeError:
        return True
    return False


def _tell(scope: Scope, status: int, seconds: float) -> None:
    """One line: never the query, a header, or what a path's parameters are, which may be secrets."""
    path = template_of(scope)
    # Who asks every few seconds is not worth a line.
    tell = log_.debug if path in PROBES else log_.info
    tell(
        "request",
        method=scope["method"],
        path=path,
        status=status or 500,
        ms=round(seconds * 1000, 1),
    )
