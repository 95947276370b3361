"""What a pool knows of a deal that was recorded with one of its customers."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import NamedTuple

from leadflow.domain.values import Money


class Deal(NamedTuple):
    """A recorded deal, as its reversal has to name it: in few bytes, as it is kept for ever."""

    lead: str
    amount: str
    currency: str
    number: str | None
    """What it is called elsewhere."""
    owner: str
    """Whose it was when it was recorded."""
    ordinal: int
    """The pool's local day on which it was recorded, as `date.toordinal` counts."""

    @property
    def value(self) -> Money:
        """What it was worth."""
        return Money(amount=Decimal(self.amount), currency=self.currency)

    @property
    def day(self) -> date:
        """The pool's local day on which it was recorded."""
        return date.fromordinal(self.ordinal)


class Reversed(NamedTuple):
    """What is left of a deal that was taken back."""

    lead: str
    sequence: int
    """Of the `DealReversed`."""
