"""Signing in and out: what is checked in which order, and what the log says of it (never a secret)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING

import structlog
from itsdangerous import BadData, URLSafeTimedSerializer

from leadflow.errors import Conflict, LeadflowError, NotSignedIn, TooOften, UsageError
from leadflow.identities.accounts import (
    ACCOUNT_ROLES,
    DISPLAY_NAME_LENGTH_MAX,
    Account,
    Accounts,
    Clock,
    utc_now,
)
from leadflow.identities.entrants import Entrant, Pending
from leadflow.identities.keys import SigningKey
from leadflow.identities.passwords import Passwords
from leadflow.identities.repeats import Repeats
from leadflow.identities.sessions import Session, Sessions
from leadflow.identities.throttle import Throttle
from leadflow.identities.tokens import Token, Tokens
from leadflow.postgres import Database
from leadflow.settings import Settings

if TYPE_CHECKING:
    from leadflow.identities.oidc import Provider

PENDING_S_MAX = 600
"""How long a sign-in may take at the company's provider."""

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
        self._clock = clock
        self.key = SigningKey(database, clock=clock)
        passwords = passwords or Passwords()
        self.accounts = Accounts(database, passwords, clock)
        self.repeats = Repeats(database, passwords, clock)
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

    def forget_old(self) -> None:
        """Keep nothing of sessions, failed sign-ins and keys of changes that count no more."""
        self.sessions.forget_ended()
        self.throttle.forget_old()
        self.repeats.forget_old()

    @cached_property
    def provider(self) -> Provider:
        """The company's OpenID Connect provider, if the settings name one."""
        # What asks it takes a while to import, and commands have no use for it.
        from leadflow.identities.oidc import Provider

        return Provider(self._settings, self._clock)

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

        Raises NotSignedIn where its answer proves nothing, or there is no account for it; NotFound,
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

    def sealed(self, pending: Pending) -> str:
        """A sign-in that goes to the provider, signed, for the browser to keep."""
        return self._seal().dumps(asdict(pending))

    def unsealed(self, text: str | None) -> Pending:
        """What the browser kept. Raises NotSignedIn where it is not ours, or too old."""
        try:
            return Pending(**self._seal().loads(text or "", max_age=PENDING_S_MAX))
        except (BadData, UnicodeEncodeError) as error:
            do = "Begin anew at GET /v1/session/oidc."
            raise NotSignedIn("no sign-in was begun here, or it was too long ago", do=do) from error

    def _seal(self) -> URLSafeTimedSerializer:
        return URLSafeTimedSerializer(
            self.key.key, salt="leadflow.oidc", signer_kwargs={"digest_method": hashlib.sha256}
        )

    # --- changes that the log tells of ----------------------------------------------------------

    def add(
        self, name: str, roles: Sequence[str], *, password: str | None, display_name: str | None, by: str
    ) -> Account:
        """Make an account. Raises as `Accounts.add` does."""
        account = self.accounts.add(name, roles, password=password, display_name=display_name, by=by)
        log.info("account made", account=account.name, roles=account.roles, by=by)
        return account

    def change(
        self,
        name: str,
        *,
        by: str,
        roles: Sequence[str] | None = None,
        display_name: str | None = None,
        disabled: bool | None = None,
        password: str | None = None,
    ) -> Account:
        """Change an account. Raises as `Accounts.change` does."""
        account = self.accounts.change(
            name, roles=roles, display_name=display_name, disabled=disabled, password=password
        )
        log.info(
            "account changed",
            account=account.name,
            roles=account.roles,
            disabled=not account.enabled,
            new_password=password is not None,
            by=by,
        )
        return account

    def create_token(
        self, *, name: str, actor: str, scopes: Sequence[str], lasts: timedelta, by: str
    ) -> tuple[Token, str]:
        """Make a token. Raises as `Tokens.create` does."""
        token, text = self.tokens.create(name=name, actor=actor, scopes=scopes, lasts=lasts, by=by)
        log.info("token made", token=token.name, actor=token.actor, scopes=token.scopes, by=by)
        return token, text

    def revoke_token(self, reference: str, *, by: str) -> Token:
        """End a token. Raises as `Tokens.revoke` does."""
        token = self.tokens.revoke(reference, by=by)
        log.info("token revoked", token=token.name, actor=token.actor, by=by)
        return token

    def sign_out(self, session: Session) -> None:
        """End a session."""
        self.sessions.close(session.cookie)
        log.info("signed out", account=session.account.name)

    def _known(self, name: str) -> str:
        """A name for the log: of an account that there is. Else what was typed may be a password."""
        account = self.accounts.find(name)
        return account.name if account is not None else "unknown"
