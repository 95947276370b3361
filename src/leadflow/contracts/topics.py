"""The four topics as an AsyncAPI 3 document, made from the models and from what the topics must be.

https://www.asyncapi.com/docs/reference/specification/v3.0.0 and, for Kafka's own words,
https://github.com/asyncapi/bindings/tree/master/kafka. Kafka's client is imported with what it names, so this
module is loaded when the document is asked for.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import Any

from leadflow.contracts import records as made
from leadflow.contracts.envelopes import COMMAND, ENVELOPES, EVENT, INTAKE, INTAKE_TYPE, POOL
from leadflow.contracts.schemas import ASYNCAPI_VERSION, examples, kind_of, names, schema
from leadflow.domain.events import FACTS
from leadflow.domain.values import JsonDict
from leadflow.log.envelope import BODIES
from leadflow.log.kafka.records import CONTENT_TYPE
from leadflow.log.kafka.topics import TopicNames, TopicSpec, specs
from leadflow.settings import Settings

STRUCTURED, BINARY, DEAD_LETTER = "intake.structured", "intake.binary", "dead-letter"
BROKERS = 3
"""Of a cluster in production, where the settings leave the number of copies open."""
_BINDING = "0.5.0"
_KEY = {"type": "string", "pattern": f"^{POOL}$", "description": "The pool's id, in UTF-8."}
_NUMBERS = ("retention.ms", "retention.bytes", "max.message.bytes")


def document(settings: Settings) -> JsonDict:
    """The document of a deployment's topics: their names, partitions and copies are as it is set."""
    topics = TopicNames.of(settings.kafka_prefix)
    return {
        "asyncapi": ASYNCAPI_VERSION,
        "info": _info(),
        "defaultContentType": CONTENT_TYPE,
        "servers": {"kafka": _server()},
        "channels": _channels(specs(settings, BROKERS)),
        "operations": _operations(settings.kafka_prefix, topics),
        "components": {
            "schemas": _schemas(),
            "messages": _messages(topics),
            "messageTraits": _traits(topics),
            "correlationIds": {
                "lead": {
                    "description": "Everything about one lead has the same.",
                    "location": "$message.payload#/correlationid",
                }
            },
        },
    }


def _info() -> JsonDict:
    try:
        number = version("leadflow")
    except PackageNotFoundError:
        number = "0"
    return {
        "title": "LeadFlow's topics",
        "version": number,
        "description": "Adapters write arrivals, LeadFlow's own services write requests; the decider reads"
        " both, decides each exactly once and writes what happened. Whoever wants to know reads the events,"
        " with `isolation.level=read_committed`. A record's partition is murmur2 of its key, the pool's id.",
        "license": {"name": "Apache-2.0"},
    }


def _server() -> JsonDict:
    return {
        "host": "{bootstrap}",
        "protocol": "kafka",
        "description": "The cluster that holds the log.",
        "variables": {
            "bootstrap": {"default": "localhost:9092", "description": "Bootstrap servers, `host:port,…`."}
        },
    }


# --- channels and operations ------------------------------------------------------------------

_CHANNELS: dict[str, tuple[str, str]] = {
    "intake": ("Arrivals", "What adapters bring: arrivals of leads, and nothing else."),
    "commands": ("Requests", "What LeadFlow's own services ask its pools to do."),
    "events": ("The log", "Every fact, for ever: what happened to leads, and what was refused."),
    "deadLetters": ("Dead letters", "What could not be decided, as it came, with the reason."),
}
_OPERATIONS: tuple[tuple[str, str, str, str, str], ...] = (
    ("adapterSendsArrivals", "send", "intake", "adapter", "An adapter brings arrivals."),
    ("serviceSendsRequests", "send", "commands", "service", "API, console and command line ask."),
    ("deciderReceivesArrivals", "receive", "intake", "decider", "The decider takes arrivals."),
    ("deciderReceivesRequests", "receive", "commands", "decider", "The decider takes requests."),
    ("deciderSendsEvents", "send", "events", "decider", "The decider writes what happened."),
    ("deciderSendsDeadLetters", "send", "deadLetters", "decider", "The decider keeps what it cannot decide."),
    ("projectorReceivesEvents", "receive", "events", "projector", "The projector makes read models."),
)
_GROUPS = ("decider", "projector")


def _messages_of(channel: str) -> tuple[str, ...]:
    return {
        "intake": (STRUCTURED, BINARY),
        "commands": tuple(BODIES),
        "events": tuple(FACTS),
        "deadLetters": (DEAD_LETTER,),
    }[channel]


def _channels(topics: tuple[TopicSpec, ...]) -> JsonDict:
    found = {}
    for (channel, (title, summary)), topic in zip(_CHANNELS.items(), topics, strict=True):
        config: JsonDict = {key: int(topic.config[key]) for key in _NUMBERS}
        config["cleanup.policy"] = [topic.config["cleanup.policy"]]
        found[channel] = {
            "address": topic.name,
            "title": title,
            "summary": summary,
            "messages": {name: _ref("messages", name) for name in _messages_of(channel)},
            "bindings": {
                "kafka": {
                    "topic": topic.name,
                    "partitions": topic.partitions,
                    "replicas": topic.replication,
                    "topicConfiguration": config,
                    "bindingVersion": _BINDING,
                }
            },
        }
    return found


