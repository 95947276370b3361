"""Who may see and do what: the one table, for decisions and for everything that reads.

Rows are what can be done, columns are roles, a cell is how far it reaches. Source: the table "Who may
see and do what" of the lead-flow rules (docs/reference/permissions.md).
"""

from __future__ import annotations

from typing import Literal

from leadflow.domain.values import id_of, role_of

Scope = Literal["", "own", "pool", "collaborator", "all", "reason"]
"""Nothing; own leads; pools that one is a member of; leads one collaborates on; everything; everything,
with a reason that becomes a fact."""
Action = Literal[
    "see_public",
    "see_private",
    "see_contacts",
    "work",
    "contact",
    "assign",
    "manage",
    "edit",
    "spend",
    "report",
    "history",
    "open_pool",
    "submit",
    "subscribe",
]

LOCAL = "local"
"""The id of whoever holds the data directory: trusted in every pool, in the role it states."""

TABLE: dict[Action, dict[str, tuple[Scope, ...]]] = {
    "see_public": {
        "rep": ("pool",),
        "manager": ("pool",),
        "marketing": ("pool",),
        "auditor": ("all",),
    },
    "see_private": {
        "rep": ("own", "collaborator"),
        "manager": ("pool",),
        "support": ("collaborator",),
        "auditor": ("all",),
    },
    "see_contacts": {
        "rep": ("own", "collaborator"),
        "manager": ("pool",),
        "support": ("collaborator",),
        "auditor": ("reason",),
    },
    "work": {"rep": ("own",), "manager": ("pool",)},
    "contact": {
        "rep": ("own", "collaborator"),
        "manager": ("pool",),
        "support": ("collaborator",),
    },
    "edit": {"rep": ("own",), "manager": ("pool",)},
    "assign": {"manager": ("pool",), "marketing": ("pool",)},
    "manage": {"manager": ("pool",)},
    "spend": {"manager": ("pool",), "marketing": ("pool",)},
    "report": {
        "rep": ("own",),
        "manager": ("pool",),
        "marketing": ("pool",),
        "analyst": ("all",),
        "auditor": ("all",),
    },
    "history": {"rep": ("own",), "manager": ("pool",), "auditor": ("all",)},
    "open_pool": {"manager": ("all",)},
    "submit": {
        "adapter": ("all",),
        "manager": ("pool",),
        "marketing": ("pool",),
        "rep": ("pool",),
        "system": ("all",),
    },
    # To notifications: a rep to its own, a manager to those of anybody in its pools.
    "subscribe": {"rep": ("own",), "manager": ("pool",)},
}


def scopes(action: Action, actor: str) -> tuple[Scope, ...]:
    """How far the actor's role reaches in this action."""
    return TABLE[action].get(role_of(actor), ())


def belongs(actor: str, member_role: str | None) -> bool:
    """Whether the actor counts as belonging to a pool in which it has this role (None: no member)."""
    if id_of(actor) == LOCAL:
        return True
    return member_role is not None and member_role == role_of(actor)


def allowed(
    action: Action,
    actor: str,
    *,
    member_role: str | None,
    owns: bool = False,
    collaborates: bool = False,
) -> bool:
    """Whether the actor may do this to an object of a pool.

    `member_role` is the actor's role in that pool (None: not a member); `owns` and `collaborates` say
    how it stands to the lead in question. A scope of `reason` is not enough: it needs its own fact.
    """
    for scope in scopes(action, actor):
        if scope == "all":
            return True
        if not belongs(actor, member_role):
            continue
        if scope == "pool" or (scope == "own" and owns):
            return True
        if scope == "collaborator" and collaborates:
            return True
    return False


def mask(value: str) -> str:
    """A contact point as it is shown to those who may not see it: `138****1234`, `z***@example.com`.

    What is left tells a rep that there is something, not what it is.
    """
    if "@" in value:
        local, _, domain = value.partition("@")
        return f"{local[:1]}***@{domain}"
    digits = value.removeprefix("+86")
    if len(digits) >= 11 and digits.isdigit():
        return f"{digits[:3]}****{digits[-4:]}"
    return f"{value[:1]}***" if len(value) < 7 else f"{value[:2]}****{value[-2:]}"
