"""Traces, outcomes, loads and reports from the live tables, and the same reports as of earlier times."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from leadflow.domain import events as f
from leadflow.domain.members import MemberTraits
from leadflow.domain.values import Money, Person
from leadflow.errors import NotFound
from leadflow.log.embedded import EmbeddedLog
from leadflow.postgres import Database
from projections import channels, ownership, queries
from projections.asof import fold_until
from projections.folding import fold
from projections.memory import MemoryRows
from projections.reports import ChannelRow, channels_report
from projections.runner import Projections
from projections.sources import FoldedSource, LiveSource
from projections.team_reports import funnel_report, reps_report
from tests.histories import History, RandomHistory, a_touch, rotation, yuan

OCTOBER = (date(2026, 10, 1), date(2026, 10, 31))


@pytest.fixture
def db(database: str) -> Iterator[Database]:
    with Database(database) as opened:
        yield opened


@pytest.fixture
def show(log: EmbeddedLog, db: Database) -> Callable[[History], Database]:
    """Writes a history and brings the read models up to it."""

    def shown(history: History) -> Database:
        log.append(history.stored())
        Projections(log, db).start()
        return db

    return shown


# --- traces ---------------------------------------------------------------------------------


def disputed() -> tuple[History, dict[str, f.Event]]:
    history = History(clock="requests")
    history.open("east")
    events = {"captured": history.capture("east", "a")}
    events["won"] = history.decide("east", ("a", f.LeadClaimed(rep="wang")), actor="rep/wang")
    refused = f.RequestRefused(
        request="ClaimLead", reason="already_owned", winner="wang", position=events["won"].sequence, rep="li"
    )
    events["lost"] = history.decide("east", ("a", refused), actor="rep/li")
    back = f.LeadRecycled(rep="wang", reason="no_first_contact", since=events["won"].time)
    events["back"] = history.decide("east", ("a", back), actor="system/clock")
    events["again"] = history.decide("east", ("a", f.LeadClaimed(rep="li", chosen=True)), actor="rep/li")
    return history, events


def test_a_trace_tells_who_when_why_and_who_else_tried(show: Callable[[History], Database]) -> None:
    history, events = disputed()
    trace = queries.trace(show(history), "a")
    first, second = trace.ownership
    assert (first["owner"], first["mode"], first["end_reason"]) == ("wang", "claim", "no_first_contact")
    assert (first["from_time"], first["to_time"]) == (events["won"].time, events["back"].time)
    assert (second["owner"], second["mode"], second["to_time"]) == ("li", "next", None)
    assert [(a["rep"], a["winner"], a["winner_sequence"]) for a in trace.attempts] == [
        ("li", "wang", events["won"].sequence)
    ]
    assert [event["sequence"] for event in trace.timeline] == [e.sequence for e in history.events[-5:]]
    assert trace.owner == trace.owner_as_known == "li"


def test_a_trace_as_of_a_time_leaves_out_what_was_not_known(show: Callable[[History], Database]) -> None:
    history, events = disputed()
    database = show(history)
    expected = [
        ("captured", None, 0, 0),
        ("won", "wang", 1, 0),
        ("lost", "wang", 1, 1),
        ("back", None, 1, 1),
        ("again", "li", 2, 1),
    ]
    for name, owner, intervals, attempts in expected:
        trace = queries.trace(database, "a", events[name].time)
        assert (trace.owner, trace.owner_as_known) == (owner, owner), name
        assert (len(trace.ownership), len(trace.attempts)) == (intervals, attempts), name
        assert trace.timeline[-1]["sequence"] == events[name].sequence
    assert queries.trace(database, "a", events["lost"].time).ownership[0]["to_time"] is None


def test_on_the_real_clock_what_was_known_goes_by_the_log(show: Callable[[History], Database]) -> None:
    history = History()
    history.open("east")
    history.capture("east", "a")
    claimed = history.decide("east", ("a", f.LeadClaimed(rep="wang")))
    database = show(history)
    # The log was written now, long after or before the facts' own times.
    early = queries.trace(database, "a", claimed.time)
    late = queries.trace(database, "a", datetime.now(UTC) + timedelta(days=1))
    assert (early.owner, late.owner_as_known) == ("wang", "wang")
    assert (early.owner_as_known is None) == (claimed.time < late.timeline[0]["recorded_at"])


def test_a_lead_that_is_not_known_has_no_trace(show: Callable[[History], Database]) -> None:
    history, _ = disputed()
    database = show(history)
    with pytest.raises(NotFound, match="nobody"):
        queries.trace(database, "nobody")
    with pytest.raises(NotFound):
        queries.trace(database, "a", pools=["west"])


# --- pools, members, outcomes, customers ----------------------------------------------------


def test_pools_and_members_show_what_they_hold(show: Callable[[History], Database]) -> None:
    history = History()
    history.open("east", reps=("wang", "li"))
    history.decide(
        "east", ("zhao", f.MemberJoined(member="zhao", role="rep", traits=MemberTraits(holding_cap=7)))
    )
    history.capture("east", "a", rotation("wang"))
    history.capture("east", "b", rotation("zhao"))
    history.capture("east", "c")
    whole: dict[str, Any] = {"person": Person(phones=("+861",)), "touches": (a_touch("r"),)}
    converted = f.LeadConverted(customer="c-1", owner="wang", score=1, captured_sequence=6, **whole)
    history.decide("east", ("a", converted))
    last = history.decide("east", ("a", f.DealRecorded(customer="c-1", value=yuan("12.5"), owner="wang")))
    database = show(history)
    loads = {
        row["member"]: (row["held"], row["customers"], row["cap"]) for row in queries.loads(database, "east")
    }
    assert loads == {"wang": (0, 1, None), "li": (0, 0, None), "zhao": (1, 0, 7)}
    (summary,) = queries.pool_summaries(database)
    assert summary["leads"] == {"converted": 1, "private": 1, "public": 1}
    assert (summary["last_sequence"], summary["last_time"]) == (last.sequence, last.time)
    assert queries.pool_summaries(database, "west") == []
    found = queries.customer(database, "east", "c-1")
    assert found is not None
    assert [deal["amount"] for deal in found["deal_list"]] == [Decimal("12.5")]
    assert found == queries.customer(database, "east", "a")
    assert [row["lead"] for row in queries.customers(database, ["east"], owner="wang")] == ["a"]
    assert queries.customers(database, ["west"]) == []


def test_the_outcome_of_a_request_is_found_by_its_identity(show: Callable[[History], Database]) -> None:
    history, events = disputed()
    database = show(history)
    outcome = queries.outcome(database, events["lost"].causation)
    assert outcome is not None
    assert (outcome["result"], outcome["reason"], outcome["lead"]) == ("refused", "already_owned", "a")
    assert outcome["refusal"]["winner"] == "wang"
    created = queries.outcome(database, "intake/x:ref-a", "east")
    assert created is not None
    assert created["answer"] == "created"
    assert queries.outcome(database, "intake/x:ref-a", "west") is None
    assert queries.outcome(database, "nobody:1") is None


# --- reports --------------------------------------------------------------------------------


def spend(
    channel: str, campaign: str | None, amount: int, first: int = 1, last: int = 31
) -> tuple[str, f.Fact]:
    fact = f.SpendRecorded(
        channel=channel,
        campaign=campaign,
        first_day=date(2026, 10, first),
        last_day=date(2026, 10, last),
        spend=yuan(amount),
    )
    return (channel, fact)


def reported(history: History, pools: list[str] | None = None) -> dict[tuple[str, str | None], ChannelRow]:
    rows = MemoryRows(channels.PROJECTION)
    fold(channels.PROJECTION, history.entries(), rows)
    report = channels_report(FoldedSource([rows]), *OCTOBER, pools)
    assert not {mark for row in report.rows for mark in row.marks} - set(report.marks)
    found = {}
    for row in report.rows:
        name = row.campaign or ("(whole channel)" if "spend_without_campaign" in row.marks else None)
        found[row.channel, name] = row
    return found


def test_every_yuan_stands_somewhere() -> None:
    history = History()
    history.open("east")
    for number in range(3):
        history.capture("east", f"a{number}", rotation("wang"), channel="baidu_ads", campaign="autumn")
    history.capture("east", "b", channel="baidu_ads")
    history.capture("east", "c", channel="seo")
    history.capture("east", "d", channel="douyin_ads", cost=yuan("12.50"))
    for figure in (
        spend("baidu_ads", "autumn", 1000),
        spend("baidu_ads", None, 77),
        spend("google_ads", "x", 50),
    ):
        history.decide("_company", figure)
    rows = reported(history)
    autumn = rows["baidu_ads", "autumn"]
    assert (autumn.leads, autumn.owned, autumn.money["CNY"].cost_per_lead) == (3, 3, Decimal("333.33"))
    assert autumn.marks == []
    assert rows["baidu_ads", "(whole channel)"].money["CNY"].spend == 77
    assert rows["baidu_ads", "(whole channel)"].money["CNY"].cost_per_lead is None
    assert rows["baidu_ads", None].money == {}
    assert rows["google_ads", "x"].marks == ["spend_without_leads"]
    assert rows["seo", None].marks == ["leads_without_spend"]
    stand_in = rows["douyin_ads", None]
    assert (stand_in.money["CNY"].touch_costs, stand_in.marks) == (Decimal("12.50"), ["touch_costs"])
    assert stand_in.money["CNY"].cost_per_lead == Decimal("12.50")


def test_touch_costs_stand_in_only_where_no_spend_is_recorded() -> None:
    history = History()
    history.open("east")
    day = datetime(2026, 10, 5, 4, tzinfo=UTC)
    for number, moment in enumerate((day, day, day + timedelta(days=1))):
        more: dict[str, Any] = {"campaign": "x", "cost": yuan(10), "occurred_at": moment}
        history.capture("east", f"a{number}", channel="seo", **more)
    history.decide("_company", spend("seo", None, 100, 5, 5))
    row = reported(history)["seo", "x"]
    assert (row.leads, row.money["CNY"].touch_costs) == (3, Decimal(10))


def test_spend_of_the_whole_channel_maps_to_leads_that_name_no_campaign() -> None:
    history = History()
    history.open("east")
    history.capture("east", "a", channel="trade_show")
    history.decide("_company", spend("trade_show", None, 900))
    row = reported(history)["trade_show", None]
    assert (row.marks, row.money["CNY"].cost_per_lead) == ([], Decimal("900.00"))


def test_a_figure_that_comes_again_is_replaced_and_a_cut_period_says_so() -> None:
    history = History()
    history.open("east")
    history.capture("east", "a", channel="seo", campaign="x", occurred_at=datetime(2026, 10, 31, tzinfo=UTC))
    for amount in (500, 100):
        fact = f.SpendRecorded(
            channel="seo",
            campaign="x",
            first_day=date(2026, 10, 30),
            last_day=date(2026, 11, 1),
            spend=yuan(amount),
        )
        history.decide("_company", ("seo", fact))
    row = reported(history)["seo", "x"]
    assert row.money["CNY"].spend == Decimal("66.67")
    assert row.marks == ["apportioned"]


def test_currencies_are_never_mixed() -> None:
    history = History()
    history.open("east")
    history.capture("east", "a", rotation("wang"), channel="seo", campaign="x")
    whole: dict[str, Any] = {"person": Person(phones=("+861",)), "touches": (a_touch("r"),)}
    converted = f.LeadConverted(customer="c", owner="wang", score=1, captured_sequence=6, **whole)
    history.decide("east", ("a", converted))
    for money in (yuan(300), Money(amount=Decimal(20), currency="USD")):
        history.decide("east", ("a", f.DealRecorded(customer="c", value=money, owner="wang")))
    history.decide("_company", spend("seo", "x", 100))
    money_of = reported(history)["seo", "x"].money
    assert [money_of[currency].revenue for currency in ("CNY", "USD")] == [300, 20]
    assert money_of["CNY"].return_on_spend == 3
    assert money_of["USD"].return_on_spend is None


def test_one_pools_report_does_not_divide_what_others_share() -> None:
    history = History()
    for pool in ("east", "west"):
        history.open(pool)
        history.capture(pool, f"{pool}-a", channel="seo", campaign="x")
    history.capture("east", "own", channel="seo", campaign="y")
    history.decide("_company", spend("seo", "x", 100))
    history.decide("_company", spend("seo", "y", 50))
    rows = reported(history, ["east"])
    assert rows["seo", "x"].marks == ["company_wide"]
    assert (rows["seo", "x"].leads, rows["seo", "x"].money["CNY"].cost_per_lead) == (1, None)
    assert rows["seo", "y"].money["CNY"].cost_per_lead == 50


def test_reports_are_the_same_from_live_tables_and_from_the_log(
    log: EmbeddedLog, show: Callable[[History], Database]
) -> None:
    history = RandomHistory(31).run(1_500)
    live = LiveSource(show(history))
    seen: list[int] = []
    at = datetime.now(UTC) + timedelta(days=1)
    both = (channels.PROJECTION, ownership.PROJECTION)
    folds = fold_until(log, both, at, lambda done, total: seen.append(done))
    folded = FoldedSource(folds.values())
    assert seen[-1] == log.end()
    for chosen in (None, ["east"]):
        assert channels_report(live, *OCTOBER, chosen) == channels_report(folded, *OCTOBER, chosen)
        assert funnel_report(live, *OCTOBER, chosen) == funnel_report(folded, *OCTOBER, chosen)
        assert reps_report(live, *OCTOBER, chosen) == reps_report(folded, *OCTOBER, chosen)
    report = channels_report(live, date(2026, 9, 1), date(2026, 12, 31))
    captured = sum(isinstance(e.data, f.LeadCaptured) for e in history.events)
    merged = sum(
        isinstance(e.data, f.LeadsMerged) or getattr(e.data, "into", None) is not None for e in history.events
    )
    assert report.total.leads == captured - merged
    funnel = funnel_report(live, date(2026, 9, 1), date(2026, 12, 31))
    assert [row.pool for row in funnel] == ["east", "west", ""]
    assert funnel[-1].steps["leads"] == report.total.leads
    assert [row.rep for row in reps_report(live, *OCTOBER, ["east"], ["li"])] == ["li"]


@pytest.mark.parametrize("clock", ["real", "requests"])
def test_a_report_as_of_a_time_knows_what_was_known_then(log: EmbeddedLog, clock: str) -> None:
    history = RandomHistory(32, clock=clock).run(400)
    stored = history.stored()
    cut = 250
    while history.events[cut].fact_index != 1:
        cut += 1
    log.append(stored[:cut])
    between = datetime.now(UTC)
    log.append(stored[cut:])
    at = history.events[cut - 1].time if clock == "requests" else between
    expected = MemoryRows(channels.PROJECTION)
    fold(channels.PROJECTION, history.entries()[:cut], expected)
    found = fold_until(log, [channels.PROJECTION], at)["channels"]
    for table in ("channel_days", "channel_money", "spend_days", "lead_sources"):
        assert found.tables[table] == expected.tables[table], table


def test_reps_see_their_share_of_the_rotation_beside_their_weight() -> None:
    history = History()
    history.open("east")
    for number, rep in enumerate(("wang", "li", "wang", "zhao")):
        history.capture("east", f"a{number}", rotation(rep))
    rows = MemoryRows(ownership.PROJECTION)
    fold(ownership.PROJECTION, history.entries(), rows)
    report = {row.rep: row for row in reps_report(FoldedSource([rows]), *OCTOBER)}
    shares = {
        rep: (row.rotations["sales"].got, row.rotations["sales"].expected) for rep, row in report.items()
    }
    assert shares == {"wang": (2, Decimal(2)), "li": (1, Decimal(1)), "zhao": (1, Decimal(1))}
    assert report["wang"].assigned == {"rotation": 2}