def _operations(prefix: str, topics: TopicNames) -> JsonDict:
    found = {}
    for name, action, channel, who, summary in _OPERATIONS:
        operation: JsonDict = {
            "action": action,
            "channel": {"$ref": f"#/channels/{channel}"},
            "summary": summary,
            "tags": [{"name": who}],
            "messages": [
                {"$ref": f"#/channels/{channel}/messages/{message}"} for message in _messages_of(channel)
            ],
        }
        if action == "receive" and who in _GROUPS:
            group = {"type": "string", "const": f"{prefix}-{who}"}
            operation["bindings"] = {"kafka": {"groupId": group, "bindingVersion": _BINDING}}
        found[name] = operation
    return found


def _ref(family: str, name: str) -> JsonDict:
    return {"$ref": f"#/components/{family}/{name}"}


# --- messages ---------------------------------------------------------------------------------


def _traits(topics: TopicNames) -> JsonDict:
    key = {"kafka": {"key": _KEY, "bindingVersion": _BINDING}}
    content = {"contentType": CONTENT_TYPE, "bindings": key}
    return {
        "event": {
            **content,
            "headers": made.event_headers(topics),
            "correlationId": _ref("correlationIds", "lead"),
        },
        "command": {**content, "headers": made.request_headers()},
    }


def _messages(topics: TopicNames) -> JsonDict:
    found = {}
    for name in (*FACTS, *BODIES):
        kind = kind_of(name)
        envelope, example = (
            (EVENT, made.event_example(name, topics))
            if kind == "event"
            else (COMMAND, made.command_example(name))
        )
        one = schema(name)
        found[name] = {
            "name": name,
            "title": one["title"],
            "summary": one["description"],
            "traits": [_ref("messageTraits", "event" if kind == "event" else "command")],
            "payload": _whole(envelope, name),
            "examples": [example],
        }
    return found | {
        STRUCTURED: _structured(),
        BINARY: _binary(),
        DEAD_LETTER: made.dead_letter(topics),
    }


def _whole(envelope: str, name: str) -> JsonDict:
    """A document of one type: its envelope, with the type's own schema in `data`."""
    members: JsonDict = {"type": {"const": name}, "data": _ref("schemas", name)}
    return {"allOf": [_ref("schemas", envelope), {"type": "object", "properties": members}]}


def _structured() -> JsonDict:
    return {
        "name": INTAKE_TYPE,
        "title": "Arrival, structured",
        "summary": "An arrival as one CloudEvents document: the value is the whole document.",
        "contentType": CONTENT_TYPE,
        "headers": made.request_headers(),
        "payload": _whole(INTAKE, INTAKE_TYPE),
        "bindings": {"kafka": {"key": _KEY, "bindingVersion": _BINDING}},
        "examples": [
            {
                "name": "form",
                "headers": {"content-type": CONTENT_TYPE},
                "payload": ENVELOPES[INTAKE]["examples"][0] | {"data": examples()[INTAKE_TYPE]},
            }
        ],
    }


def _binary() -> JsonDict:
    return {
        "name": INTAKE_TYPE,
        "title": "Arrival, binary",
        "summary": "An arrival as a CloudEvent in binary mode: attributes in headers, the value is the data.",
        "contentType": "application/json",
        "headers": made.binary_headers(),
        "payload": _ref("schemas", INTAKE_TYPE),
        "bindings": {"kafka": {"key": _KEY, "bindingVersion": _BINDING}},
        "examples": [
            {"name": "form", "headers": made.BINARY_EXAMPLE, "payload": examples()[INTAKE_TYPE]},
        ],
    }


# --- schemas ----------------------------------------------------------------------------------


def _schemas() -> JsonDict:
    """Every schema, with those that several share beside them instead of within each.

    AsyncAPI's own kind of schema is JSON Schema draft 7 with additions. What the models give means the same
    there, but for members beside a reference, which draft 7 does not see.
    """
    found: JsonDict = {}
    for name in names():
        one = schema(name)
        family = kind_of(name)
        for key in ("$schema", "$id"):
            del one[key]
        for part, inner in one.pop("$defs", {}).items():
            found[f"{family}.{part}"] = _portable(inner, family)
        found[name] = _portable(one, family)
    return found


def _portable(part: Any, family: str) -> Any:
    if isinstance(part, list):
        return [_portable(one, family) for one in part]
    if not isinstance(part, dict):
        return part
    if "$ref" not in part:
        return {key: _portable(value, family) for key, value in part.items()}
    name = part["$ref"].removeprefix("#/$defs/")
    reference = _ref("schemas", f"{family}.{name}")
    beside = {key: value for key, value in part.items() if key != "$ref"}
    return {"allOf": [reference], **beside} if beside else reference
