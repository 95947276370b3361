"""Pools, members, policies and routing over HTTP."""

from __future__ import annotations

from leadflow.domain import requests as r
from tests.doors import Door, door, office_template
from tests.office import POLICY

__all__ = ["door", "office_template"]


def test_a_pool_is_opened_and_its_team_looked_after(door: Door) -> None:
    ma = door.as_("manager/new")
    opened = ma.post("/v1/pools", {"pool": "north", "policy": {"toml": POLICY}}, status=201)
    assert opened["state"]["policy_name"] == "office"
    ma.post("/v1/pools", {"pool": "north"}, status=409)
    ma.post("/v1/pools", {"pool": "_company"}, status=422)
    door.as_("rep/wang").post("/v1/pools", {"pool": "south"}, status=404)
    members = "/v1/pools/north/members"
    added = ma.post(
        members, {"member": "fang", "traits": {"regions": ["上海"], "hours": "09:00-18:00"}}, status=201
    )
    assert added["state"]["traits"]["regions"] == ["上海"]
    ma.post(members, {"member": "fang"}, status=409)
    ma.post(members, {"member": "x", "traits": {"hours": "18:00-09:00"}}, status=422)
    changed = ma("PATCH", f"{members}/fang", json={"traits": {"hours": None, "holding_cap": 3}}).json()
    assert (changed["state"]["traits"]["hours"], changed["state"]["cap"]) == (None, 3)
    assert changed["state"]["traits"]["regions"] == ["上海"]
    paused = ma.post(f"{members}/fang/pause", {"until": "2030-01-01T00:00:00Z"})
    assert (paused["state"]["status"], paused["state"]["paused_until"][:4]) == ("paused", "2030")
    assert ma.post(f"{members}/fang/resume")["state"]["status"] == "active"
    ma.post(members, {"member": "gao"}, status=201)
    first = ma.get(f"{members}?limit=1")
    assert [one["member"] for one in first["items"]] == ["fang"]
    assert [one["member"] for one in ma.get(f"{members}?cursor={first['next']}")["items"]] == ["gao"]
    assert ma.post(f"{members}/gao/leave", {"leads_to": "fang"})["state"]["status"] == "left"
    assert ma.get(members)["next"] is None
    assert ma.get(f"{members}?all=true")["items"][1]["status"] == "left"
    ma.get(f"{members}/nobody", status=404)
    door.as_("support/su").get(members, status=403)
    door.as_("manager/mo").post(members, {"member": "spy"}, status=403)
    assert [one["pool"] for one in ma.get("/v1/pools")["items"]] == ["east", "north", "west"]
    assert ma.get("/v1/pools/east")["leads"] is None


def test_members_have_names_as_people_have_them(door: Door) -> None:
    """A header holds no Chinese: where a member is, is written as an address."""
    ma = door.as_("manager/ma")
    made = ma("POST", "/v1/pools/east/members", json={"member": "王五", "role": "rep"}, status=201)
    assert made.headers["Location"] == "/v1/pools/east/members/%E7%8E%8B%E4%BA%94"
    assert ma.get(made.headers["Location"])["member"] == "王五"
    for name in ("a\x00b", "a\x7fb", "a\x1b[31m", "a b", "a/b", ""):
        ma.post("/v1/pools/east/members", {"member": name}, status=422)


def test_policies_are_checked_published_and_explained(door: Door) -> None:
    ma = door.as_("manager/ma")
    before = ma.get("/v1/pools/east/policy")
    assert before["document"]["claiming"]["held_at_once"] == 4
    changed = before["toml"].replace("held_at_once = 4", "held_at_once = 9")
    assert ma.post("/v1/pools/east/policy/diff", {"toml": changed})["changes"][0]["after"] == 9
    assert ma.post("/v1/policies/check", {"toml": changed}) == {"valid": True, "problems": []}
    empty = changed.replace('reps = ["wang", "li"]', 'reps = ["nobody"]')
    assert ma.post("/v1/policies/check", {"toml": empty})["valid"] is True
    assert ma.post("/v1/pools/east/policy/check", {"toml": empty})["valid"] is False
    refused = ma("PUT", "/v1/pools/east/policy", json={"toml": empty}, status=422).json()
    assert refused["errors"][0]["field"].startswith("groups.sales")
    key = {"Idempotency-Key": "p-1"}
    done = ma("PUT", "/v1/pools/east/policy", json={"toml": changed}, headers=key).json()
    assert (done["version"], [one["path"] for one in done["changes"]]) == (2, ["claiming.held_at_once"])
    versions = [ma.get(f"/v1/pools/east/policy?version={one}") for one in (1, 2)]
    assert [one["document"]["claiming"]["held_at_once"] for one in versions] == [4, 9]
    for query in ("from=1", "from=1&to=2"):
        found = ma.get(f"/v1/pools/east/policy/diff?{query}")
        assert (found["version"], found["changes"][0]["before"], found["changes"][0]["after"]) == (1, 4, 9)
    against = ma.post("/v1/pools/east/policy/diff?from=1", {"toml": changed})
    assert (against["version"], len(against["changes"])) == (1, 1)
    ma.get("/v1/pools/east/policy?version=9", status=404)
    ma.get("/v1/pools/east/policy/diff", status=422)
    document = ma.get("/v1/pools/east/policy")["document"]
    document["claiming"]["held_at_once"] = 5
    assert ma("PUT", "/v1/pools/east/policy", json={"document": document}).json()["version"] == 3
    assert ma.get("/v1/pools/east/policy/explain")["sections"]
    assert ma.post("/v1/policies/explain", {"toml": POLICY})["sections"]
    assert "channels" in ma.get("/v1/policies/default")["document"]
    for wrong in ({}, {"toml": "x", "document": {}}, {"toml": "a = "}, {"document": {"schema": 2}}):
        ma("PUT", "/v1/pools/east/policy", json=wrong, status=422)
    door.as_("rep/wang")("PUT", "/v1/pools/east/policy", json={"toml": changed}, status=403)


def test_routing_is_for_managers_of_every_pool(door: Door) -> None:
    table = {"routes": [{"pool": "west", "region": ["四川"]}], "default": "east"}
    door.as_("manager/ma").get("/v1/routing", status=404)
    door.as_("manager/ma")("PUT", "/v1/routing", json={"table": table}, status=403)
    for pool in ("east", "west"):
        door.office.ask("manager/local", r.AddMember(member="boss", role="manager"), pool)
    door.app.settle()
    boss = door.as_("manager/boss")
    wrong = boss("PUT", "/v1/routing", json={"table": table | {"default": "nowhere"}}, status=422).json()
    assert wrong["errors"][0]["field"] == "default"
    assert boss("PUT", "/v1/routing", json={"table": table}).json()["table"]["default"] == "east"
    shown = boss.get("/v1/routing")
    assert shown["table"]["routes"][0]["region"] == ["四川"]
    boss("PUT", "/v1/routing", json={"toml": shown["toml"]})
