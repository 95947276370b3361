"""Subscriptions and notifications over HTTP."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from concurrent.futures import wait
from pathlib import Path

import pytest

from leadflow import postgres
from leadflow.bootstrap.notifying import notifier_of
from leadflow.domain import requests as r
from tests.doors import Door, door, office_template, open_door
from tests.receivers import Receiver

__all__ = ["door", "office_template"]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


@pytest.fixture
def inside(pg_url: str, office_template: str, tmp_path: Path) -> Iterator[Door]:
    """The API of a company whose receivers are inside its network."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    url = postgres.create_database(pg_url, name, template=office_template)
    with open_door(url, tmp_path / "home", notify_private="allow") as found:
        yield found
    postgres.drop_database(pg_url, name)


def notified(door: Door) -> None:
    app = door.app
    app.settle()
    with notifier_of(app.settings, app.log, app.database.url) as notifier:
        while notifier.step() or notifier.delivering.under_way:
            wait(notifier.delivering.under_way)
        notifier.close()


def test_a_rep_subscribes_is_told_and_sees_what_was_given_up(inside: Door, receiver: Receiver) -> None:
    wang, li, ma = inside.as_("rep/wang"), inside.as_("rep/li"), inside.as_("manager/ma")
    made = wang.post("/v1/subscriptions", {"pool": "east", "webhook": receiver.url}, status=201)
    wang.post("/v1/subscriptions", {"pool": "east", "webhook": receiver.url}, status=409)
    name, secret = made["subscription"]["id"], made["secret"]
    assert made["subscription"]["address"] == f"http://127.0.0.1:{receiver.port}/…"
    assert wang.post(f"/v1/subscriptions/{name}/test") == {"outcome": "sent", "problem": None}
    receiver.received[0].verified(secret)

    lead = inside.office.arrives("a")
    inside.office.ask("manager/ma", r.AssignLead(lead=lead, to="wang", reason="near"))
    receiver.status = 410
    notified(inside)
    assert receiver.received[1].verified(secret)["data"]["lead"] == lead
    (parked,) = wang.get("/v1/notifications?state=parked")["items"]
    assert (parked["lead"], parked["kind"], parked["attempts"]) == (lead, "lead.assigned", 1)
    assert li.get("/v1/notifications") == {"items": [], "next": None}
    assert ma.get("/v1/notifications?state=parked")["items"] == [parked]
    number = parked["id"]
    li.post(f"/v1/notifications/{number}/replay", status=404)
    assert "has ended" in wang.post(f"/v1/notifications/{number}/replay", status=422)["detail"]
    assert wang.post(f"/v1/notifications/{number}/drop")["state"] == "dropped"
    assert wang.get("/v1/subscriptions") == {"items": [], "next": None}
    (ended,) = wang.get("/v1/subscriptions?ended=true")["items"]
    assert "410" in ended["ended_why"]


def test_pages_secrets_and_an_end(inside: Door, receiver: Receiver) -> None:
    ma, li = inside.as_("manager/ma"), inside.as_("rep/li")
    names = set()
    for member in ("wang", "li", "ma"):
        body = {"pool": "east", "webhook": receiver.url, "member": member}
        names.add(ma.post("/v1/subscriptions", body, status=201)["subscription"]["id"])
    first = ma.get("/v1/subscriptions?limit=2")
    second = ma.get(f"/v1/subscriptions?limit=2&cursor={first['next']}")
    assert {one["id"] for one in first["items"] + second["items"]} == names
    assert second["next"] is None
    (mine,) = li.get("/v1/subscriptions")["items"]
    assert mine["member"] == "li"
    name = mine["id"]
    assert li.get(f"/v1/subscriptions/{name}") == mine
    other = next(iter(names - {name}))
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/rotate"), ("POST", "/test")):
        li(method, f"/v1/subscriptions/{other}{path}", status=404)
    new = li.post(f"/v1/subscriptions/{name}/rotate", {"keep_hours": 0})["secret"]
    li.post(f"/v1/subscriptions/{name}/test")
    receiver.received[-1].verified(new)
    assert li("DELETE", f"/v1/subscriptions/{name}").json()["dropped"] == 0
    li.post(f"/v1/subscriptions/{name}/rotate", status=422)

    for number in range(3):
        lead = inside.office.arrives(f"r{number}", phone=f"+861380013900{number}")
        inside.office.ask("manager/ma", r.AssignLead(lead=lead, to="wang", reason="near"))
    notified(inside)
    page = ma.get("/v1/notifications?limit=2&state=sent")
    rest = ma.get(f"/v1/notifications?limit=2&state=sent&cursor={page['next']}")
    assert len({one["fact"] for one in page["items"] + rest["items"]}) == 3
    assert rest["next"] is None


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"webhook": "https://127.0.0.1/"}, 422),
        ({"webhook": "https://localhost\u0000/"}, 422),
        ({"webhook": "http://example.com/"}, 422),
        ({"webhook": None}, 422),
        ({"email": "wang@example.com"}, 422),
        ({"webhook": None, "email": "wang@example.com"}, 422),
        ({"member": "li"}, 403),
        ({"role": "rep"}, 403),
        ({"pool": "west"}, 403),
        ({"pool": "north"}, 404),
        ({"kinds": ["lead.nobody_available"]}, 422),
        ({"kinds": ["everything"]}, 422),
        ({"secret": "whsec_x"}, 422),
    ],
)
def test_what_a_rep_may_not_subscribe_to(door: Door, change: dict[str, object], status: int) -> None:
    body = {"pool": "east", "webhook": "https://hooks.example.com/x", **change}
    door.as_("rep/wang").post("/v1/subscriptions", body, status=status)
    assert door.as_("manager/ma").get("/v1/subscriptions?ended=true")["items"] == []


def test_who_calls_needs_a_token_with_its_scopes(door: Door) -> None:
    body = {"pool": "east", "webhook": "https://hooks.example.com/x"}
    door.nobody().post("/v1/subscriptions", body, status=401)
    door.as_("rep/wang", "read").post("/v1/subscriptions", body, status=403)
    door.as_("rep/wang", "work").get("/v1/subscriptions", status=403)
    for actor in ("analyst/an", "auditor/au", "marketing/mei", "support/su", "adapter/web"):
        door.as_(actor).post("/v1/subscriptions", body, status=403)
    door.as_("rep/wang").get("/v1/subscriptions/0000000000", status=404)
    door.as_("rep/wang").get("/v1/subscriptions/zzz", status=422)
    for number in ("0", "9" * 30, "x"):
        door.as_("rep/wang").post(f"/v1/notifications/{number}/replay", status=422)
