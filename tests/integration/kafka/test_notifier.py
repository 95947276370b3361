"""Notifiers of a log in Kafka: as on one machine, two at a time, and one of them killed."""

from __future__ import annotations

import signal
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from leadflow import postgres
from leadflow.bootstrap.app import App
from leadflow.bootstrap.asking import request_of
from leadflow.bootstrap.notifying import Notifying
from leadflow.bootstrap.opening import open_app
from leadflow.domain import requests as r
from leadflow.domain.events import Event
from leadflow.log.kafka import Cluster
from leadflow.settings import Settings
from tests.deployment import Deployment, Part, deployed
from tests.kafka_broker import create_topics, new_prefix
from tests.processes import until
from tests.receivers import Receiver
from tests.team import arrival, joining, opening

POOLS = ("east", "west")
"""Of two partitions, each has one of them."""
EACH = 6


@pytest.fixture
def deployment(kafka: Cluster, pg_url: str) -> Iterator[Deployment]:
    settings = Settings(kafka_prefix=new_prefix(), kafka_partitions=2)
    create_topics(kafka, settings)
    name = f"test_{uuid.uuid4().hex[:12]}"
    url = postgres.create_database(pg_url, name)
    with deployed(kafka.servers, settings.kafka_prefix, url) as running:
        yield running
    postgres.drop_database(pg_url, name)


def test_two_notifiers_on_kafka_one_of_which_is_killed(deployment: Deployment, tmp_path: Path) -> None:
    receiver = Receiver()
    variables = deployment.variables | {"LEADFLOW_NOTIFY_PRIVATE": "allow", "LEADFLOW_LOG_LEVEL": "info"}
    parts: list[Part] = []

    def start() -> Part:
        parts.append(Part(tmp_path, variables, "notifier"))
        return parts[-1]

    settings = Settings.from_environment({**variables, "LEADFLOW_HOME": str(tmp_path)})
    try:
        with open_app(settings, wait_s=180) as app:
            for pool in POOLS:
                app.submit([opening(pool), *joining(["wang"], pool)])
            early = app.submit([arrival(number, pool) for number in range(2) for pool in POOLS])
            give(app, [outcome.facts()[0] for outcome in early], "early")
            app.settle()
            notifying = Notifying(app)
            made = {
                pool: notifying.subscribe("manager/local", pool, "webhook", receiver.url, role="rep")[0].id
                for pool in POOLS
            }
            first, second = start(), start()
            until(lambda: first.ready() and second.ready())
            wanted: set[str] = set()
            for number in range(EACH):
                found = app.submit([arrival(10 + number, pool) for pool in POOLS])
                facts = give(app, [outcome.facts()[0] for outcome in found], f"late-{number}")
                wanted |= {f"{fact}/{made[fact.partition('/')[0]]}" for fact in facts}
                if number == EACH // 2:
                    first.send(signal.SIGKILL)
            with app.database.connection() as connection:
                # As if the killed one's leases were over by now.
                until(lambda: not first.runs)
                connection.execute(
                    "UPDATE records.notifications SET leased_until = now() WHERE state = 'pending'"
                )
            until(lambda: set(receiver.ids) == wanted)
            until(lambda: len(notifying.notifications("manager/local", "sent")) == len(wanted))
            second.stop()
            # Whoever comes later finds that everything was told.
            before, third = len(receiver.received), start()
            until(third.ready)
            app.projections.rebuild()
            third.stop()
            assert len(receiver.received) == before
            assert before <= len(wanted) + 2
            assert notifying.notifications("manager/local", "pending") == []
    finally:
        receiver.close()
        for part in parts:
            print(part.said())
            part.end()


def give(app: App, leads: list[Event], name: str) -> list[str]:
    """A manager gives leads to wang; the facts' ids."""
    asked = [
        request_of(
            lead.pool,
            "manager/local",
            f"{name}-{at}",
            r.AssignLead(lead=lead.subject, to="wang", reason="near"),
        )
        for at, lead in enumerate(leads)
    ]
    return [outcome.facts()[-1].id for outcome in app.submit(asked)]
