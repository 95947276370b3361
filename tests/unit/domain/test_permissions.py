"""Who may see and do what: the table of the rules, cell by cell, and what decisions make of it."""

from __future__ import annotations

import pytest

from leadflow.domain import access
from leadflow.domain import events as e
from leadflow.domain import requests as r
from leadflow.domain.access import Action, allowed, mask, scopes
from tests.domain_asks import (
    CALENDAR,
    Ask,
    arrives,
    ask,
    assign,
    changes,
    claim,
    claim_next,
    collaborate,
    contact,
    convert,
    deal,
    disqualify,
    edit,
    hand_over,
    joins,
    lead_id,
    leaves,
    merge,
    pause,
    policy_of,
    protect,
    reopen,
    returns,
    reveal,
    transfer,
    withdraw,
)
from tests.domain_harness import did, given, refused

ROLES = ("rep", "manager", "marketing", "support", "analyst", "auditor", "adapter")
TABLE: dict[Action, tuple[tuple[str, ...], ...]] = {
    "see_public": (("pool",), ("pool",), ("pool",), (), (), ("all",), ()),
    "see_private": (("own", "collaborator"), ("pool",), (), ("collaborator",), (), ("all",), ()),
    # Owner, managers and collaborators see contact points, says "Claiming".
    "see_contacts": (("own", "collaborator"), ("pool",), (), ("collaborator",), (), ("reason",), ()),
    "work": (("own",), ("pool",), (), (), (), (), ()),
    "contact": (("own", "collaborator"), ("pool",), (), ("collaborator",), (), (), ()),
    "assign": ((), ("pool",), ("pool",), (), (), (), ()),
    "manage": ((), ("pool",), (), (), (), (), ()),
    "report": (("own",), ("pool",), ("pool",), (), ("all",), ("all",), ()),
    "history": (("own",), ("pool",), (), (), (), ("all",), ()),
}


@pytest.mark.parametrize("action", list(TABLE))
def test_every_cell(action: Action) -> None:
    found = tuple(scopes(action, f"{role}/x") for role in ROLES)
    assert found == TABLE[action]


def test_a_scope_reaches_as_far_as_it_says() -> None:
    def may(
        actor: str, action: Action, role: str | None = None, owns: bool = False, helps: bool = False
    ) -> bool:
        return allowed(action, actor, member_role=role, owns=owns, collaborates=helps)

    assert not may("rep/wang", "see_private", "rep")
    assert may("rep/wang", "see_private", "rep", owns=True)
    assert may("rep/wang", "see_private", "rep", helps=True)
    assert not may("rep/wang", "see_private", None, owns=True)
    assert may("manager/ma", "manage", "manager")
    assert not may("manager/ma", "manage", None)
    assert not may("manager/ma", "manage", "rep")
    assert may("manager/local", "manage", None)
    assert may("auditor/au", "see_public", None)
    assert not may("auditor/au", "see_contacts", None)
    assert may("analyst/an", "report", None)
    assert not may("support/su", "contact", "support")
    assert may("support/su", "contact", "support", helps=True)


# --- what decisions make of it ----------------------------------------------------------------

OWN = [
    contact("a"),
    returns("a"),
    convert("a"),
    disqualify("a"),
    edit("a", city="上海"),
    ask(r.UnprotectLead(lead=lead_id("a"))),
    protect("a"),
    deal("a", 5),
    collaborate("a", "mo"),
]
MANAGERS = [
    hand_over("a", "li"),
    withdraw("a"),
    merge("a", "b"),
    transfer("b"),
    reopen("b"),
    ask(r.PublishPolicy(policy=policy_of(), calendar=CALENDAR)),
    joins("qian"),
    changes("li", holding_cap=5),
    pause("li"),
    leaves("li"),
]
ASSIGNING = [assign("b", "li")]
CLAIMING = [claim("b"), claim_next()]

