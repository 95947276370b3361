"""Arrivals and spend over HTTP."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

from leadflow.domain import requests as r
from leadflow.domain.routing import Route, RoutingTable
from tests.doors import Door, door, office_template

__all__ = ["door", "office_template"]

FIELDS = {"name": "赵敏", "phone": "138 0013 8001", "company": "蓝海物流", "region": "上海"}
INTAKE = "/v1/pools/east/intake"


def test_an_arrival_is_created_merged_or_a_duplicate(door: Door) -> None:
    site = door.as_("adapter/website", "intake")
    sent = {
        "channel": "web_form",
        "ref": "f-1",
        "fields": FIELDS | {"landing_page": "https://x.cn/?utm_medium=email"},
    }
    first = site.post(INTAKE, sent)
    assert (first["answer"], first["repeated"]) == ("created", False)
    again = site("POST", INTAKE, json=sent)
    assert (again.json()["answer"], again.json()["fact"]) == ("duplicate", first["fact"])
    assert again.headers["Leadflow-Repeated"] == "true"
    merged = site.post(INTAKE, {"channel": "seo", "fields": FIELDS}, headers={"Idempotency-Key": "s-1"})
    assert (merged["answer"], merged["lead"]) == ("merged", first["lead"])
    assert merged["request"] == "intake/seo:adapter/website:s-1"
    assert site.post(INTAKE, {"channel": "seo", "fields": FIELDS})["answer"] == "merged"
    assert site.post(INTAKE, {"channel": "seo", "fields": FIELDS})["answer"] == "duplicate"
    seen = door.as_("manager/ma").get(f"/v1/pools/east/leads/{first['lead']}")
    assert [one["channel"] for one in seen["touches"]] == ["email", "seo", "seo"]
    name = quote(merged["request"], safe="")
    outcome = door.as_("adapter/website").get(f"/v1/requests/{name}")
    assert (outcome["status"], outcome["answer"]) == ("done", "merged")
    site.get(f"/v1/pools/east/leads/{first['lead']}", status=403)
    door.as_("adapter/website").get(f"/v1/pools/east/leads/{first['lead']}", status=404)


def test_a_key_names_its_callers_arrival_with_this_content(door: Door) -> None:
    """Adapters count from 1, each for itself: neither loses a lead to the other, or to its own mistake."""
    site, shop, key = door.as_("adapter/website"), door.as_("adapter/shop"), {"Idempotency-Key": "1"}
    sent, other = ({"channel": "seo", "fields": FIELDS | {"phone": f"138 0013 800{n}"}} for n in (1, 2))
    first = site.post(INTAKE, sent, headers=key)
    again = site("POST", INTAKE, json=sent, headers=key)
    assert (again.json()["answer"], again.json()["lead"]) == ("duplicate", first["lead"])
    assert again.headers["Idempotency-Key"] == "1"
    second = shop.post(INTAKE, other, headers=key)
    assert (second["answer"], second["lead"] != first["lead"]) == ("created", True)
    problem = site.post(INTAKE, other, headers=key, status=422)
    assert problem["type"] == "/problems/key-reused"
    assert shop.post(INTAKE, sent | {"ref": "1"}, headers=key)["request"] == "intake/seo:1"
    # A cost that the pool's policy gives is no other content.
    ad = {"channel": "baidu_ads", "fields": FIELDS | {"phone": "138 0013 8003"}}
    assert [site.post(INTAKE, ad, headers=key)["answer"] for _ in (1, 2)] == ["created", "duplicate"]


def test_whoever_may_send_nothing_takes_no_arrival_from_others(door: Door) -> None:
    """References can be guessed. A refusal under one would be given to whoever has the lead."""
    sent = {"channel": "seo", "ref": "form-1", "fields": FIELDS}
    for actor in ("analyst/al", "auditor/an", "support/su", "rep/zhao", "manager/mo", "rep/nobody"):
        door.as_(actor, "intake").post(INTAKE, sent, status=403)
    assert door.as_("adapter/website", "intake").post(INTAKE, sent)["answer"] == "created"
    assert door.as_("rep/wang").post(INTAKE, sent | {"ref": "form-2"})["answer"] == "merged"


def test_what_cannot_be_read_is_kept_and_told_by_field(door: Door) -> None:
    site = door.as_("adapter/website")
    told = site.post(INTAKE, {"channel": "seo", "ref": "1", "fields": {"phone": "12"}}, status=422)
    assert {one["field"] for one in told["errors"]} == {"fields.phone", "fields.contact"}
    letter = door.app.dead_letters.get(told["dead_letter"])
    assert (letter.channel, letter.ref, letter.pool) == ("seo", "1", "east")
    assert "12" not in told["detail"]
    unknown = site.post(INTAKE, {"channel": "tv", "fields": FIELDS}, status=422)
    assert unknown["errors"][0]["code"] == "unknown_channel"
    site.post("/v1/pools/nowhere/intake", {"channel": "seo", "fields": FIELDS}, status=404)
    for wrong in ({"channel": "seo"}, {"channel": "seo", "fields": []}, {"channel": "seo", "fields": {}}):
        site.post(INTAKE, wrong, status=422)
    door.as_("support/su").post(INTAKE, {"channel": "seo", "ref": "s", "fields": FIELDS}, status=403)


def test_the_routing_table_says_where_an_arrival_goes(door: Door) -> None:
    site = door.as_("adapter/website")
    site.post("/v1/intake", {"channel": "seo", "fields": FIELDS}, status=422)
    table = RoutingTable(routes=(Route(pool="west", region=("四川",)),), default="east")
    door.office.ask("manager/local", r.PublishRouting(table=table), "_company")
    door.service.forget()
    assert site.post("/v1/intake", {"channel": "seo", "ref": "a", "fields": FIELDS})["pool"] == "east"
    far = FIELDS | {"region": "四川"}
    assert site.post("/v1/intake", {"channel": "seo", "ref": "b", "fields": far})["pool"] == "west"


def test_what_was_written_can_be_read_at_once(door: Door) -> None:
    site, ma = door.as_("adapter/website"), door.as_("manager/ma")

    def one(number: int) -> int:
        fields = FIELDS | {"phone": f"138001{number:05}"}
        told = site.post(INTAKE, {"channel": "seo", "ref": f"r-{number}", "fields": fields})
        seen = ma("GET", f"/v1/pools/east/leads/{told['lead']}")
        return int("Leadflow-Stale" not in seen.headers)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(one, range(40))) == [1] * 40


def test_spend_is_recorded_replaced_and_listed(door: Door) -> None:
    mei = door.as_("marketing/mei")
    figure = {
        "channel": "baidu_ads",
        "campaign": "autumn",
        "first_day": "2026-10-01",
        "last_day": "2026-10-31",
        "amount": "31000.50",
        "currency": "CNY",
    }
    assert mei.post("/v1/spend", figure)["pool"] == "_company"
    mei.post("/v1/spend", figure | {"amount": "32000"})
    overlap = mei.post("/v1/spend", figure | {"first_day": "2026-10-15"}, status=409)
    assert overlap["reason"] == "spend_overlaps"
    mei.post("/v1/spend", figure | {"campaign": "b"})
    first = mei.get("/v1/spend?limit=1")
    assert (first["items"][0]["amount"], first["items"][0]["campaign"]) == ("32000", "autumn")
    assert mei.get(f"/v1/spend?cursor={first['next']}")["items"][0]["campaign"] == "b"
    for wrong in ({"amount": 3.5}, {"amount": "-1"}, {"last_day": "2026-09-01"}, {"channel": "tv"}, {"x": 1}):
        mei.post("/v1/spend", figure | wrong, status=422)
    door.as_("rep/wang").post("/v1/spend", figure, status=403)
    door.as_("rep/wang").get("/v1/spend", status=403)
    assert door.as_("analyst/al").get("/v1/spend")["next"] is None


SPENT = """\
channel,campaign,from,to,amount,currency
baidu_ads,autumn,2026-10-01,2026-10-31,{},CNY
seo,,2026-10-01,2026-10-31,9,
"""


def test_a_file_of_spend_is_recorded_whole_or_not_at_all(door: Door) -> None:
    mei, path = door.as_("marketing/mei"), "/v1/spend/import"

    def sent(text: str, status: int = 200, name: str = "october.csv", **form: str) -> dict[str, Any]:
        files = {"file": (name, text.encode())}
        found: dict[str, Any] = mei("POST", path, files=files, data=form, status=status).json()
        return found

    assert sent(SPENT.format(100))["recorded"] == 2
    assert sent(SPENT.format(100))["unchanged"] == 2
    counts = {"rows": 2, "recorded": 0, "replaced": 1, "unchanged": 1, "refused": []}
    assert sent(SPENT.format(200)) == {"file": "october.csv", **counts}
    overlapping = sent(SPENT.format(200).replace("2026-10-31,2", "2026-11-02,2"))
    assert [one["reason"] for one in overlapping["refused"]] == ["spend_overlaps"]
    before = mei.get("/v1/spend")
    problem = sent(SPENT.format("much").replace("seo", "tv"), 422, "../../x.csv")
    assert {one["field"] for one in problem["errors"]} == {"rows[2].amount", "rows[3].channel"}
    assert sent(SPENT.format(1), 422, currency="yuan")["errors"][0]["field"] == "currency"
    sent("a,b\n1,2\n", 422)
    assert mei.get("/v1/spend") == before
    mei("POST", path, data={"currency": "CNY"}, files={"other": b"x"}, status=422)
    mei.post(path, {}, status=415)
    for actor in ("rep/wang", "support/su", "analyst/al", "auditor/an", "adapter/website"):
        files = {"file": ("x.csv", SPENT.format(1).encode())}
        door.as_(actor)("POST", path, files=files, status=403)


def test_the_table_that_tells_a_forms_channel_is_shown(door: Door) -> None:
    shown = door.as_("rep/wang").get("/v1/attribution")
    assert shown["own"] is False
    assert "bd_vid" in shown["click_ids"]
    assert shown["sites"]["search"]["baidu.com"] == "baidu"
    door.nobody().get("/v1/attribution", status=401)
