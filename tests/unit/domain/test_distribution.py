"""Distribution: the first rule that matches decides; rotation is fair among those who are there."""

from __future__ import annotations

from typing import Any

import pytest

from leadflow.domain import events as e
from tests.domain_asks import (
    HOLD,
    ROTATE,
    Ask,
    arrives,
    assign,
    at,
    changes,
    claim,
    convert,
    disqualify,
    joins,
    leaves,
    passes,
    pause,
    resume,
    returns,
)
from tests.domain_harness import did, given, refused

ROTATING = {"rules": [ROTATE]}
NIGHT = "12h"
"""Ten o'clock in the evening of the first day."""


def rule(name: str, when: dict[str, Any] | None = None, **target: Any) -> dict[str, Any]:
    return {"name": name, "when": when or {}, "target": target}


def owners(scene: Any) -> str:
    """First letters of who was given the leads, in order."""
    return "".join(fact.to[0] for fact in scene.only(e.LeadAssigned))


def many(count: int, prefix: str = "n", **more: Any) -> list[Ask]:
    return [arrives(f"{prefix}{number}", **more) for number in range(count)]


# --- rules ----------------------------------------------------------------------------------


def test_the_first_rule_that_matches_decides() -> None:
    rules = [
        rule("ads", {"channel": ["baidu_ads"]}, directed="li"),
        rule("also-ads", {"channel": ["baidu_ads"]}, directed="wang"),
        rule("rest", hold=True),
    ]
    scene = given(policy={"rules": rules})
    scene.when(arrives("a", channel="baidu_ads")).then(
        did(e.LeadCaptured, rule="ads"), did(e.LeadAssigned, mode="directed", to="li", rule="ads", until="3d")
    )
    scene.when(arrives("b")).then(did(e.LeadCaptured, "b", rule="rest"))


def test_a_rule_sees_the_score() -> None:
    policy = {
        "scoring": {"base": 70},
        "rules": [rule("best", {"score": {"min": 70}}, queue="managers"), HOLD],
    }
    given(policy=policy).when(arrives("a")).then(
        did(e.LeadCaptured, "a", score=70), did(e.LeadAssigned, "a", queue="managers", to=None, until=None)
    )


def test_no_rule_leaves_the_lead_public_and_says_so_once() -> None:
    scene = given(policy={"rules": []}).when(arrives("a"), passes("30d"))
    scene.then(did(e.LeadCaptured, "a"), did(e.AssignmentFailed, "a", reason="no_rule"))
    assert scene.lead("a").status == "public"


# --- rotation -------------------------------------------------------------------------------


def test_a_rotation_gives_each_rep_its_turn() -> None:
    scene = given(*many(6), policy=ROTATING)
    assert owners(scene) == "wlzwlz"


def test_weights_are_kept_at_every_moment() -> None:
    groups = {"sales": {"reps": "all", "weights": {"wang": 3}}}
    scene = given(*many(10), policy={**ROTATING, "groups": groups})
    given_to = owners(scene)
    assert sorted(given_to[:5]) == sorted("wwwlz")
    assert sorted(given_to[5:]) == sorted("wwwlz")
    for turn in range(1, 11):
        assert abs(given_to[:turn].count("w") - turn * 3 / 5) < 1


def test_hours_of_a_rep_who_is_full_all_the_while_do_not_begin_the_shares_anew() -> None:
    policy = {"groups": {"sales": {"reps": "all", "weights": {"li": 3}}}, "rules": [ROTATE]}
    scene = given(changes("wang", holding_cap=0, hours="09:00-18:00"), policy=policy)
    scene.given(*[arrives(f"a{n}", at=f"{n * 12}h") for n in range(4)])
    assert sorted(fact.to for fact in scene.only(e.LeadAssigned)) == ["li", "li", "li", "zhao"]


def test_shares_count_anew_from_the_opening_hour_of_a_rep() -> None:
    scene = given(changes("wang", hours="09:00-18:00"), policy=ROTATING)
    scene.given(arrives("a"), arrives("b"), arrives("c", at="23h"), arrives("d", at="23h"))
    shares = [fact.shares for fact in scene.only(e.LeadAssigned)]
    assert [one.turn for one in shares] == [1, 2, 1, 2]
    # It is ten o'clock at the start; at nine of the next day wang is there again.
    assert shares[2].time == shares[3].time == at("23h")


