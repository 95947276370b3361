"""`channels`: what each channel and campaign cost and brought, per pool and day.

Touches and their costs count to their own channel, campaign and day. Everything else about a lead counts
once, to the channel, campaign and day of its first touch: leads, `owned` (somebody got it, in whatever
way), `assigned`, `claimed`, `contacted` (a contact whose outcome counts by the policy), `converted`,
`disqualified`, deals and revenue. A lead that moves to another pool, or into another lead, takes its
figures along; of two leads that become one, the earlier captured one's first touch is the first.

A touch's day is that of its own time where the channel gives one, else the fact's, in the pool's local
time. A figure of spend counts for the whole company: it names no pool.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any

from leadflow.domain import events as f
from projections.base import Entry, Key, Projection, Row, Rows, Table
from projections.origins import UNKNOWN, origin_of
from projections.spend import apportion
from projections.timeline import leads_of

MARKS = ("owned", "assigned", "claimed", "contacted", "converted", "disqualified")
COUNTS = ("touches", "leads", *MARKS)

_SOURCE = {
    "pool": "text",
    "lead": "text",
    "captured_at": "timestamptz NOT NULL",
    "touches": "jsonb NOT NULL",
    "marks": "jsonb NOT NULL",
    "deals": "jsonb NOT NULL",
}
SOURCES = Table("lead_sources", ("pool", "lead"), _SOURCE, hot=True)
"""Where a lead came from. `touches` are [channel, campaign, day, cost, currency], the first one first; those
of the web have a sixth, [referring class, search engine, landing page]. `deals` are [currency, amount]."""
DEPARTURES = Table("departures", ("pool", "sequence"), {"pool": "text", "sequence": "bigint"} | _SOURCE)
"""Leads that left for another pool, by the fact that the other half names."""
DAYS = Table(
    "channel_days",
    ("pool", "channel", "campaign", "day"),
    {
        "pool": "text",
        "channel": "text",
        "campaign": "text",
        "day": "date",
        **dict.fromkeys(COUNTS, "bigint"),
    },
    kind="sums",
)
"""No campaign is the empty text, here and in the next two tables."""
MONEY = Table(
    "channel_money",
    ("pool", "channel", "campaign", "day", "currency"),
    {
        "pool": "text",
        "channel": "text",
        "campaign": "text",
        "day": "date",
        "currency": "text",
        "deals": "bigint",
        "revenue": "numeric",
        "touch_cost": "numeric",
    },
    kind="sums",
)
SPEND = Table(
    "spend",
    ("channel", "campaign", "first_day", "last_day", "currency"),
    {
        "channel": "text",
        "campaign": "text",
        "first_day": "date",
        "last_day": "date",
        "currency": "text",
        "amount": "numeric NOT NULL",
        "units": "numeric",
        "unit": "text",
        "sequence": "bigint NOT NULL",
        "replaces": "bigint",
        "time": "timestamptz NOT NULL",
        "actor": "text NOT NULL",
    },
)
SPEND_DAYS = Table(
    "spend_days",
    ("channel", "campaign", "first_day", "last_day", "currency", "day"),
    {
        "channel": "text",
        "campaign": "text",
        "first_day": "date",
        "last_day": "date",
        "currency": "text",
        "day": "date",
        "amount": "numeric NOT NULL",
    },
)


def _keys(entry: Entry) -> Iterable[tuple[str, Key]]:
    return [("lead_sources", (entry.pool, lead)) for lead in leads_of(entry)]


def _keys_of_arrival(entry: Entry) -> Iterable[tuple[str, Key]]:
    return [*_keys(entry), ("departures", _departure(entry))]


def _departure(entry: Entry) -> Key:
    pool, _, sequence = entry.data["from_fact"].rpartition("/")
    return (pool, int(sequence))


# --- counting -------------------------------------------------------------------------------


def _place(source: Row) -> Key:
    """Where a lead counts: pool, and its first touch's channel, campaign and day."""
    channel, campaign, day = source["touches"][0][:3]
    return (source["pool"], channel, campaign, day)


def _touch_of(touch: dict[str, Any], entry: Entry, rows: Rows) -> list[Any]:
    day = rows.head(entry.pool).day(touch.get("occurred_at") or entry.time)
    cost = touch.get("cost") or {}
    found = [touch["channel"], touch.get("campaign") or "", day, cost.get("amount"), cost.get("currency")]
    origin = origin_of(touch)
    return found if origin == UNKNOWN else [*found, list(origin)]


