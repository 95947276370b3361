"""The company's stream: routing and spend."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from leadflow.domain import events as e
from leadflow.domain import requests as r
from leadflow.domain.routing import RoutingTable, route
from leadflow.domain.values import COMPANY_STREAM, Touch
from tests.domain_asks import Ask, arrives, ask, claim
from tests.domain_harness import Scene, did, refused


def spend(amount: int | str, first: int, last: int, by: str = "ma", **more: Any) -> Ask:
    body = {
        "channel": "baidu_ads",
        "campaign": "autumn",
        "first_day": date(2026, 10, first),
        "last_day": date(2026, 10, last),
        "spend": {"amount": str(amount), "currency": more.pop("currency", "CNY")},
        **more,
    }
    return ask(r.RecordSpend.model_validate(body), by)


def company() -> Scene:
    return Scene(COMPANY_STREAM)


def test_the_same_key_again_replaces_the_figure() -> None:
    scene = company().when(spend(100, 1, 7), spend("120.50", 1, 7), spend(130, 1, 7))
    scene.then(
        did(e.SpendRecorded, "baidu_ads", replaces=None),
        did(e.SpendRecorded, replaces=1),
        did(e.SpendRecorded, replaces=2),
    )
    assert [str(fact.spend.amount) for fact in scene.only(e.SpendRecorded)] == ["100", "120.50", "130"]


@pytest.mark.parametrize(("first", "last"), [(7, 9), (3, 4), (1, 8), (1, 1), (1, 6)])
def test_an_overlap_is_refused(first: int, last: int) -> None:
    scene = company().given(spend(100, 1, 7))
    scene.when(spend(5, first, last)).then(
        refused("spend_overlaps", position=1, detail="2026-10-01..2026-10-07")
    )


def test_what_does_not_overlap() -> None:
    company().when(
        spend(100, 1, 7),
        spend(5, 8, 8),
        spend(5, 2, 3, campaign="winter"),
        spend(5, 2, 3, campaign=None),
        spend(5, 2, 3, channel="seo"),
        spend(5, 2, 3, currency="USD"),
    ).then(*[did(e.SpendRecorded, replaces=None)] * 6)


def test_a_refused_figure_stands_in_nobodys_way() -> None:
    scene = company().given(spend(100, 1, 7), spend(5, 7, 9))
    scene.when(spend(5, 8, 9)).then(did(e.SpendRecorded, replaces=None))


@pytest.mark.parametrize("wrong", [{"last": 0}, {"amount": -1}])
def test_a_period_has_an_end_and_spend_is_not_negative(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"last day|negative"):
        spend(wrong.get("amount", 1), 2, 2 if "last" not in wrong else 1)


def test_routing_is_an_ordered_table_with_a_default() -> None:
    table = RoutingTable.model_validate(
        {
            "routes": [
                {"pool": "ads", "channel": ["baidu_ads"], "campaign": ["autumn"]},
                {"pool": "south", "region": ["广东", "福建"]},
                {"pool": "medical", "industry": ["医疗"]},
            ],
            "default": "east",
        }
    )

    def found(region: str | None = None, industry: str | None = None, **touch: Any) -> str:
        return route(
            table,
            Touch.model_validate({"channel": "seo", "ref": "1", "door": "file", **touch}),
            region,
            industry,
        )

    assert found("广东", "医疗", channel="baidu_ads", campaign="autumn") == "ads"
    assert found("广东", "医疗", channel="baidu_ads") == "south"
    assert found("上海", "医疗") == "medical"
    assert found() == "east"


def test_a_routing_table_is_published_whole_with_its_version() -> None:
    first = r.PublishRouting.model_validate({"table": {"default": "east"}})
    second = r.PublishRouting.model_validate({"table": {"default": "west"}})
    scene = company().when(ask(first), ask(second))
    scene.then(did(e.RoutingPublished, "routing", version=1), did(e.RoutingPublished, version=2, policy=0))
    assert scene.company.routing == second.table


def test_who_may_tell_the_company_what() -> None:
    table = r.PublishRouting.model_validate({"table": {"default": "east"}})
    company().when(
        ask(table, "mo"), ask(table, "wang"), spend(1, 1, 1, by="mo"), spend(1, 2, 2, by="analyst/a")
    ).then(
        refused("not_permitted", detail="marketing"),
        refused("not_permitted", detail="rep"),
        did(e.SpendRecorded, actor="marketing/mo"),
        refused("not_permitted", detail="analyst"),
    )


def test_a_pools_requests_are_not_decided_there() -> None:
    company().when(claim("a"), arrives("a")).then(
        refused("wrong_stream", detail="_company"), refused("wrong_stream", detail="_company")
    )


def test_the_same_figure_sent_twice_is_one() -> None:
    one = spend(100, 1, 7).named("s-1")
    company().when(one, one).then(did(e.SpendRecorded))
