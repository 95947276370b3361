"""Queries on the read models beside leads (`lead_queries`): loads, outcomes, traces, customers.

Rows are dicts as Postgres has them. Nothing is masked here: whoever asks for somebody masks.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from leadflow.domain.policy import Policy
from leadflow.domain.values import COMPANY_STREAM, to_utc
from leadflow.errors import NotFound
from leadflow.postgres import Database
from projections.store import SCHEMA

Row = dict[str, Any]
Cursor = psycopg.Cursor[Row]
_PLAIN = Policy()
"""A policy that leaves everything out."""


def _select(text: str) -> sql.Composed:
    """A query in which `{schema}` stands for the read models' schema; values are always parameters."""
    return sql.SQL(text).format(schema=sql.Identifier(SCHEMA))


def _rows(database: Database, text: str, *values: object) -> list[Row]:
    with database.connection() as connection, connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(_select(text), values).fetchall()


# --- pools ----------------------------------------------------------------------------------

_SUMMARY = """
SELECT p.*, h.sequence AS last_sequence, h.time AS last_time,
    coalesce((SELECT jsonb_object_agg(status, n) FROM
        (SELECT status, count(*) AS n FROM {schema}.leads WHERE pool = p.pool GROUP BY status) s), '{{}}')
        AS leads,
    (SELECT min(public_since) FROM {schema}.leads WHERE pool = p.pool AND status = 'public')
        AS oldest_public_since,
    (SELECT min(until) FROM {schema}.leads WHERE pool = p.pool AND status = 'private') AS next_deadline,
    (SELECT count(*) FROM {schema}.leads WHERE pool = p.pool AND waiting IS NOT NULL) AS waiting
FROM {schema}.pools p
LEFT JOIN {schema}.projections r ON r.name = 'pools' AND r.status = 'live'
LEFT JOIN {schema}.projection_heads h
    ON h.name = r.name AND h.generation = r.generation AND h.pool = p.pool
WHERE %s::text IS NULL OR p.pool = %s
ORDER BY p.pool
"""


def pool_summaries(database: Database, pool: str | None = None) -> list[Row]:
    """Pools with clock, policy (`policy_name` and `timezone` beside it), calendar coverage, last sequence and
    time, and leads by status."""
    rows = _rows(database, _SUMMARY, pool, pool)
    for row in rows:
        # What a policy leaves out is as it always is, and not in its document.
        row["policy_name"] = row["policy"].get("name", _PLAIN.name)
        row["timezone"] = row["policy"].get("timezone", _PLAIN.timezone)
    return rows


def head_of(database: Database, pool: str) -> int:
    """The last sequence of a pool that every read model has; 0 where one has none of it."""
    text = (
        "SELECT coalesce(min(coalesce(h.sequence, 0)), 0) AS head FROM {schema}.projections r"
        " LEFT JOIN {schema}.projection_heads h"
        " ON h.name = r.name AND h.generation = r.generation AND h.pool = %s"
        " WHERE r.status = 'live'"
    )
    return int(_rows(database, text, pool)[0]["head"])


_LOADS = """
SELECT m.*,
    coalesce(l.held, 0) AS held, coalesce(l.customers, 0) AS customers,
    coalesce(l.protected, 0) AS protected, l.next_deadline,
    coalesce((m.traits ->> 'holding_cap')::bigint, (p.policy #>> '{{claiming,held_at_once}}')::bigint)
        AS cap
FROM {schema}.members m
JOIN {schema}.pools p USING (pool)
LEFT JOIN (
    SELECT pool, owner, count(*) FILTER (WHERE status = 'private') AS held,
        count(*) FILTER (WHERE status = 'converted') AS customers,
        count(*) FILTER (WHERE protected) AS protected, min(until) AS next_deadline
    FROM {schema}.leads WHERE owner IS NOT NULL GROUP BY pool, owner) l
    ON l.pool = m.pool AND l.owner = m.member
WHERE m.pool = %s ORDER BY m.member
"""


def loads(database: Database, pool: str) -> list[Row]:
    """Members of a pool with what they hold: leads (`held`), `customers`, `protected`, and their `cap`."""
    return _rows(database, _LOADS, pool)


# --- requests -------------------------------------------------------------------------------


def outcome(database: Database, identity: str, pool: str | None = None) -> Row | None:
    """What became of a request, by its identity; None for one that was never decided."""
    text = (
        "SELECT * FROM {schema}.outcomes WHERE identity = %s AND (%s::text IS NULL OR pool = %s)"
        " ORDER BY position LIMIT 1"
    )
    return next(iter(_rows(database, text, identity, pool, pool)), None)


def outcomes_of_id(database: Database, request_id: str, pool: str | None = None) -> list[Row]:
    """Outcomes of requests that have this id, whoever sent them; reads the whole table."""
    text = (
        "SELECT * FROM {schema}.outcomes WHERE substr(identity, strpos(identity, ':') + 1) = %s"
        " AND (%s::text IS NULL OR pool = %s) ORDER BY position"
    )
    return _rows(database, text, request_id, pool, pool)


# --- customers ------------------------------------------------------------------------------


