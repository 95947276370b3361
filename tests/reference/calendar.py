"""The reference model's time: a pool's local days, and durations counted day by day in working time.

Slow and plain on purpose: it walks from day to day, and looks at nothing but what `PolicyPublished` says.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import NamedTuple

from leadflow.domain.policy import WEEKDAYS, Calendar, Duration, Policy

DAY = timedelta(days=1)
NOTHING = timedelta()
FARTHEST = 4000
"""Days that a search for working time goes on."""


class Span(NamedTuple):
    """A part of a day, in UTC; its end is outside."""

    start: datetime
    end: datetime


class Clock:
    """What a pool's policy and calendar say of time."""

    def __init__(self, policy: Policy, calendar: Calendar) -> None:
        self.rules = policy.calendar
        self.calendar = calendar
        self.after = cache(self._after)
        self.before = cache(self._before)
        self.span = cache(self._span)

    def minutes(self, moment: datetime) -> int:
        """How far local time is ahead of UTC."""
        found = self.calendar.offsets[0].minutes
        for offset in self.calendar.offsets:
            if offset.start <= moment:
                found = offset.minutes
        return found

    def local(self, moment: datetime) -> datetime:
        return (moment + timedelta(minutes=self.minutes(moment))).replace(tzinfo=None)

    def day(self, moment: datetime) -> date:
        return self.local(moment).date()

    def moment(self, day: date, minute: int, rest: timedelta = NOTHING) -> datetime:
        """When a local clock first shows this time of the day, or has gone past it."""
        wanted = datetime.combine(day, time()) + timedelta(minutes=minute) + rest
        around = wanted.replace(tzinfo=UTC)
        known = [o.minutes for o in self.calendar.offsets if o.start <= around + 2 * DAY][-2:]
        if not known:
            known = [self.calendar.offsets[0].minutes]
        tries = sorted(around - timedelta(minutes=m) for m in known)
        exact = [t for t in tries if self.local(t) == wanted]
        if exact:
            return exact[0]
        return max(o.start for o in self.calendar.offsets if tries[0] < o.start <= tries[-1])

    def midnight_after(self, moment: datetime) -> datetime:
        return self.moment(self.day(moment) + DAY, 0)

    def works(self, day: date) -> bool:
        """Whether the team works on this local day."""
        covered = self.calendar.covered_until
        if covered is None or day <= covered:
            if day in self.calendar.holidays:
                return False
            if day in self.calendar.moved_working_days:
                return True
        return WEEKDAYS[day.weekday()] in self.rules.days

    def within(self, moment: datetime, hours: str) -> bool:
        """Whether a moment lies between the beginning and the end of these hours, on a working day."""
        day = self.day(moment)
        start, end = minutes_of(hours)
        return self.works(day) and self.moment(day, start) <= moment < self.moment(day, end)

    def _span(self, day: date) -> Span | None:
        if not self.works(day):
            return None
        start, end = minutes_of(self.rules.hours)
        found = Span(self.moment(day, start), self.moment(day, end))
        return found if found.start < found.end else None

    def _spans(self, day: date, step: timedelta) -> Iterator[Span]:
        for _ in range(FARTHEST):
            if span := self.span(day):
                yield span
            day += step

    def _after(self, moment: datetime, duration: Duration) -> datetime | None:
        """The end of a duration; None where there is no working time."""
        if not duration.on_calendar:
            return moment + duration.clock
        spans = [Span(max(s.start, moment), s.end) for s in self._ahead(moment, duration)]
        if not spans:
            return None
        if duration.unit == "wd":
            first = spans[0]
            if len(spans) <= duration.count:
                return None
            return self._same_time(first.start, first, spans[duration.count])
        left = timedelta(hours=duration.count)
        for span in spans:
            if left <= span.end - span.start:
                return span.start + left
            left -= span.end - span.start
        return None

    def _ahead(self, moment: datetime, duration: Duration) -> list[Span]:
        """Enough working spans from this moment on."""
        found: list[Span] = []
        total = timedelta()
        for span in self._spans(self.day(moment) - DAY, DAY):
            if span.end > moment:
                found.append(span)
                total += span.end - max(span.start, moment)
                enough = total >= timedelta(hours=duration.count) if duration.unit == "wh" else False
                if enough or (duration.unit == "wd" and len(found) > duration.count):
                    break
        return found

    def _same_time(self, shown: datetime, of: Span, span: Span) -> datetime:
        """The time of day that `shown` has on the day of one span, on the day of another, kept within it."""
        time_of_day = self.local(shown) - datetime.combine(self.day(of.start), time())
        minutes, rest = divmod(time_of_day, timedelta(minutes=1))
        moment = self.moment(self.day(span.start), minutes, rest)
        return min(max(moment, span.start), span.end)

    def _before(self, moment: datetime, duration: Duration) -> datetime | None:
        """So long before a moment: working time is counted back from it, or from the closing before it."""
        if not duration.on_calendar:
            return moment - duration.clock
        left = timedelta(hours=duration.count)
        begun: Span | None = None
        passed = 0
        for span in self._spans(self.day(moment) + DAY, -DAY):
            if span.start >= moment:
                continue
            end = min(span.end, moment)
            if duration.unit == "wd":
                begun = begun or Span(span.start, end)
                if passed == duration.count:
                    return self._same_time(begun.end, begun, span)
                passed += 1
            elif left <= end - span.start:
                return end - left
            else:
                left -= end - span.start
        return None

    def covers(self, moment: datetime) -> bool:
        """Whether the country's holidays are known on that day."""
        covered = self.calendar.covered_until
        return covered is None or self.day(moment) <= covered


def minutes_of(hours: str) -> tuple[int, int]:
    """`09:00-18:00` as minutes of the day."""
    start, end = ((int(t[:2]) * 60 + int(t[3:])) for t in hours.split("-"))
    return start, end