# The owner, another rep, a collaborating rep, a collaborating supporter and the rest, each in its role.
ACTORS = {
    "owner": "rep/wang",
    "rep": "rep/zhao",
    "helper": "rep/li",
    "manager": "manager/ma",
    "marketing": "marketing/mo",
    "support": "support/su",
    "other_support": "support/sun",
    "analyst": "analyst/an",
    "auditor": "auditor/au",
    "adapter": "adapter/file",
    "stranger": "rep/stranger",
    "impostor": "manager/wang",
}


def permitted(one: Ask, actor: str) -> bool:
    """Whether the request is decided by its rules, not refused for who asks."""
    scene = given(joins("sun", role="support"), arrives("a"), claim("a"), arrives("b"))
    scene.given(collaborate("a", "li"), collaborate("a", "su"))
    facts = scene.do(one._replace(by=actor))
    data = facts[0].data
    return not (isinstance(data, e.RequestRefused) and data.reason in ("not_permitted", "unknown_rep"))


@pytest.mark.parametrize(
    ("asks", "who"),
    [
        ([contact("a")], {"owner", "helper", "manager", "support"}),
        (OWN[1:], {"owner", "manager"}),
        (MANAGERS, {"manager"}),
        (ASSIGNING, {"manager", "marketing"}),
        (CLAIMING, {"owner", "rep", "helper", "manager"}),
        ([arrives("c")], {"owner", "rep", "helper", "manager", "marketing", "adapter"}),
    ],
    ids=["contact", "own", "manage", "assign", "claim", "submit"],
)
def test_who_may_ask_for_what(asks: list[Ask], who: set[str]) -> None:
    for one in asks:
        found = {name for name, actor in ACTORS.items() if permitted(one, actor)}
        assert found == who, one


def test_a_refusal_names_the_role_and_nothing_of_the_lead() -> None:
    scene = given(arrives("a"), claim("a")).when(returns("a", "li"), convert("a", "analyst/an"))
    scene.then(
        refused("not_permitted", "a", detail="rep", winner=None, position=None),
        refused("not_permitted", "a", detail="analyst", winner=None, position=None),
    )


@pytest.mark.parametrize(
    "asked", [claim("a", "stranger"), reveal("a", "stranger"), contact("a", by="stranger")]
)
def test_an_outsider_is_answered_alike_about_a_lead_that_there_is_and_one_that_there_is_not(
    asked: Ask,
) -> None:
    scene = given(arrives("a"), policy={"claiming": {"reveals_per_day": 9}})
    assert asked.body is not None
    unknown = asked._replace(body=asked.body.model_copy(update={"lead": lead_id("nobody")}))
    known, other = (scene.do(one)[0].data for one in (asked, unknown))
    assert known == other
    assert isinstance(known, e.RequestRefused)


def test_a_person_may_be_in_several_pools_and_its_limits_count_in_each() -> None:
    east, west = (
        given(arrives("a"), policy={"claiming": {"per_rep_per_day": 1}}, pool=p) for p in ("east", "west")
    )
    east.when(claim("a")).then(did(e.LeadClaimed, rep="wang"))
    body = r.ClaimLead(lead=lead_id("a", pool="west"))
    west.when(ask(body, "wang")).then(did(e.LeadClaimed, rep="wang"))


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("+8613812341234", "138****1234"),
        ("+8657123456", "+8****56"),
        ("zhang@example.com", "z***@example.com"),
        ("wx_zhang99", "wx****99"),
        ("wx1", "w***"),
        ("", "***"),
    ],
)
def test_masks(value: str, shown: str) -> None:
    assert mask(value) == shown


def test_every_request_about_a_lead_has_its_action() -> None:
    from leadflow.domain import decide

    bodies = {
        kind for kind in r.LeadBody.__subclasses__() + r.RepBody.__subclasses__() if kind is not r.RepBody
    }
    assert bodies - {r.ClaimLead, r.RevealContact} == set(decide._ACTIONS)
    assert set(decide._ACTIONS.values()) <= set(access.TABLE)
