"""A broker for the tests of this directory, and topics of each test's own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from leadflow.log.kafka import Cluster
from tests.kafka_broker import running_kafka


@pytest.fixture(scope="session")
def kafka() -> Iterator[Cluster]:
    """The cluster of this run."""
    with running_kafka() as address:
        yield Cluster(address)