def _count_touch(rows: Rows, pool: str, touch: list[Any], sign: int) -> None:
    channel, campaign, day = touch[:3]
    rows.add("channel_days", (pool, channel, campaign, day), {"touches": sign})
    _count_cost(rows, pool, touch, sign)


def _count_cost(rows: Rows, pool: str, touch: list[Any], sign: int) -> None:
    channel, campaign, day, cost, currency = touch[:5]
    if cost is not None:
        amount = Decimal(cost) * sign
        rows.add("channel_money", (pool, channel, campaign, day, currency), {"touch_cost": amount})


def _count_lead(rows: Rows, source: Row, sign: int) -> None:
    place = _place(source)
    rows.add("channel_days", place, {"leads": sign, **dict.fromkeys(source["marks"], sign)})
    for currency, amount in source["deals"]:
        rows.add("channel_money", (*place, currency), {"deals": sign, "revenue": Decimal(amount) * sign})


def _count_all(rows: Rows, source: Row, sign: int) -> None:
    _count_lead(rows, source, sign)
    for touch in source["touches"]:
        _count_touch(rows, source["pool"], touch, sign)


def _source(entry: Entry, rows: Rows, lead: str | None = None) -> Row:
    source = rows.get("lead_sources", (entry.pool, lead or entry.subject))
    if source is None:
        raise LookupError(f"no lead {lead or entry.subject!r} in pool {entry.pool!r}")
    return source


def _put(rows: Rows, source: Row) -> None:
    rows.put("lead_sources", (source["pool"], source["lead"]), source)


# --- leads ----------------------------------------------------------------------------------


def _new_source(entry: Entry, rows: Rows, touches: Iterable[dict[str, Any]]) -> Row:
    return {
        "pool": entry.pool,
        "lead": entry.subject,
        "captured_at": entry.time,
        "touches": [_touch_of(touch, entry, rows) for touch in touches],
        "marks": [],
        "deals": [],
    }


def _captured(entry: Entry, rows: Rows) -> None:
    source = _new_source(entry, rows, [entry.data["touch"]])
    rows.append("lead_sources", source)
    # As `_count_all` would, at once.
    rows.add("channel_days", _place(source), {"touches": 1, "leads": 1})
    _count_cost(rows, entry.pool, source["touches"][0], 1)


def _touched(entry: Entry, rows: Rows) -> None:
    source = _source(entry, rows)
    touch = _touch_of(entry.data["touch"], entry, rows)
    source["touches"] = [*source["touches"], touch]
    _put(rows, source)
    _count_touch(rows, entry.pool, touch, 1)


def _mark(entry: Entry, rows: Rows, *marks: str) -> None:
    source = _source(entry, rows)
    new = [mark for mark in marks if mark not in source["marks"]]
    if new:
        source["marks"] = source["marks"] + new
        _put(rows, source)
        rows.add("channel_days", _place(source), dict.fromkeys(new, 1))


def _claimed(entry: Entry, rows: Rows) -> None:
    _mark(entry, rows, "owned", "claimed")


def _assigned(entry: Entry, rows: Rows) -> None:
    if entry.data.get("to") is not None:
        _mark(entry, rows, "owned", "assigned")


def _contacted(entry: Entry, rows: Rows) -> None:
    if entry.data["counts"]:
        _mark(entry, rows, "contacted")


def _converted(entry: Entry, rows: Rows) -> None:
    _mark(entry, rows, "owned", "converted")


def _disqualified(entry: Entry, rows: Rows) -> None:
    _mark(entry, rows, "disqualified")


def _reopened(entry: Entry, rows: Rows) -> None:
    source = _source(entry, rows)
    if "disqualified" in source["marks"]:
        source["marks"] = [mark for mark in source["marks"] if mark != "disqualified"]
        _put(rows, source)
        rows.add("channel_days", _place(source), {"disqualified": -1})


def _deal(entry: Entry, rows: Rows) -> None:
    source, value = _source(entry, rows), entry.data["value"]
    source["deals"] = [*source["deals"], [value["currency"], value["amount"]]]
    _put(rows, source)
    amounts: dict[str, int | Decimal] = {"deals": 1, "revenue": Decimal(value["amount"])}
    rows.add("channel_money", (*_place(source), value["currency"]), amounts)


