"""What an HTTP API stands on: LeadFlow on one log, asked by many at a time.

Inside `leadflow up` requests go to the engine's own group commit. `leadflow api` has a group commit of its
own, which has everything that waits decided together: by the engine that runs in the data directory, by
itself where none does, or by the deciders of a log in Kafka.
"""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress

import structlog

from consumers.group_commit import GroupCommit
from consumers.handover import HandoverClient
from consumers.operating import Operating
from leadflow.bootstrap.app import App
from leadflow.bootstrap.deciding import Here
from leadflow.bootstrap.feeds import Feeds
from leadflow.bootstrap.freshness import Freshness
from leadflow.bootstrap.identities import Caller
from leadflow.bootstrap.reception import Reception
from leadflow.bootstrap.remembering import Remembered
from leadflow.domain.requests import Request
from leadflow.engine import Outcome
from leadflow.errors import LeadflowError, Unavailable
from leadflow.incoming.uploads import Means, Uploads
from leadflow.intake.arrivals import ArrivalReader

KEEP_S = 0.5
"""How often the read models and the deadlines are looked after where no engine runs."""
RETRY_S = 2.0
READ_MODELS, DATABASE, KAFKA = "read models", "database", "Kafka"
CONNECTIONS_MAX = 10
"""Connections to the database for those who read; a small server has a hundred for all."""
CONNECTION_WAIT_S = 3.0
"""How long one of them is waited for: whoever asks over HTTP is told early that the database is away."""
KNOWN_S = 2.0
"""For how long a token that was checked is believed where many calls come: so soon does one that another
process has revoked no longer take in arrivals and claim. What this process revokes it forgets at once."""
UNHELD_WAIT_S = 2.0
"""How long is waited at least where no topic holds the request: nobody could say that it was taken."""
UNDER_WAY_MAX = 100_000
"""Requests without an outcome that are remembered; of more, the oldest are forgotten."""
SEND_AGAIN = "Send the same request again with the same key: it is decided once, however often it is sent."

Send = Callable[[Request], "Future[Outcome]"]

log_ = structlog.get_logger(__name__)


class Undecided(LeadflowError):
    """The request is in the log's topics, durably, and its outcome is not known yet."""

    def __init__(self, request: Request) -> None:
        super().__init__("the request was taken and is not decided yet", do="Ask for its outcome later.")
        self.request = request

    def __reduce__(self) -> tuple[object, ...]:
        return (Undecided, (self.request,))


class UnderWay:
    """Requests that are in a topic of Kafka for certain, and whose outcome this process has not seen."""

    def __init__(self) -> None:
        self._identities: OrderedDict[tuple[str, str], str] = OrderedDict()
        self._guard = threading.Lock()

    def sent(self, requests: Iterable[Request]) -> None:
        """These were acknowledged."""
        with self._guard:
            for request in requests:
                self._identities[request.pool, request.identity] = request.actor
            while len(self._identities) > UNDER_WAY_MAX:
                self._identities.popitem(last=False)

    def decided(self, requests: Iterable[Request]) -> None:
        """These have an outcome."""
        with self._guard:
            for request in requests:
                self._identities.pop((request.pool, request.identity), None)

    def __contains__(self, request: Request) -> bool:
        return (request.pool, request.identity) in self._identities

    def asked_by(self, actor: str, identity: str, pool: str | None) -> bool:
        """Whether this actor's request is among them."""
        with self._guard:
            return any(
                (found == identity and asker == actor and pool in (None, where))
                for (where, found), asker in self._identities.items()
            )


