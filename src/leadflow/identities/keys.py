"""The key that cookies are signed with: made at its first use, the same for every process."""

from __future__ import annotations

import secrets

from leadflow.identities.accounts import Clock, utc_now
from leadflow.identities.tables import Prepared
from leadflow.postgres import Database

KEY_BYTES = 32


class SigningKey:
    """A secret key by its purpose. It is in no backup: after a restore, everybody signs in anew."""

    def __init__(self, database: Database, purpose: str = "cookies", clock: Clock = utc_now) -> None:
        self._prepared = Prepared(database)
        self._purpose = purpose
        self._clock = clock
        self._key: bytes | None = None

    @property
    def key(self) -> bytes:
        """The key. Raises Unavailable."""
        if self._key is None:
            with self._prepared.database.transaction() as connection:
                connection.execute(
                    "INSERT INTO records.signing_keys (purpose, key, made_at) VALUES (%s, %s, %s)"
                    " ON CONFLICT DO NOTHING",
                    (self._purpose, secrets.token_hex(KEY_BYTES), self._clock()),
                )
                row = connection.execute(
                    "SELECT key FROM records.signing_keys WHERE purpose = %s", (self._purpose,)
                ).fetchone()
            assert row is not None
            self._key = bytes.fromhex(row[0])
        return self._key