def _deal_reversed(entry: Entry, rows: Rows) -> None:
    source, value = _source(entry, rows), entry.data["value"]
    left = list(source["deals"])
    left.remove([value["currency"], value["amount"]])
    source["deals"] = left
    _put(rows, source)
    amounts: dict[str, int | Decimal] = {"deals": -1, "revenue": -Decimal(value["amount"])}
    rows.add("channel_money", (*_place(source), value["currency"]), amounts)


# --- leads that become one, or move ---------------------------------------------------------


def _join(rows: Rows, kept: Row, other: Row) -> None:
    """Make `other`, whose figures are no longer counted, part of `kept`."""
    _count_all(rows, kept, -1)
    first, second = (other, kept) if other["captured_at"] < kept["captured_at"] else (kept, other)
    kept["touches"] = first["touches"] + second["touches"]
    kept["captured_at"] = first["captured_at"]
    gone = {"disqualified"} - set(kept["marks"])
    kept["marks"] = [m for m in MARKS if m in {*kept["marks"], *other["marks"]} - gone]
    kept["deals"] = kept["deals"] + other["deals"]
    _put(rows, kept)
    _count_all(rows, kept, 1)


def _merged(entry: Entry, rows: Rows) -> None:
    absorbed = _source(entry, rows, entry.data["absorbed"])
    _count_all(rows, absorbed, -1)
    rows.delete("lead_sources", (entry.pool, absorbed["lead"]))
    _join(rows, _source(entry, rows), absorbed)


def _transferred_out(entry: Entry, rows: Rows) -> None:
    # Its figures stay here until the other pool has it, so that none is missing in between.
    source = _source(entry, rows)
    rows.append("departures", source | {"sequence": entry.sequence})
    rows.delete("lead_sources", (entry.pool, entry.subject))


def _transferred_in(entry: Entry, rows: Rows) -> None:
    departed = rows.get("departures", _departure(entry))
    if departed is None:
        # It came from a log that is not this one.
        moved = _new_source(entry, rows, entry.data["touches"])
    else:
        _count_all(rows, departed, -1)
        rows.delete("departures", _departure(entry))
        moved = {name: departed[name] for name in _SOURCE} | {"pool": entry.pool, "lead": entry.subject}
    if entry.data.get("into"):
        _join(rows, _source(entry, rows), moved)
    else:
        _put(rows, moved)
        _count_all(rows, moved, 1)


# --- spend ----------------------------------------------------------------------------------


def _spend(entry: Entry, rows: Rows) -> None:
    data = entry.data
    amount, currency = Decimal(data["spend"]["amount"]), data["spend"]["currency"]
    campaign = data.get("campaign") or ""
    period = (data["channel"], campaign, data["first_day"], data["last_day"], currency)
    key = dict(zip(SPEND.key, period, strict=True))
    figure = key | {
        "amount": amount,
        "units": Decimal(data["units"]) if data.get("units") is not None else None,
        "unit": data.get("unit"),
        "sequence": entry.sequence,
        "replaces": data.get("replaces"),
        "time": entry.time,
        "actor": entry.actor,
    }
    rows.put("spend", period, figure)
    first, last = date.fromisoformat(data["first_day"]), date.fromisoformat(data["last_day"])
    for day, part in apportion(amount, currency, first, last):
        row = key | {"day": day.isoformat(), "amount": part}
        rows.put("spend_days", (*period, day.isoformat()), row)


_LEAD_FACTS = {
    f.TouchRecorded.TYPE: _touched,
    f.LeadClaimed.TYPE: _claimed,
    f.LeadAssigned.TYPE: _assigned,
    f.ContactLogged.TYPE: _contacted,
    f.LeadConverted.TYPE: _converted,
    f.LeadDisqualified.TYPE: _disqualified,
    f.LeadReopened.TYPE: _reopened,
    f.DealRecorded.TYPE: _deal,
    f.DealReversed.TYPE: _deal_reversed,
    f.LeadsMerged.TYPE: _merged,
    f.LeadTransferredOut.TYPE: _transferred_out,
    f.LeadTransferredIn.TYPE: _transferred_in,
}

PROJECTION = Projection(
    name="channels",
    version=2,
    tables=(SOURCES, DEPARTURES, DAYS, MONEY, SPEND, SPEND_DAYS),
    handlers={**_LEAD_FACTS, f.LeadCaptured.TYPE: _captured, f.SpendRecorded.TYPE: _spend},
    keys={**dict.fromkeys(_LEAD_FACTS, _keys), f.LeadTransferredIn.TYPE: _keys_of_arrival},
)
