"""`timeline`: every event of every lead, with its place in the log and one line of what it says.

A merge stands under both leads.
What a person said or is called is not in the line: it stays in the log.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from leadflow.domain import events as f
from leadflow.domain import requests
from leadflow.domain.values import id_of, role_of
from projections.base import Entry, Projection, Rows, Table

TIMELINE = Table(
    "timeline",
    ("pool", "lead", "sequence"),
    {
        "pool": "text",
        "lead": "text",
        "sequence": "bigint",
        "position": "bigint NOT NULL",
        "recorded_at": "timestamptz NOT NULL",
        "known_at": "timestamptz NOT NULL",
        "time": "timestamptz NOT NULL",
        "actor": "text NOT NULL",
        "type": "text NOT NULL",
        "policy": "integer NOT NULL",
        "causation": "text NOT NULL",
        "line": "text NOT NULL",
    },
    kind="log",
    leading="lead",
)


def _is_about_a_lead(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, requests.LeadBody)


_LEAD_FACTS = frozenset(kind for kind in f.FACTS if kind.startswith(("leadflow.lead.", "leadflow.customer.")))
_LEAD_REQUESTS = frozenset({value.__name__ for value in vars(requests).values() if _is_about_a_lead(value)})
_HIDDEN = frozenset({"person", "company", "touch", "touches", "candidates", "shares", "breakdown"})


def lead_of_refusal(entry: Entry) -> str | None:
    """The lead that a refused request was about; None for one about something else."""
    return (entry.subject or None) if entry.data["request"] in _LEAD_REQUESTS else None


def leads_of(entry: Entry) -> tuple[str, ...]:
    """Ids of the leads that an event concerns."""
    kind = entry.type
    if kind in _LEAD_FACTS:
        return (entry.subject,) if kind != f.LeadsMerged.TYPE else (entry.subject, entry.data["absorbed"])
    if kind == f.RequestRefused.TYPE:
        lead = lead_of_refusal(entry)
        return (lead,) if lead else ()
    return ()


def _note(entry: Entry, rows: Rows) -> None:
    """There is one of these for nearly every event: a row is all values in the columns' order."""
    rows.append(
        "timeline",
        (
            entry.pool,
            entry.subject,
            entry.sequence,
            entry.position,
            entry.recorded_at,
            rows.head(entry.pool).known_at(entry),
            entry.time,
            entry.actor,
            entry.type,
            entry.policy,
            entry.causation,
            line_of(entry.type, entry.data),
        ),
    )


def _merged(entry: Entry, rows: Rows) -> None:
    _note(entry, rows)
    _note(msgspec.structs.replace(entry, subject=entry.data["absorbed"]), rows)


def _refused(entry: Entry, rows: Rows) -> None:
    if lead_of_refusal(entry):
        _note(entry, rows)


# --- one line -------------------------------------------------------------------------------


def line_of(kind: str, data: dict[str, Any]) -> str:
    """What a fact says, in one line of `name=value`."""
    make = _LINES.get(kind)
    return make(data) if make is not None else _plain(data)


def _plain(data: dict[str, Any]) -> str:
    return " ".join(
        [
            f"{name}={value if value.__class__ is str else _text(value)}"
            for name, value in data.items()
            if name not in _HIDDEN
        ]
    )


def _text(value: Any) -> str:
    if value is True or value is False:
        return "yes" if value else "no"
    if isinstance(value, dict):
        return " ".join([str(v) for v in value.values()])
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _captured(data: dict[str, Any]) -> str:
    touch = data["touch"]
    campaign = f" campaign={touch['campaign']}" if touch.get("campaign") else ""
    return f"channel={touch['channel']}{campaign} score={data['score']}"


def _touched(data: dict[str, Any]) -> str:
    touch = data["touch"]
    campaign = f" campaign={touch['campaign']}" if touch.get("campaign") else ""
    also = f" also_matches={','.join(data['also_matches'])}" if data.get("also_matches") else ""
    return f"channel={touch['channel']}{campaign} matched_by={data['matched_by']}{also}"


def _assigned(data: dict[str, Any]) -> str:
    skipped = [f"{c['rep']}:{c['skipped']}" for c in data.get("candidates", ()) if c.get("skipped")]
    return _plain(data) + (f" skipped={','.join(skipped)}" if skipped else "")


_LINES: dict[str, Callable[[dict[str, Any]], str]] = {
    f.LeadCaptured.TYPE: _captured,
    f.TouchRecorded.TYPE: _touched,
    f.LeadAssigned.TYPE: _assigned,
    f.AssignmentFailed.TYPE: _assigned,
}


def acting_for(actor: str, rep: str) -> str | None:
    """The manager that acted for a rep; None where the rep acted itself, or the system did."""
    if role_of(actor) == "manager" or (role_of(actor) == "rep" and id_of(actor) != rep):
        return actor
    return None


PROJECTION = Projection(
    name="timeline",
    version=1,
    tables=(TIMELINE,),
    handlers={
        **dict.fromkeys(_LEAD_FACTS, _note),
        f.LeadsMerged.TYPE: _merged,
        f.RequestRefused.TYPE: _refused,
    },
    keys={},
)
