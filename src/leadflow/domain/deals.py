"""What a pool knows of a deal that was recorded with one of its customers."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from leadflow.domain.values import Money


class Deal(NamedTuple):
    """A recorded deal, as its reversal has to name it."""

    lead: str
    value: Money
    number: str | None
    """What it is called elsewhere."""
    owner: str
    """Whose it was when it was recorded."""
    day: date
    """The pool's local day on which it was recorded."""
    reversed_seq: int = 0
    """Sequence of the `DealReversed`, or 0."""
