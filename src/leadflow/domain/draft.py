"""A decision while it is being made: the facts that it will consist of."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from leadflow.domain.events import Event, Fact, RequestRefused, maker
from leadflow.domain.pool import Stream

_refused = maker(RequestRefused)
_tuple = tuple.__new__


class Draft:
    """Collects the facts of one decision and numbers them."""

    __slots__ = ("_facts", "actor", "causation", "correlation", "digest", "now", "request", "stream")

    def __init__(
        self,
        stream: Stream,
        now: datetime,
        actor: str,
        causation: str,
        request: str = "",
        digest: str = "",
    ) -> None:
        self.stream = stream
        self.now = now
        self.actor = actor
        self.causation = causation
        self.request = request
        """The request's name; empty for what the clock decides."""
        self.digest = digest
        self.correlation = ""
        self._facts: list[tuple[str, Fact]] = []

    def add(self, subject: str, fact: Fact) -> None:
        """One more fact about `subject`."""
        self._facts.append((subject, fact))

    def refuse(self, reason: str, *, subject: str = "", **particulars: Any) -> None:
        """The decision is a refusal: whatever was drafted so far is dropped."""
        self._facts = [(subject, _refused(request=self.request, reason=reason, **particulars))]

    @property
    def is_refusal(self) -> bool:
        """Whether what was drafted so far is a refusal."""
        return bool(self._facts) and isinstance(self._facts[0][1], RequestRefused)

    @property
    def next_sequence(self) -> int:
        """The sequence that the next fact will have."""
        return self.stream.sequence + len(self._facts) + 1

    def events(self, policy_version: int) -> list[Event]:
        """The facts in their places, all or none of which are appended."""
        pool, before, count = self.stream.id, self.stream.sequence, len(self._facts)
        now, actor, causation, digest = self.now, self.actor, self.causation, self.digest
        placed = []
        for index, (subject, fact) in enumerate(self._facts, 1):
            correlation = subject or pool
            members = (
                pool, before + index, now, subject, actor, causation, correlation, index, count,
                policy_version, fact, digest,
            )  # fmt: skip
            # What calling `Event` does, without the function that a named tuple calls.
            placed.append(_tuple(Event, members))
            digest = ""
        return placed
