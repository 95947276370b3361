"""How fast the read models are filled, checked and folded in memory.

Figures to reach: a rebuild of all projections at 20,000 events/s; a report as of an earlier time over
1,000,000 events in under 30 s, which is 33,000 events/s. Say how many events as the first argument.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from eventsourcing.persistence import StoredEvent

from leadflow.embedded_postgres import EmbeddedPostgres
from leadflow.log.embedded import EmbeddedLog
from leadflow.postgres import Database
from projections import channels, ownership
from projections.asof import fold_until
from projections.folding import fold
from projections.memory import MemoryRows
from projections.reading import read, without_collector
from projections.runner import ALL, Projections
from tests.histories import RandomHistory

EVENTS = 50_000
APPENDED = 2_000


def timed(what: str, events: int, work: Callable[[], object]) -> None:
    """Run it once, and say how long each event took: on the clock, and of this process's own work."""
    clock, cpu = time.perf_counter(), time.process_time()
    work()
    clock, cpu = time.perf_counter() - clock, time.process_time() - cpu
    each = 1e6 / events
    print(
        f"{what:34} {events / clock:10,.0f} events/s  {clock * each:6.1f} µs  own work {cpu * each:6.1f} µs"
    )


def main() -> None:
    """Make a log, then measure."""
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else EVENTS
    history = RandomHistory(7).run(wanted)
    stored, events = history.stored(), len(history.events)
    print(f"{events:,} events, {sum(len(s.state) for s in stored) / events:.0f} bytes each")
    with tempfile.TemporaryDirectory() as home:
        server = EmbeddedPostgres(Path(home))
        url = server.start()
        with EmbeddedLog(url) as log, Database(url) as database:
            measure(log, database, stored, events)
        server.stop()


def measure(log: EmbeddedLog, database: Database, stored: Sequence[StoredEvent], events: int) -> None:
    """Append in pieces, following live; then rebuild, verify and fold."""
    empty = Projections(log, database)
    empty.start()
    half = events // 2
    for start in range(0, half, APPENDED):
        log.append(stored[start : min(start + APPENDED, half)])
    timed("catching up, live", half, empty.catch_up)
    for start in range(half, events, APPENDED):
        log.append(stored[start : start + APPENDED])
    timed("rebuilding all projections", events, empty.rebuild)
    timed("verifying all projections", events, lambda: list(empty.verify()))
    later = datetime.now(UTC) + timedelta(days=1)
    chosen = (channels.PROJECTION, ownership.PROJECTION)
    for projection in chosen:
        what = f"report as of, {projection.name}"
        timed(what, events, lambda p=projection: fold_until(log, [p], later))  # type: ignore[misc]
    with without_collector():
        entries = list(read(log))
        timed("reading and decoding", events, lambda: sum(1 for _ in read(log)))
        for projection in ALL:
            rows = MemoryRows(projection)
            timed(f"folding, {projection.name}", events, lambda p=projection, r=rows: fold(p, entries, r))  # type: ignore[misc]


if __name__ == "__main__":
    main()
