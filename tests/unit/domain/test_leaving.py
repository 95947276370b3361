"""Leaving a rep: returned, withdrawn, handed over, or because the member leaves or shares it."""

from __future__ import annotations

from typing import Any

from leadflow.domain import events as e
from leadflow.domain import requests as r
from tests.domain_asks import (
    arrives,
    ask,
    assign,
    at,
    changes,
    claim,
    collaborate,
    contact,
    convert,
    hand_over,
    joins,
    lead_id,
    leaves,
    merge,
    passes,
    protect,
    returns,
    withdraw,
)
from tests.domain_harness import did, given, refused


def follow_up(**rules: Any) -> dict[str, Any]:
    return {"follow_up": rules}


OWNED = (arrives("a"), claim("a"))


# --- leaving a rep --------------------------------------------------------------------------


def test_a_rep_returns_and_a_manager_withdraws() -> None:
    scene = given(*OWNED, arrives("b"), claim("b"))
    scene.when(returns("a", reason="no interest"), withdraw("b", at="1h"), withdraw("b")).then(
        did(e.LeadRecycled, "a", reason="returned", rep="wang", actor="rep/wang"),
        did(e.LeadRecycled, "b", reason="withdrawn", rep="wang", since="0s", actor="manager/ma"),
        refused("not_owned", "b"),
    )


def test_a_manager_returns_for_the_owner() -> None:
    given(*OWNED).when(returns("a", "ma", rep="wang")).then(
        did(e.LeadRecycled, rep="wang", reason="returned", actor="manager/ma")
    )


def test_a_hand_over_gives_a_fresh_deadline_and_keeps_collaborators() -> None:
    scene = given(*OWNED, collaborate("a", "su"), contact("a", at="1d"))
    scene.when(hand_over("a", "li", at="5d", reason="moved"), passes("8d")).then(
        did(e.LeadHandedOver, from_rep="wang", to="li", fresh=True, until="8d"),
        did(e.LeadRecycled, rep="li", reason="no_first_contact", since="5d"),
    )


def test_a_hand_over_may_go_on_with_the_old_deadline() -> None:
    rules = follow_up(fresh_deadline_on_hand_over=False, warn_before=["1d"])
    scene = given(*OWNED, collaborate("a", "su"), contact("a", at="1d"), policy=rules)
    scene.when(hand_over("a", "li", at="5d")).then(did(e.LeadHandedOver, fresh=False, until="8d"))
    assert list(scene.lead("a").collaborators or ()) == ["su"]
    scene.when(contact("a", "li", at="6d"), contact("a", "li", at="29d"), passes("40d"))
    assert [type(x.data).__name__ for x in scene.happened] == [
        "ContactLogged",
        "RecycleWarned",
        "LeadRecycled",
        "RequestRefused",
    ]
    assert scene.happened[2].time == at("13d")


def test_the_hard_cap_goes_on_with_an_old_deadline() -> None:
    rules = follow_up(fresh_deadline_on_hand_over=False, hold_at_most="10d")
    scene = given(*OWNED, contact("a", at="2d"), hand_over("a", "li", at="3d"), policy=rules)
    scene.when(contact("a", "li", at="8d"), passes("10d")).then(
        did(e.ContactLogged, until="10d"), did(e.LeadRecycled, rep="li", reason="held_too_long")
    )


def test_a_hand_over_needs_an_owner_and_another_rep_with_room() -> None:
    scene = given(*OWNED, arrives("b"), changes("zhao", holding_cap=0))
    position = scene.lead("a").owner_seq
    scene.when(
        hand_over("b", "li"), hand_over("a", "wang"), hand_over("a", "su"), hand_over("a", "zhao")
    ).then(
        refused("not_owned", "b"),
        refused("already_owner", "a", winner="wang", position=position),
        refused("unknown_rep", "a", detail="su"),
        refused("at_cap", "a", rep="zhao", limit=0, used=0),
    )


def test_who_holds_more_than_it_may_takes_over_customers_all_the_same() -> None:
    scene = given(*OWNED, convert("a"), arrives("b"), claim("b", "li"), changes("li", holding_cap=0))
    scene.when(leaves("wang", leads_to="li")).then(
        did(e.CustomerHandedOver, "a", to="li"), did(e.MemberLeft, "wang")
    )


def test_a_collaborator_that_becomes_the_owner_is_none_any_more() -> None:
    scene = given(*OWNED, collaborate("a", "li"), collaborate("a", "su")).when(hand_over("a", "li"))
    scene.then(did(e.CollaboratorRemoved, member="li", reason="removed"), did(e.LeadHandedOver, to="li"))
    assert list(scene.lead("a").collaborators or ()) == ["su"]


def test_a_customer_is_handed_over_too() -> None:
    scene = given(*OWNED, convert("a", customer="c-1")).when(hand_over("a", "li"), hand_over("a", "li"))
    scene.then(
        did(e.CustomerHandedOver, "a", customer="c-1", from_rep="wang", to="li"),
        refused("already_owner", "a", winner="li"),
    )


# --- a member leaves ------------------------------------------------------------------------


