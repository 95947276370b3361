"""The AsyncAPI document is valid by AsyncAPI's own parser, on Node."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

from leadflow import contracts
from leadflow.settings import Settings
from tests.asyncapi_parser import SOURCES, told_of

EXPECTED = {"asyncapi-latest-version"}
"""3.0 is what most tools read; that there is a newer version is no fault."""


def wrong(document: dict[str, Any]) -> list[dict[str, str]]:
    return [one for one in told_of(document) if one["code"] not in EXPECTED]


def test_the_parser_finds_nothing_wrong() -> None:
    assert wrong(contracts.asyncapi(Settings())) == []
    assert wrong(contracts.asyncapi(Settings(kafka_prefix="acme.crm", kafka_partitions=1))) == []


def test_the_parser_finds_what_is_wrong() -> None:
    document = deepcopy(contracts.asyncapi(Settings()))
    document["operations"]["adapterSendsArrivals"]["action"] = "shout"
    del document["info"]["version"]
    document["channels"]["events"]["messages"]["gone"] = {"$ref": "#/components/messages/gone"}
    told = wrong(document)
    assert {one["severity"] for one in told} == {"error"}
    assert {path for one in told for path in [one["path"].split(".")[0]]} >= {"channels"}


def test_the_versions_are_pinned_and_no_place_is_named_that_they_come_from() -> None:
    wanted = json.loads((SOURCES / "package.json").read_text(encoding="utf-8"))
    locked = json.loads((SOURCES / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    assert locked[""]["dependencies"] == wanted["dependencies"]
    (version,) = wanted["dependencies"].values()
    assert version[0].isdigit()
    others = [one for name, one in locked.items() if name]
    assert all({"version", "integrity"} <= one.keys() and "resolved" not in one for one in others)
    assert "://" not in json.dumps(locked)
