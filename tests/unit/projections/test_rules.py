"""Single rules of the projections: given these facts, these rows."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadflow.domain import events as f
from leadflow.domain.policy import Calendar, Offset, Policy
from leadflow.domain.values import Company, Money, Person, format_time
from leadflow.errors import LogDamaged, WrongVersion
from projections import channels, customers, outcomes, ownership, pools, timeline
from projections.base import Head, Projection, ProjectionStopped, Row, entry_of, known_at
from projections.copying import copy_block
from projections.folding import fold
from projections.memory import MemoryRows
from projections.reading import batches
from projections.runner import ALL
from projections.spend import apportion
from projections.times import as_text, local_day, offset_at
from tests.histories import History, a_touch, rotation, yuan


def folded(projection: Projection, history: History) -> MemoryRows:
    rows = MemoryRows(projection)
    fold(projection, history.entries(), rows)
    return rows


@pytest.fixture
def history() -> History:
    made = History()
    made.open("east")
    return made


def lead_row(history: History, lead: str = "a") -> Row:
    return folded(pools.PROJECTION, history).tables["leads"]["east", lead]


# --- the base -------------------------------------------------------------------------------


@pytest.mark.parametrize("projection", [pools.PROJECTION, timeline.PROJECTION])
def test_a_gap_in_a_pools_sequence_is_refused_loudly(history: History, projection: Projection) -> None:
    history.capture("east", "a")
    entries = history.entries()
    del entries[3]
    with pytest.raises(ProjectionStopped) as stopped:
        fold(projection, entries, MemoryRows(projection))
    assert stopped.value.event == "east/5"
    assert "after sequence 3" in str(stopped.value)


def test_an_event_that_cannot_be_applied_stops_the_projection_and_is_named(history: History) -> None:
    event = history.decide("east", ("unknown", f.LeadClaimed(rep="wang")))
    with pytest.raises(ProjectionStopped) as stopped:
        folded(pools.PROJECTION, history)
    assert (stopped.value.projection, stopped.value.event) == ("pools", event.id)
    assert stopped.value.position == len(history.events)


def test_a_type_that_is_not_known_is_named() -> None:
    document = (
        b'{"type":"leadflow.lead.sold.v1","partitionkey":"east","sequence":"1","time":"x","authid":"a/b",'
        b'"factindex":1,"factcount":1,"data":{}}'
    )
    with pytest.raises(WrongVersion, match=r"leadflow\.lead\.sold"):
        entry_of(1, datetime.now(UTC), document)
    with pytest.raises(LogDamaged):
        entry_of(1, datetime.now(UTC), b'{"type":"leadflow.lead.claimed.v1"}')


def test_batches_end_where_decisions_end_and_leave_an_unfinished_one_for_later(history: History) -> None:
    history.capture("east", "a", rotation("wang"))
    history.capture("east", "b", rotation("li"), f.LeadRescored(score=3, before=2))
    entries = history.entries()
    for size in range(1, len(entries) + 2):
        found = list(batches(entries, size))
        assert [e for batch in found for e in batch] == entries
        assert all(batch[-1].fact_index == batch[-1].fact_count for batch in found)
    assert [e for batch in batches(entries[:-1], 2) for e in batch] == entries[:-3]
    with pytest.raises(LogDamaged):
        list(batches([*entries[:-2], entries[-1]], 100))


def test_what_postgres_cannot_hold_is_shown_as_unreadable(history: History) -> None:
    fact = f.LeadDetailsChanged(company=Company(name="a\x00b\x01c\\u0000"))
    history.capture("east", "a")
    history.decide("east", ("a", fact))
    assert lead_row(history)["company_name"] == "a\ufffdb\ufffdc\\u0000"


def test_copy_writes_what_needs_escaping() -> None:
    row = {
        "a": 'tab\tback\\line\n"return"\r\x1f',
        "b": None,
        "c": ["x\ny", 1],
        "d": True,
        "e": Decimal("1.50"),
    }
    columns = {"a": "text", "b": "text NOT NULL", "c": "jsonb", "d": "boolean", "e": "numeric", "f": "jsonb"}
    written = b'"tab\tback\\\\line\n\\"return\\"\r\x1f",null,"[\\"x\\\\ny\\",1]",true,"1.50",null\n'
    assert copy_block([row], columns) == written
    assert copy_block([{"a": "]"}, {"a": "["}, {}], {"a": "text"}) == b'"]"\n"["\nnull\n'
    assert copy_block([("null", {}), ("", [])], {"a": "text", "b": "jsonb"}) == b'"null","{}"\n"","[]"\n'


@given(st.datetimes(timezones=st.just(UTC)).filter(lambda moment: 1990 < moment.year < 2100))
def test_times_are_written_as_everywhere(moment: datetime) -> None:
    assert as_text(moment) == format_time(moment)
    for minutes in (-1440, -300, 0, 480, 1440):
        expected = (moment + timedelta(minutes=minutes)).date().isoformat()
        assert local_day(as_text(moment), minutes) == expected


def test_the_local_day_goes_by_the_offset_then() -> None:
    winter, summer = "2026-11-01T00:00:00.000000Z", "2026-03-01T00:00:00.000000Z"
    offsets = [[summer, 120], [winter, 60]]
    assert offset_at(offsets, "2026-05-01T00:00:00.000000Z") == 120
    assert offset_at(offsets, winter) == 60
    assert offset_at(offsets, "2020-01-01T00:00:00.000000Z") == 120
    assert Head(offsets=offsets).day("2026-11-01T22:59:59.000000Z") == "2026-11-01"
    assert Head().day("2026-11-01T23:59:59.000000Z") == "2026-11-01"


def test_on_the_requests_clock_facts_are_known_at_their_own_time(history: History) -> None:
    entry = history.entries()[0]
    assert known_at(entry, "requests") == entry.time
    assert known_at(entry, "real") == known_at(entry, None) == entry.recorded_at


@pytest.mark.parametrize("company_first", [True, False])
def test_what_is_shown_of_the_company_does_not_depend_on_which_partition_came_first(
    company_first: bool,
) -> None:
    virtual = History(clock="requests")
    spend = f.SpendRecorded(
        channel="seo", first_day=date(2026, 10, 1), last_day=date(2026, 10, 1), spend=yuan(1)
    )
    if company_first:
        virtual.decide("_company", ("seo", spend))
    virtual.open("east")
    if not company_first:
        virtual.decide("_company", ("seo", spend))
    rows = folded(channels.PROJECTION, virtual)
    (event,) = (event for event in virtual.events if event.pool == "_company")
    assert next(rows.rows("spend"))["time"] == format_time(event.time)
    assert rows.heads["_company"].clock is None


# --- pools ----------------------------------------------------------------------------------


def test_a_contact_point_of_another_lead_does_not_join(history: History) -> None:
    history.capture("east", "a")
    history.capture("east", "b")
    other = lead_row(history, "b")["phones"][0]
    touch = f.TouchRecorded(
        touch=a_touch("again"),
        person=Person(phones=(other, "+861"), emails=("x@example.com",)),
        matched_by="email",
        also_matches=("b",),
    )
    history.decide("east", ("a", touch))
    row = lead_row(history)
    assert row["phones"][1:] == ["+861"]
    assert row["emails"] == ["x@example.com"]
    assert row["touches"] == 2


def test_nor_does_one_of_a_lead_from_another_pool(history: History) -> None:
    history.capture("east", "a")
    history.capture("east", "b")
    other = lead_row(history, "b")["phones"][0]
    came = f.LeadTransferredIn(
        from_pool="west",
        from_fact="west/7",
        into="a",
        also_matches=("b",),
        person=Person(phones=(other, "+861"), wechats=("wx",)),
        touches=(a_touch("there"),),
        score=0,
    )
    history.decide("east", ("a", came))
    row = lead_row(history)
    assert row["phones"][1:] == ["+861"]
    assert row["wechats"] == ["wx"]
    assert row["touches"] == 2


def test_details_are_corrected_and_a_touch_only_fills_gaps(history: History) -> None:
    history.capture("east", "a")
    history.decide("east", ("a", f.LeadDetailsChanged(company=Company(region="北京"))))
    touch = f.TouchRecorded(
        touch=a_touch("again"),
        person=Person(name="其他"),
        company=Company(region="四川", city="成都"),
        matched_by="phone",
    )
    history.decide("east", ("a", touch))
    row = lead_row(history)
    assert (row["region"], row["city"], row["person_name"]) == ("北京", None, "王小明")


def test_a_queue_keeps_when_the_lead_became_public_and_a_failure_says_what_it_waits_for(
    history: History,
) -> None:
    captured = history.capture("east", "a", f.LeadAssigned(queue="managers", mode="directed", rule="best"))
    row = lead_row(history)
    assert (row["status"], row["queue"], row["waiting"]) == ("queue", "managers", "queue:managers")
    assert row["public_since"] == format_time(captured.time)
    failed = f.AssignmentFailed(mode="timeout", group="sales", reason="nobody_available")
    history.decide("east", ("a", failed), actor="system/clock")
    row = lead_row(history)
    assert (row["status"], row["waiting"], row["failed"]) == ("queue", "rotation:sales", "nobody_available")


def test_members_and_pools_are_as_their_last_facts_say(history: History) -> None:
    until = history.now + timedelta(days=2)
    history.decide("east", ("wang", f.MemberPaused(member="wang", until=until)))
    history.decide("east", ("li", f.MemberLeft(member="li")))
    new = Calendar(offsets=(Offset(start=until, minutes=60),), covered_until=date(2027, 12, 31), source="x 1")
    history.decide("east", ("policy", f.PolicyPublished(version=2, policy=Policy(name="b"), calendar=new)))
    tables = folded(pools.PROJECTION, history).tables
    assert tables["members"]["east", "wang"]["status"] == "paused"
    assert tables["members"]["east", "wang"]["paused_until"] == format_time(until)
    assert tables["members"]["east", "li"]["status"] == "left"
    row = tables["pools"]["east",]
    assert (row["policy_version"], row["covered_until"]) == (2, "2027-12-31")
    assert sorted(version for _, version in tables["policies"]) == [1, 2]


# --- the others -----------------------------------------------------------------------------


def test_a_reused_identity_keeps_its_first_outcome(history: History) -> None:
    history.capture("east", "a")
    history.decide("east", ("a", f.LeadClaimed(rep="wang")), identity="rep/wang:7", actor="rep/wang")
    refused = f.RequestRefused(request="ClaimLead", reason="identity_reused")
    history.decide("east", ("a", refused), identity="rep/wang:7", actor="rep/wang")
    row = folded(outcomes.PROJECTION, history).tables["outcomes"]["east", "rep/wang:7"]
    assert (row["result"], row["reused"], row["lead"]) == ("accepted", 1, "a")


def test_an_arrival_that_was_refused_and_comes_again_has_its_second_outcome(history: History) -> None:
    refused = f.RequestRefused(request="SubmitIntake", reason="not_permitted")
    history.decide("east", ("", refused), identity="intake/x:ref-a", actor="rep/wang")
    history.capture("east", "a", rotation("wang"))
    rows = folded(outcomes.PROJECTION, history).tables["outcomes"]
    row = rows["east", "intake/x:ref-a"]
    assert (row["result"], row["answer"], row["lead"]) == ("accepted", "created", "a")
    assert len(row["facts"]) == 2


def test_what_the_clock_decides_is_no_requests_outcome(history: History) -> None:
    history.capture("east", "a")
    before = len(folded(outcomes.PROJECTION, history).tables["outcomes"])
    failed = f.AssignmentFailed(mode="timeout", reason="no_fallback")
    history.decide("east", ("a", failed), actor="system/clock", identity="east/3")
    assert len(folded(outcomes.PROJECTION, history).tables["outcomes"]) == before


def test_a_refusal_about_a_member_stands_under_no_lead(history: History) -> None:
    refused = f.RequestRefused(request="AddMember", reason="already_member", position=3)
    history.decide("east", ("wang", refused))
    assert not list(folded(timeline.PROJECTION, history).rows("timeline"))
    assert [row["lead"] for row in folded(ownership.PROJECTION, history).rows("attempts")] == [None]


def test_a_manager_that_acted_for_a_rep_is_named(history: History) -> None:
    history.capture("east", "a")
    history.decide("east", ("a", f.LeadClaimed(rep="wang")), actor="manager/ma")
    history.capture("east", "b")
    history.decide("east", ("b", f.LeadClaimed(rep="wang")), actor="rep/wang")
    holders = folded(ownership.PROJECTION, history).tables["holders"]
    assert holders["east", "a"]["acting"] == "manager/ma"
    assert holders["east", "b"]["acting"] is None


def test_a_claim_of_an_owned_lead_stops_the_projection(history: History) -> None:
    history.capture("east", "a")
    history.decide("east", ("a", f.LeadClaimed(rep="wang")))
    history.decide("east", ("a", f.LeadClaimed(rep="li")))
    with pytest.raises(ProjectionStopped, match="held by 'wang' already"):
        folded(ownership.PROJECTION, history)


def test_the_refused_see_who_was_first(history: History) -> None:
    history.capture("east", "a")
    won = history.decide("east", ("a", f.LeadClaimed(rep="wang")), actor="rep/wang")
    lost = f.RequestRefused(
        request="ClaimLead", reason="already_owned", winner="wang", position=won.sequence, rep="li"
    )
    history.decide("east", ("a", lost), actor="rep/li")
    row = next(folded(ownership.PROJECTION, history).rows("attempts"))
    assert (row["rep"], row["winner"], row["winner_sequence"]) == ("li", "wang", won.sequence)


def test_deals_add_up_per_currency(history: History) -> None:
    history.capture("east", "a", rotation("wang"))
    whole: dict[str, Any] = {"person": Person(phones=("+861",)), "touches": (a_touch("r"),)}
    converted = f.LeadConverted(customer="c", owner="wang", score=1, captured_sequence=7, **whole)
    history.decide("east", ("a", converted))
    for amount, currency in (("10.10", "CNY"), ("0.20", "CNY"), ("5", "USD")):
        value = Money(amount=Decimal(amount), currency=currency)
        history.decide("east", ("a", f.DealRecorded(customer="c", value=value, owner="wang")))
    rows = folded(customers.PROJECTION, history)
    assert rows.tables["customers"]["east", "a"]["revenue"] == {"CNY": "10.30", "USD": "5"}
    assert rows.tables["customers"]["east", "a"]["deals"] == len(rows.tables["deals"]) == 3


@given(
    st.decimals(0, 10**9, places=2),
    st.integers(1, 400),
    st.sampled_from(["CNY", "JPY", "BHD"]),
)
def test_a_periods_days_add_up_to_its_amount(amount: Decimal, days: int, currency: str) -> None:
    first = date(2026, 1, 1)
    parts = apportion(amount, currency, first, first + timedelta(days=days - 1))
    assert len(parts) == days
    assert sum(part for _, part in parts) == amount
    shares = [part for _, part in parts]
    assert shares == sorted(shares, reverse=True)
    assert max(shares) - min(shares) <= (Decimal("0.001") if currency == "BHD" else Decimal("0.01"))


def test_whole_units_stay_whole() -> None:
    parts = apportion(Decimal(100), "JPY", date(2026, 1, 1), date(2026, 1, 3))
    assert [part for _, part in parts] == [34, 33, 33]


def test_every_table_is_documented() -> None:
    page = (Path(__file__).parents[3] / "docs/reference/projections.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"`(\w+)`", page))
    assert {table.name for projection in ALL for table in projection.tables} <= documented
    assert {projection.name for projection in ALL} <= documented
