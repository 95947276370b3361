"""Reports as records: what they are as comma-separated values, whichever door gives them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from leadflow.domain.values import format_time
from leadflow.views.reports import ChannelsReport, Fairness, FunnelRow, OriginRow, RepRow, SpendReport

CHANNEL_COLUMNS = (
    "channel",
    "campaign",
    "touches",
    "leads",
    "owned",
    "assigned",
    "claimed",
    "contacted",
    "converted",
    "disqualified",
    "currency",
    "spend",
    "touch_costs",
    "deals",
    "revenue",
    "cost_per_lead",
    "cost_per_customer",
    "return_on_spend",
    "marks",
)
FUNNEL_COLUMNS = (
    "pool",
    "leads",
    "owned",
    "contacted",
    "converted",
    "disqualified",
    "deals",
    "currency",
    "revenue",
)
ORIGIN_COLUMNS = (
    "referrer_class",
    "search_engine",
    "landing_page",
    "leads",
    "owned",
    "claimed",
    "contacted",
    "converted",
)
MODES = ("rotation", "directed", "timeout", "manual")
REP_COLUMNS = (
    "pool",
    "rep",
    "claimed",
    "assigned_rotation",
    "assigned_directed",
    "assigned_timeout",
    "assigned_manual",
    "handed_in",
    "handed_on",
    "contacted",
    "converted",
    "disqualified",
    "recycled",
    "deals",
    "currency",
    "revenue",
)
FAIRNESS_COLUMNS = ("pool", "group", "since", "since_fact", "leads", "rep", "weight", "got", "share", "off")
SPEND_COLUMNS = (
    "channel",
    "campaign",
    "first_day",
    "last_day",
    "currency",
    "amount",
    "in_period",
    "units",
    "unit",
    "fact",
)


def channel_records(found: ChannelsReport) -> Iterator[Sequence[Any]]:
    """One record for each row and currency; counts stand in a row's first record only, to add up."""
    for row in found.rows:
        counts: list[Any] = [
            row.touches, row.leads, row.owned, row.assigned, row.claimed, row.contacted, row.converted,
            row.disqualified,
        ]  # fmt: skip
        marks = " ".join(row.marks)
        for number, money in enumerate(row.money.values() or [None]):
            figures: list[Any] = [None] * 8
            if money is not None:
                figures = [
                    money.currency, money.spend, money.touch_costs, money.deals, money.revenue,
                    money.cost_per_lead, money.cost_per_customer, money.return_on_spend,
                ]  # fmt: skip
            yield [row.channel, row.campaign, *(counts if number == 0 else [None] * 8), *figures, marks]


def funnel_records(found: Sequence[FunnelRow]) -> Iterator[Sequence[Any]]:
    """One record for each pool and currency; the row of all pools is left out, so that they add up."""
    for row in found:
        if row.pool:
            counts: list[Any] = [*row.steps.values(), row.disqualified, row.deals]
            for number, (currency, amount) in enumerate(row.revenue.items() or [(None, None)]):
                yield [row.pool, *(counts if number == 0 else [None] * 6), currency, amount]


def origin_records(found: Sequence[OriginRow]) -> Iterator[Sequence[Any]]:
    """One record for each origin."""
    for row in found:
        yield [getattr(row, name) for name in ORIGIN_COLUMNS]


def rep_records(found: Sequence[RepRow]) -> Iterator[Sequence[Any]]:
    """One record for each rep and currency; counts stand in the first only."""
    for row in found:
        counts: list[Any] = [
            row.claimed, *(row.assigned.get(mode, 0) for mode in MODES), row.handed_in, row.handed_on,
            row.contacted, row.converted, row.disqualified, sum(row.recycled.values()), row.deals,
        ]  # fmt: skip
        for number, (currency, amount) in enumerate(row.revenue.items() or [(None, None)]):
            yield [row.pool, row.rep, *(counts if number == 0 else [None] * 12), currency, amount]


def fairness_records(found: Iterable[Fairness]) -> Iterator[Sequence[Any]]:
    """One record for each rep of each rotation."""
    for one in found:
        since = format_time(one.since)
        for share in one.shares:
            group = (one.pool, one.group, since, one.since_fact, one.leads)
            yield [*group, share.rep, share.weight, share.got, share.share, share.off]


def spend_records(found: SpendReport) -> Iterator[Sequence[Any]]:
    """One record for each figure."""
    for row in found.figures:
        yield [getattr(row, name) for name in SPEND_COLUMNS]