class Landing:
    """Outcomes on their way from the thread that decides to the event loop that waits for them.

    Those that were decided together wake the loop once.
    """

    def __init__(self) -> None:
        self._landed: deque[tuple[asyncio.Future[Outcome], Future[Outcome]]] = deque()
        self._told = False

    async def of(self, future: Future[Outcome], wait_s: float) -> Outcome:
        """The outcome. Raises TimeoutError after the time given, and what the future ends with."""
        loop = asyncio.get_running_loop()
        waiting: asyncio.Future[Outcome] = loop.create_future()

        def land(ended: Future[Outcome]) -> None:
            self._landed.append((waiting, ended))
            if not self._told:
                self._told = True
                # A loop that is closed has nobody left who waits.
                with suppress(RuntimeError):
                    loop.call_soon_threadsafe(self._wake)

        future.add_done_callback(land)
        late = loop.call_later(wait_s, _expire, waiting)
        try:
            return await waiting
        finally:
            late.cancel()

    def _wake(self) -> None:
        # Set back first: what lands from here on wakes the loop again.
        self._told = False
        while self._landed:
            waiting, ended = self._landed.popleft()
            if waiting.done():
                continue
            error = ended.exception()
            if error is not None:
                waiting.set_exception(error)
            else:
                waiting.set_result(ended.result())


def _expire(waiting: asyncio.Future[Outcome]) -> None:
    if not waiting.done():
        waiting.set_exception(TimeoutError())


class Service:
    """LeadFlow as an HTTP API asks it. Safe to use from several threads."""

    def __init__(self, app: App, send: Send, operating: Operating | None = None) -> None:
        """`send` has a request decided; its future ends with the outcome. `operating` is the process's."""
        self.app = app
        self.operating = operating or Operating("api")
        app.database.serve(CONNECTIONS_MAX, CONNECTION_WAIT_S)
        self._send = send
        self.fresh = Freshness(app.database, app.hurry)
        self.under_way = UnderWay()
        self.stopping = threading.Event()
        """Set when the process is about to end: streams that never end by themselves must look at it."""
        self.readers: dict[tuple[str, str | None, str], ArrivalReader] = {}
        """By channel, campaign and door: readers of arrivals, which know their columns."""
        self.forget_callers()
        self._landing = Landing()
        self._guard = threading.Lock()
        self._reception: Reception | None = None
        self.feeds = Feeds(app, self.stopping)
        """The facts of pools as they come."""
        means = Means(self.submit_all, app.dead_letters, app.pool_state, self.stopping, app.attribution)
        self._wait_min = 0.0 if app.settings.kafka else UNHELD_WAIT_S
        self.uploads = Uploads(app.database, means)
        """Files of leads that were uploaded."""

    @property
    def reception(self) -> Reception:
        """What knows pools, routing and inlets, as they were a moment ago."""
        with self._guard:
            if self._reception is None:
                self._reception = Reception(self.app)
            return self._reception

    def forget(self) -> None:
        """Pools or routing have changed: they are looked up again before the next arrival."""
        self._reception = None

    def forget_callers(self) -> None:
        """Accounts or tokens have changed: whoever calls is looked up anew."""
        self.callers = Remembered[tuple[str, str | None], Caller](KNOWN_S)
        """By token and the role that it is used in."""

    def send(self, request: Request) -> Future[Outcome]:
        """Have a request decided, together with those that wait. Raises Unavailable while too many do."""
        if self.stopping.is_set():
            raise Unavailable("the service is stopping", do="Send the request again in a moment.")
        future = self._send(request)
        future.add_done_callback(self._noted)
        return future

    def _noted(self, future: Future[Outcome]) -> None:
        if not future.cancelled() and future.exception() is None:
            self.fresh.wrote(future.result())

    def decide(self, request: Request, wait_s: float) -> Outcome:
        """The outcome of a request, decided within the time given; for threads.

        Raises Undecided where it was sent for certain and is not decided by then, Unavailable where that is
        unknown, and what keeps it from being decided.
        """
        future = self.send(request)
        try:
            outcome = future.result(timeout=max(wait_s, self._wait_min))
        except (TimeoutError, Unavailable) as late:
            raise self._late(request, late) from late
        outcome.facts()
        return outcome

    async def decided(self, request: Request, wait_s: float) -> Outcome:
        """As `decide`, for the event loop."""
        try:
            outcome = await self._landing.of(self.send(request), max(wait_s, self._wait_min))
        except (TimeoutError, Unavailable) as late:
            raise self._late(request, late) from late
        outcome.facts()
        return outcome

    def submit(self, requests: Sequence[Request]) -> list[Outcome]:
        """The outcomes of many requests, in their order. Raises Unavailable."""
        futures = [self.send(request) for request in requests]
        return [future.result() for future in futures]

    def submit_all(self, batches: Iterable[Sequence[Request]]) -> Iterator[list[Outcome]]:
        """The same of batches, one after the other."""
        return map(self.submit, batches)

    def _late(self, request: Request, late: Exception) -> LeadflowError:
        if request in self.under_way:
            return Undecided(request)
        if isinstance(late, Unavailable):
            return late
        return Unavailable("the request was not decided in time", do=SEND_AGAIN)


