"""Where a published calendar's days come from."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import chinese_calendar
import pytest

from leadflow.calendars import build_calendar, country_known, coverage_warning, zone_offsets
from leadflow.domain.calendar import WorkingTime
from leadflow.domain.policy import Calendar, Policy
from leadflow.errors import UsageError


def policy(country: str | None, zone: str = "Asia/Shanghai", past: str = "weekdays") -> Policy:
    return Policy.model_validate({"timezone": zone, "calendar": {"country": country, "past_coverage": past}})


def test_china_agrees_with_its_source_on_every_day() -> None:
    rules = policy("CN")
    work = WorkingTime(build_calendar(rules, date(2026, 3, 1)), rules.calendar)
    day = date(2025, 1, 1)
    while day <= date(2026, 12, 31):
        assert work.is_working_day(day) == chinese_calendar.is_workday(day), day
        day += timedelta(days=1)


def test_the_source_and_the_covered_end_are_written_down() -> None:
    calendar = build_calendar(policy("CN"), date(2026, 3, 1))
    assert calendar.source.startswith("chinesecalendar ")
    assert calendar.covered_until is not None
    assert calendar.covered_until >= date(2026, 12, 31)
    assert build_calendar(policy("DE", "Europe/Berlin"), date(2026, 3, 1)).covered_until == date(2027, 12, 31)
    alone = build_calendar(policy(None), date(2026, 3, 1))
    assert (alone.covered_until, alone.source, alone.holidays) == (None, "week", ())


def test_other_countries_know_this_year_and_the_next() -> None:
    calendar = build_calendar(policy("DE", "Europe/Berlin"), date(2026, 3, 1))
    assert {day.year for day in calendar.holidays} == {2025, 2026, 2027}
    assert date(2026, 12, 25) in calendar.holidays
    assert date(2026, 10, 3) not in calendar.holidays, "a Saturday is off anyway"


def test_days_moved_in_other_countries_count_too() -> None:
    calendar = build_calendar(policy("VN", "Asia/Ho_Chi_Minh"), date(2026, 3, 1))
    assert date(2026, 8, 22) in calendar.moved_working_days


def test_a_year_with_estimated_feasts_is_not_covered() -> None:
    assert build_calendar(policy("PK", "Asia/Karachi"), date(2031, 3, 1)).covered_until == date(2031, 12, 31)


@pytest.mark.parametrize("year", [2003, 2100])
def test_a_year_without_data_is_an_error_that_says_what_is_covered_if_the_policy_refuses(year: int) -> None:
    with pytest.raises(UsageError, match=r"from 2004 to 20\d\d, not those of") as error:
        build_calendar(policy("CN", past="refuse"), date(year, 1, 1))
    assert error.value.where == "calendar.country"
    assert error.value.do is not None
    assert "update chinesecalendar" in error.value.do


def test_a_year_without_data_is_plain_weekdays_otherwise_and_warned_of() -> None:
    rules = policy("CN")
    calendar = build_calendar(rules, date(2100, 1, 1))
    assert calendar.holidays == ()
    assert calendar.covered_until is not None
    assert calendar.covered_until < date(2100, 1, 1)
    assert "ended on" in (coverage_warning(calendar, date(2100, 1, 1)) or "")
    work = WorkingTime(calendar, rules.calendar)
    assert [work.is_working_day(date(2100, 1, day)) for day in (1, 2, 3, 4)] == [True, False, False, True]


def test_unknown_country_and_zone() -> None:
    assert country_known("CN")
    assert country_known("DE")
    assert not country_known("XX")
    with pytest.raises(UsageError, match="XX"):
        build_calendar(policy("XX"), date(2026, 1, 1))
    for zone in ("Asia", "Asia/Nowhere", "../etc/passwd", ""):
        with pytest.raises(UsageError, match="no time zone"):
            zone_offsets(zone)


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "Europe/Berlin", "Australia/Lord_Howe", "America/Havana"])
def test_offsets_agree_with_the_zone(zone: str) -> None:
    rules = policy(None, zone)
    work = WorkingTime(build_calendar(rules, date(2026, 1, 1)), rules.calendar)
    moment = datetime(2020, 1, 1, 0, 30, tzinfo=UTC)
    while moment.year < 2030:
        local = moment.astimezone(ZoneInfo(zone))
        assert work.local_time(moment) == local.replace(tzinfo=None)
        assert work.local_day(moment) == local.date()
        moment += timedelta(hours=5)


def test_the_end_of_coverage_is_warned_of_sixty_days_ahead() -> None:
    calendar = Calendar(
        offsets=zone_offsets("UTC"), covered_until=date(2026, 12, 31), source="chinesecalendar 1"
    )
    assert coverage_warning(calendar, date(2026, 11, 1)) == (
        "The calendar (chinesecalendar 1) ends on 2026-12-31. Update the library that it comes from "
        "and publish the policy again; until then the policy's past_coverage says what holds."
    )
    assert coverage_warning(calendar, date(2026, 10, 31)) is None
    assert "ended on 2026-12-31" in (coverage_warning(calendar, date(2027, 1, 5)) or "")
    assert coverage_warning(Calendar(offsets=zone_offsets("UTC")), date(2027, 1, 5)) is None
