"""Sessions of people who signed in: rows in `records.sessions`, named by a signed cookie.

The cookie holds a random id, signed so that a made-up one is refused without asking the database; the
table holds its SHA-256, so that whoever reads the table can act as nobody. A token against forged
requests (CSRF) is bound to the id: another site can send the cookie, but cannot know this.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from itsdangerous import BadSignature, Signer

from leadflow.errors import NotPermitted, NotSignedIn
from leadflow.identities.accounts import Account, Accounts, Clock, utc_now
from leadflow.identities.caller import ALL_SCOPES, Caller
from leadflow.identities.keys import SigningKey
from leadflow.identities.tables import Prepared
from leadflow.postgres import Connection, Database

ID_BYTES = 32
COOKIE_LENGTH_MAX = 400
SEEN_EVERY = timedelta(minutes=1)
"""How exact the moment of the last call is: each call would be a write else."""
_AGAIN = "Sign in again."


@dataclass(frozen=True)
class Session:
    """A session that holds, with whose it is."""

    cookie: str
    """What the browser keeps; secret."""
    csrf: str
    """What unsafe requests must say in the header X-CSRF-Token."""
    account: Account
    opened_at: datetime
    expires_at: datetime
    """Its end, however busy it is."""

    def caller(self, role: str | None = None) -> Caller:
        """Who calls, in the account's first role or in this one. Raises NotPermitted."""
        return Caller(self.account.acting(role), ALL_SCOPES, "session", self.account.name)

    def check_csrf(self, given: str | None) -> None:
        """Raise NotPermitted unless this is the session's token against forged requests."""
        if not hmac.compare_digest(self.csrf.encode(), (given or "").encode("utf-8", "replace")):
            do = "Send the csrf_token of GET /v1/session as header X-CSRF-Token."
            raise NotPermitted("the request does not prove that it comes from our own page", do=do)


class Sessions:
    """The table of sessions."""

    def __init__(
        self,
        database: Database,
        accounts: Accounts,
        key: SigningKey,
        *,
        idle: timedelta,
        lasts: timedelta,
        clock: Clock = utc_now,
    ) -> None:
        """A session ends when it was `idle` for that long, and after it `lasts` so long in any case."""
        self._prepared = Prepared(database)
        self._accounts = accounts
        self._key = key
        self._idle = idle
        self._lasts = lasts
        self._clock = clock

    def open(self, account: Account) -> Session:
        """A new session; always of an id that nobody has seen.

        Raises NotSignedIn where the account was disabled, or its password changed, a moment ago.
        """
        identity, now = secrets.token_urlsafe(ID_BYTES), self._clock()
        session = self._session(identity, account, now, now + self._lasts)
        with self._prepared.database.transaction() as connection:
            unchanged = (
                "SELECT 1 FROM records.accounts WHERE name = %s AND disabled_at IS NULL"
                " AND password_set_at IS NOT DISTINCT FROM %s FOR SHARE"
            )
            if connection.execute(unchanged, (account.name, account.password_set_at)).fetchone() is None:
                raise NotSignedIn("the account has changed just now", do=_AGAIN)
            self._forget_ended(connection, now)
            connection.execute(
                "INSERT INTO records.sessions (id_hash, account, opened_at, seen_at, expires_at)"
                " VALUES (%s, %s, %s, %s, %s)",
                (_hashed(identity), account.name, now, now, session.expires_at),
            )
        return session

    def forget_ended(self) -> None:
        """Keep nothing of sessions that have ended."""
        with self._prepared.database.connection() as connection:
            self._forget_ended(connection, self._clock())

    def _forget_ended(self, connection: Connection, now: datetime) -> None:
        gone = (now, now - self._idle)
        connection.execute("DELETE FROM records.sessions WHERE expires_at <= %s OR seen_at <= %s", gone)

    def find(self, cookie: str, *, used: bool = True) -> Session:
        """The session of a cookie. Raises NotSignedIn where there is none that holds. Whoever only asks
        whether it still holds does not keep it from becoming idle (`used`)."""
        identity, now = self._identity(cookie), self._clock()
        with self._prepared.database.connection() as connection:
            row = connection.execute(
                "SELECT account, opened_at, seen_at, expires_at FROM records.sessions WHERE id_hash = %s",
                (_hashed(identity),),
            ).fetchone()
        if row is None or now >= row[3] or now >= row[2] + self._idle:
            raise NotSignedIn("the session has ended", do=_AGAIN)
        account = self._accounts.find(row[0])
        if account is None or not account.enabled:
            raise NotSignedIn("the session has ended", do=_AGAIN)
        if used and now - row[2] >= SEEN_EVERY:
            with self._prepared.database.connection() as connection:
                connection.execute(
                    "UPDATE records.sessions SET seen_at = %s WHERE id_hash = %s", (now, _hashed(identity))
                )
        return self._session(identity, account, row[1], row[3])

    def close(self, cookie: str) -> None:
        """End the session of a cookie. Raises NotSignedIn for a cookie that is none of ours."""
        with self._prepared.database.connection() as connection:
            connection.execute(
                "DELETE FROM records.sessions WHERE id_hash = %s", (_hashed(self._identity(cookie)),)
            )

    def _session(self, identity: str, account: Account, opened: datetime, expires: datetime) -> Session:
        cookie = self._signer().sign(identity).decode()
        return Session(cookie, self._csrf(identity), account, opened, expires)

    def _signer(self) -> Signer:
        return Signer(self._key.key, salt="leadflow.session", digest_method=hashlib.sha256)

    def _csrf(self, identity: str) -> str:
        digest = hmac.new(self._key.key, b"leadflow.csrf:" + identity.encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")

    def _identity(self, cookie: str) -> str:
        if len(cookie) <= COOKIE_LENGTH_MAX and cookie.isascii():
            try:
                return self._signer().unsign(cookie).decode()
            except BadSignature:
                pass
        raise NotSignedIn("this is no session of ours", do=_AGAIN)


def _hashed(identity: str) -> str:
    return hashlib.sha256(identity.encode()).hexdigest()
