"""The decider, as a process, on a real broker."""

from __future__ import annotations

import itertools
import random
import signal
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import orjson
import pytest

from leadflow.domain import requests as r
from leadflow.domain.requests import Request
from leadflow.domain.values import derived_id
from leadflow.engine import Engine
from leadflow.intake.files import open_arrivals
from leadflow.log.embedded import EmbeddedLog
from leadflow.log.envelope import decode, encode_request, hash_of
from leadflow.log.kafka import Cluster, Origin, PartitionLog
from leadflow.log.kafka.records import H_ORIGIN, H_REASON
from leadflow.settings import Settings
from tests.deciders import Office, causes, check, decided, deciding, heads
from tests.kafka_broker import create_topics, new_prefix
from tests.processes import until
from tests.team import NOON, arrival, claim, joining, opening, request

OCTOBER = Path(__file__).resolve().parents[2] / "data" / "october"
REPS = ("wang", "li", "zhao")
KILLS = 3


@pytest.fixture
def office(kafka: Cluster) -> Iterator[Office]:
    """Topics of this test's own with three partitions; `east` is in 0, `west` in 2."""
    settings = Settings(kafka_prefix=new_prefix(), kafka_partitions=3)
    create_topics(kafka, settings)
    opened = Office(kafka, settings)
    yield opened
    opened.close()


def lead_of(intake: Request) -> str:
    return derived_id("lead", intake.pool, intake.identity)


def october(count: int) -> Iterator[r.SubmitIntake]:
    """The first arrivals of the October files."""
    files = [("website_forms.jsonl", "web_form"), ("purchased_list.csv", "purchased_list")]
    arrivals = itertools.chain.from_iterable(open_arrivals(OCTOBER / name, c) for name, c in files)
    return itertools.islice((a.arrival.body for a in arrivals if a.arrival.body is not None), count)


def month() -> list[Request]:
    """Arrivals of October into two pools, claims, time passing, and a transfer, each at its own time."""
    asked = [opening(pool, clock="requests") for pool in ("east", "west")]
    asked += [member for pool in ("east", "west") for member in joining(REPS, pool)]
    for number, body in enumerate(october(300)):
        pool = ("east", "west")[number % 2]
        intake = r.intake_request(pool, "adapter/file", body)
        asked.append(intake)
        if number % 3 == 0:
            asked.append(claim(REPS[number % 3], lead_of(intake), f"claim-{number}", pool))
        if number % 7 == 0:
            asked.append(claim(REPS[1], lead_of(intake), f"late-{number}", pool))
        if number % 50 == 0:
            asked.append(intake)
    timed = [one.model_copy(update={"at": NOON + timedelta(minutes=20 * at)}) for at, one in enumerate(asked)]
    moved = next(
        one for one in reversed(asked) if isinstance(one.body, r.SubmitIntake) and one.pool == "east"
    )
    later = NOON + timedelta(days=20)
    advance = [request(r.AdvanceClock(), f"clock-{pool}", pool=pool, at=later) for pool in ("east", "west")]
    transfer = r.TransferLead(lead=lead_of(moved), to_pool="west")
    return [*timed, *advance, request(transfer, "move", at=later + timedelta(hours=1))]


def test_kafka_and_the_embedded_log_have_the_same_bytes(office: Office, log: EmbeddedLog) -> None:
    requests = month()
    engine = Engine(log, virtual=True)
    for outcome in engine.submit(requests):
        assert outcome.error is None
    wanted = {
        pool: (log.last(pool), hash_of(log.document(pool, log.last(pool)) or b"")) for pool in log.pools()
    }
    office.send(requests, all_through_commands=True)
    began = time.monotonic()
    with deciding(office.settings, office.cluster.servers, "--clock", "requests"):
        facts = office.wait_for(lambda facts: len(facts) >= sum(last for last, _ in wanted.values()))
    kinds = sorted({record.type for record in facts})
    print(f"{len(requests)} requests, {len(facts)} facts in {time.monotonic() - began:.1f} s: {kinds}")
    check(facts)
    assert heads(facts) == wanted
    assert "leadflow.lead.transferred_in.v1" in kinds
    assert "leadflow.lead.recycled.v1" in kinds
    assert office.dead_letters() == []


