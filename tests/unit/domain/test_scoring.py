"""Scoring: points by rules, kept within 0 and 100, with the breakdown in the fact."""

from __future__ import annotations

from typing import Any

import pytest

from leadflow.domain import events as e
from leadflow.domain.policy import Condition
from leadflow.domain.scoring import Conditions
from leadflow.domain.values import Company, ScorePart, Touch
from tests.domain_asks import arrives, edit, own_phone
from tests.domain_harness import did, given


def scored(scoring: dict[str, Any], classes: dict[str, int] | None = None, **arrival: Any) -> e.LeadCaptured:
    scene = given(policy={"scoring": scoring, "score_classes": classes or {}}).when(arrives("a", **arrival))
    fact = scene.happened[0].data
    assert isinstance(fact, e.LeadCaptured)
    return fact


def test_the_breakdown_says_which_rule_gave_how_many_points() -> None:
    rules = [
        {"name": "industry", "points": 20, "when": {"industry": ["医疗", "金融"]}},
        {"name": "large", "points": 15, "when": {"company_size": {"min": 500}}},
        {"name": "bought", "points": -10, "when": {"channel": ["purchased_list"]}},
        {"name": "region", "points": 5, "when": {"region": ["上海"]}},
    ]
    fact = scored(
        {"base": 10, "completeness": 20, "rules": rules},
        industry="医疗",
        size=500,
        region="北京",
        asked=8,
        filled=6,
    )
    assert fact.score == 10 + 15 + 20 + 15
    assert fact.breakdown == (
        ScorePart(rule="base", points=10),
        ScorePart(rule="completeness", points=15),
        ScorePart(rule="industry", points=20),
        ScorePart(rule="large", points=15),
    )


def test_completeness_counts_the_share_of_asked_fields_that_are_filled() -> None:
    assert scored({"completeness": 20}, asked=3, filled=1).score == 6
    assert scored({"completeness": 20}, asked=3, filled=3).score == 20
    assert scored({"completeness": 20}).score == 0


@pytest.mark.parametrize(("points", "score"), [(100, 100), (-100, 0)])
def test_a_score_stays_within_0_and_100(points: int, score: int) -> None:
    rules = [{"name": str(n), "points": points, "when": {}} for n in range(3)]
    fact = scored({"base": 50, "rules": rules})
    assert fact.score == score
    assert len(fact.breakdown) == 4


def test_the_class_is_the_one_with_the_highest_floor_that_the_score_reaches() -> None:
    classes = {"A": 70, "B": 40, "C": 0}
    found = [scored({"base": n}, classes).score_class for n in (0, 39, 40, 69, 70)]
    assert found == ["C", "C", "B", "B", "A"]
    assert scored({"base": 10}, {"A": 70}).score_class is None


def test_details_that_change_the_score_are_followed_by_it() -> None:
    scoring = {"base": 10, "rules": [{"name": "core", "points": 30, "when": {"region": ["上海"]}}]}
    scene = given(arrives("a"), policy={"scoring": scoring, "score_classes": {"B": 40}})
    scene.when(edit("a", region="上海")).then(
        did(e.LeadDetailsChanged, "a"),
        did(e.LeadRescored, "a", before=10, score=40, score_class="B"),
    )
    scene.when(edit("a", city="上海")).then(did(e.LeadDetailsChanged, "a"))
    scene.when(arrives("b", phone=own_phone("a"), region="北京")).then(did(e.TouchRecorded, "a"))


@pytest.mark.parametrize(
    ("condition", "met", "unmet"),
    [
        ({"channel": ["seo", "email"]}, {"channel": "seo"}, {"channel": "social"}),
        ({"campaign": ["autumn"]}, {"campaign": "autumn"}, {"campaign": None}),
        ({"region": ["上海"]}, {"region": "上海"}, {"region": None}),
        ({"industry": ["医疗"]}, {"industry": "医疗"}, {"industry": "金融"}),
        ({"company_size": {"min": 50}}, {"size": 50}, {"size": 49}),
        ({"company_size": {"max": 50}}, {"size": 50}, {"size": 51}),
        ({"company_size": {"min": 1}}, {"size": 1}, {"size": None}),
        ({"score": {"min": 70}}, {"score": 70}, {"score": 69}),
        ({"score": {"max": 70}}, {"score": 70}, {"score": 71}),
        ({"landing_page": ["/promo"]}, {"landing_page": "/promo/a"}, {"landing_page": "/a/promo"}),
        (
            {"landing_page": ["/promo"]},
            {"landing_page": "https://www.example.com/promo?utm_source=x"},
            {"landing_page": "https://www.example.com/"},
        ),
        (
            {"landing_page": ["https://www.example.com/promo"]},
            {"landing_page": "https://www.example.com/promo/b"},
            {"landing_page": "/promo/b"},
        ),
        ({"landing_page": ["/"]}, {"landing_page": "https://www.example.com"}, {"landing_page": None}),
        ({"referrer_class": ["cpc"]}, {"referrer_class": "cpc"}, {"referrer_class": "search"}),
        ({"search_engine": ["baidu"]}, {"search_engine": "baidu"}, {"search_engine": None}),
        (
            {"utm": {"utm_medium": "cpc", "utm_source": "baidu"}},
            {"utm": {"utm_medium": "cpc", "utm_source": "baidu", "utm_term": "x"}},
            {"utm": {"utm_medium": "cpc"}},
        ),
        (
            {"channel": ["seo"], "region": ["上海"]},
            {"channel": "seo", "region": "上海"},
            {"channel": "seo", "region": "北京"},
        ),
    ],
)
def test_each_kind_of_condition(
    condition: dict[str, Any], met: dict[str, Any], unmet: dict[str, Any]
) -> None:
    def meets(values: dict[str, Any]) -> bool:
        score = values.get("score")
        company = {k: v for k, v in values.items() if k in ("region", "industry", "size")}
        touch = {k: v for k, v in values.items() if k not in (*company, "score")}
        conditions = Conditions([Condition.model_validate(condition), Condition()])
        arrival = Touch.model_validate({"channel": "other", "ref": "1", "door": "file", **touch})
        found = conditions.met(arrival, Company.model_validate(company), score)
        assert found & 0b10, "a condition without a part always holds"
        return bool(found & 0b01)

    assert meets(met)
    assert not meets(unmet)
