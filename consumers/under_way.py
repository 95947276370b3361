"""Requests on their way to the deciders, and what comes of them in the log."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence

from leadflow.domain.decide import payload_of
from leadflow.domain.events import Event
from leadflow.domain.requests import Request
from leadflow.errors import Unavailable
from leadflow.log.envelope import decode
from leadflow.log.kafka.reader import PartitionReader
from leadflow.log.kafka.records import Origin, record_of
from leadflow.outcome import Outcome

POLL_MS = 50
REACH_S = 10.0
"""How long what is written may take to become visible."""

Asked = tuple[str, str, str]
"""Pool, identity, payload: a request is one as long as these are the same."""


class Sent:
    """A batch of requests on its way."""

    def __init__(self, requests: Sequence[Request]) -> None:
        self.requests = {asked_of(request): request for request in requests}
        """By what makes them one; one that comes twice in the batch is sent once."""
        self.open: dict[Asked, Origin] = {}
        """Those that have no answer yet, and where they stand in their topic."""
        self.dead_from: dict[int, int] = {}
        """By partition, where dead letters of this batch begin."""
        self._order = [(asked_of(request), request) for request in requests]
        self._answers: dict[Asked, Outcome] = {}

    def answer(self, asked: Asked, outcome: Outcome) -> None:
        """What became of a request."""
        self.open.pop(asked, None)
        self._answers[asked] = outcome

    def unanswered(self) -> list[tuple[Asked, Request]]:
        """Those that nothing is known of."""
        return [(asked, one) for asked, one in self.requests.items() if asked not in self._answers]

    def outcomes(self) -> list[Outcome]:
        """One for each request, in their order."""
        found: list[Outcome] = []
        seen: set[Asked] = set()
        for asked, request in self._order:
            outcome = self._answers[asked]._replace(request=request)
            again = asked in seen and bool(outcome.events)
            found.append(outcome._replace(repeated=True) if again else outcome)
            seen.add(asked)
        return found


class Followed:
    """A partition of the log, read on decision by decision."""

    def __init__(self, reader: PartitionReader, offset: int) -> None:
        self.reader = reader
        self._at = offset
        self._half: list[Event] = []
        """The first facts of a decision whose last ones have not been read yet."""

    def skip_to(self, offset: int) -> None:
        """Go on from here, where nobody waits for what stands before: an end of what could be read."""
        if offset > self._at:
            self._at, self._half = offset, []

    def decisions(self, poll_ms: int) -> Iterator[list[Event]]:
        """What can be read by now, as whole decisions."""
        page, self._at = self.reader.page(self._at, poll_ms=poll_ms)
        for record in page:
            self._half.append(decode(record_of(record).document))
            if self._half[-1].fact_index == self._half[-1].fact_count:
                yield self._half
                self._half = []

    def decisions_until(self, end: int) -> Iterator[list[Event]]:
        """The same up to an offset. Raises Unavailable if it cannot be reached."""
        until = time.monotonic() + REACH_S
        while self._at < end:
            yield from self.decisions(POLL_MS)
            if time.monotonic() > until:
                raise Unavailable("an open transaction holds up reading", where=self.reader.where)


def wanted_by(under_way: Iterable[Sent]) -> dict[Asked, list[Sent]]:
    """Who waits for what, oldest first."""
    found: dict[Asked, list[Sent]] = {}
    for sent in under_way:
        for asked in sent.open:
            found.setdefault(asked, []).append(sent)
    return found


def give(events: Sequence[Event], wanted: Mapping[Asked, Sequence[Sent]]) -> bool:
    """Give a decision to who waits for it: the first has caused it, others have sent the same."""
    first = events[0]
    asked = (first.pool, first.causation, first.digest)
    waiting = [sent for sent in wanted.get(asked, ()) if asked in sent.open]
    for at, sent in enumerate(waiting):
        sent.answer(asked, Outcome(sent.requests[asked], tuple(events), repeated=at > 0))
    return bool(waiting)


def asked_of(request: Request) -> Asked:
    """What makes a request one."""
    return (request.pool, request.identity, payload_of(request))
