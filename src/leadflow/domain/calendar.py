"""Working time: days, hours and deadlines of a pool, from the calendar that its policy published.

The local time of a pool comes from the offsets written into `PolicyPublished`, never from the
machine's time zone data, so a decision is the same on every machine and at every replay.

How durations count:

- `s m h d` run on the clock; a `d` is 24 hours.
- `wh` counts the hours in which the team is open. A time limit that is used up exactly at closing
  ends at closing, not at the next opening. On a day when the clocks change, hours that really pass count.
- `wd` counts working days: the same local time of day on the n-th following working day, kept within
  that day's opening hours.
- For both, a start outside working time counts from the next opening. Closing time is outside.
- After the calendar's last covered day the week alone says what a working day is
  (`past_coverage = "weekdays"`, and the answer says so), or `CalendarNotCovered` is raised (`refuse`).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Protocol

from leadflow.domain.policy import WEEKDAYS, Calendar, CalendarRules, Duration

DAYS_MAX = 36_600
"""How many days ahead or back working time is looked for: a century."""
CHANGE_DAYS_MAX = 400
"""How many days ahead or back a member's opening is looked for."""
_CACHE_MAX = 10_000
_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)
_MIDNIGHT = time()

Span = tuple[datetime, datetime]
"""An opening and its closing, in UTC; the closing is no longer open."""


class LeaveDays(Protocol):
    """Days on which a member is away; both belong to the leave (`members.Leave`)."""

    @property
    def first_day(self) -> date: ...

    @property
    def last_day(self) -> date: ...


class CalendarNotCovered(Exception):
    """The policy refuses to count working time on `day`, which its calendar does not cover."""

    def __init__(self, day: date) -> None:
        super().__init__(f"the calendar does not cover {day.isoformat()}")
        self.day = day


class NoWorkingTime(Exception):
    """Within a century of `day` there is not enough working time."""

    def __init__(self, day: date) -> None:
        super().__init__(f"there is not enough working time around {day.isoformat()}")
        self.day = day


def parse_hours(hours: str) -> tuple[int, int]:
    """Opening and closing of `09:00-18:00` as minutes after midnight; `24:00` is 1440."""
    start, _, end = hours.partition("-")
    return int(start[:2]) * 60 + int(start[3:]), int(end[:2]) * 60 + int(end[3:])


