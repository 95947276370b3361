"""Sessions: new at every sign-in, bound to what the browser holds, ended in time."""

from __future__ import annotations

import hashlib
from itertools import pairwise

import pytest
from itsdangerous import Signer

from leadflow.errors import NotPermitted, NotSignedIn
from leadflow.identities.signing_in import Identities
from leadflow.postgres import Database
from tests.people import PASSWORD, MovedClock, identities

FROM = "192.0.2.1"


@pytest.fixture(autouse=True)
def _wang(people: Identities) -> None:
    people.accounts.add("wang", ["rep", "manager"], password=PASSWORD, by="manager/local")


def test_a_session_says_who_calls_in_which_role(people: Identities) -> None:
    session = people.sessions.find(people.sign_in("wang", PASSWORD, FROM).cookie)
    assert session.caller().actor == "rep/wang"
    assert session.caller("manager").actor == "manager/wang"
    assert session.caller().scopes == {"intake", "read", "work", "report", "manage"}
    with pytest.raises(NotPermitted):
        session.caller("auditor")
    people.accounts.change("wang", roles=["rep"])
    with pytest.raises(NotPermitted):
        people.sessions.find(session.cookie).caller("manager")


def test_every_sign_in_is_a_session_of_its_own(people: Identities) -> None:
    sessions = [people.sign_in("wang", PASSWORD, FROM) for _ in range(3)]
    assert len({s.cookie for s in sessions}) == len({s.csrf for s in sessions}) == 3
    people.sign_out(sessions[0])
    with pytest.raises(NotSignedIn):
        people.sessions.find(sessions[0].cookie)
    assert people.sessions.find(sessions[1].cookie).csrf == sessions[1].csrf


def test_neither_cookie_nor_csrf_token_can_be_had_from_the_table(
    people: Identities, opened: Database
) -> None:
    session = people.sign_in("wang", PASSWORD, FROM)
    with opened.connection() as connection:
        kept = str(connection.execute("SELECT s::text FROM records.sessions s").fetchall())
    assert session.cookie.rpartition(".")[0] not in kept
    assert session.csrf not in kept


@pytest.mark.parametrize("cookie", ["", ".", "x", "a.b", "é.b", "\ud800", "\0", "x" * 5000])
def test_made_up_cookies_are_refused(people: Identities, cookie: str) -> None:
    with pytest.raises(NotSignedIn):
        people.sessions.find(cookie)


def test_a_changed_cookie_or_one_signed_by_another_key_is_refused(people: Identities) -> None:
    session = people.sign_in("wang", PASSWORD, FROM)
    identity, _, signature = session.cookie.rpartition(".")
    other = Signer(b"another key", salt="leadflow.session", digest_method=hashlib.sha256)
    changed = f"{'B' if identity[0] != 'B' else 'C'}{identity[1:]}.{signature}"
    for cookie in (other.sign(identity).decode(), changed, f"{identity}.", session.cookie + "A"):
        with pytest.raises(NotSignedIn):
            people.sessions.find(cookie)
    unknown = people.sessions._signer().sign("x" * 43).decode()
    with pytest.raises(NotSignedIn):
        people.sessions.find(unknown)


def test_a_csrf_token_is_for_its_session_only(people: Identities) -> None:
    mine, other = people.sign_in("wang", PASSWORD, FROM), people.sign_in("wang", PASSWORD, FROM)
    mine.check_csrf(mine.csrf)
    for wrong in (None, "", other.csrf, mine.csrf[:-1], mine.csrf + "A", "é\ud800"):
        with pytest.raises(NotPermitted):
            mine.check_csrf(wrong)


def test_an_idle_session_ends_and_a_busy_one_lasts_to_its_end(people: Identities, clock: MovedClock) -> None:
    busy, idle = people.sign_in("wang", PASSWORD, FROM), people.sign_in("wang", PASSWORD, FROM)
    for _ in range(24):
        clock.move(hours=6.99)
        people.sessions.find(busy.cookie)
    with pytest.raises(NotSignedIn):
        people.sessions.find(idle.cookie)
    clock.move(hours=0.3)
    with pytest.raises(NotSignedIn):
        people.sessions.find(busy.cookie)


def test_a_session_lasts_as_the_settings_say(opened: Database, clock: MovedClock) -> None:
    short = identities(opened, clock, session_idle_hours=1, session_hours=2)
    session = short.sign_in("wang", PASSWORD, FROM)
    clock.move(minutes=59)
    short.sessions.find(session.cookie)
    clock.move(minutes=59)
    short.sessions.find(session.cookie)
    clock.move(minutes=2)
    with pytest.raises(NotSignedIn):
        short.sessions.find(session.cookie)


def test_sessions_that_ended_leave_the_table(people: Identities, opened: Database, clock: MovedClock) -> None:
    for _ in range(3):
        people.sign_in("wang", PASSWORD, FROM)
    clock.move(hours=9)
    people.sign_in("wang", PASSWORD, FROM)
    with opened.connection() as connection:
        assert connection.execute("SELECT count(*) FROM records.sessions").fetchone() == (1,)


def test_the_key_is_made_once_for_all_processes(opened: Database, clock: MovedClock) -> None:
    many = [identities(opened, clock) for _ in range(4)]
    assert all(one.key.key == other.key.key for one, other in pairwise(many))
    session = many[0].sign_in("wang", PASSWORD, FROM)
    assert many[1].sessions.find(session.cookie).csrf == session.csrf
