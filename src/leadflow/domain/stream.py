"""A stream of facts: its place, its time, and which requests it has decided."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

from leadflow.domain.values import digest

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NOT_TAKEN_IN = "00"
"""Stands for the payload digest of an arrival that was refused."""


@lru_cache(maxsize=64)
def _key(identity: str) -> bytes:
    """A request is looked for, and then remembered: its key is wanted some times in a row."""
    return digest(identity)


class Stream:
    """What every stream of facts remembers: its place, and which requests it has decided."""

    def __init__(self, stream_id: str) -> None:
        self.id = stream_id
        self.sequence = 0
        self.time = EPOCH
        """The last fact's time; no decision is earlier."""
        self.policy_version = 0
        self.requests: dict[bytes, bytes] = {}
        """Identity digest → payload digest (8 bytes, or none) and first fact's sequence."""

    def remember(self, identity: str, payload: str, sequence: int) -> None:
        """Keep where a request was decided; a second payload under one identity has its own place."""
        key = _key(identity)
        if key in self.requests and not self.not_taken_in(identity):
            key = digest(identity, payload)
        self.requests[key] = bytes.fromhex(payload) + sequence.to_bytes(8, "big")

    def first_decided(self, identity: str) -> tuple[str, int] | None:
        """Payload digest (hex) and sequence of the decision on that identity, if there is one."""
        kept = self.requests.get(_key(identity))
        return (kept[:-8].hex(), int.from_bytes(kept[-8:], "big")) if kept else None

    def not_taken_in(self, identity: str) -> bool:
        """Whether it was an arrival that was refused: it may come again from somebody who may send it."""
        first = self.first_decided(identity)
        return first is not None and first[0] == NOT_TAKEN_IN

    def refused_as_reused(self, identity: str, payload: str) -> int | None:
        """Sequence of the refusal that this very payload got because the identity was taken."""
        kept = self.requests.get(digest(identity, payload))
        return int.from_bytes(kept[-8:], "big") if kept else None

    def outcome_sequence(self, identity: str, payload: str) -> int | None:
        """Where the outcome of this request stands, if it was decided."""
        first = self.first_decided(identity)
        if first is None:
            return None
        return (
            first[1] if first[0] in ("", NOT_TAKEN_IN, payload) else self.refused_as_reused(identity, payload)
        )