@pytest.mark.parametrize("seed", [1])
def test_a_decider_that_is_killed_again_and_again_decides_everything_once(office: Office, seed: int) -> None:
    print(f"seed {seed}")
    chance = random.Random(seed)
    team = [opening(), *joining(REPS), opening("west"), *joining(REPS, "west")]
    arrivals = [arrival(number, pool) for number in range(400) for pool in ("east", "west")]
    claims = [
        claim(chance.choice(REPS), lead_of(one), f"claim-{at}-{one.pool}", one.pool)
        for at, one in enumerate(chance.choices(arrivals, k=400))
    ]
    address = office.cluster.servers
    with deciding(office.settings, address):
        office.send(team)
        office.wait_for(lambda facts: len(facts) >= 10)
    asked = [*arrivals, *claims, *chance.sample([*arrivals, *claims], 100)]
    chance.shuffle(asked)
    slices = [asked[at : at + 10] for at in range(0, len(asked), 10)]
    kills = sorted(chance.sample(range(5, len(slices) - 5), KILLS))
    for first, kill in itertools.pairwise([0, *kills]):
        with deciding(office.settings, address) as process:
            before = len(office.facts())
            office.send(itertools.chain.from_iterable(slices[first : kill - 3]), in_order=False)
            office.wait_for(lambda facts, before=before: len(facts) > before)  # type: ignore[misc]
            for one in slices[kill - 3 : kill]:
                office.send(one, in_order=False)
            process.send(signal.SIGKILL)
            process.wait()
        print(f"killed after {10 * kill} requests, with {len(office.facts())} facts in the log")
    office.send(itertools.chain.from_iterable(slices[kills[-1] :]), in_order=False)
    expected = {(one.pool, one.identity) for one in (*team, *arrivals, *claims)}
    with deciding(office.settings, address):
        facts = office.wait_for(lambda facts: expected <= decided(facts))
    check(facts)
    origins = [record.origin for record in facts if ":" in decode(record.document).causation]
    assert None not in origins
    assert office.dead_letters() == []


def test_what_cannot_be_read_becomes_a_dead_letter_and_the_partition_goes_on(office: Office) -> None:
    names = office.names
    intake = arrival(1)
    document = orjson.loads(encode_request(intake))
    data = orjson.dumps(document["data"])
    wrong = [
        (names.intake, b"\xff\x00", b"east"),
        (names.intake, None, b"east"),
        (names.intake, encode_request(claim("wang", lead_of(intake))), b"east"),
        (names.intake, encode_request(intake.model_copy(update={"actor": "manager/local"})), b"east"),
        (names.intake, orjson.dumps(document | {"type": "leadflow.command.submit-intake.v9"}), b"east"),
        (names.intake, orjson.dumps(document | {"data": {"touch": {}}}), b"east"),
        (names.intake, encode_request(intake), b"west"),
        (names.commands, b"[]", b"east"),
        (names.commands, encode_request(arrival(2, "nowhere")), b"nowhere"),
    ]
    binary = [
        ("content-type", b"application/json"), ("ce_specversion", b"1.0"), ("ce_id", b"1"),
        ("ce_source", b"/my/form"), ("ce_type", document["type"].encode()), ("ce_authid", b"adapter/form"),
    ]  # fmt: skip
    written = orjson.dumps(
        {
            "touch": {"channel": "web_form", "ref": "b-1", "door": "web_form"},
            "person": {"phones": ["138 0000-0009"]},
        }
    )
    with deciding(office.settings, office.cluster.servers):
        office.send([opening(), *joining(REPS)])
        office.wait_for(lambda facts: len(facts) >= 4)
        for topic, value, key in wrong:
            office.put(topic, value, key).get(timeout=60)
        # By another client's partitioner: east is not in this one.
        office.put(names.intake, encode_request(intake), b"east", partition=1).get(timeout=60)
        office.put(names.intake, data, b"east", headers=[*binary, ("trace", b"7")]).get(timeout=60)
        office.put(names.intake, written, b"east", headers=binary).get(timeout=60)
        office.send([arrival(3)])
        wanted = {intake.identity, "intake/web_form:b-1", arrival(3).identity}
        facts = office.wait_for(lambda facts: wanted <= causes(facts))
        # Other partitions have their letters at times of their own.
        until(lambda: len(office.dead_letters()) >= len(wrong))
    check(facts)
    assert b'"phones":["+8613800000009"]' in b"".join(record.document for record in facts)
    letters = office.dead_letters()
    for letter in letters:
        print(dict(letter.headers)[H_REASON].decode())
    by_place = {Origin.from_bytes(dict(one.headers)[H_ORIGIN]): one for one in letters}
    assert len(by_place) == len(letters) == len(wrong)
    assert sorted((one.value or b"", one.key) for one in letters) == sorted(
        (value or b"", key) for _, value, key in wrong
    )
    assert all(dict(one.headers)["content-type"] for one in letters)


