"""Trying a policy on a pool's history: how many facts a second are read and decided anew.

    python tests/benchmarks/bench_rerun.py [EVENTS]

The history is that of `bench_takeover.py`: leads that are captured, claimed, contacted and closed. It is
decided anew under its own policy, which must give it again, and under one that distributes by a rotation.
Reading it from Postgres is not counted; `bench_projections.py` has what that takes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from time import perf_counter, process_time

from consumers.work import Memory
from leadflow.calendars import build_calendar
from leadflow.deciding import Batch, Deciding
from leadflow.domain.events import Event
from leadflow.errors import NotFound
from leadflow.log.envelope import decode
from leadflow.policies import default_policy
from leadflow.rerunning.rerun import Rerunning, Tried
from projections.reading import without_collector
from tests.benchmarks.bench_takeover import lives
from tests.benchmarks.common import calibrate
from tests.team import NOON, POOL

EVENTS = 100_000


def documents(events: int) -> tuple[list[bytes], datetime]:
    """A history of so many facts, and when it ends."""
    deciding = Deciding(Memory(), lambda name: NotFound(name), virtual=False)
    made: list[bytes] = []
    at = NOON
    for one in lives():
        at += timedelta(seconds=5)
        batch = Batch()
        deciding.decide(one, at, batch)
        made += [stored.state for stored in batch.stored]
        if len(made) >= events:
            return made, at
    raise AssertionError("lives do not end")


def timed(what: str, made: list[bytes], end: datetime, begin: Callable[[], Rerunning]) -> None:
    """Decide it anew, and say what each fact took."""

    def events() -> Iterator[Event]:
        for document in made:
            yield decode(document)

    clock, cpu = perf_counter(), process_time()
    rerunning = begin()
    with without_collector():
        for _ in rerunning.run(events(), end):
            pass
    clock, cpu = perf_counter() - clock, process_time() - cpu
    found = rerunning.found
    each = cpu / len(made) * 1e6
    print(
        f"{what:20} {len(made) / clock:9,.0f} facts/s  {clock:6.1f} s  {each:6.1f} µs of CPU each;"
        f" {found.facts_would:,} would have been"
    )


def main() -> None:
    """Make a history, then decide it anew."""
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else EVENTS
    calibrate()
    made, end = documents(wanted)
    print(f"{len(made):,} facts of a pool")
    timed("under its own policy", made, end, lambda: Rerunning(POOL))
    tried = Tried(default_policy(), build_calendar(default_policy(), NOON.date()))
    timed("under another", made, end, lambda: Rerunning(POOL, tried))


if __name__ == "__main__":
    main()
