"""Intake and duplicates: an arrival is a lead, or a touch of the lead that it is."""

from __future__ import annotations

from decimal import Decimal

import pytest

from leadflow.domain import events as e
from leadflow.domain.values import Money
from tests.domain_asks import arrives, claim, convert, disqualify, lead_id, own_phone, passes, publish, reopen
from tests.domain_harness import did, given, refused


def test_a_new_person_is_a_lead_in_the_public_pool() -> None:
    scene = given().when(arrives("a")).then(did(e.LeadCaptured, "a", actor="adapter/file", rule="hold"))
    assert scene.lead("a").status == "public"


def test_the_same_phone_is_a_touch_of_that_lead_never_a_second_lead() -> None:
    given(arrives("a", phone="+8613800000001")).when(arrives("b", phone="+8613800000001")).then(
        did(e.TouchRecorded, "a", matched_by="phone", also_matches=(), status="public", owner=None)
    )


@pytest.mark.parametrize(("kind", "value"), [("email", "a@example.com"), ("wechat", "wx_a")])
def test_an_e_mail_or_a_wechat_id_is_enough(kind: str, value: str) -> None:
    given(arrives("a", **{kind: value})).when(arrives("b", phone=None, **{kind: value})).then(
        did(e.TouchRecorded, "a", matched_by=kind)
    )


def test_matching_goes_phone_then_e_mail_then_wechat_and_names_the_others() -> None:
    three = (
        arrives("w", wechat="wx"),
        arrives("e", email="x@example.com"),
        arrives("p", phone="+8613800000001"),
    )
    given(*three).when(arrives("new", phone="+8613800000001", email="x@example.com", wechat="wx")).then(
        did(e.TouchRecorded, "p", matched_by="phone", also_matches=(lead_id("w"), lead_id("e")))
    )
    given(*three).when(arrives("new", phone=None, email="x@example.com", wechat="wx")).then(
        did(e.TouchRecorded, "e", matched_by="email", also_matches=(lead_id("w"),))
    )


def test_of_several_that_match_by_the_same_kind_it_is_the_oldest() -> None:
    scene = given(arrives("old"), arrives("young"))
    both = arrives("new")
    body = both.body.model_copy(  # type: ignore[union-attr]
        update={
            "person": both.body.person.model_copy(  # type: ignore[union-attr]
                update={"phones": (own_phone("young"), own_phone("old"))}
            )
        }
    )
    scene.when(both._replace(body=body)).then(
        did(e.TouchRecorded, "old", matched_by="phone", also_matches=(lead_id("young"),))
    )


def test_a_touch_keeps_the_owner_and_its_deadline() -> None:
    scene = given(arrives("a"), claim("a", "wang")).when(arrives("b", phone=own_phone("a"), at="1d"))
    scene.then(did(e.TouchRecorded, "a", owner="wang", status="private"))
    scene.when(passes("3d")).then(did(e.LeadRecycled, "a", rep="wang", reason="no_first_contact"))


def test_new_contact_points_join_the_lead() -> None:
    scene = given(arrives("a"), arrives("b", phone=own_phone("a"), email="new@example.com"))
    scene.when(arrives("c", phone=None, email="new@example.com")).then(
        did(e.TouchRecorded, "a", matched_by="email")
    )


def test_a_contact_point_that_another_lead_has_stays_with_that_lead() -> None:
    scene = given(
        arrives("a"),
        arrives("other", email="x@example.com"),
        arrives("b", phone=own_phone("a"), email="x@example.com"),
    )
    scene.when(arrives("c", phone=None, email="x@example.com")).then(
        did(e.TouchRecorded, "other", matched_by="email")
    )
    assert scene.lead("a").unpack().person.emails == ()


def test_a_disqualified_lead_that_comes_again_is_reopened_into_the_public_pool() -> None:
    scene = given(arrives("a"), claim("a"), disqualify("a"))
    scene.when(arrives("b", phone=own_phone("a"))).then(
        did(e.TouchRecorded, "a", status="disqualified", owner=None),
        did(e.LeadReopened, "a", cause="touch"),
    )
    assert scene.lead("a").status == "public"
    scene.when(claim("a", "li")).then(did(e.LeadClaimed, "a", rep="li"))


def test_a_manager_reopens_a_disqualified_lead() -> None:
    given(arrives("a"), disqualify("a", by="ma")).when(reopen("a"), reopen("a")).then(
        did(e.LeadReopened, "a", cause="manual"), refused("not_disqualified", "a", detail="public")
    )


def test_a_touch_of_a_customer_is_recorded_and_names_the_owner_to_be_told() -> None:
    scene = given(arrives("a"), claim("a"), convert("a"))
    scene.when(arrives("b", phone=own_phone("a"), email="later@example.com")).then(
        did(e.TouchRecorded, "a", status="converted", owner="wang")
    )
    scene.when(arrives("c", phone=None, email="later@example.com")).then(
        did(e.TouchRecorded, "a", status="converted", matched_by="email")
    )


