"""What somebody asks of a pool, in a few words: the vocabulary of the domain's tests.

Times are offsets from Monday 2 March 2026, ten o'clock in Shanghai: `"1d2h"`. Leads have short names; an
actor without a role is a rep, except the manager `ma`, marketing `mo` and support `su`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from leadflow.domain import requests as r
from leadflow.domain.policy import Calendar, Offset, Policy
from leadflow.domain.values import Company, Money, Person, Touch, derived_id

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


def reverse(lead: str, recorded: int, by: str = "wang", at: str | None = None, **more: Any) -> Ask:
    return ask(r.ReverseDeal(lead=lead_id(lead), recorded_sequence=recorded, **more), by, at)


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
