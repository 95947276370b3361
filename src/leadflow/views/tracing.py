"""A lead's ownership from its facts: who had it, why, until when, how it ended, and who else asked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

from leadflow.domain import events as e
from leadflow.domain.values import id_of
from leadflow.views.refusals import refusal_text
from leadflow.views.sentences import When, candidates_in_words, reason_given, sentence

_PROTECTION_OVER = frozenset(
    fact.TYPE
    for fact in (
        e.ProtectionEnded,
        e.LeadAssigned,
        e.LeadConverted,
        e.LeadDisqualified,
        e.LeadHandedOver,
        e.LeadRecycled,
    )
)

_TOO_LATE = frozenset(("already_owned", "owned", "converted", "already_converted"))
"""Reasons of refusals whose position is the fact that was first."""


class Seen(NamedTuple):
    """A fact, its place in the whole log, and when it was known."""

    event: e.Event
    position: int
    known_at: datetime
    hash: str = ""
    """SHA-256 of its document, in hexadecimal."""
    prevhash: str = ""
    """The hash that it is chained to: of the pool's fact before."""


@dataclass(kw_only=True)
class Attempt:
    """Somebody asked for something about the lead and was refused."""

    fact: str
    position: int
    time: datetime
    actor: str
    rep: str
    request: str
    reason: str
    told: str
    """The refusal in words."""
    winner: str | None
    winner_fact: str | None
    """The fact that was first; None where nobody was."""
    policy: int


@dataclass(kw_only=True)
class Holding:
    """One time of ownership."""

    owner: str
    since: datetime
    fact: str
    position: int
    mode: str
    """claim, next, rotation, directed, timeout, manual or hand_over."""
    actor: str
    why: str
    """How it came to be the owner's, in words."""
    rule: str | None = None
    group: str | None = None
    shares_since: str | None = None
    """The fact from which the rotation's shares count."""
    turn: int | None = None
    candidates: list[str] = field(default_factory=list)
    policy: int
    promised: datetime | None
    """The deadline that it began with."""
    until: datetime | None
    """The deadline that it has, or had last; None while it is protected."""
    protected: bool = False
    """It is protected, or was to the end."""
    contacts: int = 0
    """Logged contacts that count."""
    refused: list[Attempt] = field(default_factory=list)
    """Who else asked meanwhile."""
    ended: datetime | None = None
    end: str | None = None
    end_fact: str | None = None
    end_why: str | None = None


@dataclass(kw_only=True)
class Line:
    """One fact of the lead's history."""

    fact: str
    position: int
    time: datetime
    known_at: datetime
    actor: str
    type: str
    policy: int
    says: str
    reason: str | None
    hash: str
    """SHA-256 of its document: whoever kept it can prove that the fact is as it was."""
    prevhash: str
    """What the document is chained to: the hash of the pool's fact before."""


@dataclass(kw_only=True)
class Trace:
    """The history of a lead, as it was known at some time."""

    lead: str
    pool: str
    at: datetime | None
    """The time asked about; None for now."""
    owner: str | None
    """Who owned it then, by what was known then."""
    owner_then: str | None = None
    """Who owned it then, by all that is known now."""
    status: str
    holdings: list[Holding]
    refused_while_public: list[Attempt]
    history: list[Line]
    facts_known: int
    facts_now: int


def trace(
    pool: str,
    lead: str,
    seen: Sequence[Seen],
    when: When,
    *,
    at: datetime | None = None,
    reasons: bool = True,
) -> Trace:
    """Fold the facts that concern a lead into its ownership.

    With `at`, only what was known by then counts: on the real clock, facts that the log had recorded; on
    a pool with its own clock, facts up to that time. `reasons` includes what people wrote themselves.
    """
    known = [one for one in seen if at is None or one.known_at <= at]
    fold = _Fold(lead, when)
    for one in known:
        fold.take(one)
    protected = while_protected((one.event.id, one.event.type) for one in known)
    lines = [line_of(one, when, reasons=reasons, protected=one.event.id in protected) for one in known]
    return Trace(
        lead=lead,
        pool=pool,
        at=at,
        owner=fold.owner,
        status=fold.status,
        holdings=fold.holdings,
        refused_while_public=fold.public,
        history=lines,
        facts_known=len(known),
        facts_now=len(seen),
    )


def line_of(one: Seen, when: When, *, reasons: bool, protected: bool = False) -> Line:
    """A fact as a line; `reasons` includes what people wrote themselves, `protected` is as it was then."""
    event = one.event
    return Line(
        fact=event.id,
        position=one.position,
        time=event.time.astimezone(UTC),
        known_at=one.known_at.astimezone(UTC),
        actor=event.actor,
        type=event.type,
        policy=event.policy,
        says=sentence(event, when, protected=protected),
        reason=reason_given(event) if reasons else None,
        hash=one.hash,
        prevhash=one.prevhash,
    )


