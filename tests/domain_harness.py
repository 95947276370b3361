"""`given(…).when(…).then(…)` for the rules of a pool.

Times are offsets from Monday 2 March 2026, ten o'clock in Shanghai: `"1d2h"`. Leads have short names; an
actor without a role is a rep, except the manager `ma`, marketing `mo` and support `su`. Deadlines are
drained as the engine does: all that are due by a request's time before it, and what it made possible
after it. Every `then` also checks the state's inner consistency and that a replay gives the same state.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, Self

from leadflow.domain import events as e
from leadflow.domain import requests as r
from leadflow.domain.company import CompanyState
from leadflow.domain.deadlines import decide_due
from leadflow.domain.decide import decide
from leadflow.domain.evolve import evolve, initial
from leadflow.domain.policy import Calendar, Offset, Policy
from leadflow.domain.pool import Lead, Pool
from leadflow.domain.values import Company, Model, Money, Person, Touch, derived_id
from leadflow.log.envelope import GENESIS, decode, encode, hash_of
from tests.pool_checks import check_invariants, differences, folded

START = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
POOL = "east"
STAFF = {"ma": "manager", "mo": "marketing", "su": "support"}
CALENDAR = Calendar(offsets=(Offset(start=datetime(2020, 1, 1, tzinfo=UTC), minutes=480),))
_UNITS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}

HOLD = {"name": "hold", "target": {"hold": True}}
ROTATE = {"name": "rotate", "target": {"rotation": "sales"}}
BASE: dict[str, Any] = {
    "groups": {"sales": {"reps": "all"}},
    "rules": [HOLD],
    "follow_up": {"first_contact_within": "3d", "keep_for": "7d", "hold_at_most": "30d"},
}


def offset(text: str) -> timedelta:
    """`1d2h30m` as a length of time."""
    parts = re.findall(r"(\d+)([dhms])", text)
    assert "".join(a + b for a, b in parts) == text.lstrip("-"), text
    length = timedelta(**{_UNITS[unit]: int(count) for count, unit in parts})
    return -length if text.startswith("-") else length


def at(text: str) -> datetime:
    """The moment so long after the start."""
    return START + offset(text)


def policy_of(*overlays: Mapping[str, Any], **overlay: Any) -> Policy:
    """A policy: the base, with whole sections' members replaced."""
    document = dict(BASE)
    for layer in (*overlays, overlay):
        for key, value in layer.items():
            known = document.get(key)
            document[key] = (
                {**known, **value} if isinstance(known, dict) and isinstance(value, dict) else value
            )
    return Policy.model_validate(document)


def actor_of(name: str) -> str:
    """`wang` is `rep/wang`; who has a role in the name keeps it."""
    return name if "/" in name else f"{STAFF.get(name, 'rep')}/{name}"


def lead_id(name: str, channel: str = "web_form", pool: str = POOL) -> str:
    """The id of the lead that arrived under this name."""
    return derived_id("lead", pool, f"intake/{channel}:{name}")


class Ask(NamedTuple):
    """A request with its time; without a body, time only passes."""

    body: r.Body | None
    by: str
    at: str | None = None
    id: str | None = None

    def when(self, moment: str) -> Ask:
        return self._replace(at=moment)

    def named(self, request_id: str) -> Ask:
        """The same under an id of its own, so that it can come again."""
        return self._replace(id=request_id)


def ask(body: r.Body, by: str = "ma", at: str | None = None, id: str | None = None) -> Ask:
    return Ask(body, actor_of(by), at, id)


def passes(moment: str) -> Ask:
    """Time goes on to this moment; nobody asks for anything."""
    return Ask(None, "", moment)


def arrives(
    name: str, *, at: str | None = None, by: str = "adapter/file", phone: str | None = "own", **given: Any
) -> Ask:
    """An arrival. Its phone is its own unless one is given (None: none)."""
    company: dict[str, Any] = {k: given.pop(k) for k in ("industry", "size", "region", "city") if k in given}
    if "company" in given:
        company["name"] = given.pop("company")
    person: dict[str, Any] = {k: given.pop(k) for k in ("note", "answers", "written") if k in given}
    person["name"] = given.pop("person", None)
    if phone == "own":
        phone = own_phone(name)
    person["phones"] = (phone,) if phone else ()
    for kind in ("email", "wechat"):
        value = given.pop(kind, None)
        person[f"{kind}s"] = (value,) if value else ()
    form = {k: given.pop(k) for k in ("asked", "filled") if k in given}
    touch: dict[str, Any] = {"channel": "web_form", "ref": name, "door": "test", **given}
    body = r.SubmitIntake(
        touch=Touch.model_validate(touch),
        person=Person.model_validate(person),
        company=Company.model_validate(company),
        **form,
    )
    return Ask(body, actor_of(by), at)


def own_phone(name: str) -> str:
    return f"+86138{int.from_bytes(name.encode()[-4:].rjust(4, b'0'), 'big') % 10**8:08d}"


def claim(lead: str, by: str = "wang", at: str | None = None, **more: Any) -> Ask:
    return ask(r.ClaimLead(lead=lead_id(lead), **more), by, at)


