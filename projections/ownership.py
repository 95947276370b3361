"""`ownership`: who owned which lead from when to when, and why; who else tried; and the reps' figures.

An interval that ended is never changed again, so it is only appended; the open one is in `holders`.
A conversion ends no interval: the owner stays, as the customer's. Reps' figures count on the pool's local
day of the fact.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from leadflow.domain import events as f
from leadflow.domain.values import id_of
from projections.base import Entry, Key, Projection, Row, Rows, Table
from projections.timeline import acting_for, lead_of_refusal, leads_of

_FROM = {
    "pool": "text",
    "lead": "text",
    "owner": "text NOT NULL",
    "from_time": "timestamptz NOT NULL",
    "from_known": "timestamptz NOT NULL",
    "from_sequence": "bigint NOT NULL",
    "mode": "text NOT NULL",
    "rule": "text",
    "group_name": "text",
    "policy": "integer NOT NULL",
    "actor": "text NOT NULL",
    "acting": "text",
    "promised": "timestamptz",
    "contacted": "boolean NOT NULL",
}
HOLDERS = Table("holders", ("pool", "lead"), _FROM, indexes=("(pool, owner)",), leading="lead", hot=True)
INTERVALS = Table(
    "intervals",
    ("pool", "lead", "from_sequence"),
    _FROM
    | {
        "to_time": "timestamptz NOT NULL",
        "to_known": "timestamptz NOT NULL",
        "end_reason": "text NOT NULL",
        "end_sequence": "bigint NOT NULL",
        "end_actor": "text NOT NULL",
    },
    kind="log",
    indexes=("(pool, owner)",),
    leading="lead",
)
ATTEMPTS = Table(
    "attempts",
    ("pool", "sequence"),
    {
        "pool": "text",
        "sequence": "bigint",
        "position": "bigint NOT NULL",
        "lead": "text",
        "request": "text NOT NULL",
        "rep": "text NOT NULL",
        "actor": "text NOT NULL",
        "acting": "text",
        "time": "timestamptz NOT NULL",
        "known_at": "timestamptz NOT NULL",
        "reason": "text NOT NULL",
        "winner": "text",
        "winner_sequence": "bigint",
        "limit_value": "bigint",
        "used": "bigint",
        "possible_from": "timestamptz",
        "detail": "text",
        "policy": "integer NOT NULL",
    },
    kind="log",
    indexes=("(lead) WHERE lead IS NOT NULL", "(pool, rep)"),
)
ASSIGNED_MODES = ("rotation", "directed", "timeout", "manual")
RECYCLE_REASONS = (
    "no_first_contact",
    "inactive",
    "held_too_long",
    "returned",
    "withdrawn",
    "rep_left",
)
REP_COUNTS = (
    *(f"assigned_{mode}" for mode in ASSIGNED_MODES),
    "handed_in",
    "handed_on",
    "claimed",
    "contacted",
    "converted",
    "disqualified",
    *(f"recycled_{reason}" for reason in RECYCLE_REASONS),
)
REP_DAYS = Table(
    "rep_days",
    ("pool", "rep", "day"),
    {"pool": "text", "rep": "text", "day": "date", **dict.fromkeys(REP_COUNTS, "bigint")},
    kind="sums",
)
REP_MONEY = Table(
    "rep_money",
    ("pool", "rep", "day", "currency"),
    {
        "pool": "text",
        "rep": "text",
        "day": "date",
        "currency": "text",
        "deals": "bigint",
        "revenue": "numeric",
    },
    kind="sums",
)
ROTATION_DAYS = Table(
    "rotation_days",
    ("pool", "group_name", "rep", "day"),
    {
        "pool": "text",
        "group_name": "text",
        "rep": "text",
        "day": "date",
        "got": "bigint",
        # In millionths of a lead, so that sums are exact in any order.
        "expected": "bigint",
    },
    kind="sums",
)


def _keys(entry: Entry) -> Iterable[tuple[str, Key]]:
    return [("holders", (entry.pool, lead)) for lead in leads_of(entry)]


def _count(entry: Entry, rows: Rows, rep: str, what: str) -> None:
    day = rows.head(entry.pool).day(entry.time)
    rows.add("rep_days", (entry.pool, rep, day), {what: 1})


def _begin(entry: Entry, rows: Rows, owner: str, mode: str, **more: Any) -> None:
    acting = acting_for(entry.actor, owner) if mode in ("claim", "next", "conversion") else None
    row = {
        "pool": entry.pool,
        "lead": entry.subject,
        "owner": owner,
        "from_time": entry.time,
        "from_known": rows.head(entry.pool).known_at(entry),
        "from_sequence": entry.sequence,
        "mode": mode,
        "rule": None,
        "group_name": None,
        "policy": entry.policy,
        "actor": entry.actor,
        "acting": acting,
        "promised": entry.data.get("until"),
        "contacted": False,
        **more,
    }
    rows.put("holders", (entry.pool, entry.subject), row)


def _end(entry: Entry, rows: Rows, reason: str, lead: str | None = None) -> Row | None:
    key = (entry.pool, lead or entry.subject)
    row = rows.get("holders", key)
    if row is None:
        return None
    ended = row | {
        "to_time": entry.time,
        "to_known": rows.head(entry.pool).known_at(entry),
        "end_reason": reason,
        "end_sequence": entry.sequence,
        "end_actor": entry.actor,
    }
    rows.append("intervals", ended)
    rows.delete("holders", key)
    return row


def _must_end(entry: Entry, rows: Rows, reason: str, owner: str) -> None:
    row = _end(entry, rows, reason)
    if row is None or row["owner"] != owner:
        holder = row["owner"] if row else "nobody"
        raise ValueError(f"lead {entry.subject!r} was held by {holder!r}, not by {owner!r}")


def _claimed(entry: Entry, rows: Rows) -> None:
    holder = rows.get("holders", (entry.pool, entry.subject))
    if holder is not None:
        raise ValueError(f"lead {entry.subject!r} is held by {holder['owner']!r} already")
    _begin(entry, rows, entry.data["rep"], "next" if entry.data.get("chosen") else "claim")
    _count(entry, rows, entry.data["rep"], "claimed")


def _assigned(entry: Entry, rows: Rows) -> None:
    data = entry.data
    _end(entry, rows, "reassigned")
    to = data.get("to")
    if to is None:
        return
    _begin(entry, rows, to, data["mode"], rule=data.get("rule"), group_name=data.get("group"))
    _count(entry, rows, to, f"assigned_{data['mode']}")
    if data.get("order") == "weighted" and data.get("group"):
        _count_rotation(entry, rows, to, data["group"])


def _count_rotation(entry: Entry, rows: Rows, to: str, group: str) -> None:
    """Who got the lead, and which share of it each eligible rep's weight stood for."""
    day = rows.head(entry.pool).day(entry.time)
    weights = {c["rep"]: c.get("weight", 1) for c in entry.data.get("candidates", ()) if not c.get("skipped")}
    total = sum(weights.values())
    for rep, weight in weights.items():
        expected = (weight * 2_000_000 + total) // (2 * total)
        rows.add(
            "rotation_days",
            (entry.pool, group, rep, day),
            {"got": 1 if rep == to else 0, "expected": expected},
        )


