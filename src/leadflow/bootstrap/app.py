"""LeadFlow on one log: the one place that puts its parts together, and what doors ask of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from consumers.handover import HandoverClient, refuse_second
from leadflow.bootstrap.asking import new_request_id, request_of
from leadflow.bootstrap.deciding import Decisions, Here
from leadflow.domain.access import Action, allowed, scopes
from leadflow.domain.company import CompanyState
from leadflow.domain.decide import decide
from leadflow.domain.events import Event, RequestRefused
from leadflow.domain.policy import Calendar, Policy
from leadflow.domain.pool import Pool
from leadflow.domain.requests import Body, Request
from leadflow.domain.routing import RoutingTable
from leadflow.domain.values import COMPANY_STREAM
from leadflow.embedded_postgres import EmbeddedPostgres
from leadflow.engine import Clock, Engine, Outcome
from leadflow.errors import NotFound, NotPermitted, UsageError
from leadflow.home import prepare_home
from leadflow.log.embedded import EmbeddedLog
from leadflow.log.envelope import decode
from leadflow.log.reading import Log
from leadflow.log.snapshots import Snapshots
from leadflow.postgres import Database
from leadflow.records import DeadLetters
from leadflow.refusals import refusal_text
from leadflow.settings import Settings
from leadflow.views import Views
from projections.lead_queries import policy_row
from projections.queries import outcome as outcome_row
from projections.queries import outcomes_of_id
from projections.runner import Projections

if TYPE_CHECKING:
    from consumers.embedded import Embedded
    from consumers.operating import Operating
    from leadflow.identities.signing_in import Identities
    from leadflow.inlets import Inlets
    from leadflow.intake.attribution import Attribution
    from leadflow.reporting import Reports
    from leadflow.stories import Story
    from leadflow.traces import Traces

WAIT_S = 10.0
"""How long outcomes and read models are waited for on a log that is decided elsewhere."""

log_ = structlog.get_logger(__name__)


class App:
    """LeadFlow on one log: requests in, read models out."""

    def __init__(self, settings: Settings, database: Database, log: Log, decisions: Decisions) -> None:
        self.settings = settings
        self.database = database
        self.log = log
        self.decisions = decisions
        self.projections = Projections(log, database)
        self.dead_letters = DeadLetters(database)
        self.views = Views(database)
        self.hurry: Callable[[], None] | None = None
        """Asks whoever brings the read models along in this process not to rest."""

    @property
    def home(self) -> Path:
        """The data directory."""
        return self.settings.home

    # What takes a moment to import, and what many commands have no use for, is imported when it is asked for.

    @cached_property
    def traces(self) -> Traces:
        """The histories of leads."""
        from leadflow.traces import Traces

        return Traces(self.log, self.database, self.views)

    @cached_property
    def reports(self) -> Reports:
        """What is counted."""
        from leadflow.reporting import Reports

        return Reports(self.log, self.database, self.views)

    @cached_property
    def attribution(self) -> Attribution:
        """The table that tells the channel of a website form's touch. Raises UsageError."""
        from leadflow.intake.attribution import default_attribution, load_attribution

        own = self.settings.attribution
        return default_attribution() if own is None else load_attribution(own)

    @cached_property
    def inlets(self) -> Inlets:
        """The doors that channels send to over HTTP."""
        from leadflow.inlets import Inlets

        return Inlets(self.database)

    @cached_property
    def identities(self) -> Identities:
        """Accounts, tokens and sessions."""
        from leadflow.identities.signing_in import Identities

        return Identities(self.database, self.settings)

    def submit(self, requests: Sequence[Request]) -> list[Outcome]:
        """Have requests decided in their order. Raises Unavailable."""
        return self.decisions.submit(requests)

    def submit_all(self, batches: Iterable[Sequence[Request]]) -> Iterator[list[Outcome]]:
        """The outcomes of each batch; on Kafka, the next are on their way meanwhile. Raises Unavailable."""
        return self.decisions.submit_all(batches)

    def one(self, request: Request) -> Outcome:
        """Have one request decided. Raises what kept it from being decided."""
        outcome = self.submit([request])[0]
        outcome.facts()
        return outcome

    def pools(self) -> list[str]:
        """The pools that there are, in the order of their ids."""
        return self.decisions.pools()

    def settle(self, *, fire: bool = True) -> None:
        """Bring the read models to the log's present end, and (with `fire`) deadlines to the present time.

        Raises Unavailable if somebody else keeps them and does not get there: what is shown is stale.
        """
        self.decisions.settle(fire=fire)

    def pool_state(self, pool: str) -> Pool:
        """The present state of a pool, folded from the log. Raises NotFound."""
        return self.decisions.pool(pool)

    def now(self, pool: str) -> datetime:
        """The present moment on the pool's clock: on a virtual one, its last fact's."""
        view = self.views.pool(pool)
        document = self.log.document(pool, self.log.last(pool)) if view.clock != "real" else None
        return decode(document).time if document else self.decisions.now()

    def preview(self, pool: str, actor: str, body: Body) -> list[Event]:
        """The facts that a request would cause now. Nothing is written. Raises NotFound."""
        request, now = request_of(pool, actor, new_request_id(), body), self.now(pool)
        return self.decisions.look(pool, lambda state: decide(state, request, now))

    def story(self, actor: str, pool: str, reference: str) -> Story:
        """All that the actor may see of a lead. Raises as `Views.lead` does."""
        from leadflow.stories import story_of

        return story_of(self.views, self.log.documents, actor, pool, reference)

    def policy(self, pool: str, version: int | None = None) -> tuple[int, Policy, Calendar]:
        """The policy in force, or the one published as `version`, by the read models: version, policy,
        calendar. Raises NotFound.
        """
        self.views.pool(pool)
        row = policy_row(self.database, pool, version)
        if row is None:
            last = policy_row(self.database, pool)
            do = f"There are versions 1 to {last['version']}." if last else None
            raise NotFound(f"pool {pool} never had a policy version {version}", do=do)
        return (
            row["version"],
            Policy.model_validate(row["policy"]),
            Calendar.model_validate(row["calendar"]),
        )

    def outcome(
        self, actor: str, reference: str, pool: str | None, *, search: bool = True
    ) -> tuple[dict[str, Any], str | None]:
        """The outcome of a request by identity or id alone, and why it was refused, if it was.

        With `search`, an id that is none of the actor's own is looked for among all: that reads them all.
        Raises NotFound; what the actor may not see is answered like what is not there.
        """
        exact = (outcome_row(self.database, name, pool) for name in (reference, f"{actor}:{reference}"))
        rows = [row for row in exact if row is not None]
        if search and not rows:
            rows = outcomes_of_id(self.database, reference, pool)
        rows = [row for row in rows if self.views.may_see_request(actor, row["pool"], row["actor"])]
        if not rows:
            do = "Name it as `source:id`. A request without an outcome was never decided: send it again."
            raise NotFound(f"no request {reference!r} was decided that {actor} may see", do=do)
        if len(rows) > 1 and rows[0]["identity"] not in (reference, f"{actor}:{reference}"):
            names = ", ".join(f"{row['identity']} in {row['pool']}" for row in rows[:10])
            raise UsageError(f"several requests have the id {reference!r}", do=f"Name one: {names}.")
        document = self.log.document(rows[0]["pool"], rows[0]["first_sequence"], rows[0]["position"])
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

    def administers(self, actor: str) -> bool:
        """Whether the actor may look after accounts and tokens: who manages every pool that there is."""
        if allowed("manage", actor, member_role=None):
            return True
        pools = self.views.pools()
        return bool(scopes("manage", actor)) and all(self.views.may("manage", actor, pool) for pool in pools)

    def routing(self) -> RoutingTable | None:
        """The company's routing table in force, if one was published."""
        company = self.decisions.stream(COMPANY_STREAM)
        return company.routing if isinstance(company, CompanyState) else None


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


@contextmanager
def open_database(settings: Settings) -> Iterator[tuple[str, EmbeddedPostgres | None]]:
    """The address of the Postgres that the settings name, or of the data directory's, which is then started.

    Raises UsageError for a data directory that cannot be used, Unavailable.
    """
    prepare_home(settings.home)
    if settings.database_url is not None:
        yield settings.database_url, None
        return
    server = EmbeddedPostgres(settings.home)
    with server as url:
        yield url, server


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
