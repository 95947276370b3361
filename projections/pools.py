"""`pools`: the public and private pools as they are now, with members and policies.

Contact points stand here unmasked; whoever reads them for somebody masks them (`queries`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from leadflow.domain import events as f
from projections.base import Entry, Key, Projection, Row, Rows
from projections.details import company_columns, complete, contact_points, correct, person_columns
from projections.pool_tables import LEADS, MEMBERS, POLICIES, POOLS
from projections.timeline import leads_of

LeadHandler = Callable[[Entry, Row, Rows], None]


def _lead_keys(entry: Entry) -> Iterable[tuple[str, Key]]:
    others = entry.data.get("also_matches", ())
    return [("leads", (entry.pool, lead)) for lead in (*leads_of(entry), *others)]


def _member_keys(entry: Entry) -> Iterable[tuple[str, Key]]:
    return [("members", (entry.pool, entry.data["member"]))]


def _pool_keys(entry: Entry) -> Iterable[tuple[str, Key]]:
    return [("pools", (entry.pool,))]


def _lead(entry: Entry, rows: Rows, lead: str | None = None) -> Row:
    row = rows.get("leads", (entry.pool, lead or entry.subject))
    if row is None:
        raise LookupError(f"no lead {lead or entry.subject!r} in pool {entry.pool!r}")
    return row


# --- leads ----------------------------------------------------------------------------------

_UNKNOWN = dict.fromkeys(LEADS.columns)
"""A row with every column is written in a third of the time."""


def _new_lead(entry: Entry, touches: list[dict[str, Any]]) -> Row:
    data = entry.data
    first = touches[0] if touches else {"channel": "other"}
    return _UNKNOWN | {
        "pool": entry.pool,
        "lead": entry.subject,
        "status": "public",
        "score": data["score"],
        "breakdown": data.get("breakdown", []),
        "score_class": data.get("score_class"),
        "channel": first["channel"],
        "campaign": first.get("campaign"),
        **company_columns(data.get("company", {})),
        **person_columns(data["person"]),
        "captured_at": entry.time,
        "captured_sequence": entry.sequence,
        "public_since": entry.time,
        "last_sequence": entry.sequence,
        "touches": len(touches),
        "contacts": 0,
        "tries": 0,
        "collaborators": {},
        "protected": False,
        "rule": data.get("rule"),
    }


def _captured(entry: Entry, rows: Rows) -> None:
    rows.append("leads", _new_lead(entry, [entry.data["touch"]]))


def _transferred_in(entry: Entry, rows: Rows) -> None:
    data = entry.data
    if data.get("into") is None:
        rows.put("leads", (entry.pool, entry.subject), _new_lead(entry, data["touches"]))
        return
    # Where the lead was known here already, the fact is about the one that it became part of.
    row = _lead(entry, rows)
    _complete(entry, row, rows)
    row["touches"] += len(data["touches"])
    row["last_sequence"] = entry.sequence
    rows.put("leads", (entry.pool, entry.subject), row)


def _about_a_lead(entry: Entry, rows: Rows) -> None:
    row = _lead(entry, rows)
    _LEAD_HANDLERS[entry.type](entry, row, rows)
    if entry.type not in _CHANGE_NOTHING:
        row["last_sequence"] = entry.sequence
    rows.put("leads", (entry.pool, entry.subject), row)


def _touched(entry: Entry, row: Row, rows: Rows) -> None:
    _complete(entry, row, rows)
    row["touches"] += 1


def _complete(entry: Entry, row: Row, rows: Rows) -> None:
    """What came joins the lead; contact points of other leads stay with those."""
    taken: set[str] = set()
    for other in entry.data.get("also_matches", ()):
        taken |= contact_points(_lead(entry, rows, other))
    complete(row, entry.data["person"], entry.data.get("company", {}), taken)


def _details_changed(entry: Entry, row: Row, rows: Rows) -> None:
    correct(row, entry.data.get("person", {}), entry.data.get("company", {}))


def _rescored(entry: Entry, row: Row, rows: Rows) -> None:
    row["score"] = entry.data["score"]
    row["breakdown"] = entry.data.get("breakdown", [])
    row["score_class"] = entry.data.get("score_class")


def _merged(entry: Entry, row: Row, rows: Rows) -> None:
    data = entry.data
    complete(row, data.get("person", {}), data.get("company", {}))
    absorbed = _lead(entry, rows, data["absorbed"])
    row["touches"] += absorbed["touches"]
    row["contacts"] += absorbed["contacts"]
    row["tries"] += absorbed["tries"]
    _unowned(absorbed, "merged", None)
    absorbed["merged_into"] = entry.subject
    absorbed["last_sequence"] = entry.sequence
    rows.put("leads", (entry.pool, data["absorbed"]), absorbed)


_PRIVATE = {
    "status": "private",
    "queue": None,
    "waiting": None,
    "failed": None,
    "public_since": None,
    "protected": False,
    "protected_until": None,
}


def _owned(row: Row, owner: str, since: str, until: str | None) -> None:
    row |= _PRIVATE
    row["owner"], row["since"], row["until"] = owner, since, until


def _unowned(row: Row, status: str, public_since: str | None) -> None:
    row.update(
        status=status,
        owner=None,
        since=None,
        until=None,
        queue=None,
        waiting=None,
        failed=None,
        public_since=public_since,
        protected=False,
        protected_until=None,
        collaborators={},
    )


def _assigned(entry: Entry, row: Row, rows: Rows) -> None:
    data = entry.data
    if data.get("to") is not None:
        _owned(row, data["to"], entry.time, data.get("until"))
    else:
        _unowned(row, "queue", row.get("public_since") or entry.time)
        row["queue"] = data.get("queue")
        row["waiting"] = f"queue:{data.get('queue')}"


def _assignment_failed(entry: Entry, row: Row, rows: Rows) -> None:
    row["failed"] = entry.data["reason"]
    group = entry.data.get("group")
    row["waiting"] = f"rotation:{group}" if group else None


def _claimed(entry: Entry, row: Row, rows: Rows) -> None:
    _owned(row, entry.data["rep"], entry.time, entry.data.get("until"))


def _handed_over(entry: Entry, row: Row, rows: Rows) -> None:
    _owned(row, entry.data["to"], entry.time, entry.data.get("until"))


def _contacted(entry: Entry, row: Row, rows: Rows) -> None:
    row["tries"] += 1
    if entry.data["counts"]:
        row["contacts"] += 1
        if row["status"] == "private" and not row["protected"]:
            row["until"] = entry.data.get("until")


def _collaborator_added(entry: Entry, row: Row, rows: Rows) -> None:
    row["collaborators"] = row["collaborators"] | {entry.data["member"]: entry.data.get("expires")}


def _collaborator_removed(entry: Entry, row: Row, rows: Rows) -> None:
    left = {who: until for who, until in row["collaborators"].items() if who != entry.data["member"]}
    row["collaborators"] = left


def _protected(entry: Entry, row: Row, rows: Rows) -> None:
    row.update(protected=True, protected_until=entry.data.get("until"), until=None)


def _protection_ended(entry: Entry, row: Row, rows: Rows) -> None:
    row.update(protected=False, protected_until=None, until=entry.data.get("until"))


def _recycled(entry: Entry, row: Row, rows: Rows) -> None:
    _unowned(row, "public", entry.time)


def _transferred_out(entry: Entry, row: Row, rows: Rows) -> None:
    _unowned(row, "transferred", None)
    row["to_pool"] = entry.data["to_pool"]


def _converted(entry: Entry, row: Row, rows: Rows) -> None:
    _owned(row, entry.data["owner"], row.get("since") or entry.time, None)
    row.update(status="converted", customer=entry.data["customer"], collaborators={})


def _disqualified(entry: Entry, row: Row, rows: Rows) -> None:
    _unowned(row, "disqualified", None)


def _customer_handed_over(entry: Entry, row: Row, rows: Rows) -> None:
    row.update(owner=entry.data["to"], since=entry.time)


def _noted(entry: Entry, row: Row, rows: Rows) -> None:
    """The lead stays as it is."""


_LEAD_HANDLERS: dict[str, LeadHandler] = {
    f.TouchRecorded.TYPE: _touched,
    f.LeadDetailsChanged.TYPE: _details_changed,
    f.LeadRescored.TYPE: _rescored,
    f.LeadsMerged.TYPE: _merged,
    f.LeadAssigned.TYPE: _assigned,
    f.AssignmentFailed.TYPE: _assignment_failed,
    f.LeadClaimed.TYPE: _claimed,
    f.LeadHandedOver.TYPE: _handed_over,
    f.ContactLogged.TYPE: _contacted,
    f.ContactRevealed.TYPE: _noted,
    f.CollaboratorAdded.TYPE: _collaborator_added,
    f.CollaboratorRemoved.TYPE: _collaborator_removed,
    f.LeadProtected.TYPE: _protected,
    f.ProtectionEnded.TYPE: _protection_ended,
    f.RecycleWarned.TYPE: _noted,
    f.LeadRecycled.TYPE: _recycled,
    f.LeadTransferredOut.TYPE: _transferred_out,
    f.LeadConverted.TYPE: _converted,
    f.DealRecorded.TYPE: _noted,
    f.DealReversed.TYPE: _noted,
    f.LeadDisqualified.TYPE: _disqualified,
    f.LeadReopened.TYPE: _recycled,
    f.CustomerHandedOver.TYPE: _customer_handed_over,
}
_CHANGE_NOTHING = frozenset({f.ContactRevealed.TYPE, f.RecycleWarned.TYPE, f.AssignmentFailed.TYPE})
"""Facts after which `if_sequence` still holds, as `leadflow.domain.evolve.UNSEEN` says."""


# --- members and the pool -------------------------------------------------------------------


def _member(entry: Entry, rows: Rows) -> None:
    data = entry.data
    key = (entry.pool, data["member"])
    row = rows.get("members", key)
    if row is None:
        row = {"pool": entry.pool, "member": data["member"], "since": entry.time, "status": "active"}
    kind = entry.type
    if kind in (f.MemberJoined.TYPE, f.MemberChanged.TYPE):
        row["role"] = data["role"]
        row["traits"] = {name: v for name, v in data.get("traits", {}).items() if v is not None}
        if kind == f.MemberJoined.TYPE:
            row.update(since=entry.time, status="active", paused_until=None)
    elif kind == f.MemberPaused.TYPE:
        row.update(status="paused", paused_until=data.get("until"))
    elif kind == f.MemberResumed.TYPE:
        row.update(status="active", paused_until=None)
    else:
        row.update(status="left", paused_until=None)
    row["last_sequence"] = entry.sequence
    rows.put("members", key, row)


_MEMBER_FACTS = frozenset(
    fact.TYPE for fact in (f.MemberJoined, f.MemberChanged, f.MemberPaused, f.MemberResumed, f.MemberLeft)
)


def _opened(entry: Entry, rows: Rows) -> None:
    row = {"pool": entry.pool, "clock": entry.data.get("clock", "real"), "opened_at": entry.time}
    rows.put("pools", (entry.pool,), row)


def _published(entry: Entry, rows: Rows) -> None:
    data = entry.data
    row = rows.get("pools", (entry.pool,))
    if row is None:
        raise LookupError(f"pool {entry.pool!r} was never opened")
    calendar = data["calendar"]
    row.update(
        policy_version=data["version"],
        policy=data["policy"],
        offsets=calendar["offsets"],
        covered_until=calendar.get("covered_until"),
        calendar_source=calendar.get("source", "week"),
    )
    rows.put("pools", (entry.pool,), row)
    policy = {
        "pool": entry.pool,
        "version": data["version"],
        "time": entry.time,
        "actor": entry.actor,
        "sequence": entry.sequence,
        "policy": data["policy"],
        "calendar": calendar,
    }
    rows.append("policies", policy)


PROJECTION = Projection(
    name="pools",
    version=2,
    tables=(LEADS, MEMBERS, POOLS, POLICIES),
    handlers={
        f.LeadCaptured.TYPE: _captured,
        f.LeadTransferredIn.TYPE: _transferred_in,
        f.PoolOpened.TYPE: _opened,
        f.PolicyPublished.TYPE: _published,
        **dict.fromkeys(_LEAD_HANDLERS, _about_a_lead),
        **dict.fromkeys(_MEMBER_FACTS, _member),
    },
    keys={
        **dict.fromkeys((*_LEAD_HANDLERS, f.LeadTransferredIn.TYPE), _lead_keys),
        **dict.fromkeys(_MEMBER_FACTS, _member_keys),
        **dict.fromkeys((f.PoolOpened.TYPE, f.PolicyPublished.TYPE), _pool_keys),
    },
)
