"""Dead letters over HTTP: looked at, corrected, sent again, discarded."""

from __future__ import annotations

from typing import Any

from tests.doors import Door, door, office_template

__all__ = ["door", "office_template"]

LETTERS = "/v1/dead-letters"


def lost(door: Door, ref: str, pool: str = "east", **fields: str) -> int:
    """An arrival that cannot be read; its entry."""
    document: Any = {"channel": "web_form", "ref": ref, "fields": {"name": "赵敏", "phone": "12", **fields}}
    adapter = door.as_("adapter/website", "intake")
    return int(adapter.post(f"/v1/pools/{pool}/intake", document, status=422)["dead_letter"])


def test_one_is_corrected_and_counts_once(door: Door) -> None:
    entry = lost(door, "form-1")
    assert lost(door, "form-1") == entry
    ma = door.as_("manager/ma")
    (listed,) = ma.get(LETTERS)["items"]
    assert (listed["id"], listed["times"], listed["status"]) == (entry, 2, "waiting")
    assert "original" not in listed
    assert ma.get(f"{LETTERS}/{entry}")["original"]["phone"] == "12"
    problem = ma.post(f"{LETTERS}/{entry}/retry", status=422)
    assert problem["errors"][0]["field"] == "changes.phone"
    ma.post(f"{LETTERS}/{entry}/retry", {"changes": {"nonsense": "1"}}, status=422)
    done = ma.post(f"{LETTERS}/{entry}/retry", {"changes": {"phone": "138 0013 8001"}})
    assert (done["answer"], done["repeated"]) == ("created", False)
    again = ma.post(f"{LETTERS}/{entry}/retry", {"changes": {"phone": "138 0013 8001"}})
    assert (again["answer"], again["subject"], again["repeated"]) == ("duplicate", done["subject"], True)
    assert ma.get(LETTERS)["items"] == []
    (resent,) = ma.get(f"{LETTERS}?status=resent")["items"]
    assert resent["resolved_by"] == f"lead {done['subject']} of pool east, by manager/ma"
    assert ma.post(f"{LETTERS}/{entry}/discard", status=409)["reason"] == "resent"


def test_another_document_or_mapping_is_taken_instead(door: Door) -> None:
    ma = door.as_("manager/ma")
    entry = lost(door, "form-1", handynummer="138 0013 8001")
    done = ma.post(f"{LETTERS}/{entry}/retry", {"columns": {"handynummer": "phone", "phone": "ignore"}})
    assert done["answer"] == "created"
    other = lost(door, "form-2")
    done = ma.post(f"{LETTERS}/{other}/retry", {"document": {"email": "li.na@example.com"}})
    assert done["answer"] == "created"
    ma.post(f"{LETTERS}/{other}/retry", {"columns": {"a": "no such field"}}, status=422)


def test_one_is_discarded(door: Door) -> None:
    entry = lost(door, "form-1")
    ma = door.as_("manager/ma")
    assert ma.post(f"{LETTERS}/{entry}/discard")["status"] == "discarded"
    assert ma.post(f"{LETTERS}/{entry}/discard")["resolved_by"] == "manager/ma"
    assert [one["id"] for one in ma.get(f"{LETTERS}?status=all")["items"]] == [entry]


def test_they_are_read_page_by_page(door: Door) -> None:
    entries = [lost(door, f"form-{n}", "west" if n % 3 == 0 else "east") for n in range(8)]
    ma, found, address = door.as_("manager/ma"), [], f"{LETTERS}?limit=2"
    while address:
        page = ma("GET", address)
        found += [one["id"] for one in page.json()["items"]]
        address = page.headers.get("Link", "").removeprefix("<").partition(">")[0]
    assert found == [entry for n, entry in enumerate(entries) if n % 3]
    assert len(door.as_("manager/mo").get(LETTERS)["items"]) == 3
    ma.get(f"{LETTERS}?cursor=W10", status=422)


def test_they_are_for_managers(door: Door) -> None:
    entry = lost(door, "form-1")
    for actor in ("rep/wang", "marketing/mei", "auditor/an", "analyst/ann", "adapter/website"):
        caller = door.as_(actor)
        caller.get(LETTERS, status=403)
        caller.get(f"{LETTERS}/{entry}", status=404)
        caller.post(f"{LETTERS}/{entry}/retry", status=404)
        caller.post(f"{LETTERS}/{entry}/discard", status=404)
    door.as_("manager/mo").get(f"{LETTERS}/{entry}", status=404)
    door.as_("manager/ma", "read", "work").get(LETTERS, status=403)
    door.as_("manager/ma").get(f"{LETTERS}/999", status=404)