def test_who_leaves_has_its_leads_recycled_and_its_customers_handed_over() -> None:
    scene = given(*OWNED, arrives("b"), claim("b"), arrives("c"), claim("c"), convert("c", customer="c-1"))
    scene.when(leaves("wang"), leaves("wang", customers_to="li")).then(
        refused("customers_need_owner", "wang", used=1),
        did(e.LeadRecycled, "a", rep="wang", reason="rep_left"),
        did(e.LeadRecycled, "b", rep="wang", reason="rep_left"),
        did(e.CustomerHandedOver, "c", from_rep="wang", to="li"),
        did(e.MemberLeft, "wang", member="wang"),
    )
    assert {event.fact_count for event in scene.happened[1:]} == {4}


def test_who_leaves_may_hand_its_leads_over() -> None:
    policy = follow_up(protected_per_rep=1)
    scene = given(
        *OWNED, arrives("b"), claim("b"), convert("b"), protect("a"), collaborate("a", "li"), policy=policy
    )
    scene.when(leaves("wang", leads_to="li")).then(
        did(e.CollaboratorRemoved, "a", member="li"),
        did(e.LeadHandedOver, "a", from_rep="wang", to="li", until="3d"),
        did(e.CustomerHandedOver, "b", to="li"),
        did(e.MemberLeft, "wang"),
    )


def test_leads_and_customers_may_go_to_two_reps() -> None:
    scene = given(*OWNED, arrives("b"), claim("b"), convert("b"))
    scene.when(leaves("wang", leads_to="li", customers_to="zhao")).then(
        did(e.LeadHandedOver, "a", to="li"), did(e.CustomerHandedOver, "b", to="zhao"), did(e.MemberLeft)
    )


def test_nobody_leaves_to_who_cannot_take_it() -> None:
    scene = given(*OWNED, changes("li", holding_cap=0))
    scene.when(
        leaves("wang", leads_to="li"), leaves("wang", leads_to="wang"), leaves("wang", leads_to="su")
    ).then(
        refused("at_cap", "wang", rep="li", limit=0, used=1),
        refused("unknown_rep", "wang", detail="wang"),
        refused("unknown_rep", "wang", detail="su"),
    )


def test_who_leaves_collaborates_no_more() -> None:
    scene = given(*OWNED, collaborate("a", "li"), collaborate("a", "su")).when(leaves("li"))
    scene.then(did(e.CollaboratorRemoved, "a", member="li", reason="left"), did(e.MemberLeft, "li"))
    scene.when(contact("a", "li")).then(refused("not_permitted"))


def test_who_has_left_asks_for_nothing_and_may_come_back() -> None:
    scene = given(arrives("a"), leaves("wang"))
    scene.when(claim("a"), joins("wang"), joins("wang"), claim("a")).then(
        refused("unknown_rep"), did(e.MemberJoined), refused("already_member", "wang"), did(e.LeadClaimed)
    )


def test_a_rep_without_anything_just_leaves() -> None:
    given().when(leaves("wang"), leaves("wang")).then(did(e.MemberLeft, "wang"), refused("unknown_member"))


# --- collaborators --------------------------------------------------------------------------


def test_a_collaboration_expires() -> None:
    scene = given(*OWNED).when(collaborate("a", "su", expires="1d"), passes("1d"), contact("a", "su"))
    scene.then(
        did(e.CollaboratorAdded, member="su", expires="1d"),
        did(e.CollaboratorRemoved, member="su", reason="expired", time="1d"),
        refused("not_permitted"),
    )


def test_a_collaboration_is_ended_or_renewed() -> None:
    end = ask(r.RemoveCollaborator(lead=lead_id("a"), member="su"))
    scene = given(*OWNED, collaborate("a", "su", expires="1d")).when(
        end, end, collaborate("a", "su", expires="2d")
    )
    scene.then(
        did(e.CollaboratorRemoved, reason="removed"),
        refused("no_collaborator", detail="su"),
        did(e.CollaboratorAdded),
    )
    scene.when(passes("2d")).then(did(e.CollaboratorRemoved, reason="expired", time="2d"))


def test_who_may_be_a_collaborator() -> None:
    scene = given(*OWNED, arrives("b"), collaborate("a", "su"))
    scene.when(
        collaborate("a", "nobody"),
        collaborate("b", "su"),
        collaborate("a", "wang"),
        collaborate("a", "su"),
        collaborate("a", "li", at="1h", expires="1h"),
        collaborate("a", "li", by="wang"),
    ).then(
        refused("unknown_member", "a", detail="nobody"),
        refused("not_owned", "b"),
        refused("already_owner", "a"),
        refused("already_collaborator", "a", detail="su"),
        refused("expired", "a", until="1h"),
        did(e.CollaboratorAdded, member="li", actor="rep/wang"),
    )


def test_a_collaboration_ends_with_the_lead_going_back() -> None:
    scene = given(*OWNED, collaborate("a", "su", expires="1d"), returns("a"), claim("a", "li"))
    scene.when(contact("a", "su"), passes("2d")).then(refused("not_permitted"))


def test_a_merged_lead_is_the_reps_no_more() -> None:
    policy = follow_up(protected_per_rep=1, warn_before=["1d"])
    scene = given(*OWNED, protect("a"), arrives("b"), assign("b", "li"), contact("b", "li"), policy=policy)
    scene.when(merge("b", "a"), passes("7d")).then(
        did(e.LeadsMerged, "b", absorbed=lead_id("a"), absorbed_owner="wang"),
        did(e.RecycleWarned, "b", rep="li"),
        did(e.LeadRecycled, "b", rep="li"),
    )
