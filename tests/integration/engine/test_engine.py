"""The engine on a real log: outcomes, repeats, one insert for many, conflicts, transfers, the clock."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from eventsourcing.persistence import StoredEvent

import leadflow.deciding
from leadflow import postgres
from leadflow.domain import events as e
from leadflow.domain import requests as r
from leadflow.domain.decide import decide
from leadflow.engine import Engine
from leadflow.errors import BrokenInvariant, LogDamaged, NotFound, Unavailable, UsageError
from leadflow.log.embedded import EmbeddedLog
from leadflow.log.verify import verify
from tests.team import NOON, POOL, Ticking, arrival, capture, claim, joining, open_team, opening, request


@pytest.fixture
def clock() -> Ticking:
    return Ticking()


@pytest.fixture
def engine(log: EmbeddedLog, clock: Ticking) -> Engine:
    return Engine(log, clock=clock)


@pytest.fixture
def other(database: str, clock: Ticking) -> Iterator[Engine]:
    """Another process's engine on the same log."""
    with EmbeddedLog(database) as log:
        yield Engine(log, clock=clock)


def facts_of(log: EmbeddedLog, pool: str = POOL) -> list[str]:
    return [stored.topic for stored in log.read_pool(pool)]


def test_a_request_gives_its_facts_and_they_stand_in_the_log(engine: Engine, log: EmbeddedLog) -> None:
    open_team(engine)
    outcome = engine.one(arrival(1))
    assert (outcome.answer, outcome.repeated, outcome.refusal) == ("created", False, None)
    assert [type(event.data) for event in outcome.events] == [e.LeadCaptured]
    assert outcome.events[0].time == NOON
    assert facts_of(log)[-1] == e.LeadCaptured.TYPE
    assert engine.position == log.end()


def test_the_same_request_again_gets_its_first_outcome(engine: Engine, log: EmbeddedLog) -> None:
    open_team(engine)
    first = engine.one(arrival(1))
    lead = first.events[0].subject
    won, lost = engine.submit([claim("wang", lead), claim("li", lead)])
    length = log.last(POOL)
    again = engine.submit([claim("li", lead), arrival(1), claim("wang", lead)])
    assert [outcome.events for outcome in again] == [lost.events, first.events, won.events]
    assert all(outcome.repeated for outcome in again)
    assert [outcome.answer for outcome in again] == ["refused", "duplicate", "done"]
    assert log.last(POOL) == length


def test_a_repeat_within_one_batch_and_from_another_process(engine: Engine, other: Engine) -> None:
    open_team(engine)
    first, second = engine.submit([arrival(1), arrival(1)])
    assert (first.repeated, second.repeated) == (False, True)
    assert first.events == second.events
    assert other.one(arrival(1)).events == first.events


def test_the_same_identity_with_another_content_is_refused_each_time(engine: Engine) -> None:
    open_team(engine)
    first, second = capture(engine, (1, 2))
    engine.one(claim("wang", first, "mine"))
    refused = engine.one(claim("wang", second, "mine"))
    assert refused.refusal is not None
    assert refused.refusal.reason == "identity_reused"
    assert engine.one(claim("wang", second, "mine")).events == refused.events


def test_the_loser_of_a_race_is_told_who_won_and_where(engine: Engine) -> None:
    open_team(engine)
    (lead,) = capture(engine, [1])
    won, lost = engine.submit([claim("li", lead), claim("wang", lead)])
    assert lost.refusal is not None
    assert (lost.refusal.reason, lost.refusal.winner) == ("already_owned", "li")
    assert lost.refusal.position == won.events[0].sequence


def test_many_requests_are_one_insert(engine: Engine, log: EmbeddedLog, monkeypatch: Any) -> None:
    open_team(engine)
    inserts: list[int] = []
    append = log.append

    def counted(stored: Sequence[StoredEvent]) -> list[int]:
        inserts.append(len(stored))
        return append(stored)

    monkeypatch.setattr(log, "append", counted)
    engine.submit([arrival(number) for number in range(50)])
    assert inserts == [50]


def test_who_comes_second_folds_on_and_decides_anew(engine: Engine, other: Engine) -> None:
    open_team(engine)
    (lead,) = capture(engine, [1])
    assert other.one(claim("li", lead)).refusal is None
    refused = engine.one(claim("wang", lead))
    assert refused.refusal is not None
    assert refused.refusal.winner == "li"


