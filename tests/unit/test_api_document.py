"""The OpenAPI document: operations tell what they do, what they take and what they can answer, by example."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import TypeAdapter

from leadflow.api import answers
from leadflow.api.app import create_app
from leadflow.api.docs_page import page_of
from leadflow.api.problem_kinds import KINDS, type_of
from leadflow.settings import Settings

WITHOUT_A_KEY = {
    # They change nothing.
    "checkPolicy",
    "explainPolicy",
    "checkPolicyInPool",
    "diffPolicy",
    # Nothing is kept of a link that ends by itself.
    "makeBoothLink",
    # Each time something is tried: nothing is kept.
    "testSubscription",
    "testInlet",
    # About the session that asks: after it there is another one, or none.
    "signIn",
    "signOut",
    "changeMyPassword",
    # Vendors send what they send; arrivals have their own identity.
    "send_to_inlet",
    "send_to_inlet_by_secret",
    "preflight_inlet",
}
"""Unsafe operations that take no `Idempotency-Key`."""
SAFE = ("get", "head")
PROBLEMS = ("400", "401", "403", "404", "405", "422", "429", "503")


@cache
def document() -> dict[str, Any]:
    service: Any = SimpleNamespace(app=SimpleNamespace(settings=Settings()))
    return create_app(service).openapi()


def operations() -> Iterator[tuple[str, dict[str, Any]]]:
    for path, item in document()["paths"].items():
        for method, operation in item.items():
            yield f"{method} {path}", operation


def test_it_is_openapi_3_1() -> None:
    assert document()["openapi"] == "3.1.0"


class Page(HTMLParser):
    """What a page says, and what it would load."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.elements: set[str] = set()
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.loads += [value or "" for name, value in attributes if name in ("src", "href", "action")]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_shows_every_operation_and_loads_nothing() -> None:
    text, style = page_of(document())
    page = Page(text)
    assert not page.elements & {"script", "link", "img", "iframe", "object", "form"}
    assert {one for one in page.loads if not one.startswith("#")} == {"/openapi.json"}
    css = text.partition("<style>")[2].partition("</style>")[0]
    assert style == "sha256-" + base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    assert "url(" not in css
    assert "@import" not in css
    for name, operation in operations():
        method, path = name.split()
        assert f"{method.upper()} {path}" in " ".join(page.text.split()), name
        assert f'id="{operation["operationId"]}"' in text
        assert operation["summary"] in page.text
    for where, content in contents():
        if "example" in content and " 4" not in where and " 5" not in where:
            first = content["example"]
            shown = first if isinstance(first, str) else json.dumps(first, ensure_ascii=False, indent=2)
            assert shown in page.text, where


def test_the_page_shows_what_is_written_and_nothing_of_it_acts() -> None:
    evil = "<script>alert(1)</script> `<b>` **<i>**"
    schema = {"type": "object", "properties": {evil: {"type": "string", "description": evil}}}
    operation = {
        "operationId": "a",
        "tags": ["t"],
        "summary": evil,
        "description": evil,
        "requestBody": {"content": {"application/json": {"schema": schema, "example": {evil: evil}}}},
        "responses": {"200": {"description": evil}, "422": {"description": evil}},
    }
    text, _ = page_of(
        {
            "info": {"title": evil, "version": evil, "description": evil},
            "tags": [{"name": "t", "description": evil}],
            "paths": {"/a": {"post": operation}},
            "components": {"schemas": {}},
        }
    )
    page = Page(text)
    assert not page.elements & {"script", "b", "i"}
    assert "<code>&lt;b&gt;</code> <strong>&lt;i&gt;</strong>" in text


def test_every_operation_is_named_and_described_once() -> None:
    names = [operation["operationId"] for _, operation in operations()]
    assert len(set(names)) == len(names)
    for name, operation in operations():
        assert operation["summary"], name
        assert len(operation["description"]) > 10, name
        assert operation["tags"], name


