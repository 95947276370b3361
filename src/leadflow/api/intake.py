"""Coming in, one arrival at a time: for adapters and programs.

The arrival's own identity is its channel and its reference: the same again is the same arrival, and gets the
first one's answer. It is durable in the log before it is answered. What cannot be read is kept as a dead
letter, and the answer names every problem by its field.
"""

from __future__ import annotations

import re
from dataclasses import asdict, replace
from typing import Annotated, Any

from fastapi import APIRouter
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from pydantic import BaseModel, Field

from leadflow.api import answers, examples, failing, problems
from leadflow.api.bodies import body
from leadflow.api.changes import IDEMPOTENCY_KEY, KEY, Asking, Sending
from leadflow.api.hot import HotRoute
from leadflow.api.reading import PoolName
from leadflow.bootstrap.importing import Arrival, ArrivalReader, reason_of, unreadable
from leadflow.bootstrap.inlets import Places
from leadflow.bootstrap.looking import Outcome
from leadflow.domain.events import LeadCaptured, TouchRecorded
from leadflow.domain.requests import SubmitIntake, intake_request
from leadflow.domain.routing import route
from leadflow.domain.values import Name, Text
from leadflow.errors import KeyReused, NotFound, NotPermitted

router = APIRouter(tags=["intake"], route_class=HotRoute)

_IS_KEY = re.compile(KEY)
READERS_MAX = 500
"""Sources whose columns are remembered."""


class Intake(BaseModel):
    """One arrival of a lead through a channel."""

    model_config = body(
        {
            "channel": "web_form",
            "ref": "form-7731",
            "campaign": "autumn",
            "fields": {
                "name": "赵敏",
                "phone": "138 0013 8001",
                "company": "蓝海物流",
                "region": "上海",
                "landing_page": "https://example.com/demo?utm_source=baidu&utm_medium=cpc",
                "note": "想看演示",
            },
        }
    )

    channel: Annotated[Name, Field(description="The channel that it came through; the policy declares it.")]
    ref: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=512,
            description="Names the arrival within its channel: sent again, it is the same one. Left out, the "
            "caller and its `Idempotency-Key` do; and without that, equal arrivals are one.",
        ),
    ] = None
    campaign: Text | None = None
    door: Annotated[
        Name | None, Field(description="How it came in; `api`, or `web_form` for that channel, if left out.")
    ] = None
    fields: Annotated[
        dict[str, Any],
        Field(
            min_length=1,
            max_length=500,
            description="What was sent, by the usual Chinese and English names: name, phone, email, wechat, "
            "company, industry, size, region, cost, time, landing_page, referrer, utm_…, click ids. Others "
            "are kept as answers.",
        ),
    ]


class Note(answers.Answer):
    """Something about an arrival that was taken all the same."""

    field: str
    code: str
    message: str


class Taken(answers.Answer):
    """What became of an arrival."""

    model_config = answers.example(
        {
            "answer": "created",
            "pool": "east",
            "lead": examples.LEAD_ID,
            "fact": "east/1040",
            "request": "intake/web_form:form-7731",
            "repeated": False,
            "notes": [],
        }
    )

    answer: Annotated[
        str,
        Field(description="created: a new lead; merged: a touch of a known one; duplicate: it came before."),
    ]
    pool: str
    lead: str
    fact: str
    request: Annotated[str, Field(description="Its identity: `GET /v1/requests/{request}` tells it later.")]
    repeated: bool
    notes: list[Note]


_TOLD = problems.changes()


@router.post(
    "/intake",
    operation_id="submitIntake",
    summary="Take in an arrival",
    response_model=Taken,
    responses=_TOLD,
)
async def submit(body: Intake, asking: Sending) -> Response:
    """Take in one arrival; the company's routing table says which pool it belongs to."""
    return await _taken(asking, body, None)


@router.post(
    "/pools/{pool}/intake",
    operation_id="submitIntakeToPool",
    summary="Take in an arrival of a pool",
    response_model=Taken,
    responses=_TOLD,
)
async def submit_to_pool(pool: PoolName, body: Intake, asking: Sending) -> Response:
    """Take in one arrival of this pool."""
    return await _taken(asking, body, pool)


async def _taken(asking: Asking, document: Intake, pool: str | None) -> Response:
    keyed = document.ref is None and asking.named
    # A key is its caller's: another one may use the same for somebody else.
    ref = f"{asking.actor}:{asking.key}" if keyed else document.ref
    reader = _reader(asking, document)
    # A plain reference is read as it is.
    plain = ref is not None and _IS_KEY.fullmatch(ref) is not None
    arrival = reader.read(document.fields, ref=ref if plain else None)
    if ref is not None and arrival.ref != ref:
        arrival = _named(arrival, ref)
    if arrival.body is None:
        raise await run_in_threadpool(_keep, asking, document, reader, arrival, pool)
    place = await _place(asking, arrival.body, document.channel, pool)
    await _permitted(asking, place)
    request = intake_request(place, asking.actor, arrival.body)
    if keyed:
        pass
    elif _IS_KEY.fullmatch(request.id):
        asking.headers[IDEMPOTENCY_KEY] = request.id
    else:
        # A reference may be any text; a header may not.
        del asking.headers[IDEMPOTENCY_KEY]
    outcome = asking.taken(await asking.service.decided(request, asking.wait_s))
    if keyed and outcome.repeated and not _same(arrival.body, outcome):
        raise KeyReused("the key was used for another arrival before", do="Give each arrival its own key.")
    return asking.answer(_told(outcome, arrival))


