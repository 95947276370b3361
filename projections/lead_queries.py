"""Queries on the `pools` and `timeline` read models. Who may see what is decided above
(`leadflow.views.leads`): a `Reach` says which leads an answer may hold, and on which of them
hidden values may be searched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple

from psycopg import sql
from psycopg.rows import dict_row

from leadflow.postgres import Database
from projections.store import SCHEMA

Row = dict[str, Any]
Order = Literal["score", "age", "newest", "deadline", "touches"]
ORDERS: dict[Order, sql.SQL] = {
    "score": sql.SQL("score DESC, captured_sequence"),
    "age": sql.SQL("captured_at, captured_sequence"),
    "newest": sql.SQL("captured_at DESC, captured_sequence DESC"),
    "deadline": sql.SQL("until NULLS LAST, captured_sequence"),
    "touches": sql.SQL("touches DESC, captured_sequence"),
}
"""Nothing that may be masked to somebody is among them: an order tells values."""
_BY: dict[Order, str] = {
    "score": "score",
    "age": "captured_at",
    "newest": "captured_at",
    "deadline": "until",
    "touches": "touches",
}
_BEHIND: dict[Order, sql.SQL] = {
    "score": sql.SQL("(score < %s OR (score = %s AND captured_sequence > %s))"),
    "age": sql.SQL("(captured_at > %s OR (captured_at = %s AND captured_sequence > %s))"),
    "newest": sql.SQL("(captured_at < %s OR (captured_at = %s AND captured_sequence < %s))"),
    "deadline": sql.SQL("(until > %s OR until IS NULL OR (until = %s AND captured_sequence > %s))"),
    "touches": sql.SQL("(touches < %s OR (touches = %s AND captured_sequence > %s))"),
}
"""What comes after a place in each order; no two leads of a pool were captured by one fact."""
TRUE, FALSE = sql.SQL("TRUE"), sql.SQL("FALSE")
_LEADS = sql.Identifier(SCHEMA, "leads")


@dataclass(frozen=True)
class Reach:
    """Which leads of a pool an actor sees, and of which it sees contact points."""

    everything: bool = False
    public: bool = False
    """Those in the public pool; not those in a managers' queue."""
    owner: str | None = None
    """Those that this member owns."""
    collaborator: str | None = None
    """Those that this member works on with their owner."""
    contacts_of_all: bool = False
    contacts_of_owner: str | None = None
    contacts_of_collaborator: str | None = None

    def sees(self, row: Row) -> bool:
        """Whether a lead, by its status, owner and collaborators, is within reach."""
        return (
            self.everything
            or (self.public and row["status"] == "public")
            or (self.owner is not None and row["owner"] == self.owner)
            or (self.collaborator is not None and self.collaborator in row["collaborators"])
        )

    def shows(self, row: Row) -> bool:
        """Whether its contact points are shown."""
        return (
            self.contacts_of_all
            or (self.contacts_of_owner is not None and row["owner"] == self.contacts_of_owner)
            or (
                self.contacts_of_collaborator is not None
                and self.contacts_of_collaborator in row["collaborators"]
            )
        )


class Place(NamedTuple):
    """A place in an order of leads: what it goes by, and which of those that are equal in that."""

    value: int | datetime | None
    captured_sequence: int


def place_of(row: Row, order: Order) -> Place:
    """Where a lead stands in an order."""
    return Place(row[_BY[order]], row["captured_sequence"])


@dataclass(frozen=True)
class Criteria:
    """What is looked for; what is None does not restrict."""

    status: Sequence[str] | None = None
    owner: str | None = None
    channel: str | None = None
    campaign: str | None = None
    region: str | None = None
    industry: str | None = None
    score_min: int | None = None
    waiting: bool = False
    """Only those that wait for a rep, or for a manager."""
    search: str | None = None
    """Text in company, place, industry or campaign; in names and contact points where those are shown."""
    order: Order = "score"
    limit: int | None = 100
    after: Place | None = None
    """Only those behind this place of the order."""


def _standing(
    everything: bool, owner: str | None, collaborator: str | None, values: list[Any]
) -> list[sql.Composable]:
    if everything:
        return [TRUE]
    found: list[sql.Composable] = []
    if owner is not None:
        found.append(sql.SQL("owner = %s"))
        values.append(owner)
    if collaborator is not None:
        found.append(sql.SQL("jsonb_exists(collaborators, %s)"))
        values.append(collaborator)
    return found


