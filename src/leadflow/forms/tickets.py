"""Tickets: what a page of a form carries that shows when it was opened, signed.

Who sends a form sooner than anybody can fill it in is a machine; who sends it a day later fills in a page
that others may have had. A ticket also names the one arrival that it is good for: sent twice, it is one.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from itsdangerous import BadData, URLSafeSerializer

LASTS = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Ticket:
    """A page that was opened."""

    submission: str
    opened_at: datetime


def new_ticket() -> str:
    """The id of an arrival that nobody has had."""
    return secrets.token_urlsafe(12)


def sealed(key: bytes, inlet: str, ticket: Ticket) -> str:
    """A ticket's text, for a page of this inlet."""
    at_ms = int(ticket.opened_at.timestamp() * 1000)
    return str(_signer(key).dumps([inlet, ticket.submission, at_ms]))


def opened(key: bytes, inlet: str, text: str, now: datetime) -> Ticket | None:
    """The ticket of a text; None where it is none of this inlet, or too old."""
    try:
        place, submission, at_ms = _signer(key).loads(text[:400])
    except (BadData, ValueError, TypeError):
        return None
    at = datetime.fromtimestamp(at_ms / 1000, UTC)
    if place != inlet or now - at > LASTS:
        return None
    return Ticket(submission, at)


def _signer(key: bytes) -> URLSafeSerializer:
    return URLSafeSerializer(key, salt="leadflow.form", signer_kwargs={"digest_method": sha256})
