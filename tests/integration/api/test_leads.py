"""A lead's life over HTTP: what each call answers, and what the next one sees."""

from __future__ import annotations

from typing import Any

from tests.doors import Client, Door, door, office_template
from tests.office import PHONE

__all__ = ["door", "office_template"]


def path_of(lead: str) -> str:
    return f"/v1/pools/east/leads/{lead}"


def kinds(answer: dict[str, Any]) -> list[str]:
    return [fact["type"].removeprefix("leadflow.") for fact in answer["facts"]]


def state(caller: Client, lead: str) -> Any:
    return caller.get(path_of(lead))["lead"]


def test_from_claim_to_deal(door: Door) -> None:
    lead = door.office.arrives("card-1")
    wang = door.as_("rep/wang")
    wang.post(path_of(lead) + "/claim")
    said = {
        "outcome": "reached",
        "means": "call",
        "note": "wants a demo",
        "stated_at": "2026-11-21T10:00:00Z",
    }
    contacted = wang.post(path_of(lead) + "/contacts", said)
    assert contacted["state"]["contacts"] == 1
    edited = wang("PATCH", path_of(lead), json={"region": "北京", "phone": ["139 0013 9009"]}).json()
    assert edited["state"]["phones"] == [PHONE, "+8613900139009"]
    assert edited["state"]["region"] == "北京"
    protected = wang.post(path_of(lead) + "/protect", {"until": "2026-12-01T10:00:00+08:00"})
    assert (protected["state"]["protected"], protected["state"]["until"]) == (True, None)
    assert wang.post(path_of(lead) + "/unprotect")["state"]["protected"] is False
    wang.post(path_of(lead) + "/collaborators", {"member": "su"})
    assert state(door.as_("support/su"), lead)["phones"] == [PHONE, "+8613900139009"]
    ended = wang("DELETE", path_of(lead) + "/collaborators/su").json()
    assert ended["state"]["collaborators"] == {}
    door.as_("support/su").get(path_of(lead), status=404)
    converted = wang.post(path_of(lead) + "/convert", {"customer": "C-1"})
    assert (converted["state"]["status"], converted["state"]["customer"]) == ("converted", "C-1")
    deal = wang.post(path_of(lead) + "/deals", {"amount": "19999.00", "currency": "CNY", "deal": "D-1"})
    assert deal["facts"][0]["data"]["value"] == {"amount": "19999.00", "currency": "CNY"}
    wrong = wang.post(path_of(lead) + "/deals", {"amount": "1", "currency": "RNB"}, status=422)
    assert "did you mean CNY?" in wrong["errors"][0]["message"]
    recorded = {"recorded_sequence": int(deal["facts"][0]["id"].split("/")[1]), "reason": "cancelled"}
    undone = wang.post(path_of(lead) + "/deals/reverse", recorded)
    assert kinds(undone) == ["lead.deal_reversed.v1"]
    wang.post(path_of(lead) + "/deals/reverse", {"recorded_sequence": 2**63}, status=422)
    story = wang.get(path_of(lead))
    assert story["contacts"][0]["note"] == "wants a demo"
    assert len(story["history"]) >= 8


def test_what_a_manager_does(door: Door) -> None:
    lead, other = door.office.arrives("card-1"), door.office.arrives("card-2", phone="+8613900139009")
    ma = door.as_("manager/ma")
    assert (
        ma.post(path_of(lead) + "/assign", {"to": "wang", "reason": "knows them"})["state"]["owner"] == "wang"
    )
    assert ma.post(path_of(lead) + "/hand-over", {"to": "li"})["state"]["owner"] == "li"
    assert ma.post(path_of(lead) + "/withdraw", {"reason": "ill"})["state"]["status"] == "public"
    assert ma.post(path_of(lead) + "/claim", {"rep": "wang"})["state"]["owner"] == "wang"
    assert ma.post(path_of(lead) + "/return", {"rep": "wang"})["state"]["owner"] is None
    merged = ma.post(path_of(lead) + "/merge", {"absorbed": other})
    assert kinds(merged) == ["lead.merged.v1"]
    assert (merged["state"]["touches"], state(ma, other)["merged_into"]) == (2, lead)
    assert ma.post(path_of(lead) + "/claim", {"rep": "li"})["state"]["owner"] == "li"
    closed = ma.post(path_of(lead) + "/disqualify", {"code": "no_budget"})
    assert closed["state"]["status"] == "disqualified"
    assert ma.post(path_of(lead) + "/reopen")["state"]["status"] == "public"
    moved = ma.post(path_of(lead) + "/transfer", {"to_pool": "west"})
    assert moved["state"]["to_pool"] == "west"
    assert door.as_("manager/mo").get("/v1/pools/west/leads")["total"] == 1
    ma.post(path_of(lead) + "/transfer", {"to_pool": "nowhere"}, status=404)


