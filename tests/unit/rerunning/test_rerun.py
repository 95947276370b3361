"""A pool's history decided anew: people ask for the same, the rules decide."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from leadflow.domain import events as e
from leadflow.errors import UsageError
from leadflow.rerunning.comparing import Comparison, compare
from leadflow.rerunning.rerun import Rerunning, Tried
from tests.domain_asks import (
    CALENDAR,
    HOLD,
    POOL,
    ROTATE,
    arrives,
    assign,
    at,
    claim,
    claim_next,
    collaborate,
    contact,
    convert,
    deal,
    disqualify,
    hand_over,
    joins,
    lead_id,
    leaves,
    passes,
    pause,
    policy_of,
    protect,
    publish,
    resume,
    returns,
    reverse,
)
from tests.domain_harness import Scene, did, given

QUICK: dict[str, Any] = {"follow_up": {"first_contact_within": "1h", "keep_for": "7d", "hold_at_most": "30d"}}


def rerun(
    scene: Scene, since: str | None = None, until: str | None = None, **policy: Any
) -> tuple[list[e.Event], Comparison]:
    """The history under another policy; under those that there were, if none is named."""
    tried = Tried(policy_of(policy), CALENDAR) if policy else None
    rerunning = Rerunning(POOL, tried, None if since is None else at(since))
    end: datetime = scene.now if until is None else at(until)
    events = list(rerunning.run(scene.events, end))
    return events, compare(POOL, rerunning.found)


def facts(events: list[e.Event], kind: type[e.Fact]) -> list[Any]:
    return [event.data for event in events if isinstance(event.data, kind)]


def figure(found: Comparison, name: str) -> tuple[Any, Any]:
    return next((one.was, one.would) for one in found.figures if one.name == name)


def test_under_the_policies_that_there_were_every_fact_is_decided_again() -> None:
    scene = given(arrives("a"), arrives("b"), policy={"rules": [ROTATE]}).when(
        contact("a", at="1h"),
        collaborate("a", "su", by="wang"),
        publish(QUICK, at="2h"),
        claim("b", "zhao"),
        arrives("c", at="3h"),
        passes("5h"),
        convert("a", at="6h"),
        deal("a", 100),
        joins("qian"),
        leaves("wang", customers_to="li"),
    )
    events, found = rerun(scene)
    assert found.differs_at is None
    assert found.facts_were == found.facts_would == len(scene.events)
    assert [event.data for event in events] == [event.data for event in scene.events]
    assert (found.first_owner_differs, found.last_owner_differs, found.not_done) == (0, 0, {})
    assert all(one.was == one.would for one in found.figures)


def test_so_is_what_became_due_with_the_last_request() -> None:
    scene = given(pause("wang"), arrives("a"), arrives("b"), policy={"rules": [ROTATE]}, reps=("wang",))
    scene.when(resume("wang")).then(did(e.MemberResumed), *[did(e.LeadAssigned, to="wang")] * 2)
    _, found = rerun(scene)
    assert found.differs_at is None


def test_another_rule_gives_leads_to_others() -> None:
    scene = given(policy={"rules": [HOLD]}).when(arrives("a"), arrives("b"), claim("a", "zhao", at="1h"))
    events, found = rerun(scene, rules=[ROTATE])
    assert [fact.to for fact in facts(events, e.LeadAssigned)] == ["wang", "li"]
    assert [fact.winner for fact in facts(events, e.RequestRefused)] == ["wang"]
    assert figure(found, "claims") == (1, 0)
    assert figure(found, "claim refused: already_owned") == (0, 1)
    assert found.first_owner_differs == 2
    assert {(one.was, one.would) for one in found.moved} == {("zhao", "wang"), (None, "li")}


def test_a_shorter_deadline_takes_the_lead_back_and_later_claims_find_it() -> None:
    scene = given(arrives("a")).when(
        claim("a", "wang", at="1h"), claim("a", "li", at="3h"), contact("a", at="3h30m"), passes("5h")
    )
    events, found = rerun(scene, **QUICK)
    assert [fact.rep for fact in facts(events, e.LeadRecycled)] == ["wang"]
    assert [fact.rep for fact in facts(events, e.LeadClaimed)] == ["wang", "li"]
    assert figure(found, "recycled: no_first_contact") == (0, 1)
    assert found.first_owner_differs == 0
    assert found.last_owner_differs == 1


def test_work_on_a_lead_is_done_by_whoever_has_it() -> None:
    scene = given(arrives("a")).when(
        claim("a", "zhao", at="1h"),
        contact("a", "zhao"),
        convert("a", "zhao", at="2h"),
        deal("a", 70, "zhao"),
    )
    scene.when(deal("a", 30, "zhao"), reverse("a", scene.pool.sequence, "zhao", at="3h"))
    events, found = rerun(scene, rules=[ROTATE])
    assert [fact.by for fact in facts(events, e.ContactLogged)] == ["wang"]
    assert [fact.owner for fact in facts(events, e.LeadConverted)] == ["wang"]
    assert figure(found, "revenue CNY") == (30, 30)
    # The first of the two: its place is another where the lead was never claimed.
    assert [fact.value.amount for fact in facts(events, e.DealReversed)] == [70]
    assert found.not_done == {}
    by_rep = {one.rep: (one.was.converted, one.would.converted) for one in found.reps}
    assert (by_rep["wang"], by_rep["zhao"]) == ((0, 1), (1, 0))


def test_a_deal_of_before_that_is_reversed_now_is_not_among_the_figures() -> None:
    scene = given(arrives("a")).when(claim("a", at="1h"), convert("a", at="2h"), deal("a", 70, at="3h"))
    scene.when(reverse("a", scene.pool.sequence, at="5h"), deal("a", 5, at="6h"))
    _, found = rerun(scene, since="4h", rules=[ROTATE])
    assert figure(found, "deals") == (1, 1)
    assert figure(found, "revenue CNY") == (5, 5)
    assert found.not_done == {}


def test_work_on_a_lead_that_nobody_has_is_not_done_and_that_is_said() -> None:
    scene = given(arrives("a")).when(claim("a", at="1h"), contact("a", at="3h"), disqualify("a", at="4h"))
    _, found = rerun(scene, **QUICK)
    assert found.not_done == {
        "DisqualifyLead: nobody_has_the_lead": 1,
        "LogContact: nobody_has_the_lead": 1,
    }
    assert figure(found, "at the end in the public pool") == (0, 1)


def test_the_policy_holds_from_its_time_on_whatever_was_published_later() -> None:
    scene = given(arrives("a")).when(
        claim("a", at="1h"),
        publish({"claiming": {"held_at_once": 5}}, at="4h"),
        arrives("b", at="5h"),
        claim("b", "li"),
        passes("9h"),
    )
    events, found = rerun(scene, since="3h", **QUICK)
    # What was promised before is kept; what is promised from then on is the tried policy's.
    assert [(fact.rep, fact.reason) for fact in facts(events, e.LeadRecycled)] == [("li", "no_first_contact")]
    assert len(facts(events, e.PolicyPublished)) == 1
    assert figure(found, "leads that came") == (1, 1)
    assert found.from_time == at("3h")


def test_what_comes_after_the_end_does_not_count() -> None:
    scene = given(arrives("a")).when(claim("a", at="1h"), arrives("b", at="2d"))
    events, found = rerun(scene, until="1d", **QUICK)
    assert figure(found, "leads that came") == (1, 1)
    assert max(event.time for event in events) <= at("1d")
    assert figure(found, "recycled: no_first_contact") == (0, 1)


def test_from_before_the_pool_was_opened_means_from_the_beginning() -> None:
    scene = given(arrives("a")).when(claim("a", at="1h"), passes("9h"))
    events, _ = rerun(scene, since="-5d", **QUICK)
    assert len(facts(events, e.LeadRecycled)) == 1


def test_a_policy_with_a_hole_at_that_time_is_refused() -> None:
    scene = given(arrives("a"))
    group = {"south": {"reps": ["qian"]}}
    rule = {"name": "south", "target": {"rotation": "south"}}
    with pytest.raises(UsageError, match="group_without_rep"):
        rerun(scene, since="1h", until="2h", groups=group, rules=[rule])


def test_who_leaves_leaves_though_it_has_other_customers_now() -> None:
    scene = given(arrives("a")).when(
        claim("a", "zhao", at="1h"), convert("a", "zhao", at="2h"), leaves("wang", at="3h")
    )
    events, found = rerun(scene, rules=[ROTATE])
    assert [fact.owner for fact in facts(events, e.LeadConverted)] == ["wang"]
    assert [(fact.from_rep, fact.to) for fact in facts(events, e.CustomerHandedOver)] == [("wang", "li")]
    assert len(facts(events, e.MemberLeft)) == 1
    assert found.not_done == {}


def test_claims_that_were_refused_are_made_again_and_other_refusals_are_counted() -> None:
    scene = given(arrives("a"), arrives("b"), policy={"claiming": {"per_rep_per_day": 1}}).when(
        claim("a", at="1h"), claim("b"), claim_next("wang"), protect("a"), protect("a"), returns("b", "li")
    )
    events, found = rerun(scene, claiming={"per_rep_per_day": 2})
    assert [event.subject for event in events if isinstance(event.data, e.LeadClaimed)] == [
        lead_id("a"),
        lead_id("b"),
    ]
    assert figure(found, "claims") == (1, 2)
    assert found.not_asked == {"ProtectLead": 2}


def test_unit_costs_are_those_of_the_policy_that_is_tried() -> None:
    costs = {"channels": {"web_form": {"unit_cost": "3.50"}}}
    scene = given(arrives("a"), policy=costs)
    events, _ = rerun(scene, channels={"web_form": {"unit_cost": "9"}})
    (captured,) = facts(events, e.LeadCaptured)
    assert str(captured.touch.cost.amount) == "9"


def test_managers_assign_and_hand_over_as_they_did() -> None:
    scene = given(arrives("a")).when(assign("a", "li", at="1h"), hand_over("a", "zhao", at="2h"))
    events, found = rerun(scene, follow_up={"first_contact_within": "2d"})
    assert [fact.to for fact in facts(events, e.LeadHandedOver)] == ["zhao"]
    assert (found.first_owner_differs, found.not_done) == (0, {})
