"""Apportioning what a period cost to its days, exactly."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

MINOR_UNITS = {
    **dict.fromkeys(
        (
            "BIF",
            "CLP",
            "DJF",
            "GNF",
            "ISK",
            "JPY",
            "KMF",
            "KRW",
            "PYG",
            "RWF",
            "UGX",
            "UYI",
            "VND",
            "VUV",
            "XAF",
            "XOF",
            "XPF",
        ),
        0,
    ),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}
"""Decimal places of a currency's minor unit where they are not two. Source: ISO 4217, list one."""


def places_of(currency: str) -> int:
    """Decimal places of the currency's minor unit."""
    return MINOR_UNITS.get(currency, 2)


def apportion(amount: Decimal, currency: str, first_day: date, last_day: date) -> list[tuple[date, Decimal]]:
    """Each day's part of a period's amount, by largest remainder in the currency's minor unit.

    Days have equal shares, so their remainders are equal too, and the units that are left over go to the
    earliest days. An amount finer than the minor unit is apportioned in its own last decimal place. The
    parts add up to the amount.
    """
    days = (last_day - first_day).days + 1
    exponent = amount.as_tuple().exponent
    places = max(places_of(currency), -exponent if isinstance(exponent, int) else 0)
    unit = Decimal(1).scaleb(-places)
    whole, left = divmod(int(amount / unit), days)
    return [(first_day + timedelta(days=i), (whole + (1 if i < left else 0)) * unit) for i in range(days)]
