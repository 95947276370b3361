"""Holding documents against JSON Schemas, with the formats of times and days looked at too."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from jsonschema import Draft7Validator, Draft202012Validator, FormatChecker
from jsonschema.validators import validator_for


def _is_moment(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


FORMATS = FormatChecker(("date",))
FORMATS.checks("date-time", raises=ValueError)(_is_moment)


def problems(schema: dict[str, Any], document: Any, root: dict[str, Any] | None = None) -> list[str]:
    """What a schema does not let pass of a document; `root` is where its references lead.

    Without a `$schema` it is one of an AsyncAPI document: JSON Schema draft 7.
    """
    validator = validator_for(schema, default=Draft7Validator)
    whole = {**(root or {}), **schema}
    return [
        f"{error.json_path}: {error.message}"
        for error in validator(whole, format_checker=FORMATS).iter_errors(document)
    ]


def check_schema(schema: dict[str, Any]) -> None:
    """Raises SchemaError for what is no JSON Schema of 2020-12."""
    Draft202012Validator.check_schema(schema)
