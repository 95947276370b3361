"""Facts: what happened, immutable. One class per fact and version; names are for ever.

A fact's type name is `leadflow.<family>.<what>.v<n>`. Nothing in a fact is random. A person's name,
contact points and free text stand in `person` and nowhere else.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any, ClassVar, Literal, NamedTuple, TypeVar, cast

from pydantic import Field

from leadflow.domain.members import MemberTraits
from leadflow.domain.policy import Calendar, Policy
from leadflow.domain.routing import RoutingTable
from leadflow.domain.values import (
    Company,
    Model,
    Money,
    Person,
    ScorePart,
    Touch,
    UtcTime,
    no_company,
    nobody,
    set_extra,
    set_given,
    set_private,
    set_values,
)

_DEFAULTS: dict[type[Made], tuple[dict[str, Any], set[str]]] = {}
"""Every field of a class in its order, with its default; and their names."""


class Made(Model):
    """A value that decisions make of valid values: it is checked when it is read, not when it is made.

    mypy holds every construction to the fields; a property test, that each fact made is one that can be
    read. Making one costs a fifth of what its validation would.
    """

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        fields = cls.model_fields.items()
        defaults = {name: field.get_default(call_default_factory=True) for name, field in fields}
        _DEFAULTS[cls] = (defaults, set(defaults))

    def __init__(self, **values: Any) -> None:
        defaults, names = _DEFAULTS[type(self)]
        set_values(self, {**defaults, **values})
        set_given(self, names)
        set_extra(self, None)
        set_private(self, None)

    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]
    """Tells pydantic that reading (`model_validate`) has its own way, which checks."""


M = TypeVar("M", bound=Made)


def maker(kind: type[M]) -> type[M]:
    """Makes values of `kind` as calling it does, in half the time: for what every arrival or claim makes."""
    defaults, names = _DEFAULTS[kind]
    new = kind.__new__

    def make(**values: Any) -> M:
        made = new(kind)
        set_values(made, {**defaults, **values})
        set_given(made, names)
        set_extra(made, None)
        set_private(made, None)
        return made

    # To mypy it is the class, so that every call is held to the fields.
    return cast(type[M], make)


class Fact(Made):
    """Base of all facts' data."""

    TYPE: ClassVar[str]

    @property
    def packed(self) -> bytes:
        """The data as the log has it: JSON without the members that have their default."""
        packed = self.written
        if packed is None:
            packed = type(self).__pydantic_serializer__.to_json(self, exclude_defaults=True)
            # Kept by hand: `cached_property` takes a lock.
            self.__dict__["packed"] = packed
        return packed

    @property
    def written(self) -> bytes | None:
        """The same if somebody has asked for it before; None if nobody has."""
        return self.__dict__.get("packed")

    def keep(self, written: bytes) -> None:
        """These are the bytes that it was read from: it need not be written again."""
        self.__dict__["packed"] = written


class Candidate(Made):
    """A rep that was considered for a lead."""

    rep: str
    weight: int = 1
    had: int | None = None
    """Leads that it got in this rotation since the shares began to count, before this one."""
    skipped: str | None = None
    """Why it was passed over: paused, on_leave, off_hours, at_cap, region, industry, had_it, left."""


class Shares(Made):
    """From when a rotation's shares count: the last change of availability in the group."""

    sequence: int
    time: UtcTime
    turn: int
    """Which assignment since then, among the same eligible reps."""


# --- the pool, its policy and its people ----------------------------------------------------


class PoolOpened(Fact):
    """The pool exists. `clock` says whose time it runs on: the real one, or its requests'."""

    TYPE = "leadflow.pool.opened.v1"
    clock: Literal["real", "requests"] = "real"


class PolicyPublished(Fact):
    """A policy version is in force from here on, with its calendar's days written out."""

    TYPE = "leadflow.policy.published.v1"
    version: int
    policy: Policy
    calendar: Calendar


class MemberJoined(Fact):
    """A person is a member of the pool."""

    TYPE = "leadflow.member.joined.v1"
    member: str
    role: Literal["rep", "manager", "marketing", "support"]
    traits: MemberTraits = Field(default_factory=MemberTraits)


