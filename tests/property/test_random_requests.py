"""What holds of every history that a pool decides, however random its requests are."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections import Counter
from datetime import datetime, timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from leadflow.domain import events as e
from leadflow.domain import requests as r
from leadflow.domain.evolve import evolve, initial
from leadflow.domain.policy import Policy
from leadflow.domain.pool import Pool
from leadflow.log.envelope import GENESIS, decode, decode_request, encode, encode_request
from leadflow.log.packing import dumps, loads
from tests.domain_asks import START, Ask, offset
from tests.domain_harness import Scene
from tests.pool_checks import check_invariants, differences, folded
from tests.random_requests import POOL, RandomRequests, documents, main, reordered

SEEDS = tuple(range(int(os.environ.get("LEADFLOW_TEST_SEEDS", "12"))))
REQUESTS = 250
ROOT = Path(__file__).resolve().parents[2]


@cache
def history(seed: int) -> RandomRequests:
    print(f"seed {seed}")
    return RandomRequests(seed).run(REQUESTS)


def replay(asks: list[Ask], every: timedelta | None = None) -> Scene:
    """The same requests again; with `every`, the clock is asked in between as well."""
    scene = Scene(POOL)
    for one in asks:
        assert one.at is not None
        moment = START + offset(one.at)
        while every is not None and scene.now + every < moment:
            scene.now += every
            scene.drain()
        scene.do(one)
    return scene


def test_the_histories_hold_every_kind_of_fact() -> None:
    kinds = Counter(type(x.data) for seed in SEEDS for x in history(seed).scene.events)
    other_streams = {e.RoutingPublished, e.SpendRecorded, e.LeadTransferredIn}
    assert set(e.FACTS.values()) - other_streams == set(kinds), kinds


@pytest.mark.parametrize("seed", SEEDS)
def test_folding_all_facts_anew_gives_the_same_state(seed: int) -> None:
    scene = history(seed).scene
    found = list(differences(scene.stream, folded(scene.events, POOL)))
    assert not found, "\n".join(found)
    written = [decode(document) for document in documents(scene)]
    assert written == scene.events
    found = list(differences(scene.stream, folded(written, POOL)))
    assert not found, "\n".join(found)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_indexes_of_the_state_agree_at_every_moment(seed: int) -> None:
    pool = Pool(POOL)
    for number, event in enumerate(history(seed).scene.events):
        evolve(pool, event)
        if event.fact_index == event.fact_count and number % 7 == 0:
            check_invariants(pool)
    check_invariants(pool)


@pytest.mark.parametrize("seed", SEEDS)
def test_sequences_are_gapless_and_time_never_goes_back(seed: int) -> None:
    events = history(seed).scene.events
    assert [x.sequence for x in events] == list(range(1, len(events) + 1))
    assert all(one.time <= other.time for one, other in pairwise(events))
    place, count = 0, 0
    for event in events:
        if place == count:
            place, count = 0, event.fact_count
        place += 1
        assert (event.fact_index, event.fact_count) == (place, count)


def _given(data: e.Fact) -> str | None:
    if isinstance(data, e.LeadClaimed):
        return data.rep
    return data.to if isinstance(data, (e.LeadAssigned, e.LeadHandedOver)) else None


@pytest.mark.parametrize("seed", SEEDS)
def test_a_lead_has_one_owner_and_nobody_is_given_more_than_its_cap(seed: int) -> None:
    pool = Pool(POOL)
    owner: dict[str, str] = {}
    for event in history(seed).scene.events:
        data, lead = event.data, event.subject
        rep = _given(data)
        if isinstance(data, e.LeadHandedOver):
            assert owner.pop(lead) == data.from_rep
        elif isinstance(data, e.LeadRecycled):
            assert owner.pop(lead) == data.rep
        elif isinstance(data, e.LeadConverted):
            assert owner.pop(lead) == data.owner
        elif isinstance(data, e.LeadDisqualified):
            assert owner.pop(lead, None) == data.owner
        elif isinstance(data, e.LeadsMerged):
            assert owner.pop(data.absorbed, None) == data.absorbed_owner
        evolve(pool, event)
        if rep is not None:
            assert lead not in owner
            owner[lead] = rep
            cap = pool.cap_of(pool.members[rep])
            assert cap is None or len(pool.members[rep].held) <= cap
    assert owner == {lead.id: lead.owner for lead in pool.leads.values() if lead.status == "private"}


def _later(one: datetime | None, other: datetime | None) -> bool:
    """Whether a promise reaches at least as far as another; None is for ever."""
    return one is None or (other is not None and one >= other)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_promise_is_never_shortened_and_ends_at_its_moment(seed: int) -> None:
    until: dict[str, datetime | None] = {}
    protected: set[str] = set()
    before = START
    for event in history(seed).scene.events:
        data, lead = event.data, event.subject
        if isinstance(data, e.LeadHandedOver) and not data.fresh:
            assert _later(data.until, until[lead])
        elif lead in until and isinstance(data, (e.ProtectionEnded, e.ContactLogged)):
            assert _later(data.until, until[lead])
            until[lead] = data.until
        if isinstance(data, e.LeadProtected):
            protected.add(lead)
        elif isinstance(data, (e.ProtectionEnded, e.LeadRecycled, e.LeadHandedOver, e.LeadConverted)):
            if isinstance(data, e.LeadRecycled) and event.actor == "system/clock":
                assert lead not in protected
                promised = until[lead]
                assert promised is not None
                assert event.time == max(promised, before)
            protected.discard(lead)
        if _given(data) is not None and isinstance(data, (e.LeadClaimed, e.LeadAssigned, e.LeadHandedOver)):
            until[lead] = data.until
        elif isinstance(data, (e.LeadRecycled, e.LeadConverted, e.LeadDisqualified)):
            until.pop(lead, None)
            protected.discard(lead)
        elif isinstance(data, e.LeadsMerged):
            until.pop(data.absorbed, None)
            protected.discard(data.absorbed)
        before = event.time


@pytest.mark.parametrize("seed", SEEDS)
def test_claims_stay_within_the_limits_in_force(seed: int) -> None:
    pool = Pool(POOL)
    claims: Counter[tuple[Any, ...]] = Counter()
    last: dict[str, datetime] = {}
    left: dict[tuple[str, str], datetime] = {}
    for event in history(seed).scene.events:
        data = event.data
        if isinstance(data, e.LeadClaimed):
            rules, working = pool.policy.claiming, pool.working
            day = working.local_day(event.time)
            claims[data.rep, day] += 1
            claims[day,] += 1
            claims[data.rep, day, data.score_class] += 1
            of_class = rules.per_class_per_day.get(data.score_class or "")
            bounds = [
                (claims[data.rep, day], rules.per_rep_per_day),
                (claims[day,], rules.per_pool_per_day),
                (claims[data.rep, day, data.score_class], of_class),
                *[
                    (sum(claims[rep, day] for rep in pool.members if _in(pool, rep, group)), limit)
                    for group, limit in rules.per_group_per_day.items()
                    if _in(pool, data.rep, group)
                ],
            ]
            assert all(limit is None or used <= limit for used, limit in bounds), (event.id, bounds)
            if rules.min_gap is not None and data.rep in last:
                assert event.time >= working.add(last[data.rep], rules.min_gap, anyway=True)[0]
            if rules.cool_down is not None and (data.rep, event.subject) in left:
                cooled = working.add(left[data.rep, event.subject], rules.cool_down, anyway=True)[0]
                assert event.time >= cooled
            last[data.rep] = event.time
        elif isinstance(data, e.LeadRecycled):
            left[data.rep, event.subject] = event.time
        elif isinstance(data, e.LeadHandedOver):
            left[data.from_rep, event.subject] = event.time
        evolve(pool, event)


def _in(pool: Pool, rep: str, group: str) -> bool:
    reps = pool.policy.groups[group].reps
    return reps == "all" or rep in reps


@pytest.mark.parametrize("seed", SEEDS)
def test_each_rotation_keeps_its_shares(seed: int) -> None:
    for event in history(seed).scene.events:
        data = event.data
        if isinstance(data, e.LeadAssigned) and data.shares is not None:
            there = [c for c in data.candidates if c.skipped is None]
            assert data.to in [c.rep for c in there]
            total = sum(c.weight for c in there)
            assert sum(c.had or 0 for c in there) == data.shares.turn - 1
            for rep in there:
                had = (rep.had or 0) + (rep.rep == data.to)
                assert abs(had * total - rep.weight * data.shares.turn) < total


@pytest.mark.parametrize("seed", SEEDS)
def test_an_absence_changes_no_byte(seed: int) -> None:
    reference = documents(history(seed).scene)
    assert documents(replay(history(seed).asks, timedelta(minutes=13))) == reference


@pytest.mark.parametrize("seed", SEEDS[:6])
def test_restarts_from_the_log_or_a_snapshot_change_no_byte(seed: int) -> None:
    rng = random.Random(seed)
    scene = Scene(POOL)
    for one in history(seed).asks:
        chance = rng.random()
        if chance < 0.05:
            fresh = initial(POOL)
            for event in scene.events:
                evolve(fresh, event)
            scene.stream = fresh
        elif chance < 0.15:
            scene.stream = loads(dumps(scene.stream))
        scene.do(one)
    assert documents(scene) == documents(history(seed).scene)


@pytest.mark.parametrize("seed", SEEDS[:6])
def test_sending_everything_twice_changes_no_byte(seed: int) -> None:
    twice = [again for one in history(seed).asks for again in (one, one)]
    assert documents(replay(twice)) == documents(history(seed).scene)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_request_survives_its_document(seed: int) -> None:
    scene = Scene(POOL)
    for one in history(seed).asks:
        request = scene.request(one)
        again = decode_request(encode_request(request))
        assert again == request
        assert again.payload_digest == request.payload_digest


@pytest.mark.parametrize("seed", SEEDS[:6])
def test_no_decision_depends_on_the_order_of_a_policys_members(seed: int) -> None:
    """Documents are compared without the chain, and without the policies' own."""

    def turned(one: Ask) -> Ask:
        if not isinstance(one.body, (r.OpenPool, r.PublishPolicy)):
            return one
        document = reordered(one.body.policy.model_dump(mode="json", by_alias=True))
        return one._replace(body=one.body.model_copy(update={"policy": Policy.model_validate(document)}))

    def facts(scene: Scene) -> list[bytes]:
        alike = [x._replace(digest="") for x in scene.events if not isinstance(x.data, e.PolicyPublished)]
        return [encode(event, GENESIS) for event in alike]

    other = replay([turned(one) for one in history(seed).asks])
    assert facts(other) == facts(history(seed).scene)


def test_no_decision_depends_on_the_machine(capsys: pytest.CaptureFixture[str]) -> None:
    """Hash seed, time zone and locale are the process's, so each is another process."""
    seeds = ["3", "5"]
    main(seeds)
    expected = capsys.readouterr().out
    for hash_seed, zone, locale in (("1", "America/New_York", "C"), ("77", "Asia/Kathmandu", "de_DE.UTF-8")):
        environment = {
            **os.environ,
            "PYTHONHASHSEED": hash_seed,
            "TZ": zone,
            "LC_ALL": locale,
            "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}",
        }
        found = subprocess.run(
            [sys.executable, "-m", "tests.random_requests", *seeds],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=300,
        )
        assert found.stdout == expected, (hash_seed, zone, locale)