def _any_of(conditions: Sequence[sql.Composable]) -> sql.Composable:
    return sql.SQL("({})").format(sql.SQL(" OR ").join(conditions)) if conditions else FALSE


def _seen(reach: Reach, values: list[Any]) -> sql.Composable:
    conditions = _standing(reach.everything, reach.owner, reach.collaborator, values)
    if reach.public and not reach.everything:
        conditions.append(sql.SQL("status = 'public'"))
    return _any_of(conditions)


def _shown(reach: Reach, values: list[Any]) -> sql.Composable:
    return _any_of(
        _standing(reach.contacts_of_all, reach.contacts_of_owner, reach.contacts_of_collaborator, values)
    )


_OPEN_TEXTS = tuple(map(sql.Identifier, ("company_name", "industry", "region", "city", "campaign")))
_HIDDEN_TEXTS = tuple(
    sql.SQL("{}::text").format(sql.Identifier(name))
    for name in ("person_name", "phones", "emails", "wechats")
)
_PHONE_MARKS = str.maketrans("", "", " -()")


def _pattern(text: str) -> str:
    return "%" + text.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_") + "%"


def _searched(text: str, reach: Reach, values: list[Any]) -> sql.Composable:
    """A row whose contact points are masked to the actor never matches by them, nor by the name."""
    digits = text.translate(_PHONE_MARKS)
    matching = _any_of([sql.SQL("{} ILIKE %s").format(name) for name in _OPEN_TEXTS])
    values.extend([_pattern(text)] * len(_OPEN_TEXTS))
    shown = _shown(reach, values)
    hidden = _any_of([sql.SQL("{} ILIKE %s").format(name) for name in _HIDDEN_TEXTS])
    values.extend([_pattern(digits if digits.isdigit() else text)] * len(_HIDDEN_TEXTS))
    return sql.SQL("({} OR ({} AND {}))").format(matching, shown, hidden)


def _conditions(reach: Reach, criteria: Criteria, values: list[Any]) -> list[sql.Composable]:
    found = [_seen(reach, values)]
    for column in ("owner", "channel", "campaign", "region", "industry"):
        value = getattr(criteria, column)
        if value is not None:
            found.append(sql.SQL("{} = %s").format(sql.Identifier(column)))
            values.append(value)
    if criteria.status is not None:
        found.append(sql.SQL("status = ANY(%s)"))
        values.append(list(criteria.status))
    if criteria.score_min is not None:
        found.append(sql.SQL("score >= %s"))
        values.append(criteria.score_min)
    if criteria.waiting:
        found.append(sql.SQL("waiting IS NOT NULL"))
    if criteria.search:
        found.append(_searched(criteria.search, reach, values))
    return found


def _behind(place: Place, order: Order, values: list[Any]) -> sql.Composable:
    if place.value is None:
        values.append(place.captured_sequence)
        return sql.SQL("({} IS NULL AND captured_sequence > %s)").format(sql.Identifier(_BY[order]))
    values.extend([place.value, *place])
    return _BEHIND[order]


def find_leads(database: Database, pool: str, reach: Reach, criteria: Criteria) -> tuple[list[Row], int]:
    """Leads within reach that meet the criteria, in order from the place on, and how many there are in all,
    without place and limit."""
    values: list[Any] = [pool]
    where = sql.SQL(" AND ").join([sql.SQL("pool = %s"), *_conditions(reach, criteria, values)])
    count = sql.SQL("SELECT count(*) FROM {} WHERE {}").format(_LEADS, where)
    further = list(values)
    behind = _behind(criteria.after, criteria.order, further) if criteria.after is not None else TRUE
    select = sql.SQL("SELECT * FROM {} WHERE {} AND {} ORDER BY {} LIMIT %s").format(
        _LEADS, where, behind, ORDERS[criteria.order]
    )
    with database.connection() as connection, connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(select, [*further, criteria.limit]).fetchall()
        if criteria.after is None and (criteria.limit is None or len(rows) < criteria.limit):
            return rows, len(rows)
        counted = cursor.execute(count, values).fetchone()
        return rows, counted["count"] if counted else 0


