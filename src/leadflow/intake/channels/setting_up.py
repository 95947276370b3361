"""What a new inlet is checked for, and how its secret is made."""

from __future__ import annotations

import base64
import ipaddress
import re
import secrets as randomness
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from pydantic import TypeAdapter, ValidationError

from leadflow.domain.values import POOL_PATTERN, Name, Text
from leadflow.errors import UsageError
from leadflow.intake.channels.base import Inlet, Kind
from leadflow.intake.channels.standard_webhooks import PREFIX, usable_secret
from leadflow.intake.problems import Problem

SECRET_BYTES = 24
SECRET_LENGTH_MIN = 8

_NAME: TypeAdapter[str] = TypeAdapter(Name)
_TEXT: TypeAdapter[str] = TypeAdapter(Text)


def secret_for(kind: Kind, given: str | None) -> str | None:
    """A new secret for an inlet: the one given, or a random one; None where the kind has none.

    Raises UsageError for one that cannot be used, and where the vendor has to give it.
    """
    if kind.secret == "none":
        if given is not None:
            raise UsageError(f"an inlet of the kind {kind.name} has no secret: anybody may send to it")
        return None
    if given is None:
        if kind.given_secret:
            do = "Give it in a file: `--secret-file FILE` (`-` reads it from stdin)."
            raise UsageError(f"the secret of an inlet of the kind {kind.name} comes from the vendor", do=do)
        if kind.door == "webhook":
            return PREFIX + base64.b64encode(randomness.token_bytes(SECRET_BYTES)).decode()
        return randomness.token_urlsafe(SECRET_BYTES)
    if kind.door == "webhook" and not usable_secret(given):
        raise UsageError("the secret is no `whsec_` and base64 of 24 to 64 bytes")
    if not SECRET_LENGTH_MIN <= len(given) <= 256 or not given.isprintable() or " " in given:
        raise UsageError(f"a secret has {SECRET_LENGTH_MIN} to 256 printable characters without blanks")
    return given


def check_inlet(inlet: Inlet, kind: Kind) -> None:
    """Raise UsageError for what is not right about a new inlet."""
    if not re.fullmatch(POOL_PATTERN, inlet.id):
        do = "Use lower-case letters, digits and dashes."
        raise UsageError(f"{inlet.id!r} cannot be the id of an inlet", do=do)
    try:
        _NAME.validate_python(inlet.channel)
        _TEXT.validate_python(inlet.campaign or "")
    except ValidationError as error:
        raise UsageError("the channel or the campaign is no usable name") from error
    for address in inlet.allow_ips:
        try:
            ipaddress.ip_network(address, strict=False)
        except ValueError as error:
            raise UsageError(f"{address!r} is no address and no network", do="e.g. 203.0.113.0/24") from error
    for origin in inlet.origins:
        parts = urlsplit(origin)
        if origin != "*" and (
            parts.scheme not in ("http", "https") or origin != f"{parts.scheme}://{parts.netloc}"
        ):
            raise UsageError(f"{origin!r} is no origin", do="e.g. https://www.example.cn, without a path")
    check_credentials(kind, inlet.credentials)


def check_credentials(kind: Kind, credentials: Mapping[str, str]) -> None:
    """Raise UsageError for credentials that the kind does not know."""
    unknown = [name for name in credentials if name not in kind.credentials]
    if unknown:
        known = ", ".join(kind.credentials) or "none"
        what = f"an inlet of the kind {kind.name} has no credential {', '.join(unknown)}"
        raise UsageError(what, do=f"There are: {known}.")


def options_of(kind: Kind, given: Mapping[str, str]) -> Any:
    """The options of a new inlet from texts; lists are written with commas. Raises UsageError."""
    return options_from(kind, option_values(kind, given))


def option_values(kind: Kind, given: Mapping[str, str]) -> dict[str, Any]:
    """Options from texts, not checked yet; lists are written with commas."""
    known = kind.options.model_fields
    return {
        name: text.split(",") if name in known and "tuple" in str(known[name].annotation) else text
        for name, text in given.items()
    }


class WrongOptions(UsageError):
    """Options that a kind does not take; `problems` has each by its field."""

    def __init__(self, kind: Kind, problems: Sequence[Problem]) -> None:
        known = ", ".join(kind.options.model_fields) or "none"
        told = "; ".join(f"{one.field.removeprefix('options.')}: {one.message}" for one in problems)
        super().__init__(f"the options are not right: {told}", do=f"There are: {known}.")
        self.kind = kind
        self.problems = tuple(problems)

    def __reduce__(self) -> tuple[object, ...]:
        return (WrongOptions, (self.kind, self.problems))


def options_from(kind: Kind, values: Mapping[str, Any]) -> Any:
    """The options of a kind from what JSON holds of them. Raises WrongOptions."""
    try:
        return kind.options.model_validate(values)
    except ValidationError as error:
        raise WrongOptions(kind, wrong_fields(error, "options")) from error


def wrong_fields(error: ValidationError, within: str) -> list[Problem]:
    """What is not right about options or a mapping, by field and without the values."""
    return [
        Problem(
            ".".join(map(str, (within, *one["loc"]))), one["type"], one["msg"].removeprefix("Value error, ")
        )
        for one in error.errors(include_input=False)
    ]
