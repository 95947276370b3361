"""`given(…).when(…).then(…)` for the rules of a pool.

Times are offsets from Monday 2 March 2026, ten o'clock in Shanghai: `"1d2h"`. Leads have short names; an
actor without a role is a rep, except the manager `ma`, marketing `mo` and support `su`. Deadlines are
drained as the engine does: all that are due by a request's time before it, and what it made possible
after it. Every `then` also checks the state's inner consistency and that a replay gives the same state.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple, Self

from leadflow.domain import events as e
from leadflow.domain import requests as r
from leadflow.domain.company import CompanyState
from leadflow.domain.deadlines import decide_due
from leadflow.domain.decide import decide
from leadflow.domain.evolve import evolve, initial
from leadflow.domain.policy import Calendar
from leadflow.domain.pool import Lead, Pool
from leadflow.log.envelope import GENESIS, decode, encode, hash_of
from tests.domain_asks import CALENDAR, POOL, STAFF, START, Ask, ask, at, lead_id, offset, policy_of
from tests.pool_checks import check_invariants, differences, folded


class Did(NamedTuple):
    """A fact as a test expects it: its class, its subject and the members that matter."""

    kind: type[e.Fact]
    subject: str | None
    members: dict[str, Any]

    def mismatch(self, event: e.Event) -> str | None:
        if type(event.data) is not self.kind:
            return f"{type(event.data).__name__} instead of {self.kind.__name__}"
        if self.subject is not None and event.subject not in (self.subject, lead_id(self.subject)):
            return f"about {event.subject} instead of {self.subject}"
        for name, wanted in self.members.items():
            found = getattr(event if name in ("time", "actor", "causation", "policy") else event.data, name)
            if isinstance(found, datetime) and isinstance(wanted, str):
                wanted = at(wanted)
            if found != wanted:
                return f"{name} is {found!r} instead of {wanted!r}"
        return None


def did(kind: type[e.Fact], subject: str | None = None, /, **members: Any) -> Did:
    return Did(kind, subject, members)


def refused(reason: str, subject: str | None = None, /, **members: Any) -> Did:
    return Did(e.RequestRefused, subject, {"reason": reason, **members})


class Scene:
    """A pool (and the company and a second pool, where asked for) with what happened in it."""

    def __init__(self, stream: str = POOL) -> None:
        self.stream = initial(stream)
        self.events: list[e.Event] = []
        self.now = START
        self.since = 0
        self._number = 0

    @property
    def pool(self) -> Pool:
        assert isinstance(self.stream, Pool)
        return self.stream

    @property
    def company(self) -> CompanyState:
        assert isinstance(self.stream, CompanyState)
        return self.stream

    def lead(self, name: str) -> Lead:
        return self.pool.leads[lead_id(name)]

    @property
    def happened(self) -> list[e.Event]:
        """The facts since `when`."""
        return self.events[self.since :]

    def only(self, kind: type[e.Fact], subject: str | None = None) -> list[Any]:
        """The data of all facts of a kind so far."""
        return [
            x.data
            for x in self.events
            if isinstance(x.data, kind) and (subject is None or x.subject in (subject, lead_id(subject)))
        ]

    def do(self, one: Ask) -> list[e.Event]:
        """Drain what is due, decide, drain what that made possible; the request's own facts."""
        if one.at is not None:
            self.now = START + offset(one.at)
        if isinstance(self.stream, Pool) and self.stream.sequence:
            self.drain()
        facts: list[e.Event] = []
        if one.body is not None:
            facts = decide(self.stream, self.request(one), self.now)
            self._take(facts)
            self.drain()
        return facts

    def request(self, one: Ask) -> r.Request:
        assert one.body is not None
        if isinstance(one.body, r.SubmitIntake):
            return r.intake_request(self.stream.id, one.by, one.body)
        self._number += 1
        name = one.id or str(self._number)
        return r.Request.model_validate(
            {"pool": self.stream.id, "source": one.by, "id": name, "actor": one.by, "body": one.body}
        )

    def drain(self) -> None:
        if isinstance(self.stream, Pool):
            while facts := decide_due(self.stream, max(self.now, self.stream.time)):
                self._take(facts)

    def _take(self, facts: list[e.Event]) -> None:
        for event in facts:
            evolve(self.stream, event)
            self.events.append(event)

    def given(self, *asks: Ask) -> Self:
        for one in asks:
            self.do(one)
        return self

    def when(self, *asks: Ask) -> Self:
        self.since = len(self.events)
        return self.given(*asks)

    def then(self, *expected: Did) -> Self:
        """Exactly these facts happened since `when`, in this order."""
        found = self.happened
        listed = "\n".join(f"  {x.time:%d %H:%M} {x.actor} {x.subject}: {x.data!r}" for x in found)
        assert len(found) == len(expected), f"{len(found)} facts instead of {len(expected)}:\n{listed}"
        for event, wanted in zip(found, expected, strict=True):
            problem = wanted.mismatch(event)
            assert problem is None, f"{problem}\n{listed}"
        self.check()
        return self

    def check(self) -> None:
        """The state is consistent, a replay gives it again, and every document can be read back."""
        if isinstance(self.stream, Pool):
            check_invariants(self.stream)
        replayed = folded(self.events, self.stream.id)
        assert (found := list(differences(self.stream, replayed))) == [], "\n".join(found)
        last = GENESIS
        for event in self.events:
            document = encode(event, last)
            assert decode(document) == event
            last = hash_of(document)
        documents = folded((decode(encode(x, GENESIS)) for x in self.events), self.stream.id)
        assert (found := list(differences(self.stream, documents))) == [], "\n".join(found)


def given(
    *asks: Ask,
    policy: Mapping[str, Any] | None = None,
    reps: tuple[str, ...] = ("wang", "li", "zhao"),
    calendar: Calendar = CALENDAR,
    pool: str = POOL,
    staff: bool = True,
) -> Scene:
    """A pool with this policy and these reps, a manager, marketing and support; and what happened in it."""
    scene = Scene(pool)
    scene.do(ask(r.OpenPool(policy=policy_of(policy or {}), calendar=calendar), "manager/boss"))
    for member, role in STAFF.items() if staff else ():
        scene.do(ask(r.AddMember.model_validate({"member": member, "role": role}), "manager/boss"))
    for rep in reps:
        scene.do(ask(r.AddMember(member=rep), "manager/boss"))
    return scene.given(*asks)
