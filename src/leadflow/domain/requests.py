"""Requests: what somebody asks a pool to do. Imperative names; each is decided exactly once.

A request's identity is its authenticated source and its id. An intake's is its channel and its
source reference (`SubmitIntake.identity`), so the same arrival sent twice is one arrival.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from leadflow.domain.currencies import known as known_currency
from leadflow.domain.members import MemberTraits
from leadflow.domain.policy import Calendar, Policy
from leadflow.domain.routing import RoutingTable
from leadflow.domain.values import (
    ActorName,
    Company,
    Model,
    Money,
    Name,
    Person,
    PoolId,
    Text,
    Touch,
    UtcTime,
    digest_bytes,
    no_company,
    nobody,
    speakable,
)

LeadId = Annotated[str, StringConstraints(min_length=1, max_length=64)]


Reference = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64, pattern=r"^[^\s@]+$")
]
"""What something is called elsewhere: no blanks, so that no text stands in it, and no e-mail address."""


def _no_contact_point(word: str) -> str:
    if speakable(word) is None:
        raise ValueError("this may be a contact point; give a short word")
    return word


Word = Annotated[Name, AfterValidator(_no_contact_point)]
"""A name that is written into facts as it is given, so it must not be a contact point."""


def _comes_to_rest(policy: Policy) -> Policy:
    rules = policy.follow_up
    for path, duration in (
        ("follow_up.first_contact_within", rules.first_contact_within),
        ("follow_up.hold_at_most", rules.hold_at_most),
        ("recycling.assign_after", policy.recycling.assign_after),
    ):
        if duration is not None and duration.count == 0:
            raise ValueError(f"{path} is zero: a lead would go round and round at one moment")
    return policy


def _in_a_currency(policy: Policy) -> Policy:
    known_currency(policy.currency)
    return policy


WHOLE_MAX = 2**63 - 1
"""The largest whole number of a request: of larger ones, what reads JSON makes a fraction."""


def _of_64_bits(number: int) -> int:
    if abs(number) > WHOLE_MAX:
        raise ValueError("a whole number has 64 bits at most")
    return number


def _of_readable_numbers(values: Model) -> Any:
    def walk(value: Any) -> None:
        if isinstance(value, dict):
            value = list(value.values())
        if isinstance(value, (list, tuple)):
            for part in value:
                walk(part)
        elif isinstance(value, int):
            _of_64_bits(value)

    walk(values.model_dump())
    return values


SoundPolicy = Annotated[
    Policy,
    AfterValidator(_comes_to_rest),
    AfterValidator(_in_a_currency),
    AfterValidator(_of_readable_numbers),
]
"""A policy under which every moment has an end, in a currency of ISO 4217, with numbers that can be read."""
CAP_MAX = 1_000_000
"""The largest holding cap of a member, as of a policy's limits."""


def _with_a_cap(traits: MemberTraits) -> MemberTraits:
    if traits.holding_cap is not None and traits.holding_cap > CAP_MAX:
        raise ValueError(f"holding_cap is {CAP_MAX:,} at most")
    return traits


GivenTraits = Annotated[MemberTraits, AfterValidator(_with_a_cap)]
"""Traits with a cap that read models can hold. Facts are not asked for one, and stay readable."""


def _of_a_currency(money: Money) -> Money:
    known_currency(money.currency)
    return money


PaidMoney = Annotated[Money, AfterValidator(_of_a_currency)]
"""Money in a currency of ISO 4217. Facts are not asked for one: what is in the log stays readable."""


def _paid(touch: Touch) -> Touch:
    if touch.cost is not None:
        try:
            known_currency(touch.cost.currency)
        except ValueError as problem:
            raise ValueError(f"cost: {problem}") from problem
    return touch


PaidTouch = Annotated[Touch, AfterValidator(_paid)]
"""A touch whose cost, if it has one, is in a currency of ISO 4217."""


class Body(Model):
    """Base of the requests' contents."""

    type: str


# --- administration -------------------------------------------------------------------------


class OpenPool(Body):
    """Open a pool and publish its first policy."""

    type: Literal["OpenPool"] = "OpenPool"
    clock: Literal["real", "requests"] = "real"
    policy: SoundPolicy
    calendar: Calendar


class PublishPolicy(Body):
    """Publish a new version of the pool's policy, with its calendar's days written out."""

    type: Literal["PublishPolicy"] = "PublishPolicy"
    policy: SoundPolicy
    calendar: Calendar


class AddMember(Body):
    """Let a person join the pool."""

    type: Literal["AddMember"] = "AddMember"
    member: Name
    role: Literal["rep", "manager", "marketing", "support"] = "rep"
    traits: GivenTraits = Field(default_factory=MemberTraits)


Trait = Literal["display_name", "regions", "industries", "hours", "leave", "holding_cap"]


class ChangeMember(Body):
    """Replace a member's traits, or its role, or both; what is left out stays."""

    type: Literal["ChangeMember"] = "ChangeMember"
    member: Name
    role: Literal["rep", "manager", "marketing", "support"] | None = None
    traits: GivenTraits
    clear: tuple[Trait, ...] = ()
    """Traits that no longer restrict."""


