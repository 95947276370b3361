"""Partitions read as one: each in its order, arrivals after departures."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import timedelta

import pytest

from leadflow.log.partitioning import partition_of
from projections import channels
from projections.base import Entry, comes_after, entry_of
from projections.folding import fold
from projections.memory import MemoryRows
from projections.reading import decisions, merged
from tests.histories import RandomHistory

PARTITIONS = 3
POOLS = ("east", "north", "south", "west")


def apart(history: RandomHistory, chance: random.Random) -> dict[int, list[Entry]]:
    """The entries by partition, written by brokers whose clocks differ by minutes."""
    found: dict[int, list[Entry]] = {at: [] for at in range(PARTITIONS)}
    late = {at: timedelta(minutes=chance.randrange(-90, 90)) for at in found}
    for event, document in history.documents():
        at = partition_of(event.pool, PARTITIONS)
        found[at].append(entry_of(len(found[at]) + 1, event.time + late[at], document, at))
    return found


def streams(parts: dict[int, list[Entry]]) -> dict[int, Iterator[list[Entry]]]:
    return {at: decisions(entries) for at, entries in parts.items()}


def where(pool: str) -> int:
    return partition_of(pool, PARTITIONS)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_partitions_are_merged_without_losing_an_order_that_matters(seed: int) -> None:
    print(f"seed {seed}")
    history = RandomHistory(seed, pools=POOLS).run(2_000)
    parts, entries = apart(history, random.Random(seed)), history.entries()
    found = [entry for decision in merged(streams(parts), where) for entry in decision]
    for at, part in parts.items():
        assert [entry for entry in found if entry.partition == at] == part
    seen: set[tuple[str, int]] = set()
    for entry in found:
        before = comes_after(entry)
        assert before is None or before in seen
        seen.add((entry.pool, entry.sequence))
    assert any(map(comes_after, entries))
    rows, expected = MemoryRows(channels.PROJECTION), MemoryRows(channels.PROJECTION)
    fold(channels.PROJECTION, found, rows)
    fold(channels.PROJECTION, entries, expected)
    assert rows.tables == expected.tables


@pytest.mark.parametrize("seed", [6, 7, 8])
def test_what_follows_from_facts_behind_an_end_is_left_for_later(seed: int) -> None:
    print(f"seed {seed}")
    history, chance = RandomHistory(seed, pools=POOLS).run(2_000), random.Random(seed)
    parts, entries = apart(history, chance), history.entries()
    begun = {at: list(decisions(part)) for at, part in parts.items()}
    begun = {at: whole[: chance.randrange(len(whole))] for at, whole in begun.items()}
    found = [
        entry
        for decision in merged({at: iter(whole) for at, whole in begun.items()}, where, lambda _: True)
        for entry in decision
    ]
    seen = {(entry.pool, entry.sequence) for entry in found}
    assert all((before := comes_after(entry)) is None or before in seen for entry in found)
    taken = {at: [entry for entry in found if entry.partition == at] for at in parts}
    assert all(taken[at] == parts[at][: len(taken[at])] for at in parts)
    assert len(found) < sum(len(decision) for whole in begun.values() for decision in whole)
    rows, expected = MemoryRows(channels.PROJECTION), MemoryRows(channels.PROJECTION)
    fold(channels.PROJECTION, found, rows)
    fold(channels.PROJECTION, [one for one in entries if (one.pool, one.sequence) not in seen], rows)
    fold(channels.PROJECTION, entries, expected)
    assert rows.tables == expected.tables


def test_what_a_fact_follows_from_may_be_missing() -> None:
    parts = apart(RandomHistory(4, pools=POOLS).run(1_500), random.Random(4))
    del parts[where("east")]
    found = [entry for decision in merged(streams(parts), where) for entry in decision]
    assert len(found) == sum(map(len, parts.values()))


def test_a_circle_of_waiting_ends() -> None:
    history = RandomHistory(5, pools=POOLS).run(1_500)
    parts = {at: part[::-1] for at, part in apart(history, random.Random(5)).items()}
    found = [entry for decision in merged(streams(parts), where) for entry in decision]
    assert len(found) == len(history.events)
