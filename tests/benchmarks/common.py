"""What benchmarks share: a calibration, and the pool that they measure."""

from __future__ import annotations

from datetime import UTC, datetime
from time import process_time

from leadflow.domain.policy import Calendar, Claiming, DistributionRule, Offset, Policy, Target
from leadflow.policies import default_policy

TURNS = 300_000
CALENDAR = Calendar(offsets=(Offset(start=datetime(2020, 1, 1, tzinfo=UTC), minutes=480),))


def waiting_policy() -> Policy:
    """The default policy without limits of claiming, under which every lead waits to be claimed."""
    hold = DistributionRule(name="hold", target=Target(hold=True))
    return default_policy().model_copy(update={"claiming": Claiming(), "rules": (hold,)})


def calibrate() -> float:
    """Print and give the CPU milliseconds that a fixed piece of plain Python takes: the best of seven.

    Divided by it, the figures of a noisy hour or another machine can be compared.
    """
    best = min(_loop() for _ in range(7)) * 1e3
    print(f"calibration: {TURNS:,} turns of a plain loop in {best:.1f} ms of CPU")
    return best


def _loop() -> float:
    began = process_time()
    found: dict[int, str] = {}
    for turn in range(TURNS):
        found[turn & 1023] = str(turn)
    return process_time() - began
