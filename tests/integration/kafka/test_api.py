"""The HTTP API on a log in Kafka: the same answers, and 202 where the wait ends before the outcome."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from leadflow import postgres
from leadflow.api.server import HttpServer
from leadflow.bootstrap.opening import open_app
from leadflow.bootstrap.serving import open_service
from leadflow.calendars import build_calendar
from leadflow.domain import requests as r
from leadflow.log.kafka import Cluster
from leadflow.policies import load
from leadflow.settings import Settings
from tests.deployment import Deployment, deployed
from tests.doors import WAIT_S, Door
from tests.kafka_broker import create_topics, new_prefix
from tests.office import POLICY
from tests.processes import until

FIELDS = {"name": "赵敏", "phone": "138 0013 8001"}


@contextmanager
def door_to(settings: Settings) -> Iterator[Door]:
    """The API, with patience: whatever is not asked to be quick may take minutes on a busy machine."""
    with (
        open_app(settings, wait_s=WAIT_S) as app,
        open_service(app) as service,
        HttpServer(service, settings.http) as server,
    ):
        found = Door(service, server, prefer=f"wait={WAIT_S:g}")
        yield found
        found.close()


@pytest.fixture
def settings(kafka: Cluster, pg_url: str, tmp_path: Path) -> Iterator[Settings]:
    """Topics and a database of this test's own."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    url = postgres.create_database(pg_url, name)
    made = Settings(
        home=tmp_path / "home",
        kafka=kafka.servers,
        kafka_prefix=new_prefix(),
        kafka_partitions=2,
        database_url=url,
        http="127.0.0.1:0",
    )
    create_topics(kafka, made)
    yield made
    postgres.drop_database(pg_url, name)


@contextmanager
def running(settings: Settings) -> Iterator[Deployment]:
    assert settings.kafka is not None
    assert settings.database_url is not None
    with deployed(settings.kafka, settings.kafka_prefix, settings.database_url) as found:
        yield found


def test_what_is_not_decided_in_time_has_an_address(settings: Settings) -> None:
    with door_to(settings) as door:
        with running(settings):
            policy = load(POLICY)
            calendar = build_calendar(policy, datetime.now(UTC).date())
            door.office.ask("manager/local", r.OpenPool(policy=policy, calendar=calendar))
            door.office.ask("manager/local", r.AddMember(member="wang"))
            wang, site = door.as_("rep/wang"), door.as_("adapter/website")
            sent = {"channel": "seo", "ref": "1", "fields": FIELDS}
            lead = site.post("/v1/pools/east/intake", sent)["lead"]
            assert wang.get(f"/v1/pools/east/leads/{lead}")["lead"]["masked"] is True
        headers = {"Idempotency-Key": "claim-1", "Prefer": "wait=5"}
        path = f"/v1/pools/east/leads/{lead}/claim"
        waiting = wang("POST", path, status=202, headers=headers)
        address = waiting.headers["Location"]
        assert waiting.json()["location"] == address
        assert wang.get(address)["status"] == "waiting"
        door.as_("rep/li").get(address, status=404)
        with running(settings):
            until(lambda: wang.get(address)["status"] == "done")
            done = wang("POST", path, headers=headers)
            assert done.headers["Leadflow-Repeated"] == "true"
            assert done.json()["state"]["phones"] == ["+8613800138001"]
            again = site("POST", "/v1/pools/east/intake", json=sent).json()
            assert (again["answer"], again["lead"]) == ("duplicate", lead)
