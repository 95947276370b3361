"""When an inlet asks its vendor again, and for which days."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from leadflow.incoming.pulls import PAUSE_MAX, Pulls, pulls_of

NOW = datetime(2026, 10, 31, 17, tzinfo=UTC)
"""November has begun in China."""
EVERY = timedelta(minutes=15)


def test_the_first_pull_asks_for_thirty_days_of_china() -> None:
    assert Pulls().due(NOW)
    assert Pulls().window(NOW) == (date(2026, 10, 3), date(2026, 11, 1))
    assert Pulls().missed(NOW) is None


def test_a_good_pull_is_gone_on_from_with_a_day_of_overlap() -> None:
    after = Pulls(None, None, 3, "away").succeeded(NOW, EVERY)
    assert after == Pulls(NOW, NOW + EVERY)
    assert not after.due(NOW + EVERY - timedelta(seconds=1))
    assert after.due(NOW + EVERY)
    assert after.window(NOW + EVERY) == (date(2026, 10, 31), date(2026, 11, 1))
    assert after.window(NOW + timedelta(days=5)) == (date(2026, 10, 31), date(2026, 11, 6))


def test_no_window_is_longer_than_the_vendor_answers_and_what_it_misses_is_named() -> None:
    after = Pulls().succeeded(NOW, EVERY)
    begin, end = after.window(NOW + timedelta(days=40))
    assert (end - begin).days == 29
    assert after.missed(NOW + timedelta(days=40)) == (date(2026, 10, 31), begin - timedelta(days=1))
    assert after.missed(NOW + timedelta(days=28)) is None
    assert after.missed(NOW + timedelta(days=29)) == (date(2026, 10, 31), date(2026, 10, 31))


def test_failures_are_tried_again_later_and_later_from_the_same_place() -> None:
    pulls, pauses = Pulls(until=NOW), []
    for _ in range(8):
        pulls = pulls.failed(NOW, EVERY, "away")
        assert pulls.due_at is not None
        pauses.append(pulls.due_at - NOW)
    assert pauses == [*(EVERY * 2**number for number in range(5)), *[PAUSE_MAX] * 3]
    assert (pulls.until, pulls.failures, pulls.problem) == (NOW, 8, "away")
    assert Pulls(failures=10_000).failed(NOW, timedelta(days=1), "x").due_at == NOW + timedelta(days=1)


def test_how_pulls_stand_is_kept() -> None:
    for pulls in (Pulls(), Pulls(NOW, NOW + EVERY, 2, "away")):
        assert pulls_of(pulls.document()) == pulls
    assert pulls_of(None) == Pulls()
