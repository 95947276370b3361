"""The promises of a log, proved from its facts alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from leadflow.domain import events as f
from leadflow.domain.events import Event
from leadflow.log.envelope import decode
from leadflow.log.kafka import Record
from leadflow.log.reading import Row
from leadflow.log.verify import verify_rows


def check(facts: Iterable[Record]) -> None:
    """No gaps, a chain, whole decisions, requests decided once, one owner at a time, requests in order.

    The facts come partition by partition, in their order.
    """
    records = list(facts)
    rows = [
        Row(at, one.recorded_at, one.pool, one.sequence, one.type, one.document, None)
        for at, one in enumerate(records, 1)
    ]
    report = verify_rows(rows)
    assert report.ok, report.broken
    events = [decode(record.document) for record in records]
    caused = Counter(
        (event.pool, event.causation, event.digest)
        for event in events
        if event.fact_index == 1 and ":" in event.causation
    )
    assert not (twice := [request for request, times in caused.items() if times > 1]), twice
    assert not (wrong := list(second_owners(events))), wrong
    assert not (back := list(offsets_that_go_back(records))), back


def second_owners(events: Iterable[Event]) -> Iterator[str]:
    """Facts that give a lead to somebody while somebody else has it, by their ids."""
    owners: dict[tuple[str, str], str | None] = {}
    for event in events:
        lead, data = (event.pool, event.subject), event.data
        owner = owners.get(lead)
        if isinstance(data, f.LeadClaimed):
            if owner is not None:
                yield f"{event.id}: claimed by {data.rep}, owned by {owner}"
            owners[lead] = data.rep
        elif isinstance(data, f.LeadAssigned):
            if owner is not None:
                yield f"{event.id}: assigned to {data.to}, owned by {owner}"
            owners[lead] = data.to
        elif isinstance(data, f.LeadHandedOver):
            if owner != data.from_rep:
                yield f"{event.id}: handed over by {data.from_rep}, owned by {owner}"
            owners[lead] = data.to
        elif isinstance(data, f.LeadRecycled):
            if owner != data.rep:
                yield f"{event.id}: recycled from {data.rep}, owned by {owner}"
            owners[lead] = None
        elif isinstance(data, (f.LeadTransferredOut, f.LeadDisqualified)):
            owners[lead] = None
        elif isinstance(data, f.LeadsMerged):
            owners[event.pool, data.absorbed] = None


def offsets_that_go_back(records: Iterable[Record]) -> Iterator[str]:
    """Facts that answer a request from before the one that the fact before them answers."""
    last: dict[tuple[str, int], int] = {}
    for record in records:
        if record.origin is not None:
            place = (record.origin.topic, record.origin.partition)
            if record.origin.offset < last.get(place, -1):
                yield f"{record.pool}/{record.sequence}: {record.origin} after {last[place]}"
            last[place] = record.origin.offset
