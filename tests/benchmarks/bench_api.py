"""The HTTP API of a real `leadflow up`: arrivals per second, each durable, and a storm of claims.

Fifty connections send arrivals of different people: first each as soon as the one before is answered, which
tells how many the server takes; then five hundred a second at set times, whatever the server does, each by
the next connection that is free, and timed from when it was due. Then two hundred clients claim twenty leads
at once. Latencies are measured by the clients, in a process of their own that shares the machine with the
server; the shares of both are their CPU times.
Run with `make bench` or `python tests/benchmarks/bench_api.py [arrivals]`.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import uvloop

from leadflow.bootstrap.app import App
from leadflow.bootstrap.asking import request_of
from leadflow.bootstrap.opening import open_app
from leadflow.calendars import build_calendar
from leadflow.domain import requests as r
from leadflow.settings import Settings
from tests.benchmarks.common import calibrate, waiting_policy
from tests.processes import environment

CONNECTIONS = 50
CLIENTS, LEADS, REPS = 200, 20, 20
GOAL_PER_S, GOAL_P99_MS = 500, 100
ROUNDS = 3
Answer = tuple[int, float, Any]
"""Status, milliseconds, document."""


class Caller:
    """One connection, kept open: a client that costs little, beside the server that is measured."""

    def __init__(self, host: str, port: int) -> None:
        self._place = host, port

    async def open(self) -> Caller:
        """Connect."""
        self._in, self._out = await asyncio.open_connection(*self._place)
        return self

    async def post(self, path: str, token: str, document: Any = None, due: float | None = None) -> Answer:
        """One call and its answer, timed from when it was `due`, else from now."""
        content = b"" if document is None else orjson.dumps(document)
        head = (
            f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
        )
        began = time.perf_counter() if due is None else due
        self._out.write(head.encode() + content)
        answer = (await self._in.readuntil(b"\r\n\r\n")).decode("latin-1")
        found = re.search(r"content-length: (\d+)", answer, re.IGNORECASE)
        document = await self._in.readexactly(int(found[1]) if found else 0)
        return int(answer[9:12]), (time.perf_counter() - began) * 1e3, orjson.loads(document)


def arrival(number: int) -> dict[str, Any]:
    """An arrival of somebody else each time."""
    fields = {
        "name": f"客户{number}",
        "phone": f"139 {number // 10_000:04d} {number % 10_000:04d}",
        "company": f"公司{number % 500}",
        "region": "上海",
        "landing_page": "https://example.com/demo?utm_source=baidu&utm_medium=cpc&utm_campaign=autumn",
        "note": "想看演示",
    }
    return {"channel": "web_form", "ref": f"b-{number}", "fields": fields}


@contextmanager
def served(home: Path) -> Iterator[tuple[str, int, int]]:
    """`leadflow up` in a data directory: host, port, process id."""
    engine = subprocess.Popen(
        [sys.executable, "-m", "leadflow.cli", "up", "--http", "127.0.0.1:0"],
        env=environment(home),
        stderr=subprocess.PIPE,
        text=True,
    )
    assert engine.stderr is not None
    said = ""
    while "is running" not in said:
        line = engine.stderr.readline()
        assert line, said
        said += line
    found = re.search(r"http://([\d.]+):(\d+)", said)
    assert found is not None, said
    try:
        yield found[1], int(found[2]), engine.pid
    finally:
        engine.send_signal(signal.SIGTERM)
        engine.wait(60)


def prepared(app: App) -> dict[str, str]:
    """A pool with its reps; tokens by actor."""

    def ask(body: r.Body) -> None:
        app.one(request_of("east", "manager/local", f"{time.time_ns()}", body)).facts()

    policy = waiting_policy()
    ask(r.OpenPool(policy=policy, calendar=build_calendar(policy, datetime.now(UTC).date())))
    actors = ["adapter/website", *(f"rep/rep{number}" for number in range(REPS))]
    for actor in actors[1:]:
        ask(r.AddMember(member=actor[4:]))
    return {
        actor: app.identities.tokens.create(
            name=actor.replace("/", "-"),
            actor=actor,
            scopes=["intake", "work", "read"],
            lasts=timedelta(days=1),
            by="manager/local",
        )[1]
        for actor in actors
    }


async def intake(
    place: tuple[str, int], token: str, count: int, first: int = 0, rate: float | None = None
) -> list[Answer]:
    """That many arrivals over fifty connections: one after the other, or so many a second at set times."""
    numbers = iter(range(count))
    path = "/v1/pools/east/intake"
    callers = [await Caller(*place).open() for _ in range(CONNECTIONS)]
    began = time.perf_counter()

    async def send(caller: Caller) -> list[Answer]:
        found = []
        for number in numbers:
            due = None if rate is None else began + number / rate
            if due is not None and (early := due - time.perf_counter()) > 0:
                await asyncio.sleep(early)
            found.append(await caller.post(path, token, arrival(first + number), due))
        return found

    answers = await asyncio.gather(*map(send, callers))
    return [answer for found in answers for answer in found]


async def storm(place: tuple[str, int], tokens: list[str], leads: list[str]) -> list[Answer]:
    """Every client claims every lead, each in an order of its own."""

    async def claim(client: int) -> list[Answer]:
        caller = await Caller(*place).open()
        token = tokens[client % len(tokens)]
        order = [*leads[client % len(leads) :], *leads[: client % len(leads)]]
        return [await caller.post(f"/v1/pools/east/leads/{lead}/claim", token) for lead in order]

    found = await asyncio.gather(*(claim(client) for client in range(CLIENTS)))
    return [answer for answers in found for answer in answers]


def cpu_of(process: int) -> float:
    """CPU seconds that a process has used."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measured(what: str, process: int, round_: Coroutine[Any, Any, list[Answer]]) -> list[Answer]:
    """Have a round run, and print its figures."""
    cpu, own, began = cpu_of(process), time.process_time(), time.perf_counter()
    answers = uvloop.run(round_)
    seconds, own, cpu = time.perf_counter() - began, time.process_time() - own, cpu_of(process) - cpu
    times = sorted(answer[1] for answer in answers)
    p50, p99 = times[len(times) // 2], times[int(len(times) * 0.99)]
    statuses = ", ".join(
        f"{count} × {status}" for status, count in sorted(Counter(a[0] for a in answers).items())
    )
    print(
        f"{what}: {len(answers) / seconds:,.0f}/s, p50 {p50:.0f} ms, p99 {p99:.0f} ms, CPU each: server"
        f" {cpu / len(answers) * 1e3:.2f} ms, clients {own / len(answers) * 1e3:.2f} ms; {statuses}"
    )
    return answers


def main(count: int) -> None:
    """Measure and print."""
    calibrate()
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory) / "home"
        with open_app(Settings(home=home)) as app:
            tokens = prepared(app)
        reps = [text for actor, text in tokens.items() if actor.startswith("rep/")]
        with served(home) as (host, port, process):
            site = tokens["adapter/website"]
            uvloop.run(intake((host, port), site, CONNECTIONS * 4))
            for number in range(ROUNDS):
                first = (number + 1) * 1_000_000
                measured("intake", process, intake((host, port), site, count, first))
            for number in range(ROUNDS):
                first = (number + 1) * 10_000_000
                paced = intake((host, port), site, count, first, GOAL_PER_S)
                answers = measured(f"intake at {GOAL_PER_S}/s", process, paced)
            leads = [answer[2]["lead"] for answer in answers[:LEADS]]
            measured("claim storm", process, storm((host, port), reps, leads))
    print(f"goals: intake {GOAL_PER_S}/s at p99 {GOAL_P99_MS} ms; claims: {LEADS} × 200, the rest 409")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5_000)
