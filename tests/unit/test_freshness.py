"""Whoever reads what it wrote waits for the read models, asks that they be hurried, and looks for all."""

from __future__ import annotations

from typing import Any, cast

import pytest

from leadflow.bootstrap import freshness
from leadflow.bootstrap.freshness import FRESH_STEP_S, FRESH_WAIT_S, STALE_WAIT_S, Freshness
from leadflow.outcome import Outcome
from leadflow.postgres import Database


class World:
    """The time, and the read models: how far they are, and after how many looks they are there."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.head = 0
        self.looks = 0
        self.comes: tuple[int, int] | None = None
        """After so many looks, so far."""

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def head_of(self, _: object, pool: str) -> int:
        assert pool == "east"
        self.looks += 1
        if self.comes is not None and self.looks > self.comes[0]:
            self.head = self.comes[1]
        return self.head


class Fact:
    """As much of a fact as is looked at."""

    def __init__(self, sequence: int) -> None:
        self.pool, self.sequence = "east", sequence


def wrote(fresh: Freshness, *sequences: int) -> None:
    request = cast(Any, None)
    fresh.wrote(Outcome(request, cast(Any, tuple(Fact(sequence) for sequence in sequences))))


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    found = World()
    monkeypatch.setattr(freshness, "time", found)
    monkeypatch.setattr(freshness, "head_of", found.head_of)
    return found


def made(hurried: list[bool]) -> Freshness:
    return Freshness(cast(Database, None), lambda: hurried.append(True))


def test_who_wrote_nothing_waits_for_nothing(world: World) -> None:
    hurried: list[bool] = []
    assert made(hurried).wait("east")
    assert (world.looks, hurried) == (0, [])


def test_who_wrote_waits_and_hurries_until_it_is_there(world: World) -> None:
    hurried: list[bool] = []
    fresh = made(hurried)
    wrote(fresh, 7, 8, 9)
    world.comes = (3, 9)
    assert fresh.wait("east")
    assert (world.looks, len(hurried)) == (4, 4)
    assert world.now == pytest.approx(1_000 + 3 * FRESH_STEP_S)
    assert fresh.wait("east"), "what was seen once is known"
    assert world.looks == 4


def test_of_many_who_wait_one_looks(world: World) -> None:
    fresh = made([])
    wrote(fresh, 9)
    fresh._looked["east"] = world.now
    assert not fresh._reached
    world.head = 9
    assert fresh.wait("east")
    assert world.looks == 1
    assert world.now > 1_000, "another had looked just before"


def test_it_gives_up_after_a_while_and_then_sooner_until_they_are_there(world: World) -> None:
    fresh = made([])
    wrote(fresh, 9)
    assert not fresh.wait("east")
    assert world.now == pytest.approx(1_000 + FRESH_WAIT_S, abs=2 * FRESH_STEP_S)
    before = world.now
    assert not fresh.wait_for_all()
    assert world.now == pytest.approx(before + STALE_WAIT_S, abs=2 * FRESH_STEP_S)
    world.head = 9
    assert fresh.wait_for_all()
