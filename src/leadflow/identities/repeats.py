"""Changes that are asked for again under the same key: made once, and answered as the first time.

What a pool decides, its log remembers for ever. Accounts, tokens, inlets and subscriptions are no facts; what
was answered about them is kept here for `KEPT`, by who asked and the key that named the change
(https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/). The change and its answer are
one transaction: there is never the one without the other. What failed is not kept: nothing was changed.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

from leadflow.errors import KeyReused
from leadflow.identities.accounts import Clock, utc_now
from leadflow.identities.passwords import Passwords
from leadflow.identities.tables import Prepared
from leadflow.postgres import Connection, Database

KEPT = timedelta(days=30)
"""How long a key is known. Requests to pools have no such end."""


class Answered(NamedTuple):
    """What was answered: an HTTP status, and the document without secrets; empty where there is none."""

    status: int
    document: str


class Repeats:
    """The table of answers to changes that no pool decides."""

    def __init__(self, database: Database, passwords: Passwords, clock: Clock = utc_now) -> None:
        self._prepared = Prepared(database)
        self._passwords = passwords
        self._clock = clock

    def once(
        self, actor: str, key: str, content: str, change: Callable[[], Answered]
    ) -> tuple[Answered, bool]:
        """Make a change, unless the actor made it under this key before; its answer, and whether it did.

        `content` tells one change from another: a digest of all that was asked. What `change` asks of the
        database becomes one transaction with the answer, so that it must do so in this thread. Of two at the
        same time the second waits for the first. Raises KeyReused for another content, and what `change`
        raises, after which nothing was changed.
        """
        with self._prepared.database.joined() as connection:
            known = self._known(connection, actor, key, content)
            if known is not None:
                return known, True
            # The content may hold a password: what is kept of it is as hard to guess from as a password's.
            kept, now = self._passwords.hashed(content), self._clock()
            _forget_old(connection, now)
            made = connection.execute(
                "INSERT INTO records.repeats (actor, key, content, status, answer, at)"
                " VALUES (%s, %s, %s, 0, '', %s) ON CONFLICT DO NOTHING",
                (actor, key, kept, now),
            )
            if made.rowcount == 0:
                known = self._known(connection, actor, key, content)
                assert known is not None
                return known, True
            answered = change()
            connection.execute(
                "UPDATE records.repeats SET status = %s, answer = %s WHERE actor = %s AND key = %s",
                (*answered, actor, key),
            )
            return answered, False

    def forget_old(self) -> None:
        """Keep nothing of keys that are known no more."""
        with self._prepared.database.connection() as connection:
            _forget_old(connection, self._clock())

    def refuse_other(self, actor: str, key: str, content: str) -> None:
        """Raise KeyReused if the actor used this key for another content: for a change that is the same
        however often it is made, and is to be noted by `note` once it was."""
        with self._prepared.database.connection() as connection:
            self._known(connection, actor, key, content)

    def note(self, actor: str, key: str, content: str) -> None:
        """Remember the content of a change that was made. Raises KeyReused."""
        self.once(actor, key, content, lambda: Answered(204, ""))

    def _known(self, connection: Connection, actor: str, key: str, content: str) -> Answered | None:
        query = (
            "SELECT content, status, answer FROM records.repeats WHERE actor = %s AND key = %s AND at > %s"
        )
        row = connection.execute(query, (actor, key, self._clock() - KEPT)).fetchone()
        if row is None:
            return None
        if not self._passwords.check(content, row[0])[0]:
            raise KeyReused("the key was used for another change before", do="Give each change its own key.")
        return Answered(row[1], row[2])


def _forget_old(connection: Connection, now: datetime) -> None:
    connection.execute("DELETE FROM records.repeats WHERE at <= %s", (now - KEPT,))
