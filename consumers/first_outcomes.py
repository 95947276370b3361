"""What became of requests that were decided before: found by the projection, else by folding the log."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import NamedTuple

from leadflow.domain.decide import payload_of
from leadflow.domain.events import Event
from leadflow.domain.pool import Stream
from leadflow.domain.requests import Request
from leadflow.errors import BrokenInvariant
from leadflow.log.envelope import decode
from leadflow.log.reading import Log
from leadflow.postgres import Database

SINGLE_MAX = 20
"""Up to so many decisions are looked for one by one; for more, the log is read from the first to the last."""

_KNOWN = b"""SELECT o.pool, o.identity, o.position, o.first_sequence, o.last_sequence
FROM read.outcomes AS o JOIN unnest(%s::text[], %s::text[]) AS asked(pool, identity) USING (pool, identity)"""


class _Place(NamedTuple):
    pool: str
    identity: str
    position: int
    first: int
    last: int


class FirstOutcomes:
    """First outcomes of requests, by identity."""

    def __init__(self, database: Database, log: Log, stream: Callable[[str], Stream]) -> None:
        """`stream` gives the present state of a pool, folded from the log."""
        self._database = database
        self._log = log
        self._stream = stream
        self._projected = False

    def known(self, requests: Sequence[Request]) -> dict[tuple[str, str], tuple[Event, ...]]:
        """By pool and identity, the facts of those that the projection knows. Raises Unavailable."""
        by_pool: dict[str, list[_Place]] = {}
        for place in self._places(requests):
            by_pool.setdefault(place.pool, []).append(place)
        found: dict[tuple[str, str], tuple[Event, ...]] = {}
        for pool, places in by_pool.items():
            events = self._events(pool, places)
            for one in places:
                decision = tuple(events[at] for at in range(one.first, one.last + 1) if at in events)
                if len(decision) > one.last - one.first:
                    found[pool, one.identity] = decision
        return found

    def folded(self, request: Request) -> tuple[Event, ...]:
        """The facts of a request that was decided before, by the pool's own memory. Raises LeadflowError."""
        stream = self._stream(request.pool)
        first = stream.outcome_sequence(request.identity, payload_of(request))
        document = self._log.document(request.pool, first) if first is not None else None
        if first is None or document is None:
            raise BrokenInvariant(
                f"the decider has taken request {request.identity}, and the log has nothing of it",
                where=self._log.where,
                do="Run `leadflow log verify`.",
            )
        event = decode(document)
        rest = range(first + 1, first + event.fact_count)
        documents = self._log.documents(request.pool, rest)
        return (event, *(decode(documents[at]) for at in rest))

    def _places(self, requests: Sequence[Request]) -> list[_Place]:
        with self._database.connection() as connection:
            if not self._projected:
                found = connection.execute("SELECT to_regclass('read.outcomes') IS NOT NULL").fetchone()
                self._projected = found == (True,)
                if not self._projected:
                    return []
            asked = [one.pool for one in requests], [one.identity for one in requests]
            return [_Place(*row) for row in connection.execute(_KNOWN, asked)]

    def _events(self, pool: str, places: Sequence[_Place]) -> dict[int, Event]:
        wanted = {
            sequence: one.position + sequence - one.first
            for one in places
            for sequence in range(one.first, one.last + 1)
        }
        if len(places) <= SINGLE_MAX:
            documents = self._log.documents(pool, list(wanted), list(wanted.values()))
            return {sequence: decode(document) for sequence, document in documents.items()}
        return dict(self._between(pool, wanted))

    def _between(self, pool: str, wanted: dict[int, int]) -> Iterator[tuple[int, Event]]:
        first, last = min(wanted.values()), max(wanted.values())
        facts = self._log.read_partition(self._log.partition_of(pool), first - 1)
        with closing(facts):  # type: ignore[type-var]
            for position, _, stored in facts:
                if str(stored.originator_id) == pool and stored.originator_version in wanted:
                    yield stored.originator_version, decode(stored.state)
                if position >= last:
                    return