def _handed_over(entry: Entry, rows: Rows) -> None:
    data = entry.data
    _must_end(entry, rows, "handed_over", data["from_rep"])
    _begin(entry, rows, data["to"], "hand_over")
    _count(entry, rows, data["from_rep"], "handed_on")
    _count(entry, rows, data["to"], "handed_in")


def _contacted(entry: Entry, rows: Rows) -> None:
    row = rows.get("holders", (entry.pool, entry.subject))
    if row is not None and entry.data["counts"] and not row["contacted"]:
        row["contacted"] = True
        rows.put("holders", (entry.pool, entry.subject), row)
        _count(entry, rows, row["owner"], "contacted")


def _recycled(entry: Entry, rows: Rows) -> None:
    _must_end(entry, rows, entry.data["reason"], entry.data["rep"])
    _count(entry, rows, entry.data["rep"], f"recycled_{entry.data['reason']}")


def _merged(entry: Entry, rows: Rows) -> None:
    _end(entry, rows, "merged", entry.data["absorbed"])


def _transferred_out(entry: Entry, rows: Rows) -> None:
    _end(entry, rows, "transferred")


def _converted(entry: Entry, rows: Rows) -> None:
    owner = entry.data["owner"]
    holder = rows.get("holders", (entry.pool, entry.subject))
    if holder is None or holder["owner"] != owner:
        _end(entry, rows, "reassigned")
        _begin(entry, rows, owner, "conversion")
    _count(entry, rows, owner, "converted")


