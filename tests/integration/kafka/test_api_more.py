"""The HTTP API on a log in Kafka: streams of facts, files of leads, and what it says while Kafka is away."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

import httpx

from consumers.operating import Operating
from leadflow.api.server import HttpServer
from leadflow.bootstrap.opening import open_app
from leadflow.bootstrap.serving import Looking, open_service
from leadflow.calendars import build_calendar
from leadflow.domain import requests as r
from leadflow.policies import load
from leadflow.settings import Settings
from local_kafka import HOST, free_ports
from tests.doors import WAIT_S, Door
from tests.faults.proxy import Proxy
from tests.integration.kafka.test_api import door_to, running, settings
from tests.listeners import Listener, is_fact, types
from tests.office import POLICY
from tests.processes import until

__all__ = ["settings"]

ROWS = "\n".join(["name,phone", *(f"客户{n},137 0013 8{n:03}" for n in range(40)), "x,12"]).encode()


def staffed(door: Door) -> None:
    policy = load(POLICY)
    calendar = build_calendar(policy, datetime.now(UTC).date())
    door.office.ask("manager/local", r.OpenPool(policy=policy, calendar=calendar))
    for member, role in (("wang", "rep"), ("li", "rep"), ("ma", "manager")):
        door.office.ask("manager/local", r.AddMember.model_validate({"member": member, "role": role}))


def test_facts_come_as_they_are_projected_and_files_are_taken_in(settings: Settings) -> None:
    with running(settings), door_to(settings) as door:
        staffed(door)
        readers = {actor: Listener(door, actor) for actor in ("manager/ma", "rep/wang", "rep/li")}
        ma, wang = door.as_("manager/ma"), door.as_("rep/wang")
        lead = door.office.arrives("card-1")
        wang.post(f"/v1/pools/east/leads/{lead}/claim")
        assert types(readers["manager/ma"].until(is_fact("leadflow.lead.claimed.v1")))[-2:] == [
            "lead.captured",
            "lead.claimed",
        ]
        assert readers["rep/li"].until(is_fact("gone"))[-1].fact["subject"] == lead
        # Handed over, it leaves one's sight: how it stood before is read from the topic.
        ma.post(f"/v1/pools/east/leads/{lead}/hand-over", {"to": "li", "reason": "ill"})
        found = readers["rep/wang"].until(is_fact("gone"))
        assert found[-1].fact["subject"] == lead
        last = found[-1]["id"]
        back = Listener(door, "rep/li", **{"Last-Event-ID": f"east/{int(last.partition('/')[2]) - 1}"})
        assert back.until(is_fact("leadflow.lead.handed_over.v1"))[0]["id"] == last

        patient = {"Prefer": f"wait={WAIT_S:g}"}
        headers = patient | {"Idempotency-Key": uuid.uuid4().hex}
        form = {"channel": "trade_show", "pool": "east"}
        files = {"file": ("leads.csv", ROWS)}
        made = ma("POST", "/v1/uploads", data=form, files=files, status=201, headers=headers).json()
        done = ma("POST", f"/v1/uploads/{made['upload']}/start", headers=patient).json()
        assert (done["status"], done["counts"]) == (
            "done",
            {"rows": 41, "created": 40, "merged": 0, "duplicate": 0, "unreadable": 1},
        )
        again = ma("POST", "/v1/uploads", data=form, files=files, status=201).json()
        more = ma("POST", f"/v1/uploads/{again['upload']}/start", headers=patient).json()
        assert more["counts"]["duplicate"] == 40
        assert len(ma.get("/v1/pools/east/leads?limit=200")["items"]) == 41


def test_it_is_not_ready_while_kafka_is_away_and_goes_on_by_itself(settings: Settings) -> None:
    assert settings.kafka is not None
    (port,) = free_ports(1)
    away = settings.model_copy(update={"kafka": f"{HOST}:{port}"})
    said: list[str] = []
    operating = Operating("api")
    with (
        open_app(away) as app,
        open_service(app, operating) as service,
        HttpServer(service, away.http) as server,
        httpx.Client(base_url=server.address) as http,
    ):
        starting = http.get("/readyz")
        assert (starting.status_code, starting.json()["detail"]) == (
            503,
            "not ready: the process is starting",
        )
        operating.holds(())
        look = Looking(app, operating, said.append)
        look()
        answer = http.get("/readyz")
        assert answer.status_code == 503
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["detail"] == "not ready: Kafka"
        assert http.get("/healthz").json() == {"process": "api", "state": "running"}
        (told,) = said
        assert told.startswith("Kafka is away: ")
        assert "503" in told
        proxy = Proxy(port, int(settings.kafka.rpartition(":")[2]))

        def ready() -> bool:
            look()
            return http.get("/readyz").status_code == 200

        try:
            until(ready)
        finally:
            proxy.close()
        assert said[1:] == ["Kafka is back."]
