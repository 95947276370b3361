"""Distribution: the first rule that matches decides; rotation is fair among those who are there."""

from __future__ import annotations

from typing import Any

import pytest

from leadflow.domain import events as e
from tests.domain_harness import (
    HOLD,
    ROTATE,
    Ask,
    arrives,
    assign,
    at,
    changes,
    claim,
    convert,
    did,
    disqualify,
    edit,
    given,
    hand_over,
    joins,
    leaves,
    passes,
    pause,
    publish,
    refused,
    resume,
    returns,
    transfer,
)

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
        refused("closed", "b", detail="disqualified", position=scene.lead("b").closed_seq),
        refused("closed", "c", detail="converted", position=scene.lead("c").closed_seq),
        refused("unknown_rep", "a", detail="su"),
    )


def test_nobody_is_given_more_than_it_may_hold() -> None:
    policy = {"claiming": {"held_at_once": 1}}
    scene = given(arrives("a"), arrives("b"), claim("a"), policy=policy)
    scene.when(assign("b", "wang")).then(refused("at_cap", "b", rep="wang", limit=1, used=1))


# --- leads that wait ------------------------------------------------------------------------


def test_it_is_said_once_per_cause_that_nobody_is_available() -> None:
    policy = {**ROTATING, "recycling": {"assign_after": "24h"}}
    scene = given(pause("wang"), pause("li"), pause("zhao"), policy=policy).when(arrives("a"), passes("20d"))
    scene.then(
        did(e.LeadCaptured, "a"),
        did(e.AssignmentFailed, "a", mode="rotation", reason="nobody_available", group="sales"),
        did(e.AssignmentFailed, "a", mode="timeout", reason="nobody_available", time="1d"),
    )
    failed = scene.only(e.AssignmentFailed)[0]
    assert [(c.rep, c.skipped) for c in failed.candidates] == [
        (rep, "paused") for rep in ("wang", "li", "zhao")
    ]


def test_waiting_leads_are_distributed_oldest_first_when_a_rep_resumes() -> None:
    scene = given(pause("wang"), *many(3), policy=ROTATING, reps=("wang",))
    scene.when(resume("wang", at="1h")).then(
        did(e.MemberResumed),
        *[
            did(e.LeadAssigned, f"n{n}", to="wang", mode="rotation", time="1h", until="3d1h")
            for n in range(3)
        ],
    )
    assert all(event.actor == "system/clock" for event in scene.happened[1:])


def test_waiting_leads_are_distributed_at_the_opening_hour() -> None:
    scene = given(
        changes("li", hours="09:00-18:00"),
        arrives("a", at=NIGHT),
        arrives("b"),
        policy=ROTATING,
        reps=("li",),
    )
    scene.when(passes("2d")).then(
        did(e.LeadAssigned, "a", to="li", time="23h"), did(e.LeadAssigned, "b", to="li", time="23h")
    )


def test_waiting_leads_are_distributed_when_there_is_room_under_the_cap() -> None:
    policy = {**ROTATING, "claiming": {"held_at_once": 2}}
    scene = given(*many(4), policy=policy, reps=("wang",))
    assert owners(scene) == "ww"
    scene.when(convert("n0")).then(did(e.LeadConverted), did(e.LeadAssigned, "n2", to="wang"))
    scene.when(returns("n1")).then(did(e.LeadRecycled, "n1"), did(e.LeadAssigned, "n3", to="wang"))


def test_waiting_leads_are_distributed_when_the_cap_rises_or_somebody_joins_or_leave_ends() -> None:
    policy = {**ROTATING, "claiming": {"held_at_once": 0}}
    scene = given(*many(2), policy=policy, reps=("wang",))
    scene.when(changes("wang", holding_cap=1)).then(
        did(e.MemberChanged), did(e.LeadAssigned, "n0", to="wang")
    )
    scene.when(joins("qian", holding_cap=1)).then(did(e.MemberJoined), did(e.LeadAssigned, "n1", to="qian"))
    scene.given(*many(1, "m"))
    scene.when(publish(policy, claiming={"held_at_once": 0})).then(did(e.PolicyPublished))
    scene.when(
        changes("wang", holding_cap=9, leave=[{"first_day": "2026-03-02", "last_day": "2026-03-04"}])
    ).then(did(e.MemberChanged))
    scene.when(passes("5d")).then(
        did(e.LeadAssigned, "m0", to="wang", time="2d14h"),
        did(e.LeadRecycled, "n0"),
        did(e.LeadRecycled, "n1"),
    )


