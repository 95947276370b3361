"""A deal that was reversed counts nowhere, in no read model."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from leadflow.domain import events as f
from leadflow.domain.values import Money, Person
from projections import channels, customers, ownership
from projections.base import Projection
from projections.folding import fold
from projections.memory import MemoryRows
from tests.histories import History, a_touch, rotation


def folded(projection: Projection, history: History) -> MemoryRows:
    rows = MemoryRows(projection)
    fold(projection, history.entries(), rows)
    return rows


def test_a_reversed_deal_counts_nowhere() -> None:
    history = History()
    history.open("east")
    history.capture("east", "a", rotation("wang"))
    whole: dict[str, Any] = {"person": Person(phones=("+861",)), "touches": (a_touch("r"),)}
    history.decide(
        "east", ("a", f.LeadConverted(customer="c", owner="wang", score=1, captured_sequence=7, **whole))
    )
    recorded = []
    for amount, currency in (("10.10", "CNY"), ("10.10", "CNY"), ("5", "USD")):
        deal = f.DealRecorded(
            customer="c", value=Money(amount=Decimal(amount), currency=currency), owner="wang"
        )
        recorded.append((history.decide("east", ("a", deal)), deal))
    day = (recorded[0][0].time + timedelta(hours=8)).date()
    for event, deal in recorded[1:]:
        history.now += timedelta(days=3)
        fact = f.DealReversed(
            recorded_sequence=event.sequence, customer="c", value=deal.value, owner="wang", day=day
        )
        last = history.decide("east", ("a", fact), actor="manager/ma")
    rows = folded(customers.PROJECTION, history)
    assert rows.tables["customers"]["east", "a"]["revenue"] == {"CNY": "10.10"}
    assert rows.tables["customers"]["east", "a"]["deals"] == 1
    reversals = [row["reversed_sequence"] for row in rows.rows("deals")]
    assert reversals == [None, last.sequence - 1, last.sequence]
    (source,) = folded(channels.PROJECTION, history).rows("lead_sources")
    assert source["deals"] == [["CNY", "10.10"]]
    # Neither on the day on which it was recorded, nor on that of the reversal.
    by_day = {
        (row["day"], row["currency"]): (row["deals"], row["revenue"])
        for row in folded(ownership.PROJECTION, history).rows("rep_money")
    }
    assert by_day == {
        (day.isoformat(), "CNY"): (1, Decimal("10.10")), (day.isoformat(), "USD"): (0, Decimal(0))
    }  # fmt: skip
