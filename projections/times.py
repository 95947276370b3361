"""Times as strings: the pool's local day of a moment, and moments of any JSON form in LeadFlow's own."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any

DAY_MINUTES = 24 * 60


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def as_text(moment: datetime) -> str:
    """As `values.format_time`, in a fifth of its time: moments of one second share what they share."""
    since = moment - EPOCH
    return f"{_second(since.days, since.seconds)}.{since.microseconds:06d}Z"


@lru_cache(maxsize=1024)
def _second(days: int, seconds: int) -> str:
    return (EPOCH + timedelta(days, seconds)).replace(tzinfo=None).isoformat()


def offset_at(offsets: Sequence[Sequence[Any]], moment: str) -> int:
    """Minutes ahead of UTC at `moment`, of pairs (from when, minutes) in order; before the first, its
    own; 0 where there are none."""
    if not offsets:
        return 0
    if len(offsets) == 1:
        return int(offsets[0][1])
    index = bisect_right([pair[0] for pair in offsets], moment) - 1
    return int(offsets[max(index, 0)][1])


def local_day(moment: str, minutes: int) -> str:
    """The day (`YYYY-MM-DD`) of a UTC moment, `minutes` ahead of UTC."""
    # Where the clocks differ by whole hours, the minute changes nothing.
    return _local_day(moment[:13] if minutes % 60 == 0 else moment[:16], minutes)


@lru_cache(maxsize=4096)
def _local_day(moment: str, minutes: int) -> str:
    local = int(moment[11:13]) * 60 + int(moment[14:16] or 0) + minutes
    return (date.fromisoformat(moment[:10]) + timedelta(days=local // DAY_MINUTES)).isoformat()
