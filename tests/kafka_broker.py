"""The one Kafka of a test run: started when a test first asks for it, stopped at the end.

`LEADFLOW_TEST_KAFKA` names one that runs already. Every test makes topics of its own, under a prefix of its
own, so that tests do not see each other.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from leadflow.errors import Unavailable
from leadflow.log.kafka import Cluster
from leadflow.log.kafka.topics import Topics
from leadflow.settings import Settings
from local_kafka import LocalKafka

WAIT_S = 300.0


@contextmanager
def running_kafka(name: str = "tests") -> Iterator[str]:
    """The address of a broker for as long as the block lasts."""
    given = os.environ.get("LEADFLOW_TEST_KAFKA")
    if given:
        yield given
        return
    # Nobody kills it: it is not missed, however late a busy machine lets it give a sign of life.
    with own_kafka(name, settings={"broker.session.timeout.ms": "60000"}) as kafka:
        yield kafka.address


@contextmanager
def own_kafka(
    name: str, nodes_count: int = 1, settings: dict[str, str] | None = None
) -> Iterator[LocalKafka]:
    """A cluster of a test's own, to be killed, stopped and filled as it likes; removed with its data."""
    directory = Path(tempfile.mkdtemp(prefix=f"leadflow-kafka-{name}-"))
    try:
        with LocalKafka(directory, nodes_count, settings=settings or {}) as kafka:
            yield kafka
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def new_prefix() -> str:
    """A prefix for the topics of one test."""
    return f"test-{uuid.uuid4().hex[:12]}"


def create_topics(cluster: Cluster, settings: Settings) -> None:
    """Make the topics that the settings name. On a busy machine a broker may answer later than the client
    waits for it: it is then asked again."""
    deadline = time.monotonic() + WAIT_S
    while True:
        try:
            with Topics(cluster, settings) as topics:
                topics.create()
            return
        except Unavailable:
            assert time.monotonic() < deadline, "the broker makes no topics"