def test_the_same_arrival_twice_is_one_arrival() -> None:
    scene = given(arrives("a")).when(arrives("a", at="1d", note="sent again with another note"))
    scene.then()
    identity = "intake/web_form:a"
    first = scene.pool.outcome_sequence(identity, "")
    assert first is not None
    assert scene.events[first - 1].subject == lead_id("a")


def test_the_same_reference_in_another_channel_is_another_arrival() -> None:
    given(arrives("a")).when(arrives("a", channel="survey", phone="+8613900000000")).then(
        did(e.LeadCaptured, lead_id("a", "survey"))
    )


def test_an_arrival_that_was_refused_may_come_again_from_somebody_who_may_send_it() -> None:
    outsider = arrives("a", by="rep/outsider")
    scene = given(outsider).when(outsider)
    scene.then()
    scene.when(arrives("a")).then(did(e.LeadCaptured, "a"))
    scene.when(arrives("a"), outsider).then()


def test_a_touch_costs_its_own_figure_or_the_channels_unit_cost_or_nothing() -> None:
    channels = {"channels": {"survey": {"unit_cost": "3.50"}, "seo": {}}}
    own = Money(amount=Decimal("9.99"), currency="USD")
    scene = given(policy=channels)
    for number, (channel, cost, expected, basis) in enumerate(
        [
            ("survey", None, Money(amount=Decimal("3.50"), currency="CNY"), "unit_cost"),
            ("survey", own, own, "own"),
            ("seo", None, None, None),
            ("unknown", None, None, None),
        ]
    ):
        scene.when(arrives(f"a{number}", channel=channel, cost=cost))
        captured = scene.happened[0].data
        assert isinstance(captured, e.LeadCaptured)
        assert (captured.touch.cost, captured.touch.cost_basis) == (expected, basis)


def test_a_later_touch_never_overwrites_an_earlier_ones_data() -> None:
    scene = given(
        arrives("a", person="王芳", region="上海", campaign="autumn", landing_page="/a", utm={"source": "x"}),
        arrives("b", phone=own_phone("a"), person="别人", region="北京", industry="医疗", campaign="winter"),
        claim("a"),
    ).when(convert("a"))
    converted = scene.happened[0].data
    assert isinstance(converted, e.LeadConverted)
    assert converted.person.name == "王芳"
    assert (converted.company.region, converted.company.industry) == ("上海", "医疗")
    assert [t.campaign for t in converted.touches] == ["autumn", "winter"]
    assert converted.touches[0].utm == {"source": "x"}


def test_a_touch_that_fills_a_gap_scores_the_lead_anew() -> None:
    scoring = {"base": 10, "rules": [{"name": "core", "points": 30, "when": {"industry": ["医疗"]}}]}
    scene = given(arrives("a"), arrives("other"), policy={"scoring": scoring})
    scene.when(arrives("b", phone=own_phone("a"), industry="医疗")).then(
        did(e.TouchRecorded, "a"), did(e.LeadRescored, "a", before=10, score=40)
    )
    assert [item[2] for item in scene.pool.claimable] == [lead_id("a"), lead_id("other")]


def test_no_calendar_keeps_an_arrival_out() -> None:
    refuses = {"country": "CN", "past_coverage": "refuse"}
    policy = {
        "calendar": refuses,
        "follow_up": {"first_contact_within": "3wd"},
        "rules": [{"name": "rotate", "target": {"rotation": "sales"}}],
    }
    scene = given(policy=policy)
    short = scene.pool.calendar.model_copy(update={"covered_until": scene.now.date()})
    scene.given(publish(policy, calendar=short))
    scene.when(arrives("a")).then(
        did(e.LeadCaptured, "a"), did(e.AssignmentFailed, "a", reason="calendar_not_covered")
    )
    scene.when(claim("a")).then(refused("calendar_not_covered", "a"))


def test_where_there_is_no_working_time_an_arrival_is_still_taken_in() -> None:
    policy = {
        "calendar": {"days": ["mon"], "hours": "09:00-09:01"},
        "follow_up": {"first_contact_within": "26000wh"},
        "rules": [{"name": "rotate", "target": {"rotation": "sales"}}],
    }
    given(policy=policy).when(arrives("a")).then(
        did(e.LeadCaptured, "a"), did(e.AssignmentFailed, "a", reason="no_working_time")
    )


def test_a_member_brings_leads_in_and_an_outsider_does_not() -> None:
    for by in ("ma", "mo", "wang"):
        given().when(arrives("a", by=by)).then(did(e.LeadCaptured, "a"))
    for by in ("support/su", "analyst/an", "auditor/au", "rep/outsider", "manager/outsider"):
        given().when(arrives("a", by=by)).then(refused("not_permitted"))
