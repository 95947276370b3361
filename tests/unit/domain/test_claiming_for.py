"""Claiming the best lead, for somebody else, of a state that was seen; and looking before claiming."""

from __future__ import annotations

from datetime import date
from typing import Any

from leadflow.domain import events as e
from tests.domain_asks import (
    CALENDAR,
    Ask,
    arrives,
    assign,
    claim,
    claim_next,
    contact,
    edit,
    publish,
    returns,
    reveal,
)
from tests.domain_harness import did, given, refused

MIDNIGHT = "14h"
"""When the pool's local day ends: the scenes begin at ten in Shanghai."""


def limits(**claiming: Any) -> dict[str, Any]:
    return {"claiming": claiming}


def leads(count: int, **more: Any) -> list[Ask]:
    return [arrives(f"a{number}", **more) for number in range(count)]


# --- the best lead --------------------------------------------------------------------------


def scored(**more: Any) -> dict[str, Any]:
    rules = [{"name": "x", "points": 50, "when": {"region": ["上海"]}}]
    return {"scoring": {"rules": rules}, "score_classes": {"A": 50, "B": 0}, **more}


def test_next_is_the_highest_score_then_the_oldest() -> None:
    scene = given(
        *leads(2), arrives("best", region="上海"), arrives("second", region="上海"), policy=scored()
    )
    scene.when(*[claim_next() for _ in range(5)]).then(
        *[did(e.LeadClaimed, name, chosen=True) for name in ("best", "second", "a0", "a1")],
        refused("nothing_to_claim", "", rep="wang"),
    )


def test_next_passes_over_what_the_rep_may_not_claim() -> None:
    policy = scored(claiming={"cool_down": "7d", "per_class_per_day": {"A": 1}})
    scene = given(*[arrives(n, region="上海") for n in ("a", "b", "c")], arrives("d"), policy=policy)
    scene.given(assign("a", "wang"), returns("a"))
    scene.when(claim_next(), claim_next(), claim_next("li")).then(
        did(e.LeadClaimed, "b"), did(e.LeadClaimed, "d"), did(e.LeadClaimed, "a", rep="li")
    )


def test_next_passes_over_a_lead_whose_cool_down_the_calendar_does_not_cover() -> None:
    policy = limits(cool_down="5wd") | {"calendar": {"country": "CN", "past_coverage": "refuse"}}
    covered = CALENDAR.model_copy(update={"covered_until": date(2026, 3, 5)})
    scene = given(*leads(2), assign("a0", "wang"), returns("a0"), policy=policy, calendar=covered)
    scene.when(claim_next(), claim_next()).then(
        did(e.LeadClaimed, "a1"), refused("calendar_not_covered", detail="2026-03-09")
    )


def test_next_is_refused_by_the_limits_of_the_rep() -> None:
    scene = given(*leads(2), policy=limits(per_rep_per_day=1))
    scene.when(claim_next(), claim_next()).then(did(e.LeadClaimed), refused("daily_limit", rep="wang"))


def test_a_new_score_moves_a_lead_in_the_order() -> None:
    scene = given(*leads(2), edit("a1", region="上海"), policy=scored())
    scene.when(claim_next()).then(did(e.LeadClaimed, "a1", score_class="A"))


def test_a_queued_lead_is_never_next() -> None:
    rules = [{"name": "q", "target": {"queue": "ma"}}]
    given(arrives("a"), policy={"rules": rules}).when(claim_next()).then(refused("nothing_to_claim"))


# --- for somebody else, and of another state ------------------------------------------------


def test_a_manager_claims_for_a_rep_and_the_fact_names_both() -> None:
    scene = given(*leads(2))
    scene.when(claim("a0", "ma", rep="li"), claim_next("ma", rep="zhao"), claim("a1", "ma")).then(
        did(e.LeadClaimed, "a0", rep="li", actor="manager/ma"),
        did(e.LeadClaimed, "a1", rep="zhao", actor="manager/ma"),
        refused("rep_needed", "a1"),
    )


