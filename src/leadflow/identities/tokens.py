"""API tokens: for adapters and programs, with scopes and an end; shown once, kept hashed.

A token is `lf_<id>_<secret>`: the id is public and stands in lists, the secret is 256 random bits, of
which only the SHA-256 is kept. (A slow hash is for what people can remember.)
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from psycopg.rows import dict_row
from pydantic import TypeAdapter, ValidationError

from leadflow.domain.values import ActorName, Name, id_of, role_of
from leadflow.errors import AlreadyThere, NotFound, NotSignedIn, UsageError
from leadflow.identities.accounts import ACCOUNT_ROLES, Clock, refuse_local, utc_now
from leadflow.identities.caller import SCOPES, Caller
from leadflow.identities.tables import Prepared
from leadflow.postgres import Database

PREFIX = "lf"
ID_BYTES = 6
SECRET_BYTES = 32
TOKEN_LENGTH_MAX = 200
LIFE_MAX = timedelta(days=1830)
TOKEN_ROLES = (*ACCOUNT_ROLES, "adapter")
USED_EVERY = timedelta(minutes=10)
"""How exact the moment of the last use is: each use would be a write else."""

_COLUMNS = (
    b"t.id, t.name, t.actor, t.scopes, t.created_at, t.created_by, t.expires_at, t.last_used_at,"
    b" t.revoked_at, t.revoked_by"
)
_ACTOR: TypeAdapter[str] = TypeAdapter(ActorName)
_NAME: TypeAdapter[str] = TypeAdapter(Name)


@dataclass(frozen=True)
class Token:
    """An API token, without its secret."""

    id: str
    name: str
    actor: str
    scopes: list[str]
    created_at: datetime
    created_by: str
    expires_at: datetime
    last_used_at: datetime | None
    """To within ten minutes."""
    revoked_at: datetime | None
    revoked_by: str | None

    def state(self, now: datetime) -> str:
        """`valid`, `expired` or `revoked`."""
        if self.revoked_at is not None:
            return "revoked"
        return "valid" if now < self.expires_at else "expired"


class Tokens:
    """The table of tokens."""

    def __init__(self, database: Database, clock: Clock = utc_now) -> None:
        self._prepared = Prepared(database)
        self._clock = clock

    def create(
        self, *, name: str, actor: str, scopes: Sequence[str], lasts: timedelta, by: str
    ) -> tuple[Token, str]:
        """Make a token; gives it with its text, which is nowhere kept.

        Raises UsageError for what cannot be, AlreadyThere where a token that was not revoked has the name.
        """
        named, who, wanted = _checked_name(name), _checked_actor(actor), _checked_scopes(scopes)
        if not timedelta() < lasts <= LIFE_MAX:
            raise UsageError(
                f"a token lasts for some time, {LIFE_MAX.days} days at most", do="Give e.g. 90d."
            )
        identity, secret = secrets.token_hex(ID_BYTES), secrets.token_urlsafe(SECRET_BYTES)
        now = self._clock()
        with self._prepared.database.connection() as connection:
            made = connection.execute(
                b"INSERT INTO records.tokens"
                b" (id, name, actor, scopes, secret_hash, created_at, created_by, expires_at)"
                b" VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
                (identity, named, who, wanted, _hashed(secret), now, by, now + lasts),
            )
        if made.rowcount == 0:
            do = "Choose another name, or revoke that one first."
            raise AlreadyThere(f"there is a token {named} already", do=do)
        return self.get(identity), f"{PREFIX}_{identity}_{secret}"

    def all(self) -> list[Token]:
        """Every token, the newest first."""
        return [_token(row) for row in self._select(b" ORDER BY t.created_at DESC, t.id", ())]

    def get(self, reference: str) -> Token:
        """A token by its id, or one that was not revoked by its name. Raises NotFound."""
        condition = b" WHERE t.id = %(it)s OR (t.name = %(it)s AND t.revoked_at IS NULL)"
        rows = self._select(condition, {"it": reference}) if reference.isprintable() else []
        if not rows:
            raise NotFound("there is no such token", do="See `leadflow token list`.")
        return _token(next((row for row in rows if row["id"] == reference), rows[0]))

    def revoke(self, reference: str, *, by: str) -> Token:
        """End a token at once; one that was revoked stays as it is. Raises NotFound."""
        token = self.get(reference)
        with self._prepared.database.connection() as connection:
            connection.execute(
                "UPDATE records.tokens SET revoked_at = %s, revoked_by = %s"
                " WHERE id = %s AND revoked_at IS NULL",
                (self._clock(), by, token.id),
            )
        return self.get(token.id)

    def caller(self, text: str) -> Caller:
        """Who calls with this token. Raises NotSignedIn where it is none that holds now.

        A token of a person that has an account holds as long as the account is enabled and has the role.
        """
        identity, secret = _parts(text)
        rows = self._select(b" WHERE t.id = %s", (identity,)) if identity else []
        kept = rows[0]["secret_hash"] if rows else "0" * 64
        if not hmac.compare_digest(_hashed(secret), kept) or not rows:
            raise NotSignedIn("this is no token of ours", do="Make one with `leadflow token create`.")
        row, now = rows[0], self._clock()
        token = _token(row)
        if token.state(now) != "valid":
            do = "Make another one with `leadflow token create`."
            raise NotSignedIn(f"the token {token.name} is {token.state(now)}", do=do)
        if row["account"] is not None and _lost(row):
            raise NotSignedIn(f"the token {token.name} is for {token.actor}, whose account does not hold")
        if token.last_used_at is None or now - token.last_used_at >= USED_EVERY:
            with self._prepared.database.connection() as connection:
                connection.execute(
                    "UPDATE records.tokens SET last_used_at = %s WHERE id = %s", (now, token.id)
                )
        return Caller(token.actor, frozenset(token.scopes), "token", token.name)

    def _select(self, condition: bytes, values: Any) -> list[dict[str, Any]]:
        query = (
            b"SELECT " + _COLUMNS + b", t.secret_hash, a.name AS account, a.roles, a.disabled_at"
            b" FROM records.tokens t LEFT JOIN records.accounts a ON a.name = split_part(t.actor, '/', 2)"
        )
        with (
            self._prepared.database.connection() as connection,
            connection.cursor(row_factory=dict_row) as cursor,
        ):
            return cursor.execute(query + condition, values).fetchall()


def _token(row: dict[str, Any]) -> Token:
    return Token(**{name: row[name] for name in Token.__dataclass_fields__})


def _lost(row: dict[str, Any]) -> bool:
    role = role_of(row["actor"])
    return role in ACCOUNT_ROLES and (row["disabled_at"] is not None or role not in row["roles"])


def _hashed(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def _parts(text: str) -> tuple[str, str]:
    """Id and secret of a token's text; both empty where it is none."""
    parts = text.split("_", 2) if len(text) <= TOKEN_LENGTH_MAX and text.isascii() else []
    if len(parts) != 3 or parts[0] != PREFIX or not parts[1].isalnum():
        return "", ""
    return parts[1], parts[2]


def _checked_name(name: str) -> str:
    try:
        checked = _NAME.validate_python(name)
    except ValidationError as error:
        do = "Give 1 to 64 characters without blanks, slashes and colons."
        raise UsageError("a token cannot be named so", do=do) from error
    if not checked.isprintable():
        raise UsageError("a token cannot be named so: a character cannot be printed")
    return checked


def _checked_actor(actor: str) -> str:
    try:
        checked = _ACTOR.validate_python(actor)
    except ValidationError as error:
        raise UsageError("this is no actor", do="Write it as ROLE/ID, e.g. adapter/website.") from error
    if role_of(checked) not in TOKEN_ROLES or not checked.isprintable():
        raise UsageError("no token can act so", do=f"Roles are {', '.join(TOKEN_ROLES)}.")
    refuse_local(id_of(checked))
    return checked


def _checked_scopes(scopes: Sequence[str]) -> list[str]:
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown or not scopes:
        what = "that is no scope" if unknown else "a token needs a scope"
        raise UsageError(what, do=f"Scopes are {', '.join(SCOPES)}.")
    return [scope for scope in SCOPES if scope in scopes]
