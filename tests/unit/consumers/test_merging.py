"""The order of two request topics: by append time, arrivals first, and only as far as it is known."""

from __future__ import annotations

from collections import deque

from hypothesis import given
from hypothesis import strategies as st

from consumers.merging import Arrived, in_order, read_by
from leadflow.errors import UsageError

INTAKE, COMMANDS = "intake", "commands"
times = st.lists(st.integers(0, 12), max_size=12).map(sorted)


def waiting(intake: list[int], commands: list[int]) -> dict[str, deque[Arrived]]:
    """What was read of both topics, by when the log received it."""
    read = UsageError("not of interest here")
    return {
        topic: deque(Arrived(time, (topic, at), read) for at, time in enumerate(moments))
        for topic, moments in ((INTAKE, intake), (COMMANDS, commands))
    }


@given(intake=times, commands=times)
def test_both_read_to_their_ends_are_merged_by_time_with_arrivals_first(
    intake: list[int], commands: list[int]
) -> None:
    taken = [one.record for _, one in in_order(waiting(intake, commands), {INTAKE: True, COMMANDS: True})]
    every = [(time, 0, (INTAKE, at)) for at, time in enumerate(intake)]
    every += [(time, 1, (COMMANDS, at)) for at, time in enumerate(commands)]
    assert taken == [record for _, _, record in sorted(every)]


@given(intake=times, commands=times)
def test_nothing_is_taken_before_it_is_known_what_came_first(intake: list[int], commands: list[int]) -> None:
    held = waiting(intake, commands)
    taken = [one.timestamp for _, one in in_order(held, {INTAKE: True, COMMANDS: False})]
    # More commands may come; the last one that was read is the latest moment that is known of them.
    known = [time for time in intake if commands and time <= commands[-1]]
    assert taken == sorted(known + commands)
    assert [one.timestamp for one in held[INTAKE]] == intake[len(known) :]


def test_who_stops_leaves_the_rest() -> None:
    held = waiting([1, 2, 3], [2])
    for _, one in in_order(held, {INTAKE: True, COMMANDS: True}):
        if one.record == (INTAKE, 1):
            break
    assert [one.record for one in held[INTAKE]] == [(INTAKE, 2)]
    assert [one.record for one in held[COMMANDS]] == [(COMMANDS, 0)]


def test_what_reading_a_record_meets_is_kept_for_its_turn() -> None:
    def broken(_: object) -> None:
        raise RecursionError

    assert isinstance(read_by(broken, b""), RecursionError)  # type: ignore[arg-type]
