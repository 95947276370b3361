"""Inlets set up over HTTP: what the commands can do, for managers of their pools, secrets shown once."""

from __future__ import annotations

from typing import Any

import pytest

from leadflow.bootstrap.inlets import KINDS
from tests.doors import Door, door, office_template
from tests.office import TEAM

__all__ = ["door", "office_template"]

INLETS = "/v1/inlets"
BAIDU: dict[str, Any] = {"id": "bd-main", "kind": "baidu", "pool": "east", "campaign": "autumn"}
PUSH = {
    "ucid": 1,
    "clueId": "clue-1",
    "commitTime": "2026-11-21 10:00:00",
    "cluePhoneNumber": "13800138001",
    "formDetail": [{"name": "姓名", "type": "name", "value": "赵敏"}],
    "solutionTypeName": "表单",
    "flowChannelName": "搜索",
    "url": "https://example.cn/demo",
}
GIVEN = {"google": "google-key-1", "meta": "meta-secret-1"}


def test_an_inlet_is_opened_used_rotated_and_closed(door: Door) -> None:
    ma, headers = door.as_("manager/ma"), {"Idempotency-Key": "open-1"}
    first = ma("POST", INLETS, json=BAIDU, status=201, headers=headers).json()
    secret = first["shown_once"]["secret"]
    assert first["path"] == f"/in/bd-main/{secret}"
    assert first["inlet"]["path"] == "/in/bd-main/SECRET"
    again = ma("POST", INLETS, json=BAIDU, status=201, headers=headers).json()
    assert again == {**first, "path": "/in/bd-main/SECRET", "shown_once": {}}
    ma.post(INLETS, BAIDU, status=409)
    assert door.nobody().post(first["path"], PUSH) == {"code": 0, "message": "success"}
    assert ma.get("/v1/pools/east/leads")["items"][0]["channel"] == "baidu_ads"

    rotated = ma.post(f"{INLETS}/bd-main/rotate", {"keep_hours": 0})
    # The old secret ends with the answer, although it was just looked up.
    door.nobody().post(first["path"], PUSH, status=401)
    door.nobody().post(rotated["path"], PUSH)
    shown = ma.get(f"{INLETS}/bd-main")
    assert (len(shown["secrets"]), shown["dead_letters"], shown["last_tests"]) == (1, 0, [])
    everything = str([ma.get(INLETS), shown])
    assert secret not in everything
    assert rotated["shown_once"]["secret"] not in everything

    assert ma.post(f"{INLETS}/bd-main/disable")["disabled_at"] is not None
    door.nobody().post(rotated["path"], PUSH, status=404)
    assert ma.post(f"{INLETS}/bd-main/enable")["disabled_at"] is None
    door.nobody().post(rotated["path"], PUSH)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_opened_and_tried(door: Door, kind: str) -> None:
    ma = door.as_("manager/ma")
    body: dict[str, Any] = {"id": "a", "kind": kind, "pool": "east", "channel": "seo"}
    if KINDS[kind].given_secret:
        problem = ma.post(INLETS, body, status=422)
        assert "comes from the vendor" in problem["detail"]
        body["secret"] = GIVEN.get(kind, "a-secret-of-the-vendor")
    made = ma.post(INLETS, body, status=201)
    assert body.get("secret", "(none)") not in str(made)
    trial = ma.post(f"{INLETS}/a/test")
    assert trial["arrivals"], trial
    assert {one["answer"] for one in trial["arrivals"]} <= {"created", "merged", "duplicate"}, trial
    assert ma.get("/v1/pools/east/leads")["items"] == []


def test_what_is_wrong_is_told_by_its_field(door: Door) -> None:
    ma = door.as_("manager/ma")

    def fields(document: dict[str, Any]) -> set[str]:
        found = ma.post(INLETS, {**BAIDU, **document}, status=422)
        return {one["field"] for one in found.get("errors") or ()}

    assert fields({"id": "No Id", "kind": "fax"}) == {"id", "kind"}
    assert fields({"options": {"nonsense": 1, "api_url": 5}}) == {"options.nonsense", "options.api_url"}
    for url in ("file:///etc/passwd", "ftp://x", "http://a b", "x"):
        assert fields({"options": {"api_url": url}}) == {"options.api_url"}
    website = {"kind": "website", "options": {"captcha_url": "file:///etc/passwd"}}
    assert fields(website) == {"options.captcha_url"}
    # No text of Postgres holds it, and no text that anybody writes.
    for nul in (
        {"campaign": "a\x00b"},
        {"kind": "website", "options": {"title": "a\x00b"}},
        {"credentials": {"user_name": "a\x00b"}},
    ):
        assert "NUL" in ma.post(INLETS, {**BAIDU, **nul}, status=422)["detail"]
    assert fields({"mapping": {"columns": {"a": "no such field"}}}) == {"mapping.columns.a"}
    for document in (
        {"allow_ips": ["999.1.1.1"]},
        {"origins": ["https://example.cn/path"]},
        {"channel": "carrier_pigeon"},
        {"credentials": {"nonsense": "1"}},
        {"secret": "short"},
        {"pool": "west"},
    ):
        status = 403 if document == {"pool": "west"} else 422
        ma.post(INLETS, {**BAIDU, **document}, status=status)
    ma.post(INLETS, {**BAIDU, "pool": "nowhere"}, status=404)
    assert ma.get(INLETS)["items"] == []


