"""Editing, merging, and moving a lead to another pool."""

from __future__ import annotations

import pytest

from leadflow.domain import events as e
from leadflow.domain import requests as r
from tests.domain_asks import (
    Ask,
    arrives,
    assign,
    claim,
    convert,
    disqualify,
    edit,
    lead_id,
    merge,
    own_phone,
    passes,
    reopen,
    transfer,
)
from tests.domain_harness import Scene, did, given, refused


def test_an_edit_corrects_what_is_given_and_adds_contact_points() -> None:
    scene = given(
        arrives("a", person="王", region="上海", note="old", answers={"x": "1", "y": "2"}), claim("a")
    )
    scene.when(
        edit("a", "wang", name="王芳", city="浦东", emails=("a@example.com",), answers={"x": "3"}),
        convert("a"),
    )
    fact = scene.only(e.LeadConverted)[0]
    assert (fact.person.name, fact.person.note) == ("王芳", "old")
    assert (fact.person.phones, fact.person.emails) == ((own_phone("a"),), ("a@example.com",))
    assert fact.person.answers == {"x": "3", "y": "2"}
    assert (fact.company.region, fact.company.city) == ("上海", "浦东")
    scene.when(arrives("b", phone=None, email="a@example.com")).then(did(e.TouchRecorded, "a"))


def test_an_edit_may_give_the_leads_own_contact_point_again() -> None:
    scene = given(arrives("a"), claim("a")).when(edit("a", "wang", phones=(own_phone("a"),), name="王芳"))
    scene.then(did(e.LeadDetailsChanged, "a"))


@pytest.mark.parametrize(
    ("known", "edited", "place"),
    [
        ({"region": "广东", "city": "深圳"}, {"region": "四川"}, ("四川", None)),
        ({"region": "广东", "city": "深圳"}, {"region": "四川", "city": "成都"}, ("四川", "成都")),
        ({"region": "广东", "city": "深圳"}, {"region": "广东"}, ("广东", "深圳")),
        ({"region": "广东", "city": "深圳"}, {"city": "广州"}, ("广东", "广州")),
        ({"region": "广东", "city": "深圳"}, {"name": "王芳"}, ("广东", "深圳")),
        ({"city": "Springfield"}, {"region": "美国"}, ("美国", "Springfield")),
        ({"region": "广东"}, {"region": "四川"}, ("四川", None)),
    ],
)
def test_an_edit_to_another_region_takes_the_old_ones_city_away(
    known: dict[str, str], edited: dict[str, str], place: tuple[str, str | None]
) -> None:
    scene = given(arrives("a", **known), claim("a")).when(edit("a", **edited), convert("a"))
    company = scene.only(e.LeadConverted)[0].company
    assert (company.region, company.city) == place
    corrected = scene.only(e.LeadDetailsChanged)[0].company.city
    assert corrected == ("" if "city" in known and place[1] is None else edited.get("city"))


def test_a_city_that_was_taken_away_is_filled_in_by_who_comes_again() -> None:
    scene = given(arrives("a", region="广东", city="深圳"), claim("a")).when(edit("a", region="四川"))
    scene.when(arrives("b", phone=own_phone("a"), region="四川", city="成都"), convert("a"))
    company = scene.only(e.LeadConverted)[0].company
    assert (company.region, company.city) == ("四川", "成都")


def test_a_contact_point_of_another_lead_is_refused_and_named_to_managers_only() -> None:
    scene = given(arrives("a"), claim("a"), arrives("b"))
    scene.when(edit("a", phones=(own_phone("b"),)), edit("a", "wang", phones=(own_phone("b"),))).then(
        refused("contact_taken", "a", detail=f"phone of lead {lead_id('b')}"),
        refused("contact_taken", "a", detail="phone"),
    )


def test_an_edit_needs_something_to_change_and_a_live_lead() -> None:
    scene = given(arrives("a"), disqualify("a", "ma"), arrives("b"))
    scene.when(edit("a", city="上海"), edit("b"), edit("b", "wang", city="上海")).then(
        refused("disqualified", "a"),
        refused("nothing_to_change", "b"),
        refused("not_permitted", "b"),
    )


