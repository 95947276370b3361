"""LeadFlow on one log: the one place that puts its parts together, and what doors ask of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leadflow.bootstrap.asking import new_request_id, request_of
from leadflow.bootstrap.deciding import Decisions
from leadflow.domain.access import Action, allowed, scopes
from leadflow.domain.company import CompanyState
from leadflow.domain.decide import decide
from leadflow.domain.events import Event, RequestRefused
from leadflow.domain.policy import Calendar, Policy
from leadflow.domain.pool import Pool
from leadflow.domain.requests import Body, Request
from leadflow.domain.routing import RoutingTable
from leadflow.domain.values import COMPANY_STREAM
from leadflow.engine import Outcome
from leadflow.errors import NotFound, NotPermitted, UsageError
from leadflow.log.envelope import decode
from leadflow.log.reading import Log
from leadflow.postgres import Database
from leadflow.records import DeadLetters
from leadflow.settings import Settings
from leadflow.views.leads import Views
from leadflow.views.refusals import refusal_text
from projections.lead_queries import policy_row
from projections.queries import outcome as outcome_row
from projections.queries import outcomes_of_id
from projections.runner import Projections

if TYPE_CHECKING:
    from leadflow.identities.signing_in import Identities
    from leadflow.incoming.inlets import Inlets
    from leadflow.intake.attribution import Attribution
    from leadflow.views.reports import Reports
    from leadflow.views.stories import Story
    from leadflow.views.traces import Traces


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
        from leadflow.views.traces import Traces

        return Traces(self.log, self.database, self.views)

    @cached_property
    def reports(self) -> Reports:
        """What is counted."""
        from leadflow.views.reports import Reports

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
        from leadflow.incoming.inlets import Inlets

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
        from leadflow.views.stories import story_of

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

    def sends_anywhere(self, actor: str) -> bool:
        """Whether the actor may send leads to any pool, member of it or not: nothing is read for it."""
        return allowed("submit", actor, member_role=None)

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
