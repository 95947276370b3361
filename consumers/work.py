"""What a decider has in memory of one partition: its streams, and what one transaction will write."""

from __future__ import annotations

from dataclasses import dataclass, field

from leadflow.deciding import Batch
from leadflow.domain.evolve import initial
from leadflow.log.kafka import Message, Origin
from leadflow.streams import Held


class Memory(dict[str, Held]):
    """Streams by name; one that has no facts begins when it is asked for."""

    def __missing__(self, name: str) -> Held:
        held = self[name] = Held(initial(name))
        return held


@dataclass(slots=True)
class Work:
    """What one transaction will write, and from how many requests."""

    batch: Batch = field(default_factory=Batch)
    origins: list[Origin | None] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    places: list[Origin] = field(default_factory=list)
    size: int = 0

    @property
    def empty(self) -> bool:
        """Whether there is nothing to write."""
        return not self.places and not self.batch.stored
