"""Values that facts, requests and policies share: actors, people, companies, touches, money, time."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from hashlib import blake2b
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
)

ROLES = ("rep", "manager", "marketing", "support", "analyst", "auditor", "adapter", "system")
MEMBER_ROLES = ("rep", "manager", "marketing", "support")
COMPANY_STREAM = "_company"
POOL_PATTERN = r"[a-z0-9][a-z0-9-]{0,62}"


_STREAM = re.compile(rf"{POOL_PATTERN}|{COMPANY_STREAM}")


def is_stream(name: object) -> bool:
    """Whether a pool, or the company's stream, may be called so."""
    return isinstance(name, str) and _STREAM.fullmatch(name) is not None


class Model(BaseModel):
    """Base of every value: immutable, and closed to fields it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_bytes="base64")

    def __eq__(self, other: object) -> bool:
        # Writing a fact compares each value with its default, and pydantic's own comparison takes a while.
        # It is asked only where one of two has kept something besides its fields.
        if self is other:
            return True
        if type(self) is not type(other):
            return NotImplemented
        mine, theirs = self.__dict__, other.__dict__
        return mine == theirs or (len(mine) != len(theirs) and super().__eq__(other))

    def __copy__(self) -> Self:
        # pydantic's own copy asks for much that a value does not have.
        return self.but()

    def but(self, **values: Any) -> Self:
        """The same but for these values, which are known to be valid: as `model_copy`, in less than half the
        time."""
        copied = type(self).__new__(type(self))
        set_values(copied, self.__dict__ | values)
        set_given(copied, self.__pydantic_fields_set__ | values.keys())
        set_extra(copied, None)
        set_private(copied, None)
        return copied


set_values, set_given, set_extra, set_private = (
    BaseModel.__dict__[slot].__set__
    for slot in ("__dict__", "__pydantic_fields_set__", "__pydantic_extra__", "__pydantic_private__")
)
"""Set what a frozen value, while it is being made, consists of: its fields' values, which of them were given,
and two things that our values never have."""


def to_utc(moment: datetime) -> datetime:
    """The same moment in UTC. Raises ValueError without an offset, or for no year from 1 to 9999."""
    if moment.tzinfo is None:
        raise ValueError("a time needs an offset, e.g. 2026-11-21T10:00:00Z")
    try:
        return moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    except OverflowError:
        # 9999-12-31T23:59:59-23:59 is of year 10000 in UTC. To validators only a ValueError is a wrong value.
        raise ValueError("in UTC, a time is in one of the years 1 to 9999") from None


def format_time(moment: datetime) -> str:
    """RFC 3339 in UTC with six digits of a second: the one way LeadFlow writes a time."""
    return text_of_utc(to_utc(moment))


@lru_cache(maxsize=4096)
def text_of_utc(moment: datetime) -> str:
    """The same of a moment that is in UTC."""
    # The facts of one batch name few moments, each of them many times.
    return to_utc(moment).isoformat(timespec="microseconds")[:-6] + "Z"


UtcTime = Annotated[AwareDatetime, AfterValidator(to_utc), PlainSerializer(text_of_utc, when_used="json")]
"""A moment, kept in UTC."""
PoolId = Annotated[str, StringConstraints(pattern=rf"^({POOL_PATTERN}|{COMPANY_STREAM})$")]
Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64, pattern=r"^[^\s/:]+$")
]
"""Id of a member, group, rule, channel or score class: no blanks, slashes or colons."""
Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=4000)]
ActorName = Annotated[
    str, StringConstraints(pattern=rf"^({'|'.join(ROLES)})/[^\s/:]{{1,64}}$", max_length=80)
]
"""An actor as `role/id`, e.g. `rep/wang`: the CloudEvents `authid` of what it does."""


def role_of(actor: str) -> str:
    """The role of an actor written `role/id`."""
    return actor.partition("/")[0]


def id_of(actor: str) -> str:
    """The id of an actor written `role/id`."""
    return actor.partition("/")[2]


Words = dict[str, str]


class Money(Model):
    """An amount with its ISO 4217 currency; decimal, never a float."""

    amount: Annotated[Decimal, Field(max_digits=20, decimal_places=6, allow_inf_nan=False)]
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]


class Person(Model):
    """A person's name, contact points and free text. Stands in `data.person` and nowhere else."""

    name: Text | None = None
    phones: tuple[str, ...] = ()
    """E.164."""
    emails: tuple[str, ...] = ()
    """Lower case."""
    wechats: tuple[str, ...] = ()
    written: Words = Field(default_factory=dict)
    """What was written, by field, where it differs from what was understood."""
    note: Text | None = None
    reason: Text | None = None
    """Why somebody did this, in their own words."""
    answers: Words = Field(default_factory=dict)
    """Further fields of the form, file or survey, by their own names."""


class Company(Model):
    """What is known of a lead's company."""

    name: Text | None = None
    industry: Text | None = None
    size: Annotated[int, Field(ge=0, le=10_000_000)] | None = None
    """Employees; of a range (`50-99`), its lower end."""
    region: Text | None = None
    """Province, municipality or country, in its short usual name (`广东`, `上海`)."""
    city: Text | None = None


_NOBODY = Person()
_NO_COMPANY = Company()


def nobody() -> Person:
    """The one empty person: pydantic would copy a default that holds a dict at every construction."""
    return _NOBODY


def no_company() -> Company:
    """The one empty company."""
    return _NO_COMPANY


class Touch(Model):
    """One arrival of a lead through a channel."""

    channel: Name
    ref: Annotated[str, StringConstraints(min_length=1, max_length=512)]
    """Source reference: names the arrival within its channel."""
    door: Name
    """How it came in: `file`, `command`, `web_form`, …; not always the channel."""
    campaign: Text | None = None
    occurred_at: UtcTime | None = None
    """When it happened, as the channel says; data, decides nothing."""
    landing_page: Text | None = None
    referrer: Text | None = None
    referrer_class: Name | None = None
    """What told the channel: `cpc`, `search`, `newsletter`, `click_id`, `unknown`, …."""
    search_engine: Name | None = None
    utm: Words = Field(default_factory=dict)
    click_ids: Words = Field(default_factory=dict)
    cost: Money | None = None
    cost_basis: Annotated[str, StringConstraints(pattern="^(own|unit_cost)$")] | None = None


class ScorePart(Model):
    """One line of a score's breakdown."""

    rule: str
    points: int


def digest_bytes(content: bytes) -> bytes:
    """Sixteen bytes that stand for `content`."""
    return blake2b(content, digest_size=16).digest()


def digest(*parts: str) -> bytes:
    """Sixteen bytes that stand for `parts`: the compact form in which a pool remembers them."""
    return blake2b("\x1f".join(parts).encode(), digest_size=16).digest()


def derived_id(*parts: str) -> str:
    """A UUID (RFC 9562 version 8) that the same parts always give; nothing in it is random."""
    text = digest_bytes("\x1f".join(parts).encode()).hex()
    variant = "89ab"[int(text[16], 16) & 3]
    return f"{text[:8]}-{text[8:12]}-8{text[13:16]}-{variant}{text[17:20]}-{text[20:]}"


LEAD_ID_PATTERN = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
"""What `derived_id` gives."""
DIGITS_MAX = 6


def speakable(typed: str | None) -> str | None:
    """A name that somebody typed, or None where it may be a contact point: refusals repeat none."""
    if typed is None or "@" in typed or sum(map(str.isdigit, typed)) > DIGITS_MAX:
        return None
    return typed


JsonDict = dict[str, Any]
