"""The embedded log: order, conflicts, locks, and being told of new events."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import psycopg
import pytest
from eventsourcing.persistence import StoredEvent

from leadflow import postgres
from leadflow.errors import Conflict, Unavailable, WrongVersion
from leadflow.log.embedded import EmbeddedLog


def stored(pool: str, sequence: int, state: bytes = b"{}", topic: str = "t.v1") -> StoredEvent:
    return StoredEvent(pool, sequence, topic, state)


def test_what_is_appended_is_read_in_order(log: EmbeddedLog) -> None:
    assert (log.end(), log.pools(), log.last("east")) == (0, [], 0)
    first = log.append([stored("east", 1), stored("west", 1), stored("east", 2, b"\x00\xff")])
    assert first == sorted(first)
    assert [e.originator_version for e in log.read_pool("east")] == [1, 2]
    assert list(log.read_pool("east", gt=1)) == [stored("east", 2, b"\x00\xff")]
    assert [(p, e.originator_id) for p, _, e in log.read_all()] == list(
        zip(first, ["east", "west", "east"], strict=True)
    )
    assert log.pools() == ["east", "west"]
    assert (log.end(), log.last("east")) == (first[-1], 2)
    assert log.document("east", 2) == b"\x00\xff"
    assert log.document("east", 3) is None


def test_nothing_is_appended_by_nothing(log: EmbeddedLog) -> None:
    assert log.append([]) == []
    assert log.end() == 0


def test_pages_end_nowhere_in_particular(log: EmbeddedLog) -> None:
    log.append([stored("east", n) for n in range(1, 11)])
    assert [e.originator_version for e in log.read_pool("east", page=3)] == list(range(1, 11))
    assert [e.originator_version for _, _, e in log.read_all(page=5)] == list(range(1, 11))


def test_reading_can_be_kept_to_types_and_to_a_time(log: EmbeddedLog) -> None:
    log.append([stored("east", 1, topic="a"), stored("east", 2, topic="b")])
    between = log.append([stored("east", 3, topic="a")])[0]
    times = {position: at for position, at, _ in log.read_all()}
    assert all(at.tzinfo is UTC for at in times.values())
    log.append([stored("east", 4, topic="a")])
    assert [e.originator_version for _, _, e in log.read_all(topics=["a"])] == [1, 3, 4]
    assert [e.originator_version for _, _, e in log.read_all(until=times[between])] == [1, 2, 3]
    assert list(log.read_all(until=datetime(2020, 1, 1, tzinfo=UTC))) == []


def test_a_taken_place_is_a_conflict_and_nothing_is_written(log: EmbeddedLog) -> None:
    log.append([stored("east", 1)])
    with pytest.raises(Conflict) as caught:
        log.append([stored("east", 2), stored("east", 1, b"other")])
    assert isinstance(caught.value.__cause__, Exception)
    assert log.last("east") == 1


def test_a_batch_larger_than_a_sockets_buffer_is_written(log: EmbeddedLog) -> None:
    state = b"x" * 1_000
    for batch in range(5):
        log.append([stored("east", batch * 2_000 + n, state) for n in range(1, 2_001)])
    assert log.last("east") == 10_000


def test_a_lock_keeps_other_writers_of_its_pool_out_and_no_others(log: EmbeddedLog, database: str) -> None:
    with EmbeddedLog(database) as other, log.lock(["east", "west"]):
        with other.lock(["north"], wait_s=120):
            pass
        with pytest.raises(Unavailable, match="another process"), other.lock(["west"], wait_s=0.05):
            pass
    with log.lock(["west"], wait_s=120):
        pass


def test_a_lock_is_let_go_after_an_error(log: EmbeddedLog, database: str) -> None:
    with pytest.raises(ValueError, match="boom"), log.lock(["east"]):
        raise ValueError("boom")
    with EmbeddedLog(database) as other, other.lock(["east"], wait_s=120):
        pass


def test_writers_under_the_lock_never_conflict(log: EmbeddedLog) -> None:
    def write() -> None:
        for _ in range(20):
            with log.lock(["west", "east"]):
                log.append([stored("east", log.last("east") + 1)])

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [e.originator_version for e in log.read_pool("east")] == list(range(1, 81))


def test_waiting_ends_when_another_connection_appends(log: EmbeddedLog, database: str) -> None:
    assert log.wait(0.01), "what came before the first wait is unknown"
    assert not log.wait(0.01)
    with EmbeddedLog(database) as other:
        other.append([stored("east", 1)])
    assert log.wait(120)


def test_a_lost_connection_is_unavailable_and_the_next_try_works(log: EmbeddedLog, database: str) -> None:
    log.wait(0.01)
    log.append([stored("east", 1)])
    assert log.wait(120)
    with postgres.connect(database) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 120000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    with pytest.raises(Unavailable):
        log.wait(120)
    assert log.wait(0.01)
    log.append([stored("east", 2)])
    assert log.last("east") == 2


def test_a_database_that_is_away_is_named_without_its_password() -> None:
    with pytest.raises(Unavailable) as caught:
        EmbeddedLog("postgresql://joe:secret@127.0.0.1:1/nowhere")
    assert "nowhere" in str(caught.value)
    assert "secret" not in str(caught.value)
    assert isinstance(caught.value.__cause__, psycopg.Error)


def test_several_processes_may_set_the_log_up_at_once(empty_database: str) -> None:
    opened: list[EmbeddedLog] = []
    threads = [threading.Thread(target=lambda: opened.append(EmbeddedLog(empty_database))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(opened) == 4
    opened[0].append([stored("east", 1)])
    assert opened[3].last("east") == 1
    for log in opened:
        log.close()


def test_a_log_of_another_format_is_refused(database: str) -> None:
    with postgres.connect(database) as connection:
        connection.execute("COMMENT ON SCHEMA log IS 'leadflow log format 99'")
    with pytest.raises(WrongVersion, match="99"):
        EmbeddedLog(database)


def test_documents_alone_are_those_of_the_events(log: EmbeddedLog) -> None:
    log.append([StoredEvent("east", n, "a" if n % 2 else "b", b"%d" % n) for n in range(1, 8)])
    whole = [(place, at, event.state) for place, at, event in log.read_partition(0, topics=["a"])]
    assert list(log.read_documents(0, topics=["a"])) == whole
    assert [at.tzinfo for _, at, _ in whole] == [UTC] * 4
    assert [document for *_, document in log.read_documents(0, whole[2][0])] == [b"6", b"7"]
