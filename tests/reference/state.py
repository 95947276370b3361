"""The reference model's memory: what the facts of a pool say, folded one after the other.

Nothing is indexed and nothing is decided here; whoever wants to know something looks through all of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from leadflow.domain import events as e
from leadflow.domain.members import MemberTraits
from leadflow.domain.policy import Policy
from leadflow.domain.values import Company, Person, Touch
from tests.reference.calendar import Clock

LIVE = ("public", "queue", "private")
NO_CHANGE = (e.RequestRefused, e.RecycleWarned, e.ContactRevealed, e.AssignmentFailed)
KINDS = ("phones", "emails", "wechats")


@dataclass
class Member:
    """Somebody who is or was a member."""

    id: str
    role: str
    traits: MemberTraits
    present: bool = True
    paused: bool = False
    paused_until: datetime | None = None


@dataclass
class Lead:
    """What is known of a lead."""

    id: str
    born: int
    """Sequence of the fact that brought it: its age."""
    fresh: datetime
    """When it came: a head start counts from here."""
    touches: list[Touch]
    asked: int
    filled: int
    score: int
    rule: str | None
    status: str = "public"
    public_since: datetime | None = None
    owner: str | None = None
    since: datetime | None = None
    """From when the owner's deadlines count."""
    until: datetime | None = None
    warnings: dict[str, datetime] = field(default_factory=dict)
    """Those of that deadline that are still to come, by the policy under which it was given."""
    contacted: bool = False
    """A contact that counts was logged since."""
    protected: bool = False
    protected_until: datetime | None = None
    queue: str | None = None
    merged_into: str | None = None
    points: dict[str, list[str]] = field(default_factory=dict)
    company: dict[str, Any] = field(default_factory=dict)
    collaborators: dict[str, datetime | None] = field(default_factory=dict)
    had: list[str] = field(default_factory=list)
    """Reps that owned it, the last one last."""
    left: dict[str, datetime] = field(default_factory=dict)
    """When it last left each rep."""
    failed: e.AssignmentFailed | None = None
    """Nobody could be given it, and nothing has happened to it since."""
    waits: tuple[str, ...] = ()
    """The groups of which somebody gets it as soon as somebody can."""
    contacts: int = 0
    last: int = 0
    given: int = 0
    """Sequence of the fact that gave or closed it."""

    def learn(self, person: Person) -> None:
        for kind in KINDS:
            known = self.points.setdefault(kind, [])
            known += [value for value in getattr(person, kind) if value not in known]

    def describe(self, company: Company, over: bool) -> None:
        """What is said of the company; `over` what was known, or only where nothing was."""
        for name in Company.model_fields:
            value = getattr(company, name)
            if value is not None and (over or self.company.get(name) is None):
                self.company[name] = value


