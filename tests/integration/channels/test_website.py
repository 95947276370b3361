"""Forms of websites: anybody may post, nobody learns who is known, and what is posted stays data."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import httpx
import pytest

from leadflow.cli import leadflow
from leadflow.cli.common import run
from leadflow.views.csv_out import write_csv
from tests.gates import POOL, Gate, door, gate, office_template

__all__ = ["door", "gate", "office_template"]

FORM = {"name": "张伟", "phone": "13812345678", "lf_website": "", "lf_elapsed_ms": 8000}


def shown(answer: httpx.Response) -> tuple[int, bytes, dict[str, str]]:
    """All that a visitor sees of an answer, but the time of day."""
    headers = {name: value for name, value in answer.headers.items() if name != "date"}
    return answer.status_code, answer.content, headers


def test_the_answer_does_not_tell_who_is_known(gate: Gate) -> None:
    gate.add("website")
    new = gate.post(FORM | {"submission_id": "1"})
    answers = [
        gate.post(FORM | {"submission_id": "1"}),  # sent twice
        gate.post(FORM | {"submission_id": "2"}),  # the same person again
        gate.post(FORM | {"phone": "13900000000", "submission_id": "3"}),  # somebody else
        gate.post(FORM | {"submission_id": "4", "lf_website": "http://spam.example"}),
        gate.post(FORM | {"submission_id": "5", "lf_elapsed_ms": 120}),
        gate.post(FORM | {"submission_id": "6"}, origin="https://elsewhere.example"),
    ]
    assert {str(shown(one)) for one in answers} == {str(shown(new))}
    assert new.json() == {"ok": True}
    assert [one.touch.ref for one in gate.arrived()] == ["gate/1", "gate/2", "gate/3", "gate/6"]
    letters = gate.letters()
    assert [letter.problems[0]["code"] for letter in letters] == ["honeypot", "too_fast"]
    assert letters[0].content() == {"name": "张伟", "phone": "13812345678", "submission_id": "4"}


def test_what_cannot_be_read_is_told_by_field(gate: Gate) -> None:
    gate.add("website")
    found = gate.post({"name": "张伟", "phone": "12345", "lf_elapsed_ms": 9000}, status=422).json()
    assert found["ok"] is False
    assert [(one["field"], one["code"]) for one in found["problems"]] == [
        ("phone", "invalid"),
        ("contact", "no_contact_point"),
    ]
    assert "12345" not in str(found)
    assert len(gate.letters()) == 1


def test_json_forms_and_multipart_are_the_same_form(gate: Gate) -> None:
    gate.add("website", options={"thanks": "https://www.example.cn/thanks"})
    values = {"姓名": "张伟", "手机": "13812345678", "utm_source": "newsletter", "喜欢的颜色": "蓝"}
    page = {"referer": "https://www.example.cn/demo?bd_vid=7"}
    assert gate.post(values, referer=page["referer"]).status_code == 200
    for how in ({"data": values}, {"files": {name: (None, value) for name, value in values.items()}}):
        found = gate.http.post("/in/gate", headers=page, **how)
        assert (found.status_code, found.headers["location"]) == (303, "https://www.example.cn/thanks")
        assert found.content == b""
    # Three times the same content on one day is one arrival.
    (arrived,) = gate.arrived()
    assert arrived.person.answers == {"喜欢的颜色": "蓝"}
    assert (arrived.touch.channel, arrived.touch.landing_page) == ("email", page["referer"])
    gate.http.post("/in/gate", data=values | {"需求": "报价"})
    gate.post(values, idempotency_key="click-1")
    gate.post(values | {"需求": "另一个"}, idempotency_key="click-1")
    assert len(gate.arrived()) == 3


def test_the_page_that_thanks_may_have_a_chinese_address(gate: Gate) -> None:
    gate.add("website", options={"thanks": "https://www.example.cn/谢谢?a=%E5%BC%A0&b= 1\r\nx: y"})
    found = gate.http.post("/in/gate", data={"姓名": "张伟", "手机": "13812345678"})
    thanked = "https://www.example.cn/%E8%B0%A2%E8%B0%A2?a=%E5%BC%A0&b=%201%0D%0Ax:%20y"
    assert (found.status_code, found.headers["location"]) == (303, thanked)


def test_pages_of_the_forms_sites_may_post(gate: Gate) -> None:
    gate.add("website", origins=("https://www.example.cn", "https://example.cn:8443"))
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    for origin in ("https://www.example.cn", "https://example.cn:8443"):
        found = gate.http.options("/in/gate", headers=asked | {"Origin": origin})
        assert found.status_code == 204
        assert found.headers["access-control-allow-origin"] == origin
        assert found.headers["access-control-allow-methods"] == "POST"
        assert "content-type" in found.headers["access-control-allow-headers"]
        assert gate.post(FORM, origin=origin).headers["access-control-allow-origin"] == origin
    for origin in ("https://evil.example", "http://www.example.cn", "https://example.cn", "null"):
        assert gate.http.options("/in/gate", headers=asked | {"Origin": origin}).status_code == 403
        refused = gate.post(FORM, status=403, origin=origin)
        assert "access-control-allow-origin" not in refused.headers
    gate.post(FORM)
    gate.post(FORM, origin=gate.door.address)
    gate.add("baidu", "bd")
    assert (
        gate.http.options("/in/bd", headers=asked | {"Origin": "https://www.example.cn"}).status_code == 403
    )


EVIL = {
    "name": "<script>alert(1)</script>",
    "company": '=HYPERLINK("http://evil.example","click")',
    "note": "one\r\nlevel=critical msg=forged",
    "@SUM(1)": "+1+1",
}


def test_what_is_posted_stays_data(
    gate: Gate, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    gate.add("website")
    gate.post(FORM | EVIL)
    (arrived,) = gate.arrived()
    assert arrived.person.name == EVIL["name"]
    assert arrived.company.name == EVIL["company"]
    assert arrived.person.answers == {"@SUM(1)": "+1+1"}
    text = io.StringIO()
    write_csv(text, ["@SUM(1)", "company"], [[arrived.person.answers["@SUM(1)"], arrived.company.name]])
    rows = list(csv.reader(io.StringIO(text.getvalue())))
    assert rows == [["'@SUM(1)", "company"], ["'+1+1", "'" + EVIL["company"]]]
    assert gate.app.settings.database_url is not None
    monkeypatch.setenv("LEADFLOW_DATABASE_URL", gate.app.settings.database_url)
    monkeypatch.setenv("LEADFLOW_HOME", str(gate.app.home))
    capfd.readouterr()
    assert run(leadflow, ["leads", "--pool", POOL]) == 0
    assert "\nlevel=critical" not in capfd.readouterr().out


def test_a_form_cannot_say_what_it_cost_nor_use_up_references_of_other_channels(gate: Gate) -> None:
    gate.add("website")
    gate.add("baidu", "bd")
    push = json.loads(gate.example("bd").body)
    utm = {"utm_source": "baidu", "utm_medium": "cpc"}
    forged = FORM | utm | {"submission_id": push["clueId"], "clueId": push["clueId"]}
    gate.post(forged | {"cost": "99999", "费用": "99999", "currency": "USD"})
    (arrived,) = gate.arrived()
    assert (arrived.touch.channel, arrived.touch.cost) == ("baidu_ads", None)
    assert {"cost", "费用"} <= set(arrived.person.answers)
    call = gate.example("bd")
    gate.send(replace(call, body=json.dumps(push | {"cluePhoneNumber": "13900000000"}).encode()), "bd")
    assert len(gate.arrived()) == 2, "the real push is not taken for one that came before"


def test_garbage_is_told_and_kept(gate: Gate) -> None:
    gate.add("website")
    for body in (b"", b"{", b"[]", b'"x"', b"\xff", b"{}"):
        found = gate.http.post("/in/gate", content=body, headers={"content-type": "application/json"})
        assert found.status_code in (200, 422)
    assert len(gate.letters()) == 6
    assert gate.arrived() == []
