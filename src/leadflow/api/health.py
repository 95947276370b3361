"""Whether the process that answers is well, and whether it does its work: for whoever routes to it.

The same as on the port of metrics, and no more than everybody may know: of what is wrong the part, not the
address. https://kubernetes.io/docs/concepts/workloads/pods/probes/
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import Field

from leadflow.api import answers, problems
from leadflow.api.changes import service_of

router = APIRouter(tags=["health"])


class Health(answers.Answer):
    """How the process is."""

    model_config = answers.example({"process": "api", "state": "running"})

    process: Annotated[str, Field(description="`api`, or `engine` in `leadflow up`.")]
    state: Annotated[str, Field(description="starting, taking, running, retrying or stopping.")]


def _responses() -> dict[int | str, dict[str, Any]]:
    known = problems.responses()
    return {one: known[one] for one in (400, 405, 503)}


def _answer(request: Request, *, well: bool, what: str) -> Response:
    found = service_of(request).operating.health()
    if well:
        return answers.answer(Health(process=found.process, state=found.state))
    # A part of a process is called by the process itself where it is the whole of it.
    parts = ", ".join(sorted(found.problems)) or f"the process is {found.state}"
    again = {"Retry-After": str(problems.RETRY_AFTER_S)}
    return problems.answer_of(problems.problem("unavailable", f"{what}: {parts}"), again)


@router.get(
    "/healthz",
    operation_id="isWell",
    summary="Is it well",
    response_model=Health,
    responses=_responses(),
    openapi_extra={"security": []},
)
async def healthz(request: Request) -> Response:
    """503 where the process hangs and has to be started again. Needs no sign-in."""
    return _answer(request, well=service_of(request).operating.health().alive, what="it hangs")


@router.get(
    "/readyz",
    operation_id="isReady",
    summary="Is it ready",
    response_model=Health,
    responses=_responses(),
    openapi_extra={"security": []},
)
async def readyz(request: Request) -> Response:
    """503 while it cannot do its work, naming what is away (database, Kafka). Needs no sign-in."""
    return _answer(request, well=service_of(request).operating.health().ready, what="not ready")
