"""October by the doors that its leads came by: pushes, forms and answers each to its inlet over HTTP.

The spreadsheets come as files. Exactly the known numbers, and nothing the second time.
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from leadflow.bootstrap import Destination, Period, import_file, open_arrivals
from leadflow.domain.events import LeadCaptured, TouchRecorded
from leadflow.intake.channels.proofs import signature
from tests.gates import POOL, Gate, door, gate, office_template

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


def send(gate: Gate, kind: str, body: dict[str, Any]) -> int:
    """Send a body as its vendor does; the status of the answer."""
    call = replace(gate.example(kind), body=json.dumps(body, ensure_ascii=False).encode())
    if kind == "douyin":
        stamp = str(int(datetime.now(UTC).timestamp()))
        digest = signature(gate.inlet(kind).secrets[0], stamp.encode() + b"." + call.body).hex()
        call = replace(call, headers={**call.headers, "signature": digest, "timestamp": stamp})
    path = f"/in/{kind}" + (f"/{call.path_secret}" if call.path_secret else "")
    return gate.http.post(path, content=call.body, headers=dict(call.headers)).status_code


def facts(gate: Gate) -> tuple[int, int]:
    """How many leads there are, and how many touches of known ones."""
    found = Counter(stored.topic for _, _, stored in gate.app.log.read_all())
    return found[LeadCaptured.TYPE], found[TouchRecorded.TYPE]


def test_the_month_by_its_own_doors_gives_exactly_its_numbers(gate: Gate) -> None:
    gate.add("website", "website", options={"rate_per_minute": "100000"})
    for kind in ("baidu", "douyin", "survey"):
        gate.add(kind, kind)
    for name, expected in TRUTH["files"].items():
        before, waiting = facts(gate), len(gate.app.dead_letters.list(limit=1000))
        if name in INLETS:
            statuses = Counter(send(gate, INLETS[name], body) for body in bodies(name))
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
    assert facts(gate)[0] == TRUTH["distinct_leads"]
    end = gate.app.log.end()
    for name, kind in INLETS.items():
        for _, body in zip(range(SAMPLE), bodies(name), strict=False):
            send(gate, kind, body)
    assert gate.app.log.end() == end
    gate.app.settle()
    touches: Counter[str] = Counter()
    for row in gate.app.reports.channels("manager/local", POOL, Period()).rows:
        touches[row.channel] += row.touches
    assert touches["baidu_ads"] >= 300
    assert touches["douyin_ads"] == 250
    assert touches["survey"] == 200
