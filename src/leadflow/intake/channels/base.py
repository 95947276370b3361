"""What every channel is made of: the call that came, the inlet that it came to, and what it holds."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Literal

import orjson
from pydantic import BaseModel, ConfigDict

from leadflow.errors import LeadflowError
from leadflow.intake.doubled import doubled
from leadflow.intake.mapping import MappingFile, PhoneRegion
from leadflow.intake.problems import Problem

KIB = 1024
BODY_BYTES_MAX = 1024 * KIB
"""Of a push of a vendor; a form's limit is lower."""
ARRIVALS_MAX = 1000
"""Arrivals that one call may bring: what Meta puts into one push at most."""


class NotTaken(LeadflowError):
    """A call that an inlet refuses: nothing of it is kept. Says no more than its sender may know."""

    status: ClassVar[int] = 400
    """As HTTP has it (RFC 9110)."""


class NotAuthentic(NotTaken):
    """No secret, a wrong one, a wrong signature, or one of another time."""

    status = 401

    def __init__(self, why: str = "the proof is missing or wrong") -> None:
        # Which of them it was would help whoever tries them: `why` is for the log of who runs the inlet.
        super().__init__(
            "the secret, key or signature is missing or wrong, or the signed time is not about now",
            do="Compare address, secret and clock at the sender with how the inlet is set up; the log of the "
            "server says which of them it was.",
        )
        self.why = why

    def __reduce__(self) -> tuple[object, ...]:
        """By what it is made from."""
        return (NotAuthentic, (self.why,))


class NotFromHere(NotTaken):
    """From an address or a site that is not on the inlet's list."""

    status = 403


class TooLong(NotTaken):
    """More bytes or more arrivals than an inlet takes at once."""

    status = 413


class WrongType(NotTaken):
    """A body of a media type that the inlet does not read."""

    status = 415


class TooMany(NotTaken):
    """More calls from one address than the inlet takes in a minute."""

    status = 429


class Options(BaseModel):
    """What an inlet of a kind can be told beyond what every inlet has."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    phone_region: PhoneRegion | None = None
    """Country (ISO 3166) of phone numbers without a country code; the mapping's (CN) if not set."""


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP call."""

    body: bytes
    headers: Mapping[str, str]
    """By their names in lower case."""
    now: datetime
    address: str = ""
    """Of the sender."""
    path_secret: str | None = None

    def header(self, name: str) -> str:
        """A header's value, or ''."""
        return self.headers.get(name.lower(), "")

    @property
    def media_type(self) -> str:
        """The body's type without its parameters, in lower case."""
        return self.header("content-type").partition(";")[0].strip().lower()


@dataclass(frozen=True, slots=True)
class Inlet:
    """A door of one company: which kind it is, and how it was set up."""

    id: str
    kind: str
    channel: str
    pool: str | None = None
    """None: the company's routing table says."""
    campaign: str | None = None
    mapping: MappingFile = field(default_factory=MappingFile)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    """Those that hold at present, the newest first."""
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)
    """What LeadFlow itself shows to the vendor, by name."""
    allow_ips: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    options: Any = field(default_factory=Options)
    """Of the kind's own model."""


@dataclass(frozen=True, slots=True)
class Sent:
    """One arrival of a call, secrets taken out of it."""

    document: Any
    """A JSON object; text where the body is none."""
    ref: str | None = None
    """Its reference, whatever the document holds."""
    spare_ref: str | None = None
    """Its reference if the document names none."""
    test: bool = False
    """Sent to try the inlet: never a lead."""
    ids_only: bool = False
    """Its fields have to be fetched from the vendor."""
    unreadable: Problem | None = None
    """Why this is no document at all."""
    suspect: Problem | None = None
    """Why a machine may have filled in the form."""
    token: str | None = None
    """Of a captcha, still to be checked."""


