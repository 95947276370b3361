"""Reports over HTTP: the figures of the command line, for whom they are, as JSON and as CSV."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from tests.doors import Client, Door, door, office_template
from tests.office import PHONE

__all__ = ["door", "office_template"]

OTHER = "+8613900139009"
CSV = {"Accept": "text/csv"}


def records(caller: Client, path: str) -> list[dict[str, str]]:
    found = caller("GET", path, headers=CSV)
    assert found.headers["content-type"] == "text/csv; charset=utf-8"
    return list(csv.DictReader(io.StringIO(found.text)))


@pytest.fixture
def month(door: Door) -> Door:
    """Two leads, one claimed by wang and sold; what the channel cost; a rotation."""
    lead = door.office.arrives("card-1", channel="seo")
    door.office.arrives("ad-1", channel="baidu_ads", phone=OTHER)
    wang, ma = door.as_("rep/wang"), door.as_("manager/ma")
    path = f"/v1/pools/east/leads/{lead}"
    wang.post(f"{path}/claim")
    wang.post(f"{path}/convert", {"customer": "C-1"})
    wang.post(f"{path}/deals", {"amount": "19999.00", "currency": "CNY", "deal": "D-1"})
    spent = {"channel": "seo", "first_day": "2020-01-01", "last_day": "2020-01-10", "amount": "100.00"}
    ma.post("/v1/spend", {**spent, "currency": "CNY"})
    return door


def test_the_figures_are_those_of_the_command_line(month: Door) -> None:
    ma = month.as_("manager/ma")
    found = ma.get("/v1/reports/channels")
    rows = {row["channel"]: row for row in found["rows"]}
    assert (rows["seo"]["claimed"], rows["seo"]["converted"]) == (1, 1)
    assert rows["seo"]["money"]["CNY"]["revenue"] == "19999.00"
    assert rows["seo"]["money"]["CNY"]["spend"] == "100.00"
    funnel = ma.get("/v1/reports/funnel", params={"pool": "east"})["rows"][0]
    assert (funnel["pool"], funnel["steps"]["leads"]) == ("east", 2)
    reps = {row["rep"]: row for row in ma.get("/v1/reports/reps")["rows"]}
    assert reps["wang"]["claimed"] == 1
    assert sum(row["assigned"].get("rotation", 0) for row in reps.values()) == 1
    (group,) = ma.get("/v1/reports/fairness")["rows"]
    assert (group["group"], sum(share["got"] for share in group["shares"])) == ("sales", 1)


def test_spend_of_some_days(month: Door) -> None:
    ma = month.as_("manager/ma")
    found = ma.get("/v1/reports/spend", params={"from": "2020-01-01", "to": "2020-01-03"})
    assert (found["figures"][0]["in_period"], found["total"]) == ("30.00", {"CNY": "30.00"})
    assert ma.get("/v1/reports/spend", params={"from": "2021-01-01"})["figures"] == []
    before = {"as_of": "2020-02-01T00:00:00Z"}
    assert ma.get("/v1/reports/spend", params=before)["figures"] == []
    assert ma.get("/v1/reports/channels", params=before)["rows"] == []
    problem = ma.get("/v1/reports/channels", params={"from": "2021-01-02", "to": "2021-01-01"}, status=422)
    assert problem["errors"][0]["field"] == "to"
    ma.get("/v1/reports/channels", params={"as_of": "2020-02-01"}, status=422)
    ma.get("/v1/reports/channels", params={"form": "2020-02-01"}, status=422)


@pytest.mark.parametrize("name", ["channels", "funnel", "origins", "reps", "fairness", "spend"])
def test_each_is_given_as_csv(month: Door, name: str) -> None:
    assert records(month.as_("manager/ma"), f"/v1/reports/{name}")


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("*/*", "application/json"),
        ("text/*", "text/csv; charset=utf-8"),
        ("text/csv;q=0.5, application/json;q=0.9", "application/json"),
        ("application/json;q=0.1, text/csv", "text/csv; charset=utf-8"),
        ("application/json;q=0, */*", "text/csv; charset=utf-8"),
    ],
)
def test_accept_says_which(door: Door, accept: str, kind: str) -> None:
    found = door.as_("manager/ma")("GET", "/v1/reports/funnel", headers={"Accept": accept})
    assert found.headers["content-type"] == kind


def test_another_form_is_not_given(door: Door) -> None:
    door.as_("manager/ma").get("/v1/reports/funnel", headers={"Accept": "image/png"}, status=406)


def test_no_cell_is_a_formula(month: Door) -> None:
    body: Any = {
        "channel": "seo",
        "ref": "x-1",
        "campaign": "=HYPERLINK(1)",
        "fields": {"phone": "13600136006"},
    }
    month.as_("adapter/website", "intake").post("/v1/pools/east/intake", body)
    campaigns = {row["campaign"] for row in records(month.as_("manager/ma"), "/v1/reports/channels")}
    assert "'=HYPERLINK(1)" in campaigns


def test_who_may_have_them(month: Door) -> None:
    names = ("channels", "funnel", "reps", "fairness", "spend")
    for actor in ("manager/ma", "marketing/mei", "analyst/ann", "auditor/an"):
        for name in names:
            found = month.as_(actor)("GET", f"/v1/reports/{name}")
            assert PHONE[3:] not in found.text
    wang = month.as_("rep/wang")
    assert {row["rep"] for row in wang.get("/v1/reports/reps")["rows"]} == {"wang"}
    assert wang.get("/v1/reports/fairness")["rows"] == []
    for name in ("channels", "funnel", "spend"):
        wang.get(f"/v1/reports/{name}", status=403)
    for actor in ("support/su", "adapter/website"):
        for name in names:
            month.as_(actor).get(f"/v1/reports/{name}", status=403)
    month.as_("manager/mo").get("/v1/reports/reps", params={"pool": "east"}, status=403)
    month.as_("manager/ma").get("/v1/reports/reps", params={"pool": "nowhere"}, status=404)
    month.as_("manager/ma", "read").get("/v1/reports/reps", status=403)
