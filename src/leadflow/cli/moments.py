"""Times and days that somebody types."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

from leadflow.bootstrap.looking import PoolView
from leadflow.errors import UsageError

TIME_FORMS = "2026-10-15, 2026-10-15T14:30 (in the pool's local time) or 2026-10-15T14:30:00+08:00"


def parse_time(text: str, pool: PoolView | None) -> datetime:
    """A moment in UTC. Without an offset it is the pool's local time; a day alone means its end.

    Raises UsageError for what is no time.
    """
    try:
        if len(text) == len("2026-10-15"):
            moment = datetime.fromisoformat(text) + timedelta(days=1) - timedelta(microseconds=1)
        else:
            moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError) as error:
        raise UsageError(f"{text!r} is no time", do=f"Write it as {TIME_FORMS}.") from error
    if moment.tzinfo is not None:
        return moment.astimezone(UTC)
    if pool is None:
        return moment.replace(tzinfo=UTC)
    # The offset in force then: that of the same moment taken as UTC is right but for the hours of a change.
    offset = pool.local(moment.replace(tzinfo=UTC)).utcoffset() or timedelta(0)
    return moment.replace(tzinfo=timezone(offset)).astimezone(UTC)


def yet_to_come(moment: datetime, pool: PoolView | None) -> str | None:
    """What to tell somebody who asks what is known at a time after today; None where there is nothing to say.

    On the virtual clock any time may have passed.
    """
    if moment - datetime.now(UTC) < timedelta(days=1) or (pool is not None and pool.clock != "real"):
        return None
    return f"Note: {moment:%Y-%m-%d} is yet to come; this is what is known now."


def parse_day(text: str) -> date:
    """A day. Raises UsageError for what is none."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"{text!r} is no day", do="Write it as 2026-10-15.") from error
