"""What the demo's people do when they look at the pool. Each yields what it asks for, and when."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import NamedTuple

from leadflow.calendars import build_calendar
from leadflow.demo import world
from leadflow.domain import requests as r
from leadflow.domain.pool import PUBLIC, QUEUE, Lead, Member, Pool
from leadflow.domain.values import Company, Money


class Asked(NamedTuple):
    """Somebody asks for something at a time."""

    at: datetime
    actor: str
    body: r.Body
    pool: str = world.POOL


@dataclass
class Desk:
    """What the people remember beside the pool: it decides nothing but what they ask for."""

    random: Random
    channels: dict[str, str] = field(default_factory=dict)
    """Lead → the channel that brought it."""
    deals: dict[str, int] = field(default_factory=dict)

    def chance(self, probability: float) -> bool:
        """Whether something happens that does so with this probability."""
        return self.random.random() < probability

    def soon(self, start: datetime, minutes_max: int = 29) -> datetime:
        """A moment of the half hour."""
        return start + timedelta(seconds=self.random.randrange(minutes_max * 60))


MANAGER = f"manager/{world.MANAGER}"
OUTCOMES = ("reached", "no_answer", "replied", "meeting", "wrong_number")
OUTCOME_WEIGHTS = (46, 30, 12, 8, 4)
MEANS = ("call", "call", "wechat", "email", "visit")
NOTES = ("谈了报价", "要再看方案", "约了下周演示", "在比较其他供应商", "预算年底才批", "")
RETURN_REASONS = ("地区太远", "行业不熟", "客户要求换人")
DEALS_MAX = 2


# --- reps -----------------------------------------------------------------------------------


def rep_asks(desk: Desk, pool: Pool, rep: world.Rep, start: datetime) -> Iterator[Asked]:
    """A rep works through its leads, closes what is ripe, and asks for more."""
    member = pool.rep(rep.id)
    if member is None or member.paused:
        return
    for lead_id in list(member.held):
        yield from _follow_up(desk, pool.leads[lead_id], rep, start)
    for lead_id in list(member.customers):
        yield from _sell(desk, lead_id, rep, start)
    if len(member.held) < 20 and desk.chance(rep.appetite):
        yield Asked(desk.soon(start), f"rep/{rep.id}", r.ClaimNext())
    if desk.chance(0.012):
        yield from _too_late(desk, pool, rep, start)
    if desk.chance(0.01) and len(pool.claimable):
        lead_id = next(iter(pool.claimable))[2]
        yield Asked(
            desk.soon(start), f"rep/{rep.id}", r.RevealContact(lead=lead_id, reason="看看是不是老客户")
        )


def _follow_up(desk: Desk, lead: Lead, rep: world.Rep, start: datetime) -> Iterator[Asked]:
    eagerness = rep.diligence * (1.0 if not lead.contacted else 0.14)
    if not desk.chance(eagerness):
        if lead.contacted and desk.chance(0.0006):
            reason = desk.random.choice(RETURN_REASONS)
            yield Asked(desk.soon(start), f"rep/{rep.id}", r.ReturnLead(lead=lead.id, reason=reason))
        return
    at, actor = desk.soon(start, 20), f"rep/{rep.id}"
    outcome = desk.random.choices(OUTCOMES, OUTCOME_WEIGHTS)[0]
    note = desk.random.choice(NOTES) or None
    means = desk.random.choice(MEANS)
    yield Asked(at, actor, r.LogContact(lead=lead.id, outcome=outcome, means=means, note=note))
    later = at + timedelta(minutes=desk.random.randrange(2, 8))
    if outcome == "wrong_number":
        if desk.chance(0.5):
            yield Asked(later, actor, r.DisqualifyLead(lead=lead.id, code="wrong_number"))
    elif outcome != "no_answer" and lead.contacted:
        promise = world.PROMISE[desk.channels[lead.id]] * rep.skill
        if desk.chance(promise * 0.45):
            yield Asked(later, actor, r.ConvertLead(lead=lead.id))
        elif lead.contacts >= 3 and desk.chance(0.2):
            code = desk.random.choice(("no_budget", "competitor"))
            yield Asked(later, actor, r.DisqualifyLead(lead=lead.id, code=code))
        elif promise > 0.12 and desk.chance(0.06):
            yield Asked(later, actor, r.ProtectLead(lead=lead.id))
        elif desk.chance(0.05):
            yield from _ask_support(lead, actor, later)


def _ask_support(lead: Lead, actor: str, at: datetime) -> Iterator[Asked]:
    """Support joins for two days, and calls."""
    expires = at + timedelta(days=2)
    yield Asked(at, actor, r.AddCollaborator(lead=lead.id, member=world.SUPPORT, expires=expires))
    body = r.LogContact(lead=lead.id, outcome="meeting", means="visit", note="演示了产品")
    yield Asked(at + timedelta(seconds=90), f"support/{world.SUPPORT}", body)


def _sell(desk: Desk, lead_id: str, rep: world.Rep, start: datetime) -> Iterator[Asked]:
    had = desk.deals.get(lead_id, 0)
    if had >= DEALS_MAX or not desk.chance(0.03 if had == 0 else 0.003):
        return
    desk.deals[lead_id] = had + 1
    amount = Decimal(round(desk.random.lognormvariate(9.3, 0.8), -2))
    number = f"D-{start:%m%d}-{len(desk.deals):03}-{had + 1}"
    body = r.RecordDeal(
        lead=lead_id, value=Money(amount=max(amount, Decimal(1200)), currency="CNY"), deal=number
    )
    yield Asked(desk.soon(start), f"rep/{rep.id}", body)


def _too_late(desk: Desk, pool: Pool, rep: world.Rep, start: datetime) -> Iterator[Asked]:
    """Somebody asks for a lead that a colleague has."""
    taken = [lead.id for lead in pool.leads.values() if lead.owner and lead.owner != rep.id]
    if taken:
        yield Asked(desk.soon(start), f"rep/{rep.id}", r.ClaimLead(lead=desk.random.choice(taken)))


def races(desk: Desk, pool: Pool, start: datetime) -> Iterator[Asked]:
    """A good lead is in the pool, and several want it within seconds."""
    best = [lead_id for _, (_, _, lead_id) in zip(range(6), pool.claimable, strict=False)]
    present = [rep for rep in world.REPS if _free(pool, rep.id)]
    if len(present) < 2:
        return
    for lead_id in best:
        if desk.chance(0.10):
            at = desk.soon(start)
            for rep in desk.random.sample(present, min(desk.random.choice((1, 2, 2, 3, 4)), len(present))):
                yield Asked(at, f"rep/{rep.id}", r.ClaimLead(lead=lead_id))
                at += timedelta(milliseconds=desk.random.randrange(40, 6000))


def _free(pool: Pool, rep_id: str) -> bool:
    member = pool.rep(rep_id)
    return member is not None and not member.paused and len(member.held) < 24


# --- the manager ----------------------------------------------------------------------------


def manager_asks(desk: Desk, pool: Pool, start: datetime) -> Iterator[Asked]:
    """The manager gives out the queue, and does what the month brings."""
    for lead in [lead for lead in pool.leads.values() if lead.status == QUEUE]:
        if desk.chance(0.12):
            body = r.AssignLead(lead=lead.id, to=desk.random.choice(("wang", "li")), reason="重点客户")
            yield Asked(desk.soon(start), MANAGER, body)
    event = _EVENTS.get((start.date(), start.hour, start.minute))
    if event is not None:
        yield from event(desk, pool, start)


def _best_of(pool: Pool, rep_id: str, count: int) -> list[Lead]:
    member: Member = pool.members[rep_id]
    held = [pool.leads[lead_id] for lead_id in member.held]
    return sorted(held, key=lambda lead: (-lead.contacts, lead.number))[:count]


def _training(_: Desk, pool: Pool, start: datetime) -> Iterator[Asked]:
    """Li is away for two days: what cannot wait goes to Chen, the rest stays."""
    for lead in _best_of(pool, "li", 2):
        yield Asked(start, MANAGER, r.HandOverLead(lead=lead.id, to="chen", reason="李娜培训两天"))
    back = world.moment(date(2026, 10, 14), 9)
    yield Asked(start, MANAGER, r.PauseMember(member="li", until=back))


def _new_policy(_: Desk, pool: Pool, start: datetime) -> Iterator[Asked]:
    policy = world.second_policy()
    calendar = build_calendar(policy, start.date())
    yield Asked(start, MANAGER, r.PublishPolicy(policy=policy, calendar=calendar))


def _for_zhao(_: Desk, pool: Pool, start: datetime) -> Iterator[Asked]:
    """Zhao is on the road; the manager claims for him."""
    for _score, _number, lead_id in pool.claimable:
        yield Asked(start, MANAGER, r.ClaimLead(lead=lead_id, rep="zhao"))
        return


def _correction(_: Desk, pool: Pool, start: datetime) -> Iterator[Asked]:
    """Somebody found out how large a company is, which changes its score."""
    for lead in pool.leads.values():
        if lead.status == PUBLIC and lead.unpack().company.size is None:
            yield Asked(start, MANAGER, r.EditLead(lead=lead.id, company=Company(size=800)))
            return


def _withdrawal(_: Desk, pool: Pool, start: datetime) -> Iterator[Asked]:
    for lead in _best_of(pool, "sun", 1):
        yield Asked(start, MANAGER, r.WithdrawLead(lead=lead.id, reason="客户投诉没人联系"))


def _pause_zhang(_: Desk, pool: Pool, start: datetime) -> Iterator[Asked]:
    yield Asked(start, MANAGER, r.PauseMember(member="zhang"))


def _resume_zhang(_: Desk, pool: Pool, start: datetime) -> Iterator[Asked]:
    yield Asked(start, MANAGER, r.ResumeMember(member="zhang"))


def _leaves(_: Desk, pool: Pool, start: datetime) -> Iterator[Asked]:
    """Sun leaves: the leads go back to the pool, the customers to Chen."""
    yield Asked(start, MANAGER, r.RemoveMember(member="sun", customers_to="chen"))


_EVENTS = {
    (date(2026, 10, 9), 14, 0): _for_zhao,
    (date(2026, 10, 12), 9, 0): _training,
    (date(2026, 10, 13), 11, 0): _correction,
    (date(2026, 10, 15), 9, 0): _new_policy,
    (date(2026, 10, 20), 10, 0): _pause_zhang,
    (date(2026, 10, 21), 15, 0): _withdrawal,
    (date(2026, 10, 22), 14, 0): _resume_zhang,
    (date(2026, 10, 26), 9, 0): _leaves,
}
