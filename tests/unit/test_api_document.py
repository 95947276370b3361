"""The OpenAPI document: operations tell what they do, what they take and what they can answer, by example."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import TypeAdapter

from leadflow.api import answers
from leadflow.api.app import create_app
from leadflow.settings import Settings

WHOLE = {"pools", "members", "policies", "routing", "leads", "claims", "work", "keeping", "closing", "intake"}
WHOLE |= {"requests", "spend"}
"""Tags whose operations tell everything."""
PROBLEMS = ("400", "401", "403", "404", "405", "422", "429", "503")


@cache
def document() -> dict[str, Any]:
    service: Any = SimpleNamespace(app=SimpleNamespace(settings=Settings()))
    return create_app(service).openapi()


def whole() -> Iterator[tuple[str, dict[str, Any]]]:
    return ((name, operation) for name, operation in operations() if WHOLE & set(operation["tags"]))


def operations() -> Iterator[tuple[str, dict[str, Any]]]:
    for path, item in document()["paths"].items():
        if path.startswith("/v1/"):
            for method, operation in item.items():
                yield f"{method} {path}", operation


def test_it_is_openapi_3_1_and_loads_nothing_from_elsewhere() -> None:
    assert document()["openapi"] == "3.1.0"
    service: Any = SimpleNamespace(app=SimpleNamespace(settings=Settings()))
    paths = {getattr(route, "path", "") for route in create_app(service).routes}
    assert not paths & {"/docs", "/redoc"}


def test_every_operation_is_named_and_described_once() -> None:
    names = [operation["operationId"] for _, operation in operations()]
    assert len(set(names)) == len(names)
    for name, operation in operations():
        assert operation["summary"], name
        assert len(operation["description"]) > 10, name
        assert operation["tags"], name


def test_every_body_and_answer_has_an_example() -> None:
    missing = []
    for name, operation in whole():
        places = {"body": operation.get("requestBody", {})}
        answered = operation["responses"].items()
        places |= {status: found for status, found in answered if status.startswith("2")}
        for place, found in places.items():
            for kind, content in found.get("content", {}).items():
                if kind == "application/json" and not {"example", "examples"} & set(content):
                    missing.append(f"{name}: {place}")
    assert not missing


def test_every_operation_tells_its_problems() -> None:
    for name, operation in whole():
        told = set(operation["responses"])
        assert set(PROBLEMS) <= told, name
        for status in told:
            if status >= "4":
                assert "application/problem+json" in operation["responses"][status]["content"], name
        if "409" in told and "requestBody" in operation:
            assert {"413", "415"} <= told, name


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