def claim_next(by: str = "wang", at: str | None = None, **more: Any) -> Ask:
    return ask(r.ClaimNext(**more), by, at)


def assign(lead: str, to: str, by: str = "ma", at: str | None = None, **more: Any) -> Ask:
    return ask(r.AssignLead(lead=lead_id(lead), to=to, **{"reason": "knows them", **more}), by, at)


def hand_over(lead: str, to: str, by: str = "ma", at: str | None = None, **more: Any) -> Ask:
    return ask(r.HandOverLead(lead=lead_id(lead), to=to, **more), by, at)


def returns(lead: str, by: str = "wang", at: str | None = None, **more: Any) -> Ask:
    return ask(r.ReturnLead(lead=lead_id(lead), **more), by, at)


def withdraw(lead: str, by: str = "ma", at: str | None = None) -> Ask:
    return ask(r.WithdrawLead(lead=lead_id(lead), reason="unused"), by, at)


def contact(lead: str, by: str = "wang", at: str | None = None, outcome: str = "reached", **more: Any) -> Ask:
    return ask(r.LogContact(lead=lead_id(lead), outcome=outcome, **more), by, at)


def reveal(lead: str, by: str = "wang", at: str | None = None, **more: Any) -> Ask:
    return ask(r.RevealContact(lead=lead_id(lead), **more), by, at)


def collaborate(
    lead: str, member: str, by: str = "ma", at: str | None = None, expires: str | None = None
) -> Ask:
    until = None if expires is None else START + offset(expires)
    return ask(r.AddCollaborator(lead=lead_id(lead), member=member, expires=until), by, at)


def protect(lead: str, by: str = "wang", at: str | None = None, until: str | None = None, **more: Any) -> Ask:
    moment = None if until is None else START + offset(until)
    return ask(r.ProtectLead(lead=lead_id(lead), until=moment, **more), by, at)


def unprotect(lead: str, by: str = "wang", at: str | None = None) -> Ask:
    return ask(r.UnprotectLead(lead=lead_id(lead)), by, at)


def convert(lead: str, by: str = "wang", at: str | None = None, **more: Any) -> Ask:
    return ask(r.ConvertLead(lead=lead_id(lead), **more), by, at)


def deal(lead: str, amount: int | str, by: str = "wang", at: str | None = None, **more: Any) -> Ask:
    value = Money.model_validate({"amount": str(amount), "currency": "CNY"})
    return ask(r.RecordDeal(lead=lead_id(lead), value=value, **more), by, at)


def disqualify(lead: str, by: str = "wang", at: str | None = None, **more: Any) -> Ask:
    return ask(r.DisqualifyLead(lead=lead_id(lead), code="no_budget", **more), by, at)


def reopen(lead: str, by: str = "ma", at: str | None = None) -> Ask:
    return ask(r.ReopenLead(lead=lead_id(lead)), by, at)


def edit(lead: str, by: str = "ma", at: str | None = None, **more: Any) -> Ask:
    company = Company.model_validate(
        {k: v for k, v in more.items() if k in Company.model_fields and k != "name"}
    )
    person = Person.model_validate({k: v for k, v in more.items() if k in Person.model_fields or k == "name"})
    return ask(r.EditLead(lead=lead_id(lead), person=person, company=company), by, at)


def merge(lead: str, absorbed: str, by: str = "ma", at: str | None = None) -> Ask:
    return ask(r.MergeLeads(lead=lead_id(lead), absorbed=lead_id(absorbed)), by, at)


def transfer(lead: str, to_pool: str = "west", by: str = "ma", at: str | None = None) -> Ask:
    return ask(r.TransferLead(lead=lead_id(lead), to_pool=to_pool), by, at)


def pause(member: str, at: str | None = None, until: str | None = None) -> Ask:
    moment = None if until is None else START + offset(until)
    return ask(r.PauseMember(member=member, until=moment), "ma", at)


def resume(member: str, at: str | None = None) -> Ask:
    return ask(r.ResumeMember(member=member), "ma", at)


def joins(member: str, role: str = "rep", at: str | None = None, **traits: Any) -> Ask:
    body = r.AddMember.model_validate({"member": member, "role": role, "traits": traits})
    return ask(body, "ma", at)


def changes(member: str, role: str | None = None, at: str | None = None, **traits: Any) -> Ask:
    return ask(r.ChangeMember.model_validate({"member": member, "role": role, "traits": traits}), "ma", at)


def leaves(member: str, at: str | None = None, **to: str) -> Ask:
    return ask(r.RemoveMember.model_validate({"member": member, **to}), "ma", at)


def publish(
    *overlays: Mapping[str, Any], at: str | None = None, calendar: Calendar = CALENDAR, **overlay: Any
) -> Ask:
    return ask(r.PublishPolicy(policy=policy_of(*overlays, overlay), calendar=calendar), "ma", at)


# --- what is expected -----------------------------------------------------------------------


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


def everything(model: Model) -> dict[str, Any]:
    """A model's members, for comparisons."""
    return model.model_dump()
