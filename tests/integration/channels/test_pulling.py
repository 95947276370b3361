"""A running service asks Baidu by itself for what was not pushed."""

from __future__ import annotations

import json
import threading
from datetime import UTC, date, datetime, timedelta
from typing import Any

from structlog.testing import capture_logs

from consumers.operating import Operating
from leadflow.bootstrap.pulling import Pulling, pulling
from leadflow.bootstrap.reception import Reception
from leadflow.incoming.inlets import InletChanges
from leadflow.incoming.pulls import Pulls
from leadflow.postgres import advisory_key
from tests.gates import Gate, door, gate, office_template, vendor
from tests.processes import until
from tests.vendors import TOKEN, Vendor

__all__ = ["door", "gate", "office_template", "vendor"]

NOON = datetime(2026, 10, 20, 4, tzinfo=UTC)


def notice(number: int, day: date) -> dict[str, Any]:
    return {
        "solutionType": "form",
        "clueId": f"bd{number}",
        "commitTime": f"{day} 10:00:00",
        "cluePhoneNumber": f"138{number:08d}",
    }


class Clock:
    def __init__(self) -> None:
        self.at = NOON

    def now(self) -> datetime:
        return self.at


class Office:
    """An inlet with credentials, and processes that pull for it."""

    def __init__(self, gate: Gate, vendor: Vendor, **options: Any) -> None:
        given = {"api_url": vendor.address, "solution_types": "form", **options}
        gate.add("baidu", options=given, credentials={"user_name": "acme", "access_token": TOKEN})
        self.gate, self.vendor, self.clock = gate, vendor, Clock()
        self.operating = Operating("api")

    def process(self) -> Pulling:
        service = self.gate.door.service
        reception = Reception(service.app)
        return Pulling(reception, service.submit, self.operating, now=self.clock.now)

    def asked(self) -> list[tuple[str, str]]:
        """The days of each question."""
        bodies = [json.loads(asked[2])["body"] for asked in self.vendor.asked]
        return [(body["startDate"][:10], body["endDate"][:10]) for body in bodies]

    def figures(self) -> dict[str, float]:
        lines = self.operating.exposed("text/plain")[1].decode().splitlines()
        found = [line.rpartition(" ") for line in lines if line.startswith("leadflow_pull")]
        return {name: float(value) for name, _, value in found if "_created{" not in name}


def test_what_was_not_pushed_comes_by_itself_and_once(gate: Gate, vendor: Vendor) -> None:
    office = Office(gate, vendor)
    vendor.notices = [
        notice(1, date(2026, 10, 19)),
        notice(2, date(2026, 9, 21)),
        notice(3, date(2026, 9, 20)),
    ]
    process = office.process()
    with capture_logs() as logs:
        assert process.step() == ["gate"]
    assert office.asked() == [("2026-09-21", "2026-10-20")]
    assert [one.touch.ref for one in gate.arrived()] == ["bd1", "bd2"]
    (line,) = [one for one in logs if one["event"] == "pulled"]
    assert (line["inlet"], line["created"], line["log_level"]) == ("gate", 2, "info")
    assert process.step() == []
    office.clock.at += timedelta(minutes=15)
    vendor.notices.append(notice(4, date(2026, 10, 20)))
    assert process.step() == ["gate"]
    assert office.asked()[1:] == [("2026-10-19", "2026-10-20")]
    assert [one.touch.ref for one in gate.arrived()] == ["bd1", "bd2", "bd4"]
    figures = office.figures()
    assert figures['leadflow_pulls_total{outcome="done"}'] == 2
    assert figures['leadflow_pulled_leads_total{answer="created"}'] == 3
    assert figures['leadflow_pulled_leads_total{answer="duplicate"}'] == 1
    assert figures["leadflow_pulls_oldest_seconds"] == 900


