"""The state of a pool: what its facts add up to. `evolve.py` folds them in; decisions read it.

State holds what decisions need and nothing else. What must be remembered for ever (contact points,
request identities) is kept as 16-byte digests; what is needed rarely (names, touches) as one compact
JSON document per live lead, the dossier.
"""

from __future__ import annotations

import heapq
import json
from collections import deque
from datetime import date, datetime
from typing import Any

from pydantic import Field

from leadflow.domain.calendar import WorkingTime
from leadflow.domain.deals import Deal, Reversed
from leadflow.domain.events import Candidate, Fact
from leadflow.domain.members import MemberTraits
from leadflow.domain.ordered import SortedRuns
from leadflow.domain.policy import Calendar, Offset, Policy
from leadflow.domain.rotation import Rotation, Turns
from leadflow.domain.scoring import Rules
from leadflow.domain.stream import EPOCH as EPOCH
from leadflow.domain.stream import Stream as Stream
from leadflow.domain.values import Company, Model, Person, Touch, digest, no_company

STATE_VERSION = 5
"""Raised whenever the shape of the state changes: older snapshots are then ignored."""

PUBLIC, QUEUE, PRIVATE = "public", "queue", "private"
CONVERTED, DISQUALIFIED, MERGED, TRANSFERRED = "converted", "disqualified", "merged", "transferred"
LIVE = (PUBLIC, QUEUE, PRIVATE)

WARN, RECYCLE, PROTECTION, COLLABORATION, RESUME = range(5)
"""Kinds of timers."""

Timer = tuple[datetime, int, int, str, str]
"""Due time, sequence of the fact that set it, kind, lead or member, and a further word."""


class Dossier(Model):
    """What a live lead's conversion, transfer or merge carries over."""

    person: Person
    company: Company = Field(default_factory=no_company)
    touches: tuple[Touch, ...]
    asked: int = 0
    filled: int = 0

    def packed(self) -> bytes:
        """The compact form that the state keeps."""
        return type(self).__pydantic_serializer__.to_json(self, exclude_defaults=True)

    @classmethod
    def unpacked(cls, content: bytes) -> Dossier:
        """Read it again; of a lead that only one touch told of, it is the data of `LeadCaptured`."""
        values = json.loads(content)
        if "touch" in values:
            values["touches"] = (values["touch"],)
        return cls.model_validate({name: values[name] for name in cls.model_fields if name in values})


MEMORISED = ("rules", "working", "views", "quiet_until", "chosen_in", "_keys_of")
"""What a pool remembers for speed alone; it is no part of a snapshot."""

_NOBODY: dict[str, tuple[int, datetime | None]] = {}


class Lead:
    """A lead as its pool knows it."""

    __slots__ = (
        "captured_at",
        "closed_seq",
        "collaborators",
        "contacted",
        "contacts",
        "customer",
        "failed",
        "id",
        "industry",
        "last",
        "merged_into",
        "number",
        "owner",
        "owner_seq",
        "past",
        "protected",
        "public_seq",
        "public_since",
        "queue",
        "region",
        "rule",
        "score",
        "since",
        "status",
        "told",
        "until",
        "until_seq",
        "waiting",
    )

    def __init__(self, lead_id: str, number: int, captured_at: datetime) -> None:
        self.id = lead_id
        self.number = number
        """Sequence of the fact that brought it here: the order of age."""
        self.captured_at = captured_at
        self.last = number
        """Sequence of the last fact that changed it: what `if_sequence` is compared with."""
        self.status = PUBLIC
        self.score = 0
        self.region: str | None = None
        self.industry: str | None = None
        self.rule: str | None = None
        self.owner: str | None = None
        self.since = captured_at
        """Since when the owner has held it, as deadlines count."""
        self.owner_seq = 0
        self.until: datetime | None = None
        """The promise: the owner's deadline."""
        self.until_seq = 0
        self.contacted = False
        """Whether a contact that counts was logged since `since`."""
        self.contacts = 0
        self.public_since: datetime | None = None
        """Since when it is public or in a queue; its first decision may give it to a rep at once."""
        self.public_seq = number
        self.queue: str | None = None
        self.past = _NOBODY
        """By rep: how many times it had the lead, and when it last lost it. Whoever lost it last stands last.
        Replaced, never changed."""
        self.protected = 0
        """Sequence of the `LeadProtected` in force, or 0."""
        self.collaborators: dict[str, tuple[int, datetime | None]] | None = None
        """By member: sequence of the fact, and when it expires."""
        self.waiting: tuple[str, ...] = ()
        """Groups whose next available rep gets it."""
        self.failed = ""
        """The cause that the last `AssignmentFailed` named, so that it is said once."""
        self.customer: str | None = None
        self.closed_seq = 0
        self.merged_into: str | None = None
        self.told: Fact | bytes = b""
        """The dossier; of a fact that nobody has written yet, the fact."""

    @property
    def dossier(self) -> bytes:
        """What its conversion, transfer or merge carries over, as JSON."""
        told = self.told
        if not isinstance(told, bytes):
            told = self.told = told.packed
        return told

    def unpack(self) -> Dossier:
        """The dossier, read."""
        return Dossier.unpacked(self.dossier)


