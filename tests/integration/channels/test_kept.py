"""What cannot be used is a dead letter with its reason; corrected, it is the same arrival."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from leadflow.cli import leadflow
from leadflow.cli.common import run
from tests.gates import POOL, Gate, door, gate, office_template

__all__ = ["door", "gate", "office_template"]


@pytest.fixture
def command(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line works on the same database."""
    assert gate.app.settings.database_url is not None
    monkeypatch.setenv("LEADFLOW_DATABASE_URL", gate.app.settings.database_url)
    monkeypatch.setenv("LEADFLOW_HOME", str(gate.app.home))


@pytest.mark.usefixtures("command")
def test_an_unreadable_push_is_acknowledged_kept_and_corrected(gate: Gate) -> None:
    gate.add("baidu", "bd", campaign="autumn")
    call = gate.example("bd")
    document = json.loads(call.body) | {"cluePhoneNumber": "没有", "flowChannelName": ""}
    body = json.dumps(document).encode()
    for _ in range(2):
        assert gate.send(replace(call, body=body), "bd").json() == {"code": 0, "message": "success"}
    (letter,) = gate.letters()
    assert (letter.inlet, letter.door, letter.channel, letter.pool) == ("bd", "baidu_push", "baidu_ads", POOL)
    assert (letter.ref, letter.campaign, letter.times) == ("bd7000000", "autumn", 2)
    assert letter.content() == document
    assert {one["code"] for one in letter.problems} >= {"no_contact_point"}
    assert run(leadflow, ["dead-letters", "retry", str(letter.id), "--set", "phone=13812345678"]) == 0
    (arrived,) = gate.arrived()
    touch = arrived.touch
    assert (touch.ref, touch.door, touch.campaign) == ("bd7000000", "baidu_push", "autumn")
    assert arrived.company.name == "甲公司"
    # The vendor's push, when it comes once more and is right, is the same arrival.
    gate.send(call, "bd")
    assert len(gate.arrived()) == 1


@pytest.mark.usefixtures("command")
def test_an_answer_is_read_again_by_the_mapping_of_its_inlet(gate: Gate) -> None:
    gate.add("jinshuju", "fair", columns={"field_1": "name", "field_9": "wechat"})
    call = gate.example("fair")
    document = json.loads(call.body)
    document["entry"] |= {"field_2": "不方便", "field_3": "", "field_9": "微"}
    gate.send(replace(call, body=json.dumps(document).encode()), "fair")
    (letter,) = gate.letters()
    assert run(leadflow, ["dead-letters", "retry", str(letter.id), "--set", "field_9=wxid_88"]) == 0
    (arrived,) = gate.arrived()
    assert (arrived.person.name, arrived.person.wechats) == ("张伟", ("wxid_88",))
    assert arrived.touch.ref == "RygpW3/123"


def test_bodies_that_are_no_documents_are_kept_as_they_came(gate: Gate) -> None:
    gate.add("baidu", "bd")
    gate.add("cloudevents", "events")
    gate.add("webhook", "hook")
    call = gate.example("bd")
    for body in (b"", b"{", b"[1, 2]", b"\xff\xfe\x00", b'"text"', b"null", b"[" * 5000):
        assert gate.send(replace(call, body=body), "bd").json()["code"] == 0
    event = gate.example("events")
    for body in (b"{}", b'{"specversion": "1.0", "id": "1", "source": "/x", "type": "t", "data": "text"}'):
        found = gate.send(replace(event, body=body), "events").json()
        assert found["arrivals"][0]["answer"] == "unreadable"
    letters = gate.letters()
    assert len(letters) == 9
    assert letters[1].content() == "{"
    assert all("dead-letters" not in letter.reason and letter.inlet for letter in letters)
    assert gate.arrived() == []


@pytest.mark.usefixtures("command")
def test_a_channel_or_a_pool_that_is_unknown_loses_nothing(gate: Gate) -> None:
    gate.add("webhook", "strange", channel="skywriting")
    gate.add("webhook", "nowhere", pool="north")
    gate.add("cloudevents", "routed", pool=None)
    answers = {}
    for name in ("strange", "nowhere", "routed"):
        answers[name] = gate.send(gate.example(name), name).json()["arrivals"][0]
    assert {name: one["problems"][0]["code"] for name, one in answers.items()} == {
        "strange": "unknown_channel",
        "nowhere": "unknown_pool",
        "routed": "no_pool",
    }
    assert {one["answer"] for one in answers.values()} == {"kept"}
    letters = {letter.inlet: letter for letter in gate.letters()}
    assert letters["strange"].reason == f"channel skywriting is not declared in the policy of pool {POOL}"
    assert letters["nowhere"].content()["phone"] == "+8613812345678"
    retry = ["dead-letters", "retry", str(letters["nowhere"].id), "--pool", POOL]
    assert run(leadflow, retry) == 0
    assert len(gate.arrived()) == 1


