"""The one place that puts parts together: what the command line and other doors start from."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uuid_utils
from pydantic import ValidationError

from consumers.embedded import Embedded
from consumers.handover import HandoverClient, refuse_second
from leadflow import doctor, policies
from leadflow.backup import Summary, backup, restore
from leadflow.calendars import build_calendar, coverage_warning
from leadflow.csv_out import write_csv
from leadflow.doctor import Finding
from leadflow.domain.access import Action, allowed
from leadflow.domain.company import CompanyState
from leadflow.domain.decide import decide
from leadflow.domain.events import Event, RequestRefused
from leadflow.domain.policy import Calendar, Policy
from leadflow.domain.pool import Pool
from leadflow.domain.requests import Body, Request, SubmitIntake, intake_request
from leadflow.domain.routing import RoutingTable
from leadflow.domain.values import COMPANY_STREAM
from leadflow.editing import EDITABLE, amount_of, corrections
from leadflow.embedded_postgres import EmbeddedPostgres
from leadflow.engine import SNAPSHOT_EVERY, Clock, Engine, Outcome
from leadflow.errors import LeadflowError, NotFound, NotPermitted, Unavailable, UsageError
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
from leadflow.log.envelope import decode, problems_of
from leadflow.log.snapshots import Snapshots
from leadflow.log.verify import export, verify
from leadflow.postgres import Database
from leadflow.records import DeadLetter, DeadLetters
from leadflow.refusals import refusal_text
from leadflow.reporting import (
    ChannelRow,
    ChannelsReport,
    Fairness,
    FunnelRow,
    MoneyFigures,
    Period,
    Reports,
    RepRow,
    Share,
)
from leadflow.resending import corrected
from leadflow.settings import Settings
from leadflow.spending import SpendReport
from leadflow.spending import check as check_spend
from leadflow.spending import figures as spend_figures
from leadflow.spending import key_of as spend_key
from leadflow.spending import request_id as spend_request_id
from leadflow.spending import same as same_spend
from leadflow.stories import Story, story_of
from leadflow.traces import Traces
from leadflow.tracing import Attempt, Holding, Line, Trace
from leadflow.views import ORDERS, STATUSES, Criteria, LeadView, PoolView, Views
from projections.lead_queries import policy_row
from projections.queries import loads as member_loads
from projections.queries import outcome as outcome_row
from projections.queries import outcomes_of_id, pool_summaries
from projections.runner import Projections

if TYPE_CHECKING:
    from consumers.decider import Decider
    from leadflow.log.kafka.client import Cluster
    from leadflow.log.kafka.topics import Deviation

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
        self.traces = Traces(self.log, self.database, self.views)
        self.reports = Reports(self.log, self.database, self.views)
        self.server: EmbeddedPostgres | None = None
        """The embedded server, if it is one."""
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

    def now(self, pool: str) -> datetime:
        """The present moment on the pool's clock: on a virtual one, its last fact's."""
        view = self.views.pool(pool)
        document = self.log.document(pool, self.log.last(pool)) if view.clock != "real" else None
        return decode(document).time if document else self.engine.clock.now()

    def preview(self, pool: str, actor: str, body: Body) -> list[Event]:
        """The facts that a request would cause now. Nothing is written. Raises NotFound."""
        request = request_of(pool, actor, new_request_id(), body)
        return decide(self.pool_state(pool), request, self.now(pool))

    def story(self, actor: str, pool: str, reference: str) -> Story:
        """All that the actor may see of a lead. Raises as `Views.lead` does."""
        return story_of(self.views, self.log.documents, actor, pool, reference)

    def policy(self, pool: str) -> tuple[int, Policy, Calendar]:
        """The policy in force by the read models: version, policy, calendar. Raises NotFound."""
        self.views.pool(pool)
        row = policy_row(self.database, pool)
        assert row is not None
        return (
            row["version"],
            Policy.model_validate(row["policy"]),
            Calendar.model_validate(row["calendar"]),
        )

    def outcome(self, actor: str, reference: str, pool: str | None) -> tuple[dict[str, Any], str | None]:
        """The outcome of a request by identity or id alone, and why it was refused, if it was.

        Raises NotFound; what the actor may not see is answered like what is not there.
        """
        exact = (outcome_row(self.database, name, pool) for name in (reference, f"{actor}:{reference}"))
        rows = [row for row in exact if row is not None]
        rows = rows or outcomes_of_id(self.database, reference, pool)
        rows = [row for row in rows if self.views.may_see_request(actor, row["pool"], row["actor"])]
        if not rows:
            do = "Name it as `source:id`. A request without an outcome was never decided: send it again."
            raise NotFound(f"no request {reference!r} was decided that {actor} may see", do=do)
        if len(rows) > 1 and rows[0]["identity"] not in (reference, f"{actor}:{reference}"):
            names = ", ".join(f"{row['identity']} in {row['pool']}" for row in rows[:10])
            raise UsageError(f"several requests have the id {reference!r}", do=f"Name one: {names}.")
        document = self.log.document(rows[0]["pool"], rows[0]["first_sequence"])
        event = decode(document) if document else None
        refusal = event.data if event is not None and isinstance(event.data, RequestRefused) else None
        return rows[0], refusal_text(refusal, event) if refusal is not None and event is not None else None

    def need(self, action: Action, actor: str) -> None:
        """Raise NotPermitted unless the actor may do this in every pool."""
        if allowed(action, actor, member_role=None):
            return
        pools = self.views.pools()
        if not pools or not all(self.views.may(action, actor, pool) for pool in pools):
            raise NotPermitted(f"{actor} may not do this: it concerns every pool", do="See `--as`.")

    def routing(self) -> RoutingTable | None:
        """The company's routing table in force, if one was published."""
        company = self.engine.stream(COMPANY_STREAM)
        return company.routing if isinstance(company, CompanyState) else None

    def close(self) -> None:
        """Let go of everything; keep a snapshot if much was folded here."""
        if self._client is not None:
            self._client.close()
        else:
            # A snapshot only saves time; that there is none must not hide why a command ended.
            with suppress(LeadflowError):
                self.engine.save_snapshots(SNAPSHOT_EVERY)
        self.log.close()
        self.database.close()