def _deal(entry: Entry, rows: Rows) -> None:
    owner, value = entry.data["owner"], entry.data["value"]
    day = rows.head(entry.pool).day(entry.time)
    revenue = Decimal(value["amount"])
    rows.add("rep_money", (entry.pool, owner, day, value["currency"]), {"deals": 1, "revenue": revenue})


def _deal_reversed(entry: Entry, rows: Rows) -> None:
    data, value = entry.data, entry.data["value"]
    amounts: dict[str, int | Decimal] = {"deals": -1, "revenue": -Decimal(value["amount"])}
    rows.add("rep_money", (entry.pool, data["owner"], data["day"], value["currency"]), amounts)


def _disqualified(entry: Entry, rows: Rows) -> None:
    row = _end(entry, rows, "disqualified")
    if row is not None:
        _count(entry, rows, row["owner"], "disqualified")


def _refused(entry: Entry, rows: Rows) -> None:
    data = entry.data
    rep = data.get("rep") or id_of(entry.actor)
    row = {
        "pool": entry.pool,
        "sequence": entry.sequence,
        "position": entry.position,
        "lead": lead_of_refusal(entry),
        "request": data["request"],
        "rep": rep,
        "actor": entry.actor,
        "acting": acting_for(entry.actor, rep) if data.get("rep") else None,
        "time": entry.time,
        "known_at": rows.head(entry.pool).known_at(entry),
        "reason": data["reason"],
        "winner": data.get("winner"),
        "winner_sequence": data.get("position"),
        "limit_value": data.get("limit"),
        "used": data.get("used"),
        "possible_from": data.get("until"),
        "detail": data.get("detail"),
        "policy": entry.policy,
    }
    rows.append("attempts", row)


_HOLDER_FACTS = {
    f.LeadClaimed.TYPE: _claimed,
    f.LeadAssigned.TYPE: _assigned,
    f.LeadHandedOver.TYPE: _handed_over,
    f.CustomerHandedOver.TYPE: _handed_over,
    f.ContactLogged.TYPE: _contacted,
    f.LeadRecycled.TYPE: _recycled,
    f.LeadsMerged.TYPE: _merged,
    f.LeadTransferredOut.TYPE: _transferred_out,
    f.LeadConverted.TYPE: _converted,
    f.LeadDisqualified.TYPE: _disqualified,
}

PROJECTION = Projection(
    name="ownership",
    version=1,
    tables=(HOLDERS, INTERVALS, ATTEMPTS, REP_DAYS, REP_MONEY, ROTATION_DAYS),
    handlers={
        **_HOLDER_FACTS,
        f.DealRecorded.TYPE: _deal,
        f.DealReversed.TYPE: _deal_reversed,
        f.RequestRefused.TYPE: _refused,
    },
    keys=dict.fromkeys(_HOLDER_FACTS, _keys),
)
