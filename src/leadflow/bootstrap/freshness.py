"""Reading what one wrote: how far the read models must be for those who ask here."""

from __future__ import annotations

import time
from collections.abc import Callable

from leadflow.engine import Outcome
from leadflow.postgres import Database
from projections.queries import head_of

FRESH_WAIT_S = 2.0
"""How long a reader waits for the read models to have what was written before."""
STALE_WAIT_S = 0.05
"""The same once they were found late, until they are there again."""
FRESH_STEP_S = 0.01


class Freshness:
    """How far the read models must be, so that whoever wrote here reads what it wrote."""

    def __init__(self, database: Database, hurry: Callable[[], None] | None = None) -> None:
        """`hurry` asks whoever brings the read models along not to rest."""
        self._database = database
        self._hurry = hurry
        self._written: dict[str, int] = {}
        self._reached: dict[str, int] = {}
        self._looked: dict[str, float] = {}
        """By pool, when it was last looked how far they are: many may wait at one time."""
        self._late = False

    def wrote(self, outcome: Outcome) -> None:
        """Facts of this outcome stand in the log."""
        for event in (outcome.events[0], outcome.events[-1]) if outcome.events else ():
            if event.sequence > self._written.get(event.pool, 0):
                self._written[event.pool] = event.sequence

    def wait(self, pool: str) -> bool:
        """Wait until the read models have what was written to this pool here; says whether they do."""
        wanted = self._written.get(pool, 0)
        if wanted <= self._reached.get(pool, 0):
            return True
        until = time.monotonic() + (STALE_WAIT_S if self._late else FRESH_WAIT_S)
        while True:
            if self._hurry is not None:
                self._hurry()
            self._look(pool)
            if wanted <= self._reached.get(pool, 0):
                self._late = False
                return True
            if time.monotonic() > until:
                self._late = True
                return False
            time.sleep(FRESH_STEP_S)

    def _look(self, pool: str) -> None:
        now = time.monotonic()
        if now - self._looked.get(pool, 0.0) >= FRESH_STEP_S / 2:
            self._looked[pool] = now
            self._reached[pool] = head_of(self._database, pool)

    def wait_for_all(self) -> bool:
        """The same for every pool that was written to."""
        found = [self.wait(pool) for pool in list(self._written)]
        return all(found)