@contextmanager
def open_app(settings: Settings, *, virtual: bool = False, clock: Clock | None = None) -> Iterator[App]:
    """LeadFlow of a data directory, or of the Postgres that the settings name.

    Raises UsageError for a data directory that cannot be used, Unavailable if a database is away.
    """
    prepare_home(settings.home)
    with ExitStack() as stack:
        url = settings.database_url
        server = None if url else EmbeddedPostgres(settings.home)
        if server is not None:
            url = stack.enter_context(server)
        assert url is not None
        app = App(settings, url, virtual=virtual, clock=clock)
        app.server = server
        stack.callback(app.close)
        yield app


@contextmanager
def running_app(settings: Settings) -> Iterator[tuple[App, Embedded]]:
    """Everything of one machine, running as threads of this process, until the block ends.

    Raises HomeInUse if an engine runs in the data directory already.
    """
    refuse_second(settings.home)
    with open_app(settings) as app:
        app.projections.start()
        revive = app.server.revive if app.server is not None else None
        embedded = Embedded(app.home, app.engine, app.projections, app.url, revive)
        try:
            yield app, embedded
        finally:
            embedded.close()


def examine(settings: Settings) -> Iterator[Finding]:
    """What `leadflow doctor` finds, one thing after the other; errors are findings."""
    yield doctor.versions()
    yield (place := doctor.data_directory(settings.home, embedded=settings.database_url is None))
    yield doctor.disk(settings.home)
    running = HandoverClient.reachable(settings.home)
    yield doctor.engine(running)
    if place.status == "fail" or not (settings.database_url or settings.home.exists()):
        return
    try:
        with open_app(settings) as app:
            yield doctor.database(app.url)
            app.projections.start()
            yield from doctor.of_log(app.log, app.projections, app.views.pools, running=running)
    except LeadflowError as error:
        yield doctor.failed("database", error)


# --- a Kafka deployment -----------------------------------------------------------------------
# Its modules are imported where they are needed: most commands do not, and would start later.


def new_decider(settings: Settings, *, virtual: bool) -> Decider:
    """The decider of a Kafka log, ready to `run`. Raises UsageError if no cluster is named."""
    from consumers.decider import Decider

    return Decider(settings, virtual=virtual)


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

    if settings.kafka is None:
        raise UsageError("no Kafka cluster is named", do="Set LEADFLOW_KAFKA to its bootstrap servers.")
    return Cluster(settings.kafka)


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
    "EDITABLE",
    "FIELDS",
    "ORDERS",
    "STATUSES",
    "App",
    "Arrival",
    "ArrivalReader",
    "Attempt",
    "ChannelRow",
    "ChannelsReport",
    "Criteria",
    "DeadLetter",
    "Destination",
    "Fairness",
    "Finding",
    "FunnelRow",
    "Holding",
    "LeadView",
    "Line",
    "MappingFile",
    "MoneyFigures",
    "Outcome",
    "Period",
    "PoolView",
    "Rehearsal",
    "RepRow",
    "Report",
    "Share",
    "SpendReport",
    "SpendRow",
    "Story",
    "Summary",
    "Trace",
    "amount_of",
    "backup",
    "build_calendar",
    "check_channel",
    "check_spend",
    "check_topics",
    "corrected",
    "corrections",
    "counted",
    "coverage_warning",
    "create_topics",
    "destination",
    "examine",
    "export",
    "import_file",
    "load_mapping",
    "member_loads",
    "new_decider",
    "new_request_id",
    "open_app",
    "open_arrivals",
    "policies",
    "pool_summaries",
    "read_spend",
    "reason_of",
    "refusal_text",
    "rehearse_file",
    "request_of",
    "restore",
    "running_app",
    "same_spend",
    "spend_figures",
    "spend_key",
    "spend_request_id",
    "unreadable",
    "verify",
    "wait_until_running",
    "write_csv",
]
