"""How fast projectors take a log in Kafka into Postgres: all six projections, in processes of their own.

Fills the events topic first, then starts `leadflow projector` as often as asked, and measures from the first
rows to the last. CPU time is told beside the clock, for projectors and for Postgres: on a machine that does
other things as well, it is what can be compared. Figure to reach: 10,000 events/s.
Run with `make bench` or `python tests/benchmarks/bench_projector.py [events] [projectors] [partitions]`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from eventsourcing.persistence import StoredEvent

from leadflow.embedded.postgres import EmbeddedPostgres
from leadflow.log.kafka import Cluster, KafkaLog, PartitionLog
from leadflow.log.kafka.topics import Topics
from leadflow.log.partitioning import partition_of
from leadflow.postgres import Database, create_database
from leadflow.settings import Settings
from projections import registry
from projections.runner import Projections
from tests.benchmarks.common import calibrate
from tests.histories import RandomHistory
from tests.kafka_broker import new_prefix, own_kafka
from tests.processes import environment

EVENTS, PROJECTORS, PARTITIONS = 50_000, 1, 4
POOLS = ("east", "west", "north", "south", "middle", "abroad")
TRANSACTION = 100
TICKS = os.sysconf("SC_CLK_TCK")
LOOK_S = 0.05


def fill(cluster: Cluster, settings: Settings, events: int) -> int:
    """Write the history of some pools into their partitions; says how many facts there are."""
    history = RandomHistory(7, pools=POOLS).run(events)
    stored = history.stored()
    topic, partitions = f"{settings.kafka_prefix}.events", settings.kafka_partitions
    logs = [PartitionLog(cluster, topic, at) for at in range(partitions)]
    for log in logs:
        log.take()
    batches: list[list[StoredEvent]] = [[] for _ in logs]
    for fact, event in zip(stored, history.events, strict=True):
        at = partition_of(event.pool, partitions)
        batches[at].append(fact)
        if event.fact_index == event.fact_count and len(batches[at]) >= TRANSACTION:
            logs[at].append(batches[at])
            batches[at] = []
    for log, batch in zip(logs, batches, strict=True):
        if batch:
            log.append(batch)
        log.close()
    size = sum(len(fact.state) for fact in stored) / len(stored)
    print(f"{len(stored):,} facts of {size:.0f} bytes in {settings.kafka_partitions} partitions")
    return len(stored)


def cpu_s(pids: Sequence[int]) -> float:
    """CPU seconds of processes and of their children, those that have ended included."""
    total = 0
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # It has just ended.
        if int(entry.parent.name) in pids:
            total += sum(map(int, fields[11:15]))
        elif int(fields[1]) in pids:
            total += sum(map(int, fields[11:13]))
    return total / TICKS


def measure(
    database: Database, log: KafkaLog, processes: Sequence[subprocess.Popen[bytes]], postmaster: int
) -> None:
    """Wait until all is taken, and say how fast it went."""
    ends = {at: end for at, end in log.ends().items() if end}
    projectors = [process.pid for process in processes]

    def now(taken: float) -> tuple[float, float, float, int]:
        # Looking through all processes takes a while, so that is done twice and not at every look.
        return time.perf_counter(), cpu_s(projectors), cpu_s([postmaster]), int(taken)

    begun: tuple[float, float, float, int] | None = None
    while True:
        positions = registry.live_positions(database)
        taken = sum(sum(one.values()) for one in positions.values()) / len(positions) if positions else 0
        if begun is None and taken:
            begun = now(taken)
        if positions and all(one == ends for one in positions.values()):
            break
        assert all(process.poll() is None for process in processes)
        time.sleep(LOOK_S)
    assert begun is not None
    seconds, own, server, facts = (after - before for after, before in zip(now(taken), begun, strict=True))
    each = 1e6 / facts
    print(
        f"{facts:,} facts in {seconds:.1f} s: {facts / seconds:,.0f} events/s; of CPU, projectors"
        f" {own * each:.0f} µs and Postgres {server * each:.0f} µs an event"
    )


def main() -> None:
    """Measure with a broker and a Postgres of one's own."""
    calibrate()
    given = [int(argument) for argument in sys.argv[1:]]
    events, count, partitions = (*given, *(EVENTS, PROJECTORS, PARTITIONS)[len(given) :])
    with tempfile.TemporaryDirectory() as home, own_kafka("bench") as kafka:
        cluster = Cluster(kafka.address)
        settings = Settings(kafka_prefix=new_prefix(), kafka_partitions=partitions)
        with Topics(cluster, settings) as topics:
            topics.create()
        fill(cluster, settings, events)
        server = EmbeddedPostgres(Path(home))
        url = create_database(server.start(), "bench")
        postmaster = int((Path(home) / "postgres" / "postmaster.pid").read_text().split()[0])
        command = [sys.executable, "-m", "leadflow.cli", "projector"]
        variables = environment(Path(os.devnull)) | {
            "LEADFLOW_KAFKA": kafka.address,
            "LEADFLOW_KAFKA_PREFIX": settings.kafka_prefix,
            "LEADFLOW_DATABASE_URL": url,
            "LEADFLOW_LOG_LEVEL": "error",
        }
        with Database(url) as database, KafkaLog(cluster, f"{settings.kafka_prefix}.events") as log:
            registry.prepare(database)
            processes = [subprocess.Popen(command, env=variables) for _ in range(count)]
            print(f"{count} projector{'s' * (count > 1)}")
            measure(database, log, processes, postmaster)
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait()
            assert not list(Projections(log, database).verify())
        server.stop()


if __name__ == "__main__":
    main()
