"""Who may subscribe to what, and who may still be told: `domain.access.TABLE` decides, asked here alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from leadflow.domain import access
from leadflow.domain.values import id_of
from leadflow.errors import NotFound
from leadflow.notifications.kinds import SEES
from leadflow.notifications.subscriptions import Subscription
from leadflow.views.leads import PoolView, Views


class Rights:
    """How members stand at one moment. What was asked once is kept: make a new one for another moment."""

    def __init__(self, views: Views) -> None:
        self._views = views
        self._members: dict[str, Mapping[str, Any]] = {}
        self._roles: dict[str, Mapping[str, str | None]] = {}
        self._pools: Mapping[str, PoolView] | None = None

    def pool(self, name: str) -> PoolView | None:
        """A pool, if it is there."""
        if self._pools is None:
            self._pools = self._views.pools()
        return self._pools.get(name)

    def role(self, pool: str, member: str) -> str | None:
        """The role that a member has in a pool now; None for who is no member, or has left."""
        if pool not in self._members:
            try:
                self._members[pool] = self._views.members(pool)
            except NotFound:
                self._members[pool] = {}
        row = self._members[pool].get(member)
        return None if row is None or row["status"] == "left" else row["role"]

    def may_subscribe(self, actor: str, pool: str, member: str | None) -> bool:
        """Whether the actor may keep a subscription of a member, or (None) of everybody with a role."""
        if actor not in self._roles:
            self._roles[actor] = self._views.roles(actor)
        role = self._roles[actor].get(pool)
        return access.allowed("subscribe", actor, member_role=role, owns=member == id_of(actor))

    def why_not(self, one: Subscription, kind: str, to: str | None, *, owns: bool) -> str | None:
        """Why a subscription is not told what is addressed to a member (None: to managers); None if it is.

        `owns` says whether the lead is that member's.
        """
        if not self.may_subscribe(one.created_by, one.pool, one.member):
            return f"{one.created_by}, who subscribed, may no longer do so"
        told = to if to is not None else one.member
        role = self.role(one.pool, told) if told is not None else one.role
        if role is None:
            return f"{told} is no member of pool {one.pool}"
        if to is None and role != "manager":
            return "it is for managers"
        # Of what goes to everybody with a role, whoever subscribed sees all.
        actor = f"{role}/{told}" if one.member is not None else one.created_by
        if one.member is None:
            role = self._roles[one.created_by].get(one.pool)
        if not access.allowed(SEES[kind], actor, member_role=role, owns=owns):
            return f"{told or one.created_by} may no longer see the lead"
        return None


def matches(one: Subscription, kind: str, to: str | None, role: str | None) -> bool:
    """Whether a subscription asks for what is addressed to a member with this role (None: to managers)."""
    if kind not in one.kinds:
        return False
    if to is None:
        return one.role == "manager" or one.member is not None
    return one.member == to or (one.role is not None and one.role == role)
