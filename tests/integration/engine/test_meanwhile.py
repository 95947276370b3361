"""What can go on while the engine only waits."""

from __future__ import annotations

from leadflow.engine import Engine
from leadflow.log.embedded import EmbeddedLog
from tests.team import POOL, Ticking, arrival, open_team


def test_it_is_called_when_facts_are_decided_and_not_written_yet(log: EmbeddedLog) -> None:
    engine = Engine(log, clock=Ticking())
    open_team(engine)
    lengths: list[int] = []
    before = log.last(POOL)
    engine.submit([arrival(1), arrival(2)], lambda: lengths.append(log.last(POOL)))
    assert lengths == [before]
    # What was decided before is not written again: there is nothing to wait for.
    engine.submit([arrival(1), arrival(2)], lambda: lengths.append(log.last(POOL)))
    assert lengths == [before]
