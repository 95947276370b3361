"""The OpenAPI document, and the same as a page to be read: no scripts, and nothing loaded from elsewhere."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import orjson
from fastapi import APIRouter, Request
from fastapi.responses import Response
from jinja2 import Environment, PackageLoader, StrictUndefined

router = APIRouter()

_TEMPLATES = PackageLoader("leadflow.api")
_IN_LINE = re.compile(r"`([^`]+)`|\*\*([^*]+)\*\*")
_NOTHING = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_ROOT = "#/components/schemas/"
PAGE = {"text/html": {"schema": {"type": "string"}, "example": "<!doctype html>…"}}
"""How an operation documents the page that it answers beside its JSON."""
EITHER = {"Vary": "Accept", "Cache-Control": "no-cache"}
"""The headers of an operation that answers a page or JSON."""


Marked = Sequence[tuple[str, str]]
"""Pieces of a text, each with the element that it stands in: `code`, `strong`, or none."""


class Field(NamedTuple):
    """A parameter, or a member of a body."""

    name: str
    place: str
    """Where a parameter stands: path, query, header."""
    kind: str
    required: bool
    about: Marked


class Sample(NamedTuple):
    """A body by example."""

    title: str
    about: Marked
    media_type: str
    text: str
    """Empty where there is no body."""


class Operation(NamedTuple):
    """One operation as the page shows it."""

    id: str
    method: str
    path: str
    summary: str
    about: Sequence[Marked]
    parameters: Sequence[Field]
    members: Sequence[Field]
    body: Sample | None
    answers: Sequence[Sample]
    problems: Sequence[tuple[str, Marked]]
    open: bool
    """It needs no sign-in."""


class Tag(NamedTuple):
    """Operations that belong together."""

    name: str
    about: Marked
    operations: Sequence[Operation]


# Both are made at the first call, since the document does not change while the process runs, and in a thread:
# that takes more than a second, in which everybody else is answered.
@router.get("/openapi.json", include_in_schema=False)
def document(request: Request) -> Response:
    """The document."""
    state = request.app.state
    if not hasattr(state, "openapi_json"):
        state.openapi_json = orjson.dumps(request.app.openapi())
    return Response(state.openapi_json, headers={"Cache-Control": "no-cache"}, media_type="application/json")


@router.get("/docs", include_in_schema=False)
def docs(request: Request) -> Response:
    """The page."""
    state = request.app.state
    if not hasattr(state, "docs_page"):
        state.docs_page = page_of(request.app.openapi())
    return page_answer(state.docs_page, {"Cache-Control": "no-cache"})


def wants_page(request: Request) -> bool:
    """Whether it is a browser that asks; everybody else gets JSON."""
    return "text/html" in request.headers.get("accept", "")


def page_answer(page: tuple[str, str], headers: Mapping[str, str]) -> Response:
    """A page with its style and nothing else; `page` is as `small_page` gives it."""
    text, style = page
    policy = {"Content-Security-Policy": f"{_NOTHING}; style-src '{style}'"}
    return Response(text, headers={**headers, **policy}, media_type="text/html; charset=utf-8")


def small_page(template: str, **given: Any) -> tuple[str, str]:
    """A page, and what its style is known by to a Content-Security-Policy."""
    environment = Environment(loader=_TEMPLATES, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    style = environment.get_template("docs.css").render()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return environment.get_template(template).render(style=style, **given), f"sha256-{digest}"


def page_of(document: Mapping[str, Any]) -> tuple[str, str]:
    """The page of an OpenAPI document, and what its style is known by to a Content-Security-Policy."""
    info = document["info"]
    lines = info["description"].strip().split("\n")
    return small_page(
        "docs.html",
        title=info["title"],
        version=info["version"],
        introduction=[marked(line) for line in lines if line and not line.startswith("- ")],
        points=[marked(line[2:]) for line in lines if line.startswith("- ")],
        tags=list(_tags(document)),
    )


def _tags(document: Mapping[str, Any]) -> Iterator[Tag]:
    schemas = document["components"]["schemas"]
    by_tag: dict[str, list[Operation]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            by_tag.setdefault(operation["tags"][0], []).append(_operation(method, path, operation, schemas))
    for tag in document["tags"]:
        if tag["name"] in by_tag:
            yield Tag(tag["name"], marked(tag["description"]), by_tag[tag["name"]])


def _operation(method: str, path: str, operation: Mapping[str, Any], schemas: Mapping[str, Any]) -> Operation:
    body, members = None, list[Field]()
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        body = Sample("Body", (), media_type, _example(content))
        members = list(_members(content.get("schema", {}), schemas))
    answered = operation["responses"].items()
    return Operation(
        operation["operationId"],
        method.upper(),
        path,
        operation["summary"],
        [marked(part) for part in operation.get("description", "").split("\n\n") if part],
        [
            Field(
                one["name"],
                one["in"],
                _kind(one["schema"]).removesuffix(" or null"),
                bool(one.get("required")),
                marked(one.get("description", "")),
            )
            for one in operation.get("parameters", ())
        ],
        members,
        body,
        [sample for status, found in answered if status < "4" for sample in _answers(status, found)],
        [(status, marked(found["description"])) for status, found in answered if status >= "4"],
        operation.get("security") == [],
    )


def _answers(status: str, found: Mapping[str, Any]) -> Iterator[Sample]:
    about = marked("" if found["description"] == "Successful Response" else found["description"])
    contents = found.get("content", {}).items()
    for media_type, content in contents:
        yield Sample(status, about, media_type, _example(content))
    if not contents:
        yield Sample(status, about, "", "")


def _example(content: Mapping[str, Any]) -> str:
    several = [one["value"] for one in content.get("examples", {}).values()]
    example = several[0] if several else content.get("example", "")
    return example if isinstance(example, str) else json.dumps(example, ensure_ascii=False, indent=2)


def _members(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Iterator[Field]:
    """The members of a body that is an object."""
    found = schema
    for one in (schema, *schema.get("anyOf", ())):
        if "$ref" in one:
            found = schemas[one["$ref"].removeprefix(_ROOT)]
    required = found.get("required", ())
    for name, member in found.get("properties", {}).items():
        about = marked(member.get("description", ""))
        yield Field(name, "body", _kind(member), name in required, about)


def _kind(schema: Mapping[str, Any]) -> str:
    """What a value is, in a few words."""
    if "$ref" in schema:
        return str(schema["$ref"]).removeprefix(_ROOT).rpartition("__")[2]
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(map(_kind, schema["anyOf"])))
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    kind = str(schema.get("type", schema.get("const", "anything")))
    if kind == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    return {"date-time": "time", "date": "date"}.get(schema.get("format", ""), kind)


def marked(text: str) -> Marked:
    """Text with `code` and **weight**, as descriptions write them."""
    found, at = list[tuple[str, str]](), 0
    for mark in _IN_LINE.finditer(text):
        found.append(("", text[at : mark.start()]))
        found.append(("code", mark[1]) if mark[1] is not None else ("strong", mark[2]))
        at = mark.end()
    found.append(("", text[at:]))
    return [(element, piece) for element, piece in found if piece]
