"""Whoever calls, once it is known who that is: what every request and every view is asked as."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

SCOPES = ("intake", "read", "work", "report", "manage")
"""What a token may be for: sending leads in; reading leads, histories and outcomes; changing leads; reports
and spend figures; pools, members, policies, accounts and tokens. A role's limits hold all the same."""
ALL_SCOPES = frozenset(SCOPES)
"""What a person's session has."""


@dataclass(frozen=True)
class Caller:
    """Somebody whose identity was proved, by a session or by a token."""

    actor: str
    """As `role/id`: what every request and every view is asked as."""
    scopes: frozenset[str]
    """Some of SCOPES."""
    how: Literal["session", "token"]
    """What proved it."""
    name: str
    """The account's or the token's name, for the log of denied accesses; no secret."""
