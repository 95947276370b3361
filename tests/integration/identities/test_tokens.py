"""API tokens: shown once, kept hashed, ended in time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from leadflow.errors import AlreadyThere, NotFound, NotSignedIn, UsageError
from leadflow.identities.caller import Caller
from leadflow.identities.signing_in import Identities
from leadflow.identities.tokens import USED_EVERY
from leadflow.postgres import Database
from tests.people import PASSWORD, MovedClock

DAYS_90 = timedelta(days=90)


def create(people: Identities, **other: Any) -> tuple[Any, str]:
    given: dict[str, Any] = {
        "name": "website",
        "actor": "adapter/website",
        "scopes": ["intake"],
        "lasts": DAYS_90,
    }
    return people.tokens.create(**(given | {"by": "manager/ma"} | other))


def test_a_token_says_who_calls_and_for_what(people: Identities, clock: MovedClock) -> None:
    token, text = create(people, scopes=["read", "intake"])
    assert text.startswith(f"lf_{token.id}_")
    assert people.tokens.caller(text) == Caller(
        "adapter/website", frozenset({"intake", "read"}), "token", "website"
    )
    assert (token.scopes, token.expires_at, token.created_by) == (
        ["intake", "read"],
        clock.now + DAYS_90,
        "manager/ma",
    )


def test_nothing_that_is_kept_or_listed_is_the_secret(people: Identities, opened: Database) -> None:
    _, text = create(people)
    secret = text.split("_", 2)[2]
    assert len(secret) >= 43, "256 bits"
    with opened.connection() as connection:
        kept = str(connection.execute("SELECT t::text FROM records.tokens t").fetchall())
    assert secret not in kept
    assert secret not in str(people.tokens.all())
    assert create(people, name="other")[1].split("_", 2)[2] != secret


@pytest.mark.parametrize(
    "cut", ["", "lf", "lf__", "lf_x_y", "xx_{id}_{secret}", "lf_{id}_", "lf_{id}_{secret}x"]
)
@pytest.mark.parametrize("more", ["", "\0", "é", "\ud800", "x" * 300])
def test_what_is_no_token_is_refused_without_saying_why(people: Identities, cut: str, more: str) -> None:
    _, text = create(people)
    _, identity, secret = text.split("_", 2)
    with pytest.raises(NotSignedIn, match="no token of ours") as told:
        people.tokens.caller(cut.format(id=identity, secret=secret[:-1]) + more)
    assert secret[:-1] not in str(told.value)


def test_a_secret_belongs_to_one_id(people: Identities) -> None:
    first, second = create(people)[1], create(people, name="two")[1]
    swapped = "_".join([*first.split("_", 2)[:2], second.split("_", 2)[2]])
    with pytest.raises(NotSignedIn):
        people.tokens.caller(swapped)


def test_a_token_ends_at_its_end_and_when_it_is_revoked(people: Identities, clock: MovedClock) -> None:
    (token, text), (_, other) = create(people), create(people, name="other")
    assert people.tokens.revoke("website", by="manager/ma").revoked_by == "manager/ma"
    with pytest.raises(NotSignedIn, match="revoked"):
        people.tokens.caller(text)
    at = people.tokens.get(token.id).revoked_at
    clock.move(days=1)
    assert people.tokens.revoke(token.id, by="manager/mo").revoked_at == at, "the first one counts"
    clock.move(days=88, hours=23, minutes=59)
    assert people.tokens.caller(other).name == "other"
    clock.move(minutes=1)
    with pytest.raises(NotSignedIn, match="expired"):
        people.tokens.caller(other)
    assert {one.name: one.state(clock.now) for one in people.tokens.all()} == {
        "other": "expired",
        "website": "revoked",
    }


def test_names_are_for_one_living_token_each(people: Identities) -> None:
    token, _ = create(people)
    with pytest.raises(AlreadyThere):
        create(people)
    people.tokens.revoke(token.id, by="manager/ma")
    again, text = create(people)
    assert again.id != token.id
    assert people.tokens.get("website").id == again.id
    assert people.tokens.caller(text).name == "website"
    for reference in ("nothing", "", "\0", "\ud800"):
        with pytest.raises(NotFound):
            people.tokens.revoke(reference, by="manager/ma")


@pytest.mark.parametrize(
    "bad",
    [
        {"actor": "manager/local"},
        {"actor": "adapter/LOCAL"},
        {"actor": "system/x"},
        {"actor": "boss/x"},
        {"actor": "adapter"},
        {"actor": "adapter/a b"},
        {"actor": "adapter/\0"},
        {"scopes": []},
        {"scopes": ["all"]},
        {"scopes": ["read", "root"]},
        {"lasts": timedelta()},
        {"lasts": timedelta(days=-1)},
        {"lasts": timedelta(days=5000)},
        {"name": ""},
        {"name": "a b"},
        {"name": "a\0b"},
        {"name": "x" * 65},
    ],
)
def test_tokens_that_cannot_be(people: Identities, bad: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        create(people, **bad)
    assert people.tokens.all() == []


def test_a_persons_token_holds_as_long_as_the_account_has_the_role(people: Identities) -> None:
    people.accounts.add("kim", ["auditor", "analyst"], password=PASSWORD, by="manager/ma")
    _, text = create(people, name="kims", actor="auditor/kim", scopes=["read"])
    _, adapter = create(people, name="adapter", actor="adapter/kim")
    assert people.tokens.caller(text).actor == "auditor/kim"
    people.accounts.change("kim", roles=["analyst"])
    with pytest.raises(NotSignedIn, match="does not hold"):
        people.tokens.caller(text)
    people.accounts.change("kim", roles=["auditor"])
    assert people.tokens.caller(text).actor == "auditor/kim"
    people.accounts.change("kim", disabled=True)
    with pytest.raises(NotSignedIn, match="does not hold"):
        people.tokens.caller(text)
    assert people.tokens.caller(adapter).actor == "adapter/kim", "a program is not the person"


def test_the_last_use_is_kept_coarsely(people: Identities, clock: MovedClock) -> None:
    token, text = create(people)
    assert people.tokens.get(token.id).last_used_at is None
    first = clock.now
    for _ in range(3):
        people.tokens.caller(text)
        clock.move(minutes=3)
    assert people.tokens.get(token.id).last_used_at == first
    clock.move(seconds=USED_EVERY.total_seconds())
    people.tokens.caller(text)
    assert people.tokens.get(token.id).last_used_at == clock.now
