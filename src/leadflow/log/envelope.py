"""Events and requests as CloudEvents 1.0 documents (JSON, structured mode), and the chain's hash.

The members stand in one order and nothing in them is optional at will: an event has exactly one
document. https://github.com/cloudevents/spec, with its extensions correlation, sequence,
partitioning and authcontext; `requestdigest`, `factindex`, `factcount`,
`policyversion` and `prevhash` are LeadFlow's.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from json.encoder import encode_basestring as quoted
from types import MappingProxyType
from typing import Any, get_args
from urllib.parse import quote, unquote

import orjson
from pydantic import ValidationError

from leadflow.domain.events import FACTS, Event, Fact
from leadflow.domain.requests import AnyBody, Body, Request
from leadflow.domain.values import JsonDict, format_time, role_of, text_of_utc
from leadflow.errors import LogDamaged, UsageError, WrongVersion
from leadflow.log.upcasters import UPCASTERS, Upcaster, upcast

GENESIS = "0" * 64
"""`prevhash` of a pool's first event."""

SEQUENCE_DIGITS = 18
"""A sequence is written with leading zeros, so that its text sorts as its number does."""

_AUTH_TYPES = {"system": "system", "adapter": "service_account"}
_SOURCES = "/sources/"
_DATA = b',"data":'
"""What stands before a document's last member; within a text its quotation marks would be escaped."""
_JSON_FIRST = '"datacontenttype":"application/json","dataschema":"/schemas/'


def auth_type(actor: str) -> str:
    """The CloudEvents `authtype` of an actor: system, service_account (adapters) or user."""
    return _AUTH_TYPES.get(role_of(actor), "user")


def hash_of(document: bytes) -> str:
    """SHA-256 of a document's bytes, in hexadecimal: the next event's `prevhash`."""
    return hashlib.sha256(document).hexdigest()


@lru_cache(maxsize=4096)
def _authority(actor: str) -> str:
    return f',"authtype":"{auth_type(actor)}","authid":{quoted(actor)}'


_Parts = tuple[str, str]
_parts: dict[type[Fact], _Parts] = {}


def _parts_of(kind: type[Fact]) -> _Parts:
    """What is the same in every document of a type: its name and its schema."""
    parts = _parts[kind] = (
        f'","type":"{kind.TYPE}","source":"/pools/',
        f',{_JSON_FIRST}{kind.TYPE}.json","sequence":"',
    )
    return parts


def encode(event: Event, prevhash: str) -> bytes:
    """The event's document, chained to the hash of the one before (`GENESIS` for the first).

    The same event always gives the same bytes. Members that are empty are left out, and so are
    members of `data` that have their default.
    """
    pool, sequence, time, subject, actor, causation, correlation, index, count, policy, data, digest = event
    kind = type(data)
    of_type, of_schema = _parts.get(kind) or _parts_of(kind)
    place, about = str(sequence), quoted(subject)
    if correlation:
        correlation = f',"correlationid":{about if correlation == subject else quoted(correlation)}'
    subject = f',"subject":{about}' if subject else ""
    causation = f',"causationid":{quoted(causation)}' if causation else ""
    digest = f',"requestdigest":{quoted(digest)}' if digest else ""
    version = f',"policyversion":{policy}' if policy else ""
    head = (
        f'{{"specversion":"1.0","id":"{pool}/{place}{of_type}{pool}"{subject},"time":"{text_of_utc(time)}"'
        f'{of_schema}{place.zfill(SEQUENCE_DIGITS)}","partitionkey":"{pool}"{correlation}{causation}{digest}'
        f',"factindex":{index},"factcount":{count}{_authority(actor)}{version}'
        f',"prevhash":"{prevhash}","data":'
    )
    return b"".join((head.encode(), data.packed, b"}"))


def keep_written(event: Event, document: bytes) -> None:
    """Tell the event's fact which bytes of its document are its own, so that nobody writes them again.

    Of one that was lifted to a newer version they are not what it is now.
    """
    head, _, data = document.partition(_DATA)
    if f'"type":"{event.type}"'.encode() in head:
        event.data.keep(data[:-1])


def parse(document: bytes) -> JsonDict:
    """The raw members of a document. Raises LogDamaged for what is no JSON object."""
    try:
        raw = orjson.loads(document)
    except orjson.JSONDecodeError as error:
        raise LogDamaged("an event's document is not JSON") from error
    if not isinstance(raw, dict):
        raise LogDamaged("an event's document is not a JSON object")
    return raw


def decode(document: bytes) -> Event:
    """The event of a document. Raises LogDamaged and WrongVersion, which name the event."""
    return decode_full(document)[0]


