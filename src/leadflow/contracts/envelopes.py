"""Schemas of the CloudEvents documents around events and requests: all members but those of `data`.

What stands in `data` is told by the schema that `dataschema` names, or, in the intake topic, by that of the
type. https://github.com/cloudevents/spec/blob/main/cloudevents/spec.md and, for the extensions, its folder
`extensions`: correlation, sequence, partitioning, authcontext.
"""

from __future__ import annotations

from typing import Any

from leadflow.domain.requests import Request
from leadflow.domain.values import COMPANY_STREAM, POOL_PATTERN, ROLES, JsonDict
from leadflow.log.envelope import GENESIS, SEQUENCE_DIGITS

EVENT = "leadflow.envelope.event.v1"
COMMAND = "leadflow.envelope.command.v1"
INTAKE = "leadflow.envelope.intake.v1"
INTAKE_TYPE = "leadflow.command.submit-intake.v1"

POOL = rf"({POOL_PATTERN}|{COMPANY_STREAM})"
ACTOR = rf"^({'|'.join(ROLES)})/[^\s/:]{{1,64}}$"
ADAPTER = r"^adapter/[^\s/:]{1,64}$"
_MOMENT = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$"
_LEAD = "7d1c7d0e-3f3c-8a52-9d0b-2f6c1f0a9b11"
_ID_LENGTH = next(one.max_length for one in Request.model_fields["id"].metadata if hasattr(one, "max_length"))


def _text(description: str, **more: Any) -> JsonDict:
    return {"type": "string", "description": description, **more}


_SPEC_VERSION = {"type": "string", "const": "1.0", "description": "The version of CloudEvents."}
_CONTENT = {"type": "string", "const": "application/json", "description": "The form of `data`."}
_AUTH_TYPES = {"type": "string", "enum": ["user", "service_account", "system"]}
_POOL_KEY = _text("The pool's id, or `_company`: the record's key in Kafka.", pattern=f"^{POOL}$")
_AUTH_TYPE = {**_AUTH_TYPES, "description": "`service_account` is an adapter, `system` LeadFlow's clock."}
_EVENT_TYPE = r"^leadflow\.[a-z_]+\.[a-z_]+\.v[1-9]\d*$"
_COMMAND_TYPE = r"^leadflow\.command\.[a-z-]+\.v[1-9]\d*$"


def _order(description: str, minimum: int = 1) -> JsonDict:
    return {"type": "integer", "minimum": minimum, "description": description}


_EVENT_MEMBERS: dict[str, JsonDict] = {
    "specversion": _SPEC_VERSION,
    "id": _text("`pool/sequence`: the event's name in the whole log.", pattern=rf"^{POOL}/[1-9]\d*$"),
    "type": _text("The event's type and version.", pattern=_EVENT_TYPE),
    "source": _text("`/pools/` and the pool's id.", pattern=f"^/pools/{POOL}$"),
    "subject": _text("What it is about: a lead's id, a member's, a channel's, a pool's."),
    "time": _text(
        "When it took effect, in UTC with six digits of a second.", format="date-time", pattern=_MOMENT
    ),
    "datacontenttype": _CONTENT,
    "dataschema": _text("The path of the schema of `data`.", format="uri-reference"),
    "sequence": _text(
        f"Its place in its pool, 1, 2, 3, … without gaps, with {SEQUENCE_DIGITS} digits.",
        pattern=rf"^\d{{{SEQUENCE_DIGITS}}}$",
    ),
    "partitionkey": _POOL_KEY,
    "correlationid": _text("The subject, or the pool: everything about one lead has the same."),
    "causationid": _text("The identity of the request, or the id of the event that set the deadline."),
    "requestdigest": _text("Stands for the request's content.", pattern="^[0-9a-f]+$"),
    "factindex": _order("Its place in its decision."),
    "factcount": _order("How many events the decision has; they are written together or not at all."),
    "authtype": _AUTH_TYPE,
    "authid": _text("Who acted, `role/id`; `system/clock` for what a deadline decided.", pattern=ACTOR),
    "policyversion": _order("The version of the policy under which it was decided."),
    "prevhash": _text(
        "SHA-256 of the document of the pool's event before; zeros in the first.",
        pattern=rf"^[0-9a-f]{{{len(GENESIS)}}}$",
    ),
    "data": {"type": "object", "description": "The event's own members, as `dataschema` says."},
}
_SOMETIMES = ("subject", "correlationid", "causationid", "requestdigest", "policyversion")
_EVENT_EXAMPLE = {
    "specversion": "1.0",
    "id": "east/1042",
    "type": "leadflow.lead.claimed.v1",
    "source": "/pools/east",
    "subject": _LEAD,
    "time": "2026-11-21T10:00:00.000250Z",
    "datacontenttype": "application/json",
    "dataschema": "/schemas/leadflow.lead.claimed.v1.json",
    "sequence": "000000000000001042",
    "partitionkey": "east",
    "correlationid": _LEAD,
    "causationid": "rep/wang:r-9",
    "requestdigest": "a1b2c3d4e5f60718",
    "factindex": 1,
    "factcount": 1,
    "authtype": "user",
    "authid": "rep/wang",
    "policyversion": 7,
    "prevhash": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "data": {"rep": "wang", "until": "2026-11-24T10:00:00.000250Z"},
}

