"""The figures of random histories of two pools that give leads to each other, held against plain sums.

More histories: `LEADFLOW_TEST_SEEDS=500`.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from functools import cache
from typing import Any

import pytest

from leadflow.views.sentences import sentence
from projections import channels, ownership
from projections.base import Projection
from projections.folding import fold
from projections.memory import MemoryRows
from tests.plain_reports import channel_figures, owners, rep_figures, rep_sums, sums
from tests.reference.pair import Pair

SEEDS = range(int(os.environ.get("LEADFLOW_TEST_SEEDS", "8")))
REQUESTS = 300


@cache
def pair(seed: int) -> Pair:
    print(f"seed {seed}")
    return Pair(seed).run(REQUESTS)


def folded(projection: Projection, history: Pair) -> MemoryRows:
    rows = MemoryRows(projection)
    fold(projection, history.entries(), rows)
    return rows


@pytest.mark.parametrize("seed", SEEDS)
def test_who_owned_what_is_what_each_leads_own_facts_say(seed: int) -> None:
    history = pair(seed)
    rows = folded(ownership.PROJECTION, history)
    seen: dict[tuple[str, str], list[tuple[Any, ...]]] = defaultdict(list)
    for row in [*rows.rows("intervals"), *rows.rows("holders")]:
        interval = (row["owner"], row["from_sequence"], row["mode"])
        seen[row["pool"], row["lead"]].append((*interval, row.get("end_sequence"), row.get("end_reason")))
    assert {key: sorted(found, key=lambda i: i[1]) for key, found in seen.items()} == owners(history.events)
    assert rep_sums(rows) == rep_figures(history.events, history.day)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_lead_counts_once_where_it_was_first_touched(seed: int) -> None:
    history = pair(seed)
    days, money = channel_figures(history.events, history.day)
    rows = folded(channels.PROJECTION, history)
    assert sums(rows, "channel_days", 4) == days
    assert sums(rows, "channel_money", 5) == money


@pytest.mark.parametrize("seed", SEEDS)
def test_every_fact_is_said_in_words(seed: int) -> None:
    for event in pair(seed).events:
        told = sentence(event, str)
        assert told
        assert not re.search(r"\bNone\b|[{}]", told), (told, event)