def customers(
    database: Database,
    pools: Sequence[str] | None = None,
    *,
    owner: str | None = None,
    limit: int | None = 100,
    offset: int = 0,
) -> list[Row]:
    """Customers, the latest first."""
    text = (
        "SELECT * FROM {schema}.customers WHERE (%s::text[] IS NULL OR pool = ANY(%s))"
        " AND (%s::text IS NULL OR owner = %s)"
        " ORDER BY converted_at DESC, pool, converted_sequence DESC LIMIT %s OFFSET %s"
    )
    chosen = None if pools is None else list(pools)
    return _rows(database, text, chosen, chosen, owner, owner, limit, offset)


def customer(database: Database, pool: str, name: str) -> Row | None:
    """A customer by its own id or its lead's, with its `deal_list`."""
    text = "SELECT * FROM {schema}.customers WHERE pool = %s AND (lead = %s OR customer = %s) ORDER BY lead"
    found = next(iter(_rows(database, text, pool, name, name)), None)
    if found is not None:
        text = "SELECT * FROM {schema}.deals WHERE pool = %s AND lead = %s ORDER BY sequence"
        found["deal_list"] = _rows(database, text, pool, found["lead"])
    return found


# --- traces ---------------------------------------------------------------------------------


class Trace(NamedTuple):
    """A lead's history as far as it was known at a time."""

    lead: str
    at: datetime | None
    ownership: list[Row]
    """Intervals, oldest first; the open one has no `to_time`."""
    attempts: list[Row]
    """Refused requests, oldest first."""
    timeline: list[Row]
    owner: str | None
    """Who owned it at that time, by all that is known now."""
    owner_as_known: str | None
    """Who owned it by what was known then; both differ where a fact was written late."""


_OWNERSHIP = """
SELECT pool, lead, owner, from_time, from_known, from_sequence, mode, rule, group_name, policy, actor, acting,
    promised, contacted, to_time, to_known, end_reason, end_sequence, end_actor
FROM {schema}.intervals WHERE lead = %s AND (%s::text[] IS NULL OR pool = ANY(%s))
UNION ALL
SELECT pool, lead, owner, from_time, from_known, from_sequence, mode, rule, group_name, policy, actor, acting,
    promised, contacted, NULL, NULL, NULL, NULL, NULL
FROM {schema}.holders WHERE lead = %s AND (%s::text[] IS NULL OR pool = ANY(%s))
ORDER BY from_time, from_known, from_sequence
"""
_END = ("to_time", "to_known", "end_reason", "end_sequence", "end_actor")


def trace(
    database: Database, lead: str, at: datetime | None = None, pools: Sequence[str] | None = None
) -> Trace:
    """Who owned the lead, when, why and under which policy; who else tried; and every event of it.

    With `at`, what was known at that time: later facts are left out, and an interval that ended later is
    open. `pools` keeps to these pools' facts. Raises NotFound for a lead without a history there.
    """
    at = to_utc(at) if at is not None else None
    chosen = None if pools is None else list(pools)
    whose = (lead, chosen, chosen)
    intervals = _rows(database, _OWNERSHIP, *whose, *whose)
    text = (
        "SELECT * FROM {schema}.timeline WHERE lead = %s AND (%s::text[] IS NULL OR pool = ANY(%s))"
        " ORDER BY position"
    )
    timeline = _rows(database, text, *whose)
    text = (
        "SELECT * FROM {schema}.attempts WHERE lead = %s AND (%s::text[] IS NULL OR pool = ANY(%s))"
        " ORDER BY position"
    )
    attempts = _rows(database, text, *whose)
    if not timeline:
        raise NotFound(f"no lead {lead!r} is known here", do="`leadflow leads` lists the leads.")
    moment = at or datetime.max.replace(tzinfo=UTC)
    known = [_as_known(interval, moment) for interval in intervals if interval["from_known"] <= moment]
    return Trace(
        lead,
        at,
        known,
        [attempt for attempt in attempts if attempt["known_at"] <= moment],
        [event for event in timeline if event["known_at"] <= moment],
        _owner(intervals, moment),
        next((interval["owner"] for interval in reversed(known) if interval["to_time"] is None), None),
    )


def last_interval(database: Database, pool: str, lead: str, owner: str) -> Row | None:
    """The last time of ownership of a lead by this rep that is over; None where there was none."""
    text = (
        "SELECT * FROM {schema}.intervals WHERE pool = %s AND lead = %s AND owner = %s"
        " ORDER BY end_sequence DESC LIMIT 1"
    )
    return next(iter(_rows(database, text, pool, lead, owner)), None)


def _as_known(interval: Row, moment: datetime) -> Row:
    if interval["to_known"] is None or interval["to_known"] <= moment:
        return interval
    return interval | dict.fromkeys(_END)


def _owner(intervals: Sequence[Row], moment: datetime) -> str | None:
    """The owner at a moment by the facts' own times; the later interval where two meet there."""
    return next(
        (
            interval["owner"]
            for interval in reversed(intervals)
            if interval["from_time"] <= moment
            and (interval["to_time"] is None or interval["to_time"] > moment)
        ),
        None,
    )


def spend_figures(database: Database) -> list[Row]:
    """Every figure of spend in force, with the fact that recorded it in `_company`."""
    text = "SELECT *, %s::text AS pool FROM {schema}.spend ORDER BY channel, campaign, first_day, currency"
    return _rows(database, text, COMPANY_STREAM)
