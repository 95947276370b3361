"""The client of a log in Kafka: what became of requests, whoever decided them and whenever."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from consumers import under_way
from consumers.first_outcomes import FirstOutcomes
from consumers.requesting import Requesting
from leadflow.domain import requests as r
from leadflow.domain.events import Event
from leadflow.errors import Unavailable
from leadflow.log.envelope import decode
from leadflow.log.kafka import Cluster, KafkaLog
from leadflow.postgres import Database
from leadflow.settings import Settings
from leadflow.streams import Streams
from local_kafka import Node
from tests.deciders import Process, deciding
from tests.kafka_broker import create_topics, new_prefix, own_kafka
from tests.team import arrival, claim, joining, opening, request

WAIT_S = 300.0
FIRST = [opening(), *joining(["wang", "li"])]


@contextmanager
def clients(cluster: Cluster, settings: Settings, database: str) -> Iterator[Requesting]:
    log = KafkaLog(cluster, f"{settings.kafka_prefix}.events")
    streams = Streams(log, None)
    with log, Database(database) as records:
        firsts = FirstOutcomes(records, log, lambda name: streams.caught_up(name).stream)
        requesting = Requesting(cluster, settings.kafka_prefix, firsts, wait_s=WAIT_S)
        try:
            yield requesting
        finally:
            requesting.close()


@pytest.fixture
def client(kafka: Cluster, settings: Settings, database: str) -> Iterator[Requesting]:
    """A client of this test's topics."""
    with clients(kafka, settings, database) as requesting:
        yield requesting


@pytest.fixture
def decider(kafka: Cluster, settings: Settings) -> Iterator[Process]:
    with deciding(settings, kafka.servers) as process:
        yield process


def answers(client: Requesting, requests: Sequence[r.Request]) -> list[tuple[str, bool]]:
    return [(outcome.answer, outcome.repeated) for outcome in client.submit(requests)]


def test_every_request_gets_its_own_facts(client: Requesting, decider: Process) -> None:
    assert answers(client, FIRST) == [("done", False)] * 3
    # The same person a second time, the same arrival a second time, and one that comes twice at once.
    arrivals = [arrival(1), arrival(2), arrival(1, ref="again"), arrival(1), arrival(2)]
    outcomes = client.submit(arrivals)
    found = [(one.answer, one.repeated) for one in outcomes]
    assert found == [
        ("created", False),
        ("created", False),
        ("merged", False),
        ("duplicate", True),
        ("duplicate", True),
    ]
    assert [outcome.request for outcome in outcomes] == arrivals
    assert outcomes[3].events == outcomes[0].events
    lead = outcomes[0].events[0].subject
    won, lost = client.submit([claim("wang", lead, "w"), claim("li", lead, "l")])
    assert won.refusal is None
    assert lost.refusal is not None
    assert [event.fact_count for event in won.events] == [len(won.events)] * len(won.events)


def test_requests_are_decided_in_their_order_whatever_their_topics(
    client: Requesting, decider: Process
) -> None:
    batches = [[opening(), arrival(1)], [arrival(2)], joining(["wang", "li"]), [arrival(3), arrival(4)]]
    outcomes = [outcome for some in client.submit_all(batches) for outcome in some]
    sequences = [event.sequence for outcome in outcomes for event in outcome.facts()]
    assert sequences == sorted(sequences)


def test_what_was_decided_before_gets_its_first_outcome(client: Requesting, decider: Process) -> None:
    first = client.submit(FIRST)
    again = client.submit(FIRST)
    assert [one.events for one in again] == [one.events for one in first]
    assert all(one.repeated for one in again)
    # The same identity with another content is refused, each time by the same fact.
    other = request(r.AddMember(member="zhao"), FIRST[1].id, FIRST[1].actor)
    refused = client.submit([other])[0]
    assert refused.refusal is not None
    assert client.submit([other])[0].events == refused.events


