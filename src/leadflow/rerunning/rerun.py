"""A pool's history decided anew, under another policy or under those that there were.

What people did is taken as it was, and asked for again at the same moments: arrivals, members' comings and
goings, claims by who asked for them. Work on a lead (a contact, a conversion, a return) is done by whoever
has the lead then. All else, who is given a lead, until when, what goes back, is what the rules decide. Under
the policies that there were, that gives the facts of the log again.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from leadflow.domain import events as e
from leadflow.domain import requests as r
from leadflow.domain.deadlines import decide_due
from leadflow.domain.decide import decide
from leadflow.domain.evolve import CLOCK, evolve
from leadflow.domain.policy import Calendar, Policy
from leadflow.domain.pool import Member, Pool
from leadflow.domain.values import id_of, role_of
from leadflow.errors import UsageError
from leadflow.rerunning.asking import NotKept, asked
from leadflow.rerunning.tally import Tally

RULER = "manager/local"
"""Who publishes the policy that is tried."""
NOBODYS = "nobody_has_the_lead"
"""Why work that was done could not have been, where that is the reason."""
_BY_NAME = (r.ClaimLead, r.RevealContact)
_COUNTED = (e.LeadClaimed,)
"""Claims that are refused now are among the figures."""


@dataclass(frozen=True)
class Tried:
    """A policy to be tried, with its calendar's days."""

    policy: Policy
    calendar: Calendar


@dataclass
class Rerun:
    """What came of it."""

    was: Tally = field(default_factory=Tally)
    would: Tally = field(default_factory=Tally)
    facts_were: int = 0
    facts_would: int = 0
    not_asked: Counter[str] = field(default_factory=Counter)
    """Requests that were refused, and of which the log does not keep enough to ask again, by name."""
    refused_anyway: int = 0
    """Requests that were refused for reasons that no policy takes away: they are not asked again."""
    not_done: Counter[str] = field(default_factory=Counter)
    """What was done and could not be done again, by the request's name and the reason."""
    from_time: datetime | None = None
    to_time: datetime | None = None
    differs_at: str | None = None
    """The first fact of the log that was not decided again as it stands there, in words."""


def decisions(events: Iterable[e.Event]) -> Iterator[list[e.Event]]:
    """The facts of each decision together."""
    decision: list[e.Event] = []
    for event in events:
        decision.append(event)
        if event.fact_index == event.fact_count:
            yield decision
            decision = []