class MemberChanged(Fact):
    """A member's role and traits from here on, whole."""

    TYPE = "leadflow.member.changed.v1"
    member: str
    role: Literal["rep", "manager", "marketing", "support"]
    traits: MemberTraits


class MemberPaused(Fact):
    """A rep gets and claims nothing until it is resumed."""

    TYPE = "leadflow.member.paused.v1"
    member: str
    until: UtcTime | None = None


class MemberResumed(Fact):
    """A paused rep is back."""

    TYPE = "leadflow.member.resumed.v1"
    member: str


class MemberLeft(Fact):
    """A member is gone; its leads and customers went before, in the same decision."""

    TYPE = "leadflow.member.left.v1"
    member: str


class RoutingPublished(Fact):
    """The company's routing table, whole (in `_company`)."""

    TYPE = "leadflow.routing.published.v1"
    version: int
    table: RoutingTable


class SpendRecorded(Fact):
    """What a campaign cost in a period (in `_company`); the same key again replaces the figure."""

    TYPE = "leadflow.spend.recorded.v1"
    channel: str
    campaign: str | None = None
    first_day: date
    last_day: date
    spend: Money
    units: Decimal | None = None
    unit: str | None = None
    replaces: int | None = None
    """Sequence of the figure that this one replaces."""


# --- intake ---------------------------------------------------------------------------------


class LeadCaptured(Fact):
    """A lead exists: its first touch, scored at once."""

    TYPE = "leadflow.lead.captured.v1"
    touch: Touch
    person: Person
    company: Company = Field(default_factory=no_company)
    asked: int = 0
    filled: int = 0
    score: int
    breakdown: tuple[ScorePart, ...] = ()
    score_class: str | None = None
    rule: str | None = None
    """The distribution rule that it met; one that holds leaves no further fact."""


class TouchRecorded(Fact):
    """The same person again. The lead keeps its owner and deadlines."""

    TYPE = "leadflow.lead.touch_recorded.v1"
    touch: Touch
    person: Person
    company: Company = Field(default_factory=no_company)
    matched_by: Literal["phone", "email", "wechat"]
    also_matches: tuple[str, ...] = ()
    """Other leads that the arrival's contact points belong to."""
    owner: str | None = None
    """Whose lead or customer it is; for a customer, the one to be told."""
    status: str = "public"
    """What the lead was when the touch came: public, queue, private, converted, disqualified."""


class LeadDetailsChanged(Fact):
    """Corrected details, as they are from here on; None stays as it was."""

    TYPE = "leadflow.lead.details_changed.v1"
    person: Person = Field(default_factory=nobody)
    company: Company = Field(default_factory=no_company)


class LeadRescored(Fact):
    """A new score, because details changed or a later touch filled them in."""

    TYPE = "leadflow.lead.rescored.v1"
    score: int
    before: int
    breakdown: tuple[ScorePart, ...] = ()
    score_class: str | None = None


class LeadsMerged(Fact):
    """`absorbed` is part of the fact's lead now, which keeps its owner."""

    TYPE = "leadflow.lead.merged.v1"
    absorbed: str
    absorbed_owner: str | None = None
    person: Person = Field(default_factory=nobody)
    """All contact points after the merge, and the reason."""
    company: Company = Field(default_factory=no_company)
    touches: tuple[Touch, ...] = ()
    """The absorbed lead's touches."""


# --- distribution ---------------------------------------------------------------------------


class LeadAssigned(Fact):
    """A lead was given to a rep, or put into a managers' queue."""

    TYPE = "leadflow.lead.assigned.v1"
    to: str | None = None
    queue: str | None = None
    mode: Literal["rotation", "directed", "timeout", "manual"]
    rule: str | None = None
    group: str | None = None
    order: Literal["weighted", "least_loaded"] | None = None
    shares: Shares | None = None
    candidates: tuple[Candidate, ...] = ()
    until: UtcTime | None = None
    """The promise: how long the lead is the rep's."""
    past_calendar: bool = False
    """The deadline lies past the calendar's covered days; plain weekdays were counted there."""
    taken_from: str | None = None
    person: Person = Field(default_factory=nobody)