def test_credentials_are_never_answered_with(door: Door) -> None:
    ma = door.as_("manager/ma")
    made = ma.post(
        INLETS,
        {"id": "fb", "kind": "meta", "pool": "east", "channel": "seo", "secret": "app-secret-1"}
        | {"credentials": {"access_token": "EAAB-first"}},
        status=201,
    )
    assert set(made["shown_once"]) == {"verify_token"}
    assert made["inlet"]["credentials"] == ["access_token", "verify_token"]
    changed = ma("PUT", f"{INLETS}/fb/credentials", json={"credentials": {"access_token": "EAAB-second"}})
    assert "EAAB" not in changed.text + str(made)
    assert door.app.inlets.get("fb").setup.credentials["access_token"] == "EAAB-second"
    ma("PUT", f"{INLETS}/fb/credentials", json={"credentials": {"nonsense": "1"}}, status=422)


MEMBERS = [f"{role}/{member}" for member, role in TEAM.items()]
OUTSIDE = ["rep/zhao", "analyst/ann", "auditor/kim", "adapter/website", "manager/nobody"]


def test_who_sets_up_inlets(door: Door) -> None:
    """Managers do, in their own pools; those without a pool are for managers of every pool."""
    local = door.app.inlets
    door.as_("manager/ma").post(INLETS, BAIDU, status=201)
    door.as_("manager/mo").post(INLETS, {**BAIDU, "id": "bd-west", "pool": "west"}, status=201)
    before = [local.get("bd-main"), local.get("bd-west")]
    asks: list[tuple[str, str, Any]] = [
        ("GET", "/bd-main", None),
        ("POST", "/bd-main/rotate", None),
        ("PUT", "/bd-main/credentials", {"credentials": {"username": "u"}}),
        ("POST", "/bd-main/disable", None),
        ("POST", "/bd-main/enable", None),
        ("POST", "/bd-main/test", None),
    ]
    for actor in (*MEMBERS, *OUTSIDE, "manager/mo"):
        who = door.as_(actor)
        if actor == "manager/ma":
            continue
        manager = actor.startswith("manager/")
        for method, path, document in asks:
            # One that may not be seen is answered like one that is not there.
            who(method, INLETS + path, json=document, status=404 if manager else 403)
        who.post(INLETS, {**BAIDU, "id": "bd-new"}, status=403)
        who.post(INLETS, {**BAIDU, "id": "bd-new", "pool": None}, status=403)
        if manager:
            seen = [one["id"] for one in who.get(INLETS)["items"]]
            assert seen == (["bd-west"] if actor == "manager/mo" else [])
        else:
            who.get(INLETS, status=403)
    for method, path, document in (*asks, ("GET", "", None), ("POST", "", BAIDU)):
        door.nobody()(method, INLETS + path, json=document, status=401)
        door.as_("manager/ma", "read", "work", "report", "intake")(
            method, INLETS + path, json=document, status=403
        )
    assert [local.get("bd-main"), local.get("bd-west")] == before
    assert [one["id"] for one in door.as_("manager/ma").get(INLETS)["items"]] == ["bd-main"]
    assert [one.setup.id for one in local.list()] == ["bd-main", "bd-west"]


def test_they_come_in_pages(door: Door) -> None:
    ma = door.as_("manager/ma")
    for number in range(5):
        ma.post(INLETS, {**BAIDU, "id": f"bd-{number}"}, status=201)
    page = ma.get(f"{INLETS}?limit=2")
    found = [one["id"] for one in page["items"]]
    while page["next"]:
        page = ma.get(f"{INLETS}?limit=2&cursor={page['next']}")
        found += [one["id"] for one in page["items"]]
    assert found == [f"bd-{number}" for number in range(5)]