# --- merging --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "second", "place"),
    [
        ({"region": "北京"}, {"region": "四川", "city": "成都"}, ("北京", None)),
        ({"region": "四川"}, {"region": "四川", "city": "成都"}, ("四川", "成都")),
        ({"city": "Springfield"}, {"region": "四川", "city": "成都"}, ("四川", "成都")),
        ({"city": "Springfield"}, {"city": "成都"}, (None, "Springfield")),
        ({"city": "Springfield"}, {}, (None, "Springfield")),
        ({"city": "昆山"}, {"region": "江苏", "city": "昆山"}, ("江苏", "昆山")),
        ({}, {"region": "四川", "city": "成都"}, ("四川", "成都")),
        ({}, {"city": "成都"}, (None, "成都")),
        ({"region": "四川", "city": "成都"}, {"region": "北京", "city": "北京"}, ("四川", "成都")),
        ({"region": "北京"}, {"city": "成都"}, ("北京", None)),
    ],
)
def test_region_and_city_are_one_place_and_come_from_one_arrival(
    first: dict[str, str], second: dict[str, str], place: tuple[str | None, str | None]
) -> None:
    touched = given(arrives("a", **first), arrives("b", phone=own_phone("a"), **second))
    merged = given(arrives("a", **first), arrives("b", **second), merge("a", "b"))
    for scene in (touched, merged):
        company = scene.lead("a").unpack().company
        assert (company.region, company.city) == place


def test_the_surviving_lead_keeps_its_owner_and_both_histories() -> None:
    scene = given(
        arrives("a", email="a@example.com", person="王芳"),
        claim("a"),
        arrives("b", wechat="wx", region="上海", person="王小芳"),
        claim("b", "li"),
    ).when(merge("a", "b"))
    scene.then(did(e.LeadsMerged, "a", absorbed=lead_id("b"), absorbed_owner="li"))
    assert scene.lead("a").owner == "wang"
    assert not scene.pool.members["li"].held
    known = scene.lead("a").unpack()
    assert [touch.ref for touch in known.touches] == ["a", "b"]
    assert known.person.phones == (own_phone("a"), own_phone("b"))
    assert (known.person.name, known.company.region) == ("王芳", "上海")
    scene.when(arrives("c", phone=None, wechat="wx"), claim("b", "li"), passes("3d")).then(
        did(e.TouchRecorded, "a", matched_by="wechat"),
        refused("merged", "b", detail=lead_id("a")),
        did(e.LeadRecycled, "a", rep="wang"),
    )


def test_a_merge_scores_anew_what_it_fills_in() -> None:
    scoring = {"base": 5, "rules": [{"name": "core", "points": 30, "when": {"region": ["上海"]}}]}
    scene = given(arrives("a"), arrives("b", region="上海"), policy={"scoring": scoring})
    scene.when(merge("a", "b")).then(did(e.LeadsMerged), did(e.LeadRescored, "a", before=5, score=35))


def test_a_customer_takes_a_lead_in() -> None:
    scene = given(arrives("a"), claim("a"), convert("a"), arrives("b"), claim("b", "li"))
    scene.when(merge("a", "b"), arrives("c", phone=own_phone("b"))).then(
        did(e.LeadsMerged, "a", absorbed=lead_id("b")),
        did(e.TouchRecorded, "a", owner="wang", status="converted"),
    )


def test_what_cannot_be_merged() -> None:
    scene = given(
        arrives("a"), arrives("b"), claim("b"), convert("b"), arrives("c"), arrives("d"), merge("c", "d")
    )
    scene.given(arrives("e"), disqualify("e", "ma"))
    scene.when(
        merge("a", "a"), merge("a", "b"), merge("a", "d"), merge("d", "a"), merge("e", "a"), merge("a", "x")
    ).then(
        refused("same_lead", "a"),
        refused("converted", "b"),
        refused("merged", "d"),
        refused("merged", "d"),
        refused("disqualified", "e"),
        refused("unknown_lead", "a"),
    )


def test_a_disqualified_lead_may_be_absorbed_and_is_not_reopened_by_itself() -> None:
    scene = given(arrives("a"), arrives("b"), disqualify("b", "ma"), merge("a", "b"))
    scene.when(arrives("c", phone=own_phone("b")), reopen("b")).then(
        did(e.TouchRecorded, "a"), refused("not_disqualified", "b", detail="merged")
    )


# --- moving to another pool -----------------------------------------------------------------


def passed_on(scene: Scene, to: Scene) -> Scene:
    """What the engine does with a lead that left: the other pool is asked to take it in."""
    event = next(x for x in reversed(scene.events) if isinstance(x.data, e.LeadTransferredOut))
    out = event.data
    assert isinstance(out, e.LeadTransferredOut)
    body = r.ReceiveTransfer(
        lead=event.subject,
        from_pool=event.pool,
        from_fact=event.id,
        person=out.person.model_copy(update={"reason": None}),
        company=out.company,
        touches=out.touches,
        asked=out.asked,
        filled=out.filled,
    )
    one = Ask(body, "system/transfer", id=event.id)
    return to.when(one, one)