def test_deadlines_come_at_their_times_whatever_was_away(office: Office) -> None:
    policy = opening().body
    assert isinstance(policy, r.OpenPool)
    rules = policy.policy.model_dump(mode="json")
    rules["follow_up"] |= {"first_contact_within": "2s", "warn_before": []}
    hasty = opening(policy=type(policy.policy).model_validate(rules))
    first, second = arrival(1), arrival(2)
    with deciding(office.settings, office.cluster.servers):
        office.send([hasty, *joining(REPS), first])
        office.wait_for(lambda facts: first.identity in causes(facts))
        office.send([claim("wang", lead_of(first), "early")])
        facts = office.wait_for(lambda facts: facts[-1].type == "leadflow.lead.recycled.v1")
        claimed, recycled = (decode(record.document) for record in facts[-2:])
        assert recycled.time - claimed.time == timedelta(seconds=2)
        office.send([second, claim("wang", lead_of(second), "before")])
        office.wait_for(lambda facts: "rep/wang:before" in causes(facts))
    time.sleep(2.2)
    office.send([claim("li", lead_of(second), "after")])
    with deciding(office.settings, office.cluster.servers):
        facts = office.wait_for(lambda facts: "rep/li:after" in causes(facts))
    check(facts)
    events = [decode(record.document) for record in facts]
    moved = ("leadflow.lead.claimed.v1", "leadflow.lead.recycled.v1")
    before, due, after = [e for e in events if e.subject == lead_of(second) and e.type in moved][:3]
    assert [e.type for e in (before, due, after)] == [
        "leadflow.lead.claimed.v1", "leadflow.lead.recycled.v1", "leadflow.lead.claimed.v1",
    ]  # fmt: skip
    assert due.time - before.time == timedelta(seconds=2)
    assert after.time > due.time


def test_a_second_writer_fences_the_first_which_says_so(office: Office) -> None:
    second = PartitionLog(office.cluster, office.names.events, 0)
    with deciding(office.settings, office.cluster.servers) as first:
        office.send([opening(), *joining(REPS)])
        office.wait_for(lambda facts: len(facts) >= 4)
        second.take()
        office.send([arrival(1)])
        assert first.wait() == 3
        assert "another process has taken over" in first.said()
    second.close()
    with deciding(office.settings, office.cluster.servers):
        check(office.wait_for(lambda facts: arrival(1).identity in causes(facts)))


def test_two_deciders_share_the_partitions_and_one_takes_over(office: Office) -> None:
    address = office.cluster.servers
    with deciding(office.settings, address):
        office.send([opening(), opening("west"), *joining(REPS), *joining(REPS, "west")])
        office.wait_for(lambda facts: len(facts) >= 8)
        with deciding(office.settings, address) as other:
            for number in range(60):
                office.send([arrival(number), arrival(number, "west")])
            wanted = {arrival(number).identity for number in range(60)}
            office.wait_for(lambda facts: wanted <= causes(facts))
            until(lambda: "a partition is taken" in other.said())
            other.stop()
        office.send([arrival(100), arrival(100, "west")])
        facts = office.wait_for(
            lambda facts: sum(decode(x.document).causation == arrival(100).identity for x in facts) == 2
        )
    check(facts)
    assert len(facts) == 10 + 120 + 2