def while_protected(history: Iterable[tuple[str, str]]) -> set[str]:
    """Which facts fell into a protection, of a lead's facts and their types, oldest first."""
    found, protected = set(), False
    for fact, kind in history:
        if kind in _PROTECTION_OVER:
            protected = False
        if protected:
            found.add(fact)
        protected = protected or kind == e.LeadProtected.TYPE
    return found


class _Fold:
    def __init__(self, lead: str, when: When) -> None:
        self.lead = lead
        self.when = when
        self.status = "unknown"
        self.holdings: list[Holding] = []
        self.public: list[Attempt] = []

    @property
    def owner(self) -> str | None:
        return self.holdings[-1].owner if self.holdings and self.holdings[-1].ended is None else None

    def take(self, one: Seen) -> None:
        """Fold one fact in."""
        event, data = one.event, one.event.data
        match data:
            case e.LeadClaimed():
                self._begin(one, data.rep, "next" if data.chosen else "claim", data.until)
            case e.LeadAssigned() if data.to is not None:
                self._end(event, "reassigned")
                self._assigned(one, data, data.to)
            case e.LeadAssigned():
                self.status = "queue"
            case e.LeadHandedOver() | e.CustomerHandedOver():
                self._end(event, "handed_over")
                until = data.until if isinstance(data, e.LeadHandedOver) else None
                self._begin(one, data.to, "hand_over", until)
            case e.LeadRecycled():
                self._end(event, data.reason)
                self.status = "public"
            case e.LeadDisqualified():
                self._end(event, "disqualified")
                self.status = "disqualified"
            case e.LeadTransferredOut():
                self.status = "transferred"
            case e.LeadsMerged() if data.absorbed == self.lead:
                self._end(event, "merged")
                self.status = "merged"
            case e.LeadCaptured() | e.LeadTransferredIn() | e.LeadReopened():
                self.status = "public"
            case e.RequestRefused():
                (self.holdings[-1].refused if self.owner else self.public).append(self._attempt(one, data))
            case _:
                self._meanwhile(data)

    def _meanwhile(self, data: e.Fact) -> None:
        if self.owner is None:
            return
        holding = self.holdings[-1]
        match data:
            case e.ContactLogged():
                holding.contacts += data.counts
                if self.status == "private" and not holding.protected:
                    holding.until = data.until
            case e.LeadProtected():
                holding.until, holding.protected = None, True
            case e.ProtectionEnded():
                holding.until, holding.protected = data.until, False
            case e.LeadConverted():
                holding.until, holding.protected = None, False
                self.status = "converted"

    def _begin(self, one: Seen, owner: str, mode: str, until: datetime | None) -> Holding:
        event = one.event
        holding = Holding(
            owner=owner,
            since=event.time.astimezone(UTC),
            fact=event.id,
            position=one.position,
            mode=mode,
            actor=event.actor,
            why=sentence(event, self.when).partition("; promised")[0],
            policy=event.policy,
            promised=until,
            until=until,
        )
        if not isinstance(event.data, e.CustomerHandedOver):
            self.status = "private"
        self.holdings.append(holding)
        return holding

    def _assigned(self, one: Seen, data: e.LeadAssigned, to: str) -> None:
        holding = self._begin(one, to, data.mode, data.until)
        holding.rule, holding.group = data.rule, data.group
        holding.candidates = candidates_in_words(data.candidates, to)
        if data.shares is not None:
            holding.turn = data.shares.turn
            holding.shares_since = f"{one.event.pool}/{data.shares.sequence}"

    def _end(self, event: e.Event, reason: str) -> None:
        if self.owner is not None:
            holding = self.holdings[-1]
            holding.ended, holding.end, holding.end_fact = event.time.astimezone(UTC), reason, event.id
            holding.end_why = sentence(event, self.when).partition("; promised")[0]

    def _attempt(self, one: Seen, data: e.RequestRefused) -> Attempt:
        event = one.event
        return Attempt(
            fact=event.id,
            position=one.position,
            time=event.time.astimezone(UTC),
            actor=event.actor,
            rep=data.rep or id_of(event.actor),
            request=data.request,
            reason=data.reason,
            told=refusal_text(data, event, self.when),
            winner=data.winner,
            winner_fact=f"{event.pool}/{data.position}" if data.reason in _TOO_LATE else None,
            policy=event.policy,
        )


__all__ = ["Attempt", "Holding", "Line", "Seen", "Trace", "line_of", "trace", "while_protected"]
