"""Opening LeadFlow as the settings name it: a data directory, a Postgres, or a log in Kafka."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import structlog

from consumers.handover import HandoverClient, refuse_second
from leadflow.bootstrap.app import App
from leadflow.bootstrap.database import open_database
from leadflow.bootstrap.deciding import Here
from leadflow.embedded.postgres import EmbeddedPostgres
from leadflow.engine import Clock, Engine
from leadflow.errors import UsageError
from leadflow.log.embedded import EmbeddedLog
from leadflow.log.snapshots import Snapshots
from leadflow.postgres import Database
from leadflow.settings import Settings
from projections.runner import Projections

if TYPE_CHECKING:
    from consumers.embedded import Embedded
    from consumers.operating import Operating

WAIT_S = 10.0
"""How long outcomes and read models are waited for on a log that is decided elsewhere."""

log_ = structlog.get_logger(__name__)


@contextmanager
def open_app(
    settings: Settings,
    *,
    virtual: bool = False,
    clock: Clock | None = None,
    wait_s: float = WAIT_S,
    warn: Callable[[str], None] = log_.warning,
) -> Iterator[App]:
    """LeadFlow of a data directory, or of the Postgres and the Kafka that the settings name.

    On Kafka, `wait_s` is how long outcomes and read models are waited for, and `warn` is told where what is
    shown is stale. Raises UsageError for a data directory that cannot be used, Unavailable for what is away.
    """
    if settings.kafka is not None:
        # Its client takes a moment to import, and most data directories have no use for it.
        from leadflow.bootstrap.kafka import open_kafka_app

        with open_kafka_app(settings, wait_s=wait_s, warn=warn) as app:
            yield app
        return
    with _embedded(settings, virtual=virtual, clock=clock) as (app, _, _):
        yield app


@contextmanager
def running_app(settings: Settings, operating: Operating | None = None) -> Iterator[tuple[App, Embedded]]:
    """Everything of one machine, running as threads of this process, until the block ends. `operating` is
    told what happens.

    Raises HomeInUse if an engine runs in the data directory already.
    """
    if settings.kafka is not None:
        raise UsageError(
            "the log is in Kafka, and `up` runs the engine of a log on one machine",
            where=settings.kafka,
            do="Run `leadflow decider` and `leadflow projector`; both may run several times.",
        )
    # Commands that run nothing need not wait until it is imported.
    from consumers.embedded import Embedded
    from leadflow.bootstrap.notifying import notifier_of

    refuse_second(settings.home)
    with (
        _embedded(settings) as (app, here, server),
        notifier_of(settings, app.log, app.database.url, operating) as notifier,
    ):
        app.projections.start()
        revive = server.revive if server is not None else None
        url = app.database.url
        embedded = Embedded(app.home, here.engine, app.projections, url, revive, operating, notifier)
        app.hurry = embedded.hurry
        try:
            yield app, embedded
        finally:
            embedded.close()


@contextmanager
def _embedded(
    settings: Settings, *, virtual: bool = False, clock: Clock | None = None
) -> Iterator[tuple[App, Here, EmbeddedPostgres | None]]:
    with ExitStack() as stack:
        url, server = stack.enter_context(open_database(settings))
        log = stack.enter_context(EmbeddedLog(url))
        database = stack.enter_context(Database(url))
        snapshots = Snapshots(database, log.document)
        engine = Engine(log, clock=clock, virtual=virtual, snapshots=snapshots)
        here = Here(settings.home, engine, Projections(log, database))
        stack.callback(here.close)
        yield App(settings, database, log, here), here, server


def own_log(app: App) -> EmbeddedLog:
    """The log that one file can hold: the embedded one. Raises UsageError for a log in Kafka."""
    if isinstance(app.log, EmbeddedLog):
        return app.log
    raise UsageError(
        "a backup file holds the log and the records of one machine, and this log is in Kafka",
        where=app.log.where,
        do="Facts are kept by the cluster's replication and backups; `leadflow log export FILE` writes all of"
        " them. The records (dead letters) are in Postgres: pg_dump --schema=records. Read models come back"
        " from the log.",
    )


def engine_runs(settings: Settings) -> bool:
    """Whether an engine runs in the data directory."""
    return HandoverClient.reachable(settings.home)
