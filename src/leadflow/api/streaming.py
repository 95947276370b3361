"""The facts of a pool as they come: server-sent events.

https://html.spec.whatwg.org/multipage/server-sent-events.html. Each fact's id is POOL/SEQUENCE; whoever comes
back with the last one that it had in `Last-Event-ID` goes on behind it. A stream waits in the event loop and
holds neither a thread nor a connection: one thread reads the log for all (`leadflow.bootstrap.feeds`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import suppress
from typing import Annotated, Any, TypeVar

import structlog
from fastapi import APIRouter, Header, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from pydantic import Field
from starlette.types import Receive, Scope, Send

from leadflow.api import answers, examples, problems
from leadflow.api.identity import still_calls
from leadflow.api.reading import Look, PoolName, Reading
from leadflow.bootstrap.feeds import Feed, Feeds, Gone, Told, Watcher
from leadflow.bootstrap.looking import sentence
from leadflow.domain.events import Event
from leadflow.domain.values import UtcTime, format_time
from leadflow.errors import LeadflowError, NotPermitted, NotSignedIn, Unavailable

router = APIRouter(tags=["pools"])

HEARTBEAT_S = 15.0
"""How often a line comes that says no more than that the stream lives."""
CHECK_S = 1.0
"""Who reads, and what it may see, is looked at again when it was longer ago, before anything is sent."""
SEND_S = 30.0
"""Who takes nothing for that long is cut off; it can come back and go on where it was."""
READERS_MAX = 2_000
RETRY_MS = 2_000
"""How long a browser waits before it comes back."""
MEDIA_TYPE = "text/event-stream"
_T = TypeVar("_T")

log_ = structlog.get_logger(__name__)

_FACT: dict[str, Any] = {
    **examples.FACT,
    "actor": "rep/wang",
    "policy": 3,
    "index": 1,
    "count": 1,
    "masked": False,
}


class StreamedFact(answers.Answer):
    """A fact as this reader may see it: the `data` of an event of the stream."""

    model_config = answers.example(_FACT)

    id: Annotated[str, Field(description="POOL/SEQUENCE: also the event's id.")]
    type: Annotated[str, Field(description="Also the event's name.")]
    time: UtcTime
    subject: Annotated[str, Field(description="The lead, member or pool that it is about.")]
    actor: str
    policy: int
    index: Annotated[int, Field(description="Its place within its decision, from 1.")]
    count: Annotated[int, Field(description="How many facts the decision has; not all may be for you.")]
    says: Annotated[str | None, Field(description="In words; null where the caller sees no history.")]
    data: dict[str, Any]
    masked: Annotated[bool, Field(description="Who the person is, and what people wrote, was left out.")]


class LeadGone(answers.Answer):
    """A lead that this reader saw and sees no longer: the `data` of the event `gone`."""

    model_config = answers.example(
        {
            "id": "east/1043",
            "type": "gone",
            "time": "2026-11-21T10:05:00.000000Z",
            "subject": examples.LEAD_ID,
        }
    )

    id: Annotated[str, Field(description="POOL/SEQUENCE: also the event's id.")]
    type: Annotated[str, Field(description="`gone`: also the event's name.")]
    time: UtcTime
    subject: Annotated[str, Field(description="The lead. Who has it now, and why, is not told.")]


LastEventId = Annotated[
    str | None,
    Header(
        alias="Last-Event-ID",
        max_length=100,
        description="The id of the last event that was received: what came after it is sent first.",
        examples=["east/1042"],
    ),
]
After = Annotated[
    int | None,
    Query(
        ge=0,
        lt=2**62,
        description="The same for a first call: facts after this sequence; 0 is from the beginning on. What "
        "comes from now on, unless said.",
    ),
]
_TOLD: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Events without end. Each has the fact's type as its name, a `StreamedFact` as its "
        "data; the facts of one decision come together. The event `gone` (`LeadGone`) tells of a lead that "
        "has left the reader's sight. A comment comes every 15 seconds. The event `end` comes where the "
        "session or the membership has ended.",
        "content": {
            MEDIA_TYPE: {
                "schema": {"type": "string"},
                "example": "id: east/1042\nevent: leadflow.lead.claimed.v1\n"
                'data: {"id":"east/1042","type":"leadflow.lead.claimed.v1", …}\n\n'
                'id: east/1043\nevent: gone\ndata: {"id":"east/1043","type":"gone", …}\n\n',
            }
        },
    },
    **problems.responses(),
}


@router.get(
    "/pools/{pool}/events",
    operation_id="streamEvents",
    summary="Facts as they come",
    response_class=Response,
    responses=_TOLD,
)
async def stream_events(
    request: Request, pool: PoolName, read: Reading, last_event_id: LastEventId = None, after: After = None
) -> Response:
    """The facts of a pool as server-sent events. Managers and auditors are sent everything; others the facts
    of leads that they may see at that moment, without what a mask hides, and that a lead has left their sight
    (`gone`)."""
    feeds = read.service.feeds
    if feeds.readers >= READERS_MAX:
        raise Unavailable(f"{READERS_MAX} streams are open already")
    begin = await run_in_threadpool(_begin, read, pool, last_event_id, after)
    return EventStream(Reader(request, read, feeds, pool, begin))


def _begin(read: Look, pool: str, last: str | None, after: int | None) -> int | None:
    """The sequence behind which the stream begins; None for now.

    Raises NotFound, NotPermitted, Unavailable, and ProblemError for an id that this pool does not have.
    """
    read.pool(pool)
    read.app.views.watcher(read.actor, pool)
    if last is not None:
        name, _, digits = last.partition("/")
        if name != pool or not (digits.isascii() and digits.isdigit() and len(digits) < 19):
            raise _no_place("Last-Event-ID", "header", f"is no id of a fact of pool {pool}")
        after = int(digits)
    if after is not None and after > read.app.log.last(pool):
        where = ("Last-Event-ID", "header") if last is not None else ("after", "query")
        raise _no_place(*where, f"is beyond the last fact of pool {pool}")
    return after


def _no_place(field: str, part: str, message: str) -> problems.ProblemError:
    wrong = problems.FieldError(field=field, part=part, code="no_such_fact", message=message)
    return problems.ProblemError(problems.problem("invalid", "1 problem in what was sent", errors=[wrong]))


class Reader:
    """One reader of a pool's facts: what it is sent, piece by piece."""

    def __init__(self, request: Request, read: Look, feeds: Feeds, pool: str, after: int | None) -> None:
        self._request = request
        self._read = read
        self._feeds = feeds
        self._pool = pool
        self._at = after
        self._loop = asyncio.get_running_loop()
        self._more = asyncio.Event()
        self._watcher: tuple[float, Watcher] | None = None

    async def pieces(self) -> AsyncGenerator[str, None]:
        """What to send, until the stream has to end. Each piece has whole decisions."""
        feed = await self._thread(self._feeds.follow, self._pool, self._wake)
        try:
            if self._at is None:
                self._at = feed.head
            # The id says where to go on for who is cut off before the first fact.
            yield f"retry: {RETRY_MS}\nid: {self._pool}/{self._at}\n\n"
            async for piece in self._following(feed):
                yield piece
        except (NotPermitted, NotSignedIn) as ended:
            yield _end(ended.what)
        except Unavailable:
            # Whoever comes back is told, by a status, that something is away.
            return
        finally:
            self._feeds.leave(feed, self._wake)

    async def _following(self, feed: Feed) -> AsyncGenerator[str, None]:
        told_at, alive_at = self._at, time.monotonic()
        while not self._feeds.stopping.is_set():
            self._more.clear()
            facts = await self._facts(feed)
            if facts:
                piece = await self._thread(self._told, feed, facts)
                self._at = facts[-1].sequence
                if piece:
                    told_at, alive_at = self._at, time.monotonic()
                    yield piece
                continue
            left = HEARTBEAT_S - (time.monotonic() - alive_at)
            if left <= 0:
                await self._thread(self._check)
                alive_at = time.monotonic()
                # An id without data moves on where to resume, past what was not for this reader.
                yield ":\n\n" if told_at == self._at else f"id: {self._pool}/{self._at}\n\n"
                told_at = self._at
                continue
            with suppress(TimeoutError):
                await asyncio.wait_for(self._more.wait(), left)

    async def _facts(self, feed: Feed) -> Sequence[Event]:
        assert self._at is not None
        if self._at >= feed.head:
            return ()
        known = feed.after(self._at)
        return known if known is not None else await self._thread(self._feeds.facts, feed, self._at)

    def _told(self, feed: Feed, facts: Sequence[Event]) -> str:
        """The facts that this reader may see now, as it may see them."""
        if any(event.type.startswith("leadflow.member.") for event in facts):
            # Somebody came, left or has another role: it may be the reader.
            self._watcher = None
        return "".join(_written(one) for one in self._feeds.told(feed, self._check(), facts))

    def _check(self) -> Watcher:
        """Who reads, as of a moment ago. Raises NotSignedIn, NotPermitted where that has ended."""
        if self._watcher is not None and time.monotonic() - self._watcher[0] < CHECK_S:
            return self._watcher[1]
        now = time.monotonic()
        caller = still_calls(self._request)
        if "read" not in caller.scopes:
            raise NotPermitted("the token may no longer read")
        self._watcher = (now, self._read.app.views.watcher(caller.actor, self._pool))
        return self._watcher[1]

    def _wake(self) -> None:
        """Called by the thread that follows the log."""
        # The loop is closed where the server has ended meanwhile.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._more.set)

    async def _thread(self, work: Callable[..., _T], *given: Any) -> _T:
        return await self._loop.run_in_executor(self._feeds.threads, work, *given)


