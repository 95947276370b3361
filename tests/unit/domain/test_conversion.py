"""Conversion: one request makes a customer, and nothing that is known is lost."""

from __future__ import annotations

from decimal import Decimal

import pytest

from leadflow.domain import events as e
from leadflow.domain import requests as r
from leadflow.domain.policy import Offset
from leadflow.domain.values import Money
from tests.domain_asks import (
    CALENDAR,
    Ask,
    arrives,
    ask,
    at,
    claim,
    collaborate,
    contact,
    convert,
    deal,
    disqualify,
    hand_over,
    lead_id,
    merge,
    own_phone,
    passes,
    protect,
    publish,
    reopen,
    returns,
    reverse,
    transfer,
    withdraw,
)
from tests.domain_harness import did, given, refused


def test_everything_known_is_carried_over_and_the_owner_stays() -> None:
    scene = given(
        arrives(
            "a", person="王芳", email="a@example.com", company="某某公司", region="上海", campaign="autumn"
        ),
        arrives("b", phone=own_phone("a"), wechat="wx_a", industry="医疗", answers={"budget": "10万"}),
        claim("a"),
        contact("a"),
        contact("a", outcome="no_answer"),
    ).when(convert("a", customer="crm-77"))
    scene.then(did(e.LeadConverted, "a", customer="crm-77", owner="wang", contacts=2, captured_sequence=9))
    fact = scene.only(e.LeadConverted)[0]
    assert (fact.person.name, fact.person.phones) == ("王芳", (own_phone("a"),))
    assert (fact.person.emails, fact.person.wechats) == (("a@example.com",), ("wx_a",))
    assert fact.person.answers == {"budget": "10万"}
    assert (fact.company.name, fact.company.region, fact.company.industry) == ("某某公司", "上海", "医疗")
    assert [touch.ref for touch in fact.touches] == ["a", "b"]
    assert scene.lead("a").owner == "wang"


def test_without_an_id_of_its_own_the_customers_id_is_derived() -> None:
    ids = [given(arrives("a"), claim("a"), convert("a")).only(e.LeadConverted)[0].customer for _ in range(2)]
    assert ids[0] == ids[1] != lead_id("a")


def test_converting_twice_is_refused_with_the_first_conversions_position() -> None:
    scene = given(arrives("a"), claim("a"), convert("a"))
    position = scene.pool.sequence
    scene.when(convert("a"), convert("a", "ma")).then(
        *[refused("already_converted", "a", winner="wang", position=position)] * 2
    )


def test_only_who_owns_it_or_a_manager_converts() -> None:
    scene = given(arrives("a"), claim("a"), collaborate("a", "li"), collaborate("a", "su"))
    scene.when(
        convert("a", "li"), convert("a", "su"), convert("a", "mo"), convert("a", "ma", rep="wang")
    ).then(*[refused("not_permitted", "a")] * 3, did(e.LeadConverted, owner="wang", actor="manager/ma"))
    given(arrives("a")).when(convert("a"), convert("a", "ma")).then(
        refused("not_permitted"), refused("not_owned", "a")
    )


def test_a_customer_has_no_deadline_and_does_not_go_back() -> None:
    policy = {"follow_up": {"protected_per_rep": 1, "warn_before": ["1d"]}}
    scene = given(arrives("a"), claim("a"), protect("a"), convert("a"), policy=policy)
    converted = scene.lead("a").closed_seq
    scene.when(passes("300d"), returns("a"), withdraw("a"), disqualify("a"), transfer("a"), reopen("a")).then(
        refused("converted", winner="wang", position=converted),
        refused("converted", winner="wang", position=converted),
        refused("converted"),
        refused("converted"),
        refused("not_disqualified", detail="converted"),
    )


def test_contacts_of_a_merged_lead_are_the_customers_too() -> None:
    scene = given(arrives("a"), claim("a"), arrives("b"), claim("b", "li"))
    scene.given(contact("a"), contact("b", "li"), merge("a", "b"))
    scene.when(convert("a")).then(did(e.LeadConverted, contacts=2))


def test_contacts_go_on_with_a_customer() -> None:
    given(arrives("a"), claim("a"), convert("a")).when(contact("a")).then(
        did(e.ContactLogged, by="wang", until=None)
    )


def test_deals_name_customer_owner_amount_and_currency() -> None:
    scene = given(arrives("a"), claim("a"), convert("a", customer="c-1"), hand_over("a", "li"))
    scene.when(deal("a", "99.90", "li", deal="D-1"), deal("a", 10, "ma"), deal("a", 10, "wang")).then(
        did(
            e.DealRecorded,
            "a",
            customer="c-1",
            owner="li",
            deal="D-1",
            value=Money(amount=Decimal("99.90"), currency="CNY"),
        ),
        did(e.DealRecorded, owner="li", actor="manager/ma"),
        refused("not_permitted"),
    )


