"""A broker of the faults' own, to be killed and cut off; and which of them run only in `make faults`."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from local_kafka import LocalKafka
from tests.kafka_broker import own_kafka

# A whole cluster takes too long for every run of the tests.
collect_ignore = [] if os.environ.get("LEADFLOW_TEST_SEED") else ["test_cluster.py"]


@pytest.fixture(scope="session")
def broker() -> Iterator[LocalKafka]:
    """A broker that may be killed."""
    with own_kafka("faults") as kafka:
        yield kafka
