"""CloudEvents over HTTP: any program that speaks them, structured, binary, or several at once.

What arrives (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md):

    Content-Type: application/cloudevents+json
    {"specversion": "1.0", "id": "A234-1234-1234", "source": "https://crm.example.com/leads",
     "type": "com.example.lead.created", "time": "2026-10-01T00:00:00Z", "datacontenttype":
     "application/json", "data": {"name": "Wei Zhang", "phone": "+8613812345678"}}

`application/cloudevents-batch+json` is a list of them; in binary mode the attributes are headers (`ce-id`,
`ce-source`, …) and the body is the data. The binding has no signature: the secret stands in
`Authorization: Bearer`, as the specification of CloudEvents' web hooks has it, or ends the address.
The reference is the lead's own id, else the event's `source` and `id`, which a retry repeats.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import unquote

from leadflow.intake.channels.base import (
    Call,
    Inlet,
    Kind,
    Reply,
    Result,
    Sent,
    WrongType,
    at_most,
    broken,
    example_call,
    json_object,
    json_value,
)
from leadflow.intake.channels.proofs import bearer
from leadflow.intake.channels.standard_webhooks import told

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
REQUIRED = ("specversion", "id", "source", "type")
EXAMPLE = {
    "specversion": "1.0",
    "id": "A234-1234-1234",
    "source": "https://crm.example.com/leads",
    "type": "com.example.lead.created",
    "time": "2026-10-01T00:00:00Z",
    "datacontenttype": "application/json",
    "data": {
        "name": "Wei Zhang",
        "phone": "+8613812345678",
        "company": "Acme",
        "campaign": "autumn",
    },
}


def read(inlet: Inlet, call: Call) -> list[Sent]:
    """The events of a call; each is one arrival."""
    kind = call.media_type
    if kind == BATCH:
        found = json_value(call.body)
        if isinstance(found, Sent):
            return [found]
        if not isinstance(found, list):
            return [broken(call.body, "not_a_list", "is JSON, but not a list of events")]
        return at_most(
            [_event(one, json.dumps(one, ensure_ascii=False).encode("utf-8", "replace")) for one in found]
        )
    if kind == STRUCTURED:
        one = json_object(call.body)
        return [one if isinstance(one, Sent) else _event(one, call.body)]
    if "ce-specversion" not in call.headers:
        do = f"Send `{STRUCTURED}`, or the attributes as `ce-` headers."
        raise WrongType("this is no CloudEvent", do=do)
    if kind != "application/json" and not kind.endswith("+json"):
        raise WrongType("the data of the event is not JSON", do="Send it as `application/json`.")
    attributes = {
        name.removeprefix("ce-"): unquote(value)
        for name, value in call.headers.items()
        if name.startswith("ce-")
    }
    data = json_object(call.body)
    return [data if isinstance(data, Sent) else _arrival(attributes, data, call.body)]


def _event(event: Any, raw: bytes) -> Sent:
    if not isinstance(event, dict):
        return broken(raw, "not_an_object", "is JSON, but not an object")
    data = event.get("data")
    if data is None and isinstance(event.get("data_base64"), str):
        try:
            data = json_value(base64.b64decode(event["data_base64"], validate=True))
        except binascii.Error:
            return broken(raw, "not_base64", "has `data_base64` that is not base64")
    if not isinstance(data, dict):
        return broken(raw, "no_data", "has no object `data`")
    return _arrival(event, data, raw)


def _arrival(attributes: Mapping[str, Any], data: dict[str, Any], raw: bytes) -> Sent:
    missing = [name for name in REQUIRED if not isinstance(attributes.get(name), str) or not attributes[name]]
    if missing:
        return broken(raw, "no_attribute", f"lacks the attribute {', '.join(missing)}")
    if attributes["specversion"] != "1.0":
        return broken(raw, "wrong_version", "is not of CloudEvents 1.0")
    return Sent(_timed(data, attributes), spare_ref=f"{attributes['source']} {attributes['id']}")


def _timed(data: dict[str, Any], attributes: Mapping[str, Any]) -> dict[str, Any]:
    """The data; when it happened is the event's time unless it says so itself."""
    time = attributes.get("time")
    return data if not time or "time" in data else data | {"time": time}


def answer(inlet: Inlet, results: Sequence[Result]) -> Reply:
    """What became of each event."""
    return Reply(body=told(results))


def example(inlet: Inlet, now: datetime) -> Call:
    """The example above, structured."""
    secret = inlet.secrets[0] if inlet.secrets else ""
    return example_call(EXAMPLE, now, {"content-type": STRUCTURED, "authorization": f"Bearer {secret}"})


KIND = Kind(
    name="cloudevents",
    title="CloudEvents over HTTP of any program",
    door="cloudevents",
    channel="other",
    secret="bearer",
    authenticate=bearer,
    read=read,
    answer=answer,
    example=example,
)
