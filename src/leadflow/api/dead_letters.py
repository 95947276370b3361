"""Arrivals that could not be read: looked at, corrected, sent again or discarded.

They hold contact points of people whose pool may not be known: they are for managers, as on the command line.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field, ValidationError

from leadflow.api import answers, examples, failing, once, pages, problems
from leadflow.api.bodies import body
from leadflow.api.changes import Asking, Managing
from leadflow.api.reading import Managing as Looking
from leadflow.bootstrap.asking import request_of
from leadflow.bootstrap.importing import Arrival, DeadLetter, MappingFile, destination, reason_of
from leadflow.bootstrap.looking import Outcome
from leadflow.bootstrap.serving import Service
from leadflow.domain.requests import Request as Asked
from leadflow.domain.requests import SubmitIntake
from leadflow.domain.values import POOL_PATTERN, UtcTime, role_of
from leadflow.errors import LeadflowError, NotFound, NotPermitted, UsageError

router = APIRouter(tags=["intake"], prefix="/dead-letters")

_LETTER: dict[str, Any] = {
    "id": 17,
    "pool": "east",
    "channel": "web_form",
    "ref": "form-7731",
    "campaign": "autumn",
    "door": "api",
    "reason": "phone is no phone number",
    "problems": [{"field": "phone", "code": "invalid_phone", "message": "is no phone number"}],
    "first_seen": "2026-11-21T10:00:00.000000Z",
    "last_seen": "2026-11-21T10:00:00.000000Z",
    "times": 1,
    "status": "waiting",
    "resolved_by": None,
}
EntryId = Annotated[int, Path(ge=1, lt=2**63, description="The entry's number.", examples=[17])]


class Letter(answers.Answer):
    """An entry: one arrival that could not be read, however often it was sent."""

    model_config = answers.example(_LETTER)

    id: int
    pool: str | None
    channel: str | None
    ref: str | None
    campaign: str | None
    door: str | None
    reason: str
    problems: Annotated[list[dict[str, Any]], Field(description="Every problem, by its field.")]
    first_seen: UtcTime
    last_seen: UtcTime
    times: int
    status: Annotated[str, Field(description="waiting, resent or discarded.")]
    resolved_by: str | None


class LetterWhole(Letter):
    """An entry with what came."""

    model_config = answers.example({**_LETTER, "original": {"name": "赵敏", "phone": "12"}, "record": None})

    original: Annotated[Any, Field(description="As it came: a JSON value.")]
    record: Annotated[
        dict[str, Any] | None, Field(description="The Kafka record that it was: bytes are base64.")
    ]


class LetterList(answers.Answer):
    """A page of entries."""

    model_config = answers.example({"items": [_LETTER], "next": None})

    items: list[Letter]
    next: Annotated[str | None, Field(description="The cursor of the next page; null on the last one.")]


class Corrections(BaseModel):
    """How it is to be read instead."""

    model_config = body({"changes": {"phone": "138 0013 8001"}})

    changes: Annotated[
        dict[str, Annotated[str, Field(max_length=4000)]],
        Field(max_length=500, description="Values by field (phone, name, …) or by column."),
    ] = {}
    document: Annotated[dict[str, Any] | None, Field(max_length=500, description="Instead of what came.")] = (
        None
    )
    columns: Annotated[
        dict[str, str] | None,
        Field(max_length=500, description="What columns are: by column, the field, `answer` or `ignore`."),
    ] = None
    pool: Annotated[
        str | None, Field(pattern=f"^{POOL_PATTERN}$", description="Where it goes, if it did not say.")
    ] = None


class Resent(answers.Answer):
    """What became of an entry that was sent again."""

    model_config = answers.example(
        {
            "id": 17,
            "pool": "east",
            "answer": "created",
            "subject": examples.LEAD_ID,
            "fact": "east/1040",
            "repeated": False,
        }
    )

    id: int
    pool: str
    answer: Annotated[str | None, Field(description="Of an arrival: created, merged or duplicate.")]
    subject: Annotated[str | None, Field(description="The lead, or whatever else it was about.")]
    fact: Annotated[str | None, Field(description="null where nothing was left to decide.")]
    repeated: bool


# --- looking --------------------------------------------------------------------------------


@router.get(
    "",
    operation_id="listDeadLetters",
    summary="List what could not be read",
    response_model=LetterList,
    responses=problems.responses(),
)
def list_letters(
    request: Request,
    read: Looking,
    status: Annotated[
        Literal["waiting", "resent", "discarded", "all"], Query(description="Only entries in this state.")
    ] = "waiting",
    limit: pages.Limit = pages.LIMIT,
    cursor: pages.Cursor = None,
) -> Response:
    """Arrivals that could not be read, oldest first; for managers, those of their pools."""
    if role_of(read.actor) != "manager":
        raise NotPermitted(f"{read.actor} may not see dead letters")
    choice = pages.choice_of("dead-letters", status)
    after = pages.number_of(cursor, choice)
    read.app.decisions.collect(read.app.dead_letters)
    may = _Rights(read.service, read.actor)
    found: list[DeadLetter] = []
    while len(found) <= limit:
        page = read.app.dead_letters.list(None if status == "all" else status, limit=limit + 1, after=after)
        found += filter(may, page)
        if len(page) <= limit:
            break
        after = page[-1].id
    following = pages.cursor_of(choice, [found[limit - 1].id]) if len(found) > limit else None
    items = [Letter.model_validate(letter) for letter in found[:limit]]
    return read.answer(LetterList(items=items, next=following), headers=pages.links(request, following))


@router.get(
    "/{entry}",
    operation_id="getDeadLetter",
    summary="Look at what could not be read",
    response_model=LetterWhole,
    responses=problems.responses(),
)
def get_letter(entry: EntryId, read: Looking) -> Response:
    """An entry with what came, and every problem by its field."""
    read.app.decisions.collect(read.app.dead_letters)
    return read.answer(_whole(_allowed(read.service, read.actor, entry)))


def _whole(letter: DeadLetter) -> LetterWhole:
    return LetterWhole.model_validate(vars(letter) | {"original": letter.content()})


class _Rights:
    """Which entries an actor may see: those of pools that it manages; without a pool, any manager."""

    def __init__(self, service: Service, actor: str) -> None:
        views = service.app.views
        self._pools = {pool: views.may("manage", actor, pool) for pool in views.pools()}

    def __call__(self, letter: DeadLetter) -> bool:
        found = self._pools.get(letter.pool or "")
        return any(self._pools.values()) if found is None else found


def _allowed(service: Service, actor: str, entry: int) -> DeadLetter:
    """An entry. Raises NotFound, alike for one that may not be seen."""
    missing = NotFound(f"there is no dead letter {entry}")
    try:
        letter = service.app.dead_letters.get(entry)
    except NotFound as error:
        raise missing from error
    if not _Rights(service, actor)(letter):
        raise missing
    return letter


# --- sending again --------------------------------------------------------------------------


@router.post(
    "/{entry}/retry",
    operation_id="retryDeadLetter",
    summary="Send it again, corrected",
    response_model=Resent,
    responses=problems.changes(),
)
def retry_letter(entry: EntryId, asking: Managing, body: Corrections | None = None) -> Response:
    """Send an entry again, with corrections. It stays the same arrival: sent twice, it counts once."""
    wanted = body or Corrections()
    asked = ("retry", str(entry), wanted.model_dump_json())
    return once.same(asking, lambda: _retried(asking, entry, wanted), *asked)


def _retried(asking: Asking, entry: int, wanted: Corrections) -> Response:
    app = asking.service.app
    app.decisions.collect(app.dead_letters)
    letter = _allowed(asking.service, asking.actor, entry)
    asked = _request(asking, letter, wanted)
    if asked.pool in app.views.pools() and not app.views.may("manage", asking.actor, asked.pool):
        raise NotPermitted(f"{asking.actor} may not send to pool {asked.pool}")
    outcome = asking.taken(asking.service.decide(asked, asking.wait_s))
    if letter.status != "resent":
        app.dead_letters.mark(letter.id, "resent", by=_by(outcome, asking.actor))
    first = outcome.events[0] if outcome.events else None
    return asking.answer(
        Resent(
            id=letter.id,
            pool=asked.pool,
            answer=outcome.answer if isinstance(asked.body, SubmitIntake) else None,
            subject=first.subject or None if first else None,
            fact=first.id if first else None,
            repeated=outcome.repeated,
        )
    )


def _request(asking: Asking, letter: DeadLetter, wanted: Corrections) -> Asked:
    """What an entry asks for, corrected. Raises ProblemError where it cannot be read yet."""
    app = asking.service.app
    if letter.record is not None:
        return app.decisions.again(letter, wanted.document, wanted.changes, wanted.pool)
    try:
        mapping = None if wanted.columns is None else MappingFile(columns=wanted.columns)
    except ValidationError as error:
        raise failing.of_validation(error.errors(include_input=False), "body") from error
    content = letter.content() if wanted.document is None else wanted.document
    arrival = asking.service.reception.read_again(letter, content, wanted.changes, mapping)
    if arrival.body is None:
        raise _unreadable(letter, arrival)
    named = wanted.pool or letter.pool
    pools = list(app.views.pools())
    to = destination(named, None if named else app.routing(), pools)
    return request_of(to.of(arrival.body), asking.actor, asking.key, arrival.body)


def _unreadable(letter: DeadLetter, arrival: Arrival) -> LeadflowError | problems.ProblemError:
    if letter.resolved_by:
        return UsageError(f"dead letter {letter.id} was sent again already: {letter.resolved_by}")
    found = problems.problem(
        "invalid",
        f"it cannot be read yet: {reason_of(arrival)}",
        errors=failing.fields_of(arrival.problems, "changes"),
        dead_letter=letter.id,
    )
    return problems.ProblemError(found)


def _by(outcome: Outcome, actor: str) -> str:
    first = outcome.events[0] if outcome.events else None
    if first is None:
        what = "nothing was left to decide"
    else:
        what = f"lead {first.subject}" if first.subject else f"fact {first.id}"
    return f"{what} of pool {outcome.request.pool}, by {actor}"


@router.post(
    "/{entry}/discard",
    operation_id="discardDeadLetter",
    summary="Discard it",
    response_model=Letter,
    responses=problems.responses(409),
)
def discard_letter(entry: EntryId, change: once.Managing) -> Response:
    """Say that nothing is to become of an entry. It stays, and can be looked at; one that was sent again
    cannot be discarded."""

    def make() -> Letter:
        letter = _allowed(change.service, change.actor, entry)
        if letter.status == "resent":
            detail = f"it was sent again already: {letter.resolved_by}"
            raise problems.ProblemError(problems.problem("refused", detail, reason="resent"))
        if letter.status == "waiting":
            letter = change.app.dead_letters.mark(letter.id, "discarded", by=change.actor)
        return Letter.model_validate(letter)

    return change.once(make)
