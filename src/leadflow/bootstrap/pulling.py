"""Asks vendors on a schedule for leads that they did not push: a part of `leadflow up` and `leadflow api`.

Of all processes on one database, one at a time pulls for an inlet: it holds a lock in Postgres, and what was
pulled is written down before it lets go. A process that dies lets go as well, and another one goes on.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import structlog

from leadflow.errors import LeadflowError, NotFound
from leadflow.incoming.kept_inlets import KeptInlet
from leadflow.postgres import advisory_key

if TYPE_CHECKING:
    from consumers.operating import Operating
    from leadflow.bootstrap.reception import Reception, Submit
    from leadflow.bootstrap.serving import Service

LOOK_S = 5.0
"""How often it is looked whether a pull is due."""

log_ = structlog.get_logger(__name__)


class Pulling:
    """Pulls what is due. For one thread; several processes may have one."""

    def __init__(
        self,
        reception: Reception,
        submit: Submit,
        operating: Operating,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`submit` has requests decided, `now` is the time that pulls are due at. Asks nobody yet."""
        self._reception = reception
        self._inlets = reception.app.inlets
        self._database = reception.app.database
        self._submit = submit
        self._operating = operating
        self._now = now
        self._wrong: dict[str, str] = {}
        self.stopping = threading.Event()

    def run(self) -> None:
        """Pull until told to stop. What is away is waited for."""
        told = ""
        while not self.stopping.is_set():
            try:
                self.step()
                told = ""
            except Exception as error:
                # A vendor's trouble is written down with its inlet; this is ours, the database's mostly.
                known = isinstance(error, LeadflowError)
                what = str(error) if known else f"a bug: {type(error).__name__}"
                if what != told:
                    log_.error("vendors are not asked", problem=what, exc_info=not known)
                told = what
            self.stopping.wait(LOOK_S)

    def step(self) -> list[str]:
        """Pull for every inlet that is due and that no other process pulls for; gives their ids.

        Raises Unavailable if the database is away.
        """
        rows = self._inlets.list()
        self._tell_wrong(rows)
        asked = [row for row in rows if row.pull_every is not None]
        now = self._now()
        waits = ((now - (row.pulls.until or row.created_at)).total_seconds() for row in asked)
        self._operating.pulls(max(waits, default=0.0))
        due = [row for row in asked if row.pulls.due(now)]
        return [row.setup.id for row in due if not self.stopping.is_set() and self._alone(row.setup.id)]

    def _tell_wrong(self, rows: Sequence[KeptInlet]) -> None:
        """One line for each inlet that takes nothing as it is set up, and one when it does again."""
        wrong = {row.setup.id: row.wrong for row in rows if row.wrong is not None}
        for inlet, problem in wrong.items():
            if self._wrong.get(inlet) != problem:
                do = f"leadflow inlet change {inlet}"
                log_.error("an inlet takes nothing", inlet=inlet, problem=problem, do=do)
        for inlet in self._wrong.keys() - wrong.keys():
            log_.warning("an inlet is no longer wrong", inlet=inlet)
        self._wrong = wrong

    def _alone(self, inlet: str) -> bool:
        """Pull for one inlet, unless another process does or just did."""
        key = advisory_key("pull", inlet)
        with self._database.connection(apart=True) as connection:
            if connection.execute("SELECT pg_try_advisory_lock(%s)", (key,)).fetchone() != (True,):
                return False
            try:
                return self._pull(inlet)
            finally:
                if not connection.closed:
                    connection.execute("SELECT pg_advisory_unlock(%s)", (key,))

    def _pull(self, inlet: str) -> bool:
        now = self._now()
        try:
            row = self._inlets.get(inlet)
        except NotFound:
            return False
        every = row.pull_every
        # Another process may have pulled between the look and the lock.
        if every is None or not row.pulls.due(now):
            return False
        counts: Counter[str] = Counter()
        try:
            if not self._taken(row, now, counts):
                # The process ends; the next one begins where this one did.
                return False
        except Exception as error:
            known = isinstance(error, LeadflowError)
            what = error.what if isinstance(error, LeadflowError) else f"a bug: {type(error).__name__}"
            after = row.pulls.failed(now, every, what)
            self._inlets.pulled(inlet, after)
            self._operating.pulled("failed", counts)
            again = str(after.due_at)
            log_.warning("a pull failed", inlet=inlet, problem=what, again_at=again, exc_info=not known)
            return True
        self._inlets.pulled(inlet, row.pulls.succeeded(now, every))
        self._operating.pulled("done", counts)
        return True

    def _taken(self, row: KeptInlet, now: datetime, counts: Counter[str]) -> bool:
        """Whether everything was taken in; not, if the process is to end before."""
        first, last = row.pulls.window(now)
        missed = row.pulls.missed(now)
        if missed is not None:
            do = f"leadflow inlet reconcile {row.setup.id} --from {missed[0]} --to {missed[1]}"
            log_.warning("days were missed", inlet=row.setup.id, do=do)
        for done in self._reception.reconcile(row, first, last, self._submit):
            counts[done.result.answer if done.result else "kept"] += 1
            if self.stopping.is_set():
                return False
        log_.info("pulled", inlet=row.setup.id, first=str(first), last=str(last), **counts)
        return True


@contextmanager
def pulling(service: Service, operating: Operating) -> Iterator[None]:
    """Ask vendors on their schedules until the block ends."""
    from leadflow.bootstrap.reception import Reception

    # Its own reception: what it asks vendors does not wait for what others ask, and ends with it.
    reception = Reception(service.app)
    found = Pulling(reception, service.submit, operating)
    thread = threading.Thread(target=found.run, name="pulling")
    thread.start()
    try:
        yield
    finally:
        found.stopping.set()
        thread.join()
        reception.vendors.close()
