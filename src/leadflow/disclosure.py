"""What a reader of a pool's facts is told of each: who may see it at all, and what a mask leaves out.

The rules are those of "Who may see and do what" (docs/reference/permissions.md), for facts instead of leads:

- who may see the whole history is told every fact; contact points and what people wrote, where its role sees
  those;
- everybody else is told facts of leads that it may see as they stand now. Of a lead whose history it may not
  see, nothing of what tells of colleagues (refusals, who was passed over and why), nor that other leads have
  the same contact points.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
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
    return sorted({event.subject for event in events if leads_of(event)})
