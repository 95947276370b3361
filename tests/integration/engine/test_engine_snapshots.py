"""A snapshot that is missing, damaged, of another version or ahead of the log costs time, never truth."""

from __future__ import annotations

import pickle
from collections.abc import Callable

import pytest

from consumers.snapshots import take
from leadflow import postgres
from leadflow.domain.deadlines import next_due
from leadflow.domain.decide import decide
from leadflow.domain.pool import STATE_VERSION
from leadflow.engine import Engine
from leadflow.log.embedded import EmbeddedLog
from leadflow.log.envelope import hash_of
from leadflow.log.packing import FORMAT
from leadflow.log.snapshots import Snapshots
from leadflow.log.verify import verify
from tests.team import NOON, POOL, Ticking, arrival, capture, claim, open_team

Spoil = Callable[[EmbeddedLog, Engine], None]


def history(log: EmbeddedLog) -> tuple[Engine, list[str]]:
    engine = Engine(log, clock=Ticking(), snapshots=Snapshots(log.database, log.document))
    open_team(engine)
    leads = capture(engine, range(10))
    engine.one(claim("wang", leads[0]))
    return engine, leads


def run_sql(log: EmbeddedLog, statement: str) -> None:
    with postgres.connect(log.url) as connection:
        connection.execute(statement.encode())


def missing(log: EmbeddedLog, engine: Engine) -> None:
    run_sql(log, "DROP TABLE records.snapshots")


def changed_byte(log: EmbeddedLog, engine: Engine) -> None:
    run_sql(log, "UPDATE records.snapshots SET state = set_byte(state, 40, 255 - get_byte(state, 40))")


def well_sealed_rubbish(log: EmbeddedLog, engine: Engine) -> None:
    last = log.last(POOL)
    document = log.document(POOL, last)
    assert document is not None
    rubbish = FORMAT + pickle.dumps({"leads": []})
    Snapshots(log.database).store(POOL, last, hash_of(document), STATE_VERSION, rubbish)


def another_version(log: EmbeddedLog, engine: Engine) -> None:
    run_sql(log, "UPDATE records.snapshots SET state_version = state_version + 1, sequence = sequence + 5")


def ahead_of_the_log(log: EmbeddedLog, engine: Engine) -> None:
    """As after restoring an older log beside newer records."""
    engine.one(arrival(99))
    assert engine.save_snapshots(1) == 1
    run_sql(log, f"DELETE FROM log.events WHERE originator_version = {log.last(POOL)}")


def of_another_history(log: EmbeddedLog, engine: Engine) -> None:
    run_sql(log, f"UPDATE records.snapshots SET last_hash = '{'a' * 64}'")


@pytest.mark.parametrize(
    "spoil",
    [missing, changed_byte, well_sealed_rubbish, another_version, ahead_of_the_log, of_another_history],
    ids=lambda spoil: spoil.__name__,
)
@pytest.mark.parametrize("checking", [True, False], ids=["checked-by-the-table", "checked-by-the-engine"])
def test_a_bad_snapshot_is_passed_over(log: EmbeddedLog, spoil: Spoil, checking: bool) -> None:
    engine, leads = history(log)
    assert engine.save_snapshots(1) == 1
    spoil(log, engine)
    later = Engine(
        log, clock=Ticking(), snapshots=Snapshots(log.database, log.document if checking else None)
    )
    refused = later.one(claim("li", leads[0]))
    assert refused.refusal is not None
    assert refused.refusal.winner == "wang"
    assert later.one(arrival(3)).repeated
    assert later.one(arrival(11)).answer == "created"
    assert verify(log).ok


def test_a_good_snapshot_is_used_and_the_rest_of_the_log_folded_on(log: EmbeddedLog) -> None:
    engine, leads = history(log)
    assert engine.save_snapshots(1) == 1
    assert engine.save_snapshots(1) == 0, "nothing has happened since"
    engine.one(claim("li", leads[1]))
    read: list[int] = []
    read_pool = log.read_pool

    def counted(pool: str, gt: int = 0) -> object:
        read.append(gt)
        return read_pool(pool, gt)

    log.read_pool = counted  # type: ignore[method-assign, assignment]
    later = Engine(log, clock=Ticking(), snapshots=Snapshots(log.database, log.document))
    assert later.pool(POOL).leads[leads[1]].owner == "li"
    assert read == [log.last(POOL) - 1]


def test_a_state_from_a_snapshot_decides_as_one_from_the_log(log: EmbeddedLog) -> None:
    engine, leads = history(log)
    engine.save_snapshots(1)
    restored = Engine(log, clock=Ticking(), snapshots=Snapshots(log.database, log.document)).pool(POOL)
    folded = Engine(log, clock=Ticking()).pool(POOL)
    for request in (arrival(3), arrival(77), *(claim("li", lead) for lead in leads)):
        assert decide(restored, request, NOON) == decide(folded, request, NOON)
    assert next_due(restored) == next_due(folded)


def test_the_snapshot_process_takes_what_has_grown(log: EmbeddedLog, database: str) -> None:
    history(log)
    assert take(database, every=1_000) == 0
    assert take(database, every=5) == 1
    assert take(database, every=5) == 0
    found = Snapshots(log.database, log.document).load(POOL)
    assert found is not None
    assert found.sequence == log.last(POOL)
