"""Accounts and tokens are in a backup; sessions and the key that signs them are not."""

from __future__ import annotations

import zipfile
from datetime import timedelta
from pathlib import Path

import pytest

from leadflow.errors import NotSignedIn, UsageError
from leadflow.log.embedded import EmbeddedLog
from leadflow.operations.backup import backup, restore
from tests.people import PASSWORD, MovedClock, identities


def test_accounts_and_tokens_come_back_and_everybody_signs_in_anew(
    log: EmbeddedLog, empty_database: str, tmp_path: Path
) -> None:
    clock = MovedClock()
    people = identities(log.database, clock)
    people.accounts.add(
        "wang", ["rep", "manager"], password=PASSWORD, display_name="王 伟", by="manager/local"
    )
    people.accounts.add("kim", ["auditor"], password=None, by="manager/wang")
    people.accounts.link("kim", "https://id.example.com 17")
    people.accounts.change("kim", disabled=True)
    _, text = people.tokens.create(
        name="site", actor="adapter/site", scopes=["intake"], lasts=timedelta(days=9), by="manager/wang"
    )
    session = people.sign_in("wang", PASSWORD, "192.0.2.1")
    with pytest.raises(NotSignedIn):
        people.sign_in("wang", "wrong wrong wrong", "192.0.2.1")
    file = tmp_path / "leadflow.operations.backup"
    backup(log, file)
    with zipfile.ZipFile(file) as archive:
        names = archive.namelist()
        content = b"".join(archive.read(name) for name in names)
    assert "records.accounts.ndjson" in names
    assert not [name for name in names if "session" in name or "signing" in name or "sign_in" in name]
    for secret in (PASSWORD, text.split("_", 2)[2], session.cookie, people.key.key.hex()):
        assert secret.encode() not in content

    with EmbeddedLog(empty_database) as other:
        restore(other, file)
        there = identities(other.database, clock)
        assert there.accounts.all() == people.accounts.all()
        assert there.tokens.all() == people.tokens.all()
        assert there.tokens.caller(text).actor == "adapter/site"
        with pytest.raises(NotSignedIn):
            there.sessions.find(session.cookie)
        assert there.sign_in("wang", PASSWORD, "192.0.2.1").account.display_name == "王 伟"


def test_accounts_that_are_there_are_not_mixed_with_those_of_a_backup(
    log: EmbeddedLog, empty_database: str, tmp_path: Path
) -> None:
    backup(log, tmp_path / "b")
    with EmbeddedLog(empty_database) as other:
        identities(other.database, MovedClock()).accounts.add("wang", ["rep"], password=PASSWORD, by="x")
        with pytest.raises(UsageError, match="an empty one only"):
            restore(other, tmp_path / "b")
