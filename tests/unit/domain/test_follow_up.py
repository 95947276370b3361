"""The private pool: what a rep owes a lead, and how long it is the rep's."""

from __future__ import annotations

from typing import Any

import pytest

from leadflow.domain import events as e
from leadflow.domain import requests as r
from tests.domain_harness import (
    Ask,
    arrives,
    ask,
    assign,
    at,
    changes,
    claim,
    collaborate,
    contact,
    convert,
    did,
    disqualify,
    given,
    hand_over,
    joins,
    lead_id,
    leaves,
    merge,
    passes,
    protect,
    publish,
    refused,
    returns,
    unprotect,
    withdraw,
)


def follow_up(**rules: Any) -> dict[str, Any]:
    return {"follow_up": rules}


OWNED = (arrives("a"), claim("a"))


# --- deadlines ------------------------------------------------------------------------------


def test_without_a_contact_the_lead_is_recycled_at_its_first_deadline() -> None:
    scene = given(*OWNED).when(passes("2d23h59m59s")).then()
    scene.when(passes("3d")).then(
        did(e.LeadRecycled, "a", rep="wang", reason="no_first_contact", since="0s", time="3d")
    )
    assert scene.lead("a").status == "public"


def test_a_contact_keeps_the_lead_from_when_it_was_logged() -> None:
    scene = given(*OWNED).when(contact("a", at="2d", stated_at=at("0s")), passes("9d"))
    scene.then(
        did(e.ContactLogged, by="wang", outcome="reached", counts=True, until="9d", stated_at="0s"),
        did(e.LeadRecycled, reason="inactive", time="9d"),
    )


def test_a_contact_never_brings_the_deadline_forward() -> None:
    scene = given(*OWNED, policy=follow_up(keep_for="1d")).when(contact("a", at="1h"))
    scene.then(did(e.ContactLogged, until="3d"))
    scene.when(passes("3d")).then(did(e.LeadRecycled, reason="inactive"))


def test_contacts_do_not_keep_it_longer_than_the_hard_cap() -> None:
    scene = given(*OWNED, *[contact("a", at=f"{day}d") for day in (2, 8, 14, 20)])
    scene.when(contact("a", at="26d"), contact("a", at="29d"), passes("30d")).then(
        did(e.ContactLogged, until="30d"),
        did(e.ContactLogged, until="30d"),
        did(e.LeadRecycled, reason="held_too_long", time="30d"),
    )


def test_the_extension_is_max_of_deadline_so_far_and_min_of_both_bounds() -> None:
    cases: list[tuple[dict[str, Any], str, str | None]] = [
        ({"keep_for": "7d", "hold_at_most": "30d"}, "1d", "8d"),
        ({"keep_for": "7d", "hold_at_most": "5d"}, "1d", "5d"),
        ({"keep_for": "7d", "hold_at_most": "2d"}, "1d", "3d"),
        ({"keep_for": "7d", "hold_at_most": None}, "1d", "8d"),
        ({"keep_for": None, "hold_at_most": "30d"}, "1d", "30d"),
        ({"keep_for": None, "hold_at_most": None}, "1d", None),
    ]
    for rules, when, until in cases:
        scene = given(*OWNED, policy=follow_up(**rules))
        scene.when(contact("a", at=when)).then(did(e.ContactLogged, until=until))


def test_without_rules_there_is_no_deadline() -> None:
    rules = follow_up(first_contact_within=None, keep_for=None, hold_at_most=None)
    given(arrives("a"), policy=rules).when(claim("a"), contact("a", at="5d"), passes("300d")).then(
        did(e.LeadClaimed, until=None), did(e.ContactLogged, until=None)
    )


def test_without_a_first_deadline_the_hard_cap_is_the_promise() -> None:
    rules = follow_up(first_contact_within=None)
    given(arrives("a"), policy=rules).when(claim("a"), passes("30d")).then(
        did(e.LeadClaimed, until="30d"), did(e.LeadRecycled, reason="held_too_long")
    )


def test_an_outcome_that_does_not_count_moves_nothing() -> None:
    scene = given(*OWNED).when(contact("a", at="1d", outcome="wrong_number"), passes("3d"))
    scene.then(
        did(e.ContactLogged, outcome="wrong_number", counts=False, until="3d"),
        did(e.LeadRecycled, reason="no_first_contact"),
    )


