"""The notifier: looks through the log for facts that somebody is to be told of, and sees that they are told.

It follows the read model of pools, never ahead of it, with a position of its own for each partition. What a
fact calls for goes into the ledger in the transaction that moves the position, so several notifiers, a
restart, a replay or a rebuild make nothing twice. `consumers.delivering` sends what the ledger has.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, wait
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog

from consumers.delivering import Courier, Delivering
from consumers.operating import Operating
from leadflow.domain.events import Event
from leadflow.errors import LeadflowError
from leadflow.log.envelope import decode
from leadflow.log.reading import Log
from leadflow.notifications.contents import content_of
from leadflow.notifications.kinds import FACTS, Addressed, addressed
from leadflow.notifications.ledger import Ledger, Made
from leadflow.notifications.rights import Rights, matches
from leadflow.notifications.subscriptions import Subscription, Subscriptions
from leadflow.postgres import Database
from leadflow.views.leads import Views
from projections import pools, registry
from projections.lead_queries import leads_named

POSITIONS_MAX = 5_000
"""Positions of the log that one transaction looks through."""
PAUSE_S = 0.5
"""How often to look for what is new, or due."""
RETRY_S = 2.0
REACH_S = 10.0
"""How often to see whether the log is there."""
TRIM_EVERY = timedelta(hours=1)
LEAD_PATH = "/v1/pools/{pool}/leads/{lead}"
"""Where a lead is shown, below the public URL: to whoever signed in, and to programs with a token."""

log_ = structlog.get_logger(__name__)


class Notifier:
    """Tells people of facts, by one log and one database. For one thread; several processes may have one."""

    def __init__(
        self,
        log: Log,
        database: Database,
        courier: Courier,
        operating: Operating | None = None,
        *,
        public_url: str | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        chance: random.Random | None = None,
        reach: Callable[[], None] | None = None,
    ) -> None:
        """`now` is the time that attempts are due at, `chance` makes pauses a little longer or shorter.
        `reach` raises LeadflowError soon where the log cannot be reached.

        Opens nothing.
        """
        self._reach = reach
        self._reached: float | None = None
        self._log = log
        self._database = database
        self._views = Views(database)
        self._subscriptions = Subscriptions(database)
        self._operating = operating or Operating("notifier")
        self._public_url = public_url
        self._now = now
        self.ledger = Ledger(database)
        self.delivering = Delivering(
            self.ledger, self._subscriptions, self._views, courier, self._operating, now, chance
        )
        self._identity = ""
        self._waiting = True
        """Something may wait in the ledger."""
        self._trimmed: datetime | None = None
        self._stop = threading.Event()

    # --- the process ----------------------------------------------------------------------------

    def stop(self) -> None:
        """End soon; may be called from a signal handler."""
        self._stop.set()

    def run(self) -> None:
        """Tell until told to stop. What is away is waited for."""
        self._operating.holds(())
        while not self._stop.is_set():
            try:
                moved = self.step()
                if self._operating.works("notifier"):
                    log_.warning("notifications are sent again")
                self._operating.stepped()
                if not moved:
                    self.rest(PAUSE_S)
            except LeadflowError as problem:
                if self._operating.fails("notifier", str(problem)):
                    log_.warning("notifications have to wait until it works", problem=str(problem))
                self._stop.wait(RETRY_S)
        self.close()
        self._operating.stopping()

    def rest(self, pause_s: float) -> None:
        """Wait until an attempt has ended, or for so long."""
        under_way = self.delivering.under_way
        if under_way:
            wait(under_way, pause_s, FIRST_COMPLETED)
        else:
            self._stop.wait(pause_s)

    def close(self) -> None:
        """Begin nothing more; what is under way is finished and written down."""
        self._stop.set()
        try:
            self.delivering.close()
        except LeadflowError as error:
            # What was sent and not written down will be sent again, with the same webhook-id.
            log_.error("what became of the last notifications was not written down", problem=str(error))

    def step(self) -> bool:
        """Write down what was sent, begin what is due, look for what is new. Says whether anything was.

        Raises LeadflowError for what is away; whatever was sent is then written down at the next step.
        """
        self.ledger.prepare()
        moved = self.delivering.step(begin=self._waiting)
        moved = self.look() or moved
        self._see_to_the_log()
        now = self._now()
        if self._trimmed is None or now - self._trimmed >= TRIM_EVERY:
            self._trimmed = now
            self.ledger.trim(now)
        standing = self.ledger.standing()
        # What others have put there, by a replay for one, is sent at once.
        moved |= standing.waiting > 0 and not self._waiting
        self._waiting = standing.waiting > 0
        age = (now - standing.oldest).total_seconds() if standing.oldest else 0.0
        self._operating.notifications(standing.waiting, standing.parked, age)
        return moved

    def _see_to_the_log(self) -> None:
        """Tell whether the log is there. As long as the read models stand still, nothing else asks for it;
        and what waits in the ledger is sent without it."""
        if self._reach is None:
            return
        if self._reached is not None and time.monotonic() - self._reached < REACH_S:
            return
        try:
            self._reach()
        except LeadflowError as problem:
            if self._operating.fails("log", str(problem)):
                log_.warning("what is new cannot be looked for until the log is back", problem=str(problem))
        else:
            if self._operating.works("log"):
                log_.warning("the log is back")
        self._reached = time.monotonic()

    # --- from the log ---------------------------------------------------------------------------

    def look(self) -> bool:
        """Take what is new in the log into the ledger; says whether there was anything.

        Raises LeadflowError.
        """
        if not self._identity:
            registry.prepare(self._database)
            identity = self._log.identity()
            self.ledger.begin(identity, self._log.ends())
            self._identity = identity
        # How far to look comes first: a subscription that is made meanwhile begins after that.
        reached = registry.live_positions(self._database).get(pools.PROJECTION.name, {})
        positions = self.ledger.positions(self._identity)
        if missing := {at: 0 for at in reached if at not in positions}:
            # A partition that came later is new from its beginning.
            self.ledger.begin(self._identity, missing)
            positions |= missing
        subscriptions = self._subscriptions.list()
        moved = False
        for partition, upto in sorted(reached.items()):
            if positions[partition] < upto:
                moved |= self._look_through(partition, positions[partition], upto, subscriptions)
        return moved

    def _look_through(
        self, partition: int, position: int, upto: int, subscriptions: Sequence[Subscription]
    ) -> bool:
        rights = Rights(self._views)
        while position < upto and not self._stop.is_set():
            # Read models hold whole decisions, so these facts are all committed, wherever this ends.
            end = min(upto, position + POSITIONS_MAX) if subscriptions else upto
            made = list(self._made(partition, position, end, subscriptions, rights)) if subscriptions else []
            if not self.ledger.take(self._identity, partition, (position, end), made, self._now()):
                # Another process is at it; where it has come to is seen at the next look.
                return False
            position = end
        return True

    def _made(
        self, partition: int, gt: int, upto: int, subscriptions: Sequence[Subscription], rights: Rights
    ) -> Iterator[Made]:
        """What the facts after a position, up to another, call for."""
        for position, _, document in self._log.read_documents(partition, gt, FACTS):
            if position > upto:
                return
            event = decode(document)
            told = addressed(event.data)
            if told is None:
                continue
            role = rights.role(event.pool, told.member) if told.member is not None else None
            wanted = [
                one
                for one in subscriptions
                if one.pool == event.pool
                and one.wants(self._identity, partition, position)
                and matches(one, told.kind, told.member, role)
                and rights.why_not(one, told.kind, told.member, owns=True) is None
            ]
            if wanted:
                content = self._content(event, told, rights)
                for one in wanted:
                    yield Made(
                        event.id, one.id, position, event.pool, event.subject, told.kind, told.member, content
                    )

    def _content(self, event: Event, told: Addressed, rights: Rights) -> str:
        view = rights.pool(event.pool)
        rows = leads_named(self._database, [event.pool], event.subject)
        lead: dict[str, Any] | None = next((row for row in rows if row["lead"] == event.subject), None)
        link = None
        if self._public_url:
            link = self._public_url.rstrip("/") + LEAD_PATH.format(pool=event.pool, lead=event.subject)
        return content_of(event, told, view.local if view else lambda moment: moment, lead, link)
