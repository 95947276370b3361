"""Whoever comes in by the company's provider: on the way there, and back."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Pending:
    """A sign-in that went to the provider; the browser keeps it, signed, until it is back."""

    state: str
    nonce: str
    verifier: str
    return_to: str


@dataclass(frozen=True)
class Entrant:
    """Whom the provider says it has let in."""

    name: str
    """The account's name, by the claim that the settings name."""
    subject: str
    """Who that is at the provider, for ever."""
    roles: list[str] | None
    """What the roles claim lists; None if the settings name no such claim."""
    display_name: str | None
