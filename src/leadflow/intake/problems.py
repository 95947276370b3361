"""What could not be understood, by field. Never holds the value: that may be a contact point."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that could not be understood.

    `field` is the lead's field (`phone`, `email`, `cost`, …) or a column's own name; `code` is for
    programs, `message` for people.
    """

    field: str
    code: str
    message: str
