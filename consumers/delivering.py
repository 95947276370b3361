"""Sending what the ledger has: a few attempts at a time, one of each subscription, each leased beforehand.

All that is written down is written by the one thread that calls `step`; attempts have threads of their own.
"""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable, Collection
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from datetime import datetime

import structlog

from consumers.operating import Operating
from leadflow.notifications.attempts import Answer
from leadflow.notifications.contents import mail_of
from leadflow.notifications.ledger import Ledger, Notification
from leadflow.notifications.mails import Mails
from leadflow.notifications.rights import Rights
from leadflow.notifications.subscriptions import Subscription, Subscriptions
from leadflow.notifications.webhooks import Webhooks
from leadflow.views.leads import Views
from projections.lead_queries import leads_named

WORKERS = 16
"""Attempts at a time. Receivers whose last attempt failed get at most half of them."""

log_ = structlog.get_logger(__name__)


class Courier:
    """Sends a payload the way that a subscription wants it. Safe to use from several threads."""

    def __init__(self, webhooks: Webhooks, mails: Mails) -> None:
        self.webhooks = webhooks
        self.mails = mails

    def send(self, to: Subscription, message: str, content: str, at: datetime) -> Answer:
        """One attempt. `message` is what the receiver knows it by, the same at every attempt."""
        if to.way == "webhook":
            return self.webhooks.send(to.address, to.signing(at), message, content, at)
        subject, text = mail_of(content, to.id)
        return self.mails.send(to.address, message, subject, text, at)


class Delivering:
    """Attempts that are under way. For one thread."""

    def __init__(
        self,
        ledger: Ledger,
        subscriptions: Subscriptions,
        views: Views,
        courier: Courier,
        operating: Operating,
        now: Callable[[], datetime],
        chance: random.Random | None,
    ) -> None:
        self._ledger = ledger
        self._subscriptions = subscriptions
        self._views = views
        self._courier = courier
        self._operating = operating
        self._now = now
        self._chance = chance or random.Random()
        self._name = secrets.token_hex(8)
        """What this process leases as."""
        self._executor: ThreadPoolExecutor | None = None
        self._attempts: dict[Future[Answer], tuple[Notification, Subscription]] = {}

    @property
    def under_way(self) -> Collection[Future[Answer]]:
        """The attempts that have not been written down."""
        return self._attempts.keys()

    def step(self, *, begin: bool = True) -> bool:
        """Write down what has ended, `begin` what is due. Says whether anything was. Raises Unavailable."""
        ended = self._collect()
        if not begin:
            return bool(ended)
        busy = [to.id for _, to in self._attempts.values()]
        failing = sum(to.failing > 0 for _, to in self._attempts.values())
        free = WORKERS - len(busy)
        room = min(free, WORKERS // 2 - failing)
        due = self._ledger.claim(self._name, self._now(), busy, well=free - room, failing=room)
        # Who has failed before leaves its places to the others when it does not need them.
        if len(due) < free and free - room > 0:
            busy += [one.subscription for one in due]
            due = [
                *due,
                *self._ledger.claim(self._name, self._now(), busy, well=free - len(due), failing=0),
            ]
        rights = Rights(self._views)
        for one in due:
            self._begin(one, rights)
        return bool(ended or due)

    def close(self) -> None:
        """Wait for what is under way, and write it down. Raises Unavailable."""
        if self._executor is None:
            return
        wait_for(self._attempts)
        self._executor.shutdown()
        self._executor = None
        self._collect()

    def _begin(self, one: Notification, rights: Rights) -> None:
        to = self._subscriptions.get(one.subscription)
        why = self._why_not(one, to, rights)
        if why is not None:
            self._ledger.drop(one.id, why, self._now())
            self._operating.notified(to.way, "dropped")
            return
        if self._executor is None:
            self._executor = ThreadPoolExecutor(WORKERS, "leadflow-notifications")
        attempt = self._executor.submit(self._courier.send, to, one.message, one.content, self._now())
        self._attempts[attempt] = (one, to)

    def _why_not(self, one: Notification, to: Subscription, rights: Rights) -> str | None:
        """Why the subscription may not be told any more: people leave, and leads change hands."""
        rows = leads_named(self._views.database, [one.pool], one.lead)
        owner = next((row["owner"] for row in rows if row["lead"] == one.lead), None)
        return rights.why_not(to, one.kind, one.member, owns=owner is not None and owner == one.member)

    def _collect(self) -> int:
        ended = [attempt for attempt in self._attempts if attempt.done()]
        for attempt in ended:
            one, to = self._attempts[attempt]
            problem = attempt.exception()
            if problem is not None:
                # What a library says may hold an address, and with it a secret.
                log_.error("a notification met a bug", notification=one.id, problem=type(problem).__name__)
                answer = Answer("failed", f"a bug of LeadFlow: {type(problem).__name__}")
            else:
                answer = attempt.result()
            state = self._ledger.record(one, self._name, answer, self._now(), self._chance)
            del self._attempts[attempt]
            self._operating.notified(to.way, "failed" if state == "pending" else state)
            if state != "sent":
                tell = log_.warning if state == "parked" else log_.info
                tell(
                    "a notification was not sent",
                    notification=one.id,
                    pool=one.pool,
                    to=to.shown if to.way == "webhook" else "an e-mail address",
                    attempts=one.attempts,
                    state=state,
                    problem=answer.problem,
                )
        return len(ended)
