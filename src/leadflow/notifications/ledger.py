"""The ledger of notifications: one row for each fact and subscription, whatever happens to who sends it.

Rows are made in the same transaction as the position in the log, so that no fact is taken twice or left out.
Whoever sends one leases it first; a lease that runs out, because its process died, is anybody's.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from psycopg.rows import class_row

from leadflow.errors import NotFound, UsageError
from leadflow.notifications.attempts import Answer, pause_after
from leadflow.notifications.subscriptions import begin_at, disable, prepare
from leadflow.postgres import Connection, Database

LEASE = timedelta(minutes=2)
"""Longer than any attempt takes, so that nobody else begins while one is under way."""
KEPT = timedelta(days=90)
"""How long what was sent or dropped stays in the ledger."""
DO_PARKED = "See `leadflow notify parked`."


class Made(NamedTuple):
    """A notification that a fact calls for."""

    fact: str
    subscription: str
    position: int
    pool: str
    lead: str
    kind: str
    member: str | None
    """Who is told; None: the managers."""
    content: str


@dataclass(frozen=True, kw_only=True)
class Notification:
    """A row of the ledger."""

    id: int
    fact: str
    subscription: str
    partition: int
    position: int
    pool: str
    lead: str
    kind: str
    member: str | None
    content: str
    """The payload, the same at every attempt."""
    state: str
    attempts: int
    """Attempts that have begun."""
    next_attempt: datetime
    leased_until: datetime | None
    leased_by: str | None
    problem: str | None
    """What went wrong last."""
    made_at: datetime
    done_at: datetime | None

    @property
    def message(self) -> str:
        """What receivers know it by, at every attempt: the webhook-id."""
        return f"{self.fact}/{self.subscription}"


class Standing(NamedTuple):
    """How the ledger stands."""

    waiting: int
    parked: int
    oldest: datetime | None
    """When the oldest that waits was made."""


class Ledger:
    """The table of notifications, and how far each log was looked through."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._ready = False

    def prepare(self) -> None:
        """Make the tables where there are none."""
        if not self._ready:
            prepare(self._database)
            self._ready = True

    # --- from the log ---------------------------------------------------------------------------

    def begin(self, log: str, ends: dict[int, int]) -> None:
        """Begin at these positions of a log where nobody has begun yet."""
        self.prepare()
        with self._database.transaction() as connection:
            begin_at(connection, log, ends)

    def positions(self, log: str) -> dict[int, int]:
        """How far each partition of a log was looked through."""
        self.prepare()
        query = "SELECT partition, position FROM records.notifier_positions WHERE log = %s"
        with self._database.connection() as connection:
            return dict(connection.execute(query, (log,)).fetchall())

    def take(
        self, log: str, partition: int, place: tuple[int, int], made: Iterable[Made], now: datetime
    ) -> bool:
        """Keep what the facts between two positions call for; False where another process has done that."""
        before, after = place
        with self._database.transaction() as connection:
            moved = connection.execute(
                "UPDATE records.notifier_positions SET position = %s"
                " WHERE log = %s AND partition = %s AND position = %s",
                (after, log, partition, before),
            )
            if not moved.rowcount:
                return False
            for one in made:
                connection.execute(
                    "INSERT INTO records.notifications (fact, subscription, partition, position, pool, lead,"
                    " kind, member, content, next_attempt, made_at)"
                    " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
                    (*one[:2], partition, *one[2:], now, now),
                )
        return True

    # --- sending --------------------------------------------------------------------------------

    def claim(
        self, by: str, now: datetime, busy: Sequence[str], *, well: int, failing: int
    ) -> Sequence[Notification]:
        """Lease what is due: of each subscription its oldest, except of those that are `busy`.

        At most so many of subscriptions that went well last, and of those whose last attempt failed: one
        receiver that is slow or broken never holds up the others. Each claim counts as an attempt.
        """
        self.prepare()
        with self._database.transaction() as connection:
            found = [
                *_claimed(connection, by, now, busy, well, failing=False),
                *_claimed(connection, by, now, busy, failing, failing=True),
            ]
        return sorted(found, key=lambda one: one.id)

    def record(self, one: Notification, by: str, answer: Answer, now: datetime, chance: random.Random) -> str:
        """Write down what became of an attempt; gives the state that the notification has now."""
        with self._database.transaction() as connection:
            if answer.outcome == "sent":
                # Also where the lease ran out meanwhile, and somebody else failed.
                _end(connection, one.id, "sent", None, now, b"state IN ('pending', 'parked')")
                _went(connection, one.subscription, well=True)
                return "sent"
            _went(connection, one.subscription, well=False)
            pause = pause_after(one.attempts, chance) if answer.outcome == "failed" else None
            if pause is None:
                _end(connection, one.id, "parked", answer.problem, now, _LEASED, by)
                if answer.outcome == "gone":
                    disable(connection, one.subscription, answer.problem or "", now)
                return "parked"
            connection.execute(
                "UPDATE records.notifications SET next_attempt = %s, problem = %s, leased_until = NULL,"
                " leased_by = NULL WHERE id = %s AND state = 'pending' AND leased_by = %s",
                (now + pause, answer.problem, one.id, by),
            )
            return "pending"

    def drop(self, number: int, why: str, now: datetime) -> None:
        """Send a notification no more."""
        with self._database.transaction() as connection:
            _end(connection, number, "dropped", why, now, b"state = 'pending'")

    # --- by hand --------------------------------------------------------------------------------

    def get(self, number: int) -> Notification:
        """One notification. Raises NotFound."""
        found = self._select(b" WHERE id = %s", [number])
        if not found:
            raise NotFound(f"there is no notification {number}", do=DO_PARKED)
        return found[0]

    def list(self, state: str | None, *, limit: int = 1_000, after: int = 0) -> Sequence[Notification]:
        """Notifications in a state (or in any), the oldest first, after the one with this number."""
        condition = b" WHERE id > %s AND (%s::text IS NULL OR state = %s) ORDER BY id LIMIT %s"
        return self._select(condition, [after, state, state, limit])

    def replay(self, number: int, now: datetime) -> Notification:
        """Let one that was parked be tried again, from its first attempt on; its webhook-id stays.

        Raises NotFound; UsageError for one that is not parked, or whose subscription has ended.
        """
        found = self.get(number)
        _need_parked(found)
        with self._database.connection() as connection:
            done = connection.execute(
                "UPDATE records.notifications SET state = 'pending', attempts = 0, next_attempt = %s,"
                " done_at = NULL WHERE id = %s AND state = 'parked' AND EXISTS (SELECT FROM"
                " records.subscriptions s WHERE s.id = subscription AND s.disabled_at IS NULL)",
                (now, number),
            )
        if not done.rowcount:
            what = f"notification {number} cannot be sent: its subscription {found.subscription} has ended"
            raise UsageError(what, do=f"Subscribe anew, and drop it: `leadflow notify drop {number}`.")
        return self.get(number)

    def discard(self, number: int, by: str, now: datetime) -> Notification:
        """Give up one that was parked. Raises NotFound, UsageError for one that is not parked."""
        _need_parked(self.get(number))
        with self._database.connection() as connection:
            connection.execute(
                "UPDATE records.notifications SET state = 'dropped', done_at = %s,"
                " problem = concat_ws('; ', problem, %s::text) WHERE id = %s AND state = 'parked'",
                (now, f"dropped by {by}", number),
            )
        return self.get(number)

    # --- how it stands --------------------------------------------------------------------------

    def standing(self) -> Standing:
        """How much waits, and how much was given up and waits for a person."""
        self.prepare()
        query = (
            "SELECT count(*) FILTER (WHERE state = 'pending'), count(*) FILTER (WHERE state = 'parked'),"
            " min(made_at) FILTER (WHERE state = 'pending')"
            " FROM records.notifications WHERE state IN ('pending', 'parked')"
        )
        with self._database.connection() as connection:
            row = connection.execute(query).fetchone()
        assert row is not None
        return Standing(*row)

    def trim(self, now: datetime) -> int:
        """Forget what was sent or dropped long ago; says how much."""
        query = "DELETE FROM records.notifications WHERE state IN ('sent', 'dropped') AND done_at < %s"
        with self._database.connection() as connection:
            return connection.execute(query, (now - KEPT,)).rowcount

    def _select(self, condition: bytes, values: Sequence[object]) -> Sequence[Notification]:
        self.prepare()
        with (
            self._database.connection() as connection,
            connection.cursor(row_factory=class_row(Notification)) as cursor,
        ):
            return cursor.execute(b"SELECT * FROM records.notifications" + condition, values).fetchall()


