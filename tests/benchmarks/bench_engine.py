"""Claims through the embedded engine on a log with durable writes: one after another, and 64 at a time.

Run with `make bench` or `python tests/benchmarks/bench_engine.py [leads]`. It starts a Postgres of its own.
"""

from __future__ import annotations

import random
import shutil
import sys
import tempfile
import threading
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter, process_time

from consumers.group_commit import GroupCommit
from leadflow.domain.requests import AddMember, ClaimLead, OpenPool, Request, intake_request
from leadflow.embedded.postgres import EmbeddedPostgres
from leadflow.engine import Engine
from leadflow.log.embedded import EmbeddedLog
from tests.benchmarks.bench_decide import REPS, SEED, intake
from tests.benchmarks.common import CALENDAR, calibrate, waiting_policy

CLAIMERS = 64
BATCH = 500
SINGLES = 300


def request(id: str, body: OpenPool | AddMember | ClaimLead, actor: str = "manager/local") -> Request:
    """A request to the one pool."""
    return Request(pool="east", source=actor, id=id, actor=actor, body=body)


def prepare(engine: Engine, leads: int) -> list[str]:
    """A pool whose leads wait to be claimed; gives their ids."""
    bodies: list[OpenPool | AddMember] = [OpenPool(policy=waiting_policy(), calendar=CALENDAR)]
    bodies += [AddMember(member=f"rep{n}") for n in range(REPS)]
    chance = random.Random(SEED)
    for outcome in engine.submit([request(f"open-{n}", body) for n, body in enumerate(bodies)]):
        outcome.facts()
    ids = []
    for start in range(0, leads, BATCH):
        numbers = range(start, min(start + BATCH, leads))
        batch = [intake_request("east", "adapter/web", intake(n, chance)) for n in numbers]
        ids += [outcome.facts()[0].subject for outcome in engine.submit(batch)]
    return ids


def claim_of(number: int, lead: str) -> Request:
    """Some rep's claim."""
    return request(f"claim-{number}", ClaimLead(lead=lead), f"rep/rep{number % REPS}")


def one_after_another(engine: Engine, claims: list[Request]) -> None:
    """Print the latency of single claims."""
    spent = []
    cpu = process_time()
    for claim in claims:
        began = perf_counter()
        engine.one(claim)
        spent.append((perf_counter() - began) * 1e3)
    cpu = (process_time() - cpu) * 1e3 / len(claims)
    print(
        f"single claims: median {median(spent):.2f} ms, p99 {quantiles(spent, n=100)[98]:.2f} ms of"
        f" {len(spent)} (goal: median under 10 ms); {cpu:.2f} ms of CPU here, the rest Postgres and disk"
    )


def at_a_time(engine: Engine, claims: list[Request]) -> None:
    """Print how many decisions a second many claimers get, each waiting for its answer."""
    commits = GroupCommit(engine)
    spent: list[float] = []

    def work(mine: list[Request]) -> None:
        for claim in mine:
            began = perf_counter()
            commits.send(claim).result().facts()
            spent.append((perf_counter() - began) * 1e3)

    threads = [threading.Thread(target=work, args=(claims[n::CLAIMERS],)) for n in range(CLAIMERS)]
    cpu, began = process_time(), perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds, cpu = perf_counter() - began, (process_time() - cpu) * 1e6 / len(claims)
    commits.close()
    print(
        f"{CLAIMERS} claimers, {len(claims)} claims: {len(claims) / seconds:,.0f} decisions/s (goal 1,500),"
        f" median {median(spent):.1f} ms, p99 {quantiles(spent, n=100)[98]:.1f} ms; {cpu:.0f} µs of CPU each"
    )


def main(count: int) -> None:
    """Run both on a new data directory."""
    calibrate()
    home = Path(tempfile.mkdtemp(prefix="leadflow-bench-"))
    try:
        with EmbeddedPostgres(home / "home") as url, EmbeddedLog(url) as log:
            engine = Engine(log)
            leads = prepare(engine, count + SINGLES)
            one_after_another(engine, [claim_of(n, lead) for n, lead in enumerate(leads[:SINGLES])])
            # Two want each lead: half of the decisions are refusals.
            at_a_time(engine, [claim_of(SINGLES + n, lead) for n, lead in enumerate(leads[SINGLES:] * 2)])
    finally:
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2_000)