def test_after_a_conflict_state_is_dropped_and_the_batch_decided_anew(
    engine: Engine, log: EmbeddedLog, database: str, monkeypatch: Any
) -> None:
    """The unique key is the backstop: somebody writes without the lock, between catch-up and append."""
    open_team(engine)
    (lead,) = capture(engine, [1])
    append = log.append
    with EmbeddedLog(database) as intruders:
        intruder = Engine(intruders, clock=Ticking())
        monkeypatch.setattr(intruders, "lock", lambda names: _Unlocked())

        def late(stored: Sequence[StoredEvent]) -> list[int]:
            monkeypatch.setattr(log, "append", append)
            intruder.one(claim("li", lead))
            return append(stored)

        monkeypatch.setattr(log, "append", late)
        refused = engine.one(claim("wang", lead))
    assert refused.refusal is not None
    assert refused.refusal.winner == "li"
    assert verify(log).ok


class _Unlocked:
    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...


def test_after_a_failed_append_nothing_of_it_is_remembered(
    engine: Engine, log: EmbeddedLog, monkeypatch: Any
) -> None:
    open_team(engine)
    (lead,) = capture(engine, [1])

    def away(stored: Sequence[StoredEvent]) -> list[int]:
        raise Unavailable("the database is away")

    with monkeypatch.context() as patch:
        patch.setattr(log, "append", away)
        with pytest.raises(Unavailable):
            engine.one(claim("wang", lead))
    assert engine.pool(POOL).leads[lead].owner is None
    assert engine.one(claim("li", lead)).refusal is None


def test_a_lost_connection_is_unavailable_and_the_next_request_works(
    engine: Engine, log: EmbeddedLog, database: str
) -> None:
    open_team(engine)
    with postgres.connect(database) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 120000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    try:
        engine.one(arrival(1))
    except Unavailable:
        engine.one(arrival(1))
    assert verify(log).ok
    assert facts_of(log).count(e.LeadCaptured.TYPE) == 1


def test_a_transfer_is_in_both_pools_or_in_neither(
    engine: Engine, log: EmbeddedLog, monkeypatch: Any
) -> None:
    open_team(engine)
    open_team(engine, ("zhao",), "west")
    (lead,) = capture(engine, [1])
    move = request(r.TransferLead(lead=lead, to_pool="west"), "move")

    def broken(*_: object) -> list[e.Event]:
        raise KeyError("a bug in the receiving pool")

    with monkeypatch.context() as patch:
        patch.setattr(
            leadflow.deciding, "decide", lambda s, q, n: broken() if s.id == "west" else decide(s, q, n)
        )
        outcome = engine.submit([move])[0]
    assert isinstance(outcome.error, BrokenInvariant)
    assert lead not in engine.pool("west").leads
    assert engine.pool(POOL).leads[lead].status == "public"

    left = engine.one(move).events[0]
    arrived = [event for event in log.read_pool("west") if event.topic == e.LeadTransferredIn.TYPE]
    assert isinstance(left.data, e.LeadTransferredOut)
    assert len(arrived) == 1
    assert left.id.encode() in arrived[0].state
    assert engine.pool(POOL).leads[lead].status == "transferred"
    assert lead in engine.pool("west").leads
    assert engine.one(move).repeated
    assert verify(log).ok


def test_an_unknown_pool_has_an_error_and_hinders_no_other(engine: Engine) -> None:
    open_team(engine)
    wrong, right = engine.submit([arrival(1, "north"), arrival(1)])
    assert isinstance(wrong.error, NotFound)
    assert "There are: east" in str(wrong.error)
    assert right.answer == "created"
    with pytest.raises(NotFound, match="north"):
        engine.pool("north")
    (lead,) = capture(engine, [2])
    lost = engine.submit([request(r.TransferLead(lead=lead, to_pool="north"), "move")])[0]
    assert isinstance(lost.error, NotFound)


@pytest.mark.parametrize("bug_in", ["decide", "evolve", "encode"])
def test_a_bug_in_one_request_hinders_no_other(
    engine: Engine, log: EmbeddedLog, monkeypatch: Any, bug_in: str
) -> None:
    open_team(engine)
    works = getattr(leadflow.deciding, bug_in)

    def buggy(first: Any, second: Any, *rest: Any) -> Any:
        if "+8613800000003" in repr((first, second)):
            raise ZeroDivisionError("a bug")
        return works(first, second, *rest)

    monkeypatch.setattr(leadflow.deciding, bug_in, buggy)
    outcomes = engine.submit([arrival(number) for number in range(7)])
    assert [outcome.answer if outcome.error is None else "error" for outcome in outcomes] == [
        *["created"] * 3,
        "error",
        *["created"] * 3,
    ]
    assert isinstance(outcomes[3].error, BrokenInvariant)
    assert isinstance(outcomes[3].error.__cause__, ZeroDivisionError)
    assert "138" not in str(outcomes[3].error), "an error tells nobody's phone"
    assert not any(outcome.repeated for outcome in outcomes)
    assert facts_of(log).count(e.LeadCaptured.TYPE) == 6
    assert verify(log).ok


