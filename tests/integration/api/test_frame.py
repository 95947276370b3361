"""The frame of the API: who calls, what is wrong with a call, and what every answer has."""

from __future__ import annotations

import gzip
import html
import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from leadflow.api.problem_kinds import KINDS, type_of
from tests.doors import Door, door, office_template

__all__ = ["door", "office_template"]


def test_a_claim_from_end_to_end(door: Door) -> None:
    lead = door.office.arrives("card-1")
    wang, li = door.as_("rep/wang"), door.as_("rep/li")
    before = wang("GET", f"/v1/pools/east/leads/{lead}")
    assert before.json()["lead"]["phones"] == ["138****8001"]
    done = wang(
        "POST",
        f"/v1/pools/east/leads/{lead}/claim",
        headers={"If-Match": before.headers["ETag"], "Idempotency-Key": "claim-1"},
    )
    assert done.json()["state"]["phones"] == ["+8613800138001"]
    assert done.headers["Idempotency-Key"] == "claim-1"
    fact = done.json()["facts"][0]
    assert fact["type"] == "leadflow.lead.claimed.v1"
    refused = li.post(f"/v1/pools/east/leads/{lead}/claim", status=409)
    assert refused["type"] == "/problems/refused"
    assert (refused["reason"], refused["winner"]) == ("already_owned", "wang")
    assert f"east/{refused['position']}" == fact["id"]
    again = wang(
        "POST",
        f"/v1/pools/east/leads/{lead}/claim",
        headers={"Idempotency-Key": "claim-1", "If-Match": before.headers["ETag"]},
    )
    assert again.headers["Leadflow-Repeated"] == "true"
    assert again.json()["facts"] == done.json()["facts"]


def test_of_many_claims_one_wins(door: Door) -> None:
    lead = door.office.arrives("card-1")
    people = [door.as_("rep/wang"), door.as_("rep/li")]

    def claim(number: int) -> int:
        caller = people[number % 2]
        found = caller._http.post(f"/v1/pools/east/leads/{lead}/claim", headers=caller._headers)
        return found.status_code

    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(claim, range(32)))
    assert sorted(found) == [200] + [409] * 31


def test_the_document_is_openapi_3_1(door: Door) -> None:
    document = door.nobody().get("/openapi.json")
    assert document["openapi"] == "3.1.0"
    json.dumps(document)


@pytest.mark.parametrize("path", ["/v1/pools/east/leads/%00", "/v1/pools?limit=%00"])
def test_an_address_with_a_nul_is_unreadable(door: Door, path: str) -> None:
    door.as_("rep/wang").get(path, status=400)


def test_a_packed_body_is_refused_and_not_kept_as_rubbish(door: Door) -> None:
    """A vendor that is told 200 would not send the lead again."""
    path = door.as_("manager/ma").post(
        "/v1/inlets", {"id": "bd", "kind": "baidu", "pool": "east"}, status=201
    )["path"]
    packed = gzip.compress(b'{"clueId": "1", "cluePhoneNumber": "13800138001"}')
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    site = door.as_("adapter/website")
    for caller, address in ((door.nobody(), path), (site, "/v1/intake"), (site, "/v1/uploads")):
        answer = caller("POST", address, content=packed, headers=headers, status=415)
        assert answer.headers["Accept-Encoding"] == "identity"
    assert door.app.dead_letters.list() == []
    as_it_is = {**headers, "Content-Encoding": "identity"}
    door.nobody()("POST", path, content=gzip.decompress(packed), headers=as_it_is)


def test_times_that_utc_has_no_year_for_are_wrong_input(door: Door) -> None:
    ma = door.as_("manager/ma")
    lead = door.office.arrives("card-1")
    for at in ("9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+14:00"):
        for path, name in ((f"/v1/pools/east/leads/{lead}/trace", "at"), ("/v1/reports/channels", "as_of")):
            (error,) = ma("GET", path, params={name: at}, status=422).json()["errors"]
            assert (error["field"], error["part"]) == (name, "query")


