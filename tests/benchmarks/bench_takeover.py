"""Taking over a partition: how long until a decider decides, with a snapshot and without.

Fills one partition with the lives of leads (captured, claimed, contacted, and of every five: two converted,
two disqualified, one still open), straight through the one write path, then takes a snapshot and takes the
partition as a decider does. Needs Kafka's local broker and the embedded Postgres.
Run with `make bench` or `python tests/benchmarks/bench_takeover.py [events]`.
"""

from __future__ import annotations

import gc
import sys
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from itertools import islice
from pathlib import Path
from time import perf_counter, process_time
from types import SimpleNamespace
from typing import cast

from consumers.broker import Group
from consumers.decider import GC_THRESHOLD
from consumers.operating import Operating
from consumers.partition import PartitionDecider
from consumers.partition_snapshots import PartitionSnapshots
from consumers.snapshotter import Snapshotter
from consumers.work import Memory
from leadflow.deciding import Batch, Deciding
from leadflow.domain import requests as r
from leadflow.domain.values import derived_id
from leadflow.embedded.postgres import EmbeddedPostgres
from leadflow.errors import NotFound
from leadflow.log.kafka import Cluster, PartitionLog
from leadflow.log.kafka.topics import TopicNames, Topics
from leadflow.postgres import Database
from leadflow.settings import Settings
from tests.kafka_broker import own_kafka
from tests.team import NOON, POOL, arrival, claim, joining, opening, request

REPS = ("wang", "li", "zhao", "qian")
BATCH = 1_000


def lives() -> Iterator[r.Request]:
    """Leads without end, each with its whole life."""
    yield opening()
    yield from joining(REPS)
    number = 0
    while True:
        one = arrival(number)
        lead, rep = derived_id("lead", POOL, one.identity), REPS[number % len(REPS)]
        yield one
        yield claim(rep, lead, f"claim-{number}")
        yield request(r.LogContact(lead=lead, outcome="reached"), f"contact-{number}", f"rep/{rep}")
        end: r.Body | None = None
        if number % 5 in (0, 1):
            end = r.ConvertLead(lead=lead)
        elif number % 5 in (2, 3):
            end = r.DisqualifyLead(lead=lead, code="no_need")
        if end is not None:
            yield request(end, f"end-{number}", f"rep/{rep}")
        number += 1


def fill(cluster: Cluster, topic: str, events: int) -> int:
    """Write that many facts, in transactions of a thousand requests."""

    def unknown(pool: str) -> NotFound:
        return NotFound(pool)

    log = PartitionLog(cluster, topic, 0)
    log.take()
    deciding = Deciding(Memory(), unknown, virtual=False)
    requests, at = lives(), NOON
    kinds: dict[str, int] = {}
    while log.end() < events:
        batch = Batch()
        for one in islice(requests, BATCH):
            at += timedelta(seconds=5)
            outcome = deciding.decide(one, at, batch)
            for event in outcome.facts():
                kinds[event.type] = kinds.get(event.type, 0) + 1
        log.append(batch.stored)
    print(", ".join(f"{count:,} {kind.removeprefix('leadflow.')}" for kind, count in sorted(kinds.items())))
    end = log.end()
    log.close()
    return end


def take(cluster: Cluster, names: TopicNames, snapshots: PartitionSnapshots | None) -> tuple[float, float]:
    """Seconds until a decider has taken the partition, and how many of them it worked itself."""
    log = PartitionLog(cluster, names.events, 0)
    decider = PartitionDecider(
        log, names, 0, 1, virtual=False, operating=Operating("decider"), snapshots=snapshots
    )
    nobody = SimpleNamespace(committed=lambda _: None, first=lambda _: 0)
    usual = gc.get_threshold()
    gc.set_threshold(*GC_THRESHOLD)
    began, worked = perf_counter(), process_time()
    decider.take(cast(Group, nobody))
    taken = perf_counter() - began, process_time() - worked
    gc.set_threshold(*usual)
    decider.close()
    return taken


def main(events: int) -> None:
    """Print how long it takes."""
    with (
        tempfile.TemporaryDirectory() as home,
        EmbeddedPostgres(Path(home)) as url,
        own_kafka("takeover") as kafka,
        Database(url) as database,
    ):
        settings = Settings(kafka=kafka.address, kafka_partitions=1, database_url=url)
        cluster, names = Cluster(kafka.address), TopicNames.of(settings.kafka_prefix)
        with Topics(cluster, settings) as topics:
            topics.create()
        began = perf_counter()
        end = fill(cluster, names.events, events)
        print(f"{end:,} events written in {perf_counter() - began:.0f} s")
        without, worked = take(cluster, names, None)
        each = worked / end * 1e6
        print(f"without a snapshot    {without:7.1f} s   {worked:.1f} s CPU, {each:.1f} µs per event")
        snapshotter = Snapshotter(settings)
        began = perf_counter()
        [taken] = snapshotter.take(1)
        size = _size(database)
        print(f"taking a snapshot     {perf_counter() - began:7.1f} s   {size / 1e6:,.0f} MB packed")
        snapshotter.close()
        with_it, worked = take(cluster, names, PartitionSnapshots(database, names.events))
        print(f"with a snapshot       {with_it:7.1f} s   {worked:.1f} s CPU (goal for 1,000,000 events: 5 s)")
        assert taken.position == end


def _size(database: Database) -> int:
    with database.connection() as connection:
        row = connection.execute("SELECT sum(length(state)) FROM records.partition_states").fetchone()
    assert row is not None
    return int(row[0])


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
