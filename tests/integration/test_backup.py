"""Backup and restore: the same log elsewhere, or a clear no."""

from __future__ import annotations

import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from leadflow import postgres
from leadflow.errors import DamagedFile, LogDamaged, NotFound, UsageError, WrongVersion
from leadflow.log.embedded import EmbeddedLog
from leadflow.log.verify import verify
from leadflow.operations.backup import backup, check, restore
from leadflow.records import Arrival, DeadLetters
from tests.integration.log.chains import chain, fill

ARRIVAL = Arrival(
    original={"电话": "\0"},
    problems=[{"f": 'ü"'}],
    reason="none",
    seen_at=datetime(2026, 11, 21, 2, 0, 0, 7, tzinfo=UTC),
)


@pytest.fixture
def other(empty_database: str) -> EmbeddedLog:
    return EmbeddedLog(empty_database)


def test_a_restored_log_is_the_same_and_goes_on(log: EmbeddedLog, other: EmbeddedLog, tmp_path: Path) -> None:
    fill(log)
    with pytest.raises(Exception, match="wrote first"):
        log.append(chain("east", [1]))
    log.append(chain("north", [1]))
    letters = DeadLetters(log.database)
    entry = letters.mark(letters.add(ARRIVAL).id, "discarded", by="manager/local")
    file = tmp_path / "leadflow.operations.backup"
    written = backup(log, file)
    assert (written.events, written.records, set(written.heads)) == (10, 1, {"east", "west", "north"})
    assert check(file) == written
    assert [found.name for found in tmp_path.iterdir()] == [file.name]
    assert file.stat().st_mode & 0o077 == 0, "it holds what people gave us"

    seen: list[tuple[int, int]] = []
    assert restore(other, file, lambda done, total: seen.append((done, total))) == written
    assert seen[-1] == (10, 10)
    assert list(other.read_rows()) == list(log.read_rows())
    assert verify(other).ok
    restored = DeadLetters(other.database)
    assert restored.get(entry.id) == entry
    assert restored.add(ARRIVAL).times == 2
    assert restored.add(Arrival(original="new", reason="none", seen_at=ARRIVAL.seen_at)).id > entry.id
    assert other.append(chain("south", [1]))[0] > log.end()
    other.close()


def test_an_empty_log_can_be_backed_up_and_restored(
    log: EmbeddedLog, other: EmbeddedLog, tmp_path: Path
) -> None:
    backup(log, tmp_path / "empty")
    assert restore(other, tmp_path / "empty").events == 0
    assert other.append(chain("east", [1]))[0] >= 1
    other.close()


def test_a_target_that_is_not_empty_is_left_alone(
    log: EmbeddedLog, other: EmbeddedLog, tmp_path: Path
) -> None:
    fill(log)
    backup(log, tmp_path / "b")
    other.append(chain("south", [1]))
    with pytest.raises(UsageError, match="already"):
        restore(other, tmp_path / "b")
    assert other.pools() == ["south"]
    with pytest.raises(UsageError, match="a file already"):
        backup(log, tmp_path / "b")
    other.close()


def test_a_damaged_backup_changes_nothing(log: EmbeddedLog, other: EmbeddedLog, tmp_path: Path) -> None:
    fill(log)
    file = tmp_path / "b"
    backup(log, file)
    sound = file.read_bytes()
    for damage in (sound[:-30], sound[: len(sound) // 2], b"", sound[:200] + b"\xff\x00" + sound[202:]):
        file.write_bytes(damage)
        with pytest.raises(DamagedFile):
            restore(other, file)
    assert other.end() == 0
    with pytest.raises(NotFound):
        restore(other, tmp_path / "none")
    other.close()


def rewrite(source: Path, target: Path, member: str, old: bytes, new: bytes) -> None:
    with zipfile.ZipFile(source) as given, zipfile.ZipFile(target, "w") as made:
        for name in given.namelist():
            data = given.read(name)
            if name == member:
                assert old in data
                data = data.replace(old, new, 1)
            made.writestr(name, data)


def test_a_backup_that_was_edited_is_refused(log: EmbeddedLog, other: EmbeddedLog, tmp_path: Path) -> None:
    fill(log)
    backup(log, tmp_path / "b")
    rewrite(tmp_path / "b", tmp_path / "edited", "events.ndjson", b"lead-3", b"lead-4")
    rewrite(tmp_path / "b", tmp_path / "later", "manifest.json", b"format 1", b"format 9")
    with pytest.raises(DamagedFile):
        restore(other, tmp_path / "edited")
    with pytest.raises(WrongVersion):
        restore(other, tmp_path / "later")
    assert other.end() == 0
    other.close()


def test_a_broken_log_is_not_backed_up(log: EmbeddedLog, tmp_path: Path) -> None:
    fill(log)
    with postgres.connect(log.url) as connection:
        connection.execute(
            "UPDATE log.events SET state = overlay(state placing 'X' from 300)"
            " WHERE originator_id = 'east' AND originator_version = 3"
        )
    with pytest.raises(LogDamaged) as caught:
        backup(log, tmp_path / "b")
    assert caught.value.event == "east/3"
    assert list(tmp_path.iterdir()) == []
