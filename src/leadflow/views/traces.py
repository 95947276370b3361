"""Reading traces from the log and the read models, for those who may see a lead's history."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from leadflow.domain.events import DealRecorded, DealReversed
from leadflow.log.envelope import decode_full, hash_of
from leadflow.log.reading import Log
from leadflow.postgres import Database
from leadflow.views.leads import LeadView, Views
from leadflow.views.sentences import When
from leadflow.views.tracing import Line, Seen, Trace, line_of, trace, while_protected
from projections import queries
from projections.queries import Row

_OF_DEALS = (DealRecorded.TYPE, DealReversed.TYPE)


class KnownDeal(NamedTuple):
    """A deal as it was recorded."""

    fact: DealRecorded
    counts: bool
    """Whether it was not reversed."""


class Traces:
    """Traces of leads, for those who may see their history."""

    def __init__(self, log: Log, database: Database, views: Views) -> None:
        self._log = log
        self._database = database
        self._views = views

    def of(self, actor: str, pool: str, reference: str, at: datetime | None = None) -> tuple[LeadView, Trace]:
        """A lead as the actor may see it, and its trace; facts of other pools that it was in come along
        where the actor may see these pools' history.

        Raises NotFound, UsageError and NotPermitted as `Views.history` does.
        """
        lead, _ = self._views.history(actor, pool, reference)
        may = self._views.may
        pools = [name for name in self._views.pools() if name == pool or may("history", actor, name)]
        found = queries.trace(self._database, lead.lead, at, pools)
        rows = queries.trace(self._database, lead.lead, None, pools).timeline
        seen = list(self._seen(rows))
        made = trace(pool, lead.lead, seen, self._when(pool), at=at, reasons=not lead.masked)
        made.owner_then = found.owner
        return lead, made

    def history(
        self, actor: str, pool: str, reference: str, after: int = 0, limit: int | None = None
    ) -> list[Line]:
        """The facts of a lead in this pool after a sequence, oldest first, at most so many.

        Raises as `of`.
        """
        lead, rows = self._views.history(actor, pool, reference)
        wanted = [row for row in rows if row["sequence"] > after][:limit]
        when = self._when(pool)
        protected = while_protected((f"{pool}/{row['sequence']}", row["type"]) for row in rows)
        return [
            line_of(one, when, reasons=not lead.masked, protected=one.event.id in protected)
            for one in self._seen(wanted)
        ]

    def deals(self, actor: str, pool: str, reference: str) -> dict[int, KnownDeal]:
        """The deals of a lead, by the sequence of the fact, oldest first. Raises as `of`."""
        _, rows = self._views.history(actor, pool, reference)
        found: dict[int, KnownDeal] = {}
        for one in self._seen([row for row in rows if row["type"] in _OF_DEALS]):
            fact = one.event.data
            if isinstance(fact, DealRecorded):
                found[one.event.sequence] = KnownDeal(fact, counts=True)
            elif isinstance(fact, DealReversed):
                found[fact.recorded_sequence] = found[fact.recorded_sequence]._replace(counts=False)
        return found

    def _when(self, pool: str) -> When:
        local = self._views.pool(pool).local

        def when(moment: datetime | None) -> str:
            return "" if moment is None else f"{local(moment):%Y-%m-%d %H:%M:%S}"

        return when

    def _seen(self, rows: Sequence[Row]) -> Iterator[Seen]:
        documents = {}
        for pool in {row["pool"] for row in rows}:
            own = [row for row in rows if row["pool"] == pool]
            sequences, positions = [row["sequence"] for row in own], [row["position"] for row in own]
            documents[pool] = self._log.documents(pool, sequences, positions)
        for row in rows:
            document = documents[row["pool"]][row["sequence"]]
            event, prevhash = decode_full(document)
            yield Seen(event, row["position"], row["known_at"], hash_of(document), prevhash)
