"""What becomes of what comes to an inlet: a request to a pool, a dead letter, or a test that is counted.

Nothing here waits for anything: whoever calls it fetches, sends and writes, in its own way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from dataclasses import replace as with_

from leadflow.domain.requests import Request, SubmitIntake, intake_request
from leadflow.domain.routing import RoutingTable, route
from leadflow.engine import Outcome
from leadflow.errors import LeadflowError, Unavailable
from leadflow.incoming.importing import unreadable
from leadflow.intake.arrivals import Arrival
from leadflow.intake.channels.base import Inlet, Result, Sent
from leadflow.intake.channels.kinds import InletReader
from leadflow.intake.problems import Problem
from leadflow.records import Arrival as Letter
from leadflow.views.refusals import refusal_text

NO_PLACE = frozenset({"no_pool", "unknown_pool", "unknown_channel"})
"""Problems of an arrival that has no pool to go to."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where arrivals can go: the pools with the channels of their policies, and the routing table."""

    channels: Mapping[str, frozenset[str]]
    table: RoutingTable | None = None

    def of(self, inlet: Inlet, body: SubmitIntake) -> str | Problem:
        """The pool of an arrival: the inlet's own, what the routing table says, or the only one.

        A problem where there is none, or where its policy does not declare the inlet's channel.
        """
        if inlet.pool is not None:
            pool = inlet.pool
        elif self.table is not None:
            pool = route(self.table, body.touch, body.company.region, body.company.industry)
        elif len(self.channels) == 1:
            pool = next(iter(self.channels))
        else:
            return Problem("pool", "no_pool", "is not named by the inlet, and there is no routing table")
        if pool not in self.channels:
            return Problem("pool", "unknown_pool", f"{pool} does not exist")
        if inlet.channel not in self.channels[pool]:
            message = f"{inlet.channel} is not declared in the policy of pool {pool}"
            return Problem("channel", "unknown_channel", message)
        return pool


@dataclass(frozen=True, slots=True)
class Received:
    """One arrival: either a request that is to be decided, or a letter that is to be kept, or a test."""

    sent: Sent
    arrival: Arrival
    request: Request | None = None
    letter: Letter | None = None
    result: Result | None = None
    """What it became; None until its request is decided."""

    @property
    def misplaced(self) -> bool:
        """Whether nothing but where it should go keeps it from being a request."""
        found = self.result.problems if self.result is not None else ()
        return any(problem.code in NO_PLACE for problem in found)


def received(reader: InletReader, sent: Sent, places: Places) -> Received:
    """What is to be done with one arrival."""
    inlet = reader.inlet
    found = reader.incoming(sent)
    arrival = found.arrival
    if sent.test:
        return Received(sent, arrival, result=Result("test"))
    if sent.suspect is not None:
        return kept(reader, sent, arrival, sent.suspect)
    if arrival.body is None:
        letter = _letter(reader, sent, arrival, inlet.pool)
        return Received(sent, arrival, letter=letter, result=Result("unreadable", problems=arrival.problems))
    pool = places.of(inlet, arrival.body)
    if isinstance(pool, Problem):
        return kept(reader, sent, arrival, pool)
    return Received(sent, arrival, request=intake_request(pool, actor_of(inlet), arrival.body))


def kept(reader: InletReader, sent: Sent, arrival: Arrival, problem: Problem) -> Received:
    """An arrival that could be read and is kept as a dead letter all the same, with the reason."""
    lost = with_(arrival, problems=(problem,))
    letter = _letter(reader, sent, lost, reader.inlet.pool)
    return Received(sent, arrival, letter=letter, result=Result("kept", problems=(problem,)))


def not_fetched(reader: InletReader, sent: Sent, why: str) -> Received:
    """An arrival of ids only whose fields could not be had: its ids are kept."""
    problem = Problem("leadgen_id", "not_fetched", f"could not be fetched: {why}")
    arrival = Arrival(None, (problem,), sent.ref or "")
    return kept(reader, sent, arrival, problem)


def decided(reader: InletReader, one: Received, outcome: Outcome | LeadflowError) -> Received:
    """What an arrival became, by its outcome or by what kept it from having one.

    Raises Unavailable: then what it became is not known, and it may be sent again.
    """
    error = outcome if isinstance(outcome, LeadflowError) else outcome.error
    if isinstance(error, Unavailable):
        raise error
    if error is not None:
        return kept(reader, one.sent, one.arrival, Problem("arrival", "undecidable", error.what))
    assert isinstance(outcome, Outcome)
    if outcome.refusal is not None:
        why = refusal_text(outcome.refusal, outcome.events[0])
        return kept(reader, one.sent, one.arrival, Problem("arrival", outcome.refusal.reason, why))
    answer = {"created": "created", "merged": "merged"}.get(outcome.answer, "duplicate")
    lead = outcome.events[0].subject if outcome.events else None
    return with_(one, result=Result(answer, lead, one.arrival.problems))  # type: ignore[arg-type]


def undecided(one: Received) -> Received:
    """An arrival that stands in the log for certain and has no outcome yet."""
    return with_(one, result=Result("accepted"))


def actor_of(inlet: Inlet) -> str:
    """In whose name an inlet sends."""
    return f"adapter/{inlet.id}"


def results(all_received: Sequence[Received]) -> list[Result]:
    """What became of each arrival, in the order of the call."""
    return [one.result or Result("kept") for one in all_received]


def _letter(reader: InletReader, sent: Sent, arrival: Arrival, pool: str | None) -> Letter:
    inlet = reader.inlet
    letter = unreadable(
        sent.document,
        arrival,
        channel=inlet.channel,
        campaign=inlet.campaign,
        door=reader.kind.door,
        pool=pool,
    )
    return with_(letter, inlet=inlet.id)
