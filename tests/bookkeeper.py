"""A second opinion: what the facts of a pool may say after one another, from the facts alone.

Shares no code with the domain's fold, so that a mistake there is not believed here. It holds a lead to
one owner, limits to their figures, and promises to their times.
"""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, timedelta

from leadflow.domain import events as e
from leadflow.domain.members import MemberTraits
from leadflow.domain.policy import Claiming, Policy

SHANGHAI = timedelta(hours=8)
OPEN, HELD, SOLD, GONE = "open", "held", "sold", "gone"
OVERDUE = ("no_first_contact", "inactive", "held_too_long")


class Bookkeeper:
    """The books of one pool whose days are Shanghai's."""

    def __init__(self) -> None:
        self.sequence = 0
        self.time: datetime | None = None
        self.policy = Policy()
        self.members: dict[str, MemberTraits] = {}
        """Present reps."""
        self.paused: set[str] = set()
        self.status: dict[str, str] = {}
        self.owner: dict[str, str] = {}
        self.promise: dict[str, datetime | None] = {}
        self.protected: dict[str, str] = {}
        """Lead → who protects it."""
        self.deals: dict[int, str] = {}
        """Sequence of each deal that counts → lead."""
        self.last_claim: dict[str, datetime] = {}
        self.left_at: dict[tuple[str, str], datetime] = {}
        self.counts: Counter[tuple[date, str, str]] = Counter()
        """Of a local day: claims by `rep` and by `class`, reveals by rep."""

    def enter(self, event: e.Event) -> None:
        """Book one fact. Raises AssertionError if it may not follow the ones before."""
        assert event.sequence == self.sequence + 1, event.id
        assert self.time is None or event.time >= self.time, f"{event.id} goes back in time"
        self.sequence, self.time = event.sequence, event.time
        self._book(event, event.data)

    def _book(self, event: e.Event, data: e.Fact) -> None:
        lead = event.subject
        match data:
            case e.PolicyPublished():
                self.policy = data.policy
            case e.MemberJoined() | e.MemberChanged():
                self.members.pop(data.member, None)
                if data.role == "rep":
                    self.members[data.member] = data.traits
                    self.paused -= {data.member} if isinstance(data, e.MemberJoined) else set()
            case e.MemberPaused():
                self.paused.add(data.member)
            case e.MemberResumed():
                self.paused.remove(data.member)
            case e.MemberLeft():
                assert data.member not in self.owner.values(), f"{data.member} leaves with leads"
                self.members.pop(data.member, None)
            case e.LeadCaptured():
                assert lead not in self.status, f"{lead} is captured twice"
                self.status[lead] = OPEN
            case e.LeadTransferredIn():
                assert data.into is not None or self.status.get(lead, GONE) == GONE
                self.status.setdefault(lead, OPEN)
                if data.into is None:
                    self.status[lead] = OPEN
            case e.LeadTransferredOut():
                self._closed(lead, OPEN)
            case e.LeadReopened():
                assert self.status[lead] == GONE
                self.status[lead] = OPEN
            case e.LeadDisqualified():
                self._closed(lead, OPEN, HELD)
            case e.LeadsMerged():
                assert self.owner.get(data.absorbed) == data.absorbed_owner
                self._closed(data.absorbed, OPEN, HELD, GONE)
            case e.RequestRefused() if data.reason == "already_owned":
                assert self.owner[lead] == data.winner
                assert data.position is not None
                assert data.position < event.sequence
            case _:
                self._holding(event, data)

    def _closed(self, lead: str, *before: str) -> None:
        assert self.status[lead] in before, (lead, self.status[lead])
        self.status[lead] = GONE
        self.owner.pop(lead, None)
        self.promise.pop(lead, None)
        self.protected.pop(lead, None)

    def _holding(self, event: e.Event, data: e.Fact) -> None:
        lead = event.subject
        match data:
            case e.LeadClaimed():
                self._claim(event, data)
                self._give(lead, data.rep, data.until)
            case e.LeadAssigned() if data.to is not None:
                assert data.mode == "manual" or data.to not in self.paused
                self._give(lead, data.to, data.until)
            case e.LeadHandedOver():
                old = self._lose(lead, data.from_rep, event.time)
                # Later than the old one it is where the lead was protected until here.
                assert data.fresh or not self._shortened(old, data.until), f"{event.id} shortens {old}"
                self._give(lead, data.to, data.until)
            case e.LeadRecycled():
                overdue = data.reason in OVERDUE
                assert not (overdue and lead in self.protected), f"{lead} is recycled under protection"
                promise = self._lose(lead, data.rep, event.time)
                assert not overdue or (promise is not None and event.time >= promise), f"{event.id} is early"
            case e.RecycleWarned():
                assert self.owner[lead] == data.rep
                assert self.promise[lead] == data.until
            case e.ContactLogged() if self.status[lead] == HELD:
                self._promise_again(lead, data.until)
            case e.LeadProtected():
                assert self.owner[lead] == data.rep
                self.protected[lead] = data.rep
                used = Counter(self.protected.values())[data.rep]
                assert used <= self.policy.follow_up.protected_per_rep, data.rep
            case e.ProtectionEnded():
                assert self.protected.pop(lead) == data.rep
                self._promise_again(lead, data.until)
            case e.LeadConverted():
                assert self.status[lead] == HELD
                assert self.owner[lead] == data.owner
                self.status[lead] = SOLD
                self.promise.pop(lead)
                self.protected.pop(lead, None)
            case e.CustomerHandedOver():
                assert self.status[lead] == SOLD
                assert self.owner[lead] == data.from_rep
                assert data.to in self.members
                self.owner[lead] = data.to
            case e.DealRecorded():
                assert self.status[lead] == SOLD
                assert self.owner[lead] == data.owner
                self.deals[event.sequence] = lead
            case e.DealReversed():
                assert self.deals.pop(data.recorded_sequence) == lead
            case e.ContactRevealed() if event.actor.startswith("rep/"):
                self._count("reveal", data.by, event.time, self.policy.claiming.reveals_per_day)

    def _give(self, lead: str, rep: str, until: datetime | None) -> None:
        assert self.status[lead] == OPEN, f"{lead} is {self.status[lead]}, owner {self.owner.get(lead)}"
        assert rep in self.members, f"{rep} is no rep here"
        self.status[lead], self.owner[lead], self.promise[lead] = HELD, rep, until
        cap = self.members[rep].holding_cap
        cap = self.policy.claiming.held_at_once if cap is None else cap
        held = sum(1 for x, owner in self.owner.items() if owner == rep and self.status[x] == HELD)
        assert cap is None or held <= cap, f"{rep} holds {held} of {cap}"

    def _lose(self, lead: str, rep: str, time: datetime) -> datetime | None:
        assert self.status[lead] == HELD
        assert self.owner.pop(lead) == rep
        self.status[lead] = OPEN
        self.left_at[lead, rep] = time
        self.protected.pop(lead, None)
        return self.promise.pop(lead)

    def _promise_again(self, lead: str, until: datetime | None) -> None:
        old = self.promise[lead]
        assert not self._shortened(old, until), f"{lead}: {old} is shortened to {until}"
        self.promise[lead] = until

    @staticmethod
    def _shortened(old: datetime | None, new: datetime | None) -> bool:
        return new is not None and (old is None or new < old)

    def _claim(self, event: e.Event, data: e.LeadClaimed) -> None:
        rules: Claiming = self.policy.claiming
        assert data.rep not in self.paused
        last = self.last_claim.get(data.rep)
        assert rules.min_gap is None or last is None or event.time >= last + rules.min_gap.clock
        left_at = self.left_at.get((event.subject, data.rep))
        assert rules.cool_down is None or left_at is None or event.time >= left_at + rules.cool_down.clock
        self.last_claim[data.rep] = event.time
        self._count("rep", data.rep, event.time, rules.per_rep_per_day)
        self._count("pool", "", event.time, rules.per_pool_per_day)
        day = (event.time + SHANGHAI).date()
        for group, most in rules.per_group_per_day.items():
            named = self.policy.groups[group].reps
            reps = set(self.members) if named == "all" else self.members.keys() & set(named)
            assert data.rep not in reps or sum(self.counts[day, "rep", rep] for rep in reps) <= most, group
        if data.score_class is not None:
            limit = rules.per_class_per_day.get(data.score_class)
            self._count("class", f"{data.rep} {data.score_class}", event.time, limit)

    def _count(self, what: str, who: str, time: datetime, limit: int | None) -> None:
        key = ((time + SHANGHAI).date(), what, who)
        self.counts[key] += 1
        assert limit is None or self.counts[key] <= limit, (key, self.counts[key], limit)