def test_a_body_that_no_parser_takes_is_told_why(door: Door) -> None:
    ma = door.as_("manager/ma")
    json_type = {"Content-Type": "application/json"}
    for body in (b"[" * 100_000, b'{"amount":' + b"9" * 5000 + b"}", b'{"note":"\xff"}'):
        told = ma("POST", "/v1/spend", content=body, headers=json_type, status=400).json()
        assert (told["type"], "UTF-8" in told["detail"]) == ("/problems/unreadable", True)


def test_pages_answer_head_and_methods_are_named(door: Door) -> None:
    ma = door.as_("manager/ma")
    ma.post("/v1/inlets", {"id": "site", "kind": "website", "pool": "east"}, status=201)
    for path in ("/f/site", "/docs", "/healthz", "/openapi.json", "/forms/leadflow.js"):
        whole, head = (door.nobody()(method, path) for method in ("GET", "HEAD"))
        assert (head.content, head.headers["content-type"]) == (b"", whole.headers["content-type"])
    assert ma("DELETE", "/v1/pools", status=405).headers["Allow"] == "GET, POST"
    leads = "/v1/pools/east/leads/00000000-0000-0000-0000-000000000000"
    assert ma("PUT", leads, status=405).headers["Allow"] == "GET, PATCH"
    assert door.nobody()("PUT", "/in/site", status=405).headers["Allow"] == "GET, OPTIONS, POST"


def test_the_type_of_every_problem_leads_to_what_it_means(door: Door) -> None:
    nobody = door.nobody()
    met = nobody.get("/v1/pools", status=401)
    assert nobody.get(met["type"])["title"] == met["title"]
    listed = nobody.get("/problems")["problems"]
    assert [one["type"] for one in listed] == [type_of(kind) for kind in KINDS]
    browser = {"Accept": "text/html,*/*;q=0.8"}
    whole = nobody("GET", "/problems", headers=browser)
    for kind in listed:
        assert nobody.get(kind["type"]) == kind
        page = nobody("GET", kind["type"], headers=browser)
        assert page.headers["content-type"].startswith("text/html")
        assert "default-src 'none'" in page.headers["content-security-policy"]
        for text in (page.text, whole.text):
            assert kind["type"] in text
            assert html.escape(kind["title"]) in text or kind["title"].replace("'", "&#39;") in text
    assert nobody.get("/problems/nothing", status=404)["do"]
    nobody("POST", "/problems", status=405)


def test_the_bare_address_says_where_everything_is(door: Door) -> None:
    nobody = door.nobody()
    found = nobody.get("/")
    assert found["name"] == "LeadFlow"
    for name, path in found["links"].items():
        # Who is signed in is not known without a session, and nobody runs this process to its full.
        nobody("GET", path, status={"session": 401, "ready": 503}.get(name, 200))
    browser = {"Accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"}
    page = nobody("GET", "/", headers=browser)
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "<script" not in page.text
    for path in found["links"].values():
        assert f'href="{path}"' in page.text
    for answer in (page, nobody("GET", "/")):
        assert answer.headers["vary"] == "Accept"
    nobody("POST", "/", status=405)
    assert nobody("HEAD", "/").status_code == 200


@pytest.mark.parametrize(
    ("path", "body", "twice"),
    [
        (
            "/v1/pools/east/intake",
            '{"fields": {"phone": "13800138000", "phone" : "13900139009"}}',
            "fields.phone",
        ),
        ("/v1/pools/east/claims/next", '{"rep": "wang", "rep": "li"}', "rep"),
        ("/v1/pools/east/members", '{"member": "zhao", "role": "rep", "role": "manager"}', "role"),
    ],
)
def test_a_body_that_says_something_twice_is_not_guessed_at(
    door: Door, path: str, body: str, twice: str
) -> None:
    headers = {"Content-Type": "application/json"}
    answer = door.as_("manager/ma")("POST", path, content=body, headers=headers, status=400).json()
    assert answer["type"] == "/problems/unreadable"
    assert f"says {twice} twice" in answer["detail"]
