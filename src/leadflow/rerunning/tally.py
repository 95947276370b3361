"""What a stretch of a pool's history came to, counted from its facts."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from leadflow.domain import events as e

PUBLIC, QUEUE, PRIVATE, CUSTOMER, CLOSED = "public", "queue", "private", "customer", "closed"
CLAIMS = ("ClaimLead", "ClaimNext")


@dataclass
class RepTally:
    """What one rep got and did."""

    assigned: int = 0
    claimed: int = 0
    handed: int = 0
    """Leads that a colleague's became."""
    recycled: int = 0
    """Leads that it did not keep."""
    refused: int = 0
    """Claims that were refused."""
    contacts: int = 0
    converted: int = 0
    held: int = 0
    """Leads at the end."""


@dataclass
class Tally:
    """Counts of a pool's facts; leads are known by id, so that two tallies can be compared."""

    leads: int = 0
    assigned: Counter[str] = field(default_factory=Counter)
    """By mode: rotation, directed, timeout, manual; `queue` into one."""
    failed: Counter[str] = field(default_factory=Counter)
    """Assignments that found nobody, by reason."""
    claims: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    """Claims that were refused, by reason."""
    handed_over: int = 0
    warned: int = 0
    recycled: Counter[str] = field(default_factory=Counter)
    contacts: int = 0
    converted: int = 0
    deals: int = 0
    revenue: defaultdict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    disqualified: int = 0
    waits: list[timedelta] = field(default_factory=list)
    """From its capture to its first owner, of each lead that came and found one."""
    reps: defaultdict[str, RepTally] = field(default_factory=lambda: defaultdict(RepTally))
    first: dict[str, str] = field(default_factory=dict)
    """First owner of each lead that came."""
    owner: dict[str, str] = field(default_factory=dict)
    """Of each lead and customer that has one at the end."""
    state: dict[str, str] = field(default_factory=dict)
    _came: dict[str, datetime] = field(default_factory=dict)
    _deals: set[int] = field(default_factory=set, compare=False)
    """Sequences of those that count: an earlier one that is reversed was never among them. No figures: they
    are places in their own history."""

    def add(self, event: e.Event, *, counts: bool = True) -> None:
        """One more fact; with `counts` off, of the time before what is counted."""
        self._place(event, counts)
        if counts:
            self._count(event)

    def _place(self, event: e.Event, counts: bool) -> None:
        lead = event.subject
        match event.data:
            case e.LeadCaptured() | e.LeadTransferredIn(into=None):
                self.state[lead] = PUBLIC
                if counts:
                    self.leads += 1
                    self._came[lead] = event.time
            case e.LeadAssigned(to=None):
                self.state[lead] = QUEUE
            case e.LeadAssigned(to=str(rep)) | e.LeadClaimed(rep=rep) | e.LeadHandedOver(to=rep):
                self.state[lead], self.owner[lead] = PRIVATE, rep
                if (came := self._came.pop(lead, None)) is not None:
                    self.first[lead] = rep
                    self.waits.append(event.time - came)
            case e.LeadRecycled() | e.LeadReopened():
                self.state[lead] = PUBLIC
                self.owner.pop(lead, None)
            case e.LeadConverted(owner=rep):
                self.state[lead], self.owner[lead] = CUSTOMER, rep
            case e.CustomerHandedOver(to=rep):
                self.owner[lead] = rep
            case e.LeadDisqualified():
                self.state[lead] = CLOSED
                self.owner.pop(lead, None)
            case e.LeadsMerged(absorbed=gone):
                self._forget(gone)
            case e.LeadTransferredOut():
                self._forget(lead)

    def _forget(self, lead: str) -> None:
        self.state.pop(lead, None)
        self.owner.pop(lead, None)
        self._came.pop(lead, None)

    def _count(self, event: e.Event) -> None:
        match event.data:
            case e.LeadAssigned(to=None):
                self.assigned["queue"] += 1
            case e.LeadAssigned(to=str(rep), mode=mode):
                self.assigned[mode] += 1
                self.reps[rep].assigned += 1
            case e.AssignmentFailed(reason=reason):
                self.failed[reason] += 1
            case e.LeadClaimed(rep=rep):
                self.claims += 1
                self.reps[rep].claimed += 1
            case e.RequestRefused(request=request, reason=reason, rep=rep) if request in CLAIMS:
                self.refused[reason] += 1
                if rep is not None:
                    self.reps[rep].refused += 1
            case e.LeadHandedOver(to=rep):
                self.handed_over += 1
                self.reps[rep].handed += 1
            case e.RecycleWarned():
                self.warned += 1
            case e.LeadRecycled(rep=rep, reason=reason):
                self.recycled[reason] += 1
                self.reps[rep].recycled += 1
            case e.ContactLogged(by=by):
                self.contacts += 1
                self.reps[by].contacts += 1
            case e.LeadConverted(owner=rep):
                self.converted += 1
                self.reps[rep].converted += 1
            case e.DealRecorded(value=value):
                self._deals.add(event.sequence)
                self.deals += 1
                self.revenue[value.currency] += value.amount
            case e.DealReversed(recorded_sequence=recorded, value=value) if recorded in self._deals:
                self.deals -= 1
                self.revenue[value.currency] -= value.amount
            case e.LeadDisqualified():
                self.disqualified += 1

    def end(self) -> None:
        """All facts were added: say who holds what."""
        for lead, rep in self.owner.items():
            self.reps[rep].held += self.state.get(lead) == PRIVATE

    def now(self, state: str) -> int:
        """How many leads are in this state at the end."""
        return sum(one == state for one in self.state.values())

    def wait(self, share: float) -> timedelta | None:
        """So long or shorter was the wait for a first owner of this share of those who found one."""
        ordered = sorted(self.waits)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else None
