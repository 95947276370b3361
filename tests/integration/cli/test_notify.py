"""`leadflow notify`: subscriptions of reps and of managers' pools, and what could not be sent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import wait

import pytest

from leadflow.bootstrap.notifying import notifier_of
from leadflow.domain import requests as r
from leadflow.settings import Settings
from tests.office import EMAIL, PHONE, Desk, desk, office_template
from tests.receivers import Receiver

__all__ = ["desk", "office_template"]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


@pytest.fixture(autouse=True)
def _allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEADFLOW_NOTIFY_PRIVATE", "allow")


def notified(desk: Desk) -> None:
    """Let a notifier work until nothing is due."""
    app = desk.office.app
    app.settle()
    with notifier_of(Settings.from_environment(), app.log, app.database.url) as notifier:
        while notifier.step() or notifier.delivering.under_way:
            wait(notifier.delivering.under_way)
        notifier.close()


def assigned(desk: Desk, ref: str = "a", to: str = "wang", phone: str = PHONE) -> str:
    lead = desk.office.arrives(ref, phone=phone)
    desk.office.ask("manager/ma", r.AssignLead(lead=lead, to=to, reason="near"))
    return lead


def test_a_rep_subscribes_is_told_changes_its_secret_and_ends_it(desk: Desk, receiver: Receiver) -> None:
    made = desk.json("notify", "subscribe", "--webhook", receiver.url, "--as", "rep/wang")
    assert made["member"] == "wang"
    assert made["secret"].startswith("whsec_")
    assert made["address"] == f"http://127.0.0.1:{receiver.port}/…"
    lead = assigned(desk)
    notified(desk)
    (one,) = receiver.received
    assert one.verified(made["secret"])["data"]["lead"] == lead
    assert PHONE not in one.body.decode()
    assert EMAIL not in one.body.decode()

    name = made["id"]
    assert made["secret"] not in desk("notify", "list", "--as", "rep/wang")
    shown = desk("notify", "show", name, "--as", "rep/wang")
    assert receiver.url in shown
    assert made["secret"] not in shown
    new = desk.json("notify", "rotate", name, "--keep", "1", "--as", "rep/wang")["secret"]
    assert desk("notify", "test", name, "--as", "rep/wang") == "Sent.\n"
    assert receiver.received[1].verified(new) == receiver.received[1].verified(made["secret"])
    assert receiver.received[1].document["type"] == "leadflow.test"
    desk("notify", "unsubscribe", name, "--as", "rep/wang")
    said = desk("notify", "list", "--as", "rep/wang")
    assert said.startswith("No subscriptions that you may change")
    assert "leadflow notify subscribe --webhook URL" in said
    assert "ended by rep/wang" in desk("notify", "list", "--all", "--as", "rep/wang")
    assert "has ended" in desk("notify", "rotate", name, "--as", "rep/wang", code=2)
    assigned(desk, "b", phone="+8613800138002")
    notified(desk)
    assert len(receiver.received) == 2


def test_who_may_subscribe_for_whom(desk: Desk, receiver: Receiver) -> None:
    def subscribe(*arguments: str, code: int = 0) -> str:
        return desk("notify", "subscribe", "--webhook", receiver.url, *arguments, code=code)

    subscribe("--as", "manager/ma", "--member", "wang")
    subscribe("--as", "manager/ma", "--role", "rep")
    subscribe("--as", "manager/ma")
    subscribe("--role", "manager")
    assert "there already" in subscribe("--as", "manager/ma", "--member", "wang", code=2)
    assert "may not subscribe for li" in subscribe("--as", "rep/wang", "--member", "li", code=1)
    assert "may not subscribe" in subscribe("--as", "rep/wang", "--role", "rep", code=1)
    assert "may not subscribe" in subscribe("--as", "rep/wang", "--pool", "west", code=1)
    assert "may not subscribe" in subscribe(
        "--as", "manager/ma", "--member", "zhao", "--pool", "west", code=1
    )
    for actor in ("marketing/mei", "support/su", "analyst/an", "auditor/au", "adapter/web"):
        assert "may not subscribe" in subscribe("--as", actor, code=1)
    assert "not a member" in subscribe("--member", "nobody", code=2).replace("is no member", "not a member")
    assert "mei is marketing" in subscribe("--member", "mei", code=2)
    assert "who is to be told" in subscribe(code=2)
    assert "not both" in subscribe("--member", "wang", "--role", "rep", code=2)
    assert "never told of" in subscribe("--as", "rep/wang", "--kind", "lead.nobody_available", code=2)
    assert "there is no pool" in subscribe("--pool", "north", code=2)

    names = {one["id"]: one for one in desk.json("notify", "list")}
    assert len(names) == 4
    assert desk.json("notify", "list", "--as", "manager/mo") == []
    mine = desk.json("notify", "list", "--as", "rep/wang")
    assert [one["member"] for one in mine] == ["wang"]
    other = next(name for name, one in names.items() if one["role"] == "rep")
    for command in ("show", "unsubscribe", "rotate", "test"):
        assert "there is no subscription" in desk("notify", command, other, "--as", "rep/wang", code=2)
        assert "there is no subscription" in desk("notify", command, other, "--as", "manager/mo", code=2)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/x",
        "https://127.0.0.1/x",
        "https://[::1]/x",
        "https://169.254.169.254/latest",
        "https://user:pw@example.com/",
        "ftp://example.com/",
        "https://example.com/a b",
        "https://例子.example/",
        "https://example.com/#x",
        "https:///x",
        "no url",
    ],
)
def test_addresses_that_webhooks_may_not_go_to(desk: Desk, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("LEADFLOW_NOTIFY_PRIVATE", "refuse")
    said = desk("notify", "subscribe", "--webhook", url, "--as", "rep/wang", code=2)
    assert "pw" not in said
    assert desk.json("notify", "list") == []


def test_e_mails_need_a_mail_server_and_an_address(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    as_wang = ("notify", "subscribe", "--as", "rep/wang", "--email")
    assert "LEADFLOW_SMTP_HOST" in desk(*as_wang, "wang@example.com", code=2)
    monkeypatch.setenv("LEADFLOW_SMTP_HOST", "localhost")
    assert "LEADFLOW_SMTP_FROM" in desk(*as_wang, "wang@example.com", code=2)
    monkeypatch.setenv("LEADFLOW_SMTP_FROM", "LeadFlow <leadflow@example.com>")
    assert "no e-mail address" in desk(*as_wang, "wang@example.com\nBcc: x@example.com", code=2)
    made = desk.json(*as_wang, "wang@example.com")
    assert (made["secret"], made["address"]) == (None, "wang@example.com")
    assert "no secret" in desk("notify", "rotate", made["id"], "--as", "rep/wang", code=2)
    monkeypatch.setenv("LEADFLOW_SMTP_USER", "leadflow")
    assert "only one" in desk(*as_wang, "wang@example.com", code=2)
    monkeypatch.setenv("LEADFLOW_SMTP_PASSWORD", "hush")
    monkeypatch.setenv("LEADFLOW_SMTP_SECURITY", "none")
    assert "for anybody to read" in desk(*as_wang, "wang@example.com", code=2)
    assert "hush" not in desk("config", "show")


def test_what_was_given_up_is_seen_tried_again_or_dropped(desk: Desk, receiver: Receiver) -> None:
    name = desk.json("notify", "subscribe", "--webhook", receiver.url, "--as", "rep/wang")["id"]
    assigned(desk)
    assigned(desk, "b", phone="+8613800138002")
    receiver.status = 500
    notified(desk)
    with desk.office.app.database.connection() as connection:
        connection.execute("UPDATE records.notifications SET attempts = 7, next_attempt = now()")
    notified(desk)
    found = desk.json("notify", "parked", "--as", "rep/wang")
    assert [one["problem"] for one in found] == ["the receiver answered 500"] * 2
    assert "the receiver answered 500" in desk("notify", "parked")
    assert "Nothing is parked" in desk("notify", "parked", "--as", "rep/li")
    first, second = (str(one["id"]) for one in found)
    for command in ("replay", "drop"):
        assert "there is no notification" in desk("notify", command, first, "--as", "rep/li", code=2)
        assert "there is no notification" in desk("notify", command, "999", code=2)
    findings = {one["check"]: one for one in desk.json("doctor") if one["check"] == "notifications"}
    assert findings["notifications"]["status"] == "warn"
    assert "leadflow notify parked" in findings["notifications"]["do"]

    receiver.status = 200
    assert "1 will be tried again" in desk("notify", "replay", first, "--as", "rep/wang")
    assert "1 dropped" in desk("notify", "drop", second, "--as", "rep/wang")
    assert "not parked" in desk("notify", "replay", second, code=2)
    notified(desk)
    assert len(set(receiver.ids)) == 2
    assert receiver.ids[-1].endswith(name)
    assert "Nothing is parked" in desk("notify", "parked")
    assert json.dumps(desk.json("doctor")).count('"notifications"') == 1


def test_a_test_that_does_not_arrive_says_why(desk: Desk, receiver: Receiver) -> None:
    name = desk.json("notify", "subscribe", "--webhook", receiver.url, "--as", "rep/wang")["id"]
    receiver.status = 503
    assert "answered 503" in desk("notify", "test", name, code=3)
    desk.office.app.settle()
    receiver.close()
    assert "cannot be reached" in desk("notify", "test", name, code=3)