def test_a_pool_whose_log_is_damaged_hinders_no_other(
    engine: Engine, other: Engine, log: EmbeddedLog, database: str
) -> None:
    open_team(engine)
    open_team(engine, pool="west")
    with postgres.connect(database) as connection:
        connection.execute(
            "UPDATE log.events SET state = convert_to("
            "replace(convert_from(state, 'UTF8'), 'wang', 'wong'), 'UTF8')"
            " WHERE originator_id = 'east' AND originator_version = 3"
        )
    outcomes = other.submit([arrival(1), arrival(1, "west"), arrival(2)])
    assert [type(outcome.error) for outcome in outcomes] == [LogDamaged, type(None), LogDamaged]
    assert "east/4" in str(outcomes[0].error)
    with pytest.raises(LogDamaged):
        other.tick()


def test_a_deadline_takes_effect_when_it_is_due_however_late_it_is_asked_for(
    engine: Engine, log: EmbeddedLog, clock: Ticking
) -> None:
    open_team(engine)
    (lead,) = capture(engine, [1])
    engine.one(claim("wang", lead))
    assert engine.tick() == 0
    clock.advance(days=2, hours=12, seconds=1)
    assert engine.tick() == 1
    clock.advance(days=30)
    assert engine.tick() == 1
    assert facts_of(log)[-2:] == [e.RecycleWarned.TYPE, e.LeadRecycled.TYPE]
    assert engine.pool(POOL).leads[lead].status == "public"
    assert (engine.stream(POOL).time - NOON).days == 3
    assert engine.tick() == 0


def test_what_is_due_is_decided_before_a_later_request(
    engine: Engine, log: EmbeddedLog, clock: Ticking
) -> None:
    open_team(engine)
    (lead,) = capture(engine, [1])
    engine.one(claim("wang", lead))
    clock.advance(days=4)
    assert engine.one(claim("li", lead)).refusal is None
    assert facts_of(log)[-3:] == [e.RecycleWarned.TYPE, e.LeadRecycled.TYPE, e.LeadClaimed.TYPE]


def test_an_hour_of_absence_changes_no_byte(
    engine: Engine, clock: Ticking, empty_database: str, log: EmbeddedLog
) -> None:
    """One engine ticks every hour, the other sleeps until the next request."""
    with EmbeddedLog(empty_database) as other_log:
        sleeper, its_clock = Engine(other_log, clock=(second := Ticking())), second
        for one, time in ((engine, clock), (sleeper, its_clock)):
            open_team(one)
            leads = capture(one, range(5))
            for hour in range(24 * 8):
                time.advance(hours=1)
                if one is engine:
                    one.tick()
                if hour % 31 == 0:
                    one.one(claim("wang", leads[hour // 31 % 5], f"claim-{hour}"))
            one.tick()
        assert [s.state for s in log.read_pool(POOL)] == [s.state for s in other_log.read_pool(POOL)]


def test_a_clock_of_the_other_kind_is_refused(engine: Engine, log: EmbeddedLog) -> None:
    open_team(engine)
    virtual = Engine(log, virtual=True)
    outcome = virtual.submit([arrival(1)])[0]
    assert isinstance(outcome.error, UsageError)
    assert "'real'" in str(outcome.error)
    assert virtual.tick() == 0
    wrong = engine.submit([opening("south", clock="requests")])[0]
    assert isinstance(wrong.error, UsageError)
    timeless = virtual.submit([opening("south", clock="requests")])[0]
    assert isinstance(timeless.error, UsageError)
    assert "needs its own time" in str(timeless.error)
    right = opening("south", clock="requests").model_copy(update={"at": NOON})
    assert virtual.one(right).events[0].time == NOON
    assert engine.tick() == 0, "a virtual pool in the same log is left alone"


def test_nothing_asked_gives_nothing(engine: Engine, log: EmbeddedLog) -> None:
    assert engine.submit([]) == []
    assert (log.end(), engine.tick()) == (0, 0)


def test_ids_and_bytes_depend_on_the_requests_alone(
    engine: Engine, log: EmbeddedLog, empty_database: str
) -> None:
    """Batched or one by one, from one process or two: the same requests give the same log."""
    script = [opening(), *joining(("wang", "li")), *(arrival(number) for number in range(20))]
    engine.submit(script)
    with EmbeddedLog(empty_database) as other_log:
        for one in script:
            Engine(other_log, clock=Ticking()).one(one)
        assert [s.state for s in log.read_pool(POOL)] == [s.state for s in other_log.read_pool(POOL)]