class WorkingTime:
    """The working time of one published policy. Its methods are pure; what they memorise is only speed.

    All moments are aware datetimes; those returned are in UTC.
    """

    def __init__(self, calendar: Calendar, rules: CalendarRules) -> None:
        offsets = sorted((o.start, o.minutes) for o in calendar.offsets)
        self._starts = [start for start, _ in offsets]
        self._offsets = [timedelta(minutes=minutes) for _, minutes in offsets]
        self._holidays = frozenset(calendar.holidays)
        self._moved = frozenset(calendar.moved_working_days)
        self._week = frozenset(WEEKDAYS.index(name) for name in rules.days)
        self._covered_until = calendar.covered_until
        self._refuse = rules.past_coverage == "refuse"
        self._hours = rules.hours
        self._today = (datetime.max.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC), date.min)
        self._spans: dict[tuple[date, str | None], Span | None] = {}
        # The requests of a batch count from one moment, and the oldest lead is asked about each time.
        self._added = lru_cache(maxsize=_CACHE_MAX)(self._add)
        self._subtracted = lru_cache(maxsize=_CACHE_MAX)(self._sub)

    # --- days ---------------------------------------------------------------------------------

    def local_day(self, moment: datetime) -> date:
        """The day that it is in the pool's zone at `moment`."""
        start, end, day = self._today
        if start <= moment < end:
            return day
        day = self._day(moment)
        start, end = self._midnights(day)
        if start <= moment < end:
            self._today = (start, end, day)
        return day

    def local_time(self, moment: datetime) -> datetime:
        """The date and time of day in the pool's zone at `moment`, without an offset."""
        return self._local(moment)

    def day_start(self, day: date) -> datetime:
        """When `day` begins in the pool's zone."""
        return self._utc(datetime.combine(day, _MIDNIGHT))

    def covered(self, day: date) -> bool:
        """Whether the public holidays of `day` are known. Always so where no country is named."""
        return self._covered_until is None or day <= self._covered_until

    def is_working_day(self, day: date) -> bool:
        """Whether the team works on `day`; past the covered days the week alone says so."""
        if not self.covered(day):
            return day.weekday() in self._week
        if day in self._moved:
            return True
        return day.weekday() in self._week and day not in self._holidays

    # --- deadlines ----------------------------------------------------------------------------

    def add(self, start: datetime, duration: Duration, *, anyway: bool = False) -> tuple[datetime, bool]:
        """The moment `duration` after `start`, and whether working time was counted past coverage.

        Raises CalendarNotCovered where the policy refuses to, and NoWorkingTime where a century
        does not hold that much working time. With `anyway` the week alone counts past coverage,
        whatever the policy says: for what the clock decides, which has nobody to refuse.
        """
        return self._added(start, duration, anyway)

    def _add(self, start: datetime, duration: Duration, anyway: bool) -> tuple[datetime, bool]:
        if not duration.on_calendar:
            return start.astimezone(UTC) + duration.clock, False
        if duration.unit == "wh":
            end = self._add_hours(start, duration.count * _HOUR)
        else:
            end = self._add_days(start, duration.count)
        day = self._day(end)
        if self.covered(day):
            return end, False
        if self._refuse and not anyway:
            raise CalendarNotCovered(day)
        return end, True

    def sub(self, deadline: datetime, duration: Duration) -> datetime:
        """The moment `duration` before `deadline`: when to warn of it.

        Mirrors `add`: a deadline outside working time counts from the closing before it. Never
        raises, for a warning refuses nothing: past the covered days the week alone counts, and where
        a century does not hold that much working time, the answer is its beginning.
        """
        return self._subtracted(deadline, duration)

    def _sub(self, deadline: datetime, duration: Duration) -> datetime:
        if not duration.on_calendar:
            return deadline.astimezone(UTC) - duration.clock
        try:
            if duration.unit == "wh":
                return self._sub_hours(deadline, duration.count * _HOUR)
            return self._sub_days(deadline, duration.count)
        except NoWorkingTime as problem:
            return self.day_start(problem.day)

    def _add_hours(self, start: datetime, left: timedelta) -> datetime:
        day = self._day(start)
        for _ in range(DAYS_MAX):
            span = self._span(day, self._hours)
            if span is not None and start < span[1]:
                begin = max(span[0], start)
                if left <= span[1] - begin:
                    return begin + left
                left -= span[1] - begin
            day += _DAY
        raise NoWorkingTime(day)

    def _sub_hours(self, deadline: datetime, left: timedelta) -> datetime:
        day = self._day(deadline)
        for _ in range(DAYS_MAX):
            span = self._span(day, self._hours)
            if span is not None and deadline > span[0]:
                end = min(span[1], deadline)
                if left <= end - span[0]:
                    return end - left
                left -= end - span[0]
            day -= _DAY
        raise NoWorkingTime(day)

    def _add_days(self, start: datetime, count: int) -> datetime:
        begin = self._add_hours(start, timedelta())
        day = self._day(begin)
        return self._same_time(begin, day, self._step(day, count, _DAY))

    def _sub_days(self, deadline: datetime, count: int) -> datetime:
        end = self._sub_hours(deadline, timedelta())
        # A closing at 24:00 belongs to the day that it ends.
        day = self._day(end - timedelta(microseconds=1))
        return self._same_time(end, day, self._step(day, count, -_DAY))

    def _step(self, day: date, count: int, step: timedelta) -> date:
        """The count-th working day after (or before) `day`."""
        for _ in range(DAYS_MAX):
            if count == 0:
                return day
            day += step
            count -= self.is_working_day(day)
        raise NoWorkingTime(day)

    def _same_time(self, moment: datetime, day: date, target: date) -> datetime:
        """The time of day that `moment` has on `day`, on the working day `target`, within its hours."""
        elapsed = self._local(moment) - datetime.combine(day, _MIDNIGHT)
        opening, closing = self._span(target, self._hours) or self._midnights(target)
        return min(max(self._utc(datetime.combine(target, _MIDNIGHT) + elapsed), opening), closing)

    # --- a member's availability ----------------------------------------------------------------

    def is_open(
        self, moment: datetime, hours: str | None = None, leave: Sequence[LeaveDays] | None = None
    ) -> bool:
        """Whether a member with these hours and leave days is available at `moment`.

        With hours, in those hours of the calendar's working days; without, always; never on leave.
        """
        if hours is None and not leave:
            return True
        span = self._available(self.local_day(moment), hours, leave)
        return span is not None and span[0] <= moment < span[1]

    def last_change(
        self, moment: datetime, hours: str | None = None, leave: Sequence[LeaveDays] | None = None
    ) -> datetime | None:
        """The latest moment up to `moment` at which the member's availability changed.

        None where it never did: no hours, and no leave that has begun.
        """
        if hours is None and not leave:
            return None
        day = self.local_day(moment)
        for _ in range(CHANGE_DAYS_MAX):
            span = self._available(day, hours, leave)
            if span is not None:
                before = self._available(day - _DAY, hours, leave)
                after = self._available(day + _DAY, hours, leave)
                if span[1] <= moment and (after is None or after[0] != span[1]):
                    return span[1]
                if span[0] <= moment and (before is None or before[1] != span[0]):
                    return span[0]
            earlier = self._skip(day, hours, leave, ahead=False)
            if earlier is None:
                return None
            day = earlier
        return None

    def next_opening(
        self, moment: datetime, hours: str | None = None, leave: Sequence[LeaveDays] | None = None
    ) -> datetime | None:
        """The first moment after `moment` at which the member becomes available.

        None where it stays as it is: no hours, and no leave ahead.
        """
        if hours is None and not leave:
            return None
        day = self.local_day(moment)
        for _ in range(CHANGE_DAYS_MAX):
            span = self._available(day, hours, leave)
            if span is not None and span[0] > moment:
                before = self._available(day - _DAY, hours, leave)
                if before is None or before[1] != span[0]:
                    return span[0]
            later = self._skip(day, hours, leave, ahead=True)
            if later is None:
                return None
            day = later
        return None

    def _available(self, day: date, hours: str | None, leave: Sequence[LeaveDays] | None) -> Span | None:
        if leave and any(away.first_day <= day <= away.last_day for away in leave):
            return None
        return self._span(day, hours)

    def _skip(
        self, day: date, hours: str | None, leave: Sequence[LeaveDays] | None, *, ahead: bool
    ) -> date | None:
        """The next day worth looking at: long leaves, and without hours all quiet days, are passed over."""
        if hours is None:
            if ahead:
                return min((a.last_day + _DAY for a in leave or () if a.last_day >= day), default=None)
            edges = [edge for a in leave or () for edge in (a.last_day + _DAY, a.first_day - _DAY)]
            return max((edge for edge in edges if edge < day), default=None)
        step = _DAY if ahead else -_DAY
        target = day + step
        for away in leave or ():
            if away.first_day <= target <= away.last_day:
                target = away.last_day if ahead else away.first_day
        return target

    # --- the zone -------------------------------------------------------------------------------

    def _span(self, day: date, hours: str | None) -> Span | None:
        """When `day` is open: `hours` of a working day, or the whole of any day."""
        key = (day, hours)
        if key in self._spans:
            return self._spans[key]
        span: Span | None
        if hours is None:
            span = self._midnights(day)
        elif not self.is_working_day(day):
            span = None
        else:
            midnight = datetime.combine(day, _MIDNIGHT)
            opening, closing = (timedelta(minutes=minutes) for minutes in parse_hours(hours))
            span = (self._utc(midnight + opening), self._utc(midnight + closing))
        if len(self._spans) >= _CACHE_MAX:
            self._spans.clear()
        self._spans[key] = span
        return span

    def _midnights(self, day: date) -> Span:
        return self.day_start(day), self.day_start(day + _DAY)

    def _day(self, moment: datetime) -> date:
        """As `local_day`, without disturbing what that remembers of the current day."""
        return self._local(moment).date()

    def _local(self, moment: datetime) -> datetime:
        moment = moment.astimezone(UTC)
        index = max(bisect_right(self._starts, moment) - 1, 0)
        return moment.replace(tzinfo=None) + self._offsets[index]

    def _utc(self, local: datetime) -> datetime:
        """The moment of a local time. One that comes twice is the first; one that the clocks leave
        out is the moment at which they are put forward.
        """
        wall = local.replace(tzinfo=UTC)
        index = max(bisect_right(self._starts, wall - _DAY) - 1, 0)
        while index + 1 < len(self._starts):
            moment = wall - self._offsets[index]
            if moment < self._starts[index + 1]:
                break
            index += 1
        moment = wall - self._offsets[index]
        return moment if index == 0 else max(moment, self._starts[index])