def test_several_leads_in_one_call_are_each_decided(gate: Gate) -> None:
    gate.add("cloudevents", "events")
    call = gate.example("events")
    event = json.loads(call.body)
    phone, other = {"phone": "13812345678"}, {"phone": "13912345678"}
    people = (phone, {"name": "nobody"}, other, phone)
    batch = [event | {"id": str(number), "data": data} for number, data in enumerate(people)]
    headers = {**call.headers, "content-type": "application/cloudevents-batch+json"}
    several = replace(call, body=json.dumps(batch).encode(), headers=headers)
    found = gate.send(several, "events").json()["arrivals"]
    assert sorted(one["answer"] for one in found) == ["created", "created", "merged", "unreadable"]
    assert found[1]["answer"] == "unreadable"
    assert len(gate.letters()) == 1
    binary = {name: value for name, value in call.headers.items() if name != "content-type"}
    binary |= {"content-type": "application/json", "ce-specversion": "1.0", "ce-id": "9", "ce-type": "t"}
    one = replace(call, body=b'{"phone": "13712345678"}', headers=binary | {"ce-source": "/crm"})
    assert gate.send(one, "events").json()["arrivals"][0]["answer"] == "created"
    assert gate.arrived()[-1].touch.ref == "/crm 9"


def test_a_test_lead_of_google_is_counted_and_never_a_lead(gate: Gate) -> None:
    gate.add("google")
    call = gate.example()
    for _ in range(3):
        tried = replace(call, body=call.body.replace(b'"is_test":false', b'"is_test":true'))
        assert gate.send(tried).json() == {}
    assert (gate.arrived(), gate.letters()) == ([], [])
    assert gate.app.inlets.get("gate").tests == 3
    tests = gate.app.inlets.tests("gate")
    assert tests[0]["document"]["lead_id"].startswith("TeSter")
    secret = gate.inlet().secrets[0]
    assert secret not in json.dumps(tests, default=str)
    unreadable = json.loads(call.body) | {"user_column_data": []}
    gate.send(replace(call, body=json.dumps(unreadable).encode()))
    (letter,) = gate.letters()
    assert "google_key" not in letter.original
    assert secret not in letter.original
    gate.app.inlets.add_tests("gate", [{"number": number} for number in range(30)], datetime.now(UTC))
    assert gate.app.inlets.get("gate").tests == 33
    kept = [row["document"]["number"] for row in gate.app.inlets.tests("gate")]
    assert kept == list(range(29, 9, -1)), "the last twenty, the newest first"


def test_two_secrets_hold_while_one_is_rotated(gate: Gate) -> None:
    gate.add("webhook", "hook")
    old = gate.example("hook")
    now = datetime.now(UTC)
    made = gate.app.inlets.rotate("hook", keep=timedelta(hours=1), now=now)
    assert str(made.secret) not in repr(made)
    assert str(made.inlet.secrets[0].value) not in repr(made)
    gate.send(old, "hook")
    gate.send(gate.example("hook"), "hook")
    kept = gate.app.inlets.get("hook")
    assert len(kept.at(now).secrets) == 2
    assert kept.at(now + timedelta(hours=1)).secrets == (made.secret,)
    again = gate.app.inlets.rotate("hook", keep=timedelta(0), now=now)
    assert again.inlet.at(now).secrets == (again.secret,)
    assert str(again.secret) not in json.dumps(again.inlet.described(), default=str)


def test_a_pool_that_was_opened_a_moment_ago_is_known(gate: Gate) -> None:
    gate.add("webhook", "hook", pool="north")
    assert gate.send(gate.example("hook"), "hook").json()["arrivals"][0]["answer"] == "kept"
    gate.door.office.open("north", {})
    gate.app.settle()
    found = gate.send(gate.example("hook"), "hook").json()["arrivals"][0]
    # The office's policy does not declare this channel.
    assert found["problems"][0]["code"] == "unknown_channel"
