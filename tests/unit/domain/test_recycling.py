"""Recycling: back to the public pool or on to the next rep, and what becomes of what nobody claims."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from leadflow.domain import events as e
from tests.domain_asks import (
    HOLD,
    ROTATE,
    arrives,
    at,
    changes,
    claim,
    joins,
    leaves,
    passes,
    pause,
    publish,
    resume,
    returns,
    withdraw,
)
from tests.domain_harness import did, given


def recycling(*rules: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"rules": list(rules) or [ROTATE], "recycling": more}


ON = recycling(after_recycle="rotate")


# --- back, or on ----------------------------------------------------------------------------


def test_public_means_anybody_may_claim_it() -> None:
    scene = given(policy=recycling(after_recycle="public")).when(arrives("a"), passes("3d"), claim("a", "li"))
    scene.then(
        did(e.LeadCaptured), did(e.LeadAssigned, to="wang"), did(e.LeadRecycled), did(e.LeadClaimed, rep="li")
    )


def test_rotate_gives_it_to_the_next_rep_at_once() -> None:
    scene = given(arrives("a"), policy=ON).when(passes("3d"))
    scene.then(
        did(e.LeadRecycled, rep="wang", time="3d"),
        did(e.LeadAssigned, to="li", mode="rotation", rule="rotate", until="6d", time="3d"),
    )
    assert [(c.rep, c.skipped) for c in scene.only(e.LeadAssigned)[1].candidates] == [
        ("wang", "had_it"),
        ("li", None),
        ("zhao", None),
    ]


def test_those_who_had_it_are_passed_over_until_all_have() -> None:
    scene = given(arrives("a"), policy=ON).given(passes("18d"))
    assert [fact.to for fact in scene.only(e.LeadAssigned)] == ["wang", "li", "zhao"] + [
        fact.to for fact in scene.only(e.LeadAssigned)[3:]
    ]
    assert sorted(fact.to for fact in scene.only(e.LeadAssigned)[3:6]) == ["li", "wang", "zhao"]


def test_when_all_have_had_it_whoever_just_failed_it_is_not_the_next() -> None:
    for reps in (("wang", "li"), ("wang", "li", "zhao"), ("wang", "li", "zhao", "sun")):
        scene = given(arrives("a"), policy=ON, reps=reps).given(passes("60d"))
        had = [fact.to for fact in scene.only(e.LeadAssigned)]
        assert len(had) > 2 * len(reps)
        assert all(before != after for before, after in pairwise(had)), had
        for start in range(0, len(had) - len(reps), len(reps)):
            assert sorted(had[start : start + len(reps)]) == sorted(reps)


def test_who_failed_it_last_is_known_within_one_moment_too() -> None:
    scene = given(arrives("a"), policy=ON, reps=("wang", "li")).given(returns("a"), returns("a", "li"))
    assert [fact.to for fact in scene.only(e.LeadAssigned)] == ["wang", "li", "wang"]


def test_with_nobody_else_it_goes_back_to_the_same_rep() -> None:
    scene = given(arrives("a"), policy=ON, reps=("wang",)).given(passes("4d"))
    assert [fact.to for fact in scene.only(e.LeadAssigned)] == ["wang", "wang"]


def test_who_is_closed_or_full_today_is_waited_for() -> None:
    scene = given(changes("li", hours="13:00-18:00"), arrives("a"), policy=ON, reps=("wang", "li"))
    scene.when(returns("a"), passes("3h")).then(
        did(e.LeadRecycled),
        did(e.AssignmentFailed, mode="rotation", reason="nobody_available", rule="rotate"),
        did(e.LeadAssigned, to="li", time="3h"),
    )


def test_who_is_away_for_long_is_not_waited_for() -> None:
    scene = given(arrives("a"), pause("li"), policy=ON, reps=("wang", "li"))
    scene.when(returns("a")).then(did(e.LeadRecycled), did(e.LeadAssigned, to="wang"))
    leave = [{"first_day": "2026-03-03", "last_day": "2026-03-20"}]
    scene = given(
        changes("li", hours="11:00-11:30", leave=leave), arrives("a"), policy=ON, reps=("wang", "li")
    )
    scene.when(returns("a", at="2h"), passes("1d")).then(
        did(e.LeadRecycled), did(e.AssignmentFailed), did(e.LeadAssigned, to="wang", time="14h")
    )


def test_whom_the_lead_does_not_suit_is_not_waited_for_though_full_or_closed_just_now() -> None:
    for traits in ({"holding_cap": 0}, {"hours": "13:00-18:00"}):
        scene = given(
            changes("li", regions=["上海"], **traits),
            arrives("a", region="广东"),
            policy=ON,
            reps=("wang", "li"),
        )
        scene.when(returns("a")).then(did(e.LeadRecycled), did(e.LeadAssigned, to="wang"))


def test_a_lead_that_was_withdrawn_stays_for_the_manager_to_place() -> None:
    scene = given(arrives("a"), policy=ON).when(withdraw("a"))
    scene.then(did(e.LeadRecycled, reason="withdrawn"))


def test_a_returned_lead_does_not_overtake_those_that_wait() -> None:
    policy = {**ON, "claiming": {"held_at_once": 1}}
    scene = given(arrives("a"), arrives("old"), arrives("older"), policy=policy, reps=("wang",))
    scene.when(returns("a")).then(did(e.LeadRecycled, "a"), did(e.LeadAssigned, "a", to="wang"))
    scene = given(arrives("x"), arrives("y"), arrives("z"), policy=policy, reps=("wang", "li"))
    scene.when(returns("y", "li")).then(
        did(e.LeadRecycled, "y"), did(e.LeadAssigned, "z", to="li"), did(e.AssignmentFailed, "y")
    )


def test_leads_of_who_left_go_on_in_the_rotation() -> None:
    scene = given(arrives("a"), policy=ON).when(leaves("wang"))
    scene.then(did(e.LeadRecycled, reason="rep_left"), did(e.MemberLeft), did(e.LeadAssigned, "a", to="li"))


def test_of_several_leads_of_who_left_the_oldest_goes_first() -> None:
    scene = given(
        arrives("old"),
        arrives("young"),
        policy=recycling(HOLD, after_recycle="rotate", fallback="sales"),
    )
    scene.given(claim("young"), claim("old")).when(leaves("wang"))
    scene.then(
        did(e.LeadRecycled, "young"),
        did(e.LeadRecycled, "old"),
        did(e.MemberLeft),
        did(e.LeadAssigned, "old", to="li"),
        did(e.LeadAssigned, "young", to="zhao"),
    )


def test_a_lead_whose_rule_names_no_group_goes_on_in_the_fallback() -> None:
    policy = recycling(HOLD, after_recycle="rotate", fallback="sales")
    scene = given(arrives("a"), claim("a", "li"), policy=policy).when(returns("a", "li"))
    scene.then(did(e.LeadRecycled), did(e.LeadAssigned, to="wang", group="sales", rule="hold"))


def test_without_any_group_it_is_public() -> None:
    policy = recycling(HOLD, after_recycle="rotate")
    given(arrives("a"), claim("a"), policy=policy).when(returns("a")).then(did(e.LeadRecycled))


# --- what nobody claims ---------------------------------------------------------------------


def test_what_nobody_claims_is_assigned_counted_from_becoming_public() -> None:
    policy = recycling(HOLD, assign_after="24h", fallback="sales")
    scene = given(arrives("a"), policy=policy).when(
        claim("a", at="23h"), returns("a", at="1d1h"), passes("3d")
    )
    scene.then(
        did(e.LeadClaimed),
        did(e.LeadRecycled),
        did(e.LeadAssigned, mode="timeout", to="li", rule="hold", group="sales", time="2d1h"),
    )


def test_the_next_in_the_fallback_gets_it_and_turns_are_shared() -> None:
    policy = recycling(HOLD, assign_after="24h", fallback="sales")
    scene = given(*[arrives(f"a{n}") for n in range(6)], policy=policy).given(passes("1d"))
    assert [fact.to for fact in scene.only(e.LeadAssigned)] == ["wang", "li", "zhao"] * 2


def test_the_rules_own_group_goes_before_the_fallback() -> None:
    groups = {"north": {"reps": ["li"]}, "sales": {"reps": ["wang"]}}
    rule = {"name": "north", "target": {"rotation": "north"}}
    policy = {**recycling(rule, assign_after="24h", fallback="sales"), "groups": groups}
    scene = given(arrives("a"), returns("a", "li"), policy=policy).when(passes("1d"))
    scene.then(did(e.LeadAssigned, mode="timeout", to="li", group="north", time="1d"))
    scene = given(pause("li"), arrives("a"), policy=policy).when(passes("1d"))
    scene.then(did(e.LeadAssigned, mode="timeout", to="wang", group="sales"))


def test_with_nobody_managers_are_told_once_and_the_lead_waits() -> None:
    policy = recycling(HOLD, assign_after="24h", fallback="sales")
    scene = given(pause("wang"), arrives("a"), policy=policy, reps=("wang",)).when(passes("9d"))
    scene.then(did(e.AssignmentFailed, mode="timeout", reason="nobody_available", group="sales", time="1d"))
    scene.when(resume("wang")).then(
        did(e.MemberResumed), did(e.LeadAssigned, "a", mode="timeout", to="wang", time="9d")
    )


def test_without_a_fallback_managers_are_told() -> None:
    scene = given(arrives("a"), policy=recycling(HOLD, assign_after="24h")).when(passes("9d"), claim("a"))
    scene.then(did(e.AssignmentFailed, mode="timeout", reason="no_fallback", time="1d"), did(e.LeadClaimed))


def test_it_is_said_again_of_a_lead_that_came_back_again() -> None:
    policy = recycling(HOLD, assign_after="24h")
    scene = given(arrives("a"), claim("a", at="2d"), returns("a", at="3d"), policy=policy).when(passes("9d"))
    scene.then(did(e.AssignmentFailed, mode="timeout", time="4d"))


def test_a_lead_that_waited_out_its_time_may_still_be_claimed() -> None:
    policy = recycling(HOLD, assign_after="24h", fallback="sales")
    scene = given(
        pause("wang"), arrives("a"), passes("1d"), joins("li", regions=["x"]), policy=policy, reps=("wang",)
    )
    scene.when(claim("a", "li"), resume("wang")).then(did(e.LeadClaimed), did(e.MemberResumed))


def test_a_policy_that_begins_to_assign_counts_from_becoming_public() -> None:
    scene = given(arrives("a"), arrives("b", at="20h"))
    scene.when(publish(recycling(HOLD, assign_after="24h", fallback="sales"), at="2d"), passes("3d")).then(
        did(e.PolicyPublished),
        did(e.LeadAssigned, "a", time="2d"),
        did(e.LeadAssigned, "b", time="2d"),
    )


def test_assign_after_may_run_on_working_time() -> None:
    policy = recycling(HOLD, assign_after="9wh", fallback="sales")
    scene = given(arrives("a", at="4d6h"), policy=policy).when(passes("8d"))
    # Friday at four; two hours are left, then Monday until four.
    assert scene.happened[0].time == at("7d6h")
