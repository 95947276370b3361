"""Small chained histories to put into a log."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from eventsourcing.persistence import StoredEvent

from leadflow.domain.events import Event, LeadClaimed
from leadflow.log.embedded import EmbeddedLog
from leadflow.log.envelope import GENESIS, encode, hash_of

START = datetime(2026, 11, 21, 2, tzinfo=UTC)


def chain(pool: str, decisions: list[int], first: int = 1, prevhash: str = GENESIS) -> list[StoredEvent]:
    """Events of a pool: one decision for each number, with as many facts."""
    stored = []
    sequence = first
    for number, facts in enumerate(decisions):
        for index in range(1, facts + 1):
            event = Event(
                pool, sequence, START + timedelta(minutes=number), f"lead-{sequence}", "rep/王", f"{number}",
                "", index, facts, 1, LeadClaimed(rep="王"),
            )  # fmt: skip
            document = encode(event, prevhash)
            stored.append(StoredEvent(pool, sequence, event.type, document))
            prevhash, sequence = hash_of(document), sequence + 1
    return stored


def fill(log: EmbeddedLog) -> None:
    """Two pools, written in turn."""
    east, west = chain("east", [1, 3, 2]), chain("west", [2, 1])
    log.append(east[:4])
    log.append(west)
    log.append(east[4:])