_CLAIM = b"""
UPDATE records.notifications n SET leased_until = %(until)s, leased_by = %(by)s, attempts = n.attempts + 1
FROM (
    SELECT id FROM records.notifications WHERE id IN (
        SELECT d.id FROM records.subscriptions s CROSS JOIN LATERAL (
            SELECT id, next_attempt FROM records.notifications
            WHERE subscription = s.id AND state = 'pending' AND next_attempt <= %(now)s
                AND (leased_until IS NULL OR leased_until <= %(now)s)
            ORDER BY next_attempt, id LIMIT 1) d
        WHERE s.disabled_at IS NULL AND s.id <> ALL(%(busy)s) AND (s.failing > 0) = %(failing)s
        ORDER BY d.next_attempt LIMIT %(count)s)
    AND state = 'pending' AND (leased_until IS NULL OR leased_until <= %(now)s)
    FOR UPDATE SKIP LOCKED) free
WHERE n.id = free.id RETURNING n.*
"""


def _claimed(
    connection: Connection, by: str, now: datetime, busy: Sequence[str], count: int, *, failing: bool
) -> Sequence[Notification]:
    if count < 1:
        return []
    values = {
        "until": now + LEASE, "by": by, "now": now, "busy": list(busy), "failing": failing, "count": count
    }  # fmt: skip
    with connection.cursor(row_factory=class_row(Notification)) as cursor:
        return cursor.execute(_CLAIM, values).fetchall()


_LEASED = b"state = 'pending' AND leased_by = %s"
"""While the lease is one's own; else another process may have sent it meanwhile."""


def _end(
    connection: Connection,
    number: int,
    state: str,
    problem: str | None,
    now: datetime,
    condition: bytes,
    *values: object,
) -> None:
    query = (
        b"UPDATE records.notifications SET state = %s, problem = %s, done_at = %s, leased_until = NULL,"
        b" leased_by = NULL WHERE id = %s AND " + condition
    )
    connection.execute(query, (state, problem, now, number, *values))


def _went(connection: Connection, subscription: str, *, well: bool) -> None:
    if well:
        query = "UPDATE records.subscriptions SET failing = 0 WHERE id = %s AND failing > 0"
    else:
        query = "UPDATE records.subscriptions SET failing = failing + 1 WHERE id = %s"
    connection.execute(query.encode(), (subscription,))


def _need_parked(found: Notification) -> None:
    if found.state != "parked":
        raise UsageError(f"notification {found.id} is {found.state}, not parked", do=DO_PARKED)
