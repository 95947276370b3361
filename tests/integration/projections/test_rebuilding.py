"""Filling a new generation: what memory does not hold is read back, and what Postgres refuses is named."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from leadflow.domain import events as f
from leadflow.errors import Unavailable
from leadflow.log.embedded import EmbeddedLog
from leadflow.log.partitioning import partition_of
from leadflow.log.reading import Positions
from leadflow.postgres import Database
from projections import pools, rebuilding, sharing
from projections.base import Entry, ProjectionStopped, Table, comes_after, entry_of
from projections.runner import Projections
from tests.histories import RandomHistory


@pytest.fixture
def db(database: str) -> Iterator[Database]:
    with Database(database) as db:
        yield db


@pytest.mark.parametrize(("held", "known"), [(1, 1_000), (7, 20), (60, 0), (60, 1_000)])
def test_rows_that_memory_let_go_of_are_read_back(
    log: EmbeddedLog, db: Database, monkeypatch: pytest.MonkeyPatch, held: int, known: int
) -> None:
    monkeypatch.setattr(rebuilding, "ROWS_HELD_MAX", held)
    monkeypatch.setattr(rebuilding, "KEYS_KNOWN_MAX", known)
    history = RandomHistory(31).run(900)
    written = len(history.events)
    log.append(history.stored())
    read_models = Projections(log, db, batch_rebuild=83)
    read_models.start()
    assert list(read_models.verify()) == []
    # What was filled in this way grows on like any other.
    log.append(history.run(1_000).stored()[written:])
    read_models.catch_up()
    assert list(read_models.verify()) == []


def test_autovacuum_looks_after_what_is_filled_once_it_is_filled(log: EmbeddedLog, db: Database) -> None:
    log.append(RandomHistory(37).run(100).stored())
    Projections(log, db).start()
    set_apart = (
        "SELECT relname FROM pg_class WHERE relnamespace = 'read'::regnamespace AND reloptions <> '{}'"
    )
    with db.connection() as connection:
        assert connection.execute(set_apart).fetchall() == []


def test_a_row_that_postgres_refuses_is_found_by_writing_each_batch_by_itself(
    log: EmbeddedLog, db: Database
) -> None:
    history = RandomHistory(32).run(400)
    log.append(history.stored())
    read_models = Projections(log, db, batch_rebuild=97)
    read_models.start()
    target = next(e for e in history.events[200:] if isinstance(e.data, f.LeadCaptured))
    leads = pools.PROJECTION.table("leads")
    refusing = f"text NOT NULL CHECK (lead <> '{target.subject}')"
    narrow = replace(leads, columns={**leads.columns, "status": refusing})

    def table(known: Table) -> Table:
        return narrow if known is leads else known

    newer = replace(pools.PROJECTION, version=99, tables=tuple(map(table, pools.PROJECTION.tables)))
    with pytest.raises(ProjectionStopped) as stopped:
        Projections(log, db, (newer,), batch_rebuild=97).start()
    assert stopped.value.event == target.id
    assert read_models.list()[0].version == pools.PROJECTION.version
    assert list(read_models.verify()) == []


@pytest.mark.parametrize("held", [1, 1_000])
def test_an_arrival_that_was_refused_before_is_written_over(
    log: EmbeddedLog, db: Database, monkeypatch: pytest.MonkeyPatch, held: int
) -> None:
    monkeypatch.setattr(rebuilding, "ROWS_HELD_MAX", held)
    history = RandomHistory(33).run(100)
    refused = f.RequestRefused(request="SubmitIntake", reason="not_permitted")
    history.decide("east", ("", refused), identity="intake/x:ref-again", actor="rep/wang")
    history.run(200)
    history.capture("east", "again")
    log.append(history.stored())
    read_models = Projections(log, db, batch_live=53, batch_rebuild=53)
    read_models.start()
    assert list(read_models.verify()) == []
    refused_again = history.decide("east", ("", refused), identity="intake/x:ref-later", actor="rep/wang")
    later = history.capture("east", "later")
    assert later.sequence == refused_again.sequence + 1
    log.append(history.stored()[-2:])
    read_models.catch_up()
    assert list(read_models.verify()) == []


def test_several_processes_fill_what_one_would(
    log: EmbeddedLog, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sharing, "HELPED_FROM", 1)
    monkeypatch.setattr(sharing, "_cores", lambda: 3)
    history = RandomHistory(34).run(600)
    written = len(history.events)
    log.append(history.stored())
    read_models = Projections(log, db, batch_rebuild=83)
    seen: list[tuple[int, int]] = []
    read_models.start(lambda done, end: seen.append((done, end)))
    assert seen == sorted(seen)
    assert seen[-1] == (written, written)
    assert list(read_models.verify()) == []
    log.append(history.run(700).stored()[written:])
    read_models.catch_up()
    assert list(read_models.verify()) == []


def test_what_stops_a_helper_stops_the_rebuild(
    log: EmbeddedLog, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sharing, "HELPED_FROM", 1)
    monkeypatch.setattr(sharing, "_cores", lambda: 6)
    history = RandomHistory(35).run(300)
    log.append(history.stored())
    read_models = Projections(log, db, batch_rebuild=83)
    read_models.start()
    wrong = history.decide("east", ("nobody", f.LeadRecycled(rep="li", reason="inactive", since=history.now)))
    log.append(history.stored()[-1:])
    with pytest.raises(ProjectionStopped) as stopped:
        read_models.rebuild()
    assert (stopped.value.event, stopped.value.projection in read_models.projections) == (wrong.id, True)
    with pytest.raises(ProjectionStopped) as stopped:
        read_models.rebuild(["outcomes", "ownership"])
    assert (stopped.value.event, stopped.value.projection) == (wrong.id, "ownership")
    assert {status.status for status in read_models.list()} == {"live"}


class Growing:
    """A log in partitions, of which one had grown only when the next was asked for its end."""

    where = "a log that grows"

    def __init__(self, history: RandomHistory, partitions: int) -> None:
        self._partitions = partitions
        self._parts: dict[int, list[Entry]] = {at: [] for at in range(partitions)}
        for event, document in history.documents():
            part = self._parts[at := self.partition_of(event.pool)]
            part.append(entry_of(len(part) + 1, event.time, document, at))
        arrivals = [entry for part in self._parts.values() for entry in part if comes_after(entry)]
        home, before = next(
            (home, before)
            for entry in arrivals[len(arrivals) // 2 :]
            if (before := comes_after(entry)) and (home := self.partition_of(before[0])) != entry.partition
        )
        departure = next(e for e in self._parts[home] if (e.pool, e.sequence) == before)
        whole = {at: len(part) for at, part in self._parts.items()}
        self._ends = [whole, whole | {home: departure.position - departure.fact_index}]

    def identity(self) -> str:
        return "a log of this test"

    def partition_of(self, pool: str) -> int:
        return partition_of(pool, self._partitions)

    def ends(self) -> Positions:
        return self._ends.pop() if len(self._ends) > 1 else self._ends[0]

    def read_documents(
        self, partition: int, gt: int = 0, topics: Sequence[str] = (), until: datetime | None = None
    ) -> Iterator[tuple[int, datetime, bytes]]:
        for entry in self._parts[partition][gt:]:
            yield entry.position, datetime.fromisoformat(entry.recorded_at), entry.document


def test_an_arrival_whose_departure_was_not_read_is_taken_after_it(db: Database) -> None:
    history = RandomHistory(38, pools=("east", "north", "south", "west")).run(1_000)
    log: Any = Growing(history, 3)
    read_models = Projections(log, db, batch_rebuild=83)
    read_models.start()
    read_models.catch_up()
    assert list(read_models.verify()) == []


def test_a_helper_that_dies_leaves_the_old_version(
    log: EmbeddedLog, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = RandomHistory(36).run(300)
    log.append(history.stored())
    read_models = Projections(log, db, batch_rebuild=83)
    read_models.start()
    monkeypatch.setattr(sharing, "HELPED_FROM", 1)
    monkeypatch.setattr(sharing, "_cores", lambda: 3)
    passed = sharing.Helper.finish

    def killed(helper: sharing.Helper, reached: Positions) -> None:
        helper._process.kill()
        passed(helper, reached)

    monkeypatch.setattr(sharing.Helper, "finish", killed)
    with pytest.raises(Unavailable):
        read_models.rebuild()
    assert list(read_models.verify()) == []
    assert {status.status for status in read_models.list()} == {"live"}
