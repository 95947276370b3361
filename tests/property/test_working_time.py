"""What holds of working time for any calendar, start and duration."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from leadflow.calendars import zone_offsets
from leadflow.domain.calendar import WorkingTime
from leadflow.domain.members import Leave
from leadflow.domain.policy import WEEKDAYS, Calendar, CalendarRules, Duration

ZONES = {
    name: zone_offsets(name)
    for name in ("Asia/Shanghai", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo")
}
HOURS = ("09:00-18:00", "00:00-24:00", "22:30-24:00", "00:00-03:00", "12:00-12:30")
DAYS = st.dates(date(2025, 12, 1), date(2027, 2, 1))
# The bounds of `datetimes` are local to the zone that it draws, so they carry none.
MOMENTS = st.datetimes(
    datetime.fromisoformat("2026-01-01"), datetime.fromisoformat("2026-12-31"), timezones=st.just(UTC)
)
DURATIONS = st.builds(Duration, st.integers(0, 60), st.sampled_from(["s", "m", "h", "d", "wh", "wd"]))
WORKING = st.builds(Duration, st.integers(0, 40), st.sampled_from(["wh", "wd"]))


@st.composite
def working_times(draw: st.DrawFn, hours: str | None = None) -> WorkingTime:
    calendar = Calendar(
        offsets=ZONES[draw(st.sampled_from(sorted(ZONES)))],
        holidays=tuple(draw(st.sets(DAYS, max_size=20))),
        moved_working_days=tuple(draw(st.sets(DAYS, max_size=5))),
        covered_until=draw(st.none() | DAYS),
    )
    days = tuple(sorted(draw(st.sets(st.sampled_from(WEEKDAYS), min_size=1))))
    rules = CalendarRules(days=days, hours=hours or draw(st.sampled_from(HOURS)))
    return WorkingTime(calendar, rules)


def open_or_closing(work: WorkingTime, moment: datetime) -> bool:
    hours = work._hours
    return work.is_open(moment, hours) or work.is_open(moment - timedelta(microseconds=1), hours)


@given(working_times(), MOMENTS, MOMENTS, DURATIONS)
def test_a_later_start_never_gives_an_earlier_deadline(
    work: WorkingTime, first: datetime, second: datetime, duration: Duration
) -> None:
    early, late = sorted((first, second))
    assert work.add(early, duration)[0] <= work.add(late, duration)[0]
    assert work.sub(early, duration) <= work.sub(late, duration)


@given(working_times(), MOMENTS, st.sampled_from(["wh", "wd", "h"]), st.integers(0, 30), st.integers(0, 30))
def test_a_longer_duration_never_gives_an_earlier_deadline(
    work: WorkingTime, start: datetime, unit: str, first: int, second: int
) -> None:
    short, long = sorted((first, second))
    assert work.add(start, Duration(short, unit))[0] <= work.add(start, Duration(long, unit))[0]
    assert work.sub(start, Duration(short, unit)) >= work.sub(start, Duration(long, unit))


@given(working_times(), MOMENTS, WORKING)
def test_working_deadlines_fall_into_working_time(
    work: WorkingTime, start: datetime, duration: Duration
) -> None:
    end, past = work.add(start, duration)
    assert end >= start
    assert open_or_closing(work, end)
    assert past == (not work.covered(work.local_day(end)))
    warning = work.sub(end, duration)
    assert warning <= end
    assert open_or_closing(work, warning)


@given(working_times(), MOMENTS, st.integers(0, 40))
def test_hours_counted_back_come_to_the_start(work: WorkingTime, start: datetime, count: int) -> None:
    duration = Duration(count, "wh")
    begin = work.add(start, Duration(0, "wh"))[0]
    back = work.sub(work.add(start, duration)[0], duration)
    # A closing and the next opening are the same point of working time.
    assert work.add(back, Duration(0, "wh"))[0] == begin or back == begin


@given(working_times(), MOMENTS, st.none() | st.sampled_from(HOURS), st.lists(DAYS, max_size=4))
@settings(deadline=None)
def test_changes_are_where_availability_changes(
    work: WorkingTime, moment: datetime, hours: str | None, days: list[date]
) -> None:
    leave = tuple(Leave(first_day=day, last_day=day + timedelta(days=day.day % 9)) for day in days)
    tick = timedelta(microseconds=1)
    last = work.last_change(moment, hours, leave)
    if last is not None:
        assert last <= moment
        assert work.is_open(last, hours, leave) != work.is_open(last - tick, hours, leave)
        assert work.is_open(last, hours, leave) == work.is_open(moment, hours, leave)
        assert work.last_change(moment, hours, leave) == work.last_change(last, hours, leave)
    coming = work.next_opening(moment, hours, leave)
    if coming is not None:
        assert coming > moment
        assert work.is_open(coming, hours, leave)
        assert not work.is_open(coming - tick, hours, leave)
        assert work.last_change(coming, hours, leave) == coming


@given(working_times(), MOMENTS)
def test_local_day_is_the_same_however_it_was_asked_before(work: WorkingTime, moment: datetime) -> None:
    day = work.local_day(moment)
    for hours in range(-30, 30):
        work.local_day(moment + timedelta(hours=hours))
    assert work.local_day(moment) == day == work.local_time(moment).date()
    assert work.day_start(day) <= moment < work.day_start(day + timedelta(days=1))


PROBE = """
import json
from datetime import UTC, date, datetime, timedelta
from leadflow.domain.calendar import WorkingTime
from leadflow.domain.policy import Calendar, CalendarRules, Duration, Offset
start = datetime(2026, 3, 1, 12, 34, tzinfo=UTC)
work = WorkingTime(
    Calendar(offsets=(Offset(start=start, minutes=480),), holidays=(date(2026, 10, 1),)), CalendarRules())
print(json.dumps([
    [str(work.add(start + timedelta(hours=7 * n), Duration.parse(text))) for text in ("3wd", "5wh", "2d")]
    + [str(work.last_change(start + timedelta(hours=7 * n), "09:00-18:00"))] for n in range(900)]))
"""


def test_the_time_zone_of_the_machine_does_not_matter() -> None:
    source = str(Path(__file__).parents[2] / "src")
    answers = set()
    for zone in ("UTC", "America/New_York", "Asia/Kolkata", "Pacific/Kiritimati"):
        done = subprocess.run(
            [sys.executable, "-c", PROBE],
            env={**os.environ, "TZ": zone, "PYTHONPATH": source},
            capture_output=True,
            check=True,
            text=True,
        )
        assert len(json.loads(done.stdout)) == 900
        answers.add(done.stdout)
    assert len(answers) == 1
