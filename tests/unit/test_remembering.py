"""What many ask for is looked up by one of them, and anew beside before it is forgotten."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from leadflow.bootstrap import remembering
from leadflow.bootstrap.remembering import Remembered
from leadflow.errors import NotSignedIn, Unavailable

WAIT_S = 120


class Clock:
    """Stands in for `time` in the module; goes on when it is told to."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def monotonic(self) -> float:
        return self.now


class Source:
    """What is looked up: counts, may be made to wait, may fail."""

    def __init__(self) -> None:
        self.looks = 0
        self.fails: Exception | None = None
        self.going = threading.Semaphore(0)
        self.may_end = threading.Event()
        self.may_end.set()

    def __call__(self) -> int:
        self.looks += 1
        self.going.release()
        assert self.may_end.wait(WAIT_S)
        if self.fails is not None:
            raise self.fails
        return self.looks


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(remembering, "time", found)
    return found


def settled(known: Remembered[str, int], source: Source, looks: int) -> None:
    """Wait until that many looks were begun and none is under way."""
    while source.looks < looks:
        assert source.going.acquire(timeout=WAIT_S)
    known._beside.submit(lambda: None).result(WAIT_S)


def test_it_is_looked_up_once_and_believed_for_its_time(clock: Clock) -> None:
    known, source = Remembered[str, int](2.0), Source()
    assert known.known("a", source) is None
    assert source.looks == 0
    assert known.get("a", source) == 1
    clock.now += 0.9
    assert known.known("a", source) == 1 == known.get("a", source)
    clock.now += 1.1
    assert known.known("a", source) is None
    assert known.last("a") == 1
    assert known.get("a", source) == 2


def test_what_is_in_use_is_looked_up_again_beside(clock: Clock) -> None:
    known, source = Remembered[str, int](2.0), Source()
    known.get("a", source)
    clock.now += 1.5
    source.may_end.clear()
    assert [known.known("a", source) for _ in range(5)] == [1] * 5, "nobody waits"
    source.may_end.set()
    settled(known, source, 2)
    assert source.looks == 2
    clock.now += 1.0
    assert known.known("a", source) == 2


def test_many_who_find_nothing_wait_for_one(clock: Clock) -> None:
    known, source = Remembered[str, int](2.0), Source()
    source.may_end.clear()
    with ThreadPoolExecutor(8) as threads:
        asked = [threads.submit(known.get, "a", source) for _ in range(8)]
        assert source.going.acquire(timeout=WAIT_S)
        source.may_end.set()
        assert {one.result(WAIT_S) for one in asked} == {1}
    assert source.looks == 1


def test_who_asks_while_another_ends_looks_no_more(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    known, source = Remembered[str, int](2.0), Source()
    begin = known._begin

    def after_another(key: str, *, alone: bool = False) -> Any:
        monkeypatch.setattr(known, "_begin", begin)
        assert known.get("a", source) == 1
        return begin(key, alone=alone)

    monkeypatch.setattr(known, "_begin", after_another)
    assert known.get("a", source) == 1
    assert source.looks == 1
    clock.now += 2.0
    assert known.get("a", source) == 2


def test_what_holds_no_longer_is_forgotten_at_the_next_look(clock: Clock) -> None:
    known, source = Remembered[str, int](2.0), Source()
    known.get("a", source)
    source.fails = NotSignedIn("the token was revoked")
    clock.now += 1.5
    assert known.known("a", source) == 1
    settled(known, source, 2)
    assert known.known("a", source) is None
    with pytest.raises(NotSignedIn):
        known.get("a", source)


def test_what_cannot_be_asked_for_holds_as_long_as_it_was_to(clock: Clock) -> None:
    known, source = Remembered[str, int](2.0), Source()
    known.get("a", source)
    source.fails = Unavailable("the database is away")
    clock.now += 1.5
    assert known.known("a", source) == 1
    settled(known, source, 2)
    assert known.known("a", source) == 1
    clock.now += 1.0
    assert known.known("a", source) is None
    with pytest.raises(Unavailable):
        known.get("a", source)


def test_fresh_is_looked_up_whatever_is_known(clock: Clock) -> None:
    known, source = Remembered[str, int](2.0), Source()
    assert known.get("a", source) == 1
    assert known.get("a", source, fresh=True) == 2
    assert known.known("a", source) == 2


def test_it_has_a_largest_size(clock: Clock) -> None:
    known, source = Remembered[str, int](2.0, size_max=3), Source()
    for name in "abcd":
        known.get(name, source)
    assert [known.last(name) for name in "abcd"] == [None, None, None, 4]
