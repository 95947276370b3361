"""Leads that wait for a rotation: given out oldest first, as soon as somebody becomes available."""

from __future__ import annotations

from typing import Any

from leadflow.domain import events as e
from tests.domain_asks import (
    ROTATE,
    Ask,
    arrives,
    changes,
    claim,
    convert,
    disqualify,
    edit,
    hand_over,
    joins,
    passes,
    pause,
    publish,
    resume,
    returns,
    transfer,
)
from tests.domain_harness import did, given

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
