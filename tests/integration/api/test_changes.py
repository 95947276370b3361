"""What every change has: keys, states that were seen, refusals, outcomes."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from tests.doors import Door, door, office_template
from tests.integration.api.test_leads import path_of

__all__ = ["door", "office_template"]


def test_a_key_is_one_request(door: Door) -> None:
    lead, other = door.office.arrives("card-1"), door.office.arrives("card-2", phone="+8613900139009")
    wang = door.as_("rep/wang")
    key = {"Idempotency-Key": '"k-1"'}
    first = wang("POST", path_of(lead) + "/claim", headers=key)
    again = wang("POST", path_of(lead) + "/claim", headers=key)
    assert (first.headers["Idempotency-Key"], first.json()["repeated"]) == ("k-1", False)
    assert (again.headers["Leadflow-Repeated"], again.json()["repeated"]) == ("true", True)
    assert first.json()["facts"] == again.json()["facts"]
    reused = wang("POST", path_of(other) + "/claim", headers=key, status=422).json()
    assert reused["type"] == "/problems/key-reused"
    assert door.as_("rep/li")("POST", path_of(other) + "/claim", headers=key).json()["repeated"] is False
    made = wang("POST", path_of(lead) + "/contacts", json={"outcome": "reached"}).headers["Idempotency-Key"]
    outcome = wang.get(f"/v1/requests/{made}")
    assert (outcome["status"], outcome["lead"]) == ("done", lead)


def test_a_refusal_repeats_too(door: Door) -> None:
    lead = door.office.arrives("card-1")
    door.as_("rep/li").post(path_of(lead) + "/claim")
    key = {"Idempotency-Key": "late"}
    first = door.as_("rep/wang")("POST", path_of(lead) + "/claim", headers=key, status=409).json()
    again = door.as_("rep/wang")("POST", path_of(lead) + "/claim", headers=key, status=409).json()
    assert again == first | {"repeated": True}
    outcome = door.as_("rep/wang").get("/v1/requests/late?pool=east")
    assert (outcome["status"], outcome["reason"], outcome["winner"]) == ("refused", "already_owned", "li")
    assert outcome["says"] == first["detail"]


def test_nobody_acts_on_what_they_did_not_see(door: Door) -> None:
    lead = door.office.arrives("card-1")
    ma = door.as_("manager/ma")
    seen = ma("GET", path_of(lead)).headers["ETag"]
    assert ma("GET", path_of(lead), headers={"If-None-Match": seen}, status=304).content == b""
    done = ma("POST", path_of(lead) + "/assign", headers={"If-Match": seen}, json={"to": "li", "reason": "x"})
    now = done.headers["ETag"]
    assert now != seen
    assert ma("GET", path_of(lead), headers={"If-None-Match": seen}).headers["ETag"] == now
    why = {"reason": "x"}
    stale = ma("POST", path_of(lead) + "/withdraw", headers={"If-Match": seen}, json=why, status=412)
    assert (stale.json()["reason"], f'"{stale.json()["position"]}"') == ("stale", now)
    for tag in ('"x"', f"W/{now}", '"1", "2"', '"a,b"', '""'):
        ma("POST", path_of(lead) + "/withdraw", headers={"If-Match": tag}, json=why, status=412)
    ma("POST", path_of(lead) + "/withdraw", headers={"If-Match": "*"}, json=why)


def test_of_several_states_that_were_seen_the_latest_counts(door: Door) -> None:
    lead = door.office.arrives("card-1")
    ma = door.as_("manager/ma")
    seen = ma("GET", path_of(lead)).headers["ETag"]
    done = ma("POST", path_of(lead) + "/assign", json={"to": "li", "reason": "x"})
    tags = f'{done.headers["ETag"]} ,, W/"9999","of,another", {seen}'
    ma("POST", path_of(lead) + "/withdraw", headers={"If-Match": tags}, json={"reason": "x"})


@pytest.mark.parametrize("value", ["5", "", '"5', '"5" "6"', '*, "5"', 'w/"5"', "'5'"])
@pytest.mark.parametrize("path", ["/claim", "/withdraw"])
def test_an_if_match_that_is_none_is_unreadable_and_the_form_is_said(
    door: Door, path: str, value: str
) -> None:
    lead = door.office.arrives("card-1")
    ma = door.as_("manager/ma")
    body = {"reason": "x"} if path == "/withdraw" else {"rep": "li"}
    answer = ma("POST", path_of(lead) + path, headers={"If-Match": value}, json=body, status=400).json()
    assert answer["type"] == "/problems/unreadable"
    assert '`"1042"`' in answer["detail"]


def test_what_is_not_permitted_is_a_fact_too(door: Door) -> None:
    lead = door.office.arrives("card-1")
    door.as_("rep/li").post(path_of(lead) + "/claim")
    refused = door.as_("rep/wang").post(path_of(lead) + "/contacts", {"outcome": "reached"}, status=403)
    assert refused["reason"] == "not_permitted"
    assert refused["fact"].startswith("east/")
    unknown = lead[:-4] + "0000"
    assert door.as_("rep/wang").post(path_of(unknown) + "/claim", status=404)["reason"] == "unknown_lead"
    door.as_("rep/wang").post("/v1/pools/nowhere/claims/next", status=404)
    door.as_("rep/wang", "read").post(path_of(lead) + "/claim", status=403)
    door.nobody().post(path_of(lead) + "/claim", status=401)


def test_an_outcome_is_shown_to_who_asked_and_who_may_see_histories(door: Door) -> None:
    lead = door.office.arrives("card-1")
    door.as_("rep/wang")("POST", path_of(lead) + "/claim", headers={"Idempotency-Key": "mine"})
    identity = quote("rep/wang:mine", safe="")
    for caller in ("rep/wang", "manager/ma", "auditor/an"):
        assert door.as_(caller).get(f"/v1/requests/{identity}")["request"] == "rep/wang:mine"
    for caller in ("rep/li", "manager/mo", "support/su"):
        door.as_(caller).get(f"/v1/requests/{identity}", status=404)
        door.as_(caller).get("/v1/requests/mine", status=404)
    door.as_("rep/wang").get("/v1/requests/never", status=404)


def test_wrong_input_is_named_field_by_field(door: Door) -> None:
    lead = door.office.arrives("card-1")
    wang = door.as_("rep/wang")
    path = path_of(lead) + "/contacts"
    found = wang.post(path, {"note": 3, "13800138001": "x"}, status=422)["errors"]
    assert {(one["field"], one["code"]) for one in found} == {
        ("outcome", "missing"),
        ("note", "string_type"),
        ("…", "extra_forbidden"),
    }
    headers = {"Content-Type": "application/json"}
    assert "character" in wang("POST", path, content=b'{"a" 1}', headers=headers, status=400).json()["detail"]
    wang("POST", path, content=b"[" * 100_000, headers=headers, status=400)
    wang("POST", path, content=b'{"outcome": "reached", "note": "\\ud800"}', headers=headers, status=422)
    for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
        wang("POST", path, content=b'{"outcome": "reached"}', headers={"Content-Type": kind}, status=415)
    wang("POST", path, content=b" " * 2_000_000, headers=headers, status=413)

    def streamed() -> object:
        yield from (b" " * 100_000 for _ in range(20))

    wang("POST", path, content=streamed(), headers=headers, status=413)
    wang("PUT", path, status=405)
    wang.get("/v1/nothing", status=404)
    wang.post(path_of(lead) + "/claim")
    assert wang.post(path, {"outcome": "danced"}, status=409)["reason"] == "unknown_outcome"
    key = wang.post(path, {"outcome": "reached"}, headers={"Idempotency-Key": "a b"}, status=422)["errors"][0]
    assert (key["field"], key["part"]) == ("Idempotency-Key", "header")


def test_whoever_does_not_wait_is_told_what_became_of_it_all_the_same(door: Door) -> None:
    """Where no topic holds a request, it is decided in a moment, or nobody can say that it was taken."""
    lead = door.office.arrives("card-1")
    wang = door.as_("rep/wang")
    for number, prefer in enumerate(("respond-async", "wait=0")):
        headers = {"Prefer": prefer, "Idempotency-Key": f"now-{number}"}
        wang("POST", path_of(lead) + "/claim", headers=headers, status=409 if number else 200)