class AssignmentFailed(Fact):
    """Nobody could be given the lead; it stays in the public pool, and managers are told."""

    TYPE = "leadflow.lead.assignment_failed.v1"
    mode: Literal["rotation", "directed", "timeout"]
    rule: str | None = None
    group: str | None = None
    reason: str
    """no_rule, nobody_available, no_fallback, unknown_rep, unknown_group, rep_unavailable, …."""
    candidates: tuple[Candidate, ...] = ()


class LeadClaimed(Fact):
    """A rep took a public lead; the lower sequence won."""

    TYPE = "leadflow.lead.claimed.v1"
    rep: str
    until: UtcTime | None = None
    past_calendar: bool = False
    chosen: bool = False
    """By `ClaimNext`: the pool chose the lead."""
    score_class: str | None = None


class LeadHandedOver(Fact):
    """From one rep to another; collaborators and history stay."""

    TYPE = "leadflow.lead.handed_over.v1"
    from_rep: str
    to: str
    until: UtcTime | None = None
    past_calendar: bool = False
    fresh: bool = True
    """The new owner got a deadline of its own; otherwise the old one goes on."""
    person: Person = Field(default_factory=nobody)


# --- private pool ---------------------------------------------------------------------------


class ContactLogged(Fact):
    """A contact with the lead, at the moment it was logged."""

    TYPE = "leadflow.lead.contact_logged.v1"
    by: str
    outcome: str
    counts: bool
    """The policy lets this outcome move the deadline."""
    means: str | None = None
    stated_at: UtcTime | None = None
    until: UtcTime | None = None
    """The deadline from here on."""
    past_calendar: bool = False
    person: Person = Field(default_factory=nobody)


class ContactRevealed(Fact):
    """Somebody saw contact points that are masked to them."""

    TYPE = "leadflow.lead.contact_revealed.v1"
    by: str
    person: Person = Field(default_factory=nobody)


class CollaboratorAdded(Fact):
    """A member works on the lead with its owner."""

    TYPE = "leadflow.lead.collaborator_added.v1"
    member: str
    expires: UtcTime | None = None


class CollaboratorRemoved(Fact):
    """A collaboration ended: removed, expired, or the member left."""

    TYPE = "leadflow.lead.collaborator_removed.v1"
    member: str
    reason: Literal["removed", "expired", "left"]


class LeadProtected(Fact):
    """The lead has no deadline while it is protected."""

    TYPE = "leadflow.lead.protected.v1"
    rep: str
    until: UtcTime | None = None


class ProtectionEnded(Fact):
    """The deadline is `max(old deadline, now + keep_for)` from here on."""

    TYPE = "leadflow.lead.protection_ended.v1"
    rep: str
    reason: Literal["expired", "ended"]
    until: UtcTime | None = None
    past_calendar: bool = False


class RecycleWarned(Fact):
    """The owner's deadline is near."""

    TYPE = "leadflow.lead.recycle_warned.v1"
    rep: str
    until: UtcTime
    before: str


class LeadRecycled(Fact):
    """The lead is back in the public pool."""

    TYPE = "leadflow.lead.recycled.v1"
    rep: str
    reason: Literal["no_first_contact", "inactive", "held_too_long", "returned", "withdrawn", "rep_left"]
    since: UtcTime
    """Since when the rep had held it."""
    person: Person = Field(default_factory=nobody)


# --- between pools --------------------------------------------------------------------------


class LeadTransferredOut(Fact):
    """The lead left for another pool, with all that the other half needs."""

    TYPE = "leadflow.lead.transferred_out.v1"
    to_pool: str
    received_as: str
    """Identity of the request that the other pool's fact is caused by: how each names the other."""
    person: Person
    company: Company = Field(default_factory=no_company)
    touches: tuple[Touch, ...]
    asked: int = 0
    filled: int = 0