def test_shares_go_on_when_a_rep_that_was_not_full_loses_a_lead() -> None:
    scene = given(arrives("a"), arrives("b"), returns("a"), arrives("c"), policy=ROTATING)
    assert [fact.shares.turn for fact in scene.only(e.LeadAssigned)] == [1, 2, 3]


def test_the_fact_names_rule_group_candidates_and_shares() -> None:
    scene = given(arrives("a"), pause("zhao"), arrives("b"), policy=ROTATING)
    fact = scene.only(e.LeadAssigned)[-1]
    assert (fact.mode, fact.rule, fact.group, fact.order) == ("rotation", "rotate", "sales", "weighted")
    assert fact.until == at("3d")
    assert fact.shares.turn == 1
    assert [(c.rep, c.weight, c.had, c.skipped) for c in fact.candidates] == [
        ("wang", 1, 0, None),
        ("li", 1, 0, None),
        ("zhao", 1, None, "paused"),
    ]


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        (pause("li"), "paused"),
        (changes("li", leave=[{"first_day": "2026-03-02", "last_day": "2026-03-02"}]), "on_leave"),
        (changes("li", hours="13:00-18:00"), "off_hours"),
        (changes("li", holding_cap=0), "at_cap"),
        (changes("li", regions=["北京"]), "region"),
        (changes("li", industries=["金融"]), "industry"),
    ],
)
def test_who_is_not_there_is_skipped_and_the_fact_says_why(step: Ask, reason: str) -> None:
    scene = given(step, arrives("a", region="上海", industry="医疗"), policy=ROTATING, reps=("li", "wang"))
    fact = scene.only(e.LeadAssigned)[0]
    assert fact.to == "wang"
    assert [(c.rep, c.skipped) for c in fact.candidates] == [("li", reason), ("wang", None)]


def test_opening_hours_are_those_of_working_days() -> None:
    scene = given(changes("li", hours="09:00-18:00"), policy=ROTATING, reps=("li",))
    # Saturday and Sunday; Monday at nine the waiting lead is assigned.
    scene.when(arrives("a", at="5d"), passes("6d22h59m")).then(
        did(e.LeadCaptured), did(e.AssignmentFailed, reason="nobody_available")
    )
    scene.when(passes("6d23h")).then(did(e.LeadAssigned, "a", to="li", time="6d23h"))


def test_a_rep_that_comes_back_is_not_flooded() -> None:
    scene = given(pause("wang"), *many(6), resume("wang"), *many(6, "m"), policy=ROTATING)
    assert owners(scene)[:6] == "lzlzlz"
    assert {rep: owners(scene)[6:].count(rep) for rep in "wlz"} == {"w": 2, "l": 2, "z": 2}


def test_a_rep_that_joins_starts_level() -> None:
    scene = given(*many(6), joins("qian"), *many(8, "m"), policy=ROTATING)
    assert {rep: owners(scene)[6:].count(rep) for rep in "wlzq"} == {"w": 2, "l": 2, "z": 2, "q": 2}


def test_credit_moves_among_the_eligible_only() -> None:
    policy = {**ROTATING}
    scene = given(changes("wang", regions=["上海"]), policy=policy)
    scene.given(*many(4, "x", region="北京"), *many(6, "y", region="上海"))
    assert owners(scene)[:4].count("w") == 0
    assert {rep: owners(scene)[4:].count(rep) for rep in "wlz"} == {"w": 2, "l": 2, "z": 2}


def test_least_loaded_gives_to_who_holds_fewest() -> None:
    policy = {"rules": [rule("r", rotation="sales", order="least_loaded")]}
    scene = given(policy=policy).given(*many(4))
    assert owners(scene) == "wlzw"
    scene.given(returns("n1", by="li"))
    scene.when(arrives("m")).then(
        did(e.LeadCaptured), did(e.LeadAssigned, to="li", order="least_loaded", shares=None)
    )


