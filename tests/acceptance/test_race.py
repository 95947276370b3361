"""Two processes race for the leads of one pool, without an engine between them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from leadflow.domain import events as e
from leadflow.log.envelope import decode
from tests.processes import children, leadflow, opened, race
from tests.team import POOL, capture, open_team

LEADS = 100
SEED = 20261121


def test_two_thousand_claims_for_a_hundred_leads_have_a_hundred_winners(place: Path) -> None:
    teams = [[f"{side}{number}" for number in range(10)] for side in ("red", "blue")]
    with opened(place) as app:
        open_team(app, [rep for team in teams for rep in team])
        leads = capture(app, range(LEADS))
        told = _race(place, teams, leads)
        events = [decode(stored.state) for stored in app.log.read_pool(POOL)]

    assert [event.sequence for event in events] == list(range(1, len(events) + 1)), "no gap"
    won = {event.subject: event for event in events if isinstance(event.data, e.LeadClaimed)}
    refused = [event for event in events if isinstance(event.data, e.RequestRefused)]
    assert set(won) == set(leads)
    claimed = sum(isinstance(event.data, e.LeadClaimed) for event in events)
    assert (claimed, len(refused)) == (LEADS, 2_000 - LEADS)
    for event in refused:
        assert isinstance(event.data, e.RequestRefused)
        winner = won[event.subject]
        assert isinstance(winner.data, e.LeadClaimed)
        named = (event.data.reason, event.data.winner, event.data.position)
        assert named == ("already_owned", winner.data.rep, winner.sequence)
        assert event.sequence > winner.sequence
    decided = {event.causation: event.id for event in events if "claim" in event.type or event in refused}
    assert {identity: decided[identity] for identity in told} == told, "each was told what the log says"
    assert len(told) == 2_000
    sides = Counter(str(event.actor)[4:7] for event in won.values())
    assert len(sides) == 2, f"both processes were in the race: {sides}"
    assert "ok" in leadflow(place, "log", "verify").stdout
    leadflow(place, "projections", "verify")


def _race(home: Path, teams: list[list[str]], leads: list[str]) -> dict[str, str]:
    print(f"seed {SEED}")
    context = children()
    racers: list[tuple[Any, Any]] = []
    for number, team in enumerate(teams):
        mine, theirs = context.Pipe()
        process = context.Process(target=race, args=(str(home), SEED + number, team, leads, theirs))
        process.start()
        racers.append((process, mine))
    for _, connection in racers:
        assert connection.recv() == "ready"
    for _, connection in racers:
        connection.send("go")
    told: dict[str, str] = {}
    for process, connection in racers:
        while (part := connection.recv()) is not None:
            told |= dict(part)
        process.join(120)
        assert process.exitcode == 0
    return told
