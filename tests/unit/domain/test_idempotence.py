"""A request is decided exactly once, however often it is sent."""

from __future__ import annotations

from leadflow.domain import events as e
from leadflow.domain.decide import payload_of
from tests.domain_asks import POOL, arrives, assign, claim, claim_next, contact, convert, passes, returns
from tests.domain_harness import did, given, refused


def test_the_same_request_again_gives_nothing_and_the_first_outcome() -> None:
    scene = given(arrives("a"), arrives("b"))
    one = claim_next().named("r-1")
    scene.when(one, one, one).then(did(e.LeadClaimed, "a", causation="rep/wang:r-1"))
    request = scene.request(one)
    assert scene.pool.outcome_sequence(request.identity, payload_of(request)) == scene.happened[0].sequence


def test_so_does_a_refused_one_even_if_it_could_succeed_now() -> None:
    scene = given(arrives("a"), claim("a", "li"))
    one = claim("a").named("r-1")
    scene.when(one, returns("a", "li"), one).then(refused("already_owned"), did(e.LeadRecycled))
    scene.when(claim("a")).then(did(e.LeadClaimed))


def test_the_same_identity_with_another_payload_is_refused_once() -> None:
    scene = given(arrives("a"), arrives("b"), claim("a").named("r-1"))
    position = scene.pool.sequence
    other, third = claim("b").named("r-1"), contact("a").named("r-1")
    scene.when(other, other, third, claim("a").named("r-1")).then(
        refused("identity_reused", request="ClaimLead", position=position),
        refused("identity_reused", request="LogContact", position=position),
    )
    for one, fact in ((other, scene.happened[0]), (third, scene.happened[1])):
        request = scene.request(one)
        assert scene.pool.outcome_sequence(request.identity, payload_of(request)) == fact.sequence


def test_the_same_id_of_another_sender_is_another_request() -> None:
    given(arrives("a"), arrives("b")).when(claim("a").named("1"), claim("b", "li").named("1")).then(
        did(e.LeadClaimed, rep="wang"), did(e.LeadClaimed, rep="li")
    )


def test_sending_later_changes_nothing_that_is_compared() -> None:
    scene = given(arrives("a"), claim("a").named("r-1"))
    scene.when(claim("a").named("r-1").when("1d")).then()


def test_an_arrival_is_known_by_channel_and_reference_alone() -> None:
    scene = given(arrives("a", person="王芳"))
    scene.when(arrives("a", person="别人", phone="+8613911112222"), arrives("a", by="ma")).then()
    assert scene.pool.outcome_sequence("intake/web_form:a", "") == scene.lead("a").number


def test_facts_of_one_decision_say_their_place_and_their_request() -> None:
    scene = given(policy={"rules": [{"name": "d", "target": {"directed": "li"}}]}).when(arrives("a"))
    first, second = scene.happened
    assert (first.fact_index, first.fact_count, second.fact_index, second.fact_count) == (1, 2, 2, 2)
    assert first.causation == second.causation == "intake/web_form:a"
    assert first.id == f"{POOL}/{first.sequence}"
    assert (first.digest, second.digest) == ("", "")
    scene.when(convert("a", "li"))
    assert len(scene.happened[0].digest) == 16


def test_what_a_deadline_decided_is_no_requests_outcome() -> None:
    scene = given(arrives("a"), assign("a", "li"), passes("3d"))
    known = len(scene.pool.requests)
    scene.when(passes("4d")).then()
    assert len(scene.pool.requests) == known
    assert scene.pool.first_decided(scene.events[-1].causation) is None
