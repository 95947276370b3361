"""What LeadFlow asks vendors for: fields of leads, leads that were not pushed, solved captchas."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from leadflow.bootstrap.inlets import EXAMPLE_FIELDS
from leadflow.bootstrap.reception import Reception
from leadflow.cli import leadflow
from leadflow.cli.common import run
from leadflow.errors import UsageError
from leadflow.intake.channels import baidu
from leadflow.intake.channels.base import Call
from leadflow.intake.channels.meta import HEADER
from leadflow.intake.channels.proofs import signature
from tests.gates import Gate, door, gate, office_template, vendor
from tests.vendors import CAPTCHA_SECRET, SOLVED, TOKEN, Vendor

__all__ = ["door", "gate", "office_template", "vendor"]


@pytest.fixture
def command(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line works on the same database."""
    assert gate.app.settings.database_url is not None
    monkeypatch.setenv("LEADFLOW_DATABASE_URL", gate.app.settings.database_url)
    monkeypatch.setenv("LEADFLOW_HOME", str(gate.app.home))
    monkeypatch.setenv("LEADFLOW_VENDOR_PRIVATE", "allow")


def fields(lead: str, phone: str) -> dict[str, Any]:
    return EXAMPLE_FIELDS | {
        "id": lead,
        "field_data": [{"name": "full_name", "values": [lead]}, {"name": "phone_number", "values": [phone]}],
    }


def push(gate: Gate, *leads: str) -> Call:
    """One push with two entries of which one has several changes, and a change of another kind."""
    changes = [{"field": "leadgen", "value": {"leadgen_id": one, "form_id": "7"}} for one in leads]
    entries = [
        {"id": "1", "changes": [*changes[:-1], {"field": "feed", "value": {"item": "post"}}]},
        {"id": "2", "changes": changes[-1:]},
        {"id": "3"},
    ]
    body = json.dumps({"object": "page", "entry": entries}).encode()
    digest = signature(gate.inlet().secrets[0], body).hex()
    return replace(gate.example(), body=body, headers={HEADER: f"sha256={digest}"})


def meta(gate: Gate, vendor: Vendor) -> None:
    gate.add(
        "meta",
        options={"graph_url": f"{vendor.address}/graph/v23.0"},
        credentials={"access_token": TOKEN, "verify_token": "a-token-to-verify"},
    )


def test_meta_verifies_the_inlet_first(gate: Gate, vendor: Vendor) -> None:
    meta(gate, vendor)
    gate.add("website", "form")
    asked = {"hub.mode": "subscribe", "hub.challenge": "1158201444", "hub.verify_token": "a-token-to-verify"}
    found = gate.http.get("/in/gate", params=asked)
    assert (found.status_code, found.text) == (200, "1158201444")
    assert found.headers["content-type"].startswith("text/plain")
    for wrong in ({"hub.verify_token": "guess"}, {"hub.mode": "unsubscribe"}, {"hub.verify_token": ""}):
        assert gate.http.get("/in/gate", params=asked | wrong).status_code == 401
    assert gate.http.get("/in/form", params=asked).status_code == 401


@pytest.mark.usefixtures("command")
def test_a_push_of_several_whose_fields_come_later_loses_none(gate: Gate, vendor: Vendor) -> None:
    meta(gate, vendor)
    vendor.leads = {"101": fields("101", "13812345678"), "102": fields("102", "13912345678")}
    call = push(gate, "101", "102", "103")
    vendor.away = True
    assert gate.send(call).json() == {"success": True}
    assert gate.arrived() == []
    letters = gate.letters()
    assert [(letter.ref, letter.problems[0]["code"]) for letter in letters] == [
        (lead, "not_fetched") for lead in ("101", "102", "103")
    ]
    assert letters[0].content() == {"leadgen_id": "101", "form_id": "7"}
    assert TOKEN not in str(letters)
    vendor.away = False
    assert run(leadflow, ["dead-letters", "retry", str(letters[0].id)]) == 0
    assert run(leadflow, ["inlet", "reconcile", "gate"]) == 0
    assert [one.touch.ref for one in gate.arrived()] == ["101", "102"]
    assert [one.person.name for one in gate.arrived()] == ["101", "102"]
    # What Meta has not (any more) goes on waiting; what came by then is the same arrival.
    assert [letter.ref for letter in gate.letters()] == ["103"]
    gate.send(call)
    assert len(gate.arrived()) == 2
    headers = [asked[1] for asked in vendor.asked]
    assert all(TOKEN not in asked[0] for asked in vendor.asked), "a secret stands in no address"
    assert {header["authorization"] for header in headers} == {f"Bearer {TOKEN}"}


