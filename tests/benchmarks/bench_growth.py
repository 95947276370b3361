"""What a pool costs as it grows: a claim, `ClaimNext`, and bytes per live and per closed lead.

    python tests/benchmarks/bench_growth.py [SMALL LARGE]

Run with `make bench` it compares 10,000 with 200,000 live leads. The million takes about 1.5 GB of memory
and some minutes: `python tests/benchmarks/bench_growth.py 10000 1000000`.
Each size is measured by a process of its own, so that memory is that size's alone.
"""

from __future__ import annotations

import gc
import json
import random
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from time import process_time
from typing import Any

from leadflow.domain.deadlines import next_due
from leadflow.domain.decide import decide
from leadflow.domain.evolve import evolve, initial
from leadflow.domain.pool import Pool
from leadflow.domain.requests import (
    AddMember,
    ClaimLead,
    ClaimNext,
    ConvertLead,
    DisqualifyLead,
    OpenPool,
    Request,
    intake_request,
)
from tests.benchmarks.bench_decide import NOW, SEED, intake
from tests.benchmarks.common import CALENDAR, calibrate, waiting_policy

REPS = 50
CLAIMS = 4_000
ROUNDS = 5


def rss_bytes() -> int:
    """Memory of this process that is in use now (Linux)."""
    gc.collect()
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise OSError("no VmRSS in /proc/self/status")


class Grown:
    """A pool that grows by real decisions."""

    def __init__(self) -> None:
        pool = initial("east")
        assert isinstance(pool, Pool)
        self.pool = pool
        self.number = 0
        self.chance = random.Random(SEED)
        self.ask(OpenPool(policy=waiting_policy(), calendar=CALENDAR))
        for rep in range(REPS):
            self.ask(AddMember(member=f"rep{rep}"))

    def ask(self, body: Any, actor: str = "manager/local") -> str:
        """Ask under the next id; gives the subject of the first fact."""
        self.number += 1
        return self.take(Request(pool="east", source=actor, id=str(self.number), actor=actor, body=body))

    def take(self, request: Request) -> str:
        """Decide and fold a request; gives the subject of its first fact."""
        # No deadline comes due here: what is measured is the request.
        facts = decide(self.pool, request, NOW + timedelta(microseconds=self.number))
        for fact in facts:
            # Written first, as a decider does: the pool shares the bytes.
            assert fact.data.packed
            evolve(self.pool, fact)
        return facts[0].subject

    def grow(self, leads: int, close: str = "") -> None:
        """So many more leads; closed at once, if that is said."""
        for turn in range(leads):
            self.number += 1
            lead = self.take(intake_request("east", "adapter/web", intake(self.number, self.chance)))
            rep = f"rep/rep{self.number % REPS}"
            if close == "converted":
                self.ask(ClaimLead(lead=lead), rep)
                self.ask(ConvertLead(lead=lead), rep)
            elif close == "disqualified":
                self.ask(DisqualifyLead(lead=lead, code="spam"))
            if close and not turn % 1_000:
                # As in life, where deadlines of closed leads come due and are passed over.
                next_due(self.pool)

    def seconds(self, bodies: list[Any]) -> float:
        """CPU seconds that these take, by one rep after another."""
        requests = []
        for body in bodies:
            self.number += 1
            actor = f"rep/rep{self.number % REPS}"
            requests.append(Request(pool="east", source=actor, id=str(self.number), actor=actor, body=body))
        began = process_time()
        for request in requests:
            self.take(request)
        return process_time() - began


def measure(leads: int, close: str) -> dict[str, float]:
    """What a process of its own finds out."""
    grown = Grown()
    # What the first decisions load once is not the leads'.
    grown.grow(200, close)
    before = rss_bytes()
    grown.grow(leads, close)
    found = {"bytes": (rss_bytes() - before) / leads}
    if not close:
        public = [lead.id for lead in grown.pool.leads.values() if lead.status == "public"]
        grown.chance.shuffle(public)
        share = min(CLAIMS, leads // 4) // ROUNDS
        claims = [[ClaimLead(lead=lead) for lead in public[n * share :][:share]] for n in range(ROUNDS)]
        found["claim_us"] = min(grown.seconds(list(part)) for part in claims) / share * 1e6
        nexts = [grown.seconds([ClaimNext()] * share) for _ in range(ROUNDS)]
        found["next_us"] = min(nexts) / share * 1e6
    return found


def child(leads: int, close: str = "") -> dict[str, float]:
    """Measure in a fresh process."""
    command = [sys.executable, __file__, "--child", str(leads), close]
    found: dict[str, float] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return found


def main(small: int, large: int) -> None:
    """Compare the sizes."""
    calibrate()
    few, many = child(small), child(large)
    for name, key in (("claim", "claim_us"), ("claim next", "next_us")):
        print(
            f"{name:11} {few[key]:.1f} µs with {small:,} live leads, {many[key]:.1f} µs with {large:,}:"
            f" {many[key] / few[key]:.2f} times (goal 1.5)"
        )
    print(f"memory per live lead {many['bytes']:,.0f} bytes of {large:,}")
    for close in ("converted", "disqualified"):
        count = min(large, 50_000)
        print(f"memory per {close} lead {child(count, close)['bytes']:,.0f} bytes of {count:,}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        print(json.dumps(measure(int(sys.argv[2]), sys.argv[3])))
    else:
        main(*(map(int, sys.argv[1:3]) if len(sys.argv) > 2 else (10_000, 200_000)))
