"""From records of the request topics to requests: what may come in where, and in which form.

The commands topic holds LeadFlow's own documents. The intake topic is written by adapters in any language:
CloudEvents 1.0 in structured mode (the value is the whole document) or binary mode (attributes in headers
`ce_…`, the value is the data), and only arrivals.
https://github.com/cloudevents/spec/blob/main/cloudevents/bindings/kafka-protocol-binding.md
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson
from pydantic import ValidationError

from leadflow.domain.requests import Request, SubmitIntake, intake_request
from leadflow.domain.values import Person, role_of
from leadflow.errors import UsageError
from leadflow.intake import contacts
from leadflow.intake.doubled import doubled
from leadflow.intake.problems import Problem
from leadflow.log.envelope import BODIES, decode_request, problems_of
from leadflow.log.kafka.records import H_CONTENT_TYPE

INTAKE_TYPE = next(name for name, body in BODIES.items() if body is SubmitIntake)
STRUCTURED = "application/cloudevents+json"
ATTRIBUTE = "ce_"
SPEC_VERSION = "1.0"
ADAPTER = "adapter"

_WRITTEN = {"at": "time", "pool": "partitionkey", "actor": "authid"}
"""What a request's members are called in a CloudEvent."""

Attributes = dict[str, Any]


def command_of(record: Any) -> Request:
    """The request of a record of the commands topic. Raises UsageError with what is wrong with it."""
    request = decode_request(_value(record))
    _check_key(record, request.pool)
    return request


def intake_of(record: Any) -> Request:
    """The arrival of a record of the intake topic. Raises UsageError with what is wrong with it.

    Its identity is its channel and source reference, whatever the CloudEvent's own id. Contact points that
    are not written as LeadFlow compares them are understood here, and kept as they were written.
    """
    attributes, data = _cloud_event(record)
    if attributes.get("specversion") != SPEC_VERSION:
        raise UsageError(f"specversion {attributes.get('specversion')!r} is not {SPEC_VERSION}")
    for name in ("id", "source"):
        if not isinstance(attributes.get(name), str) or not attributes[name]:
            raise UsageError(f"the CloudEvent has no {name}")
    if attributes.get("type") != INTAKE_TYPE:
        raise UsageError(f"this topic takes {INTAKE_TYPE} only, this is {attributes.get('type')!r}")
    actor = str(attributes.get("authid", ""))
    if role_of(actor) != ADAPTER:
        raise UsageError(f"authid must be the adapter, `{ADAPTER}/<name>`, and is not")
    if not isinstance(data, dict):
        raise UsageError("the data of an arrival is a JSON object, and this is none")
    key = _key(record)
    pool = attributes.get("partitionkey", key)
    if pool is None:
        raise UsageError("the record names no pool: it has neither a key nor a partitionkey")
    _check_key(record, pool)
    try:
        body = SubmitIntake.model_validate({**data, "type": "SubmitIntake"})
        return intake_request(pool, actor, _understood(body), attributes.get("time"))
    except ValidationError as error:
        raise UsageError(f"the arrival cannot be read: {problems_of(error, _WRITTEN)}") from error


def _cloud_event(record: Any) -> tuple[Attributes, Any]:
    headers: Mapping[str, bytes] = dict(record.headers)
    value = _value(record)
    if f"{ATTRIBUTE}specversion" in headers:
        try:
            attributes: Attributes = {
                name.removeprefix(ATTRIBUTE): (text or b"").decode()
                for name, text in headers.items()
                if name.startswith(ATTRIBUTE)
            }
        except UnicodeDecodeError as problem:
            raise UsageError("a header of the CloudEvent is not UTF-8") from problem
        return attributes, _json(value)
    content_type = (headers.get(H_CONTENT_TYPE) or STRUCTURED.encode()).decode("utf-8", "replace")
    if not content_type.lower().startswith(STRUCTURED):
        raise UsageError(f"content-type {content_type!r} without ce_ headers is no CloudEvent in JSON")
    document = _json(value)
    if not isinstance(document, dict):
        raise UsageError("the record is not a JSON object")
    return document, document.get("data")


def _value(record: Any) -> bytes:
    if record.value is None:
        raise UsageError("the record has no value")
    return bytes(record.value)


def _json(value: bytes) -> Any:
    try:
        found = orjson.loads(value)
    except orjson.JSONDecodeError as problem:
        raise UsageError(f"the record is not JSON: {problem}") from problem
    if (twice := doubled(value, found)) is not None:
        raise UsageError(f"the record says {twice} twice")
    return found


def _key(record: Any) -> str | None:
    if record.key is None:
        return None
    try:
        return bytes(record.key).decode()
    except UnicodeDecodeError as problem:
        raise UsageError("the record's key is not UTF-8") from problem


def _check_key(record: Any, pool: object) -> None:
    """A record's key decides its partition, so it must be its pool's."""
    if isinstance(pool, str) and record.key == pool.encode():
        return
    key = _key(record)
    if key is not None and key != pool:
        raise UsageError("the record's key is not the pool that its document names (partitionkey)")


_READERS: tuple[tuple[str, Callable[[Any], tuple[str, ...] | Problem]], ...] = (
    ("phones", contacts.phones),
    ("emails", contacts.emails),
    ("wechats", contacts.wechats),
)


def _understood(body: SubmitIntake) -> SubmitIntake:
    """The arrival with its contact points as LeadFlow compares them, if they are not so already."""
    person = body.person
    changed: dict[str, Any] = {}
    written = dict(person.written)
    for field, understand in _READERS:
        given: tuple[str, ...] = getattr(person, field)
        found: dict[str, None] = {}
        for one in given:
            points = understand(one)
            if isinstance(points, Problem):
                raise UsageError(f"the arrival cannot be read: person.{field}: {points.message}")
            found |= dict.fromkeys(points)
        if tuple(found) != given:
            changed[field] = tuple(found)
            written.setdefault(field.removesuffix("s"), ", ".join(given))
    if not changed:
        return body
    values = person.model_dump() | changed | {"written": written}
    content = {**body.__dict__, "person": Person.model_validate(values)}
    return SubmitIntake.model_validate(content)
