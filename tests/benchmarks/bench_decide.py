"""`decide` and `evolve` alone, one core: half claims, half intakes that are already normalised.

Most intakes are assigned at once, most claims come too late: that is the default policy, eight reps and
the same leads claimed again and again. Figures are CPU seconds of this process, the best of a few rounds.
Run with `make bench` or `python tests/benchmarks/bench_decide.py [requests]`.
"""

from __future__ import annotations

import gc
import random
import sys
from datetime import UTC, datetime
from time import process_time

from consumers.decider import GC_THRESHOLD
from leadflow.domain.deadlines import decide_due
from leadflow.domain.decide import decide
from leadflow.domain.evolve import evolve, initial
from leadflow.domain.policy import Calendar, Offset
from leadflow.domain.pool import Pool
from leadflow.domain.requests import (
    AddMember,
    ClaimLead,
    OpenPool,
    Request,
    SubmitIntake,
    intake_request,
)
from leadflow.domain.values import Company, Person, Touch
from leadflow.policies import default_policy
from tests.benchmarks.common import calibrate

NOW = datetime(2026, 10, 12, 2, tzinfo=UTC)
SEED = 7
REPS = 8
ROUNDS = 7
GOAL = 30_000


def opened(pool_id: str = "east") -> Pool:
    """A pool under the default policy with its claiming limits lifted, and eight reps."""
    policy = default_policy()
    free = policy.claiming.model_copy(
        update={
            "per_rep_per_day": None,
            "per_class_per_day": {},
            "held_at_once": None,
            "min_gap": None,
            "open_after": None,
            "per_pool_per_day": None,
        }
    )
    policy = policy.model_copy(update={"claiming": free})
    calendar = Calendar(offsets=(Offset(start=datetime(2020, 1, 1, tzinfo=UTC), minutes=480),))
    pool = initial(pool_id)
    assert isinstance(pool, Pool)
    bodies: list[OpenPool | AddMember] = [OpenPool(policy=policy, calendar=calendar)]
    bodies += [AddMember(member=f"rep{n}") for n in range(REPS)]
    for n, body in enumerate(bodies):
        request = Request(pool=pool_id, source="manager/local", id=str(n), actor="manager/local", body=body)
        for event in decide(pool, request, NOW):
            evolve(pool, event)
    return pool


def intake(n: int, chance: random.Random) -> SubmitIntake:
    """One arrival, normalised."""
    return SubmitIntake(
        touch=Touch(
            channel="web_form",
            ref=f"form-{n}",
            door="web_form",
            campaign="autumn",
            landing_page="/pricing",
            occurred_at=NOW,
        ),
        person=Person(name=f"Lead {n}", phones=(f"+86139{n:08d}",), emails=(f"lead{n}@example.com",)),
        company=Company(
            name="Example",
            industry=chance.choice(["SaaS", "零售", "制造业"]),
            size=chance.randint(1, 900),
            region=chance.choice(["上海", "广东", "浙江"]),
        ),
        asked=8,
        filled=chance.randint(3, 8),
    )


def run(pool: Pool, requests: list[Request]) -> float:
    """CPU seconds that deciding and folding these requests takes."""
    started = process_time()
    for request in requests:
        for event in decide(pool, request, NOW):
            evolve(pool, event)
        while events := decide_due(pool, pool.time):
            for event in events:
                evolve(pool, event)
    return process_time() - started


def measure(count: int) -> tuple[float, float]:
    """CPU seconds of that many intakes, and of as many claims for the leads that wait then."""
    chance = random.Random(SEED)
    pool = opened()
    intakes = [intake_request("east", "adapter/web", intake(n, chance)) for n in range(count)]
    intake_s = run(pool, intakes)
    public = [lead.id for lead in pool.leads.values() if lead.status == "public"]
    claims = [
        Request(
            pool="east",
            source=f"rep/rep{n % REPS}",
            id=f"c{n}",
            actor=f"rep/rep{n % REPS}",
            body=ClaimLead(lead=chance.choice(public)),
        )
        for n in range(count)
    ]
    return intake_s, run(pool, claims)


def main(count: int) -> None:
    """Print the figures of the best rounds."""
    calibrate()
    # As a decider runs.
    gc.set_threshold(*GC_THRESHOLD)
    rounds = [measure(count) for _ in range(ROUNDS)]
    intake_s, claim_s = (min(seconds) for seconds in zip(*rounds, strict=True))
    print(f"seed {SEED}, {count:,} intakes and {count:,} claims, best of {ROUNDS} rounds")
    print(f"intakes  {count / intake_s:>9,.0f} requests/s  {1e6 * intake_s / count:6.1f} µs of CPU each")
    print(f"claims   {count / claim_s:>9,.0f} requests/s  {1e6 * claim_s / count:6.1f} µs of CPU each")
    print(f"half and half {2 * count / (intake_s + claim_s):>9,.0f} requests/s of CPU, goal {GOAL:,}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5_000)
