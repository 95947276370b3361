"""Each projection's fold, compared with the same history folded in plain Python of its own kind.

The comparisons work on the typed events and build their result whole; the projections work on documents
and change rows as they go.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from leadflow.domain import events as f
from leadflow.domain.evolve import evolve, initial
from leadflow.domain.pool import Pool
from leadflow.domain.values import format_time
from projections import channels, customers, outcomes, ownership, pools, timeline
from projections.base import Projection
from projections.folding import fold
from projections.memory import MemoryRows
from tests.histories import RandomHistory
from tests.plain_reports import channel_figures, owners, rep_figures, rep_sums, sums

SEEDS = (1, 2, 3)
Rows = dict[Any, dict[str, Any]]


@pytest.fixture(scope="module", params=SEEDS)
def history(request: pytest.FixtureRequest) -> RandomHistory:
    print(f"seed {request.param}")
    return RandomHistory(request.param).run(4_000)


def folded(projection: Projection, history: RandomHistory) -> MemoryRows:
    rows = MemoryRows(projection)
    fold(projection, history.entries(), rows)
    return rows


def shanghai(_: str, moment: datetime) -> date:
    return moment.astimezone(ZoneInfo("Asia/Shanghai")).date()


def test_pools_say_what_the_deciding_state_says(history: RandomHistory) -> None:
    rows = folded(pools.PROJECTION, history).tables["leads"]
    for name in history.pools:
        state = initial(name)
        for event in history.events:
            if event.pool == name:
                evolve(state, event)
        assert isinstance(state, Pool)
        assert {lead for pool, lead in rows if pool == name} == set(state.leads)
        for lead in state.leads.values():
            row = rows[name, lead.id]
            seen = [
                row["status"],
                row.get("owner"),
                row["score"],
                row["last_sequence"],
                row["captured_sequence"],
            ]
            assert seen == [lead.status, lead.owner, lead.score, lead.last, lead.number], lead.id
            assert row["protected"] == bool(lead.protected)
            assert set(row["collaborators"]) == set(lead.collaborators or ())
            assert row.get("merged_into") == lead.merged_into
            public = format_time(lead.public_since) if lead.public_since else None
            assert row.get("public_since") == public
            if lead.status == "private" and not lead.protected:
                assert row.get("until") == (format_time(lead.until) if lead.until else None)


def test_outcomes_are_the_first_decision_on_each_identity(history: RandomHistory) -> None:
    expected: dict[tuple[str, str], list[f.Event]] = defaultdict(list)
    for event in history.events:
        if event.actor != "system/clock":
            expected[event.pool, event.causation].append(event)
    rows = folded(outcomes.PROJECTION, history).tables["outcomes"]
    assert set(rows) == set(expected)
    for key, events in expected.items():
        row = rows[key]
        refused = isinstance(events[0].data, f.RequestRefused)
        assert row["result"] == ("refused" if refused else "accepted")
        assert (row["first_sequence"], row["last_sequence"]) == (events[0].sequence, events[-1].sequence)
        assert row["facts"] == [event.type for event in events]
        answers = {f.LeadCaptured: "created", f.TouchRecorded: "merged"}
        assert row["answer"] == next((answers[type(e.data)] for e in events if type(e.data) in answers), None)


def test_the_timeline_holds_every_event_of_a_lead_once(history: RandomHistory) -> None:
    expected = Counter()  # type: Counter[tuple[str, str]]
    for event in history.events:
        if event.subject.startswith("lead-"):
            expected[event.pool, event.subject] += 1
        if isinstance(event.data, f.LeadsMerged):
            expected[event.pool, event.data.absorbed] += 1
    rows = folded(timeline.PROJECTION, history)
    assert Counter((row["pool"], row["lead"]) for row in rows.rows("timeline")) == expected
    assert all("王" not in row["line"] and "+86" not in row["line"] for row in rows.rows("timeline"))


def test_ownership_is_what_each_leads_own_facts_say(history: RandomHistory) -> None:
    rows = folded(ownership.PROJECTION, history)
    seen: dict[tuple[str, str], list[tuple[Any, ...]]] = defaultdict(list)
    for row in [*rows.rows("intervals"), *rows.rows("holders")]:
        interval = (row["owner"], row["from_sequence"], row["mode"])
        seen[row["pool"], row["lead"]].append((*interval, row.get("end_sequence"), row.get("end_reason")))
    assert {key: sorted(found, key=lambda i: i[1]) for key, found in seen.items()} == owners(history.events)
    refused = [e for e in history.events if isinstance(e.data, f.RequestRefused)]
    assert [(r["pool"], r["sequence"]) for r in rows.rows("attempts")] == [
        (e.pool, e.sequence) for e in refused
    ]


def test_reps_figures_count_their_facts(history: RandomHistory) -> None:
    rows = folded(ownership.PROJECTION, history)
    assert rep_sums(rows) == rep_figures(history.events, shanghai)
    got = sum(row["got"] for row in rows.rows("rotation_days"))
    expected_sum = sum(row["expected"] for row in rows.rows("rotation_days"))
    assert got * 1_000_000 == expected_sum


def test_customers_carry_everything_over(history: RandomHistory) -> None:
    rows = folded(customers.PROJECTION, history).tables["customers"]
    converted = {(e.pool, e.subject): e for e in history.events if isinstance(e.data, f.LeadConverted)}
    assert set(rows) == set(converted)
    revenue: dict[tuple[str, str], dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    owner = {key: e.data.owner for key, e in converted.items() if isinstance(e.data, f.LeadConverted)}
    touches = dict.fromkeys(converted, 1)
    for event in history.events:
        key = (event.pool, event.subject)
        if key not in converted or event.sequence < converted[key].sequence:
            continue
        if isinstance(event.data, f.DealRecorded):
            revenue[key][event.data.value.currency] += event.data.value.amount
        elif isinstance(event.data, f.DealReversed):
            revenue[key][event.data.value.currency] -= event.data.value.amount
        elif isinstance(event.data, f.CustomerHandedOver):
            owner[key] = event.data.to
        elif isinstance(event.data, f.TouchRecorded):
            touches[key] += 1
    for key, row in rows.items():
        assert (row["owner"], len(row["touches"])) == (owner[key], touches[key])
        counted = {currency: amount for currency, amount in revenue[key].items() if amount}
        assert {c: Decimal(v) for c, v in row["revenue"].items()} == counted
        fact = converted[key].data
        assert isinstance(fact, f.LeadConverted)
        assert row["phones"][: len(fact.person.phones)] == list(fact.person.phones)
        assert row["answers"] == fact.person.answers


# --- channels -------------------------------------------------------------------------------


def test_channels_count_every_lead_once_where_it_was_first_touched(history: RandomHistory) -> None:
    days, money = channel_figures(history.events, shanghai)
    rows = folded(channels.PROJECTION, history)
    assert sums(rows, "channel_days", 4) == days
    assert sums(rows, "channel_money", 5) == money


def test_spend_is_the_last_figure_of_each_key(history: RandomHistory) -> None:
    last = {
        (s.channel, s.campaign or "", s.first_day.isoformat(), s.last_day.isoformat(), s.spend.currency): s
        for s in (e.data for e in history.events)
        if isinstance(s, f.SpendRecorded)
    }
    rows = folded(channels.PROJECTION, history)
    assert {key: row["amount"] for key, row in rows.tables["spend"].items()} == {
        key: fact.spend.amount for key, fact in last.items()
    }
    days: dict[Any, Decimal] = defaultdict(Decimal)
    for key, row in rows.tables["spend_days"].items():
        days[key[:5]] += row["amount"]
    assert days == {key: fact.spend.amount for key, fact in last.items()}
