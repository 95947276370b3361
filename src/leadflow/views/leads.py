"""Reading with the rules of "Who may see and do what", in one place: `domain.access.TABLE` decides.

Everything that shows leads, histories or reports to somebody asks here. What an actor may not see is
masked, or not there: an unknown lead and one that may not be seen answer alike, and no filter, order or
search tells what a mask hides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from leadflow.domain import access
from leadflow.domain.events import ContactRevealed, Event
from leadflow.domain.values import id_of, role_of
from leadflow.errors import NotFound, NotPermitted, UsageError
from leadflow.postgres import Database
from leadflow.views.disclosure import Watcher
from leadflow.views.models import LeadPage, LeadView, PoolView, ReportScope, mask_name
from projections.lead_queries import (
    ORDERS,
    Criteria,
    Order,
    Place,
    Reach,
    Row,
    find_leads,
    leads_named,
    member_roles,
    members_of,
    place_of,
    pool_rows,
    standing_of,
    timeline_of,
)

REFERENCE_LENGTH_MIN = 6
"""Characters of a lead's id that are enough to name it, where no other begins so."""
STATUSES = ("public", "queue", "private", "converted", "disqualified", "merged", "transferred")


class Views:
    """What an actor may see of the read models."""

    def __init__(self, database: Database) -> None:
        self.database = database

    # --- who the actor is -----------------------------------------------------------------------

    def pools(self) -> dict[str, PoolView]:
        """Every pool. That a pool exists, and its policy, is no secret."""
        return {
            name: PoolView(**{field: row[field] for field in PoolView._fields})
            for name, row in pool_rows(self.database).items()
        }

    def pool(self, pool: str) -> PoolView:
        """One pool. Raises NotFound."""
        found = self.pools()
        if pool not in found:
            known = f"There are: {', '.join(found)}." if found else "There is none yet."
            raise NotFound(
                f"there is no pool {pool!r}", do=f"{known} Open it with `leadflow pool open {pool}`."
            )
        return found[pool]

    def members(self, pool: str) -> dict[str, Row]:
        """Everybody who is or was a member of the pool. Raises NotFound for an unknown pool."""
        self.pool(pool)
        return members_of(self.database, pool)

    def roles(self, actor: str) -> dict[str, str | None]:
        """The actor's role in every pool, by pool; None where it is no member."""
        member_of = member_roles(self.database, id_of(actor))
        return {
            name: role_of(actor) if row["opener"] == actor else member_of.get(name)
            for name, row in pool_rows(self.database).items()
        }

    def _role(self, actor: str, pool: str) -> str | None:
        roles = self.roles(actor)
        if pool not in roles:
            self.pool(pool)
        return roles.get(pool)

    def may(self, action: access.Action, actor: str, pool: str) -> bool:
        """Whether the actor may do this to the pool as a whole. Raises NotFound for an unknown pool."""
        return access.allowed(action, actor, member_role=self._role(actor, pool))

    def reach(self, actor: str, pool: str) -> Reach:
        """Which leads of the pool the actor sees. Raises NotFound for an unknown pool."""
        role = self._role(actor, pool)

        def whole(action: access.Action) -> bool:
            return access.allowed(action, actor, member_role=role)

        def standing(action: access.Action, **how: bool) -> str | None:
            yes = not whole(action) and access.allowed(action, actor, member_role=role, **how)
            return id_of(actor) if yes else None

        return Reach(
            everything=whole("see_private"),
            public=whole("see_public"),
            owner=standing("see_private", owns=True),
            collaborator=standing("see_private", collaborates=True),
            contacts_of_all=whole("see_contacts"),
            contacts_of_owner=standing("see_contacts", owns=True),
            contacts_of_collaborator=standing("see_contacts", collaborates=True),
        )

    # --- leads ----------------------------------------------------------------------------------

    def leads(self, actor: str, pool: str, criteria: Criteria | None = None) -> LeadPage:
        """The leads that the actor sees. Raises NotPermitted for a role that sees none."""
        reach = self.reach(actor, pool)
        if reach == Reach():
            raise _not_permitted(actor, pool, "leads")
        wanted = criteria or Criteria()
        rows, total = find_leads(self.database, pool, reach, wanted)
        places = [place_of(row, wanted.order) for row in rows]
        return LeadPage([_seen(row, reach) for row in rows], total, places)

    def lead(self, actor: str, pool: str, reference: str) -> LeadView:
        """A lead by its id or the beginning of it.

        Raises NotFound for one that is unknown or may not be seen, alike; UsageError where several begin so.
        """
        reach = self.reach(actor, pool)
        rows = leads_named(self.database, [pool], _checked(reference), reach)
        return _seen(_one(rows, reference, pool), reach)

    def history(self, actor: str, pool: str, reference: str) -> tuple[LeadView, list[Row]]:
        """A lead and every event that concerns it: managers and auditors any, reps their own.

        Raises as `lead` does, and NotPermitted where the lead may be seen but not its history.
        """
        lead = self.lead(actor, pool, reference)
        if not self.may_see_history(actor, lead):
            raise _not_permitted(actor, pool, "the history of this lead")
        return lead, timeline_of(self.database, pool, lead.lead)

    def revealed(self, reveal: Event) -> LeadView:
        """The lead with its contact points, for whom the fact names who revealed them, just then.

        Raises NotPermitted for any other fact, and for who has left the pool or the role since.
        """
        role = self._role(reveal.actor, reveal.pool)
        there = access.allowed("see_public", reveal.actor, member_role=role)
        if not there or not isinstance(reveal.data, ContactRevealed):
            raise _not_permitted(reveal.actor, reveal.pool, "contact points")
        rows = leads_named(self.database, [reveal.pool], reveal.subject)
        row = _one([row for row in rows if row["lead"] == reveal.subject], reveal.subject, reveal.pool)
        return _seen(row, Reach(contacts_of_all=True))

    def may_see_history(self, actor: str, lead: LeadView) -> bool:
        """Whether the actor may see the events of a lead that it sees."""
        role = self._role(actor, lead.pool)
        return access.allowed("history", actor, member_role=role, owns=lead.owner == id_of(actor))

    def named(self, actor: str, pools: Sequence[str], reference: str) -> tuple[str, str]:
        """The pool and full id of the lead that a request means.

        Whoever belongs to a pool may name any of its leads, seen or not: a claim that comes too late is
        refused by a fact that says who won, and that fact needs the lead. Raises as `lead` does.
        """
        roles = self.roles(actor)
        if len(pools) == 1 and pools[0] not in roles:
            self.pool(pools[0])
        mine = [
            pool for pool in pools if access.belongs(actor, roles.get(pool)) or role_of(actor) == "auditor"
        ]
        rows = leads_named(self.database, mine, _checked(reference))
        if not mine and pools:
            raise NotFound(
                f"there is no lead {reference!r} that you may see",
                where=f"pool {', '.join(pools)}",
                do=f"{actor} does not belong there; act as somebody who does with `--as`.",
            )
        if len(rows) > 1 and len({row["lead"] for row in rows}) == 1:
            # It moved from pool to pool; where it is now is meant.
            rows = [row for row in rows if row["status"] != "transferred"][:1] or rows[-1:]
        if len(rows) > 1:
            rows = [row for row in rows if row["lead"] == _checked(reference)] or rows
        row = _one(rows, reference, ", ".join(pools))
        return row["pool"], row["lead"]

    # --- reports and outcomes -------------------------------------------------------------------

    def reports(self, actor: str, pool: str | None = None) -> ReportScope:
        """What the actor's reports may count, in one pool or in all that it may report on.

        Raises NotFound for an unknown pool, NotPermitted for a role that has no reports.
        """
        roles = self.roles(actor)
        if pool is not None:
            self._role(actor, pool)
        asked = [pool] if pool is not None else list(roles)
        allowed = [
            name for name in asked if access.allowed("report", actor, member_role=roles[name], owns=True)
        ]
        if not allowed and (asked or not access.scopes("report", actor)):
            raise _not_permitted(actor, pool, "reports")
        own_only = access.scopes("report", actor) == ("own",)
        return ReportScope(allowed, id_of(actor) if own_only else None)

    def watcher(self, actor: str, pool: str) -> Watcher:
        """Who watches the facts of a pool. Raises NotFound, and NotPermitted for a role that sees no lead."""
        reach, role = self.reach(actor, pool), self._role(actor, pool)
        if reach == Reach():
            raise _not_permitted(actor, pool, "facts")
        return Watcher(
            actor,
            reach,
            history=access.allowed("history", actor, member_role=role),
            history_of_own=access.allowed("history", actor, member_role=role, owns=True),
        )

    def standing(self, pool: str, leads: Sequence[str]) -> dict[str, Row]:
        """How leads stand now, by lead: what decides who may see what of them."""
        return standing_of(self.database, pool, leads)

    def may_see_request(self, actor: str, pool: str, asked_by: str) -> bool:
        """Whether the actor may see the outcome of a request: its own, and what history it may see."""
        return actor == asked_by or self.may("history", actor, pool)


