"""Accounts and tokens on the command line: who may make them, and that no secret is shown twice."""

from __future__ import annotations

import io
from typing import Any

import pytest

from tests.office import Desk, desk, office_template
from tests.people import OTHER, PASSWORD

__all__ = ["desk", "office_template"]


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Any:
    """What the next command reads from its stdin."""

    def set_to(text: str, *, terminal: bool = False) -> None:
        stdin = io.StringIO(text)
        monkeypatch.setattr(stdin, "isatty", lambda: terminal)
        monkeypatch.setattr("sys.stdin", stdin)

    return set_to


def test_the_first_manager_is_made_by_whoever_holds_the_data(desk: Desk, typed: Any) -> None:
    assert "no accounts yet" in desk("user", "list")
    typed(PASSWORD + "\n")
    told = desk("user", "add", "ma", "--role", "manager", "--display-name", "马丽", "--password-stdin")
    assert told.startswith("ma may sign in as manager.\n")
    assert told.endswith("leadflow member add ma --role manager\n")
    assert desk.office.app.identities.accounts.check("ma", PASSWORD) is not None
    (row,) = desk.json("user", "list")
    assert (row["name"], row["roles"], row["created_by"]) == ("ma", ["manager"], "manager/local")
    shown = desk("user", "list")
    assert "ma (马丽)" in shown
    assert "argon2" not in shown + str(row)


def test_a_password_is_asked_for_twice_at_a_terminal_and_never_taken_as_an_argument(
    desk: Desk, typed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([PASSWORD, "a slip of the fingers", PASSWORD, PASSWORD])
    monkeypatch.setattr("click.termui.hidden_prompt_func", lambda _: next(answers))
    typed("", terminal=True)
    desk("user", "add", "wang", "--role", "rep", "--role", "manager")
    assert next(answers, None) is None, "the two that differed were asked for again"
    assert desk.office.app.identities.accounts.check("wang", PASSWORD) is not None
    typed("")
    assert "no terminal" in desk("user", "add", "li", "--role", "rep", code=2)
    assert "No such option" in desk("user", "add", "li", "--role", "rep", "--password", PASSWORD, code=2)


@pytest.mark.parametrize(
    ("arguments", "password", "says"),
    [
        (("local", "--role", "manager"), PASSWORD, "reserved"),
        (("a b", "--role", "manager"), PASSWORD, "cannot be named"),
        (("wang", "--role", "adapter"), PASSWORD, "Invalid value"),
        (("wang",), PASSWORD, "Missing option"),
        (("wang", "--role", "rep"), "4711-0815", "too short"),
        (("wang", "--role", "rep"), "wangwangwang", "is the name"),
        (("wang", "--role", "rep"), "password1234", "everybody"),
        (("wang", "--role", "rep"), "", "too short"),
        (("wang", "--role", "rep", "--no-password"), PASSWORD, "cannot go together"),
    ],
)
def test_accounts_that_cannot_be(
    desk: Desk, typed: Any, arguments: tuple[str, ...], password: str, says: str
) -> None:
    typed(password + "\n")
    told = desk("user", "add", *arguments, "--password-stdin", code=2)
    assert says in told
    assert password == "" or password not in told
    assert desk.office.app.identities.accounts.all() == []


def test_an_account_is_changed_disabled_and_enabled(desk: Desk, typed: Any) -> None:
    typed(PASSWORD)
    desk("user", "add", "wang", "--role", "rep", "--password-stdin")
    typed(PASSWORD)
    assert "already" in desk("user", "add", "wang", "--role", "rep", "--password-stdin", code=2)
    people = desk.office.app.identities
    session = people.sign_in("wang", PASSWORD, "192.0.2.1")
    assert "may act as manager, rep" in desk("user", "roles", "wang", "--role", "manager", "--role", "rep")
    assert people.sessions.find(session.cookie).caller().actor == "manager/wang"
    typed(OTHER + "\n")
    assert "its sessions have ended" in desk("user", "password", "wang", "--password-stdin")
    assert people.accounts.check("wang", PASSWORD) is None
    desk("user", "disable", "wang")
    assert people.accounts.check("wang", OTHER) is None
    assert desk.json("user", "list")[0]["disabled"] is True
    desk("user", "enable", "wang")
    assert people.accounts.check("wang", OTHER) is not None
    people.accounts.link("wang", "https://id.example.com 1")
    desk("user", "unlink", "wang")
    assert people.accounts.get("wang").oidc_subject is None
    for command in ("password", "disable", "enable", "unlink"):
        assert "there is no account 'nobody'" in desk("user", command, "nobody", code=2)


def test_a_token_is_shown_once(desk: Desk) -> None:
    text = desk("token", "create", "--as", "adapter/website", "--scope", "intake", "--expires", "30d").strip()
    assert desk.office.app.identities.tokens.caller(text).actor == "adapter/website"
    (row,) = desk.json("token", "list")
    assert (row["name"], row["scopes"], row["created_by"]) == ("website", ["intake"], "manager/local")
    secret = text.split("_", 2)[2]
    assert secret not in desk("token", "list") + str(row)
    assert "has ended" in desk("token", "revoke", "website")
    assert desk.json("token", "list") == []
    assert desk.json("token", "list", "--all")[0]["state"] == "revoked"
    assert "no such token" in desk("token", "revoke", "website", code=2)


@pytest.mark.parametrize(
    "arguments",
    [
        ("--as", "adapter/local", "--scope", "intake"),
        ("--as", "system/x", "--scope", "intake"),
        ("--as", "website", "--scope", "intake"),
        ("--as", "adapter/website"),
        ("--scope", "intake"),
        ("--as", "adapter/website", "--scope", "all"),
        ("--as", "adapter/website", "--scope", "intake", "--expires", "soon"),
        ("--as", "adapter/website", "--scope", "intake", "--expires", "0d"),
        ("--as", "adapter/website", "--scope", "intake", "--expires", "9999d"),
    ],
)
def test_tokens_that_cannot_be(desk: Desk, arguments: tuple[str, ...]) -> None:
    desk("token", "create", *arguments, code=2)
    assert desk.json("token", "list", "--all") == []


@pytest.mark.parametrize(
    "actor", ["rep/wang", "manager/ma", "auditor/kim", "marketing/mei", "manager/nobody"]
)
def test_accounts_and_tokens_are_for_managers_of_every_pool(desk: Desk, typed: Any, actor: str) -> None:
    typed(PASSWORD)
    for command in (
        ("user", "add", "x", "--role", "auditor", "--password-stdin"),
        ("user", "list"),
        ("user", "disable", "x"),
        ("token", "list"),
        ("token", "revoke", "x"),
    ):
        assert "managers of every pool" in desk(*command, "--as", actor, code=1)
    create = ("token", "create", "--as", "auditor/x", "--scope", "read")
    assert "managers of every pool" in desk("--as", actor, *create, code=1)
    assert desk.office.app.identities.accounts.all() == []


def test_a_manager_of_every_pool_looks_after_them(desk: Desk) -> None:
    desk("member", "add", "ma", "--role", "manager", "--pool", "west")
    assert desk.json("user", "list", "--as", "manager/ma") == []
    desk("--as", "manager/ma", "token", "create", "--as", "adapter/site", "--scope", "intake")
    assert desk.json("token", "list")[0]["created_by"] == "manager/ma"
    desk("member", "leave", "ma", "--pool", "west")
    desk("token", "list", "--as", "manager/ma", code=1)
