"""Time: requests are decided in the log's order, deadlines at their own moment, whoever was away."""

from __future__ import annotations

import pytest

from leadflow.domain import events as e
from leadflow.domain import requests as r
from leadflow.domain.deadlines import decide_due
from leadflow.domain.evolve import OutOfSequence, evolve, initial
from leadflow.log.envelope import GENESIS, encode
from tests.domain_asks import (
    HOLD,
    ROTATE,
    Ask,
    arrives,
    ask,
    assign,
    at,
    changes,
    claim,
    collaborate,
    contact,
    passes,
    pause,
    protect,
    returns,
)
from tests.domain_harness import Scene, did, given, refused


def documents(scene: Scene) -> list[bytes]:
    return [encode(event, GENESIS) for event in scene.events]


def test_a_request_is_decided_no_earlier_than_the_last_fact() -> None:
    scene = given(arrives("a", at="2h")).when(claim("a", at="1h"))
    scene.then(did(e.LeadClaimed, time="2h", until="3d2h"))


def test_a_deadline_takes_effect_between_the_requests_before_and_after_it() -> None:
    before = given(arrives("a"), claim("a")).when(contact("a", at="2d23h59m59s"), passes("4d"))
    before.then(did(e.ContactLogged, until="9d23h59m59s"))
    after = given(arrives("a"), claim("a")).when(contact("a", at="3d1s"))
    after.then(did(e.LeadRecycled, time="3d"), refused("not_permitted", "a"))


def test_at_its_very_moment_the_deadline_comes_first() -> None:
    given(arrives("a"), claim("a")).when(claim("a", "li", at="3d")).then(
        did(e.LeadRecycled, time="3d"), did(e.LeadClaimed, rep="li", time="3d")
    )


def test_a_deadline_that_was_missed_takes_effect_at_the_last_facts_time() -> None:
    scene = given(arrives("a"), claim("a"))
    # The log received a request late, by a writer whose deadlines were not drained.
    late = ask(r.PauseMember(member="zhao"), at="5d")
    from leadflow.domain.decide import decide

    scene._take(decide(scene.stream, scene.request(late), at("5d")))
    scene.when(passes("5d")).then(did(e.LeadRecycled, time="5d"))


@pytest.mark.parametrize(
    ("asks", "kind", "cause"),
    [
        ((arrives("a"), claim("a"), passes("3d")), e.LeadRecycled, e.LeadClaimed),
        ((arrives("a"), claim("a"), contact("a", at="1d"), passes("8d")), e.LeadRecycled, e.ContactLogged),
        ((arrives("a"), claim("a"), passes("2d")), e.RecycleWarned, e.LeadClaimed),
        (
            (arrives("a"), claim("a"), protect("a", until="1d"), passes("1d")),
            e.ProtectionEnded,
            e.LeadProtected,
        ),
        (
            (arrives("a"), claim("a"), collaborate("a", "su", expires="1d"), passes("1d")),
            e.CollaboratorRemoved,
            e.CollaboratorAdded,
        ),
        ((pause("li", until="1d"), passes("1d")), e.MemberResumed, e.MemberPaused),
        ((arrives("a"), passes("1d")), e.LeadAssigned, e.LeadCaptured),
        ((arrives("a"), assign("a", "li"), returns("a", "li"), passes("1d")), e.LeadAssigned, e.LeadRecycled),
    ],
)
def test_what_the_clock_decides_is_the_systems_caused_by_the_fact_that_set_it(
    asks: tuple[Ask, ...], kind: type[e.Fact], cause: type[e.Fact]
) -> None:
    policy = {
        "follow_up": {"protected_per_rep": 1, "warn_before": ["1d"]},
        "rules": [HOLD],
        "recycling": {"assign_after": "1d", "fallback": "sales"},
    }
    scene = given(*asks, policy=policy)
    event = next(x for x in reversed(scene.events) if isinstance(x.data, kind))
    assert event.actor == "system/clock"
    assert (event.fact_index, event.fact_count) == (1, 1)
    pool, _, sequence = event.causation.partition("/")
    assert pool == scene.pool.id
    assert isinstance(scene.events[int(sequence) - 1].data, cause)
    assert b'"authtype":"system"' in encode(event, GENESIS)
    scene.check()


def test_a_pause_ends_by_itself_and_waiting_leads_go_out() -> None:
    scene = given(pause("wang", until="1h"), arrives("a"), policy={"rules": [ROTATE]}, reps=("wang",))
    scene.when(passes("1h")).then(did(e.MemberResumed, time="1h"), did(e.LeadAssigned, "a", time="1h"))


def test_who_was_paused_again_is_not_resumed_by_the_old_time() -> None:
    scene = given(pause("wang", until="1h"), ask(r.ResumeMember(member="wang")), pause("wang", until="3h"))
    scene.when(passes("2h")).then().when(passes("3h")).then(did(e.MemberResumed, time="3h"))


def test_an_absence_changes_no_decision() -> None:
    policy = {
        "rules": [ROTATE],
        "follow_up": {"warn_before": ["1d", "2h"], "protected_per_rep": 1},
        "recycling": {"after_recycle": "rotate", "assign_after": "24h", "fallback": "sales"},
        "claiming": {"held_at_once": 2},
    }
    asks = [
        changes("li", hours="09:00-18:00"),
        arrives("a"),
        arrives("b"),
        contact("a", at="1d"),
        arrives("c", at="2d12h"),
        protect("a", at="3d", until="9d"),
        arrives("d", at="4d"),
        pause("zhao", at="5d", until="7d"),
        arrives("e", at="11d"),
        passes("30d"),
    ]
    away = given(*asks, policy=policy)
    there = given(policy=policy)
    for one in asks:
        moment = there.now if one.at is None else at(one.at)
        while there.now < moment:
            there.now = min(moment, there.now + (at("7m") - at("0s")))
            there.drain()
        there.do(one)
    assert documents(there) == documents(away)
    assert len(away.events) > 30


def test_a_restart_changes_no_decision() -> None:
    policy = {"rules": [ROTATE], "recycling": {"after_recycle": "rotate"}}
    leave = [{"first_day": "2026-03-03", "last_day": "2026-03-20"}]
    asks = [
        changes("li", hours="11:00-11:30", leave=leave),
        arrives("a"),
        returns("a", at="2h"),
        claim("nobody", at="20h"),
        arrives("b", at="3d"),
        passes("9d"),
    ]
    whole = given(*asks, policy=policy, reps=("wang", "li"))
    restarted = given(policy=policy, reps=("wang", "li"))
    for one in asks:
        fresh = initial(restarted.stream.id)
        for event in restarted.events:
            evolve(fresh, event)
        restarted.stream = fresh
        restarted.do(one)
    assert documents(restarted) == documents(whole)


def test_asking_for_deadlines_again_gives_nothing() -> None:
    scene = given(arrives("a"), claim("a"), passes("3d"))
    assert decide_due(scene.pool, at("3d")) == []


def test_a_fact_out_of_its_place_is_refused_loudly() -> None:
    scene = given(arrives("a"))
    with pytest.raises(OutOfSequence):
        evolve(scene.pool, scene.events[-1])
    with pytest.raises(OutOfSequence):
        evolve(initial("west"), scene.events[0])