class Member:
    """A member of the pool, with what limits count."""

    __slots__ = (
        "changed_seq",
        "changed_time",
        "claims",
        "claims_by_class",
        "claims_day",
        "customers",
        "held",
        "id",
        "last_claim",
        "last_given",
        "left",
        "paused",
        "protected",
        "reveals",
        "reveals_day",
        "role",
        "traits",
    )

    def __init__(self, member: str, role: str, traits: MemberTraits) -> None:
        self.id = member
        self.role = role
        self.traits = traits
        self.paused = 0
        """Sequence of the `MemberPaused` in force, or 0."""
        self.left = False
        self.held: dict[str, None] = {}
        """Ids of the leads that it owns, in the order in which it got them."""
        self.customers: dict[str, None] = {}
        """Ids of the leads whose customers it owns."""
        self.protected = 0
        self.changed_seq = 0
        self.changed_time = EPOCH
        """When its availability last changed by a fact: rotation shares count from there."""
        self.last_given = 0
        """Sequence of its last assignment by a rotation: who waited longest goes first in a tie."""
        self.last_claim: datetime | None = None
        self.claims_day = date.min
        self.claims = 0
        self.claims_by_class: dict[str, int] = {}
        self.reveals_day = date.min
        self.reveals = 0

    def keep_counts(self, before: Member) -> None:
        """What limits have counted of the same person when it was a member before."""
        self.last_claim, self.last_given = before.last_claim, before.last_given
        self.claims_day, self.claims = before.claims_day, before.claims
        self.claims_by_class = before.claims_by_class
        self.reveals_day, self.reveals = before.reveals_day, before.reveals

    def claims_on(self, day: date) -> int:
        """Claims made on that local day."""
        return self.claims if self.claims_day == day else 0

    def class_claims_on(self, day: date, score_class: str) -> int:
        """Claims of that score class on that local day."""
        return self.claims_by_class.get(score_class, 0) if self.claims_day == day else 0

    def reveals_on(self, day: date) -> int:
        """Contact points revealed on that local day."""
        return self.reveals if self.reveals_day == day else 0


