"""A lead that is transferred to a pool that nobody has opened comes back, though two pools decide."""

from __future__ import annotations

from datetime import timedelta

from consumers.work import Memory
from leadflow.deciding import Batch
from leadflow.domain import requests as r
from leadflow.domain.events import LeadTransferredIn, LeadTransferredOut
from leadflow.domain.requests import Request
from leadflow.domain.values import derived_id
from projections.base import entry_of
from projections.folding import fold
from projections.memory import MemoryRows
from projections.runner import ALL
from tests.team import NOON, arrival, claim, joining, opening, request
from tests.undisturbed import rules_over

LEAD = derived_id("lead", "east", arrival(1).identity)
MOVE = request(r.TransferLead(lead=LEAD, to_pool="nowhere"), "move")


def decide(*requests: Request) -> Batch:
    """Requests, and whatever they pass on to other pools, one after the other."""
    rules, batch, waiting = rules_over(Memory()), Batch(), list(requests)
    at = NOON
    while waiting:
        at += timedelta(seconds=1)
        outcome = rules.decide(waiting.pop(0), at, batch)
        assert outcome.error is None, outcome.error
        waiting[:0] = batch.forwarded
        batch.forwarded.clear()
    return batch


def test_it_comes_back_and_can_be_claimed_again() -> None:
    events = decide(opening(), *joining(["wang"]), arrival(1), MOVE, claim("wang", LEAD)).events.values()
    out, back, claimed = list(events)[-3:]
    assert isinstance(out.data, LeadTransferredOut)
    assert isinstance(back.data, LeadTransferredIn)
    assert (back.pool, back.subject) == ("east", LEAD)
    assert (back.data.from_pool, back.data.from_fact) == ("nowhere", out.id)
    assert back.data.touches == out.data.touches
    assert claimed.type == "leadflow.lead.claimed.v1"


def test_the_read_models_count_it_once() -> None:
    batch = decide(opening(), *joining(["wang"]), arrival(1), MOVE, claim("wang", LEAD))
    stored = enumerate(batch.stored, 1)
    entries = [entry_of(at, NOON + timedelta(seconds=at), one.state) for at, one in stored]
    rows = {projection.name: MemoryRows(projection) for projection in ALL}
    for projection in ALL:
        fold(projection, entries, rows[projection.name])
    assert [row["leads"] for row in rows["channels"].rows("channel_days")] == [1]
    (lead,) = rows["pools"].rows("leads")
    assert (lead["status"], lead["owner"]) == ("private", "wang")
    assert batch.stored[-1].originator_id == "east"