class History:
    """The facts of a pool so far, and what they add up to."""

    def __init__(self) -> None:
        self.facts: list[e.Event] = []
        self.leads: dict[str, Lead] = {}
        self.members: dict[str, Member] = {}
        self.opener = ""
        self.policy = Policy()
        self.clock: Clock
        self.away: dict[tuple[str, datetime], set[str]] = {}
        """Why a rep can be given nothing at a moment, as worked out since the last fact."""

    @property
    def time(self) -> datetime:
        return self.facts[-1].time

    def reps(self, *, gone: bool = False) -> list[str]:
        """Ids of the reps that are there; with `gone`, of those, too, who were when they left."""
        return sorted(m.id for m in self.members.values() if (m.present or gone) and m.role == "rep")

    def is_rep(self, name: str | None) -> bool:
        return name in self.reps()

    def group(self, name: str, *, gone: bool = False) -> list[str]:
        """Ids of the reps in a group; with `gone`, of those, too, who have left."""
        group = self.policy.groups.get(name)
        if group is None:
            return []
        return [rep for rep in self.reps(gone=gone) if group.reps == "all" or rep in group.reps]

    def groups_for(self, lead: Lead) -> tuple[str, ...]:
        """The groups that may get a lead without anybody asking: its rule's, else the fallback."""
        rule = self.policy.rule(lead.rule)
        named = (rule.target.rotation if rule else None, self.policy.recycling.fallback)
        return tuple(dict.fromkeys(group for group in named if group is not None))

    def _waits_now(self, lead: Lead) -> tuple[str, ...]:
        """Under a new policy a lead waits for whom its rule names now; without the rule, it waits on."""
        rule = self.policy.rule(lead.rule)
        if lead.failed is not None and lead.failed.mode == "timeout":
            return self.groups_for(lead)
        if rule is not None:
            return (rule.target.rotation,) if rule.target.rotation else ()
        return tuple(group for group in lead.waits if group in self.policy.groups)

    def _warnings(self, lead: Lead, now: datetime) -> None:
        lead.warnings = {}
        for before in self.policy.follow_up.warn_before if lead.until is not None else ():
            moment = self.clock.before(lead.until, before)
            if moment is not None and moment > now:
                lead.warnings[str(before)] = moment

    def of(self, rep: str, *statuses: str) -> list[Lead]:
        """Leads that a rep owns, by status."""
        return [x for x in self.leads.values() if x.owner == rep and x.status in statuses]

    def holder(self, kind: str, value: str) -> Lead | None:
        """Which lead of this pool has a contact point: the oldest of them."""
        found = [
            lead
            for lead in self.leads.values()
            if lead.status not in ("merged", "transferred") and value in lead.points.get(kind, ())
        ]
        return min(found, key=lambda x: x.born, default=None)

    def fold(self, event: e.Event) -> None:
        self.facts.append(event)
        self.away = {}
        data = event.data
        lead = self.leads.get(event.subject)
        promised = (lead.until, lead.protected) if lead is not None else None
        if isinstance(data, e.PoolOpened):
            self.opener = event.actor
        elif isinstance(data, e.PolicyPublished):
            self.policy = data.policy
            self.clock = Clock(data.policy, data.calendar)
            for waiting in self.leads.values():
                if waiting.waits:
                    waiting.waits = self._waits_now(waiting)
        elif isinstance(data, (e.MemberJoined, e.MemberChanged)):
            known = self.members.get(data.member)
            self.members[data.member] = Member(data.member, data.role, data.traits)
            if known is not None and isinstance(data, e.MemberChanged):
                self.members[data.member].paused = known.paused
                self.members[data.member].paused_until = known.paused_until
        elif isinstance(data, (e.MemberPaused, e.MemberResumed, e.MemberLeft)):
            member = self.members[data.member]
            member.paused = isinstance(data, e.MemberPaused)
            member.paused_until = data.until if isinstance(data, e.MemberPaused) else None
            member.present = not isinstance(data, e.MemberLeft)
        elif isinstance(data, e.LeadTransferredIn) and data.into is not None:
            self._joins(self.leads[data.into], data.person, data.company, data.touches)
        elif isinstance(data, (e.LeadCaptured, e.LeadTransferredIn)):
            self._arrived(event, data)
        elif lead is not None:
            self._about(lead, event)
        given = isinstance(data, (e.LeadAssigned, e.LeadClaimed))
        given = given or (isinstance(data, e.LeadHandedOver) and data.fresh)
        if lead is not None and (given or (lead.until, lead.protected) != promised):
            self._warnings(lead, event.time)
        if (lead := self.leads.get(event.subject)) and not isinstance(data, NO_CHANGE):
            lead.last = event.sequence

    def _arrived(self, event: e.Event, data: e.LeadCaptured | e.LeadTransferredIn) -> None:
        touches = [data.touch] if isinstance(data, e.LeadCaptured) else list(data.touches)
        lead = Lead(
            event.subject, event.sequence, event.time, touches, data.asked, data.filled, data.score, data.rule
        )
        lead.public_since = event.time
        lead.learn(data.person)
        lead.describe(data.company, over=True)
        self.leads[event.subject] = lead

    def _about(self, lead: Lead, event: e.Event) -> None:
        data = event.data
        if isinstance(data, (e.LeadAssigned, e.LeadClaimed, e.LeadHandedOver)):
            self._given(lead, event, data)
        elif isinstance(data, e.LeadRecycled):
            self._freed(lead, event.time, "public")
            if self.policy.recycling.after_recycle == "rotate" and data.reason != "withdrawn":
                lead.waits = self.groups_for(lead)[:1]
        elif isinstance(data, e.LeadReopened):
            self._freed(lead, event.time, "public")
        elif isinstance(data, e.LeadDisqualified):
            self._freed(lead, event.time, "disqualified")
            lead.given = event.sequence
        elif isinstance(data, e.LeadTransferredOut):
            self._freed(lead, event.time, "transferred")
            lead.given = event.sequence
        elif isinstance(data, e.LeadConverted):
            lead.status, lead.until, lead.protected, lead.collaborators = "converted", None, False, {}
            lead.given = event.sequence
        elif isinstance(data, e.CustomerHandedOver):
            lead.owner = data.to
        elif isinstance(data, e.ContactLogged):
            lead.contacts += 1
            if data.counts and lead.status == "private":
                lead.contacted, lead.until = True, data.until
        elif isinstance(data, e.LeadProtected):
            lead.protected, lead.protected_until = True, data.until
        elif isinstance(data, e.ProtectionEnded):
            lead.protected, lead.protected_until, lead.until = False, None, data.until
        elif isinstance(data, e.CollaboratorAdded):
            lead.collaborators[data.member] = data.expires
        elif isinstance(data, e.CollaboratorRemoved):
            del lead.collaborators[data.member]
        elif isinstance(data, e.RecycleWarned):
            del lead.warnings[data.before]
        elif isinstance(data, e.AssignmentFailed):
            lead.failed = data
            named = (data.group,) if data.group is not None else ()
            lead.waits = self.groups_for(lead) if data.mode == "timeout" else named
        else:
            self._told(lead, event)

    def _joins(self, lead: Lead, person: Person, company: Company, touches: tuple[Touch, ...]) -> None:
        """More is known of a lead; contact points of another lead stay with that one."""
        lead.touches += touches
        free = {k: tuple(v for v in getattr(person, k) if self.holder(k, v) is None) for k in KINDS}
        lead.learn(person.model_copy(update=free))
        lead.describe(company, over=False)

    def _told(self, lead: Lead, event: e.Event) -> None:
        data = event.data
        if isinstance(data, e.TouchRecorded):
            self._joins(lead, data.person, data.company, (data.touch,))
        elif isinstance(data, e.LeadDetailsChanged):
            lead.learn(data.person)
            lead.describe(data.company, over=True)
        elif isinstance(data, e.LeadRescored):
            lead.score = data.score
        elif isinstance(data, e.LeadsMerged):
            absorbed = self.leads[data.absorbed]
            self._freed(absorbed, event.time, "merged")
            absorbed.merged_into, absorbed.given, absorbed.last = lead.id, event.sequence, event.sequence
            for kind in KINDS:
                lead.points.setdefault(kind, []).extend(absorbed.points.get(kind, ()))
            lead.describe(Company(**absorbed.company), over=False)
            lead.touches += data.touches
            lead.contacts += absorbed.contacts

    def _given(
        self, lead: Lead, event: e.Event, data: e.LeadAssigned | e.LeadClaimed | e.LeadHandedOver
    ) -> None:
        lead.failed, lead.waits, lead.queue = None, (), None
        if isinstance(data, e.LeadAssigned) and data.queue is not None:
            lead.status, lead.queue, lead.public_since = "queue", data.queue, event.time
            return
        before = lead.owner
        lead.owner = data.rep if isinstance(data, e.LeadClaimed) else data.to
        assert lead.owner is not None
        if before is not None:
            lead.left[before] = event.time
        if not (isinstance(data, e.LeadHandedOver) and not data.fresh):
            lead.since, lead.contacted = event.time, False
        lead.status, lead.until, lead.given = "private", data.until, event.sequence
        lead.protected, lead.protected_until, lead.public_since = False, None, None
        lead.had.append(lead.owner)

    def _freed(self, lead: Lead, moment: datetime, status: str) -> None:
        if lead.owner is not None:
            lead.left[lead.owner] = moment
        lead.owner = lead.since = lead.until = lead.protected_until = lead.queue = lead.failed = None
        lead.protected = lead.contacted = False
        lead.waits = ()
        lead.collaborators = {}
        lead.status = status
        lead.public_since = moment if status == "public" else None