class PauseMember(Body):
    """Take a rep out of distribution and claiming, until a time or until resumed."""

    type: Literal["PauseMember"] = "PauseMember"
    member: Name
    until: UtcTime | None = None


class ResumeMember(Body):
    """Put a paused rep back."""

    type: Literal["ResumeMember"] = "ResumeMember"
    member: Name


class RemoveMember(Body):
    """A member leaves: leads go to `leads_to`, or back to the pool; customers go to `customers_to`."""

    type: Literal["RemoveMember"] = "RemoveMember"
    member: Name
    leads_to: Name | None = None
    customers_to: Name | None = None


class PublishRouting(Body):
    """Publish the company's table of channel, campaign, region, industry → pool."""

    type: Literal["PublishRouting"] = "PublishRouting"
    table: RoutingTable


class RecordSpend(Body):
    """What a channel's campaign cost in a period; both days belong to it."""

    type: Literal["RecordSpend"] = "RecordSpend"
    channel: Name
    campaign: Text | None = None
    first_day: date
    last_day: date
    spend: PaidMoney
    units: Annotated[Decimal, Field(ge=0)] | None = None
    unit: Text | None = None

    @model_validator(mode="after")
    def _period(self) -> RecordSpend:
        if self.last_day < self.first_day:
            raise ValueError("the last day is before the first")
        if self.spend.amount < 0:
            raise ValueError("spend cannot be negative")
        return self


class AdvanceClock(Body):
    """Move the clock of a pool that runs on its requests' times; leaves no fact of its own."""

    type: Literal["AdvanceClock"] = "AdvanceClock"


# --- intake ---------------------------------------------------------------------------------


class SubmitIntake(Body):
    """An arrival, already normalised: what was written and what was understood."""

    type: Literal["SubmitIntake"] = "SubmitIntake"
    touch: PaidTouch
    person: Person
    company: Company = Field(default_factory=no_company)
    asked: Annotated[int, Field(ge=0, le=1000)] = 0
    """Fields that the form asked for."""
    filled: Annotated[int, Field(ge=0, le=1000)] = 0

    @model_validator(mode="after")
    def _reachable(self) -> SubmitIntake:
        if not (self.person.phones or self.person.emails or self.person.wechats):
            raise ValueError("a lead needs at least one contact point: phone, e-mail or WeChat id")
        if self.filled > self.asked:
            raise ValueError("more fields are filled than were asked for")
        return self


# --- one lead -------------------------------------------------------------------------------


class LeadBody(Body):
    """Base of requests about one lead."""

    lead: LeadId
    if_sequence: Annotated[int, AfterValidator(_of_64_bits)] | None = None
    """The lead's last sequence that the sender saw; refused as `stale` if it has changed since."""


class RepBody(LeadBody):
    """A request that a rep makes for itself, or a manager for a rep."""

    rep: Name | None = None
    """For whom a manager acts; left out, the actor itself."""


class ClaimLead(RepBody):
    """Take a public lead."""

    type: Literal["ClaimLead"] = "ClaimLead"


class ClaimNext(Body):
    """Take the best lead that the rep may claim: highest score, then oldest."""

    type: Literal["ClaimNext"] = "ClaimNext"
    rep: Name | None = None


class AssignLead(LeadBody):
    """Give a lead of the pool to a rep by hand, with a reason."""

    type: Literal["AssignLead"] = "AssignLead"
    to: Name
    reason: Annotated[Text, Field(min_length=1)]


class HandOverLead(LeadBody):
    """Give a rep's lead, or its customer, to another rep."""

    type: Literal["HandOverLead"] = "HandOverLead"
    to: Name
    reason: Text | None = None


class ReturnLead(RepBody):
    """A rep gives its lead back to the public pool."""

    type: Literal["ReturnLead"] = "ReturnLead"
    reason: Text | None = None


class WithdrawLead(LeadBody):
    """A manager takes a lead from its rep."""

    type: Literal["WithdrawLead"] = "WithdrawLead"
    reason: Annotated[Text, Field(min_length=1)]


class LogContact(RepBody):
    """A contact with the lead. Its moment is when it is logged; `stated_at` is data."""

    type: Literal["LogContact"] = "LogContact"
    outcome: Name
    means: Word | None = None
    """How: call, wechat, email, visit, …."""
    stated_at: UtcTime | None = None
    note: Text | None = None


class RevealContact(RepBody):
    """See the contact points of a public lead before claiming, or (auditors) of any, with a reason."""

    type: Literal["RevealContact"] = "RevealContact"
    reason: Text | None = None


class AddCollaborator(LeadBody):
    """Let another member work on the lead with its owner, for good or until a time."""

    type: Literal["AddCollaborator"] = "AddCollaborator"
    member: Name
    expires: UtcTime | None = None


class RemoveCollaborator(LeadBody):
    """End a collaboration."""

    type: Literal["RemoveCollaborator"] = "RemoveCollaborator"
    member: Name


