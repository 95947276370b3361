"""Subscriptions and the ledger are in a backup; after a restore nothing is told twice or left out."""

from __future__ import annotations

from pathlib import Path

import pytest

from leadflow.log.embedded import EmbeddedLog
from leadflow.operations.backup import backup, restore
from leadflow.postgres import Database
from tests.bureau import Bureau
from tests.receivers import Receiver


def test_a_restored_copy_goes_on_where_the_backup_was_taken(
    bureau: Bureau, receiver: Receiver, empty_database: str, tmp_path: Path
) -> None:
    one = bureau.subscribe(receiver.url)
    facts = bureau.assigned(2)
    bureau.settle()
    receiver.status = 500
    waiting = bureau.assigned(1, first=3)
    bureau.settle()
    backup(bureau.log, tmp_path / "b")

    with EmbeddedLog(empty_database) as log, Database(empty_database) as database:
        restore(log, tmp_path / "b")
        copy = Bureau(log, database)
        copy.catch_up()
        assert [(row.fact, row.state) for row in copy.rows()] == [
            *((fact, "sent") for fact in facts),
            (waiting[0], "pending"),
        ]
        assert copy.subscriptions.get(one.id) == bureau.subscriptions.get(one.id)
        receiver.status, receiver.received = 200, []
        copy.later(days=1)
        copy.settle()
        later = copy.assigned(1, first=4)
        copy.settle()
        assert receiver.ids == [f"{waiting[0]}/{one.id}", f"{later[0]}/{one.id}"]
        copy.notifier.close()


def test_what_records_say_of_facts_after_the_logs_end_is_forgotten(
    bureau: Bureau, receiver: Receiver, empty_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log is read first and the records after it, and work goes on meanwhile."""
    one = bureau.subscribe(receiver.url)
    first = bureau.assigned(1)
    bureau.settle()
    end = bureau.log.end()
    late = bureau.assigned(1, first=2)
    bureau.subscribe(receiver.url, kinds=["lead.recycled"])
    bureau.settle()
    monkeypatch.setattr(EmbeddedLog, "end", lambda _: end)
    backup(bureau.log, tmp_path / "b")
    monkeypatch.undo()

    with EmbeddedLog(empty_database) as log, Database(empty_database) as database:
        restore(log, tmp_path / "b")
        copy = Bureau(log, database)
        copy.catch_up()
        assert [row.fact for row in copy.rows()] == first
        receiver.received = []
        again = copy.assigned(1, first=2)
        assert again == late, "another fact under the same id"
        copy.settle()
        assert receiver.ids == [f"{again[0]}/{one.id}"]
        copy.notifier.close()
