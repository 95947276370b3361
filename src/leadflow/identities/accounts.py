"""Accounts of people: a name that is a member's id, roles, and a password or a company's provider."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from psycopg.rows import class_row
from pydantic import TypeAdapter, ValidationError

from leadflow.domain.access import LOCAL
from leadflow.domain.values import Name
from leadflow.errors import AlreadyThere, Conflict, NotFound, NotPermitted, UsageError
from leadflow.identities.passwords import Passwords, refuse_weak
from leadflow.identities.tables import Prepared
from leadflow.postgres import Connection, Database

ACCOUNT_ROLES = ("rep", "manager", "marketing", "support", "analyst", "auditor")
"""What a person may be. Adapters are programs and have tokens; the system has neither."""
DISPLAY_NAME_LENGTH_MAX = 200

Clock = Callable[[], datetime]
_COLUMNS = b"name, display_name, roles, created_at, created_by, password_set_at, oidc_subject, disabled_at"
_NAME: TypeAdapter[str] = TypeAdapter(Name)


def utc_now() -> datetime:
    """The present moment."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Account:
    """A person who may sign in."""

    name: str
    """The member's id, the same in every pool."""
    display_name: str | None
    roles: list[str]
    """What the person may act as; the first one where nothing else is said."""
    created_at: datetime
    created_by: str
    password_set_at: datetime | None
    """None for an account without a password: it comes in through the company's provider."""
    oidc_subject: str | None
    """Who this is at the company's provider, kept at the first sign-in from there."""
    disabled_at: datetime | None

    @property
    def enabled(self) -> bool:
        """Whether it may sign in."""
        return self.disabled_at is None

    def acting(self, role: str | None = None) -> str:
        """The actor as which the account acts: in its first role, or in this one. Raises NotPermitted."""
        if role is not None and role not in self.roles:
            raise NotPermitted(
                f"{self.name} is no {_printable(role)}", do=f"It may act as {', '.join(self.roles)}."
            )
        return f"{role or self.roles[0]}/{self.name}"


class Accounts:
    """The table of accounts."""

    def __init__(self, database: Database, passwords: Passwords, clock: Clock = utc_now) -> None:
        self._prepared = Prepared(database)
        self._passwords = passwords
        self._clock = clock

    def add(
        self,
        name: str,
        roles: Sequence[str],
        *,
        password: str | None,
        display_name: str | None = None,
        by: str,
    ) -> Account:
        """Make an account; without a password it can come in through the company's provider only.

        Raises UsageError for a name, role or password that cannot be, AlreadyThere.
        """
        checked = checked_name(name)
        wanted = checked_roles(roles)
        shown = _checked_display_name(display_name)
        now = self._clock()
        kept = self._kept(password, checked)
        with self._prepared.database.transaction() as connection:
            made = connection.execute(
                b"INSERT INTO records.accounts"
                b" (name, display_name, roles, password_hash, password_set_at, created_at, created_by)"
                b" VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
                (checked, shown, wanted, kept, now if kept else None, now, by),
            )
            if made.rowcount == 0:
                raise AlreadyThere(f"there is an account {checked} already", do="See `leadflow user list`.")
        return self.get(checked)

    def all(self) -> list[Account]:
        """Every account, by name."""
        return self._select(b" ORDER BY name", ())

    def get(self, name: str) -> Account:
        """One account. Raises NotFound."""
        found = self.find(name)
        if found is None:
            raise NotFound(f"there is no account {_printable(name)!r}", do="See `leadflow user list`.")
        return found

    def find(self, name: str) -> Account | None:
        """The account of this name, if there is one."""
        rows = self._select(b" WHERE name = %s", (name,)) if storable(name) else []
        return rows[0] if rows else None

    def change(
        self,
        name: str,
        *,
        roles: Sequence[str] | None = None,
        display_name: str | None = None,
        disabled: bool | None = None,
        password: str | None = None,
    ) -> Account:
        """Change what is given. A new password, or disabling, ends every session of the account.

        Raises NotFound, and UsageError as `add` does.
        """
        now, changes = self._clock(), dict[str, Any]()
        if roles is not None:
            changes["roles"] = checked_roles(roles)
        if display_name is not None:
            changes["display_name"] = _checked_display_name(display_name)
        if disabled is not None:
            changes["disabled_at"] = now if disabled else None
        self.get(name)
        if password is not None:
            changes |= {"password_hash": self._kept(password, name), "password_set_at": now}
        with self._prepared.database.transaction() as connection:
            for column, value in changes.items():
                connection.execute(_SET[column], (value, name))
            if disabled or password is not None:
                end_sessions(connection, name)
        return self.get(name)

    def check(self, name: str, password: str) -> Account | None:
        """The account, if it may sign in and this is its password; a wrong name takes as long as a wrong one.

        Keeps the password anew where the way of hashing has changed. Raises Unavailable.
        """
        found = self._with_hash(name)
        account, kept = found if found is not None else (None, None)
        right, renewed = self._passwords.check(password, kept)
        if account is None or not right or not account.enabled:
            return None
        if renewed is not None:
            with self._prepared.database.connection() as connection:
                connection.execute(
                    "UPDATE records.accounts SET password_hash = %s WHERE name = %s AND password_hash = %s",
                    (renewed, name, kept),
                )
        return account

    def link(self, name: str, subject: str | None) -> None:
        """Keep who the account is at the company's provider; None forgets it. Raises NotFound, Conflict."""
        with self._prepared.database.connection() as connection:
            query = (
                "UPDATE records.accounts SET oidc_subject = %(subject)s WHERE name = %(name)s"
                " AND (oidc_subject IS NULL OR %(subject)s::text IS NULL OR oidc_subject = %(subject)s)"
            )
            if connection.execute(query, {"subject": subject, "name": name}).rowcount == 0:
                self.get(name)
                raise Conflict(f"{name} is somebody else at the company's provider already")

    def _kept(self, password: str | None, name: str) -> str | None:
        if password is None:
            return None
        refuse_weak(password, name)
        return self._passwords.hashed(password)

    def _with_hash(self, name: str) -> tuple[Account, str | None] | None:
        if not storable(name):
            return None
        query = b"SELECT " + _COLUMNS + b", password_hash FROM records.accounts WHERE name = %s"
        with self._prepared.database.connection() as connection:
            row = connection.execute(query, (name,)).fetchone()
        return (Account(*row[:-1]), row[-1]) if row is not None else None

    def _select(self, condition: bytes, values: Sequence[object]) -> list[Account]:
        with (
            self._prepared.database.connection() as connection,
            connection.cursor(row_factory=class_row(Account)) as cursor,
        ):
            query = b"SELECT " + _COLUMNS + b" FROM records.accounts" + condition
            return cursor.execute(query, values).fetchall()


