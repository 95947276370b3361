"""A report's bytes depend on its facts, not on the order in which rows are read."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from leadflow.domain import events as f
from leadflow.domain.values import Money
from projections import channels
from projections.folding import fold
from projections.memory import MemoryRows
from projections.reports import channels_report
from projections.sources import FoldedSource
from tests.histories import History, rotation

PERIOD = (date(2026, 10, 2), date(2026, 10, 12))


class Backwards:
    """Another order of the same rows, as tables that were filled otherwise may have."""

    def __init__(self, source: FoldedSource) -> None:
        self._source = source

    def rows(self, table: str) -> list[dict[str, Any]]:
        return list(self._source.rows(table))[::-1]


def spent(last: int, amount: int, currency: str) -> tuple[str, f.Fact]:
    return "baidu_ads", f.SpendRecorded(
        channel="baidu_ads",
        campaign="autumn",
        first_day=date(2026, 10, 1),
        last_day=date(2026, 10, last),
        spend=Money(amount=Decimal(amount), currency=currency),
    )


def test_currencies_and_marks_have_one_order() -> None:
    history = History()
    history.open("east")
    history.capture("east", "a", rotation("wang"), channel="baidu_ads", campaign="autumn")
    history.decide("_company", spent(10, 100, "USD"))
    history.decide("_company", spent(31, 50, "CNY"))
    rows = MemoryRows(channels.PROJECTION)
    fold(channels.PROJECTION, history.entries(), rows)
    source = FoldedSource([rows])
    report = channels_report(source, *PERIOD)
    assert repr(channels_report(Backwards(source), *PERIOD)) == repr(report)
    assert list(report.total.money) == ["CNY", "USD"]
