"""Signing in and out: what is checked in which order, and what the log says of it (never a secret)."""

from __future__ import annotations

from datetime import timedelta

import structlog

from leadflow.errors import NotSignedIn, TooOften
from leadflow.identities.accounts import Account, Accounts, Clock, utc_now
from leadflow.identities.keys import SigningKey
from leadflow.identities.passwords import Passwords
from leadflow.identities.sessions import Session, Sessions
from leadflow.identities.throttle import Throttle
from leadflow.identities.tokens import Tokens
from leadflow.postgres import Database
from leadflow.settings import Settings

log = structlog.get_logger(__name__)


class Identities:
    """Accounts, tokens and sessions on one database."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        *,
        passwords: Passwords | None = None,
        clock: Clock = utc_now,
    ) -> None:
        self.key = SigningKey(database, clock=clock)
        self.accounts = Accounts(database, passwords or Passwords(), clock)
        self.tokens = Tokens(database, clock)
        self.throttle = Throttle(database, clock)
        self.sessions = Sessions(
            database,
            self.accounts,
            self.key,
            idle=timedelta(hours=settings.session_idle_hours),
            lasts=timedelta(hours=settings.session_hours),
            clock=clock,
        )

    def sign_in(self, name: str, password: str, address: str) -> Session:
        """A new session for a name and its password.

        Raises NotSignedIn, the same for a wrong name, a wrong password and a disabled account; TooOften
        where this was tried too often, whether the name exists or not; Unavailable.
        """
        account = self.proved(name, password, address)
        session = self.sessions.open(account)
        log.info("signed in", account=account.name, by="password", address=address)
        return session

    def proved(self, name: str, password: str, address: str) -> Account:
        """The account of a name and its password, throttled. Raises as `sign_in` does."""
        try:
            self.throttle.begin(name, address)
        except TooOften as error:
            log.warning(
                "sign-in throttled",
                account=self._known(name),
                address=address,
                retry_after_s=error.retry_after_s,
            )
            raise
        account = self.accounts.check(name, password)
        if account is None:
            self.throttle.failed(address)
            log.warning("sign-in failed", account=self._known(name), address=address)
            raise NotSignedIn("the name or the password is wrong", do="Try again; a manager can set another.")
        self.throttle.succeeded(name)
        return account

    def sign_out(self, session: Session) -> None:
        """End a session."""
        self.sessions.close(session.cookie)
        log.info("signed out", account=session.account.name)

    def _known(self, name: str) -> str:
        """A name for the log: of an account that there is. Else what was typed may be a password."""
        account = self.accounts.find(name)
        return account.name if account is not None else "unknown"
