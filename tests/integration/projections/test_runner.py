"""Read models in a real Postgres: exactly once, rebuilt beside the old ones, compared with the log."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from leadflow.domain import events as f
from leadflow.errors import LeadflowError, LogDamaged, NotFound, Unavailable
from leadflow.log.embedded import EmbeddedLog
from leadflow.log.verify import verify as verify_log
from leadflow.postgres import Database
from projections import pools, registry, timeline
from projections.base import Entry, Projection, ProjectionStopped, Rows
from projections.runner import ALL, Projections
from projections.verification import Difference
from tests.histories import History, RandomHistory

TABLES = [(projection.name, table.name) for projection in ALL for table in projection.tables]


@pytest.fixture
def read_models(log: EmbeddedLog, database: str) -> Iterator[Projections]:
    with Database(database) as db:
        yield Projections(log, db, batch_live=97, batch_rebuild=301)


def dump(read_models: Projections) -> dict[str, list[Any]]:
    """Every row of every live table."""
    found = {}
    with read_models.database.connection() as connection:
        for _, table in TABLES:
            rows = connection.execute(f"SELECT t::text FROM read.{table} t ORDER BY 1").fetchall()
            found[table] = rows
    return found


def append(log: EmbeddedLog, history: History, start: int = 0) -> int:
    """Write a history's events from `start` on; returns how many there are."""
    log.append(history.stored()[start:])
    return len(history.events)


def differences(read_models: Projections) -> list[Difference]:
    return list(read_models.verify())


@pytest.mark.parametrize("seed", [11, 12])
def test_growing_live_a_rebuild_and_a_fresh_fold_are_the_same(
    log: EmbeddedLog, read_models: Projections, seed: int
) -> None:
    print(f"seed {seed}")
    read_models.start()
    history = RandomHistory(seed)
    written = 0
    for target in (40, 41, 400, 1_000, 1_500):
        history.run(target)
        written = append(log, history, written)
        assert read_models.catch_up() == written
    assert differences(read_models) == []
    live = dump(read_models)
    assert all(live[table] for table in ("leads", "outcomes", "timeline", "intervals", "customers"))
    read_models.rebuild()
    assert dump(read_models) == live
    assert differences(read_models) == []
    assert [(s.position, s.lag, s.status) for s in read_models.list()] == [(written, 0, "live")] * len(ALL)


