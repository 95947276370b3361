"""What is kept for a time only is forgotten by a running service, also where nobody comes any more."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from structlog.testing import capture_logs

from leadflow.bootstrap import tidying as module
from leadflow.bootstrap.tidying import tidying
from leadflow.errors import Unavailable
from leadflow.identities import repeats, throttle
from leadflow.incoming import uploads
from tests.doors import Door, door, office_template
from tests.people import PASSWORD, quick_identities
from tests.processes import until

__all__ = ["door", "office_template"]

FILE = b"name,phone\nZhao,13800138001\n"
TABLES = ("uploads", "upload_pieces", "sessions", "sign_in_failures", "repeats")


def used(door: Door, key: str) -> None:
    """An upload, a session, a failed sign-in, and a key of a change that no pool decides."""
    ma = door.as_("manager/ma")
    plan = {"channel": "trade_show", "pool": "east"}
    ma("POST", "/v1/uploads", status=201, files={"file": ("a.csv", FILE)}, data=plan)
    ma("POST", "/v1/inlets", status=201, headers={"Idempotency-Key": key}, json=inlet(key))
    signs_in = {"name": "kim", "password": PASSWORD}
    door.nobody().post("/v1/session", signs_in)
    door.nobody().post("/v1/session", {**signs_in, "name": key, "password": "wrong"}, status=401)


def inlet(key: str) -> dict[str, str]:
    return {"id": key, "kind": "website", "pool": "east"}


def counts(door: Door) -> dict[str, int]:
    found = {}
    with door.app.database.connection() as connection:
        for table in TABLES:
            row = connection.execute(f"SELECT count(*) FROM records.{table}".encode()).fetchone()
            assert row is not None
            found[table] = row[0]
    return found


def aged(door: Door) -> None:
    """Everything that there is has been there for as long as it is kept."""
    old, now = timedelta(minutes=1), datetime.now(UTC)
    with door.app.database.connection() as connection:
        connection.execute("UPDATE records.uploads SET created_at = %s", (now - uploads.KEEP - old,))
        connection.execute("UPDATE records.sessions SET expires_at = %s", (now - old,))
        gone = now - throttle.FORGOTTEN_AFTER - old
        connection.execute("UPDATE records.sign_in_failures SET failed_at = %s, free_at = %s", (gone, gone))
        connection.execute("UPDATE records.repeats SET at = %s", (now - repeats.KEPT - old,))


def test_what_is_old_goes_by_itself_and_what_is_not_stays(door: Door) -> None:
    door.app.identities = quick_identities(door.app)
    door.app.identities.accounts.add("kim", ["auditor"], password=PASSWORD, by="manager/local")
    used(door, "first")
    aged(door)
    assert all(counts(door).values()), counts(door)
    with tidying(door.service):
        until(lambda: not any(counts(door).values()))
    used(door, "second")
    with tidying(door.service):
        pass
    module.forget_old(door.service)
    assert all(counts(door).values()), counts(door)


def test_it_goes_on_once_the_database_is_back(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[int] = []

    def away_at_first(_: object) -> None:
        tries.append(1)
        if len(tries) == 1:
            raise Unavailable("Postgres is away")

    monkeypatch.setattr(module, "forget_old", away_at_first)
    monkeypatch.setattr(module, "AGAIN_S", 0.0)
    with capture_logs() as lines, tidying(door.service):
        until(lambda: len(tries) == 2)
    (line,) = [line for line in lines if "not forgotten" in line["event"]]
    assert line["problem"] == "Postgres is away"
