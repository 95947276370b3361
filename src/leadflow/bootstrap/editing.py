"""What people may correct of a lead, for the doors."""

from __future__ import annotations

from leadflow.incoming.editing import EDITABLE, amount_of, corrections
from leadflow.intake.currencies import known as known_currency

__all__ = ["EDITABLE", "amount_of", "corrections", "known_currency"]
