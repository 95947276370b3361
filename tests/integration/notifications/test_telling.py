"""Who is told of what: each fact once, to those it is addressed to, and nothing that a mask hides."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest

from consumers import notifier
from consumers.operating import Operating
from leadflow.domain import events as e
from leadflow.domain import requests as r
from leadflow.errors import Unavailable
from leadflow.notifications.kinds import (
    ASSIGNED,
    CAME_BACK,
    DEADLINE_NEAR,
    KINDS,
    NOBODY_AVAILABLE,
    RECYCLED,
)
from tests.bureau import PHONE, Bureau
from tests.processes import until
from tests.receivers import NewReceiver, Receiver
from tests.team import POOL, request

AWAY: list[str] = []
"""Why the log cannot be reached, if it cannot."""


def reach() -> None:
    if AWAY:
        raise Unavailable(AWAY[0])


def do(bureau: Bureau, body: r.Body, actor: str = "manager/local") -> e.Event:
    return bureau.ask(request(body, uuid4().hex, actor)).events[-1]


def kinds_of(receiver: Receiver) -> list[str]:
    return [one.document["type"] for one in receiver.received]


def test_a_rep_is_told_of_its_own_lead_once_signed_and_without_contact_points(
    bureau: Bureau, receiver: Receiver
) -> None:
    mine = bureau.subscribe(receiver.url)
    fact, other = bureau.assigned(1)[0], bureau.assigned(1, "li", 2)[0]
    bureau.settle()
    bureau.settle()
    (one,) = receiver.received
    assert one.id == f"{fact}/{mine.id}"
    payload = one.verified(mine.secrets[0]["secret"])
    assert payload["type"] == ASSIGNED
    data = payload["data"]
    assert (data["pool"], data["to"], data["channel"], data["fact"]) == (POOL, "wang", "web_form", fact)
    assert data["link"] == f"https://leads.example.com/v1/pools/{POOL}/leads/{data['lead']}"
    assert data["deadline"].endswith("Z")
    assert data["deadline_local"].endswith("(+08:00)")
    assert data["deadline_local"] in data["says"]
    assert isinstance(data["score"], int)
    for secret in (PHONE[-8:], "p1@example.com", "王小明", "Bcc", "call"):
        assert secret not in one.body.decode()
    assert [(row.fact, row.state, row.attempts) for row in bureau.rows()] == [(fact, "sent", 1)]
    assert other not in str(bureau.rows())


def test_every_kind_reaches_whom_it_concerns(
    bureau: Bureau, receiver: Receiver, new_receiver: NewReceiver
) -> None:
    managers = new_receiver()
    bureau.subscribe(receiver.url)
    bureau.subscribe(managers.url, member="ma")
    lead = bureau.arrives(1)
    bureau.assign(lead, "li")
    do(bureau, r.HandOverLead(lead=lead, to="wang"))
    bureau.catch_up()
    bureau.settle()
    assert kinds_of(receiver) == [ASSIGNED]

    bureau.later(days=2, hours=13)
    bureau.engine.tick()
    bureau.catch_up()
    bureau.settle()
    assert kinds_of(receiver) == [ASSIGNED, DEADLINE_NEAR]
    bureau.later(days=1)
    bureau.engine.tick()
    bureau.catch_up()
    bureau.settle()
    assert kinds_of(receiver)[2:] == [RECYCLED]
    assert "no contact that counts" in receiver.received[-1].document["data"]["says"]

    bureau.assign(lead)
    do(bureau, r.ConvertLead(lead=lead), "rep/wang")
    assert bureau.arrives(1, ref="again") == lead
    bureau.catch_up()
    bureau.settle()
    assert kinds_of(receiver)[3:] == [ASSIGNED, CAME_BACK]
    assert managers.received == []

    do(bureau, r.PauseMember(member="wang"))
    do(bureau, r.PauseMember(member="li"))
    bureau.arrives(2, "baidu_ads")
    bureau.catch_up()
    bureau.settle()
    assert kinds_of(managers) == [NOBODY_AVAILABLE]
    assert managers.received[0].document["data"]["to"] == "managers"
    assert len(receiver.received) == 5


def test_a_role_is_told_for_each_of_its_members(bureau: Bureau, receiver: Receiver) -> None:
    one = bureau.subscribe(receiver.url, member=None, role="rep", kinds=[ASSIGNED])
    facts = [*bureau.assigned(1), *bureau.assigned(1, "li", 2)]
    bureau.settle()
    assert sorted(receiver.ids) == sorted(f"{fact}/{one.id}" for fact in facts)
    assert {got.document["data"]["to"] for got in receiver.received} == {"wang", "li"}


def test_a_subscription_begins_at_the_logs_end_and_keeps_to_its_kinds_and_pool(
    bureau: Bureau, receiver: Receiver
) -> None:
    bureau.assigned(3)
    bureau.subscribe(receiver.url, kinds=[RECYCLED])
    bureau.subscribe(receiver.url, pool="west")
    mine = bureau.subscribe(receiver.url)
    fact = bureau.assigned(1, first=9)[0]
    bureau.settle()
    assert receiver.ids == [f"{fact}/{mine.id}"]


def test_what_happens_while_no_notifier_runs_is_told_by_the_next(bureau: Bureau, receiver: Receiver) -> None:
    one = bureau.subscribe(receiver.url)
    facts = bureau.assigned(2)
    bureau.settle(bureau.another())
    assert receiver.ids == [f"{fact}/{one.id}" for fact in facts]


def test_a_rebuild_of_everything_and_another_notifier_send_nothing(
    bureau: Bureau, receiver: Receiver
) -> None:
    bureau.subscribe(receiver.url)
    bureau.assigned(3)
    bureau.settle()
    assert len(receiver.received) == 3
    bureau.projections.rebuild()
    bureau.settle()
    bureau.settle(bureau.another())
    with bureau.database.connection() as connection:
        connection.execute("DROP SCHEMA read CASCADE")
    bureau.projections.start()
    bureau.settle(bureau.another())
    assert len(receiver.received) == 3
    assert [row.state for row in bureau.rows()] == ["sent"] * 3


def test_two_notifiers_send_each_fact_once(bureau: Bureau, new_receiver: NewReceiver) -> None:
    receivers = [new_receiver() for _ in range(3)]
    made = [bureau.subscribe(receiver.url) for receiver in receivers]
    facts = bureau.assigned(8)
    bureau.settle(bureau.another(), bureau.another(), bureau.another())
    for receiver, one in zip(receivers, made, strict=True):
        assert sorted(receiver.ids) == sorted(f"{fact}/{one.id}" for fact in facts)
    assert {row.state for row in bureau.rows()} == {"sent"}
    assert len(bureau.rows()) == 24


@pytest.mark.parametrize("how", ["left", "handed over", "subscriber left", "ended"])
def test_who_may_no_longer_see_a_lead_is_not_told_of_it(bureau: Bureau, receiver: Receiver, how: str) -> None:
    one = bureau.subscribe(receiver.url)
    receiver.status = 500
    bureau.assigned(1)
    bureau.settle()
    lead = bureau.rows()[0].lead
    receiver.status = 204
    match how:
        case "left":
            do(bureau, r.RemoveMember(member="wang", leads_to="li"))
        case "handed over":
            do(bureau, r.HandOverLead(lead=lead, to="li"))
        case "subscriber left":
            do(bureau, r.RemoveMember(member="ma"))
        case "ended":
            assert bureau.subscriptions.disable(one.id, "ended by rep/wang", bureau.clock.now()) == 1
    bureau.catch_up()
    bureau.later(minutes=1)
    bureau.settle()
    assert len(receiver.received) == 1
    (row,) = bureau.rows()
    assert row.state == "dropped"
    assert row.problem


def test_a_lead_in_the_managers_queue_is_told_to_managers(bureau: Bureau, receiver: Receiver) -> None:
    policy = json.loads(bureau.engine.pool(POOL).policy.model_dump_json())
    policy["rules"] = [{"name": "chiefs", "target": {"queue": "managers"}}]
    do(bureau, r.PublishPolicy.model_validate(
        {"policy": policy, "calendar": bureau.engine.pool(POOL).calendar.model_dump()}
    ))  # fmt: skip
    bureau.subscribe(receiver.url, member=None, role="manager")
    bureau.arrives(1)
    bureau.catch_up()
    bureau.settle()
    assert kinds_of(receiver) == [ASSIGNED]
    assert "queue" in receiver.received[0].document["data"]["says"]


def test_every_kind_has_words() -> None:
    assert all(KINDS.values())


def test_a_log_that_is_away_is_named_and_holds_up_nothing(
    bureau: Bureau, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifier, "REACH_S", 0.0)
    operating = Operating("notifier")
    telling = bureau.another(operating=operating, reach=reach)
    bureau.subscribe(receiver.url)
    facts = bureau.assigned(1)
    AWAY.append("Kafka does not answer")
    try:
        until(lambda: telling.step() or bool(receiver.received))
        until(lambda: not telling.step() and not telling.delivering.under_way)
        assert operating.health().problems == {"log": "Kafka does not answer"}
        assert len(receiver.received) == len(facts)
    finally:
        AWAY.clear()
    telling.step()
    assert operating.health().problems == {}
    telling.close()