_SET = {
    "roles": "UPDATE records.accounts SET roles = %s WHERE name = %s",
    "display_name": "UPDATE records.accounts SET display_name = %s WHERE name = %s",
    "disabled_at": "UPDATE records.accounts SET disabled_at = %s WHERE name = %s",
    "password_hash": "UPDATE records.accounts SET password_hash = %s WHERE name = %s",
    "password_set_at": "UPDATE records.accounts SET password_set_at = %s WHERE name = %s",
}


def end_sessions(connection: Connection, account: str) -> None:
    """End every session of an account."""
    connection.execute("DELETE FROM records.sessions WHERE account = %s", (account,))


def checked_name(name: str) -> str:
    """A name that an account may have. Raises UsageError."""
    try:
        checked = _NAME.validate_python(unicodedata.normalize("NFC", name))
    except ValidationError as error:
        do = "Give 1 to 64 characters without blanks, slashes and colons."
        raise UsageError(f"an account cannot be named {_printable(name)!r}", do=do) from error
    if not checked.isprintable():
        raise UsageError(f"an account cannot be named {_printable(name)!r}: a character cannot be printed")
    refuse_local(checked)
    return checked


def refuse_local(identity: str) -> None:
    """Raise UsageError for the id of whoever holds the data directory: it is trusted in every pool."""
    if identity.casefold() == LOCAL:
        raise UsageError(
            f"the name {LOCAL} is reserved for whoever holds the data directory", do="Take another name."
        )


def checked_roles(roles: Sequence[str]) -> list[str]:
    """Roles that an account may have, each once, in their order. Raises UsageError."""
    unknown = [role for role in roles if role not in ACCOUNT_ROLES]
    if unknown or not roles:
        what = f"{_printable(unknown[0])!r} is no role of a person" if unknown else "an account needs a role"
        raise UsageError(what, do=f"Roles are {', '.join(ACCOUNT_ROLES)}.")
    return list(dict.fromkeys(roles))


def _checked_display_name(given: str | None) -> str | None:
    text = (given or "").strip()
    if len(text) > DISPLAY_NAME_LENGTH_MAX or not text.isprintable():
        do = f"Give at most {DISPLAY_NAME_LENGTH_MAX} characters that can be printed."
        raise UsageError("this cannot be a person's name", do=do)
    return text or None


def storable(text: str) -> bool:
    """Whether Postgres takes a text: neither NUL nor half a surrogate pair."""
    return text.isprintable()


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "\ufffd" for c in text[:80])
