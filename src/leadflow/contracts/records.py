"""Kafka records as the AsyncAPI document shows them: their headers, an example of each, dead letters."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from leadflow.contracts.envelopes import ADAPTER, INTAKE_TYPE
from leadflow.contracts.schemas import examples
from leadflow.domain.events import FACTS, Event
from leadflow.domain.requests import Request
from leadflow.domain.values import COMPANY_STREAM, JsonDict
from leadflow.log.envelope import BODIES, SEQUENCE_DIGITS, encode, encode_request, hash_of
from leadflow.log.kafka import records as kafka
from leadflow.log.kafka.topics import TopicNames

_LEAD = "7d1c7d0e-3f3c-8a52-9d0b-2f6c1f0a9b11"
_AT = datetime(2026, 11, 21, 10, 0, 0, 250, tzinfo=UTC)
_SEQUENCE, _POSITION, _OFFSET = 1042, 58211, 20417
_COMPANY_WIDE = (
    "leadflow.routing.",
    "leadflow.spend.",
    *(f"leadflow.command.{n}" for n in ("publish-r", "record-s")),
)
_CONTENT = {
    "type": "string",
    "pattern": r"^application/cloudevents\+json",
    "description": f"`{kafka.CONTENT_TYPE}`: the value is the whole CloudEvents document.",
}
BINARY_EXAMPLE = {
    "content-type": "application/json",
    "ce_specversion": "1.0",
    "ce_id": "form-20262",
    "ce_source": "/forms/contact",
    "ce_type": INTAKE_TYPE,
    "ce_authid": "adapter/website",
}


def _headers(members: JsonDict, *required: str) -> JsonDict:
    return {"type": "object", "properties": members, "required": list(required)}


def _text(description: str, **more: Any) -> JsonDict:
    return {"type": "string", "description": description, **more}


def event_headers(topics: TopicNames) -> JsonDict:
    """What stands beside a fact's document; all values are texts in UTF-8."""
    members = {
        kafka.H_CONTENT_TYPE: {**_CONTENT, "const": kafka.CONTENT_TYPE},
        kafka.H_TYPE: _text("The event's type, as in the document.", pattern=r"^leadflow\..*\.v[1-9]\d*$"),
        kafka.H_SEQUENCE: _text("Its place in its pool.", pattern=rf"^\d{{{SEQUENCE_DIGITS}}}$"),
        kafka.H_POSITION: _text(
            "Its place in the partition: 1, 2, 3, … without gaps, where offsets have some.", pattern=r"^\d+$"
        ),
        kafka.H_ORIGIN: _text(
            f"Where the request stood that it answers: `{topics.intake}/3/{_OFFSET}`. Not on what the clock"
            " decided.",
            pattern=r"^[^/]+/\d+/\d+$",
        ),
    }
    return _headers(members, kafka.H_CONTENT_TYPE, kafka.H_TYPE, kafka.H_SEQUENCE, kafka.H_POSITION)


def request_headers() -> JsonDict:
    """What stands beside a request's document; other headers are kept, and mean nothing."""
    return _headers({kafka.H_CONTENT_TYPE: _CONTENT})


def binary_headers() -> JsonDict:
    """The attributes of a CloudEvent in binary mode.

    https://github.com/cloudevents/spec/blob/main/cloudevents/bindings/kafka-protocol-binding.md
    """
    members = {
        kafka.H_CONTENT_TYPE: _text("The form of the value.", const="application/json"),
        "ce_specversion": _text("The version of CloudEvents.", const="1.0"),
        "ce_id": _text("Any text; not the arrival's identity.", minLength=1),
        "ce_source": _text("Any text.", minLength=1),
        "ce_type": _text("The one type that adapters write.", const=INTAKE_TYPE),
        "ce_authid": _text("Who sends: `adapter/` and a name.", pattern=ADAPTER),
        "ce_partitionkey": _text("The pool's id; may be left out where the key names it."),
        "ce_time": _text("Left out, the time at which the log received it counts.", format="date-time"),
    }
    return _headers(members, "ce_specversion", "ce_id", "ce_source", "ce_type", "ce_authid")