def test_a_rep_acts_for_nobody_else() -> None:
    given(arrives("a")).when(claim("a", "wang", rep="li"), claim("a", "wang", rep="wang")).then(
        refused("not_permitted", "a", rep="li"), did(e.LeadClaimed, rep="wang")
    )


def test_a_manager_cannot_claim_for_who_is_no_rep() -> None:
    given(arrives("a")).when(claim("a", "ma", rep="su"), claim("a", "ma", rep="nobody")).then(
        refused("unknown_rep", detail="su"), refused("unknown_rep", detail="nobody")
    )


def test_a_request_that_saw_another_state_is_refused_as_stale() -> None:
    scene = given(arrives("a"))
    seen = scene.lead("a").last
    scene.given(edit("a", city="上海"))
    scene.when(claim("a", if_sequence=seen), claim("a", if_sequence=scene.lead("a").last)).then(
        refused("stale", "a", position=scene.lead("a").number + 1), did(e.LeadClaimed)
    )


def test_what_leaves_the_lead_as_it_was_makes_no_request_stale() -> None:
    policy = {"claiming": {"reveals_per_day": 5}}
    scene = given(arrives("a"), policy=policy)
    seen = scene.lead("a").last
    scene.given(reveal("a", "li"), claim("a", "mo"))
    scene.when(claim("a", if_sequence=seen)).then(did(e.LeadClaimed))
    seen = scene.lead("a").last
    scene.given(claim("a", "li"))
    scene.when(contact("a", if_sequence=seen)).then(did(e.ContactLogged))


def test_who_may_not_ask_is_told_nothing_of_the_state() -> None:
    scene = given(arrives("a"))
    scene.when(claim("a", "mo", if_sequence=1), claim("a", "rep/outsider", if_sequence=1)).then(
        refused("not_permitted", "a", position=None), refused("unknown_rep", "a", position=None)
    )


# --- looking before claiming ----------------------------------------------------------------


def test_reveals_are_counted_per_day_and_each_is_a_fact() -> None:
    scene = given(*leads(3), policy=limits(reveals_per_day=2))
    scene.when(reveal("a0"), reveal("a1", reason="same city"), reveal("a2"), reveal("a2", at=MIDNIGHT)).then(
        did(e.ContactRevealed, "a0", by="wang"),
        did(e.ContactRevealed, "a1", by="wang"),
        refused("reveal_limit", "a2", limit=2, used=2, rep="wang"),
        did(e.ContactRevealed, "a2", by="wang"),
    )
    assert scene.only(e.ContactRevealed)[1].person.reason == "same city"


def test_without_the_policys_leave_nothing_is_revealed() -> None:
    given(arrives("a")).when(reveal("a")).then(refused("reveal_limit", limit=0, used=0))


def test_a_lead_of_somebody_else_is_not_revealed() -> None:
    scene = given(arrives("a"), claim("a", "li"), policy=limits(reveals_per_day=2))
    scene.when(reveal("a")).then(refused("already_owned", winner="li"))


def test_an_auditor_sees_with_a_reason_which_is_a_fact() -> None:
    scene = given(arrives("a"), claim("a"))
    scene.when(reveal("a", "auditor/au"), reveal("a", "auditor/au", reason="complaint 7")).then(
        refused("reason_needed", "a"), did(e.ContactRevealed, "a", by="auditor/au", actor="auditor/au")
    )


def test_a_managers_reveal_for_a_rep_counts_for_the_rep() -> None:
    scene = given(*leads(2), policy=limits(reveals_per_day=1))
    scene.when(reveal("a0", "ma", rep="wang"), reveal("a1")).then(
        did(e.ContactRevealed, by="wang", actor="manager/ma"), refused("reveal_limit")
    )


def test_a_new_policys_limits_hold_from_then_on() -> None:
    scene = given(*leads(3), claim("a0"), claim("a1"))
    scene.when(publish(limits(per_rep_per_day=2)), claim("a2")).then(
        did(e.PolicyPublished, version=2), refused("daily_limit", used=2, policy=2)
    )
