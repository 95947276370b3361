"""Dead letters of records that senders made difficult: large, oddly named, or dead letters themselves."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from consumers.dead_letters import REASON_MAX, dead_letters
from consumers.letters import NOT_OURS, collect, kept_record
from leadflow.log.envelope import encode_request
from leadflow.log.kafka import Cluster, Origin
from leadflow.log.kafka.client import RECORD_BYTES_MAX
from leadflow.log.kafka.records import H_ORIGIN, H_PART, H_REASON, H_RECEIVED, H_WHOLE
from leadflow.postgres import Database
from leadflow.records import DeadLetter, DeadLetters
from leadflow.settings import Settings
from tests.deciders import STRUCTURED, Office, causes, check, deciding
from tests.processes import until
from tests.team import arrival, opening

MEGABYTE = 1024 * 1024


@pytest.fixture
def office(kafka: Cluster, settings: Settings) -> Iterator[Office]:
    opened = Office(kafka, settings)
    yield opened
    opened.close()


@pytest.fixture
def letters(database: str) -> Iterator[DeadLetters]:
    with Database(database) as records:
        yield DeadLetters(records)


class Bytes(str):
    """A header's name that is sent as bytes which are no UTF-8."""

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        return b"caf\xe9"


def taken(office: Office, letters: DeadLetters) -> list[DeadLetter]:
    """Every letter, as LeadFlow has taken it."""
    collect(office.cluster, office.names, letters)
    return letters.list()


def test_a_header_that_is_not_utf_8_stops_nobody(office: Office, letters: DeadLetters) -> None:
    headers = [*STRUCTURED, (Bytes(), b"1")]
    with deciding(office.settings, office.cluster.servers):
        office.send([opening()])
        office.put(office.names.intake, encode_request(arrival(1)), headers=headers).get(timeout=120)
        office.put(office.names.intake, b"no lead", headers=headers).get(timeout=120)
        office.send([arrival(2)])
        wanted = {arrival(1).identity, arrival(2).identity}
        check(office.wait_for(lambda facts: wanted <= causes(facts)))
        until(lambda: len(office.dead_letters()) == 1)
    (letter,) = taken(office, letters)
    assert dict(kept_record(letter).headers)["caf\\xe9"] == b"1"


@pytest.mark.parametrize(
    ("key", "headers", "value"),
    [
        (b"east", [("photo", b"\xff" * (RECORD_BYTES_MAX - 1000))], b"no lead"),
        (b"k" * (RECORD_BYTES_MAX - 1000), [], None),
        (b"east", [("photo", b"p" * 4 * MEGABYTE)], b"v" * (4 * MEGABYTE - 1000)),
        # It stands in the reason, too.
        (b"east", [("content-type", b"x" * 6 * MEGABYTE)], b"{}"),
        (b"east", [("n", b"")] * 20_000, b"no lead"),
    ],
    ids=["header", "key", "header-and-value", "reason", "many"],
)
def test_whatever_is_large_about_a_record_it_is_kept_and_the_partition_goes_on(
    office: Office,
    letters: DeadLetters,
    key: bytes,
    headers: list[tuple[str, bytes]],
    value: bytes | None,
) -> None:
    with deciding(office.settings, office.cluster.servers):
        office.send([opening()])
        office.put(office.names.intake, value, key, partition=0, headers=headers).get(timeout=120)
        office.send([arrival(2)])
        check(office.wait_for(lambda facts: arrival(2).identity in causes(facts)))
        until(lambda: bool(office.dead_letters()))
    found = [dict(letter.headers) for letter in office.dead_letters()]
    assert all(H_WHOLE in one and len(one[H_REASON]) < 2 * REASON_MAX for one in found)
    (letter,) = taken(office, letters)
    kept = kept_record(letter)
    assert (kept.key, kept.value, list(kept.headers)) == (key, value, headers)


def test_a_dead_letter_that_is_sent_as_it_stood_is_one_of_its_own(
    office: Office, letters: DeadLetters
) -> None:
    own = [(H_REASON, b"mine"), (H_PART, b"1/2"), (H_ORIGIN, b"x/0/1"), (H_WHOLE, b"json"), ("trace", b"7")]
    with deciding(office.settings, office.cluster.servers):
        office.send([opening()])
        for text in (b"first", b"second"):
            office.put(office.names.intake, text, headers=own).get(timeout=120)
        until(lambda: len(office.dead_letters()) == 2)
    found = taken(office, letters)
    assert [kept_record(letter).value for letter in found] == [b"first", b"second"]
    for letter in found:
        assert dict(kept_record(letter).headers) == {
            "sender-leadflow-reason": b"mine", "sender-leadflow-part": b"1/2",
            "sender-leadflow-request": b"x/0/1", "sender-leadflow-whole": b"json", "trace": b"7",
        }  # fmt: skip
        assert letter.reason != "mine"


def test_parts_are_put_together_by_the_place_of_their_request(office: Office, letters: DeadLetters) -> None:
    def written(value: bytes, offset: int) -> list[Any]:
        record = SimpleNamespace(key=b"east", value=value, headers=[], timestamp=1_000)
        place = Origin(office.names.intake, 0, offset)
        return list(dead_letters(office.names.dead_letters, record, place, "no lead"))

    halves = [b"a" * 5 * MEGABYTE, b"b" * 5 * MEGABYTE]
    alone, *_ = written(b"c" * 5 * MEGABYTE, 1)
    for message in [alone, *written(halves[0], 2), *written(halves[1], 3), alone]:
        office.put(message.topic, message.value, message.key, 0, message.headers).get(timeout=120)
    found = [(kept_record(letter).value, letter.times) for letter in taken(office, letters)]
    assert found == [(alone.value, 2), (halves[0], 1), (halves[1], 1)]
    assert collect(office.cluster, office.names, letters) == 0


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [(H_ORIGIN, b"somewhere")],
        [(H_ORIGIN, b"x/0/1"), (H_WHOLE, b"json")],
        [(H_ORIGIN, b""), (H_PART, b"2/2")],
        [(H_ORIGIN, b"x/0/1"), (H_RECEIVED, b"yesterday")],
    ],
)
def test_what_others_write_into_the_topic_keeps_no_letter_back(
    office: Office, letters: DeadLetters, headers: list[tuple[str, bytes]]
) -> None:
    topic = office.names.dead_letters
    record = SimpleNamespace(key=b"east", value=b"ours", headers=[], timestamp=1_000)
    (ours,) = dead_letters(topic, record, Origin(office.names.intake, 0, 7), "no lead")
    for value in (b"theirs", b"theirs, too"):
        office.put(topic, value, b"east", 0, headers).get(timeout=120)
    office.put(ours.topic, ours.value, ours.key, 0, ours.headers).get(timeout=120)
    first, second, last = taken(office, letters)
    assert [kept_record(one).value for one in (first, second, last)] == [b"theirs", b"theirs, too", b"ours"]
    assert list(kept_record(first).headers) == headers
    assert (first.reason, last.reason) == (NOT_OURS, "no lead")
