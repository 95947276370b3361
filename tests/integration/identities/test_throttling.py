"""Signing in gets slower for who fails, for all processes together, and alike for names that do not exist."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Any

import pytest
from structlog.testing import capture_logs

from leadflow.errors import NotSignedIn, TooOften
from leadflow.identities.signing_in import Identities
from leadflow.postgres import Database
from tests.people import OTHER, PASSWORD, MovedClock, identities


@pytest.fixture(autouse=True)
def _wang(people: Identities) -> None:
    people.accounts.add("wang", ["rep"], password=PASSWORD, by="manager/local")


def fail(people: Identities, name: str, address: str) -> None:
    with pytest.raises(NotSignedIn):
        people.sign_in(name, OTHER, address)


@pytest.mark.parametrize("name", ["wang", "nobody"])
def test_five_failures_make_a_name_wait_wherever_it_comes_from(
    people: Identities, opened: Database, clock: MovedClock, name: str
) -> None:
    second = identities(opened, clock)
    for n in range(5):
        fail((people, second)[n % 2], name, f"192.0.2.{n}")
    waits = []
    for n in range(6):
        with pytest.raises(TooOften) as told:
            second.sign_in(name, PASSWORD, f"198.51.100.{n}")
        waits.append(told.value.retry_after_s)
        assert str(told.value).startswith("there were too many tries to sign in\n")
        clock.move(seconds=told.value.retry_after_s)
        fail(second, name, f"198.51.100.{n}")
    assert waits == [5, 10, 20, 40, 60, 60]


def test_the_right_password_waits_as_well_and_then_clears_the_name(
    people: Identities, clock: MovedClock
) -> None:
    for n in range(5):
        fail(people, "wang", f"192.0.2.{n}")
    with pytest.raises(TooOften):
        people.sign_in("wang", PASSWORD, "198.51.100.1")
    clock.move(seconds=5)
    assert people.sign_in("wang", PASSWORD, "198.51.100.1").account.name == "wang"
    for n in range(4):
        fail(people, "wang", f"203.0.113.{n}")
    people.sign_in("wang", PASSWORD, "198.51.100.1")


def test_one_source_waits_whatever_names_it_tries_and_hinders_no_other(
    people: Identities, clock: MovedClock
) -> None:
    for n in range(5):
        fail(people, f"name{n}", "2001:db8::1")
    for name in ("fresh", "wang"):
        with pytest.raises(TooOften):
            people.sign_in(name, PASSWORD, "2001:db8::2")
    people.sign_in("wang", PASSWORD, "192.0.2.9")
    clock.move(seconds=5)
    people.sign_in("wang", PASSWORD, "2001:db8::1")
    fail(people, "other", "2001:db8::1")
    with pytest.raises(TooOften) as told:
        people.sign_in("wang", PASSWORD, "2001:db8::1")
    assert told.value.retry_after_s == 10, "a right password of one's own buys no more guesses"


def test_failures_are_forgotten_after_a_quiet_hour(people: Identities, clock: MovedClock) -> None:
    for n in range(4):
        fail(people, "wang", f"192.0.2.{n}")
    clock.move(hours=1, seconds=1)
    for n in range(4):
        fail(people, "wang", f"192.0.2.{n}")
    people.sign_in("wang", PASSWORD, "192.0.2.1")


def test_many_tries_at_once_are_no_better_than_one_after_the_other(
    people: Identities, opened: Database, clock: MovedClock
) -> None:
    answers: list[str] = []

    def one(n: int) -> None:
        try:
            people.sign_in("wang", OTHER, f"192.0.2.{n}")
        except NotSignedIn:
            answers.append("tried")
        except TooOften:
            answers.append("waits")

    threads = [threading.Thread(target=one, args=(n,)) for n in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (answers.count("tried"), answers.count("waits")) == (5, 19)


def lines(people: Identities, *tries: tuple[str, str]) -> list[Any]:
    with capture_logs() as told:
        for name, password in tries:
            with suppress(NotSignedIn, TooOften):
                people.sign_in(name, password, "192.0.2.1")
    return told


def test_what_the_log_says_of_signing_in_holds_no_secret(people: Identities) -> None:
    told = lines(people, ("wang", PASSWORD), ("wang", OTHER), ("my secret typed in the wrong field", OTHER))
    told += lines(people, *[("wang", OTHER)] * 6)
    assert [line["event"] for line in told[:3]] == ["signed in", "sign-in failed", "sign-in failed"]
    assert [line["account"] for line in told[:3]] == ["wang", "wang", "unknown"]
    assert told[-1]["event"] == "sign-in throttled"
    assert all(line["address"] == "192.0.2.1" for line in told)
    said = str(told)
    for secret in (PASSWORD, OTHER, "my secret"):
        assert secret not in said
    assert people.key.key.hex() not in said
