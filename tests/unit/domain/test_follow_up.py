"""The private pool: what a rep owes a lead, and how long it is the rep's."""

from __future__ import annotations

from typing import Any

import pytest

from leadflow.domain import events as e
from tests.domain_asks import (
    arrives,
    at,
    claim,
    collaborate,
    contact,
    convert,
    disqualify,
    passes,
    publish,
    returns,
    withdraw,
)
from tests.domain_harness import did, given, refused


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
