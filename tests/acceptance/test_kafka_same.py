"""One scenario on the embedded log and on Kafka: the same bytes, the same read models, the same reports."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from psycopg import sql

from leadflow import postgres
from leadflow.bootstrap.app import App
from leadflow.bootstrap.importing import open_arrivals
from leadflow.bootstrap.opening import open_app
from leadflow.bootstrap.policies import policies
from leadflow.bootstrap.reporting import Period
from leadflow.calendars import build_calendar
from leadflow.cli.values import plain
from leadflow.demo.play import Play
from leadflow.domain import requests as r
from leadflow.log.envelope import hash_of
from leadflow.log.kafka import Cluster
from leadflow.outcome import Outcome
from leadflow.postgres import Database
from leadflow.settings import Settings
from projections.runner import ALL
from tests.deployment import deployed
from tests.kafka_broker import create_topics, new_prefix, running_kafka

OCTOBER = Path(__file__).resolve().parents[1] / "data" / "october"
TRUTH = json.loads((OCTOBER / "truth.json").read_text("utf-8"))
CHANNELS = {
    "website_forms.jsonl": "web_form",
    "baidu_leads.jsonl": "baidu_ads",
    "douyin_leads.jsonl": "douyin_ads",
    "trade_show_cards.xlsx": "trade_show",
    "purchased_list.csv": "purchased_list",
    "survey.csv": "survey",
}
SEED = 7
BATCH = 500
OPENED = datetime(2026, 10, 1, tzinfo=UTC)
OF_THE_LOG = ("position", "partition", "recorded_at")
"""Columns that say where a fact stands and when it was written there."""
MANAGER = "manager/local"
WAIT_S = 120.0


class Recorded(Play):
    """A play that notes what was asked."""

    def __init__(self, app: App, seed: int) -> None:
        super().__init__(app, seed)
        self.requests: list[r.Request] = []

    def submit(self, requests: list[r.Request]) -> list[Outcome]:
        self.requests += requests
        return super().submit(requests)


def october() -> Iterator[r.Request]:
    """A pool with the default policy, and every readable row of the month's files, a second apart."""
    policy = policies.default_policy()
    calendar = build_calendar(policy, date(2026, 10, 1))
    yield asked("open", r.OpenPool(clock="requests", policy=policy, calendar=calendar), OPENED)
    for rep in ("wang", "li", "zhao"):
        yield asked(f"add-{rep}", r.AddMember(member=rep), OPENED)
    at = OPENED
    for name in TRUTH["files"]:
        for incoming in open_arrivals(OCTOBER / name, CHANNELS[name]):
            at += timedelta(seconds=1)
            if incoming.arrival.body is not None:
                yield r.intake_request("month", "adapter/file", incoming.arrival.body, at)


def asked(name: str, body: r.Body, at: datetime) -> r.Request:
    return r.Request.model_validate(
        {"pool": "month", "source": MANAGER, "id": name, "actor": MANAGER, "at": at, "body": body}
    )


def batches(requests: Sequence[r.Request]) -> Iterator[Sequence[r.Request]]:
    return (requests[at : at + BATCH] for at in range(0, len(requests), BATCH))


def sent(app: App, requests: Sequence[r.Request]) -> list[tuple[str, tuple[str, ...]]]:
    """Every request's answer and facts."""
    outcomes = [outcome for some in app.submit_all(batches(requests)) for outcome in some]
    return [(outcome.answer, tuple(event.id for event in outcome.facts())) for outcome in outcomes]


def heads(app: App) -> dict[str, tuple[int, str]]:
    """The last sequence and hash of every stream."""
    found = {}
    for pool in app.log.pools():
        last = app.log.last(pool)
        document = app.log.document(pool, last)
        assert document is not None
        found[pool] = (last, hash_of(document))
    return found


def tables(database: Database) -> dict[str, list[Any]]:
    """Every row of the read models, apart from what is the log's own."""
    found = {}
    with database.connection() as connection:
        for table in (table for projection in ALL for table in projection.tables):
            columns = [sql.Identifier(name) for name in table.columns if name not in OF_THE_LOG]
            query = sql.SQL("SELECT {} FROM {}").format(
                sql.SQL(", ").join(columns), sql.Identifier("read", table.name)
            )
            found[table.name] = sorted(map(repr, connection.execute(query)))
    return found


def reports(app: App) -> dict[str, Any]:
    """What the reports say, now and as of the middle of the month."""
    found: dict[str, Any] = {}
    for period in (Period(), Period(as_of=datetime(2026, 10, 15, tzinfo=UTC))):
        for name in ("channels", "funnel", "reps"):
            made = getattr(app.reports, name)(MANAGER, None, period)
            found[f"{name} {period.as_of}"] = json.dumps(plain(made), sort_keys=True)
    return found


@pytest.fixture(scope="module")
def kafka() -> Iterator[Cluster]:
    with running_kafka("acceptance") as address:
        yield Cluster(address)


@pytest.fixture
def database(pg_url: str) -> Iterator[str]:
    name = f"test_{uuid.uuid4().hex[:12]}"
    yield postgres.create_database(pg_url, name)
    postgres.drop_database(pg_url, name)


def topics(kafka: Cluster, database: str, home: Path) -> Settings:
    settings = Settings(
        home=home, database_url=database, kafka=kafka.servers, kafka_prefix=new_prefix(), kafka_partitions=3
    )
    create_topics(kafka, settings)
    return settings


def test_both_logs_hold_the_same(kafka: Cluster, database: str, place: Path) -> None:
    with open_app(Settings(home=place / "embedded"), virtual=True) as app:
        month = Recorded(app, SEED)
        played = month.whole()
        rows = list(october())
        arrived = sent(app, rows)
        app.settle()
        expected = (heads(app), tables(app.database), reports(app))
    counts = {name: sum(answer == name for answer, _ in arrived) for name in ("created", "merged")}
    assert counts == {
        name: sum(file[name] for file in TRUTH["files"].values()) for name in ("created", "merged")
    }
    settings = topics(kafka, database, place / "kafka")
    with (
        deployed(kafka.servers, settings.kafka_prefix, database, clock="requests"),
        open_app(settings, wait_s=WAIT_S) as app,
    ):
        sent(app, month.requests)
        assert sent(app, rows) == arrived
        app.settle()
        found = (heads(app), tables(app.database), reports(app))
        again = sent(app, rows[-BATCH:])
        assert heads(app) == found[0]
    assert {answer for answer, _ in again} == {"duplicate"}
    assert [facts for _, facts in again] == [facts for _, facts in arrived[-BATCH:]]
    assert found[0] == expected[0]
    assert found[0]["east"][1] == played.last_hash
    for name, lines in expected[1].items():
        assert found[1][name] == lines, name
    assert found[2] == expected[2]
