"""The whole path of an intake without I/O, with the share of each step: parse, normalise, decide, evolve,
encode, hash.

The documents are October's website forms, each with a phone, an e-mail and an id of its own.
Run with `make bench` or `python tests/benchmarks/bench_intake_path.py [intakes]`.
"""

from __future__ import annotations

import gc
import sys
from pathlib import Path
from time import perf_counter, process_time

import orjson

from consumers.decider import GC_THRESHOLD
from leadflow.domain.deadlines import decide_due
from leadflow.domain.decide import decide
from leadflow.domain.evolve import evolve
from leadflow.domain.requests import intake_request
from leadflow.intake.arrivals import ArrivalReader
from leadflow.log.envelope import GENESIS, encode, hash_of
from tests.benchmarks.bench_decide import NOW, opened
from tests.benchmarks.common import calibrate

FORMS = Path(__file__).parents[1] / "data" / "october" / "website_forms.jsonl"
STEPS = ("parse", "normalise", "request", "decide", "evolve", "deadlines", "encode", "hash")
ROUNDS = 7
GOAL = 6_000


def lines(count: int) -> list[bytes]:
    """That many forms, each of somebody else."""
    known = [orjson.loads(line) for line in FORMS.read_bytes().splitlines()]
    known = [form for form in known if form.get("phone") and form.get("email")]
    made = []
    for number in range(count):
        form = known[number % len(known)] | {
            "submission_id": f"W-{number:07d}",
            "phone": f"139 {number // 10_000:04d} {number % 10_000:04d}",
            "email": f"lead{number}@example.com",
        }
        made.append(orjson.dumps(form))
    return made


class IntakePath:
    """One pool taking arrivals in, with a stopwatch on each step."""

    def __init__(self) -> None:
        self.pool = opened()
        self.reader = ArrivalReader("web_form")
        self.spent = dict.fromkeys(STEPS, 0.0)
        self.last_hash = GENESIS
        self.events = 0
        self._mark = 0.0

    def lap(self, step: str) -> None:
        """What has passed since the last lap belongs to this step."""
        now = perf_counter()
        self.spent[step] += now - self._mark
        self._mark = now

    def take(self, line: bytes) -> None:
        """Everything that happens to one arrival."""
        self._mark = perf_counter()
        document = orjson.loads(line)
        self.lap("parse")
        arrival = self.reader.read(document)
        self.lap("normalise")
        assert arrival.body is not None, arrival.problems
        request = intake_request("east", "adapter/web", arrival.body)
        self.lap("request")
        facts = decide(self.pool, request, NOW)
        self.lap("decide")
        while facts:
            for event in facts:
                document_bytes = encode(event, self.last_hash)
                self.lap("encode")
                evolve(self.pool, event)
                self.lap("evolve")
                self.last_hash = hash_of(document_bytes)
                self.lap("hash")
            self.events += len(facts)
            facts = decide_due(self.pool, self.pool.time)
            self.lap("deadlines")


def main(count: int) -> None:
    """Print the figures of the best round."""
    calibrate()
    # As a decider runs.
    gc.set_threshold(*GC_THRESHOLD)
    forms = lines(count)
    best: tuple[float, IntakePath] | None = None
    for _ in range(ROUNDS):
        path = IntakePath()
        began = process_time()
        for form in forms:
            path.take(form)
        cpu = process_time() - began
        if best is None or cpu < best[0]:
            best = (cpu, path)
    assert best is not None
    cpu, path = best
    whole = sum(path.spent.values())
    for step, spent in path.spent.items():
        print(f"{step:10} {spent / whole:>6.1%}  {1e6 * cpu * spent / whole / count:>6.1f} µs of CPU")
    print(
        f"whole path {count / cpu:,.0f} intakes/s of CPU ({1e6 * cpu / count:.1f} µs), goal {GOAL:,};"
        f" {path.events / count:.2f} events each"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3_000)
