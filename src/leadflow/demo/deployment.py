"""The demo on a log in Kafka: its topics, and a decider and a projector as processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from leadflow.bootstrap.kafka_processes import create_topics
from leadflow.errors import Unavailable
from leadflow.settings import Settings

PARTITIONS = 3
READY_S = 60.0
STOP_S = 20.0
SAID_MAX = 2_000
LEFT_OUT = ("LEADFLOW_DATABASE_URL", "LEADFLOW_POOL")
_PARTS = (("decider", "--clock", "requests"), ("projector",))


def settings_of(given: Settings, home: Path, name: str) -> Settings:
    """Settings of a demo's own: its data directory, and topics that begin with `name`."""
    own = {"home": home, "database_url": None, "pool": None}
    kafka = {"kafka_prefix": name, "kafka_partitions": PARTITIONS}
    return given.model_copy(update=own | kafka)


@contextmanager
def deployed(settings: Settings) -> Iterator[None]:
    """Topics, and the processes that decide and project, until the block ends, however it does.

    Raises Unavailable if Kafka is away or a process does not come up.
    """
    create_topics(settings)
    with ExitStack() as stack:
        running = [stack.enter_context(_process(settings, *arguments)) for arguments in _PARTS]
        until = time.monotonic() + READY_S
        for process, said in running:
            while "is running" not in (text := said.read_text("utf-8", "replace")):
                if process.poll() is not None or time.monotonic() > until:
                    raise Unavailable(f"a process of the demo did not come up: {text[-SAID_MAX:]}")
                time.sleep(0.1)
        yield


@contextmanager
def _process(settings: Settings, *arguments: str) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """A process that is asked to end at the end, and killed if it does not."""
    environment = {name: value for name, value in os.environ.items() if name not in LEFT_OUT}
    environment |= {
        "LEADFLOW_HOME": str(settings.home),
        "LEADFLOW_KAFKA": settings.kafka or "",
        "LEADFLOW_KAFKA_PREFIX": settings.kafka_prefix,
        "LEADFLOW_KAFKA_PARTITIONS": str(settings.kafka_partitions),
    }
    said = settings.home / f"{arguments[0]}.log"
    settings.home.mkdir(parents=True, exist_ok=True)
    with said.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "leadflow.cli", *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            # Ctrl-C is for the demo, which ends them in their order.
            start_new_session=True,
        )
    try:
        yield process, said
    finally:
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