class LeadTransferredIn(Fact):
    """The lead came from another pool; `into` where it was known here already."""

    TYPE = "leadflow.lead.transferred_in.v1"
    from_pool: str
    from_fact: str
    into: str | None = None
    """The lead here whose contact point it shares: its touches joined that one."""
    also_matches: tuple[str, ...] = ()
    """Other leads here that its contact points belong to."""
    person: Person
    company: Company = Field(default_factory=no_company)
    touches: tuple[Touch, ...]
    asked: int = 0
    filled: int = 0
    score: int
    breakdown: tuple[ScorePart, ...] = ()
    score_class: str | None = None
    rule: str | None = None


# --- closing --------------------------------------------------------------------------------


class LeadConverted(Fact):
    """The lead is a customer; everything known of it is carried over."""

    TYPE = "leadflow.lead.converted.v1"
    customer: str
    owner: str
    person: Person
    company: Company = Field(default_factory=no_company)
    touches: tuple[Touch, ...]
    contacts: int = 0
    """Contacts logged before."""
    score: int
    captured_sequence: int
    """Where the history begins; the timeline holds it."""


class DealRecorded(Fact):
    """Revenue of the customer; counts to the first touch's channel, campaign and day."""

    TYPE = "leadflow.lead.deal_recorded.v1"
    customer: str
    value: Money
    deal: str | None = None
    owner: str


class DealReversed(Fact):
    """A recorded deal no longer counts: it was a mistake, or came to nothing. It is taken back where it
    counted: from its channel, campaign and day, and from its owner's day."""

    TYPE = "leadflow.lead.deal_reversed.v1"
    recorded_sequence: int
    """Sequence of its `DealRecorded`, in the same pool."""
    customer: str
    value: Money
    deal: str | None = None
    owner: str
    """Whose deal it was when it was recorded."""
    day: date
    """The pool's local day on which it was recorded."""
    person: Person = Field(default_factory=nobody)


class LeadDisqualified(Fact):
    """Closed: will never buy."""

    TYPE = "leadflow.lead.disqualified.v1"
    by: str
    code: str
    owner: str | None = None
    person: Person = Field(default_factory=nobody)


class LeadReopened(Fact):
    """A disqualified lead is back in the public pool."""

    TYPE = "leadflow.lead.reopened.v1"
    cause: Literal["touch", "manual"]
    person: Person = Field(default_factory=nobody)


class CustomerHandedOver(Fact):
    """A customer has a new owner."""

    TYPE = "leadflow.customer.handed_over.v1"
    customer: str
    from_rep: str
    to: str
    person: Person = Field(default_factory=nobody)


class RequestRefused(Fact):
    """A request that a rule refused; the reason and its particulars."""

    TYPE = "leadflow.request.refused.v1"
    request: str
    """The request's name, e.g. `ClaimLead`."""
    reason: str
    winner: str | None = None
    """Who has the lead."""
    position: int | None = None
    """Sequence of the fact that stands in the way."""
    limit: int | None = None
    used: int | None = None
    until: UtcTime | None = None
    """When the same request could succeed."""
    rep: str | None = None
    """For whom it was asked."""
    detail: str | None = None
    """A name that makes the reason plain: a rule, a group, a class, a pool, a member."""


FACTS: dict[str, type[Fact]] = {
    fact.TYPE: fact
    for fact in list(globals().values())
    if isinstance(fact, type) and issubclass(fact, Fact) and fact is not Fact
}


class Event(NamedTuple):
    """A fact in its place: everything of the CloudEvents document but the chain's hash."""

    pool: str
    sequence: int
    time: datetime
    subject: str
    """The lead, member, channel or pool that it is about."""
    actor: str
    """`role/id`; `system/clock` for what a deadline decided."""
    causation: str
    """Identity of the request, or id of the fact that set the deadline."""
    correlation: str
    fact_index: int
    """Place within its decision, from 1."""
    fact_count: int
    """How many facts the decision has."""
    policy: int
    """Version of the policy in force."""
    data: Fact
    digest: str = ""
    """Of the request's payload, in hex, on a decision's first fact; none for intakes, whose identity
    alone counts. CloudEvents extension `requestdigest`."""

    @property
    def id(self) -> str:
        """`pool/sequence`: the event's CloudEvents id."""
        return f"{self.pool}/{self.sequence}"

    @property
    def type(self) -> str:
        """The event's type name."""
        return self.data.TYPE
