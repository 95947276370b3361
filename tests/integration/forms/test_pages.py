"""Hosted forms over a real server, as browsers without JavaScript use them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from html import unescape

import httpx
import pytest

from leadflow.bootstrap.forms import Ticket, sealed
from tests.gates import Gate, door, gate, office_template

__all__ = ["door", "gate", "office_template"]

EVIL = '"><script>alert(1)</script>'


def hidden(page: str) -> dict[str, str]:
    """The hidden fields of a page."""
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', page)
    return {name: unescape(value) for name, value in found}


def aged(gate: Gate, fields: dict[str, str], name: str = "gate", minutes: float = 1) -> dict[str, str]:
    """The fields of a page that was opened a while ago."""
    key = gate.app.identities.key.key
    at = datetime.now(UTC) - timedelta(minutes=minutes)
    return fields | {"lf_ticket": sealed(key, name, Ticket(f"ticket-{minutes}", at))}


def send(gate: Gate, path: str, fields: dict[str, str], **how: str) -> httpx.Response:
    """A plain post, redirects not followed."""
    return gate.http.post(path, data=fields, headers={key.replace("_", "-"): v for key, v in how.items()})


def test_a_form_is_taken_once_and_thanked_for_on_a_page_of_its_own(gate: Gate) -> None:
    gate.add("website", options={"interests": "报价,演示"})
    path = "/f/gate?campaign=autumn&utm_source=baidu&utm_medium=cpc"
    page = gate.http.get(path, headers={"accept-language": "de, zh-CN;q=0.8, en;q=0.7"})
    assert page.status_code == 200
    assert '<html lang="zh-CN">' in page.text
    form = hidden(page.text) | {
        "name": "张伟",
        "phone": "138 1234 5678",
        "consent": "yes",
        "interest": "报价",
    }
    form = aged(gate, form)
    first = send(gate, path, form)
    again = send(gate, path, form)
    assert (first.status_code, first.headers["location"]) == (303, "/f/gate/thanks?campaign=autumn")
    assert again.headers["location"] == first.headers["location"]
    assert "谢谢" in gate.http.get(first.headers["location"], headers={"accept-language": "zh"}).text
    (arrived,) = gate.arrived()
    assert arrived.person.phones == ("+8613812345678",)
    assert arrived.person.answers["interest"] == "报价"
    assert arrived.person.answers["consent"].startswith("我同意")
    assert (arrived.touch.door, arrived.touch.channel, arrived.touch.campaign) == (
        "web_form",
        "baidu_ads",
        "autumn",
    )
    assert arrived.touch.landing_page == f"{gate.door.address}{path}"
    assert not {"lf_ticket", "lf_website", "lf_elapsed_ms"} & set(arrived.person.answers)


def test_new_and_known_people_are_answered_alike(gate: Gate) -> None:
    gate.add("website", options={"consent": "off"})
    answers = []
    for minutes in (1, 2):
        form = aged(gate, {"name": "张伟", "phone": "13812345678"}, minutes=minutes)
        found = send(gate, "/f/gate", form)
        answers.append((found.status_code, found.headers["location"], found.content))
    assert answers[0] == answers[1]
    assert len(gate.arrived()) == 2


def test_what_is_wrong_is_shown_beside_its_field_and_what_was_typed_is_kept(gate: Gate) -> None:
    gate.add("website", options={"required": "name,company"})
    form = aged(gate, {"name": EVIL, "email": "not an address", "note": "</textarea><b>x"})
    page = send(gate, "/f/gate?lang=en", form)
    assert page.status_code == 422
    assert 'id="company-error">Please fill this in' in page.text
    assert 'id="consent-error">Please agree' in page.text
    assert EVIL not in page.text
    assert 'value="&#34;&gt;&lt;script&gt;' in page.text
    assert "&lt;/textarea&gt;&lt;b&gt;x</textarea>" in page.text
    assert gate.letters() == []  # Nothing is kept of who has not agreed.
    page = send(gate, "/f/gate?lang=en", form | {"company": "甲", "consent": "yes"})
    assert page.status_code == 422
    assert 'id="email-error">Please give a valid e-mail address' in page.text
    assert 'aria-invalid="true" aria-describedby="email-error"' in page.text
    fixed = form | {"company": "甲", "consent": "yes", "email": "a@example.cn"}
    assert send(gate, "/f/gate?lang=en", fixed).status_code == 303
    assert len(gate.arrived()) == 1


def test_some_contact_point_is_needed(gate: Gate) -> None:
    gate.add("website", options={"fields": "name,phone,wechat", "consent": "off"})
    page = send(gate, "/f/gate?lang=zh", aged(gate, {"name": "张伟", "wechat": " "}))
    assert page.status_code == 422
    assert 'id="phone-error">请至少填写手机' in page.text
    assert gate.letters() == []


@pytest.mark.parametrize("ticket", ["", "made.up", "old", "other"])
def test_a_page_that_is_none_of_ours_or_too_old_is_asked_for_once_more(gate: Gate, ticket: str) -> None:
    gate.add("website", options={"consent": "off"})
    form = {"name": "张伟", "phone": "13812345678", "lf_ticket": ticket}
    if ticket == "old":
        form = aged(gate, form, minutes=13 * 60)
    if ticket == "other":
        form = aged(gate, form, name="another")
    page = send(gate, "/f/gate?lang=zh", form)
    assert page.status_code == 422
    assert "请再次点击提交" in page.text
    assert 'value="13812345678"' in page.text
    assert gate.arrived() == []
    assert send(gate, "/f/gate", aged(gate, form | hidden(page.text))).status_code == 303


def test_machines_are_thanked_and_kept_apart(gate: Gate) -> None:
    gate.add("website", options={"consent": "off"})
    quick = hidden(gate.http.get("/f/gate").text) | {"name": "bot", "phone": "13812345678"}
    trapped = aged(gate, quick | {"lf_website": "https://spam.example"})
    assert send(gate, "/f/gate", quick).status_code == 303
    assert send(gate, "/f/gate", trapped).status_code == 303
    assert gate.arrived() == []
    assert len(gate.letters()) == 2


def test_a_tablet_at_the_booth_asks_who_scanned_and_starts_over(gate: Gate) -> None:
    gate.add("trade_show", campaign="进博会", options={"reps": "wang,li", "consent": "off"})
    page = gate.http.get("/f/gate?kiosk=1&rep=li&booth=A12").text
    assert "<option selected>li</option>" in page
    assert 'id="booth" name="booth" value="A12"' in page
    form = aged(gate, hidden(page) | {"name": "李娜", "wechat": "lina_88", "rep": "wang", "booth": "A12"})
    sent = send(gate, "/f/gate?kiosk=1&rep=li&booth=A12", form)
    assert sent.headers["location"] == "/f/gate/thanks?rep=wang&booth=A12&kiosk=1"
    thanks = gate.http.get(sent.headers["location"]).text
    assert '<meta http-equiv="refresh" content="6;url=/f/gate?rep=wang&amp;booth=A12&amp;kiosk=1">' in thanks
    (arrived,) = gate.arrived()
    assert (arrived.touch.channel, arrived.touch.campaign) == ("trade_show", "进博会")
    assert arrived.person.answers == {"rep": "wang", "booth": "A12"}


def test_pages_run_and_load_nothing_but_what_is_ours(gate: Gate) -> None:
    gate.add("website", origins=("https://www.example.cn",), options={"thanks": "https://www.example.cn/ok"})
    page = gate.http.get("/f/gate")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'; script-src 'self'; style-src 'self'" in policy
    assert "frame-ancestors 'self' https://www.example.cn" in policy
    assert "form-action 'self' https://www.example.cn" in policy
    assert "x-frame-options" not in page.headers
    assert "set-cookie" not in page.headers
    gate.add("website", "closed")
    closed = gate.http.get("/f/closed")
    assert closed.headers["x-frame-options"] == "DENY"
    assert not re.search(r"<script(?![^>]*src=)|\son\w+=|\sstyle=", page.text)
    for address in re.findall(r'(?:src|href)="([^"#]+)"', page.text):
        assert address.startswith("/")
        assert gate.http.get(unescape(address)).status_code == 200
    for path in set(re.findall(r'"(/forms/static/[^"]+)"', page.text)):
        found = gate.http.get(unescape(path))
        assert "immutable" in found.headers["cache-control"]


def test_a_form_that_is_not_there_says_so_to_people(gate: Gate) -> None:
    gate.add("baidu", "push")
    gate.add("website", "off")
    gate.app.inlets.disable("off", datetime.now(UTC))
    for name in ("nowhere", "push", "off"):
        page = gate.http.get(f"/f/{name}?lang=en")
        assert page.status_code == 404
        assert "There is no such form" in page.text


def test_a_form_of_another_site_without_its_script_gets_a_page(gate: Gate) -> None:
    gate.add("website")
    browser = {"accept": "text/html,*/*", "accept-language": "en"}
    form = {"name": "Wei", "phone": "13812345678"}
    taken = gate.http.post("/in/gate", data=form, headers=browser)
    assert (taken.status_code, "Thank you" in taken.text) == (200, True)
    wrong = gate.http.post("/in/gate", data={"name": "Wei", "phone": "12"}, headers=browser)
    assert (wrong.status_code, "valid phone number" in wrong.text) == (422, True)
    assert gate.http.post("/in/gate", data=form).json() == {"ok": True}
