"""October by the doors that its leads came by: pushes, forms and answers each to its inlet over HTTP.

The spreadsheets come as files. Exactly the known numbers, and nothing the second time.
"""

from __future__ import annotations

import csv
import json
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from leadflow import postgres
from leadflow.bootstrap.importing import Destination, import_file, open_arrivals
from leadflow.bootstrap.reporting import Period
from leadflow.domain.events import LeadCaptured, TouchRecorded
from leadflow.intake.channels.base import Call
from leadflow.intake.channels.proofs import signature
from leadflow.log.kafka import Cluster
from leadflow.settings import Settings
from tests.deployment import deployed
from tests.doors import open_door
from tests.gates import POOL, Gate, door, gate, office_template
from tests.kafka_broker import create_topics, new_prefix, running_kafka

__all__ = ["door", "gate", "office_template"]

OCTOBER = Path(__file__).resolve().parents[1] / "data" / "october"
TRUTH = json.loads((OCTOBER / "truth.json").read_text("utf-8"))
INLETS = {
    "website_forms.jsonl": "website",
    "baidu_leads.jsonl": "baidu",
    "douyin_leads.jsonl": "douyin",
    "survey.csv": "survey",
}
FILES = {"trade_show_cards.xlsx": "trade_show", "purchased_list.csv": "purchased_list"}
SAMPLE = 25
"""Of each file, what is sent once more."""


def bodies(name: str) -> Iterator[dict[str, Any]]:
    """What each door's sender would have sent for the rows of a file."""
    if not name.endswith(".csv"):
        for line in (OCTOBER / name).read_text("utf-8").splitlines():
            yield json.loads(line)
        return
    with (OCTOBER / name).open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            named = [{"question": key, "answer": row[key]} for key in list(row)[2:]]
            yield {"response_id": row["Response ID"], "submitted": row["Submitted"], "answers": named}


def send(gate: Gate, call: Call, kind: str, body: dict[str, Any]) -> int:
    """Send a body as its vendor does (`call` is such a one); the status of the answer."""
    call = replace(call, body=json.dumps(body, ensure_ascii=False).encode())
    if kind == "douyin":
        stamp, secret = str(int(datetime.now(UTC).timestamp())), str(gate.made[kind].secret)
        digest = signature(secret, stamp.encode() + b"." + call.body).hex()
        call = replace(call, headers={**call.headers, "signature": digest, "timestamp": stamp})
    path = f"/in/{kind}" + (f"/{call.path_secret}" if call.path_secret else "")
    return gate.http.post(path, content=call.body, headers=dict(call.headers)).status_code


def facts(gate: Gate) -> tuple[int, int]:
    """How many leads there are, and how many touches of known ones."""
    found = Counter(stored.topic for _, _, stored in gate.app.log.read_all())
    return found[LeadCaptured.TYPE], found[TouchRecorded.TYPE]


@pytest.fixture
def gate_on_kafka(pg_url: str, place: Path) -> Iterator[Gate]:
    """The same before a log in Kafka, whose decider and projector are processes of their own."""
    url = postgres.create_database(pg_url, f"test_{uuid.uuid4().hex[:12]}")
    with running_kafka("acceptance") as address:
        named: dict[str, Any] = {"kafka": address, "kafka_prefix": new_prefix(), "kafka_partitions": 2}
        create_topics(Cluster(address), Settings(home=place, database_url=url, **named))
        with (
            deployed(address, named["kafka_prefix"], url),
            open_door(url, place / "home", **named) as opened,
        ):
            found = Gate(opened)
            yield found
            found.http.close()


def test_the_month_by_its_own_doors_gives_exactly_its_numbers(gate: Gate) -> None:
    the_month_by_its_doors(gate)


def test_on_kafka_the_doors_give_the_same(gate_on_kafka: Gate) -> None:
    the_month_by_its_doors(gate_on_kafka)


def the_month_by_its_doors(gate: Gate) -> None:
    take_in(gate, list(TRUTH["files"]))
    assert facts(gate)[0] == TRUTH["distinct_leads"]
    gate.app.settle()
    touches: Counter[str] = Counter()
    for row in gate.app.reports.channels("manager/local", POOL, Period()).rows:
        touches[row.channel] += row.touches
    assert touches["baidu_ads"] >= 300
    assert touches["douyin_ads"] == 250
    assert touches["survey"] == 200


def take_in(gate: Gate, names: list[str]) -> None:
    """Send every row of these files by its door, and some once more; count what became of them."""
    gate.add("website", "website", options={"rate_per_minute": "100000"})
    for kind in ("baidu", "douyin", "survey"):
        gate.add(kind, kind)
    calls = {kind: gate.example(kind) for kind in INLETS.values()}
    for name in names:
        expected = TRUTH["files"][name]
        before, waiting = facts(gate), len(gate.app.dead_letters.list(limit=1000))
        if name in INLETS:
            kind = INLETS[name]
            statuses = Counter(send(gate, calls[kind], kind, body) for body in bodies(name))
            assert set(statuses) <= {200, 422}
            rows = statuses.total()
        else:
            file = open_arrivals(OCTOBER / name, FILES[name])
            app = gate.app
            report = import_file(file, Destination(POOL), "adapter/file", app.submit_all, app.dead_letters)
            rows = report.rows
        created, merged = (after - was for after, was in zip(facts(gate), before, strict=True))
        unreadable = len(gate.app.dead_letters.list(limit=1000)) - waiting
        found = {"rows": rows, "unreadable": unreadable, "created": created, "merged": merged}
        assert found == expected, name
    end = gate.app.log.end()
    for name, kind in INLETS.items():
        for _, body in zip(range(SAMPLE), bodies(name) if name in names else (), strict=False):
            send(gate, calls[kind], kind, body)
    assert gate.app.log.end() == end
