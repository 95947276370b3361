"""What a reader of a pool's facts is told of each: who may see it at all, and what a mask leaves out.

The rules are those of "Who may see and do what" (docs/reference/permissions.md), for facts instead of leads:

- who may see the whole history is told every fact; contact points and what people wrote, where its role sees
  those;
- everybody else is told facts of leads that it may see as they stand now. Of a lead whose history it may not
  see, nothing of what tells of colleagues (refusals, who was passed over and why), nor that other leads have
  the same contact points;
- of a lead that leaves its sight, by whatever fact, it is told that it is gone: the lead and the time, as it
  would find out by looking; nothing of who has it now, where it went, or why. Of a lead that it did not see
  before, nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from leadflow.domain import events as e
from leadflow.domain.values import id_of
from projections.lead_queries import Reach, Row

LONG = frozenset({"policy", "calendar"})
"""Documents that have pages of their own."""
PEOPLE = frozenset({"person"})
_OF_THE_WEB = frozenset({"landing_page", "referrer", "utm", "click_ids", "ref"})
"""Parts of a touch that may name the person who came."""
_OF_COLLEAGUES = frozenset({"candidates", "shares", "matched_by", "also_matches"})
_OF_A_LEAD = ("leadflow.lead.", "leadflow.customer.")
_ASKING = (e.RequestRefused, e.ContactRevealed)


@dataclass(frozen=True)
class Watcher:
    """Who reads facts, and how far it may see at this moment."""

    actor: str
    reach: Reach
    history: bool
    """Of every lead, and of the pool."""
    history_of_own: bool


@dataclass(frozen=True)
class Told:
    """A fact as one reader may see it."""

    event: e.Event
    data: dict[str, Any]
    masked: bool
    """What people wrote, and who they are, was left out."""
    in_words: bool
    """The fact may be told in words: they can hold what is for those who see the history."""


@dataclass(frozen=True)
class Gone:
    """A lead that one reader saw and sees no longer."""

    event: e.Event
    """The fact by which it left; not for the reader, but for where it stands and when that was."""
    lead: str


@dataclass(frozen=True)
class Stand:
    """How a lead stands: what decides who sees it. The same as its columns in the read model."""

    status: str
    owner: str | None = None
    collaborators: frozenset[str] = frozenset()

    def row(self) -> Row:
        """As a `Reach` looks at it."""
        return {"status": self.status, "owner": self.owner, "collaborators": self.collaborators}


@dataclass(frozen=True)
class Move:
    """How a decision moved a lead. What it was between two facts of one decision, nobody could see."""

    lead: str
    before: Stand | None
    """None for one that came into being."""
    after: Stand


_PUBLIC = Stand("public")
MOVING = frozenset(
    fact.TYPE
    for fact in (
        *(e.LeadCaptured, e.LeadTransferredIn, e.LeadClaimed, e.LeadAssigned, e.LeadHandedOver),
        *(e.LeadRecycled, e.LeadReopened, e.LeadDisqualified, e.LeadTransferredOut, e.LeadsMerged),
        *(e.LeadConverted, e.CustomerHandedOver, e.CollaboratorAdded, e.CollaboratorRemoved),
    )
)
"""Types of facts after which a lead may stand otherwise."""
_KNOWN_BEFORE = (e.LeadCaptured, e.LeadClaimed)
"""Facts that tell by themselves how their lead stood: not at all, and in the public pool."""


def stand_after(before: Stand | None, event: e.Event, lead: str) -> Stand | None:
    """How a lead stands after a fact that concerns it; the same where the fact moves nothing."""
    data = event.data
    if isinstance(data, e.LeadTransferredIn) and data.into is not None:
        return before
    if isinstance(data, e.LeadsMerged):
        return Stand("merged") if lead == data.absorbed else before
    if isinstance(data, e.LeadCaptured | e.LeadTransferredIn | e.LeadRecycled | e.LeadReopened):
        return _PUBLIC
    if isinstance(data, e.LeadDisqualified):
        return Stand("disqualified")
    if isinstance(data, e.LeadTransferredOut):
        return Stand("transferred")
    if isinstance(data, e.LeadConverted):
        return Stand("converted", data.owner)
    if isinstance(data, e.LeadAssigned) and data.to is None:
        return Stand("queue")
    before = before or _PUBLIC
    if isinstance(data, e.LeadClaimed):
        return replace(before, status="private", owner=data.rep)
    if isinstance(data, e.LeadAssigned | e.LeadHandedOver):
        return replace(before, status="private", owner=data.to)
    if isinstance(data, e.CustomerHandedOver):
        return replace(before, owner=data.to)
    if isinstance(data, e.CollaboratorAdded):
        return replace(before, collaborators=before.collaborators | {data.member})
    if isinstance(data, e.CollaboratorRemoved):
        return replace(before, collaborators=before.collaborators - {data.member})
    return before


def unknown_before(events: Iterable[e.Event]) -> list[str]:
    """The leads that some facts move, and of which these facts do not tell how they stood before."""
    known, unknown = set[str](), set[str]()
    for event in events:
        if event.type in MOVING:
            leads = set(leads_of(event)) - known
            if not isinstance(event.data, _KNOWN_BEFORE):
                unknown |= leads
            known |= leads
    return sorted(unknown)


def moves_of(events: Iterable[e.Event], stood: Mapping[str, Stand]) -> dict[int, list[Move]]:
    """How whole decisions moved leads, by the sequence of the last fact that moved each of them; `stood` is
    how those stood that are `unknown_before`."""
    stands, found = dict(stood), dict[int, list[Move]]()
    began: dict[str, tuple[Stand | None, int]] = {}
    for event in events:
        for lead in leads_of(event) if event.type in MOVING else ():
            before = stands.get(lead, _PUBLIC if isinstance(event.data, e.LeadClaimed) else None)
            after = stand_after(before, event, lead)
            if after is not None and after != before:
                stands[lead] = after
                began[lead] = (began[lead][0] if lead in began else before, event.sequence)
        if event.fact_index == event.fact_count:
            for lead, (first, sequence) in began.items():
                found.setdefault(sequence, []).append(Move(lead, first, stands[lead]))
            began = {}
    return found


def gone(watcher: Watcher, event: e.Event, moves: Iterable[Move], standing: Mapping[str, Row]) -> list[Gone]:
    """The leads that the watcher saw before a fact, and sees neither after it nor now."""
    sees = watcher.reach.sees
    return [
        Gone(event, move.lead)
        for move in moves
        if move.before is not None and sees(move.before.row()) and not sees(move.after.row())
        if (row := standing.get(move.lead)) is None or not sees(row)
    ]


def leads_of(event: e.Event) -> tuple[str, ...]:
    """The leads that a fact concerns; none for one of the pool or its people."""
    if isinstance(event.data, e.LeadsMerged):
        return (event.subject, event.data.absorbed)
    # A refusal's subject may be anything: where it is no lead, no lead is found by it.
    about = event.type.startswith(_OF_A_LEAD) or isinstance(event.data, e.RequestRefused)
    return (event.subject,) if about and event.subject else ()


def told(watcher: Watcher, event: e.Event, standing: Mapping[str, Row]) -> Told | None:
    """What the watcher is told of a fact, as its leads stand now; None for nothing."""
    row = standing.get(event.subject) if leads_of(event) else None
    if row is None:
        return _of_pool(watcher, event)
    if not watcher.reach.sees(row):
        return None
    own = row["owner"] == id_of(watcher.actor)
    history = watcher.history or (watcher.history_of_own and own)
    if not history and isinstance(event.data, _ASKING) and event.actor != watcher.actor:
        return None
    masked = not watcher.reach.shows(row)
    return Told(event, _data(event, masked=masked, history=history), masked, in_words=history)


def _of_pool(watcher: Watcher, event: e.Event) -> Told | None:
    """A fact of no lead that is here now: for those who see all of the pool."""
    if not (watcher.history and watcher.reach.everything):
        return None
    masked = not watcher.reach.contacts_of_all
    return Told(event, _data(event, masked=masked, history=True), masked, in_words=True)


def _data(event: e.Event, *, masked: bool, history: bool) -> dict[str, Any]:
    hidden = LONG | (PEOPLE if masked else frozenset()) | (frozenset() if history else _OF_COLLEAGUES)
    data = event.data.model_dump(mode="json", exclude_none=True, exclude=set(hidden))
    if masked:
        if "touch" in data:
            data["touch"] = _without(data["touch"])
        if "touches" in data:
            data["touches"] = [_without(touch) for touch in data["touches"]]
    return data


def _without(touch: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in touch.items() if name not in _OF_THE_WEB}


def all_leads(events: Iterable[e.Event]) -> list[str]:
    """The leads that some facts concern."""
    return sorted({lead for event in events for lead in leads_of(event)})
