"""Schemas are served at the addresses that documents name, to everybody."""

from __future__ import annotations

import json

from leadflow import contracts
from tests.doors import Door, door, office_template
from tests.schema_checks import problems

__all__ = ["door", "office_template"]


def test_a_fact_leads_to_its_schema_and_passes_it(door: Door) -> None:
    door.office.arrives("card-1")
    log = door.app.log
    documents = [json.loads(event.state) for pool in log.pools() for event in log.read_pool(pool)]
    nobody = door.nobody()
    assert len({document["type"] for document in documents}) >= 4
    envelope = nobody.get("/schemas/leadflow.envelope.event.v1.json")
    for document in documents:
        schema = nobody.get(document["dataschema"])
        assert schema["$id"] == document["dataschema"]
        assert problems(schema, document["data"]) == []
        assert problems(envelope, document) == []


def test_every_contract_is_served(door: Door) -> None:
    nobody = door.nobody()
    for name in contracts.names():
        answer = nobody("GET", f"/schemas/{name}.json")
        assert answer.headers["content-type"] == "application/schema+json"
        assert answer.json() == contracts.schema(name)
    nobody("GET", "/schemas/leadflow.lead.claimed.v9.json", status=404)
    nobody("GET", "/schemas/..%2f..%2fexamples.json", status=404)
    nobody("GET", f"/schemas/{'x' * 300}.json", status=422)


def test_the_asyncapi_document_is_that_of_the_deployment(door: Door) -> None:
    answer = door.nobody()("GET", "/v1/asyncapi.json")
    assert answer.headers["content-type"] == "application/vnd.aai.asyncapi+json;version=3.0.0"
    assert answer.json() == contracts.asyncapi(door.app.settings)
