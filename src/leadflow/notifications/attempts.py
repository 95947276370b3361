"""What an attempt to send comes to, and when the next one is."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Literal, NamedTuple

PAUSES_S = (5, 60, 300, 1_800, 7_200, 21_600, 86_400)
"""After each attempt that failed, how long until the next, following Standard Webhooks' recommendation
(https://www.standardwebhooks.com, "Retry schedule"): some at once, the last after a day."""
ATTEMPTS_MAX = len(PAUSES_S) + 1
JITTER = 0.2
"""By which share a pause may be longer or shorter, so that what failed together is not tried together."""


class Answer(NamedTuple):
    """What became of one attempt."""

    outcome: Literal["sent", "failed", "hopeless", "gone"]
    """`failed` may go well another time, `hopeless` not before somebody has changed something; `gone` wants
    nothing more."""
    problem: str | None = None


SENT = Answer("sent")


def pause_after(attempts: int, chance: random.Random) -> timedelta | None:
    """How long to wait after so many attempts; None when there will be no other."""
    if attempts >= ATTEMPTS_MAX:
        return None
    return timedelta(seconds=PAUSES_S[max(attempts, 1) - 1] * chance.uniform(1 - JITTER, 1 + JITTER))
