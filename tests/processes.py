"""Real processes: the command line as a child, and work that can be killed at any moment."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from leadflow.bootstrap.app import App
from leadflow.bootstrap.opening import open_app
from leadflow.domain.requests import Request
from leadflow.domain.values import derived_id
from leadflow.settings import Settings
from tests.team import POOL, arrival, claim

ROOT = Path(__file__).resolve().parents[1]
REPS = tuple(f"rep{number}" for number in range(10))
BATCH_MAX = 20


def children() -> Any:
    """Starts children from a server that has everything imported, so that each starts at once."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.processes"])
    return context


def environment(home: Path) -> dict[str, str]:
    """Of a command in a data directory."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LEADFLOW_")}
    path = os.pathsep.join((str(ROOT / "src"), str(ROOT)))
    # Whoever asks over HTTP names a port: others would meet on the same one.
    own = {"LEADFLOW_HOME": str(home), "LEADFLOW_HTTP": "off"}
    return kept | own | {"PYTHONPATH": path, "NO_COLOR": "1", "COLUMNS": "200"}


def leadflow(home: Path, *arguments: str, code: int | None = 0) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; `code` is what it must end with (None: whatever)."""
    done = subprocess.run(
        [sys.executable, "-m", "leadflow.cli", *arguments],
        env=environment(home),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    said = f"{arguments} ended with {done.returncode}\n{done.stdout}{done.stderr}"
    assert code is None or done.returncode == code, said
    assert "Traceback" not in done.stderr, done.stderr
    return done


@contextmanager
def running(home: Path) -> Iterator[subprocess.Popen[str]]:
    """`leadflow up`, ready; ended with SIGTERM unless it is gone by then."""
    engine = subprocess.Popen(
        [sys.executable, "-m", "leadflow.cli", "up"],
        env=environment(home),
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert engine.stderr is not None
        said = ""
        while "is running" not in said:
            line = engine.stderr.readline()
            assert line, f"up ended: {said}"
            said += line
        yield engine
        if engine.poll() is None:
            engine.send_signal(signal.SIGTERM)
            assert engine.wait(300) == 0, engine.stderr.read()
    finally:
        if engine.poll() is None:
            engine.kill()
        engine.wait(300)
        if engine.stderr is not None:
            engine.stderr.close()


def until(condition: Callable[[], bool], wait_s: float = 300.0) -> None:
    """Wait for a condition that comes true sooner or later; a busy machine has its time."""
    deadline = time.monotonic() + wait_s
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.02)


@contextmanager
def opened(home: Path) -> Iterator[App]:
    """LeadFlow of a data directory, in this process."""
    with open_app(Settings(home=home)) as app:
        yield app


def lead_of(number: int) -> str:
    """The id of the lead that arrival `number` makes."""
    return derived_id("lead", POOL, f"intake/web_form:form-{number}")


def request_at(seed: int, index: int) -> Request:
    """The request at a place of an endless load: arrivals, some of them twice, and claims."""
    chance = random.Random(f"{seed}-{index}")
    if index > 10 and chance.random() < 0.4:
        number = chance.randrange(index)
        return claim(chance.choice(REPS), lead_of(number), f"claim-{index}")
    number = chance.randrange(index) if index and chance.random() < 0.1 else index
    return arrival(number)


def load(home: str, seed: int, start: int, acknowledged: Connection) -> None:
    """Submit the load from a place on, for ever; send what was acknowledged, as (index, fact's id)."""
    chance = random.Random(f"{seed}-{start}-sizes")
    index = start
    with opened(Path(home)) as app:
        while True:
            batch = range(index, index + chance.randint(1, BATCH_MAX))
            outcomes = app.submit([request_at(seed, number) for number in batch])
            acknowledged.send(
                [(n, outcome.facts()[0].id) for n, outcome in zip(batch, outcomes, strict=True)]
            )
            index = batch.stop
            if chance.random() < 0.2:
                app.projections.start()
                app.projections.catch_up()


def race(home: str, seed: int, reps: list[str], leads: list[str], told: Connection) -> None:
    """Claim every lead for every rep, in an order of chance and batches of chance; tell the outcomes."""
    chance = random.Random(seed)
    claims = [claim(rep, lead, f"{rep}-{lead}") for rep in reps for lead in leads]
    chance.shuffle(claims)
    with opened(Path(home)) as app:
        told.send("ready")
        told.recv()
        while claims:
            size = chance.randint(1, 12)
            batch, claims = claims[:size], claims[size:]
            told.send([(q.identity, o.facts()[0].id) for q, o in zip(batch, app.submit(batch), strict=True)])
    told.send(None)
