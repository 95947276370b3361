"""The one place that puts parts together: what the command line and other doors start from."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import uuid_utils
from pydantic import ValidationError

from consumers.embedded import Embedded
from consumers.handover import HandoverClient
from leadflow.domain.company import CompanyState
from leadflow.domain.pool import Pool
from leadflow.domain.requests import Body, Request, SubmitIntake, intake_request
from leadflow.domain.routing import RoutingTable
from leadflow.domain.values import COMPANY_STREAM
from leadflow.embedded_postgres import EmbeddedPostgres
from leadflow.engine import SNAPSHOT_EVERY, Clock, Engine, Outcome
from leadflow.errors import Unavailable, UsageError
from leadflow.home import prepare_home
from leadflow.importing import (
    Destination,
    Rehearsal,
    Report,
    check_channel,
    counted,
    destination,
    import_file,
    reason_of,
    rehearse_file,
    unreadable,
)
from leadflow.intake.arrivals import Arrival, ArrivalReader
from leadflow.intake.files import open_arrivals
from leadflow.intake.mapping import FIELDS, MappingFile, load_mapping
from leadflow.intake.spend import SpendRow, read_spend
from leadflow.log.embedded import EmbeddedLog
from leadflow.log.envelope import problems_of
from leadflow.log.snapshots import Snapshots
from leadflow.postgres import Database
from leadflow.records import DeadLetter, DeadLetters
from leadflow.refusals import refusal_text
from leadflow.settings import Settings
from leadflow.views import ORDERS, STATUSES, Criteria, LeadView, PoolView, Views
from projections.runner import Projections

SETTLE_WAIT_S = 10.0


class App:
    """LeadFlow on one log: requests in, read models out."""

    def __init__(
        self, settings: Settings, url: str, *, virtual: bool = False, clock: Clock | None = None
    ) -> None:
        self.settings = settings
        self.url = url
        self.log = EmbeddedLog(url)
        self.database = Database(url)
        self.snapshots = Snapshots(self.database, self.log.document)
        self.engine = Engine(self.log, clock=clock, virtual=virtual, snapshots=self.snapshots)
        self.projections = Projections(self.log, self.database)
        self.dead_letters = DeadLetters(self.database)
        self.views = Views(self.database)
        self._client: HandoverClient | None = None
        self._position = 0

    @property
    def home(self) -> Path:
        """The data directory."""
        return self.settings.home

    def running(self) -> HandoverClient | None:
        """The engine that runs in this data directory, if there is one."""
        if self._client is None and HandoverClient.reachable(self.home):
            self._client = HandoverClient(self.home)
        return self._client

    def submit(self, requests: Sequence[Request]) -> list[Outcome]:
        """Have requests decided: by the engine that runs, or here. Raises Unavailable."""
        client = self.running()
        if client is None:
            outcomes = self.engine.submit(requests)
            self._position = max(self._position, self.engine.position)
            return outcomes
        outcomes, position = client.submit(requests)
        self._position = max(self._position, position)
        return outcomes

    def one(self, request: Request) -> Outcome:
        """Have one request decided. Raises what kept it from being decided."""
        outcome = self.submit([request])[0]
        outcome.facts()
        return outcome

    def settle(self) -> None:
        """Bring the read models to the log's present end, and its deadlines to the present time.

        Raises Unavailable if the engine that runs does not get there in time: what is shown is stale.
        """
        self.projections.start()
        if self.running() is not None:
            self.projections.wait_for(self.log.end(), SETTLE_WAIT_S)
            return
        self.engine.tick()
        self.projections.catch_up()

    def pool_state(self, pool: str) -> Pool:
        """The present state of a pool, folded from the log. Raises NotFound."""
        return self.engine.pool(pool)

    def routing(self) -> RoutingTable | None:
        """The company's routing table in force, if one was published."""
        company = self.engine.stream(COMPANY_STREAM)
        return company.routing if isinstance(company, CompanyState) else None

    def close(self) -> None:
        """Let go of everything; keep a snapshot if much was folded here."""
        if self._client is not None:
            self._client.close()
        else:
            self.engine.save_snapshots(SNAPSHOT_EVERY)
        self.log.close()
        self.database.close()


@contextmanager
def open_app(settings: Settings, *, virtual: bool = False, clock: Clock | None = None) -> Iterator[App]:
    """LeadFlow of a data directory, or of the Postgres that the settings name.

    Raises UsageError for a data directory that cannot be used, Unavailable if a database is away.
    """
    prepare_home(settings.home)
    if settings.database_url is not None:
        app = App(settings, settings.database_url, virtual=virtual, clock=clock)
        try:
            yield app
        finally:
            app.close()
        return
    with EmbeddedPostgres(settings.home) as url:
        app = App(settings, url, virtual=virtual, clock=clock)
        try:
            yield app
        finally:
            app.close()


@contextmanager
def running_app(settings: Settings) -> Iterator[tuple[App, Embedded]]:
    """Everything of one machine, running as threads of this process, until the block ends."""
    with open_app(settings) as app:
        app.projections.start()
        embedded = Embedded(app.home, app.engine, app.projections, app.url)
        try:
            yield app, embedded
        finally:
            embedded.close()


def wait_until_running(settings: Settings, timeout_s: float) -> None:
    """Return when an engine listens in the data directory. Raises Unavailable after the time given."""
    until = time.monotonic() + timeout_s
    while not HandoverClient.reachable(settings.home):
        if time.monotonic() > until:
            raise Unavailable("no engine came up", where=str(settings.home), do="Start one: `leadflow up`.")
        time.sleep(0.05)


# --- what doors need to make and to tell ----------------------------------------------------


def new_request_id() -> str:
    """An id for a request that its sender did not name: UUIDv7, so ids sort by time."""
    return str(uuid_utils.uuid7())


def request_of(pool: str, actor: str, request_id: str, body: Body, at: datetime | None = None) -> Request:
    """A request in the actor's name; an intake's identity is its channel and source reference."""
    if isinstance(body, SubmitIntake):
        return intake_request(pool, actor, body, at)
    try:
        return Request.model_validate(
            {"pool": pool, "source": actor, "id": request_id, "actor": actor, "at": at, "body": body}
        )
    except ValidationError as error:
        raise UsageError(f"the request cannot be sent: {problems_of(error)}") from error


__all__ = [
    "FIELDS",
    "ORDERS",
    "STATUSES",
    "App",
    "Arrival",
    "ArrivalReader",
    "Criteria",
    "DeadLetter",
    "Destination",
    "LeadView",
    "MappingFile",
    "Outcome",
    "PoolView",
    "Rehearsal",
    "Report",
    "SpendRow",
    "check_channel",
    "counted",
    "destination",
    "import_file",
    "load_mapping",
    "new_request_id",
    "open_app",
    "open_arrivals",
    "read_spend",
    "reason_of",
    "refusal_text",
    "rehearse_file",
    "request_of",
    "running_app",
    "unreadable",
    "wait_until_running",
]
