"""Dead letters: one entry per arrival, whatever it holds."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from leadflow.errors import NotFound, UsageError
from leadflow.log.embedded import EmbeddedLog
from leadflow.records import Arrival, DeadLetters

NOW = datetime(2026, 11, 21, 2, tzinfo=UTC)
ARRIVAL = Arrival(
    original={"电话": "abc", "name": "王"},
    problems=[{"field": "phone", "problem": "no phone number"}],
    reason="no usable contact point",
    seen_at=NOW,
    pool="east",
    channel="baidu_ads",
    ref="row-7",
    campaign="双十一",
    door="file",
)


@pytest.fixture
def letters(log: EmbeddedLog) -> DeadLetters:
    return DeadLetters(log.database)


def test_an_arrival_is_one_entry_however_often_it_comes(letters: DeadLetters) -> None:
    first = letters.add(ARRIVAL)
    assert (first.times, first.status, first.first_seen, first.content()) == (
        1,
        "waiting",
        NOW,
        ARRIVAL.original,
    )
    later = replace(ARRIVAL, seen_at=NOW + timedelta(hours=1), reason="still none")
    again = letters.add(later)
    assert (again.id, again.times, again.reason) == (first.id, 2, "still none")
    assert (again.first_seen, again.last_seen) == (NOW, NOW + timedelta(hours=1))
    other = letters.add(replace(ARRIVAL, ref="row-8"))
    assert other.id != first.id
    assert [entry.id for entry in letters.list()] == [first.id, other.id]


def test_an_arrival_without_a_reference_is_known_by_its_content(letters: DeadLetters) -> None:
    nameless = replace(ARRIVAL, ref=None)
    entries = letters.add_all(
        [nameless, nameless, replace(nameless, original="x;y"), replace(ARRIVAL, ref="r" * 9999)]
    )
    assert [entry.times for entry in entries] == [1, 2, 1, 1]
    assert len({entry.id for entry in entries}) == 3


def test_what_became_of_an_entry_is_kept_when_it_comes_again(letters: DeadLetters) -> None:
    entry = letters.add(ARRIVAL)
    assert letters.mark(entry.id, "resent", by="manager/local").resolved_by == "manager/local"
    assert letters.add(ARRIVAL).status == "resent"
    assert letters.list() == []
    assert (
        [found.id for found in letters.list("resent")]
        == [found.id for found in letters.list(None)]
        == [entry.id]
    )


@pytest.mark.parametrize("garbage", ["\0", "\ud800", "a\0b\udfff", '"', "\\u0000", "𝄞"])
def test_garbage_is_kept_and_given_back(letters: DeadLetters, garbage: str) -> None:
    entry = letters.add(
        replace(
            ARRIVAL,
            original={garbage: [garbage]},
            reason=garbage,
            ref=garbage,
            problems=[{"field": garbage, "value": (garbage,)}],
        )
    )
    assert letters.get(entry.id).content() == {garbage: [garbage]}


def test_what_is_not_there_is_said_so(letters: DeadLetters) -> None:
    with pytest.raises(NotFound):
        letters.get(1)
    with pytest.raises(NotFound):
        letters.mark(1, "discarded")
    with pytest.raises(UsageError):
        letters.list("lost")