def leads_named(
    database: Database, pools: Sequence[str], prefix: str, reach: Reach | None = None, *, limit: int = 20
) -> list[Row]:
    """Leads of these pools whose id begins so; within reach, where one is given."""
    values: list[Any] = [list(pools), prefix, prefix + "\U0010ffff"]
    seen = _seen(reach, values) if reach is not None else TRUE
    query = sql.SQL(
        "SELECT * FROM {} WHERE pool = ANY(%s) AND lead >= %s AND lead <= %s AND {}"
        " ORDER BY lead, pool LIMIT %s"
    ).format(_LEADS, seen)
    with database.connection() as connection, connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query, [*values, limit]).fetchall()


def standing_of(database: Database, pool: str, leads: Sequence[str]) -> dict[str, Row]:
    """Status, owner and collaborators of some leads of a pool, by lead."""
    query = sql.SQL(
        "SELECT lead, status, owner, collaborators FROM {} WHERE pool = %s AND lead = ANY(%s)"
    ).format(_LEADS)
    with database.connection() as connection, connection.cursor(row_factory=dict_row) as cursor:
        return {row["lead"]: row for row in cursor.execute(query, (pool, list(leads)))}


def pool_rows(database: Database) -> dict[str, Row]:
    """Every pool: clock, policy in force, offsets of its local time; `opener` is who opened it."""
    query = sql.SQL(
        "SELECT p.*, (SELECT actor FROM {} WHERE pool = p.pool AND version = 1) AS opener FROM {} p"
        " ORDER BY pool"
    ).format(sql.Identifier(SCHEMA, "policies"), sql.Identifier(SCHEMA, "pools"))
    with database.connection() as connection, connection.cursor(row_factory=dict_row) as cursor:
        return {row["pool"]: row for row in cursor.execute(query)}


def member_roles(database: Database, member: str) -> dict[str, str]:
    """The member's role in each pool that it belongs to now."""
    query = sql.SQL("SELECT pool, role FROM {} WHERE member = %s AND status <> 'left'").format(
        sql.Identifier(SCHEMA, "members")
    )
    with database.connection() as connection:
        return dict(connection.execute(query, (member,)).fetchall())


def members_of(database: Database, pool: str) -> dict[str, Row]:
    """Everybody who is or was a member of the pool, by id."""
    query = sql.SQL("SELECT * FROM {} WHERE pool = %s ORDER BY member").format(
        sql.Identifier(SCHEMA, "members")
    )
    with database.connection() as connection, connection.cursor(row_factory=dict_row) as cursor:
        return {row["member"]: row for row in cursor.execute(query, (pool,))}


def timeline_of(database: Database, pool: str, lead: str) -> list[Row]:
    """Every event that concerns the lead in this pool, oldest first."""
    query = sql.SQL("SELECT * FROM {} WHERE pool = %s AND lead = %s ORDER BY sequence").format(
        sql.Identifier(SCHEMA, "timeline")
    )
    with database.connection() as connection, connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query, (pool, lead)).fetchall()


def policy_row(database: Database, pool: str, version: int | None = None) -> Row | None:
    """The policy in force in a pool, or that of a version, with its calendar."""
    query = sql.SQL(
        "SELECT * FROM {} WHERE pool = %s AND version = coalesce(%s, version) ORDER BY version DESC LIMIT 1"
    ).format(sql.Identifier(SCHEMA, "policies"))
    with database.connection() as connection, connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query, (pool, version)).fetchone()


def facts_before(
    database: Database, pool: str, leads: Sequence[str], types: Sequence[str], before: int
) -> list[tuple[str, int, int]]:
    """Facts of these types about some leads, before a sequence, in order: lead, sequence and position."""
    query = sql.SQL(
        "SELECT lead, sequence, position FROM {} WHERE pool = %s AND lead = ANY(%s) AND type = ANY(%s)"
        " AND sequence < %s ORDER BY sequence"
    ).format(sql.Identifier(SCHEMA, "timeline"))
    with database.connection() as connection:
        rows = connection.execute(query, (pool, list(leads), list(types), before)).fetchall()
    return [(lead, sequence, position) for lead, sequence, position in rows]
