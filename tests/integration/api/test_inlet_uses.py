"""What is done with inlets over HTTP: snippets, codes and links of booths, and asking a vendor."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.doors import Client, Door, door, office_template
from tests.integration.api.test_inlet_setup import BAIDU, MEMBERS, OUTSIDE, PUSH
from tests.vendors import TOKEN, Vendor, vendors

__all__ = ["door", "office_template"]

INLETS = "/v1/inlets"
FAIR: dict[str, Any] = {"id": "ciie", "kind": "trade_show", "pool": "east", "campaign": "进博会"}
CARD = "MECARD:N:张,伟;TEL:13812345678;;"


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    with vendors() as found:
        yield found


def test_a_form_is_pasted_printed_and_filled_in(door: Door) -> None:
    ma = door.as_("manager/ma")
    ma.post(INLETS, FAIR, status=201)
    made = ma.get(f"{INLETS}/ciie/snippet")
    assert f'action="{door.address}/in/ciie"' in made["html"]
    assert f'integrity="{made["integrity"]}"' in made["html"]
    assert "integrity=" not in ma.get(f"{INLETS}/ciie/snippet?integrity=false")["html"]
    for form, media, beginning in (
        ("svg", "image/svg+xml", b"<?xml"),
        ("png", "image/png", b"\x89PNG"),
        ("pdf", "application/pdf", b"%PDF"),
    ):
        answer = ma("GET", f"{INLETS}/ciie/qr?as={form}&rep=wang&booth=A12")
        assert (answer.headers["content-type"], answer.content[: len(beginning)]) == (media, beginning)
    ma.get(f"{INLETS}/ciie/qr?as=gif", status=422)


def test_a_booths_link_takes_cards_in_its_reps_name(door: Door) -> None:
    ma = door.as_("manager/ma")
    secret = ma.post(INLETS, FAIR, status=201)["shown_once"]["secret"]
    made = ma.post(f"{INLETS}/ciie/booth", {"rep": "wang", "booth": "A12", "days": 2})
    parts = urlsplit(made["url"])
    assert (parts.path, "wang" in parts.path + parts.query, secret in str(made)) == (
        "/fair/ciie",
        False,
        False,
    )
    assert made["code"].startswith("<?xml")
    leave = {"Authorization": f"Bearer {parts.fragment}"}
    card = {"card": CARD, "submission_id": "c-1", "rep": "li"}
    assert door.nobody().post("/in/ciie", card, headers=leave)
    (lead,) = ma.get("/v1/pools/east/leads")["items"]
    story = ma.get(f"/v1/pools/east/leads/{lead['lead']}")
    assert (lead["campaign"], story["answers"]["rep"], story["answers"]["booth"]) == ("进博会", "wang", "A12")
    for wrong in ({"days": 32}, {"days": 0}, {"rep": ""}, {"more": 1}):
        ma.post(f"{INLETS}/ciie/booth", wrong, status=422)
    ma.post(f"{INLETS}/ciie/rotate", {"keep_hours": 0})
    door.nobody().post("/in/ciie", card | {"submission_id": "c-2"}, headers=leave, status=401)


def test_what_an_inlet_has_not_is_told(door: Door) -> None:
    ma = door.as_("manager/ma")
    ma.post(INLETS, BAIDU, status=201)
    ma.post(INLETS, {"id": "site", "kind": "website", "pool": "east"}, status=201)
    for path in ("snippet", "qr"):
        assert "no forms of people" in ma.get(f"{INLETS}/bd-main/{path}", status=422)["detail"]
    assert "no scanned cards" in ma.post(f"{INLETS}/site/booth", {}, status=422)["detail"]
    assert "nothing to fetch" in ma.post(f"{INLETS}/site/reconcile", status=422)["detail"]
    assert "lacks" in ma.post(f"{INLETS}/bd-main/reconcile", status=422)["detail"]


def baidu(ma: Client, vendor: Vendor) -> str:
    """An inlet of Baidu that can be asked; its path."""
    known = {"credentials": {"user_name": "acme", "access_token": TOKEN}}
    options = {"options": {"api_url": f"{vendor.address}/json/sms/service"}}
    return str(ma.post(INLETS, {**BAIDU, **known, **options}, status=201)["path"])


def test_what_a_vendor_did_not_push_is_fetched(door: Door, vendor: Vendor) -> None:
    ma = door.as_("manager/ma")
    path = baidu(ma, vendor)
    door.nobody().post(path, PUSH)
    others = [{**PUSH, "clueId": f"clue-{n}", "cluePhoneNumber": f"1390013900{n}"} for n in (2, 3)]
    vendor.notices = [{**one, "solutionType": "form"} for one in (PUSH, *others)]
    days = {"from": "2026-11-01", "to": "2026-11-22"}
    found = ma.post(f"{INLETS}/bd-main/reconcile", days, headers={"Idempotency-Key": "ask-1"})
    assert (found["asked"], found["created"], found["duplicate"]) == (3, 2, 1)
    assert (found["from"], found["to"]) == ("2026-11-01", "2026-11-22")
    assert ma.get("/v1/pools/east/leads")["total"] == 3
    assert ma.post(f"{INLETS}/bd-main/reconcile", days)["duplicate"] == 3
    other = {**days, "from": "2026-11-02"}
    ma.post(f"{INLETS}/bd-main/reconcile", other, headers={"Idempotency-Key": "ask-1"}, status=422)
    ma.post(f"{INLETS}/bd-main/reconcile", {"from": "2026-11-22", "to": "2026-11-01"}, status=422)
    ma.post(f"{INLETS}/bd-main/reconcile", {"from": "2020-01-01"}, status=422)
    vendor.away = True
    ma.post(f"{INLETS}/bd-main/reconcile", days, status=503)


ASKS: tuple[tuple[str, str, Any], ...] = (
    ("GET", "/ciie/snippet", None),
    ("GET", "/ciie/qr", None),
    ("POST", "/ciie/booth", {"rep": "wang"}),
    ("POST", "/ciie/reconcile", {}),
)


@pytest.mark.parametrize("actor", [*MEMBERS, *OUTSIDE, "manager/mo"])
def test_who_may(door: Door, actor: str) -> None:
    """Managers of the inlet's pool, and nobody else."""
    door.as_("manager/ma").post(INLETS, FAIR, status=201)
    # What may not be seen is answered like what is not there; nothing can be fetched from a fair.
    mine = {"/ciie/reconcile": 422}
    for method, path, document in ASKS:
        if actor == "manager/ma":
            status = mine.get(path, 200)
        else:
            status = 404 if actor.startswith("manager/") else 403
        door.as_(actor)(method, INLETS + path, json=document, status=status)
        door.as_(actor, "read", "work", "report", "intake")(method, INLETS + path, json=document, status=403)
        door.nobody()(method, INLETS + path, json=document, status=401)
