"""The AsyncAPI document tells of the topics as they are: names, partitions, headers, examples that pass."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import orjson
import pytest

from consumers.doors import command_of, intake_of
from leadflow import contracts
from leadflow.domain.events import FACTS
from leadflow.domain.values import JsonDict
from leadflow.log.envelope import BODIES, decode, encode
from leadflow.log.kafka.records import message_of, record_of
from leadflow.log.kafka.topics import TopicNames
from leadflow.settings import Settings
from tests.processes import ROOT
from tests.schema_checks import problems

DOCUMENT = contracts.asyncapi(Settings())
VALUES: tuple[Any, ...] = ({}, [None], "", -1)
MESSAGES: JsonDict = DOCUMENT["components"]["messages"]


class Found(NamedTuple):
    """A consumer's record."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes
    headers: list[tuple[str, bytes]]


def record(message: JsonDict) -> Found:
    example = message["examples"][0]
    headers = [(name, text.encode()) for name, text in example["headers"].items()]
    key = example["payload"].get("partitionkey", "east").encode()
    return Found("t", 0, 7, 1, key, orjson.dumps(example["payload"]), headers)


def headers_of(message: JsonDict) -> JsonDict:
    if "headers" in message:
        return dict(message["headers"])
    (trait,) = message["traits"]
    return dict(resolved(trait["$ref"])["headers"])


def resolved(reference: str) -> Any:
    found: Any = DOCUMENT
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return found


def references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        part = list(part.values())
    if isinstance(part, list):
        for one in part:
            yield from references(one)


def test_every_reference_leads_somewhere() -> None:
    found = set(references(DOCUMENT))
    assert len(found) > 100
    for reference in found:
        assert resolved(reference) is not None


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_every_example_passes_its_schemas(name: str) -> None:
    message = MESSAGES[name]
    assert len(message["examples"]) == 1
    example = message["examples"][0]
    root = {"components": DOCUMENT["components"]}
    assert problems(message["payload"], example["payload"], root) == []
    assert problems(headers_of(message), example["headers"]) == []


@pytest.mark.parametrize("name", sorted(DOCUMENT["components"]["schemas"]))
def test_every_schema_is_one_and_its_examples_pass(name: str) -> None:
    schema = DOCUMENT["components"]["schemas"][name]
    for example in schema.get("examples", ()):
        assert problems(schema, example, {"components": DOCUMENT["components"]}) == []


def test_schemas_here_let_no_less_and_no_more_pass_than_those_that_are_published() -> None:
    root = {"components": DOCUMENT["components"]}
    for name in (*FACTS, *BODIES):
        schema, here = contracts.schema(name), DOCUMENT["components"]["schemas"][name]
        example = schema["examples"][0]
        for member in {**schema["properties"], "not_known": {}}:
            for value in VALUES:
                document = {**example, member: value}
                assert bool(problems(schema, document)) == bool(problems(here, document, root)), member


@pytest.mark.parametrize("name", sorted(FACTS))
def test_the_example_of_an_event_is_what_the_log_would_have(name: str) -> None:
    found = record_of(record(MESSAGES[name]))
    event = decode(found.document)
    assert orjson.loads(encode(event, orjson.loads(found.document)["prevhash"])) == orjson.loads(
        found.document
    )
    assert (found.type, found.sequence, found.pool) == (event.type, event.sequence, event.pool)
    written = message_of(found.stored, found.position, "t", 0, found.origin)
    assert dict(written.headers) == dict(record(MESSAGES[name]).headers)
    assert set(headers_of(MESSAGES[name])["properties"]) >= set(dict(written.headers))


@pytest.mark.parametrize("name", sorted(BODIES))
def test_the_example_of_a_request_is_read_at_its_topic(name: str) -> None:
    assert type(command_of(record(MESSAGES[name])).body) is BODIES[name]


@pytest.mark.parametrize("name", ["intake.structured", "intake.binary"])
def test_the_example_of_an_arrival_is_read_at_its_topic(name: str) -> None:
    request = intake_of(record(MESSAGES[name]))
    assert (request.pool, request.actor) == ("east", "adapter/website")


def test_channels_are_the_topics_of_the_deployment() -> None:
    document = contracts.asyncapi(Settings(kafka_prefix="acme", kafka_partitions=24, kafka_replication=2))
    channels = document["channels"]
    assert [one["address"] for one in channels.values()] == list(TopicNames.of("acme"))
    for one in channels.values():
        kafka = one["bindings"]["kafka"]
        assert (kafka["topic"], kafka["partitions"], kafka["replicas"]) == (one["address"], 24, 2)
    groups = {
        operation["bindings"]["kafka"]["groupId"]["const"]
        for operation in document["operations"].values()
        if "bindings" in operation
    }
    assert groups == {"acme-decider", "acme-projector"}
    assert "leadflow.intake" not in str(document)
    assert list(channels["events"]["messages"]) == list(FACTS)
    assert channels["events"]["bindings"]["kafka"]["topicConfiguration"]["retention.ms"] == -1


def test_every_topic_is_sent_to_and_every_one_that_is_read_is_received_from() -> None:
    done: dict[str, set[str]] = {"send": set(), "receive": set()}
    for operation in DOCUMENT["operations"].values():
        channel = operation["channel"]["$ref"].rpartition("/")[2]
        done[operation["action"]].add(channel)
        assert [one["$ref"].split("/")[2] for one in operation["messages"]] == [channel] * len(
            operation["messages"]
        )
        assert len(operation["messages"]) == len(DOCUMENT["channels"][channel]["messages"])
    assert done["send"] == set(DOCUMENT["channels"])
    assert done["receive"] == set(DOCUMENT["channels"]) - {"deadLetters"}


def test_headers_of_dead_letters_are_those_of_the_page_for_adapters() -> None:
    page = (ROOT / "docs/how-to/publish-to-kafka.md").read_text(encoding="utf-8")
    told = set(re.findall(r"^\| `(leadflow-[a-z]+)` \|", page, re.MULTILINE))
    assert set(headers_of(MESSAGES["dead-letter"])["properties"]) == told
