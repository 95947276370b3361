"""Requests that wait together are decided together, and nobody waits for ever."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

import pytest

from consumers import group_commit
from consumers.group_commit import GroupCommit
from leadflow.domain.requests import Request
from leadflow.engine import Engine, Outcome
from leadflow.errors import Unavailable
from leadflow.log.embedded import EmbeddedLog
from tests.team import Ticking, arrival, capture, claim, open_team

WAIT_S = 120.0


class Slow:
    """An engine whose batches wait for a sign, and are counted."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.sign = threading.Event()
        self.sizes: list[int] = []
        self.fails: Exception | None = None
        self.position = 0

    def submit(self, requests: Sequence[Request]) -> list[Outcome]:
        assert self.sign.wait(WAIT_S)
        self.sizes.append(len(requests))
        if self.fails is not None:
            raise self.fails
        return self.engine.submit(requests)


@pytest.fixture
def slow(log: EmbeddedLog) -> Slow:
    engine = Engine(log, clock=Ticking())
    open_team(engine)
    return Slow(engine)


def commits_of(slow: Slow) -> GroupCommit:
    return GroupCommit(slow)


def send_for_ever(commits: GroupCommit, futures: list[Future[Outcome]]) -> None:
    for number in itertools.count(100):
        futures.append(commits.send(arrival(number)))
        # Whoever closes needs its turn, too, before there is no more room.
        time.sleep(0.001)


def test_what_waits_is_one_batch_in_the_order_of_sending(slow: Slow, log: EmbeddedLog) -> None:
    commits = commits_of(slow)
    futures = [commits.send(arrival(number)) for number in range(40)]
    slow.sign.set()
    outcomes = [future.result(WAIT_S) for future in futures]
    commits.close()
    assert sum(slow.sizes) == 40
    assert len(slow.sizes) <= 2, "the first may have gone alone; the rest waited together"
    sequences = [outcome.events[0].sequence for outcome in outcomes]
    assert sequences == list(range(sequences[0], sequences[0] + 40))


def test_a_batch_has_a_largest_size(slow: Slow, monkeypatch: Any) -> None:
    monkeypatch.setattr(group_commit, "BATCH_MAX", 10)
    commits = commits_of(slow)
    futures = [commits.send(arrival(number)) for number in range(35)]
    slow.sign.set()
    for future in futures:
        future.result(WAIT_S)
    commits.close()
    assert max(slow.sizes) == 10


def test_closing_decides_what_waits_and_takes_nothing_more(slow: Slow) -> None:
    commits = commits_of(slow)
    futures = [commits.send(arrival(number)) for number in range(20)]
    closing = threading.Thread(target=commits.close)
    closing.start()
    with pytest.raises(Unavailable, match="stopping"):
        send_for_ever(commits, futures)
    slow.sign.set()
    closing.join(WAIT_S)
    assert all(future.done() and future.result().error is None for future in futures)
    commits.close()


def test_a_full_queue_sends_away(slow: Slow, monkeypatch: Any) -> None:
    monkeypatch.setattr(group_commit, "WAITING_MAX", 3)
    commits = commits_of(slow)
    futures: list[Future[Outcome]] = []
    with pytest.raises(Unavailable, match="waiting already"):
        send_for_ever(commits, futures)
    slow.sign.set()
    assert all(future.result(WAIT_S).answer == "created" for future in futures)
    commits.close()


@pytest.mark.parametrize("problem", [Unavailable("the database is away"), ZeroDivisionError("a bug")])
def test_who_waits_is_told_of_a_failure_and_the_next_is_served(slow: Slow, problem: Exception) -> None:
    commits = commits_of(slow)
    slow.fails = problem
    slow.sign.set()
    with pytest.raises(type(problem)):
        commits.send(arrival(1)).result(WAIT_S)
    slow.fails = None
    assert commits.send(arrival(1)).result(WAIT_S).answer == "created"
    commits.close()


def test_claims_of_one_lead_in_one_batch_have_one_winner(slow: Slow) -> None:
    (lead,) = capture(slow.engine, [1])
    commits = commits_of(slow)
    futures = [commits.send(claim("wang" if n % 2 else "li", lead, f"c-{n}")) for n in range(20)]
    slow.sign.set()
    outcomes = [future.result(WAIT_S) for future in futures]
    commits.close()
    assert [outcome.refusal is None for outcome in outcomes] == [True] + [False] * 19
    assert {o.refusal.winner for o in outcomes[1:] if o.refusal} == {"li"}
