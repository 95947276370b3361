"""How fast the read models are filled, checked and folded in memory.

Figures to reach: a rebuild of all projections at 20,000 events/s; a report as of an earlier time over
1,000,000 events in under 30 s, which is 33,000 events/s. Say how many events as the first argument.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage

from eventsourcing.persistence import StoredEvent

from leadflow.embedded.postgres import EmbeddedPostgres
from leadflow.log.embedded import EmbeddedLog
from leadflow.log.envelope import GENESIS, encode, hash_of
from leadflow.postgres import Database
from projections import channels, ownership
from projections.asof import fold_until
from projections.folding import fold
from projections.memory import MemoryRows
from projections.reading import read, without_collector
from projections.runner import ALL, Projections
from tests.benchmarks.common import calibrate
from tests.histories import RandomHistory

EVENTS = 150_000
APPENDED = 2_000
FOLDED_MAX = 50_000
"""Events that are held in memory, to be folded by themselves."""


def timed(what: str, events: int, work: Callable[[], object]) -> None:
    """Run it once, and say what each event took: on the clock, and of CPU here and in helpers."""
    clock, cpu = time.perf_counter(), _cpu()
    work()
    clock, cpu = time.perf_counter() - clock, _cpu() - cpu
    each = 1e6 / events
    print(
        f"{what:34} {events / clock:10,.0f} events/s  {clock:6.2f} s"
        f"  {clock * each:6.1f} µs  own work {cpu * each:6.1f} µs",
        flush=True,
    )


def _cpu() -> float:
    spent = [getrusage(who) for who in (RUSAGE_SELF, RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in spent)


def pieces(events: int) -> Iterator[list[StoredEvent]]:
    """A history of at least so many events, piece by piece: a long one as a whole needs much memory."""
    history, last, made = RandomHistory(7), dict[str, str](), 0
    while made < events:
        stored = []
        for event in history.run(min(APPENDED, events - made)).events:
            document = encode(event, last.get(event.pool, GENESIS))
            last[event.pool] = hash_of(document)
            stored.append(StoredEvent(event.pool, event.sequence, event.type, document))
        history.events.clear()
        made += len(stored)
        yield stored


def main() -> None:
    """Make a log, then measure."""
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else EVENTS
    calibrate()
    with tempfile.TemporaryDirectory() as home:
        server = EmbeddedPostgres(Path(home))
        url = server.start()
        with EmbeddedLog(url) as log, Database(url) as database:
            measure(log, database, wanted)
        server.stop()


def measure(log: EmbeddedLog, database: Database, wanted: int) -> None:
    """Append in pieces, following live; then rebuild, verify and fold."""
    read_models = Projections(log, database)
    read_models.start()
    source = pieces(wanted)
    half = bytes_ = 0
    while half < wanted // 2:
        half += len(stored := next(source))
        bytes_ += sum(len(each.state) for each in stored)
        log.append(stored)
    print(f"{wanted:,} events, {bytes_ / half:.0f} bytes each")
    timed("catching up, live", half, read_models.catch_up)
    for stored in source:
        log.append(stored)
    events = log.end()
    timed("rebuilding all projections", events, read_models.rebuild)
    timed("verifying all projections", events, lambda: list(read_models.verify()))
    later = datetime.now(UTC) + timedelta(days=1)
    for projection in (channels.PROJECTION, ownership.PROJECTION):
        what = f"report as of, {projection.name}"
        timed(what, events, lambda p=projection: fold_until(log, [p], later))  # type: ignore[misc]
    with without_collector():
        timed("reading and decoding", events, lambda: sum(1 for _ in read(log)))
        entries = list(islice(read(log), FOLDED_MAX))
        for projection in ALL:
            rows = MemoryRows(projection)
            what = f"folding, {projection.name}"
            timed(what, len(entries), lambda p=projection, r=rows: fold(p, entries, r))  # type: ignore[misc]


if __name__ == "__main__":
    main()
