"""What stands at the server's bare address: a page for people, the same as JSON for programs."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import Field

from leadflow.api import answers, problems
from leadflow.api.docs_page import EITHER, PAGE, page_answer, small_page, wants_page

router = APIRouter(tags=["contracts"])

WHERE = {
    "docs": ("/docs", "the HTTP API, to be read"),
    "openapi": ("/openapi.json", "the same for programs (OpenAPI 3.1)"),
    "problems": ("/problems", "what each problem means, and what helps"),
    "asyncapi": ("/v1/asyncapi.json", "the topics in Kafka (AsyncAPI 3)"),
    "session": ("/v1/session", "signing in and out; who is signed in"),
    "ready": ("/readyz", "whether this process does its work"),
    "health": ("/healthz", "whether it is well"),
}
"""What everybody may know of: its path, and what it is."""


class Index(answers.Answer):
    """Where everything is."""

    model_config = answers.example(
        {"name": "LeadFlow", "api": "/v1", "links": {name: path for name, (path, _) in WHERE.items()}}
    )

    name: str
    api: Annotated[str, Field(description="What the paths of this version begin with.")]
    links: dict[str, str]


def _responses() -> dict[int | str, dict[str, Any]]:
    known = problems.responses()
    return {200: {"content": PAGE}, **{one: known[one] for one in (400, 405)}}


@router.get(
    "/",
    operation_id="getIndex",
    summary="See where everything is",
    response_model=Index,
    responses=_responses(),
    openapi_extra={"security": []},
)
def index(request: Request) -> Response:
    """A short page for a browser (`Accept: text/html`), JSON for everybody else. Needs no sign-in."""
    if wants_page(request):
        return page_answer(small_page("index.html", where=WHERE.values()), EITHER)
    links = {name: path for name, (path, _) in WHERE.items()}
    return answers.answer(Index(name="LeadFlow", api="/v1", links=links), headers=EITHER)