Became = Literal["created", "merged", "duplicate", "unreadable", "kept", "test", "accepted"]


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one arrival.

    `kept`: a dead letter that can be read, but not taken (yet). `accepted`: in the log for certain, and not
    decided yet.
    """

    answer: Became
    lead: str | None = None
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Reply:
    """What the sender is answered."""

    status: int = 200
    body: Any = None
    """JSON, or text; None for an empty body."""
    media_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


Read = Callable[[Inlet, Call], list[Sent]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of inlet."""

    name: str
    title: str
    """For people: what it receives."""
    door: str
    """What its touches have as their door."""
    channel: str
    """What its touches count to, unless the inlet says otherwise."""
    secret: Literal["path", "signature", "key", "bearer", "none"]
    """Where the inlet's secret stands in a call."""
    authenticate: Callable[[Inlet, Call], None]
    """Raises NotAuthentic or NotFromHere. Pure: everything that it goes by is in its arguments."""
    read: Read
    """The arrivals of an authentic call. Raises WrongType or TooLong."""
    answer: Callable[[Inlet, Sequence[Result]], Reply]
    example: Callable[[Inlet, datetime], Call]
    """The documented example, as the vendor would send it to this inlet at this time."""
    columns: Callable[[Inlet], Mapping[str, str]] = lambda inlet: {}
    """What its members are where their usual names do not say so; the inlet's mapping goes first."""
    never: frozenset[str] = frozenset()
    """Fields that its senders may not fill."""
    options: type[Options] = Options
    credentials: tuple[str, ...] = ()
    """Names of what LeadFlow shows to the vendor; they may be left out."""
    given_secret: bool = False
    """The vendor gives the secret: it cannot be made here."""
    body_bytes_max: int = BODY_BYTES_MAX

    def mapping(self, inlet: Inlet) -> MappingFile:
        """What the members of its documents are: the inlet's own mapping before the kind's."""
        own, region = inlet.mapping, inlet.options.phone_region
        columns = {**self.columns(inlet), **own.columns}
        return own.model_copy(update={"columns": columns, "region": region or own.region})


# --- reading ---------------------------------------------------------------------------------


def json_types(call: Call) -> None:
    """Raise WrongType for a body that says it is neither JSON nor text. Vendors often name no type."""
    kind = call.media_type
    if kind and kind != "text/plain" and not kind.endswith(("json", "octet-stream")):
        raise WrongType("the body is not JSON", do="Send it as `application/json`.")


def text_of(body: bytes) -> str:
    """A body as text that can be kept, whatever bytes it has."""
    return body.decode("utf-8-sig", "replace").replace("\0", "\ufffd")


def json_object(body: bytes) -> dict[str, Any] | Sent:
    """The JSON object that a body is; else what is kept of it."""
    document = json_value(body)
    if isinstance(document, (Sent, dict)):
        return document
    return broken(body, "not_an_object", "is JSON, but not an object")


def json_value(body: bytes) -> Any:
    """The JSON value that a body is; else what is kept of it."""
    text = body.removeprefix(b"\xef\xbb\xbf")
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        # orjson refuses integers of more than 64 bits and NaN, which some vendors write as ids.
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            return broken(body, "not_json", f"is not JSON: {error.msg} at character {error.pos + 1}")
    twice = doubled(text, found)
    return found if twice is None else broken(body, "doubled_member", f"says {twice} twice")


def broken(body: bytes, code: str, message: str) -> Sent:
    """What is kept of a body that is no document."""
    return Sent(text_of(body), unreadable=Problem("document", code, message))


def without(document: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """A document without these members: secrets, and what is no data."""
    return {name: value for name, value in document.items() if name not in names}


def at_most(arrivals: list[Sent]) -> list[Sent]:
    """The arrivals of one call. Raises TooLong."""
    if len(arrivals) > ARRIVALS_MAX:
        raise TooLong(f"the call brings more than {ARRIVALS_MAX} arrivals", do="Send fewer at once.")
    return arrivals


def example_call(body: Any, now: datetime, headers: Mapping[str, str] | None = None, **more: Any) -> Call:
    """A call with a JSON body."""
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    return Call(raw, {"content-type": "application/json", **(headers or {})}, now, "127.0.0.1", **more)
