"""Claiming: log order decides, and every limit has its boundary."""

from __future__ import annotations

from typing import Any

import pytest

from leadflow.domain import events as e
from tests.domain_asks import (
    Ask,
    arrives,
    assign,
    claim,
    claim_next,
    convert,
    disqualify,
    hand_over,
    joins,
    lead_id,
    leaves,
    passes,
    pause,
    resume,
    returns,
    withdraw,
)
from tests.domain_harness import did, given, refused

MIDNIGHT = "14h"
"""When the pool's local day ends: the scenes begin at ten in Shanghai."""


def limits(**claiming: Any) -> dict[str, Any]:
    return {"claiming": claiming}


def leads(count: int, **more: Any) -> list[Ask]:
    return [arrives(f"a{number}", **more) for number in range(count)]


# --- who was first --------------------------------------------------------------------------


def test_a_claim_gives_the_lead_with_its_first_deadline() -> None:
    scene = given(arrives("a")).when(claim("a", at="1h"))
    scene.then(did(e.LeadClaimed, "a", rep="wang", until="3d1h", chosen=False, actor="rep/wang"))


def test_of_several_claims_the_first_in_the_log_wins_and_the_others_name_it() -> None:
    scene = given(arrives("a")).when(
        claim("a", "wang"), claim("a", "li"), claim("a", "zhao"), claim("a", "wang")
    )
    position = scene.happened[0].sequence
    scene.then(
        did(e.LeadClaimed, rep="wang"),
        *[
            refused("already_owned", "a", request="ClaimLead", rep=rep, winner="wang", position=position)
            for rep in ("li", "zhao", "wang")
        ],
    )


def test_the_order_of_the_log_counts_never_a_clock() -> None:
    scene = given(arrives("a"), passes("2h")).when(claim("a", "wang", at="2h"), claim("a", "li", at="1h"))
    scene.then(did(e.LeadClaimed, rep="wang", time="2h"), refused("already_owned", rep="li", time="2h"))


def test_a_refusal_names_the_fact_that_stands_in_the_way() -> None:
    scene = given(arrives("a"), claim("a"), hand_over("a", "li"), arrives("b"), claim("b"), convert("b"))
    scene.given(arrives("c"), disqualify("c", by="ma"))
    handed, converted, closed = (scene.lead(name) for name in "abc")
    scene.when(claim("a", "zhao"), claim("b", "zhao"), claim("c", "zhao")).then(
        refused("already_owned", "a", winner="li", position=handed.owner_seq),
        refused("converted", "b", winner="wang", position=converted.closed_seq),
        refused("disqualified", "c", winner=None, position=closed.closed_seq),
    )


def test_a_lead_that_came_back_is_there_for_the_next() -> None:
    scene = given(arrives("a"), claim("a"), returns("a")).when(claim("a", "li"))
    scene.then(did(e.LeadClaimed, rep="li"))


def test_an_unknown_lead_is_refused_without_repeating_what_was_typed() -> None:
    scene = given().when(claim("nobody"))
    scene.then(refused("unknown_lead", lead_id("nobody")))
    request = claim("nobody")
    assert request.body is not None
    typed = request._replace(body=request.body.model_copy(update={"lead": "13800138000"}))
    scene.when(typed).then(refused("unknown_lead"))
    assert scene.happened[0].subject == ""


# --- limits ---------------------------------------------------------------------------------


def test_claims_per_rep_and_day() -> None:
    scene = given(*leads(4), policy=limits(per_rep_per_day=2))
    scene.when(claim("a0"), claim("a1"), claim("a2"), claim("a2", "li")).then(
        did(e.LeadClaimed),
        did(e.LeadClaimed),
        refused("daily_limit", rep="wang", limit=2, used=2, until=MIDNIGHT),
        did(e.LeadClaimed, rep="li"),
    )
    scene.when(claim("a3", at="13h59m59s"), claim("a3", at=MIDNIGHT)).then(
        refused("daily_limit"), did(e.LeadClaimed, "a3")
    )


def test_a_limit_of_no_claims_a_day_promises_none_tomorrow() -> None:
    scene = given(*leads(1), policy=limits(per_rep_per_day=0))
    scene.when(claim("a0"), claim_next()).then(
        refused("daily_limit", rep="wang", limit=0, used=0, until=None),
        refused("daily_limit", rep="wang", limit=0, used=0, until=None),
    )


def test_claims_per_pool_and_day() -> None:
    scene = given(*leads(4), policy=limits(per_pool_per_day=2))
    scene.when(claim("a0"), claim("a1", "li"), claim("a2", "zhao"), claim("a2", at=MIDNIGHT)).then(
        did(e.LeadClaimed),
        did(e.LeadClaimed),
        refused("pool_daily_limit", rep="zhao", limit=2, used=2, until=MIDNIGHT),
        did(e.LeadClaimed),
    )


def test_claims_per_group_and_day() -> None:
    groups = {"young": {"reps": ["wang", "li"]}, "sales": {"reps": "all"}}
    scene = given(*leads(4), policy={"groups": groups, **limits(per_group_per_day={"young": 2})})
    scene.when(claim("a0"), claim("a1", "li"), claim("a2", "li"), claim("a2", "zhao")).then(
        did(e.LeadClaimed),
        did(e.LeadClaimed),
        refused("group_daily_limit", rep="li", limit=2, used=2, detail="young", until=MIDNIGHT),
        did(e.LeadClaimed, rep="zhao"),
    )


def test_a_groups_claims_count_though_who_claimed_has_left() -> None:
    groups = {"young": {"reps": ["wang", "li"]}}
    scene = given(*leads(4), policy={"groups": groups, **limits(per_group_per_day={"young": 2})})
    scene.given(claim("a0"), claim("a1"), leaves("wang", leads_to="li"))
    scene.when(claim("a2", "li")).then(refused("group_daily_limit"))


