"""Schemas are those of the models: every document that LeadFlow writes passes, and every example."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from leadflow import contracts
from leadflow.contracts.envelopes import COMMAND, EVENT, INTAKE
from leadflow.domain.events import FACTS
from leadflow.domain.requests import Request
from leadflow.errors import NotFound
from leadflow.log.envelope import BODIES, GENESIS, decode_request, encode, encode_request
from tests.schema_checks import check_schema, problems
from tests.unit.log import samples

ROOT = Path(__file__).resolve().parents[3]
GOLDEN = ROOT / "tests/data/golden/events"
NAMES = contracts.names()


def request_of(name: str) -> Request:
    body = {**contracts.schema(name)["examples"][0], "type": BODIES[name].__name__}
    fields = {"pool": "east", "source": "rep/wang", "id": "r-9", "actor": "rep/wang"}
    return Request.model_validate({**fields, "body": body})


def test_there_is_a_schema_of_every_type_and_of_the_documents_around_them() -> None:
    assert set(NAMES) == {*FACTS, *BODIES, EVENT, COMMAND, INTAKE}
    assert [one.name for one in contracts.contracts()] == list(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_says_what_it_is_and_its_examples_pass(name: str) -> None:
    schema = contracts.schema(name)
    check_schema(schema)
    assert schema["$schema"] == contracts.DIALECT
    assert schema["$id"] == f"/schemas/{name}.json"
    assert schema["title"]
    assert schema["description"].endswith(".")
    assert len(schema["examples"]) == 1
    for example in schema["examples"]:
        assert problems(schema, example) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_lets_nothing_else_pass(name: str) -> None:
    schema = contracts.schema(name)
    example = schema["examples"][0]
    for member in schema.get("required", ()):
        assert problems(schema, {key: value for key, value in example.items() if key != member}) != []
    for member in example:
        assert problems(schema, {**example, member: [None]}) != [], member
    added = problems(schema, {**example, "not_known": 1})
    # Readers of events, and of documents with further attributes, go past what they do not know.
    assert bool(added) == (name in BODIES)


def test_a_caller_cannot_change_what_others_get() -> None:
    contracts.schema("leadflow.lead.claimed.v1")["properties"].clear()
    assert contracts.schema("leadflow.lead.claimed.v1")["properties"] != {}


@pytest.mark.parametrize("name", sorted(FACTS))
def test_every_golden_document_passes(name: str) -> None:
    document = json.loads((GOLDEN / f"{name}.json").read_bytes())
    assert problems(contracts.schema(EVENT), document) == []
    assert document["dataschema"] == contracts.schema(name)["$id"]
    assert problems(contracts.schema(name), document["data"]) == []


def test_every_type_that_the_log_may_hold_is_published() -> None:
    assert {file.stem for file in GOLDEN.iterdir()} <= contracts.published().keys()


def test_members_of_the_document_are_those_that_are_written() -> None:
    written = json.loads(encode(samples.event(16), GENESIS))
    assert list(contracts.schema(EVENT)["properties"]) == list(written)


@pytest.mark.parametrize("name", sorted(BODIES))
def test_every_request_is_written_and_read_as_its_schema_says(name: str) -> None:
    request = request_of(name)
    document = json.loads(encode_request(request))
    assert problems(contracts.schema(COMMAND), document) == []
    assert document["dataschema"] == contracts.schema(name)["$id"]
    assert problems(contracts.schema(name), document["data"]) == []
    assert set(document) <= set(contracts.schema(COMMAND)["properties"])
    required = {key: document[key] for key in contracts.schema(COMMAND)["required"]}
    assert decode_request(json.dumps(required).encode()) == request


@pytest.mark.parametrize("name", sorted(FACTS))
def test_an_example_is_the_one_of_the_reference_and_is_written_as_it_stands(name: str) -> None:
    page = (ROOT / "docs/reference/events.md").read_text(encoding="utf-8")
    section = re.search(rf"^### {FACTS[name].__name__}\n(.*?)(?=^##|\Z)", page, re.DOTALL | re.MULTILINE)
    assert section is not None
    shown = re.search(r"```json\n(.*?)```", section[1], re.DOTALL)
    assert shown is not None
    example = contracts.schema(name)["examples"][0]
    assert json.loads(shown[1]) == example
    assert json.loads(FACTS[name].model_validate(example).packed) == example


def members(schema: Any) -> list[tuple[str, dict[str, Any]]]:
    found = []
    for part in [schema, *schema.get("$defs", {}).values()]:
        found += list(part.get("properties", {}).items())
    return found


def test_texts_of_the_models_source_stand_in_the_schemas() -> None:
    told = dict(members(contracts.schema("leadflow.lead.captured.v1")))
    assert told["phones"]["description"] == "E.164."
    rule = contracts.schema("leadflow.lead.captured.v1")["properties"]["rule"]
    assert rule["description"].startswith("The distribution rule that it met;")
    refused = contracts.schema("leadflow.request.refused.v1")
    assert "  " not in json.dumps(refused)
    # Of a class that requests share as a base.
    claim = contracts.schema("leadflow.command.claim-lead.v1")["properties"]
    assert claim["if_sequence"]["description"].startswith("The lead's last sequence")


def test_what_is_left_out_has_a_default_in_the_schema() -> None:
    for name in (*FACTS, *BODIES):
        schema = contracts.schema(name)
        for part in [schema, *schema.get("$defs", {}).values()]:
            for member, form in part.get("properties", {}).items():
                assert ("default" in form) is (member not in part.get("required", ())), (name, member)


def test_an_unknown_name_is_told_with_those_that_come_closest() -> None:
    with pytest.raises(NotFound, match=r"leadflow\.lead\.claimed\.v1"):
        contracts.schema("leadflow.lead.claimd.v1")
    with pytest.raises(NotFound, match="contracts list"):
        contracts.served("x" * 40)
