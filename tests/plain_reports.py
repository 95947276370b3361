"""What reports must say, found from the typed facts in plain Python, each lead's whole life at a time."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from leadflow.domain import events as f
from leadflow.domain.values import Touch
from projections.memory import MemoryRows

DayOf = Callable[[str, datetime], date]
"""A pool's local day of a moment."""


def owners(events: Sequence[f.Event]) -> dict[tuple[str, str], list[tuple[Any, ...]]]:
    """By lead: (owner, first sequence, mode, last sequence, reason), found from each lead's own facts."""
    by_lead: dict[tuple[str, str], list[f.Event]] = defaultdict(list)
    for event in events:
        by_lead[event.pool, event.subject].append(event)
        if isinstance(event.data, f.LeadsMerged):
            by_lead[event.pool, event.data.absorbed].append(event)
    found = {}
    for key, own in by_lead.items():
        intervals: list[list[Any]] = []
        for event in own:
            data = event.data
            begins = ends = None
            if isinstance(data, f.LeadClaimed):
                begins = (data.rep, "next" if data.chosen else "claim")
            elif isinstance(data, f.LeadAssigned) and data.to:
                begins = (data.to, data.mode)
            elif isinstance(data, f.LeadHandedOver | f.CustomerHandedOver):
                begins, ends = (data.to, "hand_over"), "handed_over"
            elif isinstance(data, f.LeadRecycled):
                ends = data.reason
            elif isinstance(data, f.LeadDisqualified):
                ends = "disqualified"
            elif isinstance(data, f.LeadsMerged) and data.absorbed == key[1]:
                ends = "merged"
            if ends and intervals and intervals[-1][3] is None:
                intervals[-1][3:] = [event.sequence, ends]
            if begins:
                intervals.append([begins[0], event.sequence, begins[1], None, None])
        if intervals:
            found[key] = [tuple(interval) for interval in intervals]
    return found


class Origin:
    """A lead with all that counts to its first touch."""

    def __init__(self, event: f.Event, fact: f.LeadCaptured, day: DayOf) -> None:
        self.pool, self.captured = event.pool, event.time
        self.touches = [self.touch(event, fact.touch, day)]
        self.marks: set[str] = set()
        self.deals: list[tuple[str, Decimal]] = []

    @staticmethod
    def touch(event: f.Event, touch: Touch, day: DayOf) -> tuple[str, str, str, Any]:
        at = day(event.pool, touch.occurred_at or event.time).isoformat()
        return (touch.channel, touch.campaign or "", at, touch.cost)

    def absorb(self, other: Origin) -> None:
        first, second = (other, self) if other.captured < self.captured else (self, other)
        self.captured, self.touches = first.captured, first.touches + second.touches
        self.marks |= other.marks - {"disqualified"}
        self.deals += other.deals


def origins(events: Sequence[f.Event], day: DayOf) -> list[Origin]:
    """Every lead, with what it became part of or has become part of it, where it is now."""
    leads: dict[tuple[str, str], Origin] = {}
    away: dict[str, Origin] = {}
    for event in events:
        data, key = event.data, (event.pool, event.subject)
        if isinstance(data, f.LeadCaptured):
            leads[key] = Origin(event, data, day)
        elif isinstance(data, f.TouchRecorded):
            leads[key].touches.append(Origin.touch(event, data.touch, day))
        elif isinstance(data, f.LeadClaimed):
            leads[key].marks |= {"owned", "claimed"}
        elif isinstance(data, f.LeadAssigned) and data.to:
            leads[key].marks |= {"owned", "assigned"}
        elif isinstance(data, f.ContactLogged) and data.counts:
            leads[key].marks.add("contacted")
        elif isinstance(data, f.LeadConverted):
            leads[key].marks |= {"owned", "converted"}
        elif isinstance(data, f.LeadDisqualified):
            leads[key].marks.add("disqualified")
        elif isinstance(data, f.LeadReopened):
            leads[key].marks.discard("disqualified")
        elif isinstance(data, f.DealRecorded):
            leads[key].deals.append((data.value.currency, data.value.amount))
        elif isinstance(data, f.DealReversed):
            leads[key].deals.remove((data.value.currency, data.value.amount))
        elif isinstance(data, f.LeadsMerged):
            leads[key].absorb(leads.pop((event.pool, data.absorbed)))
        elif isinstance(data, f.LeadTransferredOut):
            away[event.id] = leads.pop(key)
        elif isinstance(data, f.LeadTransferredIn):
            lead = away.pop(data.from_fact)
            lead.pool = event.pool
            if data.into:
                leads[key].absorb(lead)
            else:
                leads[key] = lead
    return [*leads.values(), *away.values()]


def channel_figures(events: Sequence[f.Event], day: DayOf) -> tuple[dict[Any, Any], dict[Any, Any]]:
    """By pool, channel, campaign, day and name: what is counted; with the currency, what is summed."""
    days = Counter()  # type: Counter[tuple[str, ...]]
    money = Counter()  # type: Counter[tuple[str, ...]]
    for lead in origins(events, day):
        place = (lead.pool, *lead.touches[0][:3])
        for what in ("leads", *lead.marks):
            days[*place, what] += 1
        for currency, amount in lead.deals:
            money[*place, currency, "deals"] += 1
            money[*place, currency, "revenue"] += amount  # type: ignore[assignment]
        for channel, campaign, at, cost in lead.touches:
            days[lead.pool, channel, campaign, at, "touches"] += 1
            if cost is not None:
                money[lead.pool, channel, campaign, at, cost.currency, "touch_cost"] += cost.amount
    return {k: v for k, v in days.items() if v}, {k: v for k, v in money.items() if v}


def sums(rows: MemoryRows, table: str, keys: int) -> dict[tuple[str, ...], Any]:
    return {
        (*key, name): value
        for key, row in rows.tables[table].items()
        for name, value in list(row.items())[keys:]
        if value
    }


def rep_figures(events: Sequence[f.Event], day: DayOf) -> dict[Any, Any]:
    """By pool, day, rep and name: how often each rep did what."""
    found = Counter()  # type: Counter[tuple[str, str, str, str]]
    for event in events:
        data, place = event.data, (event.pool, day(event.pool, event.time).isoformat())
        if isinstance(data, f.LeadClaimed):
            found[*place, data.rep, "claimed"] += 1
        elif isinstance(data, f.LeadAssigned) and data.to:
            found[*place, data.to, f"assigned_{data.mode}"] += 1
        elif isinstance(data, f.LeadRecycled):
            found[*place, data.rep, f"recycled_{data.reason}"] += 1
        elif isinstance(data, f.LeadConverted):
            found[*place, data.owner, "converted"] += 1
    return dict(found)


def rep_sums(rows: MemoryRows) -> dict[Any, Any]:
    """The same of a projection's rows."""
    return {
        (row["pool"], row["day"], row["rep"], name): row[name]
        for row in rows.rows("rep_days")
        for name in row
        if name.startswith(("claimed", "assigned", "recycled", "converted")) and row[name]
    }