def test_claims_per_score_class_and_rep() -> None:
    policy = {
        **limits(per_class_per_day={"A": 1}),
        "score_classes": {"A": 70, "B": 0},
        "scoring": {"rules": [{"name": "x", "points": 70, "when": {"region": ["上海"]}}]},
    }
    scene = given(*leads(3, region="上海"), arrives("b"), policy=policy)
    scene.when(claim("a0"), claim("a1"), claim("b"), claim("a1", "li"), claim("a2", at=MIDNIGHT)).then(
        did(e.LeadClaimed, score_class="A"),
        refused("class_daily_limit", limit=1, used=1, detail="A", until=MIDNIGHT),
        did(e.LeadClaimed, score_class="B"),
        did(e.LeadClaimed, rep="li"),
        did(e.LeadClaimed, "a2"),
    )


def test_leads_held_at_once_without_converted_and_closed_ones() -> None:
    scene = given(*leads(6), policy=limits(held_at_once=2))
    scene.when(claim("a0"), claim("a1"), claim("a2")).then(
        did(e.LeadClaimed), did(e.LeadClaimed), refused("at_cap", rep="wang", limit=2, used=2)
    )
    scene.given(convert("a0")).when(claim("a2"), claim("a3")).then(did(e.LeadClaimed), refused("at_cap"))
    scene.given(disqualify("a1")).when(claim("a3"), claim("a4")).then(did(e.LeadClaimed), refused("at_cap"))


def test_a_reps_own_cap_goes_before_the_policys() -> None:
    scene = given(*leads(3), joins("qian", holding_cap=1), policy=limits(held_at_once=2))
    scene.when(claim("a0", "qian"), claim("a1", "qian")).then(did(e.LeadClaimed), refused("at_cap", limit=1))


def test_a_minimum_gap_between_two_claims() -> None:
    scene = given(*leads(3), policy=limits(min_gap="10m"))
    scene.when(claim("a0"), claim("a1", at="9m59s"), claim("a1", "li"), claim("a1", at="10m")).then(
        did(e.LeadClaimed),
        refused("min_gap", rep="wang", until="10m"),
        did(e.LeadClaimed, rep="li"),
        refused("already_owned"),
    )
    scene.when(claim("a2")).then(did(e.LeadClaimed, time="10m"))


def test_a_cool_down_after_a_lead_left_a_rep() -> None:
    scene = given(arrives("a"), claim("a"), returns("a", at="1h"), policy=limits(cool_down="7d"))
    scene.when(claim("a", at="7d59m59s"), claim("a", at="7d1h")).then(
        refused("cool_down", "a", rep="wang", until="7d1h"), did(e.LeadClaimed, rep="wang")
    )


def test_a_cool_down_holds_for_who_lost_it_not_for_others_and_not_for_a_manager() -> None:
    scene = given(arrives("a"), claim("a"), withdraw("a"), policy=limits(cool_down="7d"))
    scene.when(claim("a"), claim("a", "li")).then(refused("cool_down"), did(e.LeadClaimed, rep="li"))
    scene.given(hand_over("a", "zhao"), withdraw("a"))
    scene.when(claim("a", "li"), assign("a", "li")).then(refused("cool_down"), did(e.LeadAssigned, to="li"))


def test_a_head_start_before_a_fresh_lead_may_be_claimed_at_all() -> None:
    scene = given(arrives("a"), policy=limits(open_after="10m"))
    scene.when(claim("a", at="9m59s"), claim_next(), claim("a", at="10m")).then(
        refused("not_open_yet", "a", until="10m"), refused("nothing_to_claim"), did(e.LeadClaimed)
    )


def test_a_lead_that_somebody_had_is_not_fresh() -> None:
    scene = given(arrives("a"), assign("a", "wang"), returns("a"), policy=limits(open_after="10m"))
    scene.when(claim("a", "li")).then(did(e.LeadClaimed))


def test_returning_refunds_nothing_and_a_managers_assignment_uses_nothing_up() -> None:
    scene = given(*leads(3), policy=limits(per_rep_per_day=1, per_pool_per_day=1, min_gap="1h"))
    scene.given(assign("a0", "wang")).when(claim("a1")).then(did(e.LeadClaimed))
    scene.given(returns("a1", at="2h")).when(claim("a2")).then(refused("daily_limit", used=1))


def test_who_leaves_and_comes_back_has_claimed_what_it_has_claimed() -> None:
    scene = given(*leads(2), claim("a0"), leaves("wang"), joins("wang"), policy=limits(per_rep_per_day=1))
    scene.when(claim("a1")).then(refused("daily_limit", used=1))


def test_a_paused_rep_claims_nothing() -> None:
    scene = given(arrives("a"), pause("wang"))
    scene.when(claim("a"), claim_next()).then(
        refused("paused", "a", position=scene.pool.members["wang"].paused), refused("paused")
    )
    scene.given(resume("wang")).when(claim("a")).then(did(e.LeadClaimed))


@pytest.mark.parametrize("zone", [0, 480])
def test_a_day_is_the_pools_local_day(zone: int) -> None:
    from leadflow.domain.policy import Calendar, Offset
    from leadflow.domain.pool import EPOCH

    calendar = Calendar(offsets=(Offset(start=EPOCH, minutes=zone),))
    scene = given(*leads(2), claim("a0"), policy=limits(per_rep_per_day=1), calendar=calendar)
    ends = {0: "22h", 480: "14h"}[zone]
    scene.when(claim("a1")).then(refused("daily_limit", until=ends))
    scene.when(claim("a1", at=ends)).then(did(e.LeadClaimed))