def notice(number: int, day: date, kind: str = "form") -> dict[str, Any]:
    return {
        "solutionType": kind,
        "clueId": f"bd{number}",
        "commitTime": f"{day} 10:00:00",
        "cluePhoneNumber": f"138{number:08d}",
        "userName": "张伟",
        "flowChannelName": "搜索推广",
        "campaignName": "品牌词",
        "keyword": "crm",
        "connect": 1,
    }


def printed(capfd: Any) -> Any:
    """The JSON object that a command printed; lines of the server's log may stand around it."""
    lines = capfd.readouterr().out.splitlines()
    return json.loads("\n".join(lines[lines.index("{") : lines.index("}") + 1]))


@pytest.mark.usefixtures("command")
def test_what_baidu_did_not_push_is_taken_in(gate: Gate, vendor: Vendor, capfd: Any) -> None:
    gate.add(
        "baidu",
        options={"api_url": f"{vendor.address}/json/sms/service", "solution_types": "form,phone"},
        credentials={"user_name": "acme", "access_token": TOKEN},
    )
    pushed = json.loads(gate.example().body) | {"clueId": "bd1", "cluePhoneNumber": "13800000001"}
    gate.send(replace(gate.example(), body=json.dumps(pushed).encode()))
    days = [date(2026, 8, 1) + timedelta(days=number) for number in range(92)]
    vendor.notices = [notice(1, days[0]), notice(2, days[29]), notice(3, days[30], "phone")]
    vendor.notices += [notice(4, days[91]), notice(5, date(2026, 7, 31)), notice(6, days[60], "wechat")]
    vendor.notices.append(notice(7, days[5]) | {"cluePhoneNumber": ""})
    arguments = ["inlet", "reconcile", "gate", "--from", "2026-08-01", "--to", "2026-10-31", "--json"]
    capfd.readouterr()
    assert run(leadflow, arguments) == 0
    found = printed(capfd)
    assert {name: found[name] for name in ("asked", "created", "duplicate", "unreadable")} == {
        "asked": 5,
        "created": 3,
        "duplicate": 1,
        "unreadable": 1,
    }
    arrived = gate.arrived()
    assert [one.touch.ref for one in arrived] == ["bd1", "bd2", "bd3", "bd4"]
    assert {(one.touch.door, one.touch.channel) for one in arrived} == {("baidu_push", "baidu_ads")}
    assert arrived[1].person.name == "张伟"
    capfd.readouterr()
    assert run(leadflow, arguments) == 0
    assert printed(capfd)["created"] == 0
    gate.app.inlets.credentials("gate", {"access_token": "expired"})
    assert run(leadflow, arguments) == 2
    assert "expired" not in "".join(capfd.readouterr())


def test_many_notices_come_page_by_page(gate: Gate, vendor: Vendor) -> None:
    gate.add(
        "baidu",
        options={"api_url": vendor.address, "solution_types": "form"},
        credentials={"user_name": "acme", "access_token": TOKEN},
    )
    vendor.notices = [notice(number, date(2026, 10, 1)) for number in range(2300)]
    with Reception(gate.app).vendors as clients:
        found = list(clients.notices(gate.inlet(), date(2026, 10, 1), date(2026, 10, 2)))
    assert [one["clueId"] for one in found] == [f"bd{number}" for number in range(2300)]
    assert len(vendor.asked) == 3
    gate.add("website", "form")
    with pytest.raises(UsageError, match="nothing to fetch"):
        list(Reception(gate.app).reconcile(gate.app.inlets.get("form"), date(2026, 1, 1), date(2026, 1, 2)))


def test_no_window_is_longer_than_baidu_answers() -> None:
    found = list(baidu.windows(date(2026, 1, 1), date(2026, 3, 5)))
    assert found == [
        (date(2026, 1, 1), date(2026, 1, 30)),
        (date(2026, 1, 31), date(2026, 3, 1)),
        (date(2026, 3, 2), date(2026, 3, 5)),
    ]


def test_a_form_with_a_captcha(gate: Gate, vendor: Vendor) -> None:
    gate.add(
        "website",
        options={"captcha_url": f"{vendor.address}/siteverify"},
        credentials={"captcha_secret": CAPTCHA_SECRET},
    )
    form = {"phone": "13812345678", "lf_elapsed_ms": 5000}
    gate.post(form, status=403)
    gate.post(form | {"cf-turnstile-response": "guess"}, status=403)
    vendor.away = True
    gate.post(form | {"cf-turnstile-response": SOLVED}, status=503)
    assert (gate.arrived(), gate.letters()) == ([], [])
    vendor.away = False
    gate.post(form | {"cf-turnstile-response": SOLVED})
    (arrived,) = gate.arrived()
    assert SOLVED not in str(arrived)
    assert arrived.person.answers == {}
