"""The channel report: what each channel and campaign cost and brought, and what cannot be mapped.

Figures are those of the first touches of the period's days (`projections.channels` says what counts).
Currencies are never mixed: each has its own figures.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from projections.base import Row
from projections.channels import COUNTS
from projections.sources import Source
from projections.spend import places_of

SPEND_WITHOUT_LEADS = "spend_without_leads"
SPEND_WITHOUT_CAMPAIGN = "spend_without_campaign"
LEADS_WITHOUT_SPEND = "leads_without_spend"
TOUCH_COSTS = "touch_costs"
APPORTIONED = "apportioned"
COMPANY_WIDE = "company_wide"
MARKS = {
    SPEND_WITHOUT_LEADS: "spend that brought no lead in this period",
    SPEND_WITHOUT_CAMPAIGN: "spend recorded for the whole channel: it maps to no campaign",
    LEADS_WITHOUT_SPEND: "leads for which no spend and no touch cost is known",
    TOUCH_COSTS: "touch costs stand in on days for which no spend is recorded",
    APPORTIONED: "a figure's period reaches past the report's: its days were apportioned",
    COMPANY_WIDE: "spend of the whole company; other pools have leads of it too",
}
_ZERO = Decimal(0)
_RETURN_PLACES = Decimal("0.0001")


@dataclass
class MoneyFigures:
    """A row's money in one currency."""

    currency: str
    spend: Decimal = _ZERO
    touch_costs: Decimal = _ZERO
    """What stands in for spend, on days without any."""
    deals: int = 0
    revenue: Decimal = _ZERO
    cost_per_lead: Decimal | None = None
    cost_per_customer: Decimal | None = None
    return_on_spend: Decimal | None = None
    """Revenue per unit of cost."""

    @property
    def cost(self) -> Decimal:
        """Spend, and the touch costs that stand in for it."""
        return self.spend + self.touch_costs


@dataclass
class ChannelRow:
    """A channel's campaign. `campaign` None stands for leads and spend that name none."""

    channel: str
    campaign: str | None
    touches: int = 0
    leads: int = 0
    owned: int = 0
    assigned: int = 0
    claimed: int = 0
    contacted: int = 0
    converted: int = 0
    disqualified: int = 0
    money: dict[str, MoneyFigures] = field(default_factory=dict)
    marks: list[str] = field(default_factory=list)

    def figures(self, currency: str) -> MoneyFigures:
        """The row's money in that currency."""
        return self.money.setdefault(currency, MoneyFigures(currency))

    def mark(self, mark: str) -> None:
        """Say something about the row, once."""
        if mark not in self.marks:
            self.marks.append(mark)


@dataclass
class ChannelsReport:
    """The rows in the order of their names, and their sum."""

    first_day: date
    last_day: date
    pools: tuple[str, ...] | None
    rows: list[ChannelRow]
    total: ChannelRow
    marks: dict[str, str]
    """What the marks that occur mean."""


def channels_report(
    source: Source, first_day: date, last_day: date, pools: Collection[str] | None = None
) -> ChannelsReport:
    """Spend, touches, leads, what became of them, and what one of them cost, per channel and campaign.

    `pools` keeps to these pools' leads; spend names no pool, and where other pools have leads of the same
    campaign it is shown and marked, but not divided.
    """
    period = (first_day.isoformat(), last_day.isoformat())
    rows: dict[tuple[str, str], ChannelRow] = {}
    _count(source, period, pools, rows)
    spent_on = _add_spend(source, period, rows)
    _add_touch_costs(source, period, pools, rows, spent_on)
    shared = _shared(source, period, pools) if pools is not None else set()
    listed = list(_separate(rows))
    for row in listed:
        _finish(row, (row.channel, row.campaign or "") in shared)
    _mark_unknown_costs(listed)
    for row in listed:
        _in_order(row)
    total = _total(listed)
    _rates(total)
    _in_order(total)
    if any(COMPANY_WIDE in row.marks for row in listed):
        _drop_rates(total)
    marks = {mark: MARKS[mark] for mark in MARKS if any(mark in row.marks for row in listed)}
    chosen = None if pools is None else tuple(sorted(pools))
    return ChannelsReport(first_day, last_day, chosen, listed, total, marks)


def within(
    source: Source, table: str, period: tuple[str, str], pools: Collection[str] | None
) -> Iterator[Row]:
    """A table's rows of the period's days, and of these pools where they are given."""
    first, last = period
    for row in source.rows(table):
        if first <= row["day"] <= last and (pools is None or row["pool"] in pools):
            yield row


def _row(rows: dict[tuple[str, str], ChannelRow], row: Row) -> ChannelRow:
    key = (row["channel"], row["campaign"])
    found = rows.get(key)
    if found is None:
        found = rows[key] = ChannelRow(row["channel"], row["campaign"] or None)
    return found


def _count(
    source: Source,
    period: tuple[str, str],
    pools: Collection[str] | None,
    rows: dict[tuple[str, str], ChannelRow],
) -> None:
    for day in within(source, "channel_days", period, pools):
        counts = {name: day.get(name) or 0 for name in COUNTS}
        if any(counts.values()):
            row = _row(rows, day)
            for name, count in counts.items():
                setattr(row, name, getattr(row, name) + count)
    for day in within(source, "channel_money", period, pools):
        if day.get("deals"):
            figures = _row(rows, day).figures(day["currency"])
            figures.deals += day["deals"]
            figures.revenue += day["revenue"]


