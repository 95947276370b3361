"""What is known of a member: which leads suit it, and when it is there."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from leadflow.domain.values import Model, Text

HOURS_PATTERN = r"^([01][0-9]|2[0-3]):[0-5][0-9]-(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$"


def _opens_first(hours: str) -> str:
    start, _, end = hours.partition("-")
    if end <= start:
        raise ValueError("the hours end before they begin; a day's hours lie within that day")
    return hours


HoursText = Annotated[
    str,
    StringConstraints(pattern=HOURS_PATTERN),
    AfterValidator(_opens_first),
]
"""Opening hours of a day in the pool's time zone, `09:00-18:00`; the end may be `24:00`."""


class Leave(Model):
    """Days on which a member is away; both belong to the leave."""

    first_day: date
    last_day: date

    @model_validator(mode="after")
    def _ordered(self) -> Leave:
        if self.last_day < self.first_day:
            raise ValueError("the last day is before the first")
        return self


class MemberTraits(Model):
    """What a member can be given. Every field is optional: what is None does not restrict."""

    display_name: Text | None = None
    regions: tuple[str, ...] | None = None
    """Regions whose leads suit this rep; a lead whose region is unknown suits nobody restricted."""
    industries: tuple[str, ...] | None = None
    hours: HoursText | None = None
    """Hours in which the rep is given leads; only on working days of the pool's calendar."""
    leave: tuple[Leave, ...] | None = None
    holding_cap: Annotated[int, Field(ge=0)] | None = None
    """Leads held at once, instead of the policy's `held_at_once`."""
