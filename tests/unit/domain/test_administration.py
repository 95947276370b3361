"""The pool itself: opening, policies, calendars and members."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from leadflow.domain import events as e
from leadflow.domain import requests as r
from leadflow.domain.decide import NotOpen
from leadflow.domain.policy import Calendar
from tests.domain_asks import (
    CALENDAR,
    POOL,
    ROTATE,
    START,
    arrives,
    ask,
    at,
    changes,
    claim,
    contact,
    joins,
    leaves,
    passes,
    pause,
    policy_of,
    protect,
    publish,
    resume,
)
from tests.domain_harness import Scene, did, given, refused

OPEN = ask(r.OpenPool(policy=policy_of(), calendar=CALENDAR), "manager/boss")


# --- opening --------------------------------------------------------------------------------


def test_opening_a_pool_publishes_its_first_policy_in_the_same_decision() -> None:
    scene = Scene().when(OPEN)
    scene.then(
        did(e.PoolOpened, POOL, clock="real", policy=1), did(e.PolicyPublished, "policy", version=1, policy=1)
    )
    assert [(x.fact_index, x.fact_count) for x in scene.happened] == [(1, 2), (2, 2)]


def test_a_pool_is_opened_once() -> None:
    given().when(OPEN).then(refused("already_open", position=1))


def test_nothing_is_decided_in_a_pool_that_was_never_opened() -> None:
    for one in (claim("a"), arrives("a"), OPEN._replace(by="rep/wang"), OPEN._replace(by="marketing/mo")):
        scene = Scene()
        with pytest.raises(NotOpen):
            scene.do(one)
        scene.when(OPEN).then(did(e.PoolOpened), did(e.PolicyPublished))


def test_whoever_opened_a_pool_manages_it_until_it_leaves() -> None:
    scene = given(staff=False)
    add = ask(r.AddMember(member="qian"), "manager/boss")
    boss = ask(r.AddMember(member="boss", role="manager"), "manager/boss")
    leave = ask(r.RemoveMember(member="boss"), "manager/boss")
    scene.when(add, boss, leave, add.named("again")).then(
        did(e.MemberJoined), did(e.MemberJoined), did(e.MemberLeft), refused("not_permitted")
    )


# --- policies -------------------------------------------------------------------------------


def test_every_decision_cites_the_policy_in_force() -> None:
    scene = given(arrives("a"), claim("a")).when(publish(follow_up={"keep_for": "9d"}), contact("a"))
    scene.then(did(e.PolicyPublished, version=2, policy=1), did(e.ContactLogged, until="9d", policy=2))


UNDECLARED = {"rotation": "undeclared"}
HOLES: list[tuple[dict[str, Any], str | None]] = [
    ({"rules": [ROTATE]}, None),
    (
        {"groups": {"young": {"reps": ["nobody"]}}, "recycling": {"fallback": "young"}},
        "recycling.fallback: young",
    ),
    (
        {"groups": {"staff": {"reps": ["su", "ma"]}}, "recycling": {"fallback": "staff"}},
        "recycling.fallback: staff",
    ),
    ({"rules": [{"name": "x", "target": UNDECLARED}]}, "rules[0].target.rotation: undeclared"),
    ({"recycling": {"fallback": "undeclared"}}, "recycling.fallback: undeclared"),
    (
        {"claiming": {"per_group_per_day": {"undeclared": 1}}},
        "claiming.per_group_per_day.undeclared: undeclared",
    ),
]


@pytest.mark.parametrize(("overlay", "hole"), HOLES)
def test_a_rule_whose_group_has_no_rep_is_a_hole(overlay: dict[str, Any], hole: str | None) -> None:
    wanted = did(e.PolicyPublished, version=2) if hole is None else refused("group_without_rep", detail=hole)
    given().when(publish(overlay)).then(wanted)


@pytest.mark.parametrize(
    "overlay",
    [
        {"follow_up": {"first_contact_within": "0s"}},
        {"follow_up": {"hold_at_most": "0wd"}},
        {"recycling": {"assign_after": "0wh"}},
    ],
)
def test_a_policy_must_come_to_rest(overlay: dict[str, Any]) -> None:
    """A lead that is due in no time would be recycled and assigned for ever."""
    with pytest.raises(ValueError, match="is zero"):
        publish(overlay)
    with pytest.raises(ValueError, match="is zero"):
        r.OpenPool(policy=policy_of(overlay), calendar=CALENDAR)


def test_a_hole_is_closed_by_somebody_who_joins() -> None:
    overlay = {"groups": {"young": {"reps": ["qian"]}}, "recycling": {"fallback": "young"}}
    given().when(publish(overlay), joins("qian"), publish(overlay)).then(
        refused("group_without_rep"), did(e.MemberJoined), did(e.PolicyPublished)
    )


def test_a_pool_without_reps_may_be_prepared() -> None:
    overlay = {"groups": {"young": {"reps": ["qian"]}}, "recycling": {"fallback": "young"}}
    given(reps=()).when(publish(overlay)).then(did(e.PolicyPublished))


# --- calendars ------------------------------------------------------------------------------

COVERED = CALENDAR.model_copy(update={"covered_until": date(2026, 3, 5), "holidays": (date(2026, 3, 4),)})
"""Wednesday 4 March is off, and Thursday the 5th is the last day that is covered."""


def working(past: str, **rules: Any) -> dict[str, Any]:
    return {
        "calendar": {"country": "CN", "past_coverage": past},
        "follow_up": {"first_contact_within": "2wd", "keep_for": "3wd", "hold_at_most": None, **rules},
    }


def test_a_deadline_in_working_days_passes_over_holidays() -> None:
    scene = given(arrives("a"), policy=working("refuse"), calendar=COVERED).when(claim("a"))
    scene.then(did(e.LeadClaimed, until="3d", past_calendar=False))


def test_past_the_covered_days_plain_weekdays_count_and_the_fact_says_so() -> None:
    scene = given(arrives("a"), claim("a"), policy=working("weekdays"), calendar=COVERED)
    scene.when(contact("a", at="2d")).then(did(e.ContactLogged, until="7d23h", past_calendar=True))


def test_or_they_are_refused_with_the_day() -> None:
    scene = given(arrives("a"), claim("a"), arrives("b"), policy=working("refuse"), calendar=COVERED)
    scene.when(contact("a", at="2d"), claim("b", "li", at="2d")).then(
        refused("calendar_not_covered", "a", detail="2026-03-10"),
        refused("calendar_not_covered", "b", detail="2026-03-09"),
    )
    scene.when(passes("3d")).then(did(e.LeadRecycled, "a", reason="no_first_contact"))


def test_what_the_clock_decides_is_never_refused() -> None:
    rules = working("refuse", protected_per_rep=1, hold_at_most="40wd", warn_before=["1wd"])
    scene = given(arrives("a"), claim("a"), protect("a", until="2d"), policy=rules, calendar=COVERED)
    scene.when(passes("30d"))
    assert [type(x.data).__name__ for x in scene.happened] == [
        "ProtectionEnded",
        "RecycleWarned",
        "LeadRecycled",
    ]
    scene.check()


def test_a_new_calendar_moves_no_promise() -> None:
    scene = given(arrives("a"), claim("a"), policy=working("weekdays"), calendar=COVERED)
    more = COVERED.model_copy(update={"holidays": (), "covered_until": date(2027, 1, 1)})
    scene.when(publish(working("weekdays"), calendar=more), passes("3d")).then(
        did(e.PolicyPublished), did(e.LeadRecycled, time="3d")
    )


def test_decisions_read_the_days_that_were_published_and_nothing_else() -> None:
    west = Calendar(offsets=(CALENDAR.offsets[0].model_copy(update={"minutes": -480}),))
    scene = given(arrives("a"), policy={"timezone": "Asia/Shanghai"} | working("weekdays"), calendar=west)
    # In that zone it is six in the evening of Sunday: counted from Monday at nine.
    scene.when(claim("a")).then(did(e.LeadClaimed, until="2d15h"))


# --- members --------------------------------------------------------------------------------


def test_a_members_traits_are_replaced_where_they_are_given() -> None:
    scene = given(changes("wang", regions=["上海"], holding_cap=5))
    scene.when(changes("wang", holding_cap=None), changes("wang", role="manager")).then(
        did(e.MemberChanged, "wang", role="rep"), did(e.MemberChanged, "wang", role="manager")
    )
    traits = scene.only(e.MemberChanged)[-1].traits
    assert (traits.regions, traits.holding_cap) == (("上海",), None)


def test_who_owns_leads_or_customers_stays_a_rep() -> None:
    scene = given(arrives("a"), claim("a"))
    scene.when(changes("wang", role="support"), changes("wang", role="rep")).then(
        refused("owns_leads", "wang", used=1), did(e.MemberChanged)
    )


def test_a_new_role_holds_at_once() -> None:
    policy = {"rules": [ROTATE]}
    scene = given(
        changes("wang", role="manager"), changes("su", role="rep"), policy=policy, reps=("wang", "li")
    )
    scene.when(arrives("a"), arrives("b"))
    assert sorted(x.to or "" for x in scene.only(e.LeadAssigned)) == ["li", "su"]
    scene.when(claim("a", "wang")).then(refused("unknown_rep", detail="wang"))


def test_pausing_and_resuming() -> None:
    scene = given(pause("wang"))
    paused = scene.pool.sequence
    scene.when(
        pause("wang"),
        resume("wang"),
        resume("wang"),
        pause("li", until="0s"),
        pause("nobody"),
        changes("nobody"),
    ).then(
        refused("already_paused", "wang", position=paused),
        did(e.MemberResumed),
        refused("not_paused", "wang"),
        refused("expired", "li", until="0s"),
        refused("unknown_member", detail="nobody"),
        refused("unknown_member", detail="nobody"),
    )


def test_a_paused_rep_keeps_its_leads_and_works_on_them() -> None:
    scene = given(arrives("a"), claim("a"), pause("wang")).when(contact("a", at="1d"))
    scene.then(did(e.ContactLogged, until="8d"))


def test_a_cap_below_what_a_rep_holds_takes_nothing_away() -> None:
    scene = given(*[arrives(f"a{n}") for n in range(3)], *[claim(f"a{n}") for n in range(2)])
    scene.when(publish(claiming={"held_at_once": 1}), claim("a2"), passes("3d")).then(
        did(e.PolicyPublished),
        refused("at_cap", limit=1, used=2),
        did(e.LeadRecycled, "a0", time="3d"),
        did(e.LeadRecycled, "a1", time="3d"),
    )


def test_only_managers_of_the_pool_administer_it() -> None:
    bodies: list[r.Body] = [
        r.PublishPolicy(policy=policy_of(), calendar=CALENDAR),
        r.AddMember(member="qian"),
        changes("wang", holding_cap=1).body,  # type: ignore[list-item]
        r.PauseMember(member="wang"),
        r.ResumeMember(member="wang"),
        r.RemoveMember(member="wang"),
    ]
    for body in bodies:
        for by in ("wang", "mo", "su", "analyst/an", "auditor/au", "adapter/file", "manager/outsider"):
            given().when(ask(body, by)).then(
                refused("not_permitted", detail=ask(body, by).by.partition("/")[0])
            )


def test_whoever_holds_the_data_directory_is_trusted() -> None:
    scene = given().when(
        ask(r.AddMember(member="qian"), "manager/local"), leaves("qian")._replace(by="manager/local")
    )
    scene.then(did(e.MemberJoined), did(e.MemberLeft))


def test_a_request_for_the_company_is_not_decided_in_a_pool() -> None:
    table = r.PublishRouting.model_validate({"table": {"default": "east"}})
    given().when(ask(table)).then(refused("wrong_stream", detail="east"))


def test_moving_the_clock_leaves_no_fact_of_its_own() -> None:
    given(arrives("a"), claim("a")).when(ask(r.AdvanceClock(), at="3d")).then(did(e.LeadRecycled, time="3d"))
    assert at("0s") == START
