"""JSON Schemas (2020-12) of every event, every request and their documents, made from the models.

A schema's `$id` is the `dataschema` that documents carry: `/schemas/leadflow.lead.claimed.v1.json`. An
event's schema says what LeadFlow writes: readers ignore members that they do not know, since an optional one
may be added. A request's says what LeadFlow accepts, and is closed. https://json-schema.org/draft/2020-12
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from copy import deepcopy
from functools import cache
from importlib.resources import files
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, JsonSchemaValue

from leadflow.contracts.demands import DEMANDS
from leadflow.contracts.envelopes import ENVELOPES
from leadflow.contracts.members import in_one_line, member_texts
from leadflow.domain.events import FACTS
from leadflow.domain.values import JsonDict
from leadflow.errors import NotFound
from leadflow.log.envelope import BODIES

DIALECT = "https://json-schema.org/draft/2020-12/schema"
MEDIA_TYPE = "application/schema+json"
ASYNCAPI_VERSION = "3.0.0"
ASYNCAPI_MEDIA_TYPE = f"application/vnd.aai.asyncapi+json;version={ASYNCAPI_VERSION}"

Kind = Literal["event", "request"]
"""An event is written by LeadFlow and read by others and for ever; a request is written by others."""
_REQUESTS = ("leadflow.command.", "leadflow.envelope.command.", "leadflow.envelope.intake.")


class Contract(NamedTuple):
    """What is told of a schema in a list."""

    name: str
    kind: Kind
    title: str
    description: str

    @property
    def path(self) -> str:
        """Where it is served: the schema's `$id`."""
        return id_of(self.name)


def id_of(name: str) -> str:
    """The `$id` of a schema, which documents name as their `dataschema`."""
    return f"/schemas/{name}.json"


def kind_of(name: str) -> Kind:
    """Whether a name is that of an event or of a request; an envelope counts as what it holds."""
    return "request" if name.startswith(_REQUESTS) else "event"


def contracts() -> list[Contract]:
    """Every schema that there is, events first, then requests, then the documents around them."""
    found = ((name, schema(name)) for name in names())
    return [Contract(name, kind_of(name), one["title"], one["description"]) for name, one in found]


def names() -> tuple[str, ...]:
    """The names of all schemas: type names of events and requests, and those of their documents."""
    return (*FACTS, *BODIES, *ENVELOPES)


def schema(name: str) -> JsonDict:
    """The schema of that name. Raises NotFound, with the names that come closest."""
    if name not in FACTS and name not in BODIES and name not in ENVELOPES:
        near = difflib.get_close_matches(name, names(), 3, 0.5)
        do = f"Is it one of these: {', '.join(near)}?" if near else "`leadflow contracts list` shows them."
        raise NotFound(f"there is no contract {name!r}", do=do)
    return deepcopy(_schema(name))


@cache
def _schema(name: str) -> JsonDict:
    head = {"$schema": DIALECT, "$id": id_of(name)}
    if name in ENVELOPES:
        return head | ENVELOPES[name]
    # Validation: what is accepted. Serialization: what is written.
    mode: JsonSchemaMode = "serialization" if name in FACTS else "validation"
    model: type[BaseModel] = FACTS[name] if name in FACTS else BODIES[name]
    made = model.model_json_schema(schema_generator=_Generator, mode=mode)
    if name in FACTS:
        made = _opened(made)
    else:
        # Says which request it is; the document's own `type` says it outside of `data`.
        del made["properties"]["type"]
    order = (
        "title",
        "description",
        "type",
        "properties",
        "required",
        "additionalProperties",
        "allOf",
        "$defs",
    )
    body = {key: made[key] for key in order if key in made}
    assert body.keys() == made.keys(), sorted(made.keys() - body.keys())
    return {**head, **body, "examples": [examples()[name]]}


@cache
def examples() -> Mapping[str, JsonDict]:
    """One example of the data of each event and request, by type name."""
    text = files("leadflow.contracts").joinpath("examples.json").read_text(encoding="utf-8")
    found: dict[str, JsonDict] = json.loads(text)
    return found


def _opened(part: Any) -> Any:
    """A schema that lets members pass that it does not know, wherever its models are closed."""
    if isinstance(part, list):
        return [_opened(one) for one in part]
    if not isinstance(part, dict):
        return part
    return {
        key: _opened(value)
        for key, value in part.items()
        if not (key == "additionalProperties" and value is False)
    }


class _Generator(GenerateJsonSchema):
    """Adds what the models' source says of their members, and leaves out titles that only repeat names."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def model_schema(self, schema: Any) -> JsonSchemaValue:
        made = super().model_schema(schema)
        texts = member_texts(schema["cls"])
        for name, field in schema["cls"].model_fields.items():
            member = made["properties"].get(field.alias or name)
            if member is not None and name in texts:
                member.setdefault("description", texts[name])
        made["description"] = in_one_line(made["description"])
        return made

    def function_after_schema(self, schema: Any) -> JsonSchemaValue:
        made = super().function_after_schema(schema)
        # Of requests only: what was written already passed the check, or came before it.
        found = (
            DEMANDS.get(schema["function"]["function"].__qualname__) if self.mode == "validation" else None
        )
        return made if found is None else {**made, **deepcopy(found)}

    def decimal_schema(self, schema: Any) -> JsonSchemaValue:
        made = super().decimal_schema(schema)
        # Some versions of pydantic add a pattern to decimals as text; a contract goes by none of them.
        for one in (made, *made.get("anyOf", ())):
            if one.get("type") == "string":
                one.pop("pattern", None)
        return made

    def default_schema(self, schema: Any) -> JsonSchemaValue:
        made = super().default_schema(schema)
        factory = schema.get("default_factory")
        if factory is not None and "default" not in made:
            made = {**made, "default": self.encode_default(factory())}
        return made

    def encode_default(self, dft: Any) -> Any:
        """A value of several members is written as it would be in a document: without what is as usual."""
        if isinstance(dft, BaseModel):
            return dft.model_dump(mode="json", exclude_defaults=True)
        return super().encode_default(dft)
