"""The OpenAPI document: what FastAPI finds out, and what it does not know."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from leadflow.api.answers import Accepted, Answer
from leadflow.api.problems import FieldError, Problem

VERSION = "1"
"""Of the API; `/v1` stays as long as it is 1."""
INTRODUCTION = """\
Everything that the command line can do with pools, members, leads, policies, routing, intake, inlets, \
spend, reports, notifications and accounts.

- **Who calls** is said by an API token (`Authorization: Bearer lf_…`) or by the cookie of a person who \
signed in; what a role may see and do is the same as on the command line.
- **Changes** take an `Idempotency-Key`: sent again with the same key, a request gets its first outcome.
- **Refusals** are facts. The answer is a problem document (RFC 9457) with status 409, and names `reason`, \
`winner` and `position`.
- **Nobody acts on what they did not see**: a lead has an `ETag`; a change with `If-Match` is refused with \
412 where the lead has changed since.
- **Lists** come in pages; `next` is the cursor of the next one.
"""
TAGS = {
    "session": "Signing in and out, by a password or by the company's provider.",
    "pools": "Opening pools and looking at them.",
    "leads": "Looking at leads and correcting them.",
    "claims": "Taking leads from the public pool.",
    "members": "The people of a pool.",
    "policies": "The rules of a pool.",
    "routing": "Which pool an arrival belongs to.",
    "work": "Giving leads, contacting, returning, revealing.",
    "keeping": "Collaborators, and protection from being recycled.",
    "closing": "Merging, transferring, making customers, closing.",
    "intake": "Arrivals of adapters and programs.",
    "uploads": "Files of leads: uploaded, tried, taken in.",
    "requests": "What became of a request.",
    "spend": "What channels and campaigns cost.",
    "reports": "What channels cost and brought, how far leads came, and what reps got and did.",
    "notifications": "Who is told of what, where; and what could not be sent.",
    "inlets": "What channels send: pushes, webhooks, forms.",
    "accounts": "Accounts of people and tokens of programs.",
    "health": "Whether the process is well and ready, for whoever routes to it.",
    "contracts": "What programs may rely on: schemas of events and requests, and the topics.",
}


def describe(api: FastAPI) -> None:
    """Let the application give this document, made once."""
    making = threading.Lock()

    def openapi() -> dict[str, Any]:
        with making:
            if api.openapi_schema is None:
                api.openapi_schema = _document(api)
            return api.openapi_schema

    api.openapi = openapi  # type: ignore[method-assign] # as FastAPI's documentation says


def _document(api: FastAPI) -> dict[str, Any]:
    found = get_openapi(
        title=api.title,
        version=VERSION,
        openapi_version="3.1.0",
        description=INTRODUCTION,
        routes=api.routes,
        tags=[{"name": name, "description": what} for name, what in TAGS.items()],
    )
    schemas = found.setdefault("components", {}).setdefault("schemas", {})
    for model in (Problem, FieldError, Accepted):
        schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
        schema.pop("$defs", None)
        schemas[model.__name__] = schema
    for answer in _every(Answer):
        examples: Any = (answer.model_config.get("json_schema_extra") or {}).get("examples")  # type: ignore[union-attr]
        # Where two models have one name, FastAPI writes their modules before it.
        long = f"{answer.__module__}.{answer.__name__}".replace(".", "__")
        schema = schemas.get(long) or schemas.get(answer.__name__)
        if examples and schema is not None:
            # FastAPI leaves out what is null, which an answer does not.
            schema["examples"] = examples
    for path in found["paths"].values():
        for operation in path.values():
            _give_examples(operation, schemas)
    return found


def _every(kind: type[Answer]) -> Iterator[type[Answer]]:
    for one in kind.__subclasses__():
        yield one
        yield from _every(one)


def _give_examples(operation: dict[str, Any], schemas: dict[str, Any]) -> None:
    """The example of a model is the example of a body or an answer that is of this model."""
    places = [operation.get("requestBody", {}), *operation["responses"].values()]
    for content in (kind for place in places for kind in place.get("content", {}).values()):
        if "example" in content or "examples" in content:
            continue
        example = _example_of(content.get("schema", {}), schemas)
        if example is not None:
            content["example"] = example


def _example_of(schema: dict[str, Any], schemas: dict[str, Any]) -> Any:
    for one in (schema, *schema.get("anyOf", ())):
        name = str(one.get("$ref", "")).rpartition("/")[2]
        examples = schemas.get(name, {}).get("examples")
        if examples:
            return examples[0]
    return None
