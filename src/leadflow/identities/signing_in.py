"""Signing in and out: what is checked in which order, and what the log says of it (never a secret)."""

from __future__ import annotations

from datetime import timedelta

import structlog

from leadflow.errors import Conflict, LeadflowError, NotSignedIn, TooOften, UsageError
from leadflow.identities.accounts import (
    ACCOUNT_ROLES,
    DISPLAY_NAME_LENGTH_MAX,
    Account,
    Accounts,
    Clock,
    utc_now,
)
from leadflow.identities.keys import SigningKey
from leadflow.identities.oidc import Entrant, Pending, Provider
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
        self._settings = settings
        self.provider = Provider(settings, clock)
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

    def enter(self, pending: Pending, redirect_uri: str, answer: dict[str, str], address: str) -> Session:
        """A new session for whom the company's provider lets in.

        Raises NotSignedIn where its answer proves nothing, or there is no account for it; UsageError,
        Unavailable.
        """
        try:
            entrant = self.provider.finish(pending, redirect_uri, answer)
            session = self.sessions.open(self._account_of(entrant))
        except LeadflowError as error:
            log.warning("sign-in failed", by="provider", address=address, why=error.what)
            raise
        log.info("signed in", account=session.account.name, by="provider", address=address)
        return session

    def _account_of(self, entrant: Entrant) -> Account:
        create = self._settings.oidc_create
        roles = None
        if entrant.roles is not None:
            roles = [role for role in entrant.roles if role in ACCOUNT_ROLES]
        if roles == []:
            raise NotSignedIn("the company's provider gives no role of LeadFlow")
        account = self.accounts.find(entrant.name)
        if account is None:
            if create is None:
                raise NotSignedIn("nobody has an account of that name here", do="A manager can make one.")
            account = self._made(entrant, roles or [create])
        if not account.enabled:
            raise NotSignedIn("the account is disabled", do="A manager can enable it.")
        try:
            self.accounts.link(account.name, entrant.subject)
        except Conflict as error:
            do = "A manager can have it forgotten: leadflow user unlink."
            raise NotSignedIn("the account belongs to somebody else at the provider", do=do) from error
        if roles is not None and set(roles) != set(account.roles):
            return self.accounts.change(account.name, roles=roles)
        return account

    def _made(self, entrant: Entrant, roles: list[str]) -> Account:
        shown = "".join(filter(str.isprintable, entrant.display_name or ""))[:DISPLAY_NAME_LENGTH_MAX]
        try:
            return self.accounts.add(entrant.name, roles, password=None, display_name=shown, by="system/oidc")
        except UsageError as error:
            raise NotSignedIn("the name at the company's provider cannot be an account's") from error

    def sign_out(self, session: Session) -> None:
        """End a session."""
        self.sessions.close(session.cookie)
        log.info("signed out", account=session.account.name)

    def _known(self, name: str) -> str:
        """A name for the log: of an account that there is. Else what was typed may be a password."""
        account = self.accounts.find(name)
        return account.name if account is not None else "unknown"
