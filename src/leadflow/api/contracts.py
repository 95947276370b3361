"""The contracts, for everybody: schemas at the addresses that documents name, and the AsyncAPI document.

They hold nothing of anybody's, and programs fetch them before they have a token.
"""

from __future__ import annotations

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Path, Request
from fastapi.responses import Response

from leadflow.api import problems
from leadflow.bootstrap.contracts import contracts
from leadflow.bootstrap.serving import Service

router = APIRouter(tags=["contracts"])

_HEADERS = {
    "Cache-Control": "public, max-age=3600",
    # Tools that run in a browser read them, too.
    "Access-Control-Allow-Origin": "*",
}
SchemaName = Annotated[
    str,
    Path(
        description="A type of event or request, or a document around them: `leadflow contracts list`.",
        max_length=200,
        examples=["leadflow.lead.claimed.v1"],
    ),
]
_SCHEMA = {
    "$schema": contracts.DIALECT,
    "$id": "/schemas/leadflow.member.resumed.v1.json",
    "title": "MemberResumed",
    "description": "A paused rep is back.",
    "type": "object",
    "properties": {"member": {"type": "string"}},
    "required": ["member"],
    "examples": [{"member": "li"}],
}
_TOPICS = {"asyncapi": "3.0.0", "info": {"title": "LeadFlow's topics", "version": "1"}}


def _responses(media_type: str, what: str, example: Any, *statuses: int) -> dict[int | str, dict[str, Any]]:
    content = {media_type: {"schema": {"type": "object"}, "example": example}}
    known = problems.responses()
    return {200: {"description": what, "content": content}, **{one: known[one] for one in statuses}}


@router.get(
    "/schemas/{name}.json",
    operation_id="getSchema",
    summary="Look at a schema",
    response_class=Response,
    responses=_responses(contracts.MEDIA_TYPE, "A JSON Schema (2020-12).", _SCHEMA, 400, 404, 405, 422),
    openapi_extra={"security": []},
)
def get_schema(name: SchemaName) -> Response:
    """The JSON Schema of an event, a request, or the document around one, at its `$id`. Needs no sign-in."""
    return Response(orjson.dumps(contracts.served(name)), headers=_HEADERS, media_type=contracts.MEDIA_TYPE)


@router.get(
    "/v1/asyncapi.json",
    operation_id="getAsyncApi",
    summary="Look at the topics",
    response_class=Response,
    responses=_responses(contracts.ASYNCAPI_MEDIA_TYPE, "An AsyncAPI 3 document.", _TOPICS, 400, 405),
    openapi_extra={"security": []},
)
def get_asyncapi(request: Request) -> Response:
    """The topics in Kafka as this deployment has them, as an AsyncAPI document. Needs no sign-in."""
    state = request.app.state
    if not hasattr(state, "asyncapi"):
        service: Service = state.service
        state.asyncapi = orjson.dumps(contracts.asyncapi(service.app.settings))
    return Response(state.asyncapi, headers=_HEADERS, media_type=contracts.ASYNCAPI_MEDIA_TYPE)
