"""Accounts: who may have one, what a password does, what ends sessions."""

from __future__ import annotations

import pytest
from pwdlib.hashers.argon2 import Argon2Hasher

from leadflow.errors import AlreadyThere, Conflict, NotFound, NotPermitted, NotSignedIn, UsageError
from leadflow.identities.signing_in import Identities
from leadflow.postgres import Database
from tests.people import OTHER, PASSWORD, MovedClock, identities

BY = "manager/local"


def test_an_account_is_made_found_and_signs_in(people: Identities, clock: MovedClock) -> None:
    made = people.accounts.add(
        "王伟", ["rep", "manager", "rep"], password=PASSWORD, display_name=" 王伟 ", by=BY
    )
    assert (made.name, made.roles, made.display_name, made.created_by) == (
        "王伟",
        ["rep", "manager"],
        "王伟",
        BY,
    )
    assert (made.created_at, made.password_set_at, made.enabled) == (clock.now, clock.now, True)
    assert people.accounts.all() == [made] == [people.accounts.get("王伟")]
    assert people.accounts.check("王伟", PASSWORD) == made
    assert (made.acting(), made.acting("manager")) == ("rep/王伟", "manager/王伟")
    with pytest.raises(NotPermitted):
        made.acting("auditor")


@pytest.mark.parametrize(
    "name", ["local", "Local", "", "a b", "a/b", "a:b", "x" * 65, "a\0b", "a\x1bb", "a\u202eb", "\ud800"]
)
def test_names_that_cannot_be(people: Identities, name: str) -> None:
    with pytest.raises(UsageError):
        people.accounts.add(name, ["rep"], password=PASSWORD, by=BY)
    assert people.accounts.all() == []


@pytest.mark.parametrize("roles", [[], ["adapter"], ["system"], ["rep", "boss"]])
def test_roles_that_no_person_has(people: Identities, roles: list[str]) -> None:
    with pytest.raises(UsageError):
        people.accounts.add("wang", roles, password=PASSWORD, by=BY)


def test_what_cannot_be_changed(people: Identities) -> None:
    people.accounts.add("wang", ["rep"], password=PASSWORD, by=BY)
    with pytest.raises(AlreadyThere):
        people.accounts.add("wang", ["manager"], password=OTHER, by=BY)
    assert people.accounts.get("wang").roles == ["rep"]
    for roles in ([], ["system"]):
        with pytest.raises(UsageError):
            people.accounts.change("wang", roles=roles)
    for password in ("short", "wangwangwang"):
        with pytest.raises(UsageError):
            people.accounts.change("wang", password=password)
    for name in ("nobody", "\0", "\ud800"):
        with pytest.raises(NotFound):
            people.accounts.change(name, disabled=True)
    assert people.accounts.check("wang", PASSWORD) is not None
    with pytest.raises(UsageError, match="name"):
        people.accounts.change("wang", display_name="x" * 201)


@pytest.mark.parametrize("name", ["wang", "nobody", "\0", "\ud800", "x" * 10_000])
def test_a_wrong_name_and_a_wrong_password_are_one(people: Identities, name: str) -> None:
    people.accounts.add("wang", ["rep"], password=PASSWORD, by=BY)
    assert people.accounts.check(name, OTHER) is None
    with pytest.raises(NotSignedIn, match="the name or the password is wrong"):
        people.sign_in(name, OTHER, "192.0.2.1")


def test_an_account_without_a_password_has_none_that_is_right(people: Identities) -> None:
    people.accounts.add("kim", ["auditor"], password=None, by=BY)
    for tried in ("", "nobody has this password", PASSWORD):
        assert people.accounts.check("kim", tried) is None


def test_a_disabled_account_is_refused_as_a_wrong_password_is(people: Identities) -> None:
    people.accounts.add("wang", ["rep"], password=PASSWORD, by=BY)
    session = people.sign_in("wang", PASSWORD, "192.0.2.1")
    people.accounts.change("wang", disabled=True)
    with pytest.raises(NotSignedIn):
        people.sessions.find(session.cookie)
    with pytest.raises(NotSignedIn, match="the name or the password is wrong"):
        people.sign_in("wang", PASSWORD, "192.0.2.1")
    people.accounts.change("wang", disabled=False)
    with pytest.raises(NotSignedIn):
        people.sessions.find(session.cookie)
    assert people.sign_in("wang", PASSWORD, "192.0.2.1").account.enabled


def test_a_new_password_ends_every_session_of_the_account_and_of_no_other(people: Identities) -> None:
    for name in ("wang", "li"):
        people.accounts.add(name, ["rep"], password=PASSWORD, by=BY)
    ended = [people.sign_in("wang", PASSWORD, "192.0.2.1") for _ in range(2)]
    stays = people.sign_in("li", PASSWORD, "192.0.2.1")
    people.accounts.change("wang", password=OTHER)
    for session in ended:
        with pytest.raises(NotSignedIn):
            people.sessions.find(session.cookie)
    assert people.sessions.find(stays.cookie).account.name == "li"
    assert people.accounts.check("wang", PASSWORD) is None
    assert people.accounts.check("wang", OTHER) is not None


def test_a_sign_in_that_began_before_the_password_changed_opens_nothing(people: Identities) -> None:
    people.accounts.add("wang", ["rep"], password=PASSWORD, by=BY)
    proved = people.accounts.check("wang", PASSWORD)
    assert proved is not None
    people.accounts.change("wang", disabled=True)
    with pytest.raises(NotSignedIn, match="changed"):
        people.sessions.open(proved)


def test_a_password_is_hashed_anew_where_the_way_of_hashing_changed(
    opened: Database, clock: MovedClock, people: Identities
) -> None:
    people.accounts.add("wang", ["rep"], password=PASSWORD, by=BY)
    stronger = identities(opened, clock, Argon2Hasher(time_cost=2, memory_cost=16, parallelism=1))
    session = people.sign_in("wang", PASSWORD, "192.0.2.1")
    assert stronger.accounts.check("wang", OTHER) is None
    assert stronger.accounts.check("wang", PASSWORD) is not None
    with opened.connection() as connection:
        row = connection.execute("SELECT password_hash FROM records.accounts").fetchone()
    assert row is not None
    assert "m=16,t=2,p=1" in row[0]
    assert stronger.accounts.check("wang", PASSWORD) is not None
    people.sessions.find(session.cookie)  # It is the same password: nobody is thrown out.


def test_who_somebody_is_at_the_provider_is_kept_until_it_is_forgotten(people: Identities) -> None:
    people.accounts.add("wang", ["rep"], password=None, by=BY)
    people.accounts.link("wang", "https://id.example.com 17")
    people.accounts.link("wang", "https://id.example.com 17")
    with pytest.raises(Conflict):
        people.accounts.link("wang", "https://id.example.com 18")
    people.accounts.link("wang", None)
    people.accounts.link("wang", "https://id.example.com 18")
    assert people.accounts.get("wang").oidc_subject == "https://id.example.com 18"
    with pytest.raises(NotFound):
        people.accounts.link("nobody", None)