def test_a_vendor_that_is_away_is_asked_again_later_and_from_where_the_last_good_pull_ended(
    gate: Gate, vendor: Vendor
) -> None:
    office = Office(gate, vendor, pull_minutes="60")
    process = office.process()
    assert process.step() == ["gate"]
    vendor.away = True
    pauses = []
    for _ in range(3):
        office.clock.at = gate.app.inlets.get("gate").pulls.due_at or NOON
        assert process.step() == ["gate"]
        pulls = gate.app.inlets.get("gate").pulls
        assert pulls.due_at is not None
        pauses.append(pulls.due_at - office.clock.at)
    assert pauses == [timedelta(hours=hours) for hours in (1, 2, 4)]
    assert (pulls.until, pulls.failures) == (NOON, 3)
    assert "status 500" in str(pulls.problem)
    assert TOKEN not in str(pulls)
    vendor.away = False
    office.clock.at += timedelta(days=3)
    vendor.asked.clear()
    assert office.process().step() == ["gate"]
    assert office.asked() == [("2026-10-19", "2026-10-23")]
    assert gate.app.inlets.get("gate").pulls.failures == 0
    assert office.figures()['leadflow_pulls_total{outcome="failed"}'] == 3


def test_what_was_mended_is_asked_at_once(gate: Gate, vendor: Vendor) -> None:
    office = Office(gate, vendor)
    process = office.process()
    vendor.away = True
    assert process.step() == ["gate"]
    assert process.step() == []
    vendor.away = False
    gate.app.inlets.credentials("gate", {"access_token": TOKEN})
    assert process.step() == ["gate"]
    assert process.step() == []
    gate.app.inlets.change("gate", InletChanges(options={"pull_minutes": 30}))
    assert process.step() == ["gate"]
    assert gate.app.inlets.get("gate").pulls.failures == 0


def test_one_process_pulls_at_a_time(gate: Gate, vendor: Vendor) -> None:
    office = Office(gate, vendor)
    here, there = office.process(), office.process()
    with gate.app.database.connection(apart=True) as connection:
        key = (advisory_key("pull", "gate"),)
        connection.execute("SELECT pg_advisory_lock(%s)", key)
        assert (here.step(), vendor.asked) == ([], [])
        connection.execute("SELECT pg_advisory_unlock(%s)", key)
    found: list[str] = []
    threads = [threading.Thread(target=lambda one=one: found.extend(one.step())) for one in (here, there)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # Whoever comes second finds the lock taken, or the pull done.
    assert found == ["gate"]
    assert len(vendor.asked) == 1


def test_days_that_no_window_reaches_are_named(gate: Gate, vendor: Vendor) -> None:
    office = Office(gate, vendor)
    gate.app.inlets.pulled("gate", Pulls(NOON - timedelta(days=50)))
    with capture_logs() as logs:
        assert office.process().step() == ["gate"]
    (line,) = [one for one in logs if one["event"] == "days were missed"]
    assert line["do"] == "leadflow inlet reconcile gate --from 2026-08-30 --to 2026-09-20"


def test_who_is_not_asked(gate: Gate, vendor: Vendor) -> None:
    office = Office(gate, vendor, pull_minutes="0")
    gate.add("baidu", "open", options={"api_url": vendor.address})
    gate.add(
        "baidu",
        "off",
        options={"api_url": vendor.address},
        credentials={"user_name": "a", "access_token": "b"},
    )
    gate.app.inlets.disable("off", NOON)
    gate.add("website", "form")
    assert office.process().step() == []
    assert vendor.asked == []
    assert gate.app.inlets.get("form").described()["pulls"] is None


def test_a_service_pulls_as_long_as_it_runs(gate: Gate, vendor: Vendor) -> None:
    Office(gate, vendor)
    vendor.notices = [notice(1, datetime.now(UTC).date())]
    service = gate.door.service
    with pulling(service, Operating("api")):
        until(lambda: gate.app.inlets.get("gate").pulls.until is not None)
    assert [one.touch.ref for one in gate.arrived()] == ["bd1"]
    assert not [one for one in threading.enumerate() if one.name == "pulling"]