def test_an_outcome_that_the_policy_does_not_know_is_refused() -> None:
    given(*OWNED).when(contact("a", outcome="sang"), contact("a", outcome="13800138000")).then(
        refused("unknown_outcome", "a", detail="sang"), refused("unknown_outcome", "a", detail=None)
    )


def test_a_manager_logs_for_the_owner_and_a_collaborator_for_itself() -> None:
    scene = given(*OWNED, collaborate("a", "su"), collaborate("a", "li"))
    scene.when(
        contact("a", "ma"), contact("a", "ma", rep="wang"), contact("a", "su"), contact("a", "li")
    ).then(
        did(e.ContactLogged, by="wang", actor="manager/ma"),
        did(e.ContactLogged, by="wang", actor="manager/ma"),
        did(e.ContactLogged, by="su", actor="support/su"),
        did(e.ContactLogged, by="li", actor="rep/li"),
    )
    scene.when(contact("a", "ma", rep="zhao")).then(refused("not_owner", winner="wang", rep="zhao"))


def test_an_unowned_lead_has_no_contact_logged() -> None:
    given(arrives("a")).when(contact("a", "ma")).then(refused("not_owned", "a"))


def test_notes_stand_in_the_person() -> None:
    scene = given(*OWNED).when(contact("a", note="likes tea"), returns("a", reason="no time"))
    persons = [getattr(event.data, "person") for event in scene.happened]  # noqa: B009
    assert [person.note or person.reason for person in persons] == ["likes tea", "no time"]


# --- warnings -------------------------------------------------------------------------------


def test_warnings_come_before_the_deadline_as_it_is_then() -> None:
    scene = given(arrives("a"), policy=follow_up(warn_before=["1d", "2h"])).when(
        claim("a"), contact("a", at="2d")
    )
    scene.then(
        did(e.LeadClaimed, until="3d"),
        did(e.RecycleWarned, rep="wang", before="1d", until="3d", time="2d"),
        did(e.ContactLogged, until="9d"),
    )
    scene.when(passes("9d")).then(
        did(e.RecycleWarned, before="1d", until="9d", time="8d"),
        did(e.RecycleWarned, before="2h", until="9d", time="8d22h"),
        did(e.LeadRecycled, time="9d"),
    )


def test_a_warning_that_would_lie_before_the_fact_is_none() -> None:
    scene = given(arrives("a"), policy=follow_up(warn_before=["5d"])).when(claim("a"), passes("3d"))
    scene.then(did(e.LeadClaimed), did(e.LeadRecycled))


def test_nobody_is_warned_of_a_lead_that_is_gone() -> None:
    for gone in (returns("a"), convert("a"), disqualify("a"), withdraw("a")):
        scene = given(*OWNED, policy=follow_up(warn_before=["1d"])).given(gone).when(passes("10d"))
        scene.then()


# --- promises -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "shorter",
    [
        {"first_contact_within": "1h", "keep_for": "1h", "hold_at_most": "1d"},
        {"first_contact_within": None, "keep_for": None, "hold_at_most": "1h"},
    ],
)
def test_no_new_policy_shortens_a_promise(shorter: dict[str, Any]) -> None:
    scene = given(*OWNED).given(publish(follow_up(**shorter))).when(contact("a", at="2d"))
    scene.then(did(e.ContactLogged, until="3d", policy=2))
    scene.when(passes("3d")).then(did(e.LeadRecycled, time="3d"))


def test_a_lead_without_deadline_gets_none_by_a_new_policy() -> None:
    none = follow_up(first_contact_within=None, keep_for=None, hold_at_most=None)
    scene = given(*OWNED, policy=none).when(publish(), contact("a", at="1d"), passes("300d"))
    scene.then(did(e.PolicyPublished), did(e.ContactLogged, until=None))


def test_a_recycling_under_a_policy_without_first_deadline_says_what_was_missing() -> None:
    scene = given(*OWNED).given(publish(follow_up(first_contact_within=None, hold_at_most=None)))
    scene.when(passes("3d")).then(did(e.LeadRecycled, reason="no_first_contact"))


# --- protection -----------------------------------------------------------------------------

PROTECTING = follow_up(protected_per_rep=1, protect_at_most="20d")


