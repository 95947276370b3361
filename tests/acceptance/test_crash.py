"""kill -9 at any moment: nothing acknowledged is lost, nothing is doubled."""

from __future__ import annotations

import os
import random
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from leadflow.bootstrap.app import App
from leadflow.domain import events as e
from leadflow.domain.events import Event
from leadflow.errors import Unavailable
from leadflow.log.envelope import decode
from leadflow.log.verify import verify
from tests.processes import BATCH_MAX, REPS, children, leadflow, load, opened, request_at, running, until
from tests.team import POOL, arrival, open_team

KILLS = 50


@pytest.fixture
def seed() -> int:
    """A new one each time, printed, unless the environment names one to see a failure again."""
    found = int(os.environ.get("LEADFLOW_TEST_SEED") or random.SystemRandom().randrange(10**6))
    print(f"LEADFLOW_TEST_SEED={found}")
    return found


def test_fifty_kills_during_an_import_with_claims(place: Path, seed: int) -> None:
    chance = random.Random(seed)
    acknowledged: dict[int, str] = {}
    with opened(place) as app:
        open_team(app, REPS)
        for _ in range(KILLS):
            # What was sent before is sent again in part, as a client would that saw no answer.
            # Less than half of a batch on the average, so that each child gets further.
            start = max(0, max(acknowledged, default=-1) + 1 - chance.randrange(BATCH_MAX // 2))
            # A third of them die while they start, the others in the middle of their work.
            working = chance.random() < 0.67
            for index, fact in _killed(place, seed, start, chance.uniform(0.01, 0.25), working=working):
                assert acknowledged.setdefault(index, fact) == fact, "the same request, another outcome"
        last = max(acknowledged) + 1
        outcomes = app.submit([request_at(seed, index) for index in range(last + 100)])
        for index, fact in acknowledged.items():
            assert outcomes[index].events[0].id == fact
            assert outcomes[index].repeated
        _nothing_is_doubled(app)
        requests = {request_at(seed, index).identity for index in range(last + 100)}
        decided = {event.causation for event in _events(app) if event.fact_index == 1}
        assert requests <= decided
        assert last > KILLS, f"the children came to {last} requests only"
    leadflow(place, "log", "verify")
    leadflow(place, "projections", "verify")
    print(f"{last} requests, {KILLS} kills")


def _killed(home: Path, seed: int, start: int, after_s: float, *, working: bool) -> Iterator[tuple[int, str]]:
    """A child that is killed some time after its start, or its first acknowledgement; gives those."""
    context = children()
    mine, theirs = context.Pipe(duplex=False)
    process = context.Process(target=load, args=(str(home), seed, start, theirs))
    process.start()
    theirs.close()
    if working:
        assert mine.poll(180), "the child acknowledged nothing"
    process.join(after_s)
    assert process.exitcode is None, "the child ended by itself"
    process.kill()
    process.join()
    try:
        while True:
            yield from mine.recv()
    except (EOFError, OSError):
        mine.close()


def _events(app: App) -> list[Event]:
    return [decode(stored.state) for stored in app.log.read_pool(POOL)]


def _nothing_is_doubled(app: App) -> None:
    events = _events(app)
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    decisions = Counter(event.causation for event in events if event.fact_index == 1)
    assert max(decisions.values()) == 1, "a request was decided twice"
    people = Counter(event.data.person.phones for event in events if isinstance(event.data, e.LeadCaptured))
    assert max(people.values()) == 1, "a person became two leads"
    owners = Counter(event.subject for event in events if isinstance(event.data, e.LeadClaimed))
    assert max(owners.values(), default=1) == 1, "a lead was claimed twice"
    assert verify(app.log).ok


def test_a_killed_engine_leaves_everything_usable(place: Path) -> None:
    with running(place) as engine:
        leadflow(place, "pool", "open", "east")
        leadflow(place, "member", "add", "wang")
        engine.kill()
        engine.wait(120)
    # Without it, commands decide by themselves; the next engine takes over its socket and its server.
    leadflow(place, "member", "add", "li")
    with running(place):
        leadflow(place, "member", "add", "zhao")
    listed = leadflow(place, "member", "list").stdout
    assert [name for name in ("wang", "li", "zhao") if name in listed] == ["wang", "li", "zhao"]
    leadflow(place, "log", "verify")
    leadflow(place, "projections", "verify")


def test_a_killed_database_comes_back_under_a_running_engine(place: Path) -> None:
    with opened(place) as app:
        open_team(app)
    with running(place) as engine, opened(place) as app:
        first = [app.one(arrival(number)).events for number in range(20)]
        postmaster = int((place / "postgres" / "postmaster.pid").read_text(encoding="utf-8").split()[0])
        os.kill(postmaster, signal.SIGKILL)
        again: list[Any] = []

        def answered() -> bool:
            try:
                again[:] = [app.one(arrival(number)).events for number in range(20)]
            except Unavailable:
                return False
            return True

        until(answered)
        assert again == first
        assert engine.poll() is None
        _nothing_is_doubled(app)
    leadflow(place, "projections", "verify")
