"""A Postgres that goes away under projectors and deciders, and comes back."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from leadflow.embedded.postgres import EmbeddedPostgres
from local_kafka import LocalKafka
from projections import writer
from tests.deciders import deciding
from tests.faults.scenes import Scene, scene
from tests.processes import until

AWAY_S = 60.0 if os.environ.get("LEADFLOW_TEST_SEED") else 12.0
"""A minute in `make faults`; `make test` has time for as long as a projector takes to notice."""
PAUSE_S = 0.5
RETRIES = "leadflow_retries_total"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    """A Postgres that may be killed and stopped."""
    server = EmbeddedPostgres(tmp_path)
    server.start()
    yield server
    server.revive()
    server.stop()


def _end(server: EmbeddedPostgres, number: int) -> None:
    os.kill(int(server.postmaster.file.read_text().split()[0]), number)


def _retries(played: Scene) -> float:
    return played.read_models.operating.registry.get_sample_value(RETRIES) or 0.0


def _decide_for(played: Scene, seconds: float) -> int:
    """Ask for decisions, each of which has to come, for so long; gives how often."""
    until_s, times = time.monotonic() + seconds, 0
    while time.monotonic() < until_s:
        played.load(8)
        played.decided()
        times += 1
        time.sleep(PAUSE_S)
    return times


def test_postgres_is_away_for_long_while_deciding_goes_on(
    broker: LocalKafka, server: EmbeddedPostgres
) -> None:
    url = server.start()
    with scene(broker.address, url, "Postgres away", partitions=2, database_url=url) as played:
        health = played.read_models.operating.health
        played.open()
        with deciding(played.office.settings, broker.address):
            played.load(30)
            played.check()
            until(lambda: health().ready)
            before = _retries(played)
            _end(server, played.chance.choice((signal.SIGKILL, signal.SIGINT)))
            began = time.monotonic()
            times = _decide_for(played, AWAY_S / 2)
        # The next one has to go without snapshots.
        with deciding(played.office.settings, broker.address) as second:
            times += _decide_for(played, AWAY_S / 2)
            assert "no snapshot can be read" in second.said()
            until(lambda: not health().ready)
            until(lambda: "the database is away" in str(health().problems))
            away_s, retries = time.monotonic() - began, _retries(played) - before
            played.injected(
                f"Postgres was away for {away_s:.0f} s, in which {times} loads were decided, half of them by"
                f" a decider that started meanwhile; the projector was not ready"
                f" and began anew {retries:.0f} times"
            )
            server.revive()
            print(played.check())
            until(lambda: health().ready)


def test_postgres_is_killed_in_the_middle_of_a_batch(
    broker: LocalKafka, server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    left: list[int] = []
    note_position = writer.note_position

    def killed_before_commit(*arguments: object) -> None:
        note_position(*arguments)  # type: ignore[arg-type]
        if left and left.pop() == 1:
            # Rows and position are written, and not committed.
            _end(server, signal.SIGKILL)

    monkeypatch.setattr(writer, "note_position", killed_before_commit)
    with scene(broker.address, server.start(), "Postgres killed", partitions=2) as played:
        played.open()
        with deciding(played.office.settings, broker.address):
            for _ in range(2):
                played.load(30)
                played.check()
                times = played.chance.randint(1, 6)
                left.extend(range(1, times + 1))
                played.load(30)
                until(lambda: not left)
                played.load(30)
                played.decided()
                server.revive()
                played.injected(f"SIGKILL of Postgres in the middle of batch {times} of the projector")
            print(played.check())
