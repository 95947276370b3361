"""A projector that reads along while faults happen, and the proof of what it has made of what it read."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from consumers.operating import Operating
from consumers.projector import Projector
from leadflow import postgres
from leadflow.errors import Unavailable
from leadflow.log.kafka import Cluster, KafkaLog
from leadflow.postgres import Database
from leadflow.settings import Settings
from projections import registry
from projections.runner import Projections
from tests.projectors import projecting

WAIT_S = 300.0


class ReadAlong:
    """The read models of a log, which a projector keeps meanwhile."""

    def __init__(self, log: KafkaLog, url: str, operating: Operating) -> None:
        self.operating = operating
        self._log = log
        self._url = url

    def check(self) -> str:
        """Every row is what a fresh fold of the log gives, up to the log's end; says what was compared."""
        # Connections of its own: Postgres may have been away since the last time.
        with Database(self._url) as database:
            models = Projections(self._log, database)
            try:
                models.wait_for(self._log.ends(), WAIT_S)
            except Unavailable as late:
                raise AssertionError(f"{late}: {models.list()}, {self.operating.health()}") from late
            assert not (wrong := list(models.verify())), wrong
            rows = sum(status.rows for status in models.list())
        return f"{rows} rows of {len(models.projections)} projections equal the fold of the log"


@contextmanager
def reading_along(cluster: Cluster, settings: Settings, pg_url: str) -> Iterator[ReadAlong]:
    """A projector with a database of its own on this server, until the block ends."""
    name = f"faults_{uuid.uuid4().hex[:12]}"
    url = postgres.create_database(pg_url, name)
    operating = Operating("projector")
    try:
        with Database(url) as database:
            registry.prepare(database)
        with (
            KafkaLog(cluster, f"{settings.kafka_prefix}.events") as log,
            projecting(Projector(cluster, settings.kafka_prefix, url, operating)),
        ):
            yield ReadAlong(log, url, operating)
    finally:
        # A server that was killed and not started again takes it away with itself.
        with suppress(Unavailable):
            postgres.drop_database(pg_url, name)