class Pool(Stream):
    """A sales team's pool: the consistency boundary. Everything in it is decided in one order."""

    def __init__(self, pool_id: str) -> None:
        super().__init__(pool_id)
        self.clock = "real"
        self.opener = ""
        self.policy = Policy()
        self.policy_seq = 0
        self.policy_time = EPOCH
        self.calendar = Calendar(offsets=(Offset(start=EPOCH, minutes=0),))
        self._prepare()
        self.members: dict[str, Member] = {}
        self.leads: dict[str, Lead] = {}
        self.contacts: dict[bytes, Lead] = {}
        self.deals: dict[int, Deal | Reversed] = {}
        """By sequence of the `DealRecorded`."""
        self.rotations: dict[str, Rotation] = {}
        self.timers: list[Timer] = []
        self.claimable = SortedRuns()
        """Public leads as (-score, number, id): best first, then oldest."""
        self.unclaimed: list[tuple[datetime, int, str]] = []
        """Public and queued leads in the order in which `assign_after` runs out (heap)."""
        self.fresh: deque[str] = deque()
        """Leads that began to wait for a rotation and were not tried yet."""
        self.waiting: dict[tuple[str, ...], SortedRuns] = {}
        """Leads that wait for a rep of these groups, as (number, id)."""
        self.waiting_kinds: dict[tuple[str, ...], dict[tuple[str | None, str | None], int]] = {}
        """How many of them have which region and industry."""
        self.availability_changed = True
        """Whether somebody may have become available since `retry_at` was worked out."""
        self.retry_at: datetime | None = None
        """When a waiting lead may find somebody next; worked out from the rest, never a fact's."""
        self.claims_day = date.min
        self.claims = 0

    def __getstate__(self) -> dict[str, object]:
        # What is only memorised for speed need not be in a snapshot.
        return {name: value for name, value in self.__dict__.items() if name not in MEMORISED}

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state)
        self._prepare()

    def _prepare(self) -> None:
        self.views: dict[str, Any] = {}
        """What distribution memorises of each group until somebody's availability changes."""
        self.quiet_until = EPOCH
        """Nothing is due before then: what brings a deadline sooner sets it back."""
        self.chosen_in: tuple[tuple[Candidate, ...], Turns | None] = ((), None)
        """The last choice's candidates and turns: it is decided, then folded in."""
        self._keys_of: tuple[Person | None, list[tuple[str, bytes]]] = (None, [])
        """The last arrival's contact points: it is matched, then folded in."""
        self.rules = Rules(self.policy)
        self.working = WorkingTime(self.calendar, self.policy.calendar)

    def publish(self, version: int, policy: Policy, calendar: Calendar) -> None:
        """This version is in force from here on."""
        self.policy_version, self.policy, self.calendar = version, policy, calendar
        self.availability_changed = True
        self._prepare()

    def rep(self, member_id: str | None) -> Member | None:
        """The present rep of that id."""
        member = self.members.get(member_id) if member_id else None
        return member if member and member.role == "rep" and not member.left else None

    def reps_of(self, group: str) -> list[Member]:
        """The present reps of a group, in the policy's order (`all`: in the order they joined)."""
        rules = self.policy.groups.get(group)
        if rules is None:
            return []
        if rules.reps == "all":
            return [m for m in self.members.values() if m.role == "rep" and not m.left]
        return [rep for rep in map(self.rep, rules.reps) if rep]

    def in_group(self, member: Member, group: str) -> bool:
        """Whether the policy counts the member to the group, present or not."""
        rules = self.policy.groups.get(group)
        return rules is not None and (rules.reps == "all" or member.id in rules.reps)

    def cap_of(self, member: Member) -> int | None:
        """How many leads the rep may hold at once."""
        own = member.traits.holding_cap
        return own if own is not None else self.rules.held_at_once

    def at_cap(self, member: Member) -> bool:
        """Whether the rep holds all it may."""
        cap = self.cap_of(member)
        return cap is not None and len(member.held) >= cap

    def claims_on(self, day: date) -> int:
        """Claims in the whole pool on that local day."""
        return self.claims if self.claims_day == day else 0

    def timer(self, due: datetime, sequence: int, kind: int, subject: str, word: str = "") -> None:
        """Note a deadline; one that no longer holds when it comes due is passed over."""
        heapq.heappush(self.timers, (due, sequence, kind, subject, word))
        if due < self.quiet_until:
            self.quiet_until = due

    def contact_keys(self, person: Person) -> list[tuple[str, bytes]]:
        """The person's contact points in the order of matching: phone, e-mail, WeChat id."""
        known, keys = self._keys_of
        if known is person:
            return keys
        keys = []
        for kind, points in (("phone", person.phones), ("email", person.emails), ("wechat", person.wechats)):
            for point in points:
                keys.append((kind, digest(kind, point)))
        self._keys_of = (person, keys)
        return keys