def _seen(row: Row, reach: Reach) -> LeadView:
    shown = reach.shows(row)
    lead = LeadView(masked=not shown, **{name: row[name] for name in _COLUMNS})
    if shown:
        return lead
    return replace(
        lead,
        person_name=mask_name(lead.person_name),
        phones=list(map(access.mask, lead.phones)),
        emails=list(map(access.mask, lead.emails)),
        wechats=list(map(access.mask, lead.wechats)),
    )


_COLUMNS = [name for name in LeadView.__dataclass_fields__ if name != "masked"]


def _checked(reference: str) -> str:
    text = reference.strip().lower()
    if len(text) < REFERENCE_LENGTH_MIN:
        raise UsageError(
            f"{reference!r} is too short to name a lead",
            do=f"Give at least {REFERENCE_LENGTH_MIN} characters of its id; `leadflow leads` shows them.",
        )
    return text


def _one(rows: list[Row], reference: str, where: str) -> Row:
    if not rows:
        raise NotFound(
            f"there is no lead {reference!r} that you may see",
            where=f"pool {where}" if where else None,
            do="`leadflow leads` lists them.",
        )
    exact = [row for row in rows if row["lead"] == _checked(reference)]
    if len(rows) > 1 and not exact:
        raise UsageError(f"several leads begin with {reference!r}", do="Give more characters of the id.")
    return (exact or rows)[0]


def _not_permitted(actor: str, pool: str | None, what: str) -> NotPermitted:
    return NotPermitted(
        f"{actor} may not see {what}" + (f" of pool {pool}" if pool else ""),
        do="Who may see what stands in docs/reference/permissions.md; act as somebody else with `--as`.",
    )


__all__ = [
    "ORDERS",
    "STATUSES",
    "Criteria",
    "LeadPage",
    "LeadView",
    "Order",
    "Place",
    "PoolView",
    "ReportScope",
    "Views",
    "mask_name",
]