@pytest.mark.parametrize("amount", [0, -5])
def test_a_deal_is_worth_something(amount: int) -> None:
    given(arrives("a"), claim("a"), convert("a")).when(deal("a", amount)).then(
        refused("amount_not_positive", "a")
    )


def test_a_deal_needs_a_customer() -> None:
    given(arrives("a"), claim("a")).when(deal("a", 5)).then(refused("not_converted", "a"))


def test_a_recorded_deal_is_reversed_once_and_named_in_full() -> None:
    scene = given(
        arrives("a"), claim("a"), convert("a", customer="c-1"), deal("a", "99.90", deal="D-1", at="15h")
    )
    recorded = scene.pool.sequence
    scene.when(
        reverse("a", recorded, "li"),
        reverse("a", recorded, reason="the order was cancelled", at="3d"),
        reverse("a", recorded, "ma"),
        deal("a", 9),
    )
    reversal = scene.only(e.DealReversed)[0]
    position = next(event.sequence for event in scene.happened if event.data is reversal)
    # The day is the pool's, eight hours ahead.
    scene.then(
        refused("not_permitted"),
        did(
            e.DealReversed,
            "a",
            actor="rep/wang",
            recorded_sequence=recorded,
            customer="c-1",
            value=Money(amount=Decimal("99.90"), currency="CNY"),
            deal="D-1",
            owner="wang",
            day=scene.pool.working.local_day(at("15h")),
        ),
        refused("already_reversed", "a", position=position),
        did(e.DealRecorded),
    )
    assert reversal.person.reason == "the order was cancelled"


def test_a_colleagues_deal_is_reversed_by_a_manager() -> None:
    scene = given(arrives("a"), claim("a"), convert("a"), deal("a", 5), hand_over("a", "li"))
    recorded = scene.pool.sequence - 1
    scene.when(
        reverse("a", recorded, "wang"), reverse("a", recorded, "li"), reverse("a", recorded, "ma", rep="li")
    ).then(
        refused("not_permitted"),
        refused("others_deal", "a", winner="wang", position=recorded),
        did(e.DealReversed, owner="wang", actor="manager/ma"),
    )


def test_the_day_of_a_deal_is_that_of_its_own_time_zone() -> None:
    scene = given(arrives("a"), claim("a"), convert("a"), deal("a", 5, at="15h"))
    recorded, day = scene.pool.sequence, scene.pool.working.local_day(at("15h"))
    assert day != at("15h").date()
    utc = CALENDAR.model_copy(update={"offsets": (Offset(start=CALENDAR.offsets[0].start, minutes=0),)})
    scene.when(publish(calendar=utc), reverse("a", recorded))
    assert scene.pool.working.local_day(at("15h")) != day
    assert scene.only(e.DealReversed)[0].day == day


def test_what_is_no_deal_of_the_customer_is_not_reversed() -> None:
    scene = given(arrives("a"), arrives("b"), claim("a"), claim("b"), convert("a"), deal("a", 5))
    recorded = scene.pool.sequence
    scene.when(
        reverse("b", recorded), convert("b"), reverse("b", recorded), reverse("a", 1), reverse("a", 10**6)
    ).then(
        refused("not_converted", "b"),
        did(e.LeadConverted),
        refused("unknown_deal", "b", position=recorded),
        refused("unknown_deal", "a", position=1),
        refused("unknown_deal", "a", position=10**6),
    )


def test_closing_names_who_why_and_frees_the_rep() -> None:
    scene = given(arrives("a"), claim("a")).when(disqualify("a", note="went bankrupt"), disqualify("a", "ma"))
    position = scene.happened[0].sequence
    scene.then(
        did(e.LeadDisqualified, "a", by="wang", code="no_budget", owner="wang"),
        refused("disqualified", "a", position=position),
    )
    assert scene.happened[0].data.person.note == "went bankrupt"  # type: ignore[attr-defined]
    assert not scene.pool.members["wang"].held


def test_a_manager_closes_a_public_lead_and_a_rep_does_not() -> None:
    given(arrives("a")).when(disqualify("a"), disqualify("a", "ma")).then(
        refused("not_permitted"), did(e.LeadDisqualified, by="ma", owner=None)
    )


def test_a_reopened_lead_is_public_and_keeps_its_past() -> None:
    policy = {"claiming": {"cool_down": "7d"}, "recycling": {"assign_after": "1d", "fallback": "sales"}}
    scene = given(arrives("a"), claim("a"), disqualify("a"), reopen("a", at="1h"), policy=policy)
    scene.when(claim("a"), passes("1d1h")).then(
        refused("cool_down"), did(e.LeadAssigned, "a", mode="timeout", time="1d1h")
    )


@pytest.mark.parametrize("one", [ask(r.UnprotectLead(lead=lead_id("a")), "wang"), returns("a"), convert("a")])
def test_a_closed_lead_is_no_longer_the_reps(one: Ask) -> None:
    given(arrives("a"), claim("a"), disqualify("a")).when(one).then(refused("not_permitted", "a"))
