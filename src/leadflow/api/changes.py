"""The one way in which the API asks for a change.

`Idempotency-Key` is the request's id, its actor the source, as on the command line: the same key again gets
the first outcome. `If-Match` says which state of a lead was seen. The answer is waited for as long as
`Prefer: wait` says; where the request is kept in the log's topics by then, the answer is 202 with the
address of its outcome, else 503. A change is answered when the read models have it.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, TypeVar
from urllib.parse import quote

from fastapi import Depends, Header, Request
from fastapi.responses import Response
from pydantic import BaseModel, ValidationError

from leadflow.api import answers, failing, problems
from leadflow.api.identity import needs
from leadflow.bootstrap.asking import new_request_id, request_of
from leadflow.bootstrap.identities import Caller
from leadflow.bootstrap.looking import LeadView, Outcome, sentence
from leadflow.bootstrap.serving import Service, Undecided
from leadflow.domain.events import Event
from leadflow.domain.requests import Body, LeadBody
from leadflow.domain.requests import Request as Asked
from leadflow.domain.values import format_time
from leadflow.errors import NotFound, NotPermitted

WAIT_S = 10.0
"""How long an outcome is waited for unless the caller prefers another time."""
WAIT_S_MAX = 60.0
KEY = r"[A-Za-z0-9._~:@/+=-]{1,255}"
REPEATED, STALE, IDEMPOTENCY_KEY = "Leadflow-Repeated", "Leadflow-Stale", "Idempotency-Key"
_HIDDEN = frozenset({"person", "touch", "touches", "policy", "calendar"})
"""Parts of facts that an answer leaves out: people, the web pages that they came from, and long documents."""
_PREFERRED = re.compile(r"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,4})")
_STATE = re.compile(r"(\d{1,18})(?:-masked)?")
_ENTITY_TAG = r'(W/)?"([!#-~\x80-\xff]*)"'
_TAG = re.compile(_ENTITY_TAG)
_TAGS = re.compile(rf"[ \t,]*{_ENTITY_TAG}(?:[ \t]*,[ \t,]*{_ENTITY_TAG})*[ \t,]*")
"""A list of entity-tags: RFC 9110, 8.8.3 and 5.6.1."""

_B = TypeVar("_B", bound=Body)


def service_of(request: Request) -> Service:
    """The service that answers."""
    found: Service = request.app.state.service
    return found


@dataclass
class Asking:
    """One change: who asks, under which key, from which state, and how long the outcome is waited for."""

    service: Service
    caller: Caller
    key: str
    named: bool = False
    """The caller gave the key."""
    wait_s: float = WAIT_S
    conditional: bool = False
    """The caller said which state it saw."""
    if_sequence: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    """Of the answer."""

    @property
    def actor(self) -> str:
        """Who asks."""
        return self.caller.actor

    def request(self, pool: str, kind: type[_B], **fields: Any) -> Asked:
        """The request; what is None is left out. Raises ProblemError for values that its rules refuse."""
        values = {name: value for name, value in fields.items() if value is not None}
        try:
            body = kind(**values)
        except ValidationError as error:
            raise failing.of_validation(error.errors(include_input=False), "body") from error
        return request_of(pool, self.actor, self.key, body)

    def send(self, pool: str, kind: type[_B], **fields: Any) -> Outcome:
        """The outcome of a request that no rule refuses; for threads.

        Raises ProblemError with the refusal, Undecided, and what kept it from being decided.
        """
        return self.taken(self.service.decide(self.request(pool, kind, **fields), self.wait_s))

    async def sent(self, pool: str, kind: type[_B], **fields: Any) -> Outcome:
        """As `send`, for the event loop."""
        return self.taken(await self.service.decided(self.request(pool, kind, **fields), self.wait_s))

    def taken(self, outcome: Outcome) -> Outcome:
        """The outcome, unless it is a refusal. Raises ProblemError."""
        if outcome.repeated:
            self.headers[REPEATED] = "true"
        if outcome.refusal is not None:
            refused = failing.of_refusal(outcome, conditional=self.conditional)
            raise problems.ProblemError(refused.problem, self.headers)
        return outcome

    def fresh(self, pool: str) -> None:
        """Wait until what was written can be read; says so in a header where it cannot be yet."""
        if not self.service.fresh.wait(pool):
            self.headers[STALE] = "true"

    def about_lead(self, outcome: Outcome, seen: LeadView | None = None) -> Response:
        """The answer to a change of a lead: its facts, and the lead as the caller sees it now."""
        first = outcome.events[0]
        if seen is None:
            self.fresh(first.pool)
            seen = self._look(first.pool, first.subject)
        lead = answers.Lead.of(seen) if seen is not None else None
        if lead is not None:
            self.headers["ETag"] = lead.etag
        return self.answer(
            answers.LeadChanged(
                pool=first.pool,
                lead=first.subject,
                request=self.key,
                repeated=outcome.repeated,
                facts=facts_of(outcome),
                state=lead,
            )
        )

    def change_lead(self, kind: type[LeadBody], pool: str, lead: str, **fields: Any) -> Response:
        """Have a request about one lead decided, and answer with what became of it. Raises as `send`."""
        return self.about_lead(self.send(pool, kind, lead=lead, if_sequence=self.if_sequence, **fields))

    def changed(self, outcome: Outcome) -> answers.Changed:
        """What a change of a pool, its people or its rules caused; the read models are waited for."""
        first = outcome.events[0]
        self.fresh(first.pool)
        return answers.Changed(
            pool=first.pool, request=self.key, repeated=outcome.repeated, facts=facts_of(outcome)
        )

    def answer(self, document: BaseModel, status: int = 200) -> Response:
        """A document as the answer, with the headers of this change."""
        return answers.answer(document, status, self.headers)

    def _look(self, pool: str, lead: str) -> LeadView | None:
        try:
            return self.service.app.views.lead(self.actor, pool, lead)
        except (NotFound, NotPermitted):
            return None


def facts_of(outcome: Outcome) -> list[answers.Fact]:
    """The facts of an outcome, without people: who may see those asks for the lead."""
    return [fact_of(event) for event in outcome.events]


def fact_of(event: Event) -> answers.Fact:
    """A fact as answers show it."""
    data = event.data.model_dump(mode="json", exclude_none=True, exclude=set(_HIDDEN))
    says = sentence(event, lambda moment: format_time(moment) if moment else "")
    return answers.Fact(
        id=event.id, type=event.type, time=event.time, subject=event.subject, says=says, data=data
    )


async def accepted(request: Request, error: Exception) -> Response:
    """The answer to a request that is kept for certain and not decided yet: where its outcome will be."""
    assert isinstance(error, Undecided)
    asked = error.request
    name = asked.id if asked.source == asked.actor else asked.identity
    address = f"/v1/requests/{quote(name, safe='')}?pool={asked.pool}"
    made: Asking | None = getattr(request.state, "asking", None)
    headers = {**(made.headers if made is not None else {}), "Location": address, "Retry-After": "1"}
    return answers.answer(
        answers.Accepted(pool=asked.pool, request=name, status="waiting", location=address), 202, headers
    )


# --- headers --------------------------------------------------------------------------------

Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        pattern=rf'^({KEY}|"{KEY}")$',
        description="Names this change: sent again with the same key, it gets its first outcome. One is made "
        "and returned where none is given.",
        examples=["0199d3a0-5c1e-7c3e-b0f5-2f6f0f6b8a11"],
    ),
]
Prefer = Annotated[
    str | None,
    Header(
        description="`wait=SECONDS`: how long to wait for the outcome (10 unless said, at most 60); "
        "`respond-async`: not at all. (RFC 7240)",
        examples=["wait=5"],
    ),
]
IfMatch = Annotated[
    str | None,
    Header(
        alias="If-Match",
        description="The `ETag` of the lead as it was seen, a list of such, or `*` (RFC 9110). Where it has "
        "changed since: 412, and nothing is changed.",
        examples=['"1042"'],
    ),
]


def key_of(given: str | None) -> str:
    """The key that the caller named, as a bare token or as a quoted string; or a new one."""
    return given.strip('"') if given else new_request_id()


def wait_of(prefer: str | None) -> float:
    """How long to wait, in seconds."""
    if prefer is None:
        return WAIT_S
    if "respond-async" in prefer:
        return 0.0
    found = _PREFERRED.search(prefer)
    return min(float(found[1]), WAIT_S_MAX) if found else WAIT_S


def sequence_of(if_match: str | None) -> int | None:
    """The sequence that `If-Match` names; None for `*` and where there is none.

    Of several the latest: a lead does not go back to a state before one that was seen. A weak tag matches
    nothing here (RFC 9110, 13.1.1). Raises ProblemError for what is no such header, and for tags that no
    state of a lead ever had.
    """
    if if_match is None or if_match.strip() == "*":
        return None
    if _TAGS.fullmatch(if_match) is None:
        raise problems.ProblemError(
            problems.problem(
                "unreadable",
                'If-Match is an `ETag` in its quotation marks, as `"1042"`, a list of such, or `*`',
            )
        )
    strong = [tag for weak, tag in _TAG.findall(if_match) if not weak]
    states = [int(found[1]) for found in map(_STATE.fullmatch, strong) if found]
    if not states:
        raise problems.ProblemError(
            problems.problem("stale", 'If-Match names no state of a lead: give its `ETag`, as `"1042"`')
        )
    return max(states)


NEEDS: dict[Callable[..., Any], tuple[str, bool]] = {}
"""By dependency: the scope that it needs, and whether it is about one lead. `hot` asks in its own way."""


def asking(scope: str) -> Callable[..., Awaitable[Asking]]:
    """The dependency of a route that changes something: who asks, with this scope, and how."""
    allowed: Any = Depends(needs(scope))

    async def made(
        request: Request,
        caller: Caller = allowed,
        key: Key = None,
        prefer: Prefer = None,
    ) -> Asking:
        name = key_of(key)
        found = Asking(
            service_of(request),
            caller,
            name,
            named=key is not None,
            wait_s=wait_of(prefer),
            headers={IDEMPOTENCY_KEY: name},
        )
        request.state.asking = found
        return found

    NEEDS[made] = (scope, False)
    return made


async def _about_lead(made: Annotated[Asking, Depends(asking("work"))], if_match: IfMatch = None) -> Asking:
    made.conditional = if_match is not None
    made.if_sequence = sequence_of(if_match)
    return made


NEEDS[_about_lead] = ("work", True)
LeadAsking = Annotated[Asking, Depends(_about_lead)]
"""Who asks for a change of one lead."""
Working = Annotated[Asking, Depends(asking("work"))]
"""Who asks for a change that names no lead."""
Managing = Annotated[Asking, Depends(asking("manage"))]
"""Who asks for a change of a pool, its people or its rules."""

Sending = Annotated[Asking, Depends(asking("intake"))]
"""Who sends arrivals."""

__all__ = ["Asking", "LeadAsking", "Managing", "Sending", "Undecided", "Working", "asking", "service_of"]