def event_example(name: str, topics: TopicNames) -> JsonDict:
    """A fact's record, its document as the log would have it."""
    data = FACTS[name].model_validate(examples()[name])
    by_clock = name.endswith((".recycled.v1", ".recycle_warned.v1", ".protection_ended.v1"))
    pool = _pool(name)
    event = Event(
        pool=pool,
        sequence=_SEQUENCE,
        time=_AT,
        subject=_LEAD if ".lead." in name else pool,
        actor="system/clock" if by_clock else "manager/zhou",
        causation="east/1040" if by_clock else "manager/zhou:r-9",
        correlation=_LEAD if ".lead." in name else pool,
        fact_index=1,
        fact_count=1,
        policy=0 if pool == COMPANY_STREAM else 7,
        data=data,
        digest="" if by_clock else "a1b2c3d4e5f60718",
    )
    headers = {
        kafka.H_CONTENT_TYPE: kafka.CONTENT_TYPE,
        kafka.H_TYPE: name,
        kafka.H_SEQUENCE: f"{_SEQUENCE:0{SEQUENCE_DIGITS}d}",
        kafka.H_POSITION: str(_POSITION),
    }
    if not by_clock:
        headers[kafka.H_ORIGIN] = kafka.Origin(topics.commands, 3, _OFFSET).to_bytes().decode()
    return {"headers": headers, "payload": json.loads(encode(event, hash_of(name.encode())))}


def command_example(name: str) -> JsonDict:
    """A request's record, its document as LeadFlow's own services write it."""
    arrival = name == INTAKE_TYPE
    data = examples()[name]
    request = Request.model_validate(
        {
            "pool": _pool(name),
            "source": "intake/web_form" if arrival else "manager/zhou",
            "id": data["touch"]["ref"] if arrival else "r-9",
            "actor": "adapter/website" if arrival else "manager/zhou",
            "body": {**data, "type": BODIES[name].__name__},
        }
    )
    headers = {kafka.H_CONTENT_TYPE: kafka.CONTENT_TYPE}
    return {"headers": headers, "payload": json.loads(encode_request(request))}


def _pool(name: str) -> str:
    return COMPANY_STREAM if name.startswith(_COMPANY_WIDE) else "east"


def dead_letter(topics: TopicNames) -> JsonDict:
    """What could not be decided, as it came: any bytes, with the sender's headers and LeadFlow's."""
    place = kafka.Origin(topics.intake, 3, _OFFSET).to_bytes().decode()
    members = {
        kafka.H_REASON: _text("Why, in words; values of a person's are not repeated in it."),
        kafka.H_ORIGIN: _text(f"Where it stood: `{place}`.", pattern=r"^[^/]+/\d+/\d+$"),
        kafka.H_RECEIVED: _text("When the log received it, in milliseconds since 1970.", pattern=r"^\d+$"),
        kafka.H_PART: _text(
            "Only on a value that is too large for one record with its reason: `1/2`, `2/2`.",
            pattern=r"^[1-9]\d*/[1-9]\d*$",
        ),
        kafka.H_WHOLE: _text(
            "Only where key and headers are too large to stand beside the value: the value is a JSON object"
            " of the whole record, its bytes in Base64.",
            const="json",
        ),
    }
    example = {
        kafka.H_REASON: "the record is not JSON: unexpected character: line 1 column 1 (char 0)",
        kafka.H_ORIGIN: place,
        kafka.H_RECEIVED: "1795255200000",
    }
    return {
        "name": "leadflow.dead-letter",
        "title": "Dead letter",
        "summary": "A record of the intake or commands topic, with its own key, value and headers.",
        "contentType": "application/octet-stream",
        "headers": _headers(members, kafka.H_REASON, kafka.H_ORIGIN, kafka.H_RECEIVED),
        "payload": {"description": "The value as it came, whatever it was."},
        "bindings": {"kafka": {"key": _text("The sender's."), "bindingVersion": "0.5.0"}},
        "examples": [{"name": "no-json", "headers": example, "payload": "no lead"}],
    }
