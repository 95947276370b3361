"""What people may correct of a lead, for the doors."""

from __future__ import annotations

from leadflow.domain.currencies import known as known_currency
from leadflow.incoming.editing import EDITABLE, amount_of, corrections

__all__ = ["EDITABLE", "amount_of", "corrections", "known_currency"]
