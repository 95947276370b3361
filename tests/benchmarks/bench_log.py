"""What the log costs: documents, single appends under the lock, batches, reading, proving.

    python tests/benchmarks/bench_log.py [EVENTS]

starts an embedded Postgres of its own, with durable writes, and prints a figure a line.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from statistics import median

from eventsourcing.persistence import StoredEvent

from leadflow.domain.events import Event, Fact, LeadCaptured, LeadClaimed
from leadflow.domain.values import Company, Money, Person, ScorePart, Touch
from leadflow.embedded.postgres import EmbeddedPostgres
from leadflow.log.embedded import EmbeddedLog
from leadflow.log.envelope import GENESIS, decode, encode, hash_of
from leadflow.log.verify import verify

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
FACTS: dict[str, Fact] = {
    "claim": LeadClaimed(rep="wang", until=datetime(2026, 11, 24, 10, tzinfo=UTC)),
    "capture": LeadCaptured(
        touch=Touch(
            channel="baidu_ads", ref="row-1", door="file", campaign="双十一", occurred_at=NOW,
            cost=Money(amount=Decimal("35.50"), currency="CNY"), cost_basis="unit_cost",
        ),
        person=Person(name="王小明", phones=("+8613800001234",), emails=("wang@example.cn",)),
        company=Company(name="华东精密机械", industry="制造业", size=120, region="上海"),
        asked=8, filled=7, score=58,
        breakdown=(ScorePart(rule="industry", points=30), ScorePart(rule="completeness", points=28)),
        score_class="B",
    ),
}  # fmt: skip


def made(sequence: int, fact: Fact) -> Event:
    """An event as an intake or a claim makes it."""
    cause = f"intake/baidu_ads:row-{sequence}"
    return Event("east", sequence, NOW, f"lead-{sequence}", "rep/wang", cause, cause, 1, 1, 7, fact)


def microseconds(
    work: Callable[[Event, bytes], object], fact: Fact, times: int = 2_000, rounds: int = 10
) -> float:
    """The best round's time for one call: the machine is rarely quiet. Each call gets a fact of its own,
    because a fact remembers its packed form."""
    best = float("inf")
    document = encode(made(1, fact), GENESIS)
    for _ in range(rounds):
        events = [decode(document) for _ in range(times)]
        start = time.perf_counter()
        for event in events:
            work(event, document)
        best = min(best, time.perf_counter() - start)
    return best / times * 1e6


STEPS: dict[str, Callable[[Event, bytes], object]] = {
    "encode": lambda event, _: encode(event, GENESIS),
    "decode": lambda _, document: decode(document),
    "hash": lambda _, document: hash_of(document),
}


def documents() -> None:
    """Encoding, decoding and hashing one event."""
    for name, fact in FACTS.items():
        print(f"{name:8} {'document':19} {len(encode(made(1, fact), GENESIS)):>9} bytes")
        for step, work in STEPS.items():
            print(f"{name:8} {step:19} {microseconds(work, fact):>9.1f} µs")


def rate(name: str, events: int, work: Callable[[], object]) -> None:
    """Print how many events a second `work` handles."""
    start = time.perf_counter()
    work()
    print(f"{name:28} {events / (time.perf_counter() - start):>9,.0f} events/s")


def stored(count: int) -> list[StoredEvent]:
    """A chained history, half captures and half claims."""
    history, prevhash = [], GENESIS
    for sequence in range(1, count + 1):
        event = made(sequence, FACTS["capture" if sequence % 2 else "claim"])
        document = encode(event, prevhash)
        history.append(StoredEvent("east", sequence, event.type, document))
        prevhash = hash_of(document)
    return history


def single_appends(log: EmbeddedLog, history: list[StoredEvent]) -> None:
    """A writer's way: lock, catch up, append one event."""
    spent = []
    for sequence, event in enumerate(history):
        start = time.perf_counter()
        with log.lock(["east"]):
            list(log.read_pool("east", sequence))
            log.append([event])
        spent.append((time.perf_counter() - start) * 1e3)
    print(f"{'lock, catch up, append one':28} {median(spent):>9.2f} ms (median of {len(spent)})")


def append(log: EmbeddedLog, events: list[StoredEvent], size: int) -> None:
    """Write them in batches of that size."""
    for at in range(0, len(events), size):
        log.append(events[at : at + size])


def main(count: int = 50_000) -> None:
    """Run it all on a new data directory."""
    documents()
    home = Path(tempfile.mkdtemp(prefix="leadflow-bench-"))
    try:
        with EmbeddedPostgres(home / "home") as url, EmbeddedLog(url) as log:
            history = stored(count)
            single_appends(log, history[:200])
            rest = history[200:]
            for size in (100, 1_000):
                part, rest = rest[: len(rest) // 2], rest[len(rest) // 2 :]
                rate(f"append in batches of {size}", len(part), partial(append, log, part, size))
            log.append(rest)
            rate("read all", count, lambda: sum(1 for _ in log.read_all()))
            rate("read a pool", count, lambda: sum(1 for _ in log.read_pool("east")))
            rate(
                "read and decode", count, lambda: sum(decode(e.state).fact_count for *_, e in log.read_all())
            )
            rate("verify", count, lambda: verify(log))
    finally:
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
