"""The demo ends when it is asked to, whatever a library does with what a signal raises."""

from __future__ import annotations

import signal
from contextlib import suppress

import pytest

from leadflow.cli.demo import TERMINATED, leaving


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_that_a_library_swallows_ends_the_demo_at_its_next_step(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with leaving() as go_on:
        go_on()
        with suppress(BaseException):
            signal.raise_signal(number)
        with pytest.raises((KeyboardInterrupt, SystemExit)) as ended:
            go_on()
    if isinstance(ended.value, SystemExit):
        assert ended.value.code == TERMINATED
    assert isinstance(ended.value, SystemExit) == (number == signal.SIGTERM)
    assert signal.getsignal(number) == before