def test_what_others_had_decided_meanwhile_is_passed_over(
    client: Requesting,
    decider: Process,
    kafka: Cluster,
    settings: Settings,
    database: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client.submit(FIRST)
    with clients(kafka, settings, database) as other:
        other.submit([arrival(n) for n in range(200)])
    read: list[int] = []

    def counting(document: bytes) -> Event:
        read.append(len(document))
        return decode(document)

    monkeypatch.setattr(under_way, "decode", counting)
    (mine,) = client.submit([arrival(200)])
    assert mine.answer == "created"
    assert len(read) == len(mine.events)


def test_a_dead_letter_is_an_answer(client: Requesting, decider: Process) -> None:
    nowhere, virtual = arrival(1, "nowhere"), opening("other")
    assert isinstance(virtual.body, r.OpenPool)
    virtual = virtual.model_copy(update={"body": virtual.body.model_copy(update={"clock": "requests"})})
    unknown, wrong, fine = client.submit([nowhere, virtual, *FIRST])[:3]
    assert unknown.error is not None
    assert "no pool 'nowhere'" in unknown.error.what
    assert wrong.error is not None
    assert "clock" in wrong.error.what
    assert fine.answer == "done"


def test_without_a_decider_the_request_waits_and_its_outcome_can_be_asked_for(
    client: Requesting, kafka: Cluster, settings: Settings
) -> None:
    client._wait_s = 0.5
    with pytest.raises(Unavailable, match="no outcome after") as late:
        client.submit(FIRST[:1])
    assert f"leadflow request show {FIRST[0].identity}" in str(late.value)
    client._wait_s = WAIT_S
    with deciding(settings, kafka.servers):
        found = client.submit(FIRST)
        assert [outcome.answer for outcome in found] == ["done"] * 3
        assert client.submit(FIRST[:1])[0].events == found[0].events


def test_many_requests_survive_the_killing_of_their_decider(
    client: Requesting, kafka: Cluster, settings: Settings
) -> None:
    killed, process = None, Process(settings, kafka.servers)
    try:
        client.submit(FIRST)
        batches = [[arrival(100 * batch + n) for n in range(100)] for batch in range(20)]
        found = []
        for outcomes in client.submit_all(batches):
            found += outcomes
            if killed is None and len(found) >= 300:
                process.send(signal.SIGKILL)
                process.wait()
                killed, process = process, Process(settings, kafka.servers)
        assert killed is not None
        assert [outcome.answer for outcome in found] == ["created"] * 2000
        assert len({outcome.events[0].id for outcome in found}) == 2000
    finally:
        process.end()
        if killed is not None:
            killed.end()


@contextmanager
def impatient(database: str) -> Iterator[tuple[Requesting, Node]]:
    """A client that waits four seconds, and the broker that it alone has."""
    with own_kafka("impatient") as local:
        cluster = Cluster(local.address)
        settings = Settings(kafka_prefix=new_prefix(), kafka_partitions=1)
        create_topics(cluster, settings)
        with clients(cluster, settings, database) as client:
            client._wait_s = 4
            yield client, local.nodes[0]


def test_a_broker_that_goes_away_meanwhile_is_named(database: str) -> None:
    with impatient(database) as (client, node):
        client.on_sent = lambda _: node.pause()
        for connected in (False, True):
            try:
                with pytest.raises(Unavailable, match="Kafka does not answer") as away:
                    client.submit(FIRST[:1])
                assert "What was sent will be decided once" in str(away.value), connected
                assert "leadflow request show" in str(away.value), connected
            finally:
                node.resume()


def test_a_client_goes_on_when_its_broker_is_back(database: str) -> None:
    with impatient(database) as (client, node):
        with pytest.raises(Unavailable, match="no outcome"):
            client.submit(FIRST[:1])
        node.pause()
        try:
            with pytest.raises(Unavailable, match="Kafka does not answer"):
                client.submit(FIRST[:1])
        finally:
            node.resume()
        with pytest.raises(Unavailable, match="no outcome"):
            client.submit(FIRST[:1])
