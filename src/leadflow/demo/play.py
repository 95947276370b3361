"""The demo's month, played: people act on what they see, and the engine decides on a virtual clock.

Time goes in half hours. In each, everybody looks at the pool as it stands and asks for something; the
requests of the half hour are decided in the order of their own times. Nothing but the seed is random, so
the same seed gives the same facts and the same last hash.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from random import Random
from typing import NamedTuple

from leadflow.bootstrap.app import App
from leadflow.bootstrap.asking import request_of
from leadflow.bootstrap.looking import Outcome
from leadflow.calendars import build_calendar
from leadflow.demo import world
from leadflow.demo.people import Asked, Desk, manager_asks, races, rep_asks
from leadflow.domain import requests as r
from leadflow.domain.events import LeadCaptured
from leadflow.domain.values import COMPANY_STREAM
from leadflow.log.envelope import hash_of

HALF_HOURS = tuple((hour, minute) for hour in range(8, 21) for minute in (0, 30))
Progress = Callable[[int, int], None]


class Played(NamedTuple):
    """What the play left behind."""

    seed: int
    requests: int
    facts: int
    refused: int
    last_hash: str
    """Of the pool's last fact: the same seed gives the same."""


def play(app: App, seed: int, progress: Progress | None = None) -> Played:
    """Play the month on an app whose engine runs on the requests' clock, in an empty data directory."""
    return Play(app, seed).whole(progress)


class Play:
    """The month while it is being played."""

    def __init__(self, app: App, seed: int) -> None:
        self.app = app
        self.seed = seed
        self.random = Random(seed)
        self.desk = Desk(self.random)
        self.arrivals = world.arrivals(self.random)
        self.spend = list(world.spend())
        self.sent = 0
        self.answers: Counter[str] = Counter()

    def whole(self, progress: Progress | None = None) -> Played:
        """Play the whole month."""
        self.open()
        every_day = list(world.days())
        for number, day in enumerate(every_day, 1):
            self.day(day)
            if progress is not None:
                progress(number, len(every_day))
        self.close()
        return self.result()

    def open(self) -> None:
        """The pool, its people and the policy that they start with."""
        policy = world.first_policy()
        calendar = build_calendar(policy, world.FIRST_DAY)
        asked = [
            Asked(
                world.OPENED,
                f"manager/{world.MANAGER}",
                r.OpenPool(clock="requests", policy=policy, calendar=calendar),
            )
        ]
        others = ((world.MANAGER, "manager"), (world.MARKETING, "marketing"), (world.SUPPORT, "support"))
        for member, role in others:
            body = r.AddMember.model_validate({"member": member, "role": role})
            asked.append(Asked(world.OPENED, f"manager/{world.MANAGER}", body))
        for rep in world.REPS:
            body = r.AddMember(member=rep.id, traits=rep.traits)
            asked.append(Asked(world.OPENED, f"manager/{world.MANAGER}", body))
        self.send(asked)

    def day(self, day: date) -> None:
        """One day, half hour by half hour."""
        for hour, minute in HALF_HOURS:
            start = world.moment(day, hour, minute)
            asked = [*self.incoming(start + timedelta(minutes=30)), *self.people(day, start)]
            self.send(sorted(asked, key=lambda one: one.at))

    def incoming(self, until: datetime) -> Iterator[Asked]:
        """Who arrives before that time, and what marketing books."""
        while self.arrivals and self.arrivals[0].at < until:
            arrival = self.arrivals.pop(0)
            yield Asked(arrival.at, arrival.actor, arrival.body)
        while self.spend and self.spend[0][0] < until:
            at, body = self.spend.pop(0)
            yield Asked(at, f"marketing/{world.MARKETING}", body, COMPANY_STREAM)

    def people(self, day: date, start: datetime) -> Iterator[Asked]:
        """What the team asks for in a half hour; nobody works on a day off."""
        pool = self.app.pool_state(world.POOL)
        if not (9 <= start.hour < 18 and pool.working.is_working_day(day)):
            return
        yield from manager_asks(self.desk, pool, start)
        yield from races(self.desk, pool, start)
        for rep in world.REPS:
            yield from rep_asks(self.desk, pool, rep, start)

    def send(self, asked: list[Asked]) -> list[Outcome]:
        """Have requests decided at their own times."""
        requests = []
        for one in asked:
            self.sent += 1
            requests.append(request_of(one.pool, one.actor, f"play-{self.sent}", one.body, one.at))
        outcomes = self.submit(requests)
        for outcome in outcomes:
            events = outcome.facts()
            self.answers[outcome.answer] += 1
            if events and isinstance(events[0].data, LeadCaptured):
                self.desk.channels[events[0].subject] = events[0].data.touch.channel
        return outcomes

    def submit(self, requests: list[r.Request]) -> list[Outcome]:
        """Have requests decided."""
        return self.app.submit(requests)

    def close(self) -> None:
        """Let the clock run to the end of the month."""
        self.send([Asked(world.CLOSED, f"manager/{world.MANAGER}", r.AdvanceClock())])

    def result(self) -> Played:
        """What there is now."""
        log = self.app.log
        last = log.last(world.POOL)
        document = log.document(world.POOL, last)
        assert document is not None
        return Played(
            self.seed, self.sent, last + log.last(COMPANY_STREAM), self.answers["refused"], hash_of(document)
        )
