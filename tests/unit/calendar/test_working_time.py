"""Working time around China's National Day of 2026, on days checked by hand.

The State Council's notice for 2026: off from Thursday 1 to Wednesday 7 October; Sunday 20 September
and Saturday 10 October are working days. Mid-Autumn: off from Friday 25 to Sunday 27 September.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from leadflow.calendars import build_calendar, zone_offsets
from leadflow.domain.calendar import CalendarNotCovered, NoWorkingTime, WorkingTime
from leadflow.domain.members import Leave
from leadflow.domain.policy import Calendar, CalendarRules, Duration, Policy

CHINA = timezone(timedelta(hours=8))
TODAY = date(2026, 9, 1)


def china(**rules: object) -> WorkingTime:
    policy = Policy.model_validate({"timezone": "Asia/Shanghai", "calendar": {"country": "CN", **rules}})
    return WorkingTime(build_calendar(policy, TODAY), policy.calendar)


def week(zone: str, **rules: object) -> WorkingTime:
    return WorkingTime(Calendar(offsets=zone_offsets(zone)), CalendarRules.model_validate(rules))


def at(month: int, day: int, hour: int = 10, minute: int = 0, year: int = 2026) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=CHINA)


@pytest.mark.parametrize(
    ("start", "duration", "end"),
    [
        # On the clock, holidays count like any day.
        (at(9, 30), "3d", at(10, 3)),
        (at(9, 30), "24h", at(10, 1)),
        # Wednesday 30 September; then Thursday 8, Friday 9 and Saturday 10 October are working days.
        (at(9, 30), "1wd", at(10, 8)),
        (at(9, 30), "2wd", at(10, 9)),
        (at(9, 30), "3wd", at(10, 10)),
        (at(9, 30), "4wd", at(10, 12)),
        # Mid-Autumn: from Thursday 24 to Monday 28 September.
        (at(9, 24), "1wd", at(9, 28)),
        # From Friday 18 to the moved Sunday 20 September.
        (at(9, 18), "1wd", at(9, 20)),
        # A start in the holidays counts from the next opening.
        (at(10, 3), "0wd", at(10, 8, 9)),
        (at(10, 3), "1wd", at(10, 9, 9)),
        # Before opening, and from closing time on.
        (at(9, 29, 7), "1wd", at(9, 30, 9)),
        (at(9, 29, 17, 59), "1wd", at(9, 30, 17, 59)),
        (at(9, 29, 18), "1wd", at(10, 8, 9)),
        # Hours: eight are left on the 30th at ten o'clock.
        (at(9, 30), "7wh", at(9, 30, 17)),
        (at(9, 30), "8wh", at(9, 30, 18)),
        (at(9, 30), "9wh", at(10, 8, 10)),
        (at(9, 30), "26wh", at(10, 9, 18)),
        (at(9, 30), "27wh", at(10, 10, 10)),
        (at(10, 3), "1wh", at(10, 8, 10)),
    ],
)
def test_durations_over_national_day(start: datetime, duration: str, end: datetime) -> None:
    assert china().add(start, Duration.parse(duration)) == (end, False)


@pytest.mark.parametrize(
    ("deadline", "duration", "warning"),
    [
        (at(10, 3), "1d", at(10, 2)),
        (at(10, 8), "1wd", at(9, 30)),
        (at(10, 12), "3wd", at(10, 8)),
        (at(10, 8), "1wh", at(10, 8, 9)),
        (at(10, 8), "2wh", at(9, 30, 17)),
        # A deadline in the holidays counts from the closing before it.
        (at(10, 3), "1wd", at(9, 29, 18)),
        (at(10, 3), "2wh", at(9, 30, 16)),
        (at(10, 3), "0wd", at(9, 30, 18)),
    ],
)
def test_warnings_count_back_as_deadlines_count_ahead(
    deadline: datetime, duration: str, warning: datetime
) -> None:
    assert china().sub(deadline, Duration.parse(duration)) == warning


def test_moved_working_days_and_holidays() -> None:
    work = china()
    assert [day for day in range(18, 31) if work.is_working_day(date(2026, 9, day))] == [
        18, 20, 21, 22, 23, 24, 28, 29, 30,
    ]  # fmt: skip
    assert [day for day in range(1, 14) if work.is_working_day(date(2026, 10, day))] == [8, 9, 10, 12, 13]


def test_a_week_of_six_days_keeps_the_holidays() -> None:
    work = china(days=["mon", "tue", "wed", "thu", "fri", "sat"])
    assert work.is_working_day(date(2026, 9, 19))
    assert not work.is_working_day(date(2026, 10, 3))
    assert work.add(at(9, 30), Duration.parse("4wd")) == (at(10, 12), False)


def test_past_the_covered_days_plain_weekdays_count_and_the_answer_says_so() -> None:
    work = china()
    start = at(12, 31)
    assert work.covered(date(2026, 12, 31))
    assert not work.covered(date(2027, 1, 1))
    assert work.add(start, Duration.parse("1wd")) == (at(1, 1, year=2027), True)
    assert work.add(start, Duration.parse("8wh")) == (at(12, 31, 18), False)
    assert work.add(start, Duration.parse("3d")) == (at(1, 3, year=2027), False)


def test_past_the_covered_days_a_policy_may_refuse() -> None:
    work = china(past_coverage="refuse")
    with pytest.raises(CalendarNotCovered) as refused:
        work.add(at(12, 31), Duration.parse("1wd"))
    assert refused.value.day == date(2027, 1, 1)
    assert work.add(at(12, 31), Duration.parse("30d")) == (at(1, 30, year=2027), False)
    assert work.add(at(12, 31), Duration.parse("1wd"), anyway=True) == (at(1, 1, year=2027), True)
    assert work.sub(at(1, 5, year=2027), Duration.parse("1wd")) == at(1, 4, year=2027)


def test_hours_to_midnight() -> None:
    work = china(hours="14:00-24:00")
    assert work.add(at(9, 29, 23), Duration.parse("1wh")) == (at(9, 30, 0), False)
    assert work.add(at(9, 29, 23), Duration.parse("2wh")) == (at(9, 30, 15), False)
    assert work.add(at(9, 29, 23), Duration.parse("1wd")) == (at(9, 30, 23), False)
    assert work.sub(at(9, 30, 0), Duration.parse("1wd")) == at(9, 29, 0)
    assert work.is_open(at(9, 29, 23, 59), "14:00-24:00")
    assert not work.is_open(at(9, 30, 0), "14:00-24:00")


def test_the_clocks_go_forward_and_back() -> None:
    # Berlin in 2026: forward on 29 March at 01:00 UTC, back on 25 October at 01:00 UTC; both Sundays.
    work = week("Europe/Berlin", days=["sat", "sun", "mon"], hours="00:00-24:00")
    spring = datetime(2026, 3, 28, 23, tzinfo=UTC)
    assert work.local_day(spring) == date(2026, 3, 29)
    assert work.add(spring, Duration.parse("23wh"))[0] == datetime(2026, 3, 29, 22, tzinfo=UTC)
    autumn = datetime(2026, 10, 24, 22, tzinfo=UTC)
    assert work.add(autumn, Duration.parse("25wh"))[0] == datetime(2026, 10, 25, 23, tzinfo=UTC)
    # The same local time of day: 10:00 is 09:00 UTC in winter and 08:00 UTC in summer.
    saturday = datetime(2026, 3, 28, 9, tzinfo=UTC)
    assert work.add(saturday, Duration.parse("1wd"))[0] == datetime(2026, 3, 29, 8, tzinfo=UTC)
    # 02:30 does not exist on 29 March: the moment of the change stands for it.
    assert work.add(datetime(2026, 3, 28, 1, 30, tzinfo=UTC), Duration.parse("1wd"))[0] == datetime(
        2026, 3, 29, 1, tzinfo=UTC
    )


def test_local_day_before_the_first_offset_uses_the_first() -> None:
    assert china().local_day(datetime(1999, 12, 31, 16, tzinfo=UTC)) == date(2000, 1, 1)


def test_a_century_without_enough_working_time_is_an_error_not_a_loop() -> None:
    work = week("Asia/Shanghai", days=["mon"], hours="09:00-09:01")
    with pytest.raises(NoWorkingTime):
        work.add(at(9, 1), Duration.parse("100wh"))
    assert work.sub(at(9, 1), Duration.parse("100wh")) < at(9, 1, year=1930)


# --- availability of a member ---------------------------------------------------------------------

HOURS = "09:30-17:00"


def test_without_hours_and_leave_a_member_is_always_there() -> None:
    work = china()
    assert work.is_open(at(10, 3, 3))
    assert work.last_change(at(10, 3, 3)) is None
    assert work.next_opening(at(10, 3, 3)) is None


def test_hours_hold_on_working_days() -> None:
    work = china()
    assert work.is_open(at(9, 30, 9, 30), HOURS)
    assert not work.is_open(at(9, 30, 9, 29), HOURS)
    assert not work.is_open(at(9, 30, 17), HOURS)
    assert not work.is_open(at(10, 5, 12), HOURS)
    assert work.is_open(at(10, 10, 12), HOURS)
    assert work.last_change(at(10, 5, 12), HOURS) == at(9, 30, 17)
    assert work.last_change(at(9, 30, 12), HOURS) == at(9, 30, 9, 30)
    assert work.last_change(at(9, 30, 17), HOURS) == at(9, 30, 17)
    assert work.next_opening(at(10, 5, 12), HOURS) == at(10, 8, 9, 30)
    assert work.next_opening(at(9, 30, 12), HOURS) == at(10, 8, 9, 30)


def test_leave_days_without_hours() -> None:
    work = china()
    leave = (
        Leave(first_day=date(2026, 9, 5), last_day=date(2026, 9, 6)),
        Leave(first_day=date(2026, 9, 7), last_day=date(2026, 9, 8)),
        Leave(first_day=date(2026, 9, 20), last_day=date(2026, 9, 20)),
    )
    assert work.is_open(at(9, 4, 23, 59), None, leave)
    assert not work.is_open(at(9, 5, 0), None, leave)
    assert not work.is_open(at(9, 8, 23, 59), None, leave)
    assert work.last_change(at(9, 4), None, leave) is None
    assert work.last_change(at(9, 7), None, leave) == at(9, 5, 0)
    assert work.last_change(at(9, 12), None, leave) == at(9, 9, 0)
    assert work.next_opening(at(9, 4), None, leave) == at(9, 9, 0)
    assert work.next_opening(at(9, 7), None, leave) == at(9, 9, 0)
    assert work.next_opening(at(9, 12), None, leave) == at(9, 21, 0)
    assert work.next_opening(at(9, 21), None, leave) is None


def test_leave_days_with_hours() -> None:
    work = china()
    leave = (Leave(first_day=date(2026, 9, 29), last_day=date(2026, 10, 9)),)
    assert not work.is_open(at(9, 29, 12), HOURS, leave)
    assert work.last_change(at(10, 9, 12), HOURS, leave) == at(9, 28, 17)
    assert work.next_opening(at(9, 28, 17), HOURS, leave) == at(10, 10, 9, 30)


def test_a_leave_of_years() -> None:
    work = china()
    leave = (Leave(first_day=date(2026, 9, 29), last_day=date(2030, 9, 30)),)
    for hours, begin, end in (
        (HOURS, at(9, 28, 17), at(10, 1, 9, 30, 2030)),
        (None, at(9, 29, 0), at(10, 1, 0, 0, 2030)),
    ):
        assert work.last_change(at(5, 5, year=2029), hours, leave) == begin
        assert work.next_opening(at(9, 29), hours, leave) == end


def test_days_that_are_open_to_midnight_are_one_opening() -> None:
    work = week("Asia/Shanghai")
    assert work.next_opening(at(9, 1), "00:00-24:00") == at(9, 7, 0)
    assert work.last_change(at(9, 3), "00:00-24:00") == at(8, 31, 0)
