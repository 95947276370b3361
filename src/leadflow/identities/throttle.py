"""Signing in gets slower for who fails: per name and per source address, for all processes together.

The fifth failure in a row makes the sixth try wait, and each further one doubles the wait. A name is
counted before the password is looked at, so that a thousand tries at once are no better than one after
the other; its wait stays short, because anybody can make it wait. An address is counted by its failures.
"""

from __future__ import annotations

import hashlib
import ipaddress
import math
from collections.abc import Iterable
from datetime import datetime, timedelta

from leadflow.errors import TooOften
from leadflow.identities.accounts import Clock, utc_now
from leadflow.identities.tables import Prepared
from leadflow.postgres import Connection, Database

FREE_FAILURES = 5
FIRST_WAIT_S = 5
NAME_WAIT_S_MAX = 60
ADDRESS_WAIT_S_MAX = 900
FORGOTTEN_AFTER = timedelta(hours=1)
"""After so long without a failure the count begins anew."""
IPV6_PREFIX = 64
"""Bits: whoever has one IPv6 address has this whole network."""


def wait_s(failures: int, wait_s_max: int) -> int:
    """Seconds to wait after so many failures in a row."""
    if failures < FREE_FAILURES:
        return 0
    doublings = min(failures - FREE_FAILURES, 20)
    return int(min(FIRST_WAIT_S * 2**doublings, wait_s_max))


def name_key(name: str) -> str:
    """The key of a name. Hashed: people type their password there."""
    return "name:" + hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()


def address_key(address: str) -> str:
    """The key of a source address; of IPv6, its network."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return "from:unknown"
    if isinstance(known, ipaddress.IPv6Address):
        if known.ipv4_mapped is not None:
            return f"from:{known.ipv4_mapped}"
        return f"from:{ipaddress.ip_network((known, IPV6_PREFIX), strict=False)}"
    return f"from:{known}"


class Throttle:
    """The table of failures."""

    def __init__(self, database: Database, clock: Clock = utc_now) -> None:
        self._prepared = Prepared(database)
        self._clock = clock

    def forget_old(self) -> None:
        """Keep nothing of failures that count no more."""
        with self._prepared.database.connection() as connection:
            _forget_old(connection, self._clock())

    def begin(self, name: str, address: str) -> None:
        """Count a try of the name. Raises TooOften while the name or the address has to wait."""
        now, keys = self._clock(), (name_key(name), address_key(address))
        with self._prepared.database.transaction() as connection:
            _forget_old(connection, now)
            connection.execute(
                "INSERT INTO records.sign_in_failures (key, failures, failed_at, free_at)"
                " VALUES (%s, 0, %s, %s) ON CONFLICT DO NOTHING",
                (keys[0], now, now),
            )
            rows = connection.execute(
                "SELECT key, failures, free_at FROM records.sign_in_failures WHERE key = ANY(%s)"
                " ORDER BY key DESC FOR UPDATE",
                (list(keys),),
            ).fetchall()
            left_s = _left_s(now, (free_at for _, _, free_at in rows))
            if left_s:
                raise TooOften(
                    "there were too many tries to sign in",
                    retry_after_s=left_s,
                    do=f"Try again in {left_s} seconds.",
                )
            failures = next(count for key, count, _ in rows if key == keys[0]) + 1
            free_at = now + timedelta(seconds=wait_s(failures, NAME_WAIT_S_MAX))
            connection.execute(
                "UPDATE records.sign_in_failures SET failures = %s, failed_at = %s, free_at = %s"
                " WHERE key = %s",
                (failures, now, free_at, keys[0]),
            )

    def failed(self, address: str) -> None:
        """Count a failure of the address."""
        now, key = self._clock(), address_key(address)
        with self._prepared.database.transaction() as connection:
            row = connection.execute(
                "INSERT INTO records.sign_in_failures AS f (key, failures, failed_at, free_at)"
                " VALUES (%s, 1, %s, %s) ON CONFLICT (key) DO UPDATE"
                " SET failures = f.failures + 1, failed_at = excluded.failed_at RETURNING failures",
                (key, now, now),
            ).fetchone()
            assert row is not None
            connection.execute(
                "UPDATE records.sign_in_failures SET free_at = %s WHERE key = %s",
                (now + timedelta(seconds=wait_s(row[0], ADDRESS_WAIT_S_MAX)), key),
            )

    def succeeded(self, name: str) -> None:
        """Forget the failures of a name. Those of the address stay: one right one buys no more guesses."""
        with self._prepared.database.connection() as connection:
            connection.execute("DELETE FROM records.sign_in_failures WHERE key = %s", (name_key(name),))


def _left_s(now: datetime, free: Iterable[datetime]) -> int:
    return math.ceil(max(((moment - now).total_seconds() for moment in free if moment > now), default=0))


def _forget_old(connection: Connection, now: datetime) -> None:
    connection.execute(
        "DELETE FROM records.sign_in_failures WHERE failed_at < %s AND free_at < %s",
        (now - FORGOTTEN_AFTER, now),
    )
