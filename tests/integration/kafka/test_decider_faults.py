"""What goes wrong around a decider: brokers and processes that stop, outcomes that cannot be written."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from kafka.errors import KafkaError

from consumers.decider import Decider
from leadflow import deciding as deciding_module
from leadflow.domain import requests as r
from leadflow.domain.decide import decide
from leadflow.domain.events import Event
from leadflow.domain.pool import Stream
from leadflow.domain.requests import Request
from leadflow.log.envelope import encode_request
from leadflow.log.kafka import Cluster
from leadflow.log.kafka.client import RECORD_BYTES_MAX
from leadflow.log.kafka.records import H_PART, H_REASON
from leadflow.settings import Settings
from local_kafka import LocalKafka
from tests.deciders import Office, causes, check, decided, deciding
from tests.kafka_broker import create_topics, new_prefix, own_kafka
from tests.processes import until
from tests.team import arrival, joining, opening

TEAM = [opening(), *joining(("wang", "li"))]
SESSION_AND_MORE_S = 8.0
ANSWERS_S = 30.0
"""Longer than a producer tries by itself."""


@pytest.fixture(scope="module")
def broker() -> Iterator[LocalKafka]:
    """A broker that may be killed."""
    with own_kafka("faults") as kafka:
        yield kafka


@pytest.fixture
def office(broker: LocalKafka) -> Iterator[Office]:
    """Topics of this test's own, on that broker."""
    cluster = Cluster(broker.address)
    settings = Settings(kafka_prefix=new_prefix(), kafka_partitions=1)
    create_topics(cluster, settings)
    opened = Office(cluster, settings)
    yield opened
    opened.close()


def outcomes_of(requests: list[Request]) -> set[tuple[str, str]]:
    return {(one.pool, one.identity) for one in requests}


def arrived(future: Any, until_s: float) -> bool:
    """Whether a record was kept; if the sender cannot know, it sends again, and it is decided once."""
    try:
        future.get(timeout=max(0.01, until_s - time.monotonic()))
    except KafkaError:
        return False
    return True


def test_a_broker_that_is_killed_under_load_is_waited_for(office: Office, broker: LocalKafka) -> None:
    requests = [*TEAM, *map(arrival, range(300))]
    with deciding(office.settings, broker.address) as process:
        office.send(requests[:200])
        office.wait_for(lambda facts: len(facts) > 4)
        waiting = [office.put(office.names.intake, encode_request(one)) for one in requests[200:]]
        broker.nodes[0].kill()
        time.sleep(1)
        broker.start_node(broker.nodes[0])
        # After some expired, a client may keep the others for ever.
        until_s = time.monotonic() + ANSWERS_S
        asked = zip(requests[200:], waiting, strict=True)
        expired = [one for one, future in asked if not arrived(future, until_s)]
        if expired:
            office.connect_anew()
            office.send(expired)
        facts = office.wait_for(lambda facts: outcomes_of(requests) <= decided(facts))
        print(process.said()[-2000:])
    check(facts)
    assert office.dead_letters() == []


def test_a_decider_that_stood_still_too_long_writes_nothing_any_more(office: Office) -> None:
    address = office.cluster.servers
    requests = [*TEAM, *map(arrival, range(40))]
    with deciding(office.settings, address) as first:
        office.send(requests[:20])
        office.wait_for(lambda facts: len(facts) >= 20)
        first.send(signal.SIGSTOP)
        with deciding(office.settings, address) as second:
            office.send(requests[20:30])
            office.wait_for(lambda facts: outcomes_of(requests[:30]) <= decided(facts))
            first.send(signal.SIGCONT)
            office.send(requests[30:])
            facts = office.wait_for(lambda facts: outcomes_of(requests) <= decided(facts))
            time.sleep(SESSION_AND_MORE_S / 4)
            assert second.runs
        # It has either joined the group again or was turned away, and then says so.
        first.stop_unless_turned_away()
        print(first.said()[-2000:])
    check(facts)
    check(office.facts())


def test_an_outcome_that_is_too_large_for_the_log_is_a_dead_letter_in_parts(office: Office) -> None:
    small = arrival(1)
    assert isinstance(small.body, r.SubmitIntake)

    def of(size: int) -> Request:
        assert isinstance(small.body, r.SubmitIntake)
        person = small.body.person.model_copy(update={"answers": {"essay": "x" * size}})
        body = small.body.model_copy(update={"person": person})
        return small.model_copy(update={"body": body})

    large = of(RECORD_BYTES_MAX - len(encode_request(of(1))) - 300)
    with deciding(office.settings, office.cluster.servers) as process:
        office.send([*TEAM, arrival(2), large, arrival(3)])
        wanted = {arrival(2).identity, arrival(3).identity}
        facts = office.wait_for(lambda facts: wanted <= causes(facts))
        until(lambda: len(office.dead_letters()) == 2)
        print(process.said()[-2000:])
    check(facts)
    assert large.identity not in causes(facts)
    letters = office.dead_letters()
    assert [dict(letter.headers)[H_PART] for letter in letters] == [b"1/2", b"2/2"]
    assert b"".join(letter.value for letter in letters) == encode_request(large)
    assert b"too large" in dict(letters[0].headers)[H_REASON]


def test_a_request_that_meets_a_bug_is_a_dead_letter_and_its_neighbours_are_decided(
    office: Office, broker: LocalKafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    def with_a_bug(stream: Stream, request: Request, now: datetime) -> list[Event]:
        if request.id == "form-13":
            raise ZeroDivisionError
        return decide(stream, request, now)

    monkeypatch.setattr(deciding_module, "decide", with_a_bug)
    process = Decider(office.settings.model_copy(update={"kafka": broker.address}))
    thread = threading.Thread(target=process.run)
    thread.start()
    try:
        requests = [*TEAM, *map(arrival, range(30))]
        office.send(requests)
        decidable = [one for one in requests if one.id != "form-13"]
        facts = office.wait_for(lambda facts: outcomes_of(decidable) <= decided(facts))
        until(lambda: len(office.dead_letters()) == 1)
    finally:
        process.stop()
        thread.join()
    check(facts)
    assert len(facts) == len(decidable) + 1
    (letter,) = office.dead_letters()
    assert letter.value == encode_request(arrival(13))
    assert b"ZeroDivisionError" in dict(letter.headers)[H_REASON]
