"""`leadflow notifier` as a process: killed at any moment, several at once, asked to end; and `up`."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from leadflow.bootstrap.asking import request_of
from leadflow.bootstrap.notifying import Notifying
from leadflow.bootstrap.opening import open_app
from leadflow.domain import requests as r
from leadflow.settings import Settings
from tests.bureau import PATIENCE_S, Bureau
from tests.deployment import Part
from tests.processes import leadflow, until
from tests.receivers import Receiver
from tests.team import POOL, arrival, joining, opening


class Notifiers:
    """Starts notifiers on a bureau's database."""

    def __init__(self, bureau: Bureau, home: Path) -> None:
        self._home = home
        self._variables = {
            "LEADFLOW_DATABASE_URL": bureau.database.url,
            "LEADFLOW_NOTIFY_PRIVATE": "allow",
            "LEADFLOW_LOG_LEVEL": "info",
        }
        self.started: list[Part] = []

    def start(self) -> Part:
        part = Part(self._home, self._variables, "notifier")
        self.started.append(part)
        until(part.ready)
        return part


@pytest.fixture
def notifiers(bureau: Bureau, tmp_path: Path) -> Iterator[Notifiers]:
    made = Notifiers(bureau, tmp_path / "home")
    yield made
    for part in made.started:
        print(part.said())
        part.end()


def forget_leases(bureau: Bureau) -> None:
    """As if so much time had passed that those of processes that died are over."""
    with bureau.database.connection() as connection:
        connection.execute("UPDATE records.notifications SET leased_until = now() WHERE state = 'pending'")


def all_sent(bureau: Bureau, count: int) -> bool:
    rows = bureau.rows()
    return len(rows) == count and {row.state for row in rows} == {"sent"}


def test_killed_before_the_answer_and_after_it(
    bureau: Bureau, notifiers: Notifiers, receiver: Receiver
) -> None:
    """What was sent and not written down is sent again under the same id, and stands in the ledger once."""
    one = bureau.subscribe(receiver.url)
    first = notifiers.start()
    pids = [first.pid]

    def kill_instead(handler: BaseHTTPRequestHandler) -> None:
        os.kill(pids[-1], signal.SIGKILL)
        handler.close_connection = True

    def kill_after(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        handler.wfile.flush()
        os.kill(pids[-1], signal.SIGKILL)

    receiver.answer = kill_instead
    facts = bureau.assigned(1)
    until(lambda: not first.runs)
    assert [row.state for row in bureau.rows()] == ["pending"]

    receiver.answer = kill_after
    second = notifiers.start()
    pids.append(second.pid)
    forget_leases(bureau)
    until(lambda: not second.runs)
    assert len(receiver.received) == 2

    receiver.answer = None
    third = notifiers.start()
    forget_leases(bureau)
    until(lambda: all_sent(bureau, 1))
    facts += bureau.assigned(2, first=2)
    until(lambda: all_sent(bureau, 3))
    third.stop()
    assert set(receiver.ids) == {f"{fact}/{one.id}" for fact in facts}
    assert len(receiver.received) <= 5
    assert {got.body for got in receiver.received if got.id.startswith(facts[0])} == {
        receiver.received[0].body
    }


def test_killed_at_any_moment_every_fact_arrives_and_the_ledger_has_it_once(
    bureau: Bureau, notifiers: Notifiers, receiver: Receiver
) -> None:
    seed = 20261122
    print("seed", seed)
    chance = random.Random(seed)
    one = bureau.subscribe(receiver.url)
    facts: list[str] = []
    for round_ in range(2):
        part = notifiers.start()
        wanted = len(receiver.received) + chance.randint(0, 4)
        facts += bureau.assigned(6, first=10 * round_ + 1)
        until(lambda wanted=wanted: len(receiver.received) >= wanted)  # type: ignore[misc]
        part.send(signal.SIGKILL)
        until(lambda part=part: not part.runs)  # type: ignore[misc]
        forget_leases(bureau)
    last = notifiers.start()
    until(lambda: all_sent(bureau, len(facts)))
    last.stop()
    assert set(receiver.ids) == {f"{fact}/{one.id}" for fact in facts}
    assert len(receiver.received) <= len(facts) + 2, "no more than what each of them had under way"


def test_two_at_once_and_one_asked_to_end_in_the_middle(
    bureau: Bureau, notifiers: Notifiers, receiver: Receiver
) -> None:
    one = bureau.subscribe(receiver.url)
    first, second = notifiers.start(), notifiers.start()
    facts = bureau.assigned(10)
    until(lambda: len(receiver.received) >= 2)
    first.stop()
    until(lambda: all_sent(bureau, 10))
    second.stop()
    assert sorted(receiver.ids) == sorted(f"{fact}/{one.id}" for fact in facts), "each of them once"


def test_up_notifies_and_a_restart_sends_nothing_again(tmp_path: Path, receiver: Receiver) -> None:
    home = tmp_path / "home"
    variables = {"LEADFLOW_NOTIFY_PRIVATE": "allow", "LEADFLOW_HTTP": "off"}
    part = Part(home, variables, "up")
    try:
        until(part.ready)
        with open_app(Settings(home=home, notify_private="allow")) as app:
            requests = [opening(), *joining(["wang"]), arrival(1)]
            lead = app.submit(requests)[-1].facts()[0].subject
            app.settle()
            one, _ = Notifying(app).subscribe("manager/local", POOL, "webhook", receiver.url, role="rep")
            body = r.AssignLead(lead=lead, to="wang", reason="near")
            app.one(request_of(POOL, "manager/local", "give", body))
        assert receiver.arrived.acquire(timeout=PATIENCE_S)
        part.stop()
        part.end()
        part = Part(home, variables, "up")
        until(part.ready)
        leadflow(home, "projections", "rebuild", "--all")
        part.stop()
        assert len(receiver.received) == 1
        assert receiver.ids[0].endswith(one.id)
    finally:
        print(part.said())
        part.end()
