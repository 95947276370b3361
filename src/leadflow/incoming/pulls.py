"""When an inlet asks its vendor for what was not pushed, and for which days: rules without a clock.

A pull that ends well is gone on from where it ended, with a day of overlap; one that fails is tried again
after a pause that doubles each time.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from leadflow.domain.values import format_time
from leadflow.intake.channels.baidu import WINDOW_DAYS_MAX

ZONE = ZoneInfo("Asia/Shanghai")
"""Days of Baidu's marketing API are days of this zone."""
OVERLAP = timedelta(days=1)
"""What a vendor shows late is not missed; what is known already counts as a duplicate."""
PAUSE_MAX = timedelta(hours=6)
"""Between two tries that fail, unless the interval is longer."""


class Pulls(NamedTuple):
    """How the pulls of an inlet stand."""

    until: datetime | None = None
    """When the last good pull began: what the vendor had by then is known."""
    due_at: datetime | None = None
    """When to pull again; None for at once."""
    failures: int = 0
    """Tries that failed since the last good pull."""
    problem: str | None = None
    """Why the last try failed; None if it did not."""

    def due(self, now: datetime) -> bool:
        """Whether it is time."""
        return self.due_at is None or self.due_at <= now

    def window(self, now: datetime) -> tuple[date, date]:
        """The days to ask for, both included: from the last good pull on, at most 30."""
        last = now.astimezone(ZONE).date()
        earliest = last - timedelta(days=WINDOW_DAYS_MAX - 1)
        if self.until is None:
            return earliest, last
        return max(earliest, (self.until - OVERLAP).astimezone(ZONE).date()), last

    def missed(self, now: datetime) -> tuple[date, date] | None:
        """Days since the last good pull that the window no longer reaches, both included."""
        if self.until is None:
            return None
        ended, earliest = (self.until - OVERLAP).astimezone(ZONE).date(), self.window(now)[0]
        return (ended, earliest - timedelta(days=1)) if ended < earliest else None

    def succeeded(self, now: datetime, interval: timedelta) -> Pulls:
        """After a pull that began now and took in all there was."""
        return Pulls(now, now + interval)

    def failed(self, now: datetime, interval: timedelta, problem: str) -> Pulls:
        """After one that did not end well."""
        longest = max(interval, PAUSE_MAX)
        pause = min(interval * 2 ** min(self.failures, 20), longest)
        return Pulls(self.until, now + pause, self.failures + 1, problem)

    def document(self) -> dict[str, Any]:
        """For the records and for programs."""
        return {
            "until": None if self.until is None else format_time(self.until),
            "due_at": None if self.due_at is None else format_time(self.due_at),
            "failures": self.failures,
            "problem": self.problem,
        }


NEVER_PULLED = Pulls()
"""Of an inlet that is new."""


def pulls_of(document: dict[str, Any] | None) -> Pulls:
    """How pulls stand, as the records have it."""
    if document is None:
        return NEVER_PULLED
    times = [document[name] for name in ("until", "due_at")]
    until, due_at = (None if text is None else datetime.fromisoformat(text) for text in times)
    return Pulls(until, due_at, document["failures"], document["problem"])
