"""What is scanned and printed at a trade show, and the script for other sites, over a real server."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from html import unescape

import httpx
import pytest

from leadflow.bootstrap.forms import SCRIPT, asset, pass_for
from leadflow.errors import UsageError
from tests.doors import PROBLEM
from tests.gates import Gate, door, gate, office_template
from tests.people import PASSWORD, quick_identities

__all__ = ["door", "gate", "office_template"]

CARD = "BEGIN:VCARD\nVERSION:3.0\nFN:张伟\nTEL;TYPE=CELL:13812345678\nEND:VCARD"


def bearer(gate: Gate, rep: str | None = "wang", booth: str | None = "A12", **until: float) -> dict[str, str]:
    """The header of a pass that was made an hour ago."""
    now = datetime.now(UTC) - timedelta(hours=1)
    made = pass_for(gate.inlet("fair"), rep, booth, now + timedelta(**(until or {"days": 1})), now)
    return {"authorization": f"Bearer {made}"}


def test_a_card_is_sent_with_a_pass_and_twice_is_once(gate: Gate) -> None:
    gate.add("trade_show", "fair", campaign="进博会")
    card = {"card": CARD, "corrected": {"name": "张伟明"}, "note": "报价", "submission_id": "one"}
    for _ in range(2):
        answer = gate.http.post("/in/fair", json=card | {"rep": "li", "booth": "B1"}, headers=bearer(gate))
        assert (answer.status_code, answer.json()) == (200, {"ok": True})
    (arrived,) = gate.arrived()
    assert (arrived.person.name, arrived.person.phones) == ("张伟明", ("+8613812345678",))
    # The pass says who scans, whatever the document does.
    assert arrived.person.answers == {"rep": "wang", "booth": "A12"}
    assert arrived.touch.campaign == "进博会"


def test_a_code_of_several_cards_is_several_arrivals(gate: Gate) -> None:
    gate.add("trade_show", "fair")
    text = CARD + "\n" + CARD.replace("张伟", "李娜").replace("13812345678", "13912345678")
    answer = gate.http.post("/in/fair", json={"card": text, "submission_id": "two"}, headers=bearer(gate))
    assert answer.status_code == 200
    assert [one.person.name for one in gate.arrived()] == ["张伟", "李娜"]


def test_what_is_no_card_is_kept_as_text_or_as_a_dead_letter(gate: Gate) -> None:
    gate.add("trade_show", "fair")
    link = {"card": "https://u.example/zhang", "corrected": {"name": "张", "phone": "13812345678"}}
    assert gate.http.post("/in/fair", json=link, headers=bearer(gate)).status_code == 200
    (arrived,) = gate.arrived()
    assert arrived.person.answers["code"] == "https://u.example/zhang"
    answer = gate.http.post("/in/fair", json={"card": "nothing"}, headers=bearer(gate))
    assert answer.status_code == 422
    (letter,) = gate.letters()
    assert letter.inlet == "fair"


@pytest.mark.parametrize("which", ["none", "made up", "ended", "of another inlet", "rotated"])
def test_a_card_without_a_pass_that_holds_is_refused(gate: Gate, which: str) -> None:
    gate.add("trade_show", "fair")
    headers = {
        "none": {},
        "made up": {"authorization": "Bearer made.up"},
        "ended": bearer(gate, minutes=30),
        "rotated": bearer(gate),
    }.get(which, {})
    if which == "rotated":
        gate.app.inlets.rotate("fair", keep=timedelta(0), now=datetime.now(UTC))
    if which == "of another inlet":
        gate.add("trade_show", "other")
        now = datetime.now(UTC)
        made = pass_for(gate.inlet("other"), None, None, now + timedelta(days=1), now)
        headers = {"authorization": f"Bearer {made}"}
    answer = gate.http.post("/in/fair", json={"card": CARD}, headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (401, PROBLEM)
    read = gate.http.post("/fair/fair/read", json={"code": CARD}, headers=headers)
    assert (read.status_code, read.headers["content-type"]) == (401, PROBLEM)
    assert read.json()["type"] == answer.json()["type"] == "/problems/not-authentic"
    assert gate.arrived() == gate.letters() == []


def test_no_pass_lasts_longer_than_a_fair_and_none_is_for_a_website(gate: Gate) -> None:
    gate.add("trade_show", "fair")
    gate.add("website", "site")
    now = datetime.now(UTC)
    with pytest.raises(UsageError, match="31 days"):
        pass_for(gate.inlet("fair"), None, None, now + timedelta(days=32), now)
    with pytest.raises(UsageError, match="takes no scanned cards"):
        pass_for(gate.inlet("site"), None, None, now + timedelta(days=1), now)
    assert gate.http.get("/fair/site?lang=en").status_code == 404


def test_a_code_is_read_by_the_server(gate: Gate) -> None:
    gate.add("trade_show", "fair")

    def read(code: str) -> object:
        return gate.http.post("/fair/fair/read", json={"code": code}, headers=bearer(gate)).json()

    assert read(CARD) == {"kind": "card", "cards": [{"name": "张伟", "phone (cell)": "13812345678"}]}
    assert read(" HTTPS://example.cn ") == {"kind": "link", "cards": [], "text": "HTTPS://example.cn"}
    assert read("WIFI:S:x;;") == {"kind": "text", "cards": [], "text": "WIFI:S:x;;"}
    for body in (b"{", b"[]", b'{"code": 1}'):
        answer = gate.http.post("/fair/fair/read", content=body, headers=bearer(gate))
        assert answer.headers["content-type"] == PROBLEM


def test_who_is_signed_in_scans_in_their_own_name(gate: Gate) -> None:
    gate.app.identities = quick_identities(gate.app)
    for name, role in (("wang", "rep"), ("ana", "analyst")):
        gate.app.identities.accounts.add(name, [role], password=PASSWORD, by="manager/local")
    gate.add("trade_show", "fair", pool="east")
    gate.add("trade_show", "elsewhere")
    with httpx.Client(base_url=gate.door.address) as browser:
        assert "data-csrf" not in browser.get("/fair/fair").text
        assert browser.post("/fair/fair/pass").status_code == 401
        browser.post("/v1/session", json={"name": "wang", "password": PASSWORD})
        page = browser.get("/fair/fair").text
        found = re.search(r'data-csrf="([^"]+)"', page)
        assert found is not None
        csrf = {"X-CSRF-Token": unescape(found[1])}
        assert browser.post("/fair/fair/pass").status_code == 403
        assert browser.post("/fair/elsewhere/pass", headers=csrf).status_code == 403
        made = browser.post("/fair/fair/pass", headers=csrf).json()["pass"]
    headers = {"authorization": f"Bearer {made}"}
    assert gate.http.post("/in/fair", json={"card": CARD, "rep": "li"}, headers=headers).status_code == 200
    assert gate.letters() == []
    with httpx.Client(base_url=gate.door.address) as browser:
        browser.post("/v1/session", json={"name": "ana", "password": PASSWORD})
        csrf = {"X-CSRF-Token": browser.get("/v1/session").json()["csrf_token"]}
        assert browser.post("/fair/fair/pass", headers=csrf).status_code == 403


def test_codes_to_print_open_the_form_filled_in(gate: Gate) -> None:
    gate.add("trade_show", "fair", options={"reps": "wang,li", "title": "<b>进博会</b>"})
    page = gate.http.get("/f/fair/print?booth=A12&campaign=CIIE&lang=zh")
    assert page.text.count('class="code"') == 2
    assert "<b>" not in page.text
    assert f"{gate.door.address}/f/fair?campaign=CIIE&amp;rep=wang&amp;booth=A12" in page.text
    for address in re.findall(r'<img src="([^"]+)"', page.text):
        picture = gate.http.get(unescape(address))
        assert picture.headers["content-type"] == "image/svg+xml"
        assert picture.text.startswith("<?xml")
    form = gate.http.get("/f/fair?campaign=CIIE&rep=wang&booth=A12").text
    for name, value in (("campaign", "CIIE"), ("rep", "wang"), ("booth", "A12")):
        assert f'<input type="hidden" name="{name}" value="{value}">' in form


def test_the_script_is_small_and_kept_by_caches(gate: Gate) -> None:
    script = asset(SCRIPT)
    assert script is not None
    assert len(script.content) < 6_000
    found = gate.http.get("/forms/leadflow.js", headers={"origin": "https://www.example.cn"})
    assert found.content == script.content
    assert found.headers["content-type"] == "text/javascript; charset=utf-8"
    assert found.headers["cache-control"] == "public, max-age=3600"
    assert found.headers["access-control-allow-origin"] == "*"
    assert "set-cookie" not in found.headers
    etag = found.headers["etag"]
    again = gate.http.get("/forms/leadflow.js", headers={"if-none-match": f'W/{etag}, "x"'})
    assert (again.status_code, again.content) == (304, b"")
    assert gate.http.get("/forms/static/nothing.js").status_code == 404
    assert gate.http.get("/forms/static/%2e%2e%2fpages.py").status_code == 404
