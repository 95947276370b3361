"""Batches that are read while the one before is being written."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator, Sequence

import pytest

from leadflow.domain.requests import Request
from leadflow.incoming.batching import Meanwhile, read_ahead, seldom_collected
from leadflow.outcome import Outcome
from tests.team import arrival

BATCHES = [[arrival(number), arrival(number + 1)] for number in range(0, 10, 2)]
WAIT_S = 120.0


def done(requests: Sequence[Request]) -> list[Outcome]:
    return [Outcome(request) for request in requests]


def requests_of(outcomes: Iterator[list[Outcome]]) -> list[list[Request]]:
    return [[outcome.request for outcome in batch] for batch in outcomes]


@pytest.mark.parametrize("calls", [0, 1, 3])
def test_every_batch_is_submitted_once_and_in_its_order(calls: int) -> None:
    def submit(requests: Sequence[Request], meanwhile: Meanwhile) -> list[Outcome]:
        for _ in range(calls):
            meanwhile()
        return done(requests)

    assert requests_of(read_ahead(iter(BATCHES), submit)) == BATCHES
    assert requests_of(read_ahead([], submit)) == []


def test_the_next_batch_is_read_while_one_is_being_written() -> None:
    read: list[int] = []
    reading = threading.Condition()

    def batches() -> Iterator[list[Request]]:
        for number, batch in enumerate(BATCHES):
            with reading:
                read.append(number)
                reading.notify_all()
            yield batch

    def submit(requests: Sequence[Request], meanwhile: Meanwhile) -> list[Outcome]:
        number = BATCHES.index(list(requests))
        # None is read while this one is decided; the next one is, while this one is written; no further.
        assert read[-1] == number
        meanwhile()
        with reading:
            assert reading.wait_for(lambda: read[-1] >= min(number + 1, len(BATCHES) - 1), WAIT_S)
        assert len(read) <= number + 2
        return done(requests)

    assert requests_of(read_ahead(batches(), submit)) == BATCHES


def test_what_reading_raises_comes_after_the_outcomes_of_what_was_read_before() -> None:
    def batches() -> Iterator[list[Request]]:
        yield BATCHES[0]
        raise LookupError("here the file ends")

    def submit(requests: Sequence[Request], meanwhile: Meanwhile) -> list[Outcome]:
        meanwhile()
        return done(requests)

    outcomes = read_ahead(batches(), submit)
    assert [outcome.request for outcome in next(outcomes)] == BATCHES[0]
    with pytest.raises(LookupError, match="here the file ends"):
        next(outcomes)


def test_what_submitting_raises_ends_it_and_no_thread_is_left() -> None:
    def submit(requests: Sequence[Request], meanwhile: Meanwhile) -> list[Outcome]:
        meanwhile()
        raise LookupError("away")

    with pytest.raises(LookupError, match="away"):
        next(read_ahead(iter(BATCHES), submit))
    assert not [one for one in threading.enumerate() if one.name.startswith("leadflow-reading")]


def test_afterwards_garbage_is_looked_for_as_before() -> None:
    usual = gc.get_threshold()
    with seldom_collected():
        assert gc.get_threshold()[0] > 100_000
    assert gc.get_threshold() == usual