def test_a_waiting_lead_that_is_claimed_waits_no_longer() -> None:
    scene = given(changes("wang", hours="11:00-12:00"), *many(2), policy=ROTATING, reps=("wang", "li"))
    scene = given(pause("wang"), pause("li"), *many(2), resume("li"), policy=ROTATING, reps=("wang", "li"))
    assert owners(scene) == "ll"
    scene = given(changes("wang", holding_cap=0), *many(2), policy=ROTATING, reps=("wang",))
    scene.given(joins("li", regions=["上海"]), claim("n0", "li"))
    scene.when(changes("wang", holding_cap=5)).then(
        did(e.MemberChanged), did(e.LeadAssigned, "n1", to="wang")
    )


def test_a_lead_waits_until_it_suits_somebody() -> None:
    scene = given(changes("wang", regions=["上海"]), arrives("a"), policy=ROTATING, reps=("wang",))
    scene.when(edit("a", region="上海")).then(did(e.LeadDetailsChanged), did(e.LeadAssigned, "a", to="wang"))


def test_a_lead_that_comes_to_suit_somebody_goes_past_one_that_waits_for_another() -> None:
    policy = {**ROTATING, "recycling": {"after_recycle": "rotate"}}
    reps = ("wang", "li")
    scene = given(changes("li", hours="20:00-21:00"), policy=policy, reps=reps)
    scene.given(changes("wang", regions=["上海"]), arrives("a", region="上海"), returns("a"))
    scene.given(arrives("b", region="北京"))
    scene.when(edit("b", region="上海")).then(did(e.LeadDetailsChanged), did(e.LeadAssigned, "b", to="wang"))


def test_a_transferred_or_disqualified_lead_waits_no_longer() -> None:
    scene = given(pause("wang"), *many(3), policy=ROTATING, reps=("wang",))
    scene.given(transfer("n0"), disqualify("n1", by="ma"))
    scene.when(resume("wang")).then(did(e.MemberResumed), did(e.LeadAssigned, "n2"))


def test_a_touch_leaves_a_waiting_lead_waiting() -> None:
    scene = given(
        pause("wang"),
        arrives("a"),
        arrives("b", phone=None, email="x@example.com", wechat="w"),
        policy=ROTATING,
        reps=("wang",),
    )
    scene.given(arrives("c", phone=None, wechat="w", region="上海"))
    scene.when(resume("wang")).then(did(e.MemberResumed), did(e.LeadAssigned, "a"), did(e.LeadAssigned, "b"))


def test_waiting_leads_follow_the_policy_in_force() -> None:
    groups = {"sales": {"reps": ["wang"]}, "other": {"reps": ["li"]}}
    policy = {**ROTATING, "groups": groups}
    held = given(pause("wang"), arrives("a"), policy=policy)
    held.when(publish(policy, rules=[rule("rotate", rotation="other")])).then(
        did(e.PolicyPublished), did(e.LeadAssigned, "a", to="li", group="other", rule="rotate")
    )
    held = given(pause("wang"), arrives("a"), policy=policy)
    held.when(publish(policy, rules=[rule("rotate", hold=True)]), resume("wang")).then(
        did(e.PolicyPublished), did(e.MemberResumed)
    )
    held = given(pause("wang"), arrives("a"), policy=policy)
    held.when(publish(policy, rules=[rule("another", hold=True)]), resume("wang")).then(
        did(e.PolicyPublished), did(e.MemberResumed), did(e.LeadAssigned, "a", to="wang", rule=None)
    )


def test_an_empty_group_is_named_and_whoever_joins_it_gets_what_waits() -> None:
    policy = {**ROTATING, "groups": {"sales": {"reps": ["qian"]}}}
    scene = given(policy=policy).when(arrives("a"))
    scene.then(did(e.LeadCaptured), did(e.AssignmentFailed, reason="empty_group"))
    scene.when(joins("qian")).then(did(e.MemberJoined), did(e.LeadAssigned, "a", to="qian"))


def test_a_hand_over_changes_what_two_reps_hold() -> None:
    policy = {**ROTATING, "claiming": {"held_at_once": 1}}
    scene = given(*many(2), policy=policy, reps=("wang",))
    scene.given(joins("li", regions=["x"]))
    scene.when(hand_over("n0", "li")).then(did(e.LeadHandedOver), did(e.LeadAssigned, "n1", to="wang"))
