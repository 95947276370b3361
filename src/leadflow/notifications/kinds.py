"""What people are told of, and to whom each fact is addressed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from leadflow.domain import events as e
from leadflow.domain.access import Action

ASSIGNED = "lead.assigned"
DEADLINE_NEAR = "lead.deadline_near"
RECYCLED = "lead.recycled"
NOBODY_AVAILABLE = "lead.nobody_available"
CAME_BACK = "customer.came_back"

KINDS: Mapping[str, str] = {
    ASSIGNED: "a lead was assigned or handed over to you, or waits in the managers' queue",
    DEADLINE_NEAR: "the deadline of a lead of yours is near",
    RECYCLED: "a lead of yours went back to the public pool",
    NOBODY_AVAILABLE: "nobody could be given a lead (for managers)",
    CAME_BACK: "a customer of yours came back",
}
"""Every kind, with what it means. The names are the `type` of a webhook's payload, and are for ever."""

FACTS: tuple[str, ...] = tuple(
    fact.TYPE
    for fact in (
        e.LeadAssigned,
        e.LeadHandedOver,
        e.CustomerHandedOver,
        e.RecycleWarned,
        e.LeadRecycled,
        e.AssignmentFailed,
        e.TouchRecorded,
    )
)
"""Types of the facts that somebody may be told of."""

MANAGERS = "managers"
"""How a payload names those who are told of what concerns no one rep."""

SEES: Mapping[str, Action] = {
    ASSIGNED: "see_private",
    DEADLINE_NEAR: "see_private",
    RECYCLED: "see_public",
    NOBODY_AVAILABLE: "see_public",
    CAME_BACK: "see_private",
}
"""What one must be allowed to be told of a kind."""


class Addressed(NamedTuple):
    """Who is to be told of a fact, and of what."""

    kind: str
    member: str | None
    """None: the pool's managers."""


def addressed(data: e.Fact) -> Addressed | None:
    """To whom a fact is addressed; None for those that nobody is told of."""
    match data:
        case e.LeadAssigned():
            # Without a rep it waits in a managers' queue.
            return Addressed(ASSIGNED, data.to)
        case e.LeadHandedOver() | e.CustomerHandedOver():
            return Addressed(ASSIGNED, data.to)
        case e.RecycleWarned():
            return Addressed(DEADLINE_NEAR, data.rep)
        case e.LeadRecycled():
            return Addressed(RECYCLED, data.rep)
        case e.AssignmentFailed():
            return Addressed(NOBODY_AVAILABLE, None)
        case e.TouchRecorded() if data.status == "converted" and data.owner is not None:
            return Addressed(CAME_BACK, data.owner)
    return None


def kinds_for(role: str) -> tuple[str, ...]:
    """The kinds that members of a role can be told of."""
    if role == "manager":
        return tuple(KINDS)
    return tuple(kind for kind in KINDS if kind != NOBODY_AVAILABLE) if role == "rep" else ()
