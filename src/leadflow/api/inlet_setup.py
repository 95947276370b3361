"""Setting up inlets, the doors of channels: for managers of their pools. What comes to them: `inlets`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import Response
from pydantic import SecretStr, ValidationError

from leadflow.api import failing, once, pages, problems
from leadflow.api.identity import needs
from leadflow.api.inlet_answers import (
    ChangedInlet,
    InletList,
    InletMade,
    InletName,
    InletShown,
    InletWhole,
    NewCredentials,
    NewInlet,
    NewSecret,
    Trial,
)
from leadflow.api.once import Change
from leadflow.api.reading import Look, reading
from leadflow.bootstrap.identities import Caller
from leadflow.bootstrap.importing import MappingFile
from leadflow.bootstrap.inlet_desk import InletDesk
from leadflow.bootstrap.inlets import Inlet, InletChanges, KeptInlet, Made, kind_of
from leadflow.domain.values import role_of
from leadflow.errors import NotFound, NotPermitted

router = APIRouter(tags=["inlets"], prefix="/inlets")


# --- who ------------------------------------------------------------------------------------


def a_manager(found: Annotated[Caller, Depends(needs("manage"))]) -> Caller:
    """Whoever is a manager at all; of which pools, each inlet asks. Raises NotPermitted."""
    if role_of(found.actor) != "manager":
        raise NotPermitted(f"{found.actor} may not set up inlets")
    return found


async def _looking(
    look: Annotated[Look, Depends(reading("manage"))], _: Annotated[Caller, Depends(a_manager)]
) -> Look:
    return look


Looking = Annotated[Look, Depends(_looking)]
Changing = Annotated[Change, Depends(once.changing(a_manager))]


def own_desk(look: Look, name: str) -> InletDesk:
    """The desk of whoever may set up this inlet. Raises NotFound, alike for one that it may not."""
    look.all_fresh()
    desk = InletDesk(look.app, look.actor)
    try:
        desk.get(name)
    except (NotFound, NotPermitted) as error:
        raise NotFound(f"there is no inlet {name!r}") from error
    return desk


# --- routes ---------------------------------------------------------------------------------


@router.get(
    "",
    operation_id="listInlets",
    summary="List inlets",
    response_model=InletList,
    responses=problems.responses(),
)
def list_inlets(look: Looking, limit: pages.Limit = pages.LIMIT, cursor: pages.Cursor = None) -> Response:
    """The inlets of pools that the caller manages; those without a pool for managers of every pool."""
    look.all_fresh()
    rows = InletDesk(look.app, look.actor).list()
    page, following = pages.page_of(
        rows, lambda row: (row.setup.id,), pages.choice_of("inlets"), cursor, limit
    )
    return look.answer(InletList(items=[InletShown.of(row) for row in page], next=following))


@router.post(
    "",
    operation_id="openInlet",
    summary="Open an inlet",
    status_code=201,
    response_model=InletMade,
    responses=problems.responses(409, 413, 415),
)
def open_inlet(change: Changing, body: NewInlet) -> Response:
    """Open a door for a vendor, a program or a form. Its secret is in this answer and nowhere else."""
    change.all_fresh()
    kind = kind_of(body.kind)
    try:
        options = kind.options.model_validate(body.options)
    except ValidationError as error:
        lines = error.errors(include_input=False)
        raise failing.of_validation(
            [{**one, "loc": ("options", *one["loc"])} for one in lines], "body"
        ) from error
    inlet = Inlet(
        id=body.id,
        kind=body.kind,
        channel=body.channel or kind.channel,
        pool=body.pool,
        campaign=body.campaign,
        mapping=body.mapping or MappingFile(),
        credentials=_texts(body.credentials),
        allow_ips=tuple(body.allow_ips),
        origins=tuple(body.origins),
        options=options,
    )
    desk = InletDesk(change.app, change.actor)
    return _made(change, lambda secret: desk.add(inlet, secret), body.secret, 201)


@router.get(
    "/{inlet}",
    operation_id="getInlet",
    summary="Look at an inlet",
    response_model=InletWhole,
    responses=problems.responses(),
)
def get_inlet(look: Looking, inlet: InletName) -> Response:
    """How it is set up, how many dead letters of it wait, and its last test leads. Never its secrets."""
    desk = own_desk(look, inlet)
    more = {"dead_letters": desk.waiting(inlet), "last_tests": look.app.inlets.tests(inlet)}
    return look.answer(InletWhole.model_validate(desk.get(inlet).described() | more))


@router.patch(
    "/{inlet}",
    operation_id="changeInlet",
    summary="Set an inlet up otherwise",
    response_model=InletShown,
    responses=problems.responses(413, 415),
)
def change_inlet(change: Changing, inlet: InletName, body: ChangedInlet) -> Response:
    """Its address and its secrets stay. Mends an inlet that is `wrong`, too."""
    desk = own_desk(change, inlet)
    changes = InletChanges(**{name: getattr(body, name) for name in ChangedInlet.model_fields})
    return _changed(change, lambda: desk.change(inlet, changes))


@router.post(
    "/{inlet}/rotate",
    operation_id="rotateInletSecret",
    summary="Change an inlet's secret",
    response_model=InletMade,
    responses=problems.responses(413, 415),
)
def rotate_secret(change: Changing, inlet: InletName, body: NewSecret | None = None) -> Response:
    """A new secret, which is in this answer and nowhere else; for a while the old one holds beside it."""
    desk, wanted = own_desk(change, inlet), body or NewSecret()
    keep = timedelta(hours=wanted.keep_hours)
    return _made(change, lambda secret: desk.rotate(inlet, keep=keep, secret=secret), wanted.secret)


@router.put(
    "/{inlet}/credentials",
    operation_id="setInletCredentials",
    summary="Say what is shown to the vendor",
    response_model=InletShown,
    responses=problems.responses(413, 415),
)
def set_credentials(change: Changing, inlet: InletName, body: NewCredentials) -> Response:
    """Replace tokens that LeadFlow shows to the vendor; never answered with."""
    desk = own_desk(change, inlet)
    return _changed(change, lambda: desk.credentials(inlet, _texts(body.credentials)))


@router.post(
    "/{inlet}/disable",
    operation_id="disableInlet",
    summary="Close an inlet",
    response_model=InletShown,
    responses=problems.responses(),
)
def disable_inlet(change: Changing, inlet: InletName) -> Response:
    """Take nothing more through it, until it is enabled again."""
    desk = own_desk(change, inlet)
    return _changed(change, lambda: desk.disable(inlet))


@router.post(
    "/{inlet}/enable",
    operation_id="enableInlet",
    summary="Open an inlet again",
    response_model=InletShown,
    responses=problems.responses(),
)
def enable_inlet(change: Changing, inlet: InletName) -> Response:
    """Take calls through it again."""
    desk = own_desk(change, inlet)
    return _changed(change, lambda: desk.enable(inlet))


@router.post(
    "/{inlet}/test",
    operation_id="testInlet",
    summary="Try an inlet",
    response_model=Trial,
    responses=problems.responses(),
)
def test_inlet(look: Looking, inlet: InletName) -> Response:
    """Send the kind's documented example through it, as far as reading it; nothing is changed."""
    trial = own_desk(look, inlet).tried(inlet, look.service.reception)
    return look.answer(
        Trial(inlet=inlet, documents=list(trial.documents), arrivals=list(map(dict, trial.arrivals)))
    )


def _made(
    change: Change, make: Callable[[str | None], Made], secret: SecretStr | None, status: int = 200
) -> Response:
    """The answer with what is shown once. A secret that the caller gave is not repeated."""
    given = secret.get_secret_value() if secret is not None else None

    def answer() -> InletMade:
        made = make(given)
        shown, once_shown = InletShown.of(made.inlet), dict(made.credentials)
        if made.secret is None or given is not None:
            return InletMade(inlet=shown, path=shown.path, shown_once=once_shown)
        return InletMade(inlet=shown, path=made.address, shown_once={**once_shown, "secret": made.secret})

    def again(made: InletMade) -> InletMade:
        return made.model_copy(update={"path": made.inlet.path, "shown_once": {}})

    response = change.once(answer, status, again=again)
    # What comes to it is checked by the new secret from here on.
    change.service.forget()
    return response


def _changed(change: Change, make: Callable[[], KeptInlet]) -> Response:
    response = change.once(lambda: InletShown.of(make()))
    change.service.forget()
    return response


def _texts(given: Mapping[str, SecretStr]) -> dict[str, str]:
    return {name: secret.get_secret_value() for name, secret in given.items()}