def test_catching_up_again_and_again_changes_nothing(log: EmbeddedLog, read_models: Projections) -> None:
    append(log, RandomHistory(13).run(300))
    read_models.start()
    before = dump(read_models)
    # As after a crash that lost the last commit of one projection's position and rows together, or a
    # reader that begins too early: entries that were taken are passed over.
    end = log.end()
    for _ in range(2):
        assert read_models.catch_up() == end
    other = Projections(log, read_models.database)
    threads = [threading.Thread(target=each.catch_up) for each in (read_models, other, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert dump(read_models) == before


def test_several_writers_at_once_write_each_event_once(log: EmbeddedLog, read_models: Projections) -> None:
    read_models.start()
    append(log, RandomHistory(14).run(1_200))
    others = [Projections(log, read_models.database, batch_live=size) for size in (31, 83)]
    threads = [threading.Thread(target=each.catch_up) for each in (read_models, *others)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert differences(read_models) == []


@pytest.mark.parametrize(
    ("table", "column", "change", "projection"),
    [
        ("leads", "owner", "'somebody'", "pools"),
        ("outcomes", "result", "'accepted '", "outcomes"),
        ("timeline", "line", "line || '.'", "timeline"),
        ("intervals", "end_reason", "'forgotten'", "ownership"),
        ("customers", "phones", "'[]'", "customers"),
        ("channel_days", "leads", "leads + 1", "channels"),
        ("spend_days", "amount", "amount + 0.01", "channels"),
    ],
)
def test_a_changed_row_is_found_and_named(
    log: EmbeddedLog, read_models: Projections, table: str, column: str, change: str, projection: str
) -> None:
    append(log, RandomHistory(15).run(500))
    read_models.start()
    with read_models.database.connection() as connection:
        rows = f"read.{registry.live(read_models.database)[projection].table(table)}"
        place = f"(SELECT ctid FROM {rows} LIMIT 1)"
        connection.execute(f"UPDATE {rows} SET {column} = {change} WHERE ctid = {place}")
    found = differences(read_models)
    assert [(d.projection, d.table, d.column) for d in found] == [(projection, table, column)]
    assert found[0].live != found[0].fresh
    assert found[0].key


def test_missing_and_added_rows_are_found(log: EmbeddedLog, read_models: Projections) -> None:
    append(log, RandomHistory(16).run(300))
    read_models.start()
    with read_models.database.connection() as connection:
        connection.execute("DELETE FROM read.leads WHERE lead = 'lead-000001'")
        connection.execute(
            "INSERT INTO read.members SELECT pool, 'nobody', role, status, paused_until, traits, since, 1 "
            "FROM read.members LIMIT 1"
        )
    found = differences(read_models)
    assert [(d.table, d.live is None, d.fresh is None) for d in found] == [
        ("leads", True, False),
        ("members", False, True),
    ]
    assert "lead-000001" in found[0].key
    assert "nobody" in found[1].key


def test_rows_and_position_are_written_together_or_not_at_all(
    log: EmbeddedLog, read_models: Projections
) -> None:
    read_models.start()
    append(log, RandomHistory(17).run(200))
    with read_models.database.connection() as connection:
        # The very last statement of a batch fails, after all rows were written.
        connection.execute(
            "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'no position' USING ERRCODE = 'XX000'; END $$"
        )
        connection.execute(
            "CREATE TRIGGER fail BEFORE INSERT OR UPDATE ON read.projection_positions "
            "FOR EACH ROW EXECUTE FUNCTION fail()"
        )
    with pytest.raises(LeadflowError, match="no position"):
        read_models.catch_up()
    assert not any(dump(read_models).values())
    with read_models.database.connection() as connection:
        connection.execute("DROP FUNCTION fail CASCADE")
    read_models.catch_up()
    assert differences(read_models) == []


def stopping_at(projection: Projection, event: str) -> Projection:
    """The projection with an error in it."""

    def apply(entry: Entry, rows: Rows) -> None:
        if entry.id == event:
            raise ValueError("this one is odd")
        handler = projection.handlers.get(entry.type, projection.otherwise)
        if handler is not None:
            handler(entry, rows)

    return replace(projection, handlers={}, otherwise=apply)


def test_an_event_that_cannot_be_applied_stops_its_projection_and_no_other(
    log: EmbeddedLog, read_models: Projections
) -> None:
    history = RandomHistory(18).run(400)
    bad = next(e for e in history.events[150:] if e.fact_count == 2 and e.fact_index == 2)
    broken = stopping_at(pools.PROJECTION, bad.id)
    stopping = Projections(log, read_models.database, (broken, timeline.PROJECTION), batch_live=1_000)
    stopping.start()
    append(log, history)
    for _ in range(2):
        with pytest.raises(ProjectionStopped) as stopped:
            stopping.catch_up()
        assert (stopped.value.projection, stopped.value.event) == ("pools", bad.id)
        assert stopped.value.position == history.events.index(bad) + 1
    first, second = stopping.list()
    # The decision that the event belongs to is left out whole; everything before it is there.
    assert (first.status, first.position) == ("stopped", stopped.value.position - 2)
    assert "this one is odd" in str(first.stopped)
    assert (second.status, second.position) == ("live", len(history.events))
    repaired = Projections(log, read_models.database, (pools.PROJECTION, timeline.PROJECTION))
    repaired.catch_up()
    assert list(repaired.verify()) == []
    assert repaired.list()[0].status == "live"


@pytest.mark.parametrize(("kept", "lost"), [(-4, "the last decisions"), (0, "the whole pool")])
def test_a_log_that_lost_its_end_is_named_and_not_taken_for_wrong_read_models(
    log: EmbeddedLog, read_models: Projections, kept: int, lost: str
) -> None:
    history = History()
    for pool in ("east", "west"):
        history.open(pool)
    for number in range(8):
        history.capture("west", f"lead-{number}")
    append(log, history)
    read_models.start()
    read_models.catch_up()
    whole = log.last("west")
    last = whole + kept if kept else 0
    with read_models.database.connection() as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(
            "DELETE FROM log.events WHERE originator_id = 'west' AND originator_version > %s", (last,)
        )
    assert verify_log(log).ok, f"the chain cannot show that it lost {lost}"
    with pytest.raises(LogDamaged, match=f"up to {whole}") as damaged:
        list(read_models.verify())
    assert damaged.value.event == f"west/{last + 1}"
    assert "Do not rebuild" in str(damaged.value)


def test_a_row_that_postgres_refuses_stops_the_projection_at_its_decision(
    log: EmbeddedLog, read_models: Projections
) -> None:
    history = RandomHistory(19).run(300)
    read_models.start()
    target = next(e for e in history.events[150:] if isinstance(e.data, f.LeadCaptured))
    with read_models.database.connection() as connection:
        leads = registry.live(read_models.database)["pools"].table("leads")
        connection.execute(f"ALTER TABLE read.{leads} ADD CHECK (lead <> '{target.subject}')")
    append(log, history)
    with pytest.raises(ProjectionStopped) as stopped:
        read_models.catch_up()
    assert (stopped.value.projection, stopped.value.event) == ("pools", target.id)
    statuses = {status.name: status for status in read_models.list()}
    assert statuses["pools"].position == history.events.index(target)
    assert statuses["timeline"].position == len(history.events)


def test_a_new_version_is_filled_beside_the_old_and_switched_to(
    log: EmbeddedLog, read_models: Projections
) -> None:
    append(log, RandomHistory(20).run(300))
    read_models.start()
    old = dump(read_models)
    seen: list[int] = []

    def progress(done: int, total: int) -> None:
        seen.append(done)
        assert dump(read_models) == old
        assert total == log.end()

    newer = Projections(
        log, read_models.database, [replace(projection, version=99) for projection in ALL], batch_rebuild=50
    )
    assert list(newer.start(progress)) == [projection.name for projection in ALL]
    assert len(seen) >= 4
    assert seen[-1] == log.end()
    assert {status.version for status in newer.list()} == {99}
    assert dump(newer) == old
    with read_models.database.connection() as connection:
        tables = connection.execute(
            "SELECT count(*) FROM pg_tables WHERE schemaname = 'read'"
            " AND tablename LIKE '%\\_\\_v%' AND tablename NOT LIKE '%\\_\\_v99\\_%'"
        ).fetchone()
    assert tables == (0,)
    assert list(newer.start()) == []


def test_a_rebuild_that_fails_leaves_the_old_version_in_place(
    log: EmbeddedLog, read_models: Projections
) -> None:
    history = RandomHistory(21).run(200)
    append(log, history)
    read_models.start()
    before = dump(read_models)
    broken = replace(stopping_at(pools.PROJECTION, history.events[-1].id), version=99)
    with pytest.raises(ProjectionStopped):
        Projections(log, read_models.database, (broken,)).start()
    assert dump(read_models) == before
    assert read_models.list()[0].version == pools.PROJECTION.version
    read_models.catch_up()
    with read_models.database.connection() as connection:
        left = connection.execute("SELECT count(*) FROM read.projections WHERE status <> 'live'").fetchone()
    assert left == (0,)


def test_what_is_written_during_a_rebuild_is_in_it(log: EmbeddedLog, read_models: Projections) -> None:
    history = RandomHistory(22).run(300)
    written = append(log, history)
    read_models.start()
    state = {"written": written}

    def progress(done: int, total: int) -> None:
        if state["written"] < 600:
            history.run(state["written"] + 100)
            state["written"] = append(log, history, state["written"])
            read_models.catch_up()

    read_models.rebuild(progress=progress)
    read_models.catch_up()
    assert differences(read_models) == []
    assert {status.position for status in read_models.list()} == {state["written"]}


def test_waiting_ends_when_the_position_is_reached_or_the_time_is_up(
    log: EmbeddedLog, read_models: Projections
) -> None:
    read_models.start()
    end = append(log, RandomHistory(23).run(60))
    with pytest.raises(Unavailable, match="pools"):
        read_models.wait_for({0: end}, 0)
    thread = threading.Thread(target=read_models.catch_up)
    thread.start()
    read_models.wait_for({0: end}, 120)
    thread.join()


def test_names_that_do_not_exist_and_projections_never_filled_are_named(
    log: EmbeddedLog, read_models: Projections
) -> None:
    Projections(log, read_models.database, (pools.PROJECTION,)).start()
    with pytest.raises(NotFound, match="'outcomes'"):
        read_models.catch_up()
    with pytest.raises(NotFound, match="'leads'"):
        read_models.rebuild(["leads"])
    assert [status.status for status in read_models.list()] == ["live", *["missing"] * 5]


def test_an_error_of_the_database_is_told_as_one_of_ours(log: EmbeddedLog, read_models: Projections) -> None:
    read_models.start()
    append(log, RandomHistory(24).run(100))
    with read_models.database.connection() as connection:
        connection.execute("ALTER TABLE read.projections RENAME TO gone")
    with pytest.raises(LeadflowError):
        read_models.catch_up()
