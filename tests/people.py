"""People who sign in: a clock that tests move, and passwords that are quick to check."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from pwdlib.hashers.argon2 import Argon2Hasher

from leadflow.bootstrap.app import App
from leadflow.identities.passwords import Passwords
from leadflow.identities.signing_in import Identities
from leadflow.postgres import Database
from leadflow.settings import Settings

PASSWORD = "drei grüne Äpfel im Regen"
OTHER = "seven quiet boats at noon"
WEAK = Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1)
"""A hasher of which a test can afford thousands."""


class MovedClock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def move(self, **by: float) -> None:
        """Let so much time pass."""
        self.now += timedelta(**by)


def identities(
    database: Database, clock: MovedClock, hasher: Argon2Hasher = WEAK, **settings: Any
) -> Identities:
    """Accounts, tokens and sessions on a database."""
    return Identities(database, Settings(**settings), passwords=Passwords(hasher), clock=clock)


def quick_identities(app: App) -> Identities:
    """Those of an app, on the real clock, with passwords that are quick to check."""
    return Identities(app.database, app.settings, passwords=Passwords(WEAK))