def decode_full(document: bytes, upcasters: Mapping[str, Upcaster] = UPCASTERS) -> tuple[Event, str]:
    """The event of a document, lifted to its newest version, and the hash that it is chained to."""
    raw = parse(document)
    name = str(raw.get("id"))
    if upcasters:
        raw = upcast(raw, upcasters)
    fact = FACTS.get(raw.get("type", ""))
    if fact is None:
        raise WrongVersion(
            f"event type {raw.get('type')!r} is not known here",
            where=f"event {name}",
            do="Read this log with the version of LeadFlow that wrote it, or a later one.",
        )
    try:
        event = Event(
            raw["partitionkey"],
            int(raw["sequence"]),
            _moment(raw["time"]),
            raw.get("subject", ""),
            raw["authid"],
            raw.get("causationid", ""),
            raw.get("correlationid", ""),
            raw["factindex"],
            raw["factcount"],
            raw.get("policyversion", 0),
            fact.__pydantic_validator__.validate_python(raw["data"]),
            raw.get("requestdigest", ""),
        )
        return event, raw["prevhash"]
    except ValidationError as error:
        what = f"the data of a {fact.TYPE} does not fit its type: {problems_of(error)}"
        raise LogDamaged(what, event=name) from error
    except (KeyError, ValueError, TypeError) as error:
        raise LogDamaged(f"a member of the document is missing or unreadable: {error}", event=name) from error


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is not UTC:
        raise ValueError(f"time {text!r} is not in UTC")
    return moment


def problems_of(error: ValidationError, names: Mapping[str, str] = MappingProxyType({})) -> str:
    """Every problem by its field, without the values, which may be a person's. `names` are what whoever wrote
    it calls a field that is called otherwise here."""
    told = []
    for problem in error.errors(include_url=False, include_input=False, include_context=False):
        first, *rest = problem["loc"] or ("document",)
        told.append(f"{'.'.join(map(str, [names.get(str(first), first), *rest]))}: {problem['msg']}")
    return "; ".join(told)


# --- requests -------------------------------------------------------------------------------


def _command_type(body: type[Body]) -> str:
    kebab = re.sub(r"(?<!^)(?=[A-Z])", "-", body.__name__).lower()
    return f"leadflow.command.{kebab}.v1"


BODIES: dict[str, type[Body]] = {_command_type(body): body for body in get_args(get_args(AnyBody)[0])}
"""Request contents by their CloudEvents type name."""
_COMMAND_TYPES = {body: name for name, body in BODIES.items()}


def encode_request(request: Request) -> bytes:
    """The request's document, for the socket and for topics."""
    body = request.body
    name = _COMMAND_TYPES[type(body)]
    lead = getattr(body, "lead", None)
    subject = f',"subject":{quoted(lead)}' if lead else ""
    time = f',"time":"{format_time(request.at)}"' if request.at else ""
    head = (
        f'{{"specversion":"1.0","id":{quoted(request.id)},"type":"{name}"'
        f',"source":"{_SOURCES}{quote(request.source)}"{subject}{time}'
        f',{_JSON_FIRST}{name}.json","partitionkey":"{request.pool}"'
        f',"authtype":"{auth_type(request.actor)}","authid":{quoted(request.actor)},"data":'
    )
    data = type(body).__pydantic_serializer__.to_json(body, exclude_defaults=True)
    return b"".join((head.encode(), data, b"}"))


def decode_request(document: bytes) -> Request:
    """The request of a document. Raises UsageError with every problem by its field."""
    try:
        raw = orjson.loads(document)
    except orjson.JSONDecodeError as error:
        raise UsageError(f"the request is not JSON: {error}") from error
    if not isinstance(raw, dict):
        raise UsageError("the request is not a JSON object")
    body = BODIES.get(str(raw.get("type")))
    if body is None:
        raise UsageError(f"request type {raw.get('type')!r} is not known here")
    source, data = str(raw.get("source", "")), raw.get("data")
    if not source.startswith(_SOURCES) or not isinstance(data, dict):
        raise UsageError(f"a request needs a source that begins with {_SOURCES}, and data")
    fields: dict[str, Any] = {
        "pool": raw.get("partitionkey"),
        "source": unquote(source.removeprefix(_SOURCES)),
        "id": raw.get("id"),
        "actor": raw.get("authid"),
        "at": raw.get("time"),
        "body": {**data, "type": body.__name__},
    }
    try:
        return Request.model_validate(fields)
    except ValidationError as error:
        raise UsageError(f"the request cannot be read: {problems_of(error)}") from error