def test_the_best_lead_is_shown_and_then_claimed(door: Door) -> None:
    door.office.arrives("card-1")
    best = door.office.arrives("card-2", phone="+8613900139009", size=900)
    wang = door.as_("rep/wang")
    seen = wang.get("/v1/pools/east/claims/next")
    assert (seen["lead"]["lead"], seen["lead"]["masked"]) == (best, True)
    taken = wang.post("/v1/pools/east/claims/next")
    assert (taken["lead"], taken["state"]["masked"]) == (best, False)
    door.as_("manager/ma").get("/v1/pools/east/claims/next", status=409)


def test_what_is_masked_can_be_revealed_once_and_is_a_fact(door: Door) -> None:
    lead, other = door.office.arrives("card-1"), door.office.arrives("card-2", phone="+8613900139009")
    wang = door.as_("rep/wang")
    assert state(wang, lead)["phones"] == ["138****8001"]
    assert wang.post(path_of(lead) + "/reveal")["state"]["phones"] == [PHONE]
    assert state(wang, lead)["phones"] == ["138****8001"]
    refused = wang.post(path_of(other) + "/reveal", status=409)
    assert (refused["reason"], refused["limit"], refused["used"]) == ("reveal_limit", 1, 1)
    auditor = door.as_("auditor/an")
    assert auditor.post(path_of(other) + "/reveal", status=409)["reason"] == "reason_needed"
    assert auditor.post(path_of(other) + "/reveal", {"reason": "118"})["state"]["phones"] == [
        "+8613900139009"
    ]


def test_a_list_is_read_page_by_page_while_it_changes(door: Door) -> None:
    leads = {door.office.arrives(f"card-{n}", phone=f"+861380013{n:04}", size=n * 100) for n in range(12)}
    ma = door.as_("manager/ma")
    for order in ("score", "age", "newest", "deadline", "touches"):
        found: list[str] = []
        path = f"/v1/pools/east/leads?limit=5&sort={order}"
        while path:
            page = ma("GET", path)
            found += [one["lead"] for one in page.json()["items"]]
            path = page.headers.get("Link", "").removeprefix("<").partition(">")[0]
            assert (page.json()["next"] is None) == (path == "")
            if order == "age" and len(found) == 5:
                # One that was shown is closed, one comes after: none is shown twice, none is left out.
                ma.post(path_of(found[0]) + "/disqualify", {"code": "x"})
                later = door.office.arrives("card-99", phone="+8613900139009")
                wanted = leads | {later}
                leads = wanted - {found[0]}
        assert sorted(found) == sorted(wanted if order == "age" else leads), order
    wang = door.as_("rep/wang")
    cursor = wang.get("/v1/pools/east/leads?limit=5")["next"]
    for wrong in (f"sort=age&cursor={cursor}", f"mine=true&cursor={cursor}", "cursor=x", "cursor=W10"):
        problem = wang.get(f"/v1/pools/east/leads?limit=5&{wrong}", status=422)
        assert problem["errors"][0]["field"] == "cursor"


def test_filters_do_not_tell_what_is_masked(door: Door) -> None:
    lead = door.office.arrives("card-1")
    wang, ma = door.as_("rep/wang"), door.as_("manager/ma")
    assert ma.get("/v1/pools/east/leads?search=13800138001")["total"] == 1
    assert wang.get("/v1/pools/east/leads?search=13800138001")["total"] == 0
    assert wang.get("/v1/pools/east/leads?search=蓝海")["items"][0]["lead"] == lead
    door.as_("rep/zhao").get("/v1/pools/east/leads", status=403)
    door.as_("rep/zhao").get(path_of(lead), status=404)
    wang.get("/v1/pools/east/leads?phone=1", status=422)
