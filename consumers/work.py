"""What a decider has in memory of one partition: its streams, and what one transaction will write."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import structlog

from consumers.operating import Operating, kind_of
from leadflow.deciding import Batch
from leadflow.domain.evolve import initial
from leadflow.log.kafka import Message, Origin
from leadflow.outcome import Outcome
from leadflow.streams import Held

log_ = structlog.get_logger(__name__)


class Memory(dict[str, Held]):
    """Streams by name; one that has no facts begins when it is asked for."""

    def __missing__(self, name: str) -> Held:
        held = self[name] = Held(initial(name))
        return held


class Told(NamedTuple):
    """What is told of one request, once its outcome is written."""

    kind: str
    outcome: str
    """`accepted`, `refused`, `repeated`, `dead_letter` or `forwarded`."""
    pool: str | None = None
    request: str | None = None
    last: int = 0
    """How many facts the transaction had after this request's; 0 if it caused none."""


UNREADABLE = Told("unreadable", "dead_letter")


def told_of(outcome: Outcome, last: int) -> Told:
    """What is told of a request that was decided."""
    request = outcome.request
    kind = "dead_letter" if outcome.error is not None else kind_of(outcome)
    return Told(request.body.type, kind, request.pool, request.identity, last if outcome.events else 0)


@dataclass(slots=True)
class Work:
    """What one transaction will write, and from how many requests."""

    batch: Batch = field(default_factory=Batch)
    origins: list[Origin | None] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    places: list[Origin] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    """One for each place."""
    size: int = 0

    @property
    def empty(self) -> bool:
        """Whether there is nothing to write."""
        return not self.places and not self.batch.stored

    def tell(self, operating: Operating, partition: int, positions: Sequence[int], seconds: float) -> None:
        """Say what was written at these positions of the log, in a transaction that took so long."""
        operating.committed(seconds, len(self.places), len(positions))
        for (kind, outcome), count in Counter((told.kind, told.outcome) for told in self.told).items():
            operating.decided(kind, outcome, count)
        if not log_.is_enabled_for(logging.DEBUG):
            return
        for place, told in zip(self.places, self.told, strict=True):
            log_.debug(
                "a request is decided",
                pool=told.pool,
                partition=partition,
                position=positions[told.last - 1] if told.last else None,
                request=told.request,
                kind=told.kind,
                outcome=told.outcome,
                topic=place.topic,
                offset=place.offset,
            )
