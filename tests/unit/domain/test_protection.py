"""Protection: a lead without a deadline, and the one that it has at the end."""

from __future__ import annotations

from typing import Any

import pytest

from leadflow.domain import events as e
from tests.domain_asks import (
    Ask,
    arrives,
    claim,
    contact,
    convert,
    disqualify,
    hand_over,
    passes,
    protect,
    publish,
    returns,
    unprotect,
    withdraw,
)
from tests.domain_harness import did, given, refused


def follow_up(**rules: Any) -> dict[str, Any]:
    return {"follow_up": rules}


OWNED = (arrives("a"), claim("a"))


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
