"""A process that brings read models along during long work: there when it pays, gone with the work."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from consumers import following
from leadflow.log.embedded import EmbeddedLog
from leadflow.postgres import Database
from projections.runner import Projections
from tests.histories import RandomHistory

WAIT_S = 60.0


@pytest.fixture
def read_models(log: EmbeddedLog, database: str) -> Iterator[Projections]:
    with Database(database) as db:
        read_models = Projections(log, db)
        read_models.start()
        yield read_models


def pieces(log: EmbeddedLog, count: int) -> Iterator[int]:
    """A history that is appended piece by piece; gives the log's end after each."""
    history, written = RandomHistory(41), 0
    for _ in range(count):
        history.run(written + 40)
        log.append(history.stored()[written:])
        written = len(history.events)
        yield log.end()


def test_long_work_is_followed(log: EmbeddedLog, database: str, read_models: Projections) -> None:
    for done, end in enumerate(following.followed(database, pieces(log, 6)), 1):
        if done > following.STEPS_BEFORE:
            # Nobody but the process takes what is new.
            read_models.wait_for({0: end}, WAIT_S)
    assert done == 6
    assert list(read_models.verify()) == []


def test_short_work_is_not(
    log: EmbeddedLog, database: str, read_models: Projections, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "follower", None)
    steps = following.STEPS_BEFORE - 1
    assert len(list(following.followed(database, pieces(log, steps)))) == steps


def test_it_ends_with_the_work_whatever_ends_that(database: str, read_models: Projections) -> None:
    def failing() -> None:
        with following.follower(database) as child:
            assert child.poll() is None
            children.append(child)
            raise ValueError("the work fails")

    children: list[subprocess.Popen[bytes]] = []
    with pytest.raises(ValueError, match="fails"):
        failing()
    assert [child.returncode for child in children] == [0]


def test_what_it_cannot_do_is_left_to_others(
    log: EmbeddedLog, database: str, read_models: Projections
) -> None:
    with read_models.database.connection() as connection:
        connection.execute("ALTER TABLE read.projections RENAME TO gone")
    with following.follower(database) as child:
        assert child.wait(WAIT_S) == 1
    with read_models.database.connection() as connection:
        connection.execute("ALTER TABLE read.gone RENAME TO projections")
    list(pieces(log, 1))
    read_models.catch_up()
    assert list(read_models.verify()) == []
