"""The company's own stream, `_company`: routing and spend. State, fold and decisions."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from leadflow.domain import events as e
from leadflow.domain.draft import Draft
from leadflow.domain.pool import Stream
from leadflow.domain.requests import PublishRouting, RecordSpend
from leadflow.domain.routing import RoutingTable


class SpendKey(NamedTuple):
    """What one spend figure is about; the same key again replaces the figure."""

    channel: str
    campaign: str | None
    first_day: date
    last_day: date
    currency: str


class CompanyState(Stream):
    """Facts of the whole company."""

    def __init__(self, stream_id: str) -> None:
        super().__init__(stream_id)
        self.clock = "any"
        self.routing: RoutingTable | None = None
        self.routing_version = 0
        self.spend: dict[tuple[str, str | None, str], dict[tuple[date, date], int]] = {}
        """By channel, campaign and currency: period → sequence of its figure."""


def evolve_company(company: CompanyState, event: e.Event) -> None:
    """Fold a fact of the company in."""
    data = event.data
    if isinstance(data, e.RoutingPublished):
        company.routing, company.routing_version = data.table, data.version
    elif isinstance(data, e.SpendRecorded):
        periods = company.spend.setdefault((data.channel, data.campaign, data.spend.currency), {})
        periods[data.first_day, data.last_day] = event.sequence


def publish_routing(company: CompanyState, body: PublishRouting, draft: Draft) -> None:
    """A new routing table is in force."""
    draft.add("routing", e.RoutingPublished(version=company.routing_version + 1, table=body.table))


def record_spend(company: CompanyState, body: RecordSpend, draft: Draft) -> None:
    """Record a figure, or replace the one of the same key; an overlap is refused."""
    periods = company.spend.get((body.channel, body.campaign, body.spend.currency), {})
    period = (body.first_day, body.last_day)
    if period not in periods:
        for (first, last), sequence in sorted(periods.items()):
            if body.first_day <= last and first <= body.last_day:
                draft.refuse("spend_overlaps", position=sequence, detail=f"{first}..{last}")
                return
    draft.add(
        body.channel,
        e.SpendRecorded(
            channel=body.channel,
            campaign=body.campaign,
            first_day=body.first_day,
            last_day=body.last_day,
            spend=body.spend,
            units=body.units,
            unit=body.unit,
            replaces=periods.get(period),
        ),
    )