_SpentOn = set[tuple[str, str, str]]
"""Channel, campaign and day for which spend is recorded, in whatever currency."""


def _add_spend(source: Source, period: tuple[str, str], rows: dict[tuple[str, str], ChannelRow]) -> _SpentOn:
    spent_on: _SpentOn = set()
    for day in within(source, "spend_days", period, None):
        spent_on.add((day["channel"], day["campaign"], day["day"]))
        row = _row(rows, day)
        row.figures(day["currency"]).spend += day["amount"]
        if day["first_day"] < period[0] or day["last_day"] > period[1]:
            row.mark(APPORTIONED)
    return spent_on


def _add_touch_costs(
    source: Source,
    period: tuple[str, str],
    pools: Collection[str] | None,
    rows: dict[tuple[str, str], ChannelRow],
    spent_on: _SpentOn,
) -> None:
    """Touch costs, on days for which nothing is recorded for their campaign nor for the whole channel."""
    for day in within(source, "channel_money", period, pools):
        place = (day["channel"], day["campaign"], day["day"])
        if not day.get("touch_cost") or place in spent_on or (place[0], "", place[2]) in spent_on:
            continue
        row = _row(rows, day)
        row.figures(day["currency"]).touch_costs += day["touch_cost"]
        row.mark(TOUCH_COSTS)


def _shared(source: Source, period: tuple[str, str], pools: Collection[str]) -> set[tuple[str, str]]:
    """Campaigns of which other pools have leads, and the channels as a whole, too."""
    shared = set()
    for day in within(source, "channel_days", period, None):
        if day["pool"] not in pools and day.get("leads"):
            shared |= {(day["channel"], day["campaign"]), (day["channel"], "")}
    return shared


def _separate(rows: dict[tuple[str, str], ChannelRow]) -> Iterator[ChannelRow]:
    """The rows in order. Spend that names no campaign stays with its channel's leads only where none of
    these has a campaign; otherwise it stands in a row of its own."""
    with_campaigns = {
        channel for (channel, campaign), row in rows.items() if campaign and (row.touches or row.leads)
    }
    for (channel, campaign), row in sorted(rows.items()):
        spent = any(figures.spend for figures in row.money.values())
        if campaign or channel not in with_campaigns or not spent:
            yield row
            continue
        alone = ChannelRow(channel, None, marks=[SPEND_WITHOUT_CAMPAIGN])
        if APPORTIONED in row.marks:
            row.marks.remove(APPORTIONED)
            alone.mark(APPORTIONED)
        for currency, figures in row.money.items():
            if figures.spend:
                alone.figures(currency).spend, figures.spend = figures.spend, _ZERO
        if row.touches or row.leads or any(f.cost or f.deals for f in row.money.values()):
            row.money = {c: f for c, f in row.money.items() if f.cost or f.deals}
            yield row
        yield alone


def _finish(row: ChannelRow, shared: bool) -> None:
    """Work out what one lead cost, and mark what does not map."""
    spent = any(figures.spend for figures in row.money.values())
    _rates(row)
    if SPEND_WITHOUT_CAMPAIGN in row.marks:
        _drop_rates(row)
    elif spent and shared:
        row.mark(COMPANY_WIDE)
        _drop_rates(row)
    elif spent and not row.leads:
        row.mark(SPEND_WITHOUT_LEADS)


def _mark_unknown_costs(rows: list[ChannelRow]) -> None:
    channels_with_cost = {row.channel for row in rows if any(f.cost for f in row.money.values())}
    for row in rows:
        if row.leads and row.channel not in channels_with_cost:
            row.mark(LEADS_WITHOUT_SPEND)


def _rates(row: ChannelRow) -> None:
    for figures in row.money.values():
        unit = Decimal(1).scaleb(-places_of(figures.currency))
        if not figures.cost:
            continue
        if row.leads:
            figures.cost_per_lead = (figures.cost / row.leads).quantize(unit, ROUND_HALF_UP)
        if row.converted:
            figures.cost_per_customer = (figures.cost / row.converted).quantize(unit, ROUND_HALF_UP)
        figures.return_on_spend = (figures.revenue / figures.cost).quantize(_RETURN_PLACES, ROUND_HALF_UP)


def _in_order(row: ChannelRow) -> None:
    """One order, whatever the order in which the rows were read: a report's bytes depend on its facts."""
    row.money = dict(sorted(row.money.items()))
    row.marks.sort(key=list(MARKS).index)


def _drop_rates(row: ChannelRow) -> None:
    for figures in row.money.values():
        figures.cost_per_lead = figures.cost_per_customer = figures.return_on_spend = None


def _total(rows: list[ChannelRow]) -> ChannelRow:
    total = ChannelRow("", None)
    for row in rows:
        for name in COUNTS:
            setattr(total, name, getattr(total, name) + getattr(row, name))
        for currency, figures in row.money.items():
            sums = total.figures(currency)
            sums.spend += figures.spend
            sums.touch_costs += figures.touch_costs
            sums.deals += figures.deals
            sums.revenue += figures.revenue
    return total