def contents() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every body and every answer, by where it stands."""
    for name, operation in operations():
        places = {"body": operation.get("requestBody", {}), **operation["responses"]}
        for place, found in places.items():
            for kind, content in found.get("content", {}).items():
                yield f"{name}: {place} {kind}", content


def test_every_body_and_every_answer_has_an_example() -> None:
    missing = [where for where, content in contents() if not {"example", "examples"} & set(content)]
    assert not missing
    for name, operation in operations():
        answered = [found for status, found in operation["responses"].items() if status < "4"]
        assert answered, name
        for found in answered:
            # What has no body says so by its status, or says where to go on.
            assert found.get("content") or {"204", "303", "304"} & set(operation["responses"]), name


def test_every_parameter_that_is_needed_has_an_example() -> None:
    without = [
        f"{name} {one['name']}"
        for name, operation in operations()
        for one in operation.get("parameters", ())
        if one["required"] and not (one.get("example") or {"examples", "enum", "const"} & set(one["schema"]))
    ]
    assert not without


def test_examples_are_what_the_document_says() -> None:
    wrong = []
    for where, content in contents():
        schema = {**content["schema"], "components": document()["components"]}
        validator = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
        examples = [one["value"] for one in content.get("examples", {}).values()]
        for example in examples or [content["example"]]:
            wrong += [
                f"{where}: {found.json_path} {found.message}" for found in validator.iter_errors(example)
            ]
    assert not wrong


def test_every_change_takes_a_key() -> None:
    without = set()
    for name, operation in operations():
        headers = {one["name"] for one in operation.get("parameters", ()) if one["in"] == "header"}
        if not name.startswith(SAFE) and "Idempotency-Key" not in headers:
            without.add(operation["operationId"])
        assert not (name.startswith(SAFE) and "If-Match" in headers), name
    assert without == WITHOUT_A_KEY


def test_every_operation_tells_its_problems() -> None:
    for name, operation in operations():
        told = set(operation["responses"])
        if operation.get("security") == []:
            # Needs no sign-in, and nothing that could be away.
            assert {"400", "405"} <= told, name
            continue
        assert set(PROBLEMS) <= told, name
        for status in told:
            if status >= "4":
                assert "application/problem+json" in operation["responses"][status]["content"], name
        if "409" in told and "requestBody" in operation:
            assert {"413", "415"} <= told, name


def test_paths_by_example_are_of_what_the_guides_set_up() -> None:
    """Who follows the tutorial and the how-to of channels has the pool, the member and the inlet."""
    docs = Path(__file__).parents[2] / "docs"
    names = ("tutorial/first-form.md", "how-to/connect-channels.md")
    guides = "".join((docs / name).read_text() for name in names)
    made = {
        "pool": "leadflow pool open ",
        "member": "leadflow member add ",
        "inlet": "leadflow inlet add baidu ",
    }
    for name, operation in operations():
        for one in operation.get("parameters", ()):
            if one["in"] == "path" and one["name"] in made:
                for example in one["schema"]["examples"]:
                    assert made[one["name"]] + example in guides, name


def test_the_reference_lists_every_problem() -> None:
    text = (Path(__file__).parents[2] / "docs/reference/http-api.md").read_text()
    rows = re.findall(r"^\| (\d{3}) \| `(/problems/[a-z-]+)` \|", text, re.MULTILINE)
    assert rows == [(str(kind.status), type_of(name)) for name, kind in KINDS.items()]


def test_every_type_in_the_document_is_of_a_kind() -> None:
    named = set(re.findall(r'"/problems/([a-z-]+)"', json.dumps(document())))
    assert named
    assert named <= set(KINDS)


def test_every_reference_leads_somewhere() -> None:
    schemas = document()["components"]["schemas"]

    def references(value: Any) -> Iterator[str]:
        if isinstance(value, dict):
            if isinstance(value.get("$ref"), str):
                yield value["$ref"]
            for one in value.values():
                yield from references(one)
        elif isinstance(value, list):
            for one in value:
                yield from references(one)

    lost = {one for one in references(document()) if one.rpartition("/")[2] not in schemas}
    assert not lost


@pytest.mark.parametrize(
    "model",
    [answers.Lead, answers.LeadChanged, answers.LeadStory, answers.LeadList, answers.Pool, answers.Accepted],
    ids=lambda model: model.__name__,
)
def test_examples_are_of_their_model(model: type[answers.Answer]) -> None:
    example = model.model_config["json_schema_extra"]["examples"][0]  # type: ignore[index]
    assert TypeAdapter(model).validate_python(example).model_dump(mode="json") == example
