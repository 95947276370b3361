"""A sales team whose facts somebody is told of: what tests of notifications work with."""

from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import wait
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from consumers.delivering import Courier
from consumers.notifier import Notifier
from consumers.operating import Operating
from leadflow.domain import requests as r
from leadflow.domain.policy import Policy
from leadflow.domain.values import Person, Touch
from leadflow.engine import Engine, Outcome
from leadflow.log.embedded import EmbeddedLog
from leadflow.notifications.kinds import KINDS
from leadflow.notifications.ledger import Ledger, Notification
from leadflow.notifications.mails import Mails, MailServer
from leadflow.notifications.subscriptions import Subscription, Subscriptions, new_secret
from leadflow.notifications.webhooks import Webhooks
from leadflow.postgres import Database
from projections.runner import Projections
from tests.team import POOL, Ticking, joining, opening, request

POLICY = Policy.model_validate(
    {
        "name": "told",
        "channels": {"web_form": {}, "baidu_ads": {}},
        "groups": {"sales": {"reps": "all"}},
        "rules": [
            {"name": "ads", "when": {"channel": ["baidu_ads"]}, "target": {"rotation": "sales"}},
            {"name": "rest", "target": {"hold": True}},
        ],
        "follow_up": {"first_contact_within": "3d", "keep_for": "7d", "warn_before": ["12h"]},
    }
)
PHONE = "+8613912345678"
NAME = "王小明\r\nBcc: everybody@example.com"
PATIENCE_S = 120.0
"""How long an attempt waits for its receiver, where a test is not about that."""


class Bureau:
    """An engine, its read models, subscriptions and a notifier, on one database and one clock."""

    def __init__(self, log: EmbeddedLog, database: Database, *, seed: int = 1) -> None:
        self.log, self.database = log, database
        self.clock = Ticking(datetime.now(UTC))
        self.engine = Engine(log, clock=self.clock)
        self.projections = Projections(log, database)
        self.projections.start()
        self.subscriptions = Subscriptions(database)
        self.ledger = Ledger(database)
        self.seed = seed
        self.notifier = self.another()

    def another(
        self,
        mail: MailServer | None = None,
        *,
        operating: Operating | None = None,
        patience_s: float = PATIENCE_S,
        reach: Callable[[], None] | None = None,
    ) -> Notifier:
        """A notifier; each is another process, as far as the database can see."""
        courier = Courier(Webhooks(private=True, timeout_s=patience_s), Mails(mail, timeout_s=patience_s))
        return Notifier(
            self.log,
            self.database,
            courier,
            operating,
            public_url="https://leads.example.com",
            now=self.clock.now,
            chance=random.Random(self.seed),
            reach=reach,
        )

    def open(self) -> None:
        """The pool, two reps, and a manager."""
        self.ask(opening(policy=POLICY), *joining(["wang", "li"]))
        self.ask(request(r.AddMember(member="ma", role="manager"), "add-ma"))
        self.catch_up()

    def ask(self, *requests: r.Request) -> Outcome:
        """Have requests decided that no rule refuses; gives the last one's outcome."""
        for outcome in self.engine.submit(requests):
            outcome.facts()
            assert outcome.refusal is None, outcome.refusal
        return outcome

    def catch_up(self) -> None:
        self.projections.catch_up()

    def arrives(self, number: int = 1, channel: str = "web_form", ref: str = "") -> str:
        """Somebody, whose lead's id this is."""
        touch = Touch(channel=channel, ref=ref or f"ref-{number}", door="command")
        person = Person(name=NAME, phones=(f"{PHONE[:-4]}{number:04d}",), emails=(f"p{number}@example.com",))
        body = r.SubmitIntake(touch=touch, person=person)
        return self.ask(r.intake_request(POOL, "adapter/web", body)).events[0].subject

    def assign(self, lead: str, to: str = "wang") -> str:
        """A manager gives a lead to a rep; the fact's id."""
        body = r.AssignLead(lead=lead, to=to, reason=f"call {PHONE}")
        return self.ask(request(body, uuid4().hex)).events[-1].id

    def assigned(self, count: int, to: str = "wang", first: int = 1) -> list[str]:
        """Leads that arrive and are given to a rep; the facts' ids."""
        facts = [self.assign(self.arrives(number), to) for number in range(first, first + count)]
        self.catch_up()
        return facts

    def subscribe(self, address: str, **other: Any) -> Subscription:
        """A subscription of wang, unless `other` says something else."""
        values: dict[str, Any] = {
            "pool": POOL, "member": "wang", "role": None, "kinds": list(KINDS), "way": "webhook",
            "secret": new_secret(), "created_by": "manager/ma", "now": self.clock.now(),
        }  # fmt: skip
        return self.subscriptions.add(self.log, address=address, **(values | other))

    def settle(self, *notifiers: Notifier) -> None:
        """Let notifiers work until nothing is due and nothing is under way."""
        chosen = notifiers or (self.notifier,)
        while True:
            moved = [notifier.step() for notifier in chosen]
            under_way = [attempt for one in chosen for attempt in one.delivering.under_way]
            if not any(moved) and not under_way:
                return
            wait(under_way)

    def later(self, **by: float) -> None:
        """Time passes, for engine, attempts and leases alike."""
        self.clock.time += timedelta(**by)

    def rows(self, state: str | None = None) -> list[Notification]:
        return list(self.ledger.list(state))
