"""Traces and histories over HTTP: who owned a lead, who else asked, and what proves it."""

from __future__ import annotations

import hashlib

from tests.doors import Door, door, office_template

__all__ = ["door", "office_template"]


def test_who_claimed_it_and_who_was_refused(door: Door) -> None:
    lead = door.office.arrives("card-1")
    wang, li, ma = door.as_("rep/wang"), door.as_("rep/li"), door.as_("manager/ma")
    path = f"/v1/pools/east/leads/{lead}"
    before = ma.get(f"{path}/trace")
    won = wang.post(f"{path}/claim")["facts"][0]["id"]
    refused = li.post(f"{path}/claim", status=409)["fact"]
    ma.post(f"{path}/withdraw", {"reason": "ill since Monday"})
    found = ma.get(f"{path}/trace")
    (holding,) = found["holdings"]
    assert (holding["owner"], holding["mode"], holding["fact"]) == ("wang", "claim", won)
    assert [(one["fact"], one["winner_fact"]) for one in holding["refused"]] == [(refused, won)]
    assert (found["owner"], found["status"], holding["end"]) == (None, "public", "withdrawn")
    assert "ill since Monday" in [one["reason"] for one in found["history"]]
    known = before["history"][-1]["known_at"]
    then = ma.get(f"{path}/trace", params={"at": known})
    assert (then["facts_known"], then["facts_now"]) == (len(before["history"]), len(found["history"]))
    ma.get(f"{path}/trace", params={"at": "2026-11-21"}, status=422)
    # An auditor sees everything but what people wrote of people.
    seen = door.as_("auditor/an").get(f"{path}/trace")
    assert [one["reason"] for one in seen["history"]] == [None] * len(found["history"])


def test_facts_are_proven_by_the_hashes_of_their_documents(door: Door) -> None:
    lead = door.office.arrives("card-1")
    ma = door.as_("manager/ma")
    path = f"/v1/pools/east/leads/{lead}"
    door.as_("rep/wang").post(f"{path}/claim")
    for fact in ma.get(f"{path}/trace")["history"]:
        pool, _, sequence = fact["fact"].partition("/")
        document = door.app.log.document(pool, int(sequence))
        before = door.app.log.document(pool, int(sequence) - 1)
        assert document is not None
        assert before is not None
        assert fact["hash"] == hashlib.sha256(document).hexdigest()
        assert fact["prevhash"] == hashlib.sha256(before).hexdigest()


def test_a_history_is_read_page_by_page(door: Door) -> None:
    lead = door.office.arrives("card-1")
    ma = door.as_("manager/ma")
    path = f"/v1/pools/east/leads/{lead}"
    for _ in range(3):
        ma.post(f"{path}/claim", {"rep": "wang"})
        ma.post(f"{path}/return", {"rep": "wang"})
    whole = ma.get(f"{path}/history")
    assert whole["next"] is None
    found, address = [], f"{path}/history?limit=2"
    while address:
        page = ma("GET", address)
        found += page.json()["items"]
        address = page.headers.get("Link", "").removeprefix("<").partition(">")[0]
    assert found == whole["items"]
    assert [one["fact"] for one in found] == [one["fact"] for one in ma.get(f"{path}/trace")["history"]]
    ma.get(f"{path}/history?cursor=W10", status=422)


def test_a_history_is_for_its_owner_managers_and_auditors(door: Door) -> None:
    lead = door.office.arrives("card-1")
    wang = door.as_("rep/wang")
    path = f"/v1/pools/east/leads/{lead}"
    for what in ("trace", "history"):
        wang.get(f"{path}/{what}", status=403)
    wang.post(f"{path}/claim")
    for what in ("trace", "history"):
        wang.get(f"{path}/{what}")
        door.as_("auditor/an").get(f"{path}/{what}")
        door.as_("rep/li").get(f"{path}/{what}", status=404)
        door.as_("manager/mo").get(f"{path}/{what}", status=404)
        door.as_("marketing/mei").get(f"{path}/{what}", status=404)
        door.as_("manager/ma", "report").get(f"{path}/{what}", status=403)
        door.nobody().get(f"{path}/{what}", status=401)