async def _permitted(asking: Asking, pool: str) -> None:
    """Raise NotPermitted for whoever may not send leads to this pool.

    The pool would refuse it as well, but under the arrival's own identity: whoever may send it would be given
    that refusal afterwards, and the lead would be lost.
    """
    app = asking.service.app
    if app.sends_anywhere(asking.actor):
        return

    def may() -> bool:
        asking.fresh(pool)
        return app.views.may("submit", asking.actor, pool)

    if not await run_in_threadpool(may):
        raise NotPermitted(f"{asking.actor} may not send leads to pool {pool}")


def _same(sent: SubmitIntake, outcome: Outcome) -> bool:
    """Whether what was decided under a key is what is sent under it now; what it cost the pool may have said.

    A vendor's reference names the arrival whatever its retries look like; a key was made for one content.
    """
    known = outcome.events[0].data
    assert isinstance(known, LeadCaptured | TouchRecorded)
    touch = known.touch.model_copy(update={"cost": sent.touch.cost, "cost_basis": sent.touch.cost_basis})
    return (touch, known.person, known.company) == (sent.touch, sent.person, sent.company)


def _named(arrival: Arrival, ref: str) -> Arrival:
    """The arrival under the reference that its sender gave, whatever its fields say."""
    body = arrival.body
    if body is not None:
        body = body.model_copy(update={"touch": body.touch.model_copy(update={"ref": ref})})
    return replace(arrival, body=body, ref=ref)


def _told(outcome: Outcome, arrival: Arrival) -> Taken:
    first = outcome.events[0]
    return Taken(
        answer=outcome.answer,
        pool=first.pool,
        lead=first.subject,
        fact=first.id,
        request=outcome.request.identity,
        repeated=outcome.repeated,
        notes=[Note(**asdict(one)) for one in arrival.problems],
    )


def _keep(
    asking: Asking, document: Intake, reader: ArrivalReader, arrival: Arrival, pool: str | None
) -> problems.ProblemError:
    """Keep what cannot be read as a dead letter; gives the problem that says so."""
    lost = unreadable(
        document.fields,
        arrival,
        channel=reader.channel,
        campaign=reader.campaign,
        door=reader.door,
        pool=pool,
    )
    entry = asking.service.app.dead_letters.add(lost)
    found = problems.problem(
        "invalid",
        f"the arrival cannot be read: {reason_of(arrival)}",
        do=f"It is kept as dead letter {entry.id}, to be corrected and sent again.",
        errors=failing.fields_of(arrival.problems, "fields"),
        dead_letter=entry.id,
    )
    return problems.ProblemError(found, asking.headers)


# --- where it goes --------------------------------------------------------------------------


async def _place(asking: Asking, arrival: SubmitIntake, channel: str, pool: str | None) -> str:
    """The pool of an arrival. Raises ProblemError, NotFound, Unavailable."""
    places = await _places(asking)
    try:
        return _in(places, arrival, channel, pool)
    except (NotFound, problems.ProblemError):
        # It may have been opened or published a moment ago, by another process too.
        places = await run_in_threadpool(asking.service.reception.places, fresh=True)
        return _in(places, arrival, channel, pool)


async def _places(asking: Asking) -> Places:
    reception = asking.service.reception
    known = reception.known_places()
    return known if known is not None else await run_in_threadpool(reception.places)


def _in(places: Places, arrival: SubmitIntake, channel: str, pool: str | None) -> str:
    found = pool
    if found is None and places.table is not None:
        found = route(places.table, arrival.touch, arrival.company.region, arrival.company.industry)
    if found is None and len(places.channels) == 1:
        found = next(iter(places.channels))
    if found is None:
        raise _wrong("pool", "no_pool", "there is no routing table: POST to /v1/pools/{pool}/intake")
    if found not in places.channels:
        raise NotFound(f"there is no pool {found!r}")
    if channel not in places.channels[found]:
        declared = ", ".join(sorted(places.channels[found])) or "none"
        message = f"is not declared in the policy of pool {found}; declared are: {declared}"
        raise _wrong("channel", "unknown_channel", message)
    return found


def _wrong(field: str, code: str, message: str) -> problems.ProblemError:
    wrong = problems.FieldError(field=field, code=code, message=message)
    return problems.ProblemError(problems.problem("invalid", "1 problem in what was sent", errors=[wrong]))


def _reader(asking: Asking, document: Intake) -> ArrivalReader:
    """A reader of this source, which knows its columns already. Called in the event loop only."""
    door = document.door or ("web_form" if document.channel == "web_form" else "api")
    key = (document.channel, document.campaign, door)
    readers = asking.service.readers
    found = readers.get(key)
    if found is None:
        if len(readers) >= READERS_MAX:
            readers.clear()
        found = readers[key] = ArrivalReader(
            document.channel,
            campaign=document.campaign,
            door=door,
            attribution=asking.service.app.attribution,
        )
    return found.anew()
