"""The one order of several partitions: nothing before what it follows from, however they are read."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from consumers import ordering
from consumers.ordering import Order
from leadflow.log.kafka.records import message_of
from projections.base import Entry
from projections.folding import Batch
from tests.histories import RandomHistory
from tests.kafka_records import as_read

POOLS = ("east", "north", "south", "west")
PARTITION = {"_company": 0, "east": 0, "north": 1, "south": 2, "west": 1}
READ_MAX = 40


def read_of(history: RandomHistory) -> dict[int, list[Any]]:
    """The history's facts as records, by partition."""
    records: dict[int, list[Any]] = {at: [] for at in PARTITION.values()}
    for fact in history.stored():
        at = PARTITION[str(fact.originator_id)]
        position = len(records[at]) + 1
        records[at] += as_read([message_of(fact, position, "events", at)], at, position)
    return records


def batches(order: Order, number: int) -> Iterator[Batch]:
    """The batches from a number on, as far as they are there."""
    while (queued := order.batch(number, time.monotonic())) is not None:
        number += 1
        yield queued.batch


def read_all(order: Order, records: dict[int, list[Any]], chance: random.Random) -> list[Batch]:
    """Read the partitions in pieces, without an order between them, as far as they are not full."""
    left = {at: list(found) for at, found in records.items() if at in order.parts}
    found: list[Batch] = []
    while True:
        readable = [at for at in left if left[at] and not order.full(at)]
        if not readable:
            return found
        at = chance.choice(readable)
        count = chance.randint(1, READ_MAX)
        piece, left[at] = left[at][:count], left[at][count:]
        order.add(at, piece, len(records[at]) + 1)
        order.settle(time.monotonic())
        found += batches(order, order.end)
        list(order.forget(order.end))


def positions(entries: Sequence[Entry], partition: int) -> list[int]:
    return [entry.position for entry in entries if entry.partition == partition]


@pytest.mark.parametrize("seed", range(5))
def test_every_decision_is_whole_and_comes_after_what_it_follows_from(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    print(f"seed {seed}")
    monkeypatch.setattr(ordering, "BATCH_MIN", 1)
    monkeypatch.setattr(ordering, "BATCH_MAX", 50)
    history = RandomHistory(seed, pools=POOLS).run(1_500)
    records = read_of(history)
    order = Order(dict.fromkeys(records, 0), PARTITION.__getitem__)
    found = read_all(order, records, random.Random(seed))
    assert max(map(len, found)) < 50 + max(event.fact_count for event in history.events)
    seen: dict[str, int] = {}
    crossed = 0
    for batch in found:
        assert batch[0].fact_index == 1
        assert batch[-1].fact_index == batch[-1].fact_count
        follows = {one.at: one for one in batch.following}
        for at, entry in enumerate(batch):
            if at in follows:
                crossed += PARTITION[follows[at].pool] != entry.partition
                assert seen[follows[at].pool] >= follows[at].sequence
            seen[entry.pool] = entry.sequence
    assert crossed > 2
    whole = [entry for batch in found for entry in batch]
    for at in records:
        assert positions(whole, at) == list(range(1, len(records[at]) + 1))
        assert order.parts[at].read_to == len(records[at])
    assert not order.waiting()


def test_what_another_process_reads_is_waited_for_until_it_is_said_to_be_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ordering, "BATCH_MIN", 1)
    monkeypatch.setattr(ordering, "WAITING_MAX", 50)
    history = RandomHistory(3, pools=POOLS).run(800)
    records = read_of(history)
    order = Order({1: 0}, PARTITION.__getitem__)
    chance = random.Random(3)
    taken: list[Entry] = []
    while len(taken) < len(records[1]):
        left = {1: records[1][len(taken) + len(order.parts[1].entries) :]}
        taken += [entry for batch in read_all(order, left, chance) for entry in batch]
        for part in order.waiting():
            begins, need = part.following[0]
            assert begins == len(taken) + 1
            assert not order.comes(need)
            order.taken(need.pool, need.sequence)
        order.settle(time.monotonic())
        taken += [entry for batch in batches(order, order.end) for entry in batch]
        list(order.forget(order.end))
    assert positions(taken, 1) == list(range(1, len(records[1]) + 1))


def test_batches_are_big_while_the_log_has_more_and_small_at_its_end() -> None:
    history = RandomHistory(4, pools=POOLS).run(7_000)
    records = read_of(history)[0]
    order = Order({0: 0}, lambda _: 0)
    far = len(records) + 2 * ordering.BATCH_MIN
    order.add(0, records[:10], far)
    now = time.monotonic()
    order.settle(now)
    assert order.batch(0, now) is None
    # Nothing more has come for long.
    first = order.batch(0, now + 2 * ordering.LINGER_S)
    assert first is not None
    count = len(first.batch)
    assert 0 < count <= 10
    order.add(0, records[10:20], 20)
    order.settle(now)
    second = order.batch(1, now)
    assert second is not None
    assert count + len(second.batch) + len(order.parts[0].entries) == 20
    # One that comes later takes the same batches.
    assert order.batch(0, now) is first