def test_who_stands_in_no_group_gets_nothing() -> None:
    policy = {**ROTATING, "groups": {"sales": {"reps": ["li"]}}}
    scene = given(*many(3), policy=policy)
    assert owners(scene) == "lll"


def test_a_manager_marketing_and_support_are_never_candidates() -> None:
    scene = given(arrives("a"), policy=ROTATING)
    assert [c.rep for c in scene.only(e.LeadAssigned)[0].candidates] == ["wang", "li", "zhao"]


# --- directed, queue, hold ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        (pause("li"), "paused"),
        (changes("li", holding_cap=0), "at_cap"),
        (changes("li", leave=[{"first_day": "2026-03-01", "last_day": "2026-03-03"}]), "on_leave"),
        (leaves("li"), "unknown_rep"),
    ],
)
def test_a_directed_lead_whose_rep_is_away_stays_public(step: Ask, reason: str) -> None:
    scene = given(step, policy={"rules": [rule("d", directed="li")]}).when(arrives("a"))
    scene.then(did(e.LeadCaptured), did(e.AssignmentFailed, mode="directed", reason=reason, rule="d"))
    assert scene.lead("a").status == "public"


def test_opening_hours_do_not_hold_for_who_is_named() -> None:
    scene = given(changes("li", hours="13:00-18:00"), policy={"rules": [rule("d", directed="li")]})
    scene.when(arrives("a")).then(did(e.LeadCaptured), did(e.LeadAssigned, to="li"))


def test_a_queued_lead_is_not_claimable_and_is_assigned_after_a_while() -> None:
    policy = {
        "rules": [rule("q", queue="ma")],
        "recycling": {"assign_after": "24h", "fallback": "sales"},
    }
    scene = given(arrives("a"), policy=policy)
    assert scene.lead("a").status == "queue"
    assert list(scene.pool.claimable) == []
    scene.when(claim("a"), passes("23h59m")).then(
        refused("in_queue", "a", detail="ma", position=scene.lead("a").last)
    )
    scene.when(passes("1d")).then(
        did(e.LeadAssigned, "a", mode="timeout", to="wang", group="sales", time="1d")
    )


def test_a_manager_takes_a_lead_out_of_the_queue_by_assigning_it() -> None:
    policy = {"rules": [rule("q", queue="ma")], "recycling": {"assign_after": "24h", "fallback": "sales"}}
    scene = given(arrives("a"), policy=policy).when(assign("a", "li"), passes("2d"))
    scene.then(did(e.LeadAssigned, "a", mode="manual", to="li", until="3d"))


def test_hold_leaves_the_lead_to_be_claimed() -> None:
    given().when(arrives("a")).then(did(e.LeadCaptured, rule="hold"))


# --- by hand --------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["ma", "mo"])
def test_a_manager_or_marketing_assigns_by_hand_with_a_reason(by: str) -> None:
    scene = given(arrives("a")).when(assign("a", "li", by=by, reason="met him"))
    scene.then(
        did(
            e.LeadAssigned,
            "a",
            mode="manual",
            to="li",
            until="3d",
            actor=f"{'manager' if by == 'ma' else 'marketing'}/{by}",
        )
    )
    assert scene.only(e.LeadAssigned)[0].person.reason == "met him"


def test_only_an_unowned_live_lead_is_assigned() -> None:
    scene = given(
        arrives("a"),
        claim("a"),
        arrives("b"),
        disqualify("b", by="ma"),
        arrives("c"),
        claim("c"),
        convert("c"),
    )
    position = scene.lead("a").owner_seq
    scene.when(assign("a", "li"), assign("b", "li"), assign("c", "li"), assign("a", "su")).then(
        refused("owned", "a", winner="wang", position=position),
        refused("disqualified", "b", position=scene.lead("b").closed_seq),
        refused("converted", "c", position=scene.lead("c").closed_seq),
        refused("unknown_rep", "a", detail="su"),
    )


def test_nobody_is_given_more_than_it_may_hold() -> None:
    policy = {"claiming": {"held_at_once": 1}}
    scene = given(arrives("a"), arrives("b"), claim("a"), policy=policy)
    scene.when(assign("b", "wang")).then(refused("at_cap", "b", rep="wang", limit=1, used=1))