def _written(one: Told | Gone) -> str:
    """A fact, or that a lead is gone, as an event of the stream."""
    event = one.event
    if isinstance(one, Gone):
        left = LeadGone(id=event.id, type="gone", time=event.time, subject=one.lead)
        return f"id: {event.id}\nevent: gone\ndata: {left.model_dump_json()}\n\n"
    document = StreamedFact(
        id=event.id,
        type=event.type,
        time=event.time,
        subject=event.subject,
        actor=event.actor,
        policy=event.policy,
        index=event.fact_index,
        count=event.fact_count,
        says=sentence(event, _when) if one.in_words else None,
        data=one.data,
        masked=one.masked,
    )
    # JSON has no line ends within it, so it is one line of data.
    return f"id: {event.id}\nevent: {event.type}\ndata: {document.model_dump_json()}\n\n"


def _when(moment: Any) -> str:
    return format_time(moment) if moment else ""


def _end(why: str) -> str:
    document = problems.problem("not-permitted", why).model_dump_json(exclude_none=True)
    return f"event: end\ndata: {document}\n\n"


class EventStream(Response):
    """An answer that goes on until its reader ends, goes away, or takes nothing for too long."""

    def __init__(self, reader: Reader) -> None:
        super().__init__(media_type=MEDIA_TYPE, headers={"X-Accel-Buffering": "no"})
        # It has no length.
        self.raw_headers = [header for header in self.raw_headers if header[0] != b"content-length"]
        self._reader = reader

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        sending = asyncio.create_task(self._send(send))
        leaving = asyncio.create_task(_gone(receive))
        try:
            await asyncio.wait((sending, leaving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            leaving.cancel()
            if not sending.done():
                sending.cancel()
            with suppress(asyncio.CancelledError):
                await sending

    async def _send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        pieces = self._reader.pieces()
        try:
            async for piece in pieces:
                message = {"type": "http.response.body", "body": piece.encode(), "more_body": True}
                await asyncio.wait_for(send(message), SEND_S)
            await asyncio.wait_for(send({"type": "http.response.body", "more_body": False}), SEND_S)
        except TimeoutError:
            log_.warning("a reader of facts was cut off: it took nothing for long", seconds=SEND_S)
        except LeadflowError as error:
            log_.warning("a stream of facts ended", problem=error.what)
        finally:
            await pieces.aclose()


async def _gone(receive: Receive) -> None:
    """Return when the reader has gone away."""
    while (await receive())["type"] != "http.disconnect":
        pass