class _Through:
    """What a group commit hands requests to where no engine runs in this process."""

    position = 0

    def __init__(self, app: App, under_way: UnderWay) -> None:
        self._app = app
        self._under_way = under_way

    def submit(self, requests: Sequence[Request]) -> list[Outcome]:
        """Have requests decided; one that the log does not take hinders no other. Raises Unavailable."""
        try:
            outcomes = self._app.submit(requests)
        except Unavailable:
            raise
        except LeadflowError as error:
            if len(requests) == 1:
                return [Outcome(requests[0], error=error)]
            return [self.submit([request])[0] for request in requests]
        self._under_way.decided(requests)
        return outcomes


class Looking:
    """Looks whether the parts answer without which nothing does, and tells what has changed."""

    def __init__(self, app: App, operating: Operating, say: Callable[[str], None]) -> None:
        """`say` is told in a sentence what is away, and what is back."""
        self._app = app
        self._operating = operating
        self._say = say
        self._away: set[str] = set()

    def __call__(self) -> None:
        """Look once."""
        for part, reach in ((DATABASE, self._database), (KAFKA, self._app.decisions.reach)):
            self._part(part, reach)
            self._operating.stepped(part)  # Of one that is waited for without end, it is the oldest.

    def _database(self) -> None:
        with self._app.database.connection() as connection:
            connection.execute("SELECT 1")

    def _part(self, part: str, reach: Callable[[], None]) -> None:
        try:
            reach()
        except LeadflowError as error:
            self._operating.fails(part, error.what)
            if part not in self._away:
                told = error.what.removeprefix(f"the {part} is away: ")
                self._say(f"{part.capitalize()} is away: {told}. What needs it gets 503 until it is back.")
                self._away.add(part)
            return
        self._operating.works(part)
        if part in self._away:
            self._away.discard(part)
            self._say(f"{part.capitalize()} is back.")


@contextmanager
def open_service(app: App, operating: Operating | None = None) -> Iterator[Service]:
    """A service of its own process, until the block ends; then what waits is decided first. `operating` is
    told what happens.
    """
    operating = operating or Operating("api")
    under_way = UnderWay()
    app.decisions.on_sent(under_way.sent)
    commits = GroupCommit(_Through(app, under_way), operating)
    stop = threading.Event()
    service = Service(app, commits.send, operating)
    service.under_way = under_way
    keeper: threading.Thread | None = None
    try:
        if isinstance(app.decisions, Here):
            app.projections.start()
            keeper = threading.Thread(target=_keep, args=(app, app.decisions, stop, operating), name="keeper")
            keeper.start()
        yield service
    finally:
        service.stopping.set()
        commits.close()
        stop.set()
        if keeper is not None:
            keeper.join()


def _keep(app: App, here: Here, stop: threading.Event, operating: Operating) -> None:
    """Look after deadlines and read models as long as no engine runs in the data directory."""
    told = ""
    while not stop.is_set():
        try:
            app.log.wait(KEEP_S)
            if not HandoverClient.reachable(app.home):
                here.engine.tick()
                app.projections.catch_up()
            told = ""
            operating.works(READ_MODELS)
        except Exception as error:
            known = isinstance(error, LeadflowError)
            what = str(error) if known else f"a bug: {type(error).__name__}"
            if what != told:
                log_.error("the read models are not kept up", problem=what, exc_info=not known)
            told = what
            operating.fails(READ_MODELS, what)
            stop.wait(RETRY_S)
