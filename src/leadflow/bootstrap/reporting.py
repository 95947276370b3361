"""Reports, for the doors: their rows, periods, and how they leave as CSV."""

from __future__ import annotations

from leadflow.views import report_records
from leadflow.views.csv_out import write_csv
from leadflow.views.reports import (
    ChannelRow,
    ChannelsReport,
    Fairness,
    FunnelRow,
    MoneyFigures,
    Period,
    RepRow,
    Share,
)

__all__ = [
    "ChannelRow",
    "ChannelsReport",
    "Fairness",
    "FunnelRow",
    "MoneyFigures",
    "Period",
    "RepRow",
    "Share",
    "report_records",
    "write_csv",
]
