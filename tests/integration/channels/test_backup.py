"""Inlets and their secrets are in a backup, and work again where it is restored."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from pathlib import Path

from leadflow import postgres
from leadflow.bootstrap.inlets import InletReader
from leadflow.bootstrap.opening import own_log
from leadflow.bootstrap.operations import backup, restore
from leadflow.incoming.inlets import Inlets
from leadflow.log.embedded import EmbeddedLog
from leadflow.postgres import Database
from tests.gates import Gate, door, gate, office_template

__all__ = ["door", "gate", "office_template"]


def test_inlets_come_back_from_a_backup(gate: Gate, pg_url: str, tmp_path: Path) -> None:
    gate.add("webhook", "hook", campaign="autumn", allow_ips=("127.0.0.1",))
    gate.add("google", "forms", columns={"city_of_birth": "city"})
    gate.app.inlets.add_tests("forms", [{"lead_id": "1"}], datetime.now(UTC))
    call = gate.example("hook")
    url = postgres.create_database(pg_url, f"test_{uuid.uuid4().hex[:12]}")
    backup(own_log(gate.app), tmp_path / "backup.zip")
    with EmbeddedLog(url) as log:
        restore(log, tmp_path / "backup.zip")
    with Database(url) as database:
        inlets = Inlets(database)
        before = [row.described() for row in gate.app.inlets.list()]
        assert [row.described() for row in inlets.list()] == before
        assert inlets.tests("forms")[0]["document"] == {"lead_id": "1"}
        (sent,) = InletReader(inlets.get("hook").at(datetime.now(UTC))).sent(call)
        assert sent.document["phone"] == "+8613812345678"