def test_touches_costs_and_details_go_along_and_the_two_facts_name_each_other() -> None:
    channels = {"channels": {"survey": {"unit_cost": 3}}}
    scene = given(arrives("a", region="上海", asked=4, filled=2), policy=channels)
    scene.given(arrives("b", phone=own_phone("a"), channel="survey"))
    scene.when(transfer("a")).then(did(e.LeadTransferredOut, "a", to_pool="west", asked=4, filled=2))
    west = passed_on(scene, given(pool="west", policy={"scoring": {"completeness": 20}}))
    west.then(
        did(
            e.LeadTransferredIn,
            "a",
            from_pool="east",
            from_fact=scene.happened[0].id,
            into=None,
            score=10,
            rule="hold",
            actor="system/transfer",
        )
    )
    arrived = west.only(e.LeadTransferredIn)[0]
    assert [(touch.ref, touch.cost and touch.cost.amount) for touch in arrived.touches] == [
        ("a", None),
        ("b", 3),
    ]
    assert arrived.person.phones == (own_phone("a"),)
    west.when(claim("a")).then(did(e.LeadClaimed, "a"))
    # Its contact points are free where it left.
    scene.when(arrives("c", phone=own_phone("a"))).then(did(e.LeadCaptured, "c"))


def test_a_lead_that_comes_in_is_distributed_by_the_rules_there() -> None:
    scene = given(arrives("a")).given(transfer("a"))
    rules = {"rules": [{"name": "all", "target": {"rotation": "sales"}}]}
    passed_on(scene, given(pool="west", policy=rules)).then(
        did(e.LeadTransferredIn, "a", rule="all"), did(e.LeadAssigned, "a", to="wang", mode="rotation")
    )


def test_where_the_person_is_known_the_touches_join_that_lead() -> None:
    scene = given(arrives("a", region="上海")).given(transfer("a"))
    scoring = {"rules": [{"name": "core", "points": 30, "when": {"region": ["上海"]}}]}
    west = given(arrives("known", phone=own_phone("a")), pool="west", policy={"scoring": scoring})
    known = lead_id("known", pool="west")
    passed_on(scene, west).then(
        did(e.LeadTransferredIn, known, into=known, rule=None), did(e.LeadRescored, known, score=30)
    )
    assert [touch.ref for touch in west.pool.leads[known].unpack().touches] == ["known", "a"]


def test_other_leads_that_it_matches_are_named_and_keep_their_contact_points() -> None:
    scene = given(arrives("a", email="a@example.com")).given(transfer("a"))
    west = given(arrives("mail", email="a@example.com"), arrives("phone", phone=own_phone("a")), pool="west")
    by_phone, by_mail = lead_id("phone", pool="west"), lead_id("mail", pool="west")
    passed_on(scene, west).then(did(e.LeadTransferredIn, by_phone, into=by_phone, also_matches=(by_mail,)))
    assert west.pool.leads[by_phone].unpack().person.emails == ()
    assert west.pool.leads[by_mail].unpack().person.emails == ("a@example.com",)


def test_a_known_closed_lead_is_reopened_by_it() -> None:
    scene = given(arrives("a")).given(transfer("a"))
    west = given(arrives("known", phone=own_phone("a")), pool="west")
    known = lead_id("known", pool="west")
    west.do(Ask(r.DisqualifyLead(lead=known, code="x"), "manager/ma"))
    passed_on(scene, west).then(did(e.LeadTransferredIn, known), did(e.LeadReopened, known, cause="touch"))


def test_a_lead_may_come_back() -> None:
    scene = given(arrives("a")).given(transfer("a"))
    west = passed_on(scene, given(pool="west"))
    west.given(transfer("a", "east"))
    passed_on(west, scene).then(did(e.LeadTransferredIn, "a", from_pool="west"))
    scene.when(arrives("b", phone=own_phone("a")), claim("a")).then(
        did(e.TouchRecorded, "a"), did(e.LeadClaimed, "a")
    )


def test_what_cannot_be_moved() -> None:
    scene = given(arrives("a"), claim("a"), arrives("b"), disqualify("b", "ma"), arrives("c"))
    scene.when(
        transfer("a"),
        transfer("b"),
        transfer("c", "east"),
        transfer("c", "_company"),
        transfer("c"),
        transfer("c"),
    ).then(
        refused("owned", "a", winner="wang", position=scene.lead("a").owner_seq),
        refused("disqualified", "b"),
        refused("same_pool", "c"),
        refused("same_pool", "c"),
        did(e.LeadTransferredOut, "c"),
        refused("transferred", "c"),
    )
    scene.when(assign("c", "li"), claim("c")).then(refused("transferred", "c"), refused("transferred", "c"))


def test_only_leadflow_itself_brings_a_transfer_in() -> None:
    body = r.ReceiveTransfer.model_validate(
        {
            "lead": "x",
            "from_pool": "west",
            "from_fact": "west/1",
            "person": {"phones": ["+861"]},
            "company": {},
            "touches": [{"channel": "seo", "ref": "1", "door": "file"}],
        }
    )
    given().when(Ask(body, "manager/ma")).then(refused("not_permitted"))
