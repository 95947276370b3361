"""`customers`: what leads became, with everything that was carried over, deals and changes of owner."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from leadflow.domain import events as f
from projections.base import Entry, Handler, Key, Projection, Row, Rows, Table
from projections.details import company_columns, complete, correct, person_columns

CUSTOMERS = Table(
    "customers",
    ("pool", "lead"),
    {
        "pool": "text",
        "lead": "text",
        "customer": "text NOT NULL",
        "owner": "text NOT NULL",
        "person_name": "text",
        "phones": "jsonb NOT NULL",
        "emails": "jsonb NOT NULL",
        "wechats": "jsonb NOT NULL",
        "note": "text",
        "answers": "jsonb NOT NULL",
        "company_name": "text",
        "industry": "text",
        "size": "integer",
        "region": "text",
        "city": "text",
        "touches": "jsonb NOT NULL",
        "contacts": "integer NOT NULL",
        "score": "integer NOT NULL",
        "converted_at": "timestamptz NOT NULL",
        "converted_sequence": "bigint NOT NULL",
        "captured_sequence": "bigint NOT NULL",
        "last_sequence": "bigint NOT NULL",
        "deals": "integer NOT NULL",
        "revenue": "jsonb NOT NULL",
        "owner_changes": "jsonb NOT NULL",
    },
    indexes=("(pool, customer)", "(pool, owner)"),
    hot=True,
)
DEALS = Table(
    "deals",
    ("pool", "sequence"),
    {
        "pool": "text",
        "sequence": "bigint",
        "lead": "text NOT NULL",
        "customer": "text NOT NULL",
        "time": "timestamptz NOT NULL",
        "known_at": "timestamptz NOT NULL",
        "deal": "text",
        "amount": "numeric NOT NULL",
        "currency": "text NOT NULL",
        "owner": "text NOT NULL",
        "actor": "text NOT NULL",
        "reversed_sequence": "bigint",
        "reversed_at": "timestamptz",
    },
    indexes=("(pool, lead)",),
)


def _keys(entry: Entry) -> Iterable[tuple[str, Key]]:
    return [("customers", (entry.pool, entry.subject))]


def _converted(entry: Entry, rows: Rows) -> None:
    data = entry.data
    person: dict[str, Any] = data["person"]
    row = {
        "pool": entry.pool,
        "lead": entry.subject,
        "customer": data["customer"],
        "owner": data["owner"],
        **person_columns(person),
        "note": person.get("note"),
        "answers": person.get("answers", {}),
        **company_columns(data.get("company", {})),
        "touches": list(data["touches"]),
        "contacts": data.get("contacts", 0),
        "score": data["score"],
        "converted_at": entry.time,
        "converted_sequence": entry.sequence,
        "captured_sequence": data["captured_sequence"],
        "last_sequence": entry.sequence,
        "deals": 0,
        "revenue": {},
        "owner_changes": [],
    }
    rows.put("customers", (entry.pool, entry.subject), row)


def _customer(entry: Entry, rows: Rows) -> Row:
    row = rows.get("customers", (entry.pool, entry.subject))
    if row is None:
        raise LookupError(f"lead {entry.subject!r} of pool {entry.pool!r} is no customer")
    return row


def _put(entry: Entry, rows: Rows, row: Row) -> None:
    row["last_sequence"] = entry.sequence
    rows.put("customers", (entry.pool, row["lead"]), row)


def _deal(entry: Entry, rows: Rows) -> None:
    data = entry.data
    row = _customer(entry, rows)
    currency, amount = data["value"]["currency"], Decimal(data["value"]["amount"])
    total = Decimal(row["revenue"].get(currency, "0")) + amount
    row["revenue"] = row["revenue"] | {currency: str(total)}
    row["deals"] += 1
    _put(entry, rows, row)
    deal = {
        "pool": entry.pool,
        "sequence": entry.sequence,
        "lead": entry.subject,
        "customer": data["customer"],
        "time": entry.time,
        "known_at": rows.head(entry.pool).known_at(entry),
        "deal": data.get("deal"),
        "amount": amount,
        "currency": currency,
        "owner": data["owner"],
        "actor": entry.actor,
        "reversed_sequence": None,
        "reversed_at": None,
    }
    rows.append("deals", deal)


def _deal_place(entry: Entry) -> Key:
    return (entry.pool, entry.data["recorded_sequence"])


def _keys_of_reversal(entry: Entry) -> Iterable[tuple[str, Key]]:
    return [*_keys(entry), ("deals", _deal_place(entry))]


def _deal_reversed(entry: Entry, rows: Rows) -> None:
    deal, row = rows.get("deals", _deal_place(entry)), _customer(entry, rows)
    if deal is None:
        raise LookupError(f"fact {entry.data['recorded_sequence']} of pool {entry.pool!r} is no deal")
    deal["reversed_sequence"], deal["reversed_at"] = entry.sequence, entry.time
    rows.put("deals", _deal_place(entry), deal)
    currency, amount = entry.data["value"]["currency"], Decimal(entry.data["value"]["amount"])
    left = Decimal(row["revenue"][currency]) - amount
    others = {one: total for one, total in row["revenue"].items() if one != currency}
    row["revenue"] = others | ({currency: str(left)} if left else {})
    row["deals"] -= 1
    _put(entry, rows, row)


def _handed_over(entry: Entry, rows: Rows) -> None:
    row = _customer(entry, rows)
    change = {
        "from": entry.data["from_rep"],
        "to": entry.data["to"],
        "time": entry.time,
        "sequence": entry.sequence,
        "actor": entry.actor,
    }
    row["owner"] = entry.data["to"]
    row["owner_changes"] = [*row["owner_changes"], change]
    _put(entry, rows, row)


def _own_person(entry: Entry) -> dict[str, Any]:
    """What came of the person. If it matches several leads, `pools` knows which has which contact point."""
    person: dict[str, Any] = {} if entry.data.get("also_matches") else entry.data.get("person", {})
    return person


def _touched(entry: Entry, rows: Rows) -> None:
    row = rows.get("customers", (entry.pool, entry.subject))
    if row is None:
        return
    complete(row, _own_person(entry), entry.data.get("company", {}))
    row["touches"] = [*row["touches"], entry.data["touch"]]
    _put(entry, rows, row)


def _details_changed(entry: Entry, rows: Rows) -> None:
    row = rows.get("customers", (entry.pool, entry.subject))
    if row is not None:
        correct(row, entry.data.get("person", {}), entry.data.get("company", {}))
        _put(entry, rows, row)


def _joined(entry: Entry, rows: Rows) -> None:
    """Another lead became part of the customer's: by a merge, or from another pool."""
    row = rows.get("customers", (entry.pool, entry.subject))
    if row is not None:
        complete(row, _own_person(entry), entry.data.get("company", {}))
        row["touches"] = [*row["touches"], *entry.data.get("touches", ())]
        _put(entry, rows, row)


_HANDLERS: dict[str, Handler] = {
    f.LeadConverted.TYPE: _converted,
    f.DealRecorded.TYPE: _deal,
    f.DealReversed.TYPE: _deal_reversed,
    f.CustomerHandedOver.TYPE: _handed_over,
    f.TouchRecorded.TYPE: _touched,
    f.LeadDetailsChanged.TYPE: _details_changed,
    f.LeadsMerged.TYPE: _joined,
    f.LeadTransferredIn.TYPE: _joined,
}
PROJECTION = Projection(
    name="customers",
    version=3,
    tables=(CUSTOMERS, DEALS),
    handlers=_HANDLERS,
    keys=dict.fromkeys(_HANDLERS, _keys) | {f.DealReversed.TYPE: _keys_of_reversal},
)
