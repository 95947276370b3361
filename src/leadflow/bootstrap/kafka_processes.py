"""The processes and topics of a Kafka deployment.

Kafka's modules are imported where they are needed: most commands do not, and would start later.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from leadflow.bootstrap.database import open_database
from leadflow.settings import Settings

if TYPE_CHECKING:
    from consumers.decider import Decider
    from consumers.operating import Operating as Operating
    from consumers.projector import Projector
    from consumers.snapshotter import Snapshotter
    from leadflow.log.kafka.client import Cluster
    from leadflow.log.kafka.topics import Deviation


def new_decider(settings: Settings, operating: Operating, *, virtual: bool) -> Decider:
    """The decider of a Kafka log, ready to `run`. Raises UsageError if no cluster is named."""
    from consumers.decider import Decider

    return Decider(settings, virtual=virtual, operating=operating)


def new_snapshotter(settings: Settings, operating: Operating) -> Snapshotter:
    """What takes snapshots of a Kafka log, ready to `run`. Raises UsageError if something is not named."""
    from consumers.snapshotter import Snapshotter

    return Snapshotter(settings, operating)


@contextmanager
def open_projector(settings: Settings, operating: Operating) -> Iterator[Projector]:
    """What keeps the read models of a Kafka log, ready to `run`, in the Postgres that the settings name or
    else the data directory's.

    Raises UsageError if no cluster is named, Unavailable if the data directory's Postgres does not start.
    """
    from consumers.projector import Projector

    cluster = _cluster(settings)
    if settings.database_url is not None:
        # A projector needs no data directory then.
        yield Projector(cluster, settings.kafka_prefix, settings.database_url, operating)
        return
    with open_database(settings) as (url, server):
        assert server is not None
        yield Projector(cluster, settings.kafka_prefix, url, operating, revive=server.revive)


def create_topics(settings: Settings) -> list[str]:
    """Make the topics of a Kafka log that are missing; gives their names. Raises LeadflowError."""
    from leadflow.log.kafka.topics import Topics

    with Topics(_cluster(settings), settings) as topics:
        return topics.create()


def check_topics(settings: Settings) -> list[Deviation]:
    """Every way in which the topics are not as they must be. Raises LeadflowError."""
    from leadflow.log.kafka.topics import Topics

    with Topics(_cluster(settings), settings) as topics:
        return topics.check()


def _cluster(settings: Settings) -> Cluster:
    from leadflow.log.kafka.client import Cluster

    return Cluster.of(settings)
