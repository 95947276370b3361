"""`outcomes`: what became of every request, by its identity.

The first decision on an identity is its outcome. The same identity with another payload is refused by a
fact of its own, which is counted beside it (`reused`) and changes nothing. Only an arrival that was refused
may come again, from somebody who may send it: then that decision is its outcome.
"""

from __future__ import annotations

from collections.abc import Iterable

from leadflow.domain import events as f
from projections.base import Entry, Key, Projection, Row, Rows, Table
from projections.timeline import leads_of

CLOCK = "system/clock"
"""Who decides what nobody asked for; its decisions are no request's outcome."""

OUTCOMES = Table(
    "outcomes",
    ("pool", "identity"),
    {
        "pool": "text",
        "identity": "text",
        "result": "text NOT NULL",
        "reason": "text",
        "answer": "text",
        "lead": "text",
        "actor": "text NOT NULL",
        "time": "timestamptz NOT NULL",
        "first_sequence": "bigint NOT NULL",
        "last_sequence": "bigint NOT NULL",
        "position": "bigint NOT NULL",
        "facts": "jsonb NOT NULL",
        "refusal": "jsonb",
        "reused": "integer NOT NULL",
    },
    leading="identity",
)
_ANSWERS = {f.LeadCaptured.TYPE: "created", f.TouchRecorded.TYPE: "merged"}
_REFUSED = f.RequestRefused.TYPE


def _keys(entry: Entry) -> Iterable[tuple[str, Key]]:
    if entry.actor != CLOCK and (entry.fact_index == 1 or entry.type == _REFUSED):
        return [("outcomes", (entry.pool, entry.causation))]
    return ()


def _note(entry: Entry, rows: Rows) -> None:
    if entry.actor == CLOCK:
        return
    key = (entry.pool, entry.causation)
    if entry.type == _REFUSED:
        earlier = rows.get("outcomes", key)
        if earlier is not None:
            earlier["reused"] += 1
            rows.put("outcomes", key, earlier)
        else:
            rows.put("outcomes", key, _row(entry, "refused"))
    elif entry.fact_index == 1 and entry.type in _ANSWERS:
        rows.put("outcomes", key, _row(entry, "accepted"))
    elif entry.fact_index == 1:
        rows.append("outcomes", _row(entry, "accepted"))
    else:
        # The decision's first fact is in the same batch: decisions are taken whole.
        row = rows.get("outcomes", key)
        if row is None:
            raise LookupError(f"the decision on {entry.causation!r} has no first fact")
        row["facts"].append(entry.type)
        if row["lead"] is None:
            row["lead"] = next(iter(leads_of(entry)), None)
        if row["answer"] is None:
            row["answer"] = _ANSWERS.get(entry.type)


def _row(entry: Entry, result: str) -> Row:
    refused = result == "refused"
    leads = leads_of(entry)
    return {
        "pool": entry.pool,
        "identity": entry.causation,
        "result": result,
        "reason": entry.data.get("reason") if refused else None,
        "answer": _ANSWERS.get(entry.type),
        "lead": leads[0] if leads else None,
        "actor": entry.actor,
        "time": entry.time,
        "first_sequence": entry.sequence,
        "last_sequence": entry.sequence + entry.fact_count - entry.fact_index,
        "position": entry.position,
        "facts": [entry.type],
        "refusal": entry.data if refused else None,
        "reused": 0,
    }


PROJECTION = Projection(
    name="outcomes",
    version=1,
    tables=(OUTCOMES,),
    handlers={},
    # Only a refusal can meet an identity that was decided before, and an arrival one that was refused.
    keys=dict.fromkeys((_REFUSED, *_ANSWERS), _keys),
    otherwise=_note,
)
