"""Calendars from the libraries' data: settled once, before a policy is published.

Decisions never read this data. `build_calendar` writes the days of a policy's country and the offsets
of its time zone into the `Calendar` that `PolicyPublished` carries; from then on only that counts.

Sources: China's public holidays with moved working days (调休) come from `chinesecalendar`, which
repeats the State Council's yearly notices; all other countries from `holidays`; zones from the IANA
time zone database.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from importlib.metadata import version
from typing import NamedTuple
from zoneinfo import ZoneInfo

from leadflow.domain.policy import WEEKDAYS, Calendar, Offset, Policy
from leadflow.errors import UsageError

OFFSETS_FROM_YEAR = 2020
OFFSETS_UNTIL_YEAR = 2041
"""Offsets are written out for these years; later, the last one stays."""
YEARS_AHEAD = 1
"""How many years after this one are taken as known: holidays further ahead are still changed by law."""


class _Days(NamedTuple):
    """A country's days in the years that are known, before the policy's own week is applied."""

    first_year: int
    last_year: int
    off: frozenset[date]
    moved: frozenset[date]
    source: str


def build_calendar(policy: Policy, today: date) -> Calendar:
    """The calendar of `policy` as it is known on `today`, for `PolicyPublished`.

    It holds the days of last year, this year and the years that the library is sure of:

    - CN: up to the last year whose notice `chinesecalendar` holds (each is published around November
      for the year after);
    - others: this year and the next, without a year in which `holidays` only estimates a date (a feast
      that follows the moon). This year counts as known even then, and `source` says so.

    Where the library knows nothing of the year of `today`, the policy's `past_coverage` decides: with
    `weekdays` the calendar holds what is known and ends there (`coverage_warning` tells), with `refuse`
    it cannot be built.

    Raises UsageError for an unknown zone or country, and for a year without data under `refuse`.
    """
    offsets = zone_offsets(policy.timezone)
    rules = policy.calendar
    if rules.country is None:
        return Calendar(offsets=offsets)
    days = _china() if rules.country == "CN" else _country(rules.country, today.year)
    known = days.first_year <= today.year <= days.last_year
    if not known and rules.past_coverage == "refuse":
        raise UsageError(
            f"{days.source} knows the public holidays of {rules.country} from {days.first_year} "
            f"to {days.last_year}, not those of {today.year}",
            where="calendar.country",
            do=f'update {days.source.split()[0]}, or let calendar.past_coverage be "weekdays"',
        )
    week = {WEEKDAYS.index(name) for name in rules.days}
    return Calendar(
        offsets=offsets,
        holidays=_from(today.year - 1, (day for day in days.off if day.weekday() in week)),
        moved_working_days=_from(today.year - 1, (day for day in days.moved if day.weekday() not in week)),
        covered_until=date(days.last_year, 12, 31),
        source=days.source,
    )


def coverage_warning(calendar: Calendar, today: date, days: int = 60) -> str | None:
    """What to tell managers when the calendar's covered days end within `days` of `today`."""
    end = calendar.covered_until
    if end is None or end - today > timedelta(days=days):
        return None
    state = "ended on" if end < today else "ends on"
    return (
        f"The calendar ({calendar.source}) {state} {end.isoformat()}. Update the library that it comes from "
        "and publish the policy again; until then the policy's past_coverage says what holds."
    )


def zone_offsets(name: str) -> tuple[Offset, ...]:
    """The offsets of an IANA time zone from 2020 to 2040: the first, and each change after it.

    Raises UsageError for a zone that is not known.
    """
    try:
        zone = ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise UsageError(
            f"there is no time zone {name!r}",
            where="timezone",
            do="name one of the IANA time zone database, e.g. Asia/Shanghai or Europe/Berlin",
        ) from error
    moment = datetime(OFFSETS_FROM_YEAR, 1, 1, tzinfo=UTC)
    end = datetime(OFFSETS_UNTIL_YEAR, 1, 1, tzinfo=UTC)
    found = [Offset(start=moment, minutes=_minutes(zone, moment))]
    while moment < end:
        later = moment + timedelta(days=1)
        minutes = _minutes(zone, later)
        if minutes != found[-1].minutes:
            found.append(Offset(start=_change(zone, moment, later), minutes=minutes))
        moment = later
    return tuple(found)


def country_known(code: str) -> bool:
    """Whether a library has public holidays for the country of this ISO 3166 code."""
    if code == "CN":
        return True
    import holidays

    return code in holidays.list_supported_countries(include_aliases=False)


def _minutes(zone: ZoneInfo, moment: datetime) -> int:
    offset = moment.astimezone(zone).utcoffset()
    assert offset is not None  # A ZoneInfo always has one.
    return round(offset.total_seconds() / 60)


def _change(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """The first second between the two at which the later offset holds."""
    target = _minutes(zone, after)
    while after - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=(after - before) // timedelta(seconds=2))
        if _minutes(zone, middle) == target:
            after = middle
        else:
            before = middle
    return after


def _from(year: int, days: Iterable[date]) -> tuple[date, ...]:
    return tuple(sorted(day for day in days if day.year >= year))


def _china() -> _Days:
    from chinese_calendar import constants

    years = [day.year for day in constants.holidays]
    return _Days(
        min(years),
        max(years),
        frozenset(constants.holidays),
        frozenset(constants.workdays),
        f"chinesecalendar {version('chinesecalendar')}",
    )


def _country(code: str, year: int) -> _Days:
    # Imported here, because it takes longer than everything else and most pools never need it.
    import holidays

    if not country_known(code):
        raise UsageError(
            f"there are no public holidays for a country {code!r}",
            where="calendar.country",
            do="give an ISO 3166 code such as CN, DE or US, or leave it out to go by the week alone",
        )
    data = holidays.country_holidays(code, years=range(year - 1, year + YEARS_AHEAD + 1))
    mark = str(getattr(data, "estimated_label", "%s (estimated)")).replace("%s", "").strip()
    guessed = {day.year for day, name in data.items() if mark in name}
    last = min(year + YEARS_AHEAD, data.end_year)
    while last > year and last in guessed:
        last -= 1
    note = " (some dates of this year are estimated)" if year in guessed else ""
    known = range(year - 1, last + 1)
    return _Days(
        data.start_year,
        last,
        frozenset(day for day in data if day.year in known),
        frozenset(day for day in getattr(data, "weekend_workdays", ()) if day.year in known),
        f"holidays {version('holidays')}{note}",
    )