def test_a_protected_lead_has_no_deadline_and_gets_one_at_the_end() -> None:
    scene = given(*OWNED, policy=PROTECTING).when(protect("a", at="1d", until="10d"), passes("17d"))
    scene.then(
        did(e.LeadProtected, rep="wang", until="10d"),
        did(e.ProtectionEnded, rep="wang", reason="expired", until="17d", time="10d"),
        did(e.LeadRecycled, reason="no_first_contact", time="17d"),
    )


def test_at_the_end_the_old_deadline_holds_if_it_is_later() -> None:
    scene = given(
        *OWNED,
        contact("a", at="2d"),
        protect("a", until="2d1h"),
        policy=PROTECTING | follow_up(keep_for="1d", protected_per_rep=1),
    )
    scene.when(passes("4d")).then(
        did(e.ProtectionEnded, until="3d1h", time="2d1h"), did(e.LeadRecycled, time="3d1h", reason="inactive")
    )
    scene = given(*OWNED, protect("a", until="1h"), policy=follow_up(keep_for="1d", protected_per_rep=1))
    scene.when(passes("4d")).then(did(e.ProtectionEnded, until="3d"), did(e.LeadRecycled, time="3d"))


def test_protection_is_limited_per_rep() -> None:
    scene = given(*OWNED, arrives("b"), claim("b"), protect("a"), policy=PROTECTING)
    scene.when(protect("b"), protect("a")).then(
        refused("protection_limit", "b", rep="wang", limit=1, used=1),
        refused("already_protected", "a", position=scene.lead("a").protected),
    )
    scene.when(unprotect("a"), protect("b")).then(
        did(e.ProtectionEnded, reason="ended", until="7d"), did(e.LeadProtected, "b", until="20d")
    )
    given(*OWNED).when(protect("a")).then(refused("protection_limit", limit=0, used=0))


@pytest.mark.parametrize(
    "gone", [returns("a"), withdraw("a"), convert("a"), disqualify("a"), hand_over("a", "li")]
)
def test_a_lead_that_leaves_the_rep_frees_its_protection(gone: Ask) -> None:
    scene = given(*OWNED, arrives("b"), claim("b"), protect("a"), gone, policy=PROTECTING)
    scene.when(protect("b")).then(did(e.LeadProtected, "b"))


def test_a_protection_lasts_no_longer_than_the_policy_lets_it() -> None:
    scene = given(*OWNED, policy=PROTECTING)
    scene.when(
        protect("a", until="20d1s"), protect("a", at="1h", until="1h"), unprotect("a"), protect("a", at="2h")
    ).then(
        refused("protection_too_long", until="20d"),
        refused("expired", until="1h"),
        refused("not_protected", "a"),
        did(e.LeadProtected, until="20d2h"),
    )


def test_a_contact_during_protection_counts_for_its_end() -> None:
    scene = given(*OWNED, protect("a", until="20d"), contact("a", at="19d"), policy=PROTECTING)
    scene.when(passes("40d")).then(
        did(e.ProtectionEnded, until="27d", time="20d"), did(e.LeadRecycled, time="27d", reason="inactive")
    )


def test_a_protected_lead_handed_over_gets_a_deadline_that_holds() -> None:
    stays = follow_up(protected_per_rep=1, fresh_deadline_on_hand_over=False)
    scene = given(*OWNED, protect("a"), policy=stays).when(hand_over("a", "li", at="10d"), passes("17d"))
    scene.then(did(e.LeadHandedOver, until="17d", fresh=False), did(e.LeadRecycled, rep="li", time="17d"))
    scene = given(*OWNED, contact("a", at="2d"), protect("a", at="3d"), policy=stays)
    scene.given(passes("3d1h")).given(publish(stays, follow_up(keep_for="1d", protected_per_rep=1)))
    scene.when(hand_over("a", "li", at="4d"), passes("9d")).then(
        did(e.LeadHandedOver, until="9d"), did(e.LeadRecycled, rep="li", time="9d")
    )


def test_an_unowned_lead_cannot_be_protected_or_returned() -> None:
    given(arrives("a")).when(protect("a", "ma"), unprotect("a", "ma"), returns("a", "ma")).then(
        *[refused("not_owned", "a")] * 3
    )


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