class Rerunning:
    """One pool while its history is decided anew."""

    def __init__(self, pool: str, tried: Tried | None = None, since: datetime | None = None) -> None:
        """`tried` holds from `since` on, whatever was published later; from the beginning if that is None.
        Without it, the policies hold that were published."""
        self.pool = Pool(pool)
        self.found = Rerun()
        self._tried = tried
        self._since = since
        self._begun = since is None
        self._deals: dict[int, int] = {}
        """By the sequence of a deal that was recorded, the one that it has now."""
        self._were: deque[e.Event] = deque()
        self._again_so_far: deque[e.Event] = deque()
        """Facts of the two histories that have not been compared yet."""

    def run(self, events: Iterable[e.Event], until: datetime) -> Iterator[e.Event]:
        """The facts from `since` to `until` as they would have been.

        Raises UsageError where the pool's members leave the policy a hole at that time.
        """
        found = self.found
        for decision in decisions(events):
            now = decision[0].time
            if now > until:
                break
            if not self._begun and self._since is not None and now >= self._since:
                yield from self._begin(self._since)
            for event in decision:
                found.was.add(event, counts=self._begun)
            if not self._begun:
                for event in decision:
                    found.would.add(event, counts=False)
                    evolve(self.pool, event)
                    if isinstance(event.data, e.DealRecorded):
                        self._deals[event.sequence] = event.sequence
                continue
            found.from_time = found.from_time or now
            yield from self._again(decision)
        if not self._begun and self._since is not None and self._since <= until:
            yield from self._begin(self._since)
        yield from self._fire(until)
        # What became due with the last request was decided again before the log's own facts of it were read.
        self._compare()
        left = (*self._were, *self._again_so_far)
        if left and found.differs_at is None:
            found.differs_at = f"{left[0].id} ({left[0].data.TYPE}, in one of the two alone)"
        found.to_time = until
        found.was.end()
        found.would.end()

    def _begin(self, since: datetime) -> Iterator[e.Event]:
        self._begun = True
        self.found.from_time = since
        yield from self._fire(since)
        if self._tried is None or not self.pool.sequence:
            return
        body = r.PublishPolicy.model_construct(policy=self._tried.policy, calendar=self._tried.calendar)
        request = r.Request.model_construct(
            pool=self.pool.id, source="rerun", id="policy", actor=RULER, at=since, body=body
        )
        facts = decide(self.pool, request, since)
        refused = facts[0].data
        if isinstance(refused, e.RequestRefused):
            raise UsageError(
                f"the policy could not hold then: {refused.reason} ({refused.detail})",
                where=f"pool {self.pool.id} at {since.isoformat()}",
                do="Name groups of reps that were members at that time, or try it from a later time.",
            )
        yield from self._take(facts)
        yield from self._fire(since)

    # --- one decision ---------------------------------------------------------------------------

    def _again(self, decision: Sequence[e.Event]) -> Iterator[e.Event]:
        try:
            request = asked(decision)
        except NotKept as problem:
            self.found.not_asked[problem.name] += 1
            self.found.would.add(decision[0])
            return
        if request is not None or decision[0].actor == CLOCK:
            self.found.facts_were += len(decision)
            self._were += [event for event in decision if self._compared(event)]
        if request is None:
            if decision[0].actor != CLOCK:
                # Refused whatever the policy is.
                self.found.refused_anyway += 1
                self.found.would.add(decision[0])
            return
        now = decision[0].time
        body = self._under_what_is_tried(request.body)
        if body is None:
            return
        yield from self._fire(now)
        request = request.model_copy(update={"body": self._possible(body)})
        facts = decide(self.pool, self._by_whom(request), now)
        refused = facts[0].data if facts else None
        was = decision[0].data
        if isinstance(refused, e.RequestRefused) and not isinstance(was, (e.RequestRefused, *_COUNTED)):
            self.found.not_done[f"{refused.request}: {self._why(body, refused.reason)}"] += 1
        elif facts and isinstance(was, e.DealRecorded):
            self._deals[decision[0].sequence] = facts[0].sequence
        yield from self._take(facts)
        yield from self._fire(now)

    def _why(self, body: r.Body, reason: str) -> str:
        lead = self.pool.leads.get(body.lead) if isinstance(body, r.LeadBody) else None
        return NOBODYS if reason == "not_permitted" and lead is not None and lead.owner is None else reason

    def _under_what_is_tried(self, body: r.Body) -> r.Body | None:
        """The request with the policy that is tried, which is no more replaced."""
        if self._tried is None:
            return body
        if isinstance(body, r.OpenPool):
            policy, calendar = self._tried.policy, self._tried.calendar
            return body.model_copy(update={"policy": policy, "calendar": calendar})
        return None if isinstance(body, r.PublishPolicy) else body

    def _by_whom(self, request: r.Request) -> r.Request:
        """Work on a lead is done by whoever has it now."""
        body, who = request.body, id_of(request.actor)
        if role_of(request.actor) != "rep" or not isinstance(body, r.LeadBody) or isinstance(body, _BY_NAME):
            return request
        lead = self.pool.leads.get(body.lead)
        if lead is None or lead.owner is None or who == lead.owner or who in (lead.collaborators or {}):
            return request
        return request.model_copy(update={"actor": f"rep/{lead.owner}"})

    def _possible(self, body: r.Body) -> r.Body:
        """A member leaves also where it has other leads and customers now: somebody takes them. A deal is
        reversed where it was recorded now."""
        if isinstance(body, r.ReverseDeal):
            return body.model_copy(update={"recorded_sequence": self._deals.get(body.recorded_sequence, 0)})
        if not isinstance(body, r.RemoveMember):
            return body
        member = self.pool.members.get(body.member)
        leads_to = self.pool.rep(body.leads_to)
        if member is None:
            return body
        if leads_to is not None:
            cap = self.pool.cap_of(leads_to)
            if cap is not None and len(leads_to.held) + len(member.held) > cap:
                leads_to = None
        customers_to = body.customers_to or body.leads_to
        if customers_to is None and member.customers:
            others = [rep for rep in self.pool.members.values() if _may_take(rep, member)]
            customers_to = min(others, key=lambda rep: (len(rep.customers), rep.id)).id if others else None
        leads = leads_to.id if leads_to is not None else None
        return body.model_copy(update={"leads_to": leads, "customers_to": customers_to})

    # --- facts ----------------------------------------------------------------------------------

    def _fire(self, now: datetime) -> Iterator[e.Event]:
        if self.pool.sequence:
            while facts := decide_due(self.pool, max(now, self.pool.time)):
                yield from self._take(facts)

    def _take(self, facts: Sequence[e.Event]) -> Iterator[e.Event]:
        for event in facts:
            evolve(self.pool, event)
            self.found.would.add(event)
            self.found.facts_would += 1
            if self._compared(event):
                self._again_so_far.append(event)
            yield event
        self._compare()

    def _compared(self, event: e.Event) -> bool:
        # That another policy holds is what is tried, and no difference.
        return self._tried is None or not isinstance(event.data, e.PolicyPublished)

    def _compare(self) -> None:
        """Compare what there is of both histories, up to the first difference."""
        while self._were and self._again_so_far and self.found.differs_at is None:
            was, again = self._were.popleft(), self._again_so_far.popleft()
            if _in_itself(was) != _in_itself(again):
                other = "" if type(was.data) is type(again.data) else f", now {again.data.TYPE}"
                self.found.differs_at = f"{was.id} ({was.data.TYPE}{other})"
        if self.found.differs_at is not None:
            self._were.clear()
            self._again_so_far.clear()


def _may_take(rep: Member, leaving: Member) -> bool:
    return rep.role == "rep" and not rep.left and rep is not leaving


def _in_itself(event: e.Event) -> tuple[object, ...]:
    """A fact without the places of facts: refusals that are not asked for again leave their places out."""
    fact = event.data
    match fact:
        case e.LeadAssigned(shares=e.Shares() as shares):
            fact = fact.but(shares=shares.but(sequence=0))
        case e.LeadConverted():
            fact = fact.but(captured_sequence=0)
        case e.DealReversed():
            fact = fact.but(recorded_sequence=0)
        case e.LeadTransferredOut():
            fact = fact.but(received_as="")
        case e.RequestRefused():
            fact = fact.but(position=None)
    return event.time, event.subject, event.actor, type(fact), fact