class ProtectLead(RepBody):
    """Keep a lead from being recycled, until a time or until unprotected."""

    type: Literal["ProtectLead"] = "ProtectLead"
    until: UtcTime | None = None


class UnprotectLead(RepBody):
    """End a protection early."""

    type: Literal["UnprotectLead"] = "UnprotectLead"


class EditLead(LeadBody):
    """Correct a lead's details; what is left out stays. Contact points given are added."""

    type: Literal["EditLead"] = "EditLead"
    person: Person = Field(default_factory=nobody)
    company: Company = Field(default_factory=no_company)


class MergeLeads(LeadBody):
    """Make `absorbed` part of `lead`, which keeps its owner and gets both histories."""

    type: Literal["MergeLeads"] = "MergeLeads"
    absorbed: LeadId
    reason: Text | None = None


class TransferLead(LeadBody):
    """Move a lead to another pool with its touches, costs and history."""

    type: Literal["TransferLead"] = "TransferLead"
    to_pool: PoolId
    reason: Text | None = None


class ReceiveTransfer(Body):
    """The other half of a transfer: LeadFlow itself asks the receiving pool to take the lead in."""

    type: Literal["ReceiveTransfer"] = "ReceiveTransfer"
    lead: LeadId
    from_pool: PoolId
    from_fact: str
    """Id of the `LeadTransferredOut` that this answers."""
    person: Person
    company: Company
    touches: tuple[Touch, ...]
    asked: int = 0
    filled: int = 0


class ConvertLead(RepBody):
    """Make a customer of the lead."""

    type: Literal["ConvertLead"] = "ConvertLead"
    customer: Reference | None = None
    """The id that the customer has elsewhere; left out, LeadFlow derives one."""


class RecordDeal(RepBody):
    """A deal with the customer that the lead became."""

    type: Literal["RecordDeal"] = "RecordDeal"
    value: PaidMoney
    deal: Reference | None = None
    """The deal's number elsewhere."""


class ReverseDeal(RepBody):
    """Take a recorded deal back, which then counts nowhere; a right one may be recorded in its place."""

    type: Literal["ReverseDeal"] = "ReverseDeal"
    recorded_sequence: Annotated[int, Field(ge=1, le=WHOLE_MAX)]
    """Sequence of the fact that recorded it."""
    reason: Text | None = None


class DisqualifyLead(RepBody):
    """Close a lead that will never buy."""

    type: Literal["DisqualifyLead"] = "DisqualifyLead"
    code: Word
    note: Text | None = None


class ReopenLead(LeadBody):
    """Put a disqualified lead back into the public pool."""

    type: Literal["ReopenLead"] = "ReopenLead"
    reason: Text | None = None


AnyBody = Annotated[
    OpenPool
    | PublishPolicy
    | AddMember
    | ChangeMember
    | PauseMember
    | ResumeMember
    | RemoveMember
    | PublishRouting
    | RecordSpend
    | AdvanceClock
    | SubmitIntake
    | ClaimLead
    | ClaimNext
    | AssignLead
    | HandOverLead
    | ReturnLead
    | WithdrawLead
    | LogContact
    | RevealContact
    | AddCollaborator
    | RemoveCollaborator
    | ProtectLead
    | UnprotectLead
    | EditLead
    | MergeLeads
    | TransferLead
    | ReceiveTransfer
    | ConvertLead
    | RecordDeal
    | ReverseDeal
    | DisqualifyLead
    | ReopenLead,
    Field(discriminator="type"),
]


class Request(Model):
    """A request with who asks, where, and under which identity."""

    pool: PoolId
    source: Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=r"^[^\s:]+$")]
    """The authenticated sender, e.g. `manager/local`; for intakes `intake/<channel>`."""
    id: Annotated[str, StringConstraints(min_length=1, max_length=512)]
    actor: ActorName
    at: UtcTime | None = None
    """The request's own time: used on the virtual clock only."""
    body: AnyBody

    @property
    def identity(self) -> str:
        """`source:id`: what makes this request one, however often it is sent."""
        return f"{self.source}:{self.id}"

    @property
    def payload_digest(self) -> bytes:
        """Eight bytes that stand for what is asked: actor and body, not when."""
        body = self.body
        content: bytes = type(body).__pydantic_serializer__.to_json(body, exclude_defaults=True)
        return digest_bytes(f"{self.actor} {body.type} ".encode() + content)[:8]


def intake_request(pool: str, actor: str, body: SubmitIntake, at: Any = None) -> Request:
    """The request of an arrival; its identity is channel and source reference (domain rule)."""
    touch = body.touch
    if at is not None:
        return Request(
            pool=pool, source=f"intake/{touch.channel}", id=touch.ref, actor=actor, at=at, body=body
        )
    # The arrival was checked when it was read; what is left to check is said again and again.
    return _intake_from(pool, touch.channel, actor).but(id=touch.ref, body=body)


@lru_cache(maxsize=1024)
def _intake_from(pool: str, channel: str, actor: str) -> Request:
    return Request(pool=pool, source=f"intake/{channel}", id="-", actor=actor, body=AdvanceClock())