_NOT_READ = "Not read: `dataschema` follows from the type, `authtype` from the actor."
_COMMAND_MEMBERS: dict[str, JsonDict] = {
    "specversion": _SPEC_VERSION,
    "id": _text("Names the request within its source.", minLength=1, maxLength=_ID_LENGTH),
    "type": _text("The request's type and version.", pattern=_COMMAND_TYPE),
    "source": _text(
        "`/sources/` and the authenticated sender, percent-encoded. Source and id are its identity.",
        pattern=r"^/sources/[^\s]+$",
    ),
    "subject": _text("The lead that it is about, if it is about one. Not read."),
    "time": _text("The request's own time; counts in a pool on the virtual clock only.", format="date-time"),
    "datacontenttype": {**_CONTENT, "description": "Not read."},
    "dataschema": _text(_NOT_READ, format="uri-reference"),
    "partitionkey": _POOL_KEY,
    "authtype": {**_AUTH_TYPES, "description": _NOT_READ},
    "authid": _text("Who asks, `role/id`: decides what is permitted.", pattern=ACTOR),
    "data": {"type": "object", "description": "The request's own members, as the type's schema says."},
}
_COMMAND_EXAMPLE = {
    "specversion": "1.0",
    "id": "r-9",
    "type": "leadflow.command.claim-lead.v1",
    "source": "/sources/rep/wang",
    "subject": _LEAD,
    "datacontenttype": "application/json",
    "dataschema": "/schemas/leadflow.command.claim-lead.v1.json",
    "partitionkey": "east",
    "authtype": "user",
    "authid": "rep/wang",
    "data": {"lead": _LEAD},
}

_INTAKE_MEMBERS: dict[str, JsonDict] = {
    "specversion": _SPEC_VERSION,
    "id": _text("Any text, as CloudEvents asks for; not the arrival's identity.", minLength=1),
    "source": _text("Any text, as CloudEvents asks for.", minLength=1),
    "type": {"type": "string", "const": INTAKE_TYPE, "description": "The one type that adapters write."},
    "time": _text("Left out, the time at which the log received it counts.", format="date-time"),
    "partitionkey": _text(
        "The pool's id; may be left out where the record's key names it.", pattern=f"^{POOL}$"
    ),
    "authid": _text("Who sends: `adapter/` and a name.", pattern=ADAPTER),
    "data": {"type": "object", "description": "The arrival, as the schema of its type says."},
}
_INTAKE_EXAMPLE = {
    "specversion": "1.0",
    "id": "form-20261",
    "source": "/forms/contact",
    "type": INTAKE_TYPE,
    "partitionkey": "east",
    "authid": "adapter/website",
    "data": {
        "touch": {"channel": "web_form", "ref": "form-20261", "door": "web_form"},
        "person": {"phones": ["138 0000-0009"]},
    },
}


def _envelope(title: str, description: str, members: dict[str, JsonDict], **more: Any) -> JsonDict:
    # Attributes of CloudEvents that are not named here may stand beside them.
    return {
        "title": title,
        "description": description,
        "type": "object",
        "properties": members,
        "additionalProperties": True,
        **more,
    }


ENVELOPES: dict[str, JsonDict] = {
    EVENT: _envelope(
        "EventDocument",
        "The CloudEvents document of an event: the same bytes in the log, in an export, in a backup.",
        _EVENT_MEMBERS,
        required=[name for name in _EVENT_MEMBERS if name not in _SOMETIMES],
        examples=[_EVENT_EXAMPLE],
    ),
    COMMAND: _envelope(
        "CommandDocument",
        "The CloudEvents document of a request, as LeadFlow's own services write it.",
        _COMMAND_MEMBERS,
        required=["id", "type", "source", "partitionkey", "authid", "data"],
        examples=[_COMMAND_EXAMPLE],
    ),
    INTAKE: _envelope(
        "IntakeDocument",
        "The CloudEvents document of an arrival, as adapters write it (structured mode).",
        _INTAKE_MEMBERS,
        required=["specversion", "id", "source", "type", "authid", "data"],
        examples=[_INTAKE_EXAMPLE],
    ),
}
"""By name; each without its `$schema` and `$id`."""
