"""All parts of one machine, as threads of one process."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from consumers import embedded as parts
from consumers.embedded import Embedded
from consumers.handover import HandoverClient
from leadflow.domain import events as e
from leadflow.engine import Engine
from leadflow.errors import HomeInUse, LogDamaged, Unavailable
from leadflow.log.embedded import EmbeddedLog
from leadflow.log.snapshots import Snapshots
from leadflow.postgres import Database
from projections.runner import Projections
from tests.processes import until
from tests.team import POOL, Ticking, arrival, capture, claim, open_team


@pytest.fixture
def clock() -> Ticking:
    return Ticking(datetime.now(UTC))


@pytest.fixture
def engine(log: EmbeddedLog, clock: Ticking) -> Engine:
    engine = Engine(log, clock=clock)
    open_team(engine)
    return engine


@pytest.fixture
def projections(log: EmbeddedLog, database: str) -> Iterator[Projections]:
    with Database(database) as opened:
        found = Projections(log, opened)
        found.start()
        yield found


@pytest.fixture
def running(engine: Engine, projections: Projections, tmp_path: Path) -> Iterator[Embedded]:
    embedded = Embedded(tmp_path, engine, projections, engine.log.url)
    yield embedded
    embedded.close()


def test_a_request_is_decided_and_the_read_models_follow(
    running: Embedded, projections: Projections, tmp_path: Path
) -> None:
    client = HandoverClient(tmp_path)
    outcomes, position = client.submit([arrival(number) for number in range(5)])
    client.close()
    assert [outcome.answer for outcome in outcomes] == ["created"] * 5
    projections.wait_for({0: position}, 120)
    assert running.problems == {}


def test_the_clock_decides_what_is_due(
    running: Embedded, engine: Engine, clock: Ticking, log: EmbeddedLog
) -> None:
    (lead,) = capture(engine, [1])
    engine.one(claim("wang", lead))
    clock.advance(days=4)
    until(lambda: any(stored.topic == e.LeadRecycled.TYPE for stored in log.read_pool(POOL)))


def test_a_second_one_is_refused(running: Embedded, engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(HomeInUse):
        Embedded(tmp_path, engine, running.projections, engine.log.url)
    assert HandoverClient.reachable(tmp_path)


def test_closing_brings_the_read_models_to_the_end(
    engine: Engine, projections: Projections, tmp_path: Path
) -> None:
    embedded = Embedded(tmp_path, engine, projections, engine.log.url)
    client = HandoverClient(tmp_path)
    client.submit([arrival(number) for number in range(50)])
    client.close()
    embedded.stop()
    assert embedded.wait(0)
    embedded.close()
    assert {status.lag for status in projections.list()} == {0}
    assert not HandoverClient.reachable(tmp_path)


def test_a_part_that_cannot_work_says_so_tries_again_and_spoils_no_other(
    engine: Engine, projections: Projections, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr(parts, "RETRY_S", 0.01)
    tick = engine.tick
    problems: list[Exception] = [ZeroDivisionError("13800000000"), LogDamaged("broken"), Unavailable("away")]
    revived: list[bool] = []

    def failing() -> int:
        if problems:
            raise problems[0]
        return tick()

    monkeypatch.setattr(engine, "tick", failing)
    embedded = Embedded(tmp_path, engine, projections, engine.log.url, lambda: revived.append(True))
    try:
        while problems:
            # What a library says may be a person's number.
            bug = isinstance(problems[0], ZeroDivisionError)
            told = "a bug: ZeroDivisionError" if bug else str(problems[0])
            until(lambda told=told: embedded.problems.get("clock") == told)  # type: ignore[misc]
            client = HandoverClient(tmp_path)
            assert client.submit([arrival(len(problems))])[0][0].answer == "created"
            client.close()
            # What is away is told first, then started again.
            away = isinstance(problems[0], Unavailable)
            until(lambda away=away: bool(revived) is away)  # type: ignore[misc]
            problems.pop(0)
        until(lambda: "clock" not in embedded.problems)
    finally:
        embedded.close()


def test_snapshots_are_taken_beside_the_engine(
    engine: Engine, projections: Projections, tmp_path: Path, monkeypatch: Any, log: EmbeddedLog
) -> None:
    monkeypatch.setattr(parts, "SNAPSHOT_EVERY", 10)
    capture(engine, range(20))
    embedded = Embedded(tmp_path, engine, projections, log.url)
    try:
        until(lambda: Snapshots(log.database).load(POOL) is not None)
    finally:
        embedded.close()
