"""Many simulations: `python -m tests.simulation 10000 [FIRST]`, or one looked at: `--trace SEED`.

Ends with exit code 1 if any seed broke a promise; the same seed breaks it again.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import time

from tests.simulation.schedule import Result, simulate

SHOWN_MAX = 10


def story(result: Result) -> str:
    """What happened in a simulation, and what is wrong with it."""
    lines = [f"seed {result.seed}:", *(f"  {line}" for line in result.happened), *result.trace]
    return "\n".join([*lines, *(f"  WRONG: {one}" for one in result.wrong)])


def main() -> int:
    """Simulate seed after seed, on every core."""
    parser = argparse.ArgumentParser(description="Simulate deciders, seed after seed.")
    parser.add_argument("seeds", type=int, nargs="?", default=1_000, help="how many (1000)")
    parser.add_argument("first", type=int, nargs="?", help="the first; by chance, if left out")
    parser.add_argument("--trace", type=int, metavar="SEED", help="play one seed and print everything")
    given = parser.parse_args()
    if given.trace is not None:
        result = simulate(given.trace, tracing=True)
        print(story(result))
        return 1 if result.wrong else 0
    first = given.first if given.first is not None else int.from_bytes(os.urandom(4), "big")
    print(f"{given.seeds} simulations from seed {first} on", flush=True)
    began, facts, wrong = time.monotonic(), 0, 0
    with multiprocessing.Pool() as workers:
        for result in workers.imap_unordered(simulate, range(first, first + given.seeds), chunksize=20):
            facts += result.facts
            if result.wrong:
                wrong += 1
                if wrong <= SHOWN_MAX:
                    print(story(result), flush=True)
    took_s = time.monotonic() - began
    print(f"{given.seeds} simulations, {facts} facts, {took_s:.0f} s; in {wrong} a promise was broken")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
