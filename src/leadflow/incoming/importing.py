"""Arrivals on their way into the log: rows of a file, single arrivals, dead letters sent again.

An arrival goes to the pool that is named, else to the one that the company's routing table says, else to
the only pool there is. What cannot be read is kept as a dead letter; everything else becomes a request,
decided in batches, each durable at once.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Literal

from leadflow.domain.pool import Pool
from leadflow.domain.requests import Request, SubmitIntake, intake_request
from leadflow.domain.routing import RoutingTable, route
from leadflow.engine import Outcome
from leadflow.errors import UsageError
from leadflow.incoming.batching import seldom_collected
from leadflow.intake.arrivals import Arrival
from leadflow.intake.files import ArrivalFile, Incoming
from leadflow.records import Arrival as Unreadable
from leadflow.records import DeadLetters

BATCH_ROWS = 500
"""Rows that are decided and appended together."""
PROBLEMS_MAX = 10_000
"""Problems that a report lists; those beyond are counted."""
Answer = Literal["created", "merged", "duplicate", "unreadable"]
SubmitAll = Callable[[Iterable[Sequence[Request]]], Iterator[list[Outcome]]]
"""Has batches of requests decided in their order, giving the outcomes of each."""
Progress = Callable[[int], None]
"""Called with how many rows are done."""


@dataclass(frozen=True)
class Destination:
    """Which pool an arrival belongs to."""

    pool: str | None = None
    table: RoutingTable | None = None

    @property
    def pools(self) -> list[str]:
        """Every pool that an arrival may go to."""
        if self.pool is not None:
            return [self.pool]
        assert self.table is not None
        return list(dict.fromkeys([*(row.pool for row in self.table.routes), self.table.default]))

    def of(self, body: SubmitIntake) -> str:
        """The pool of this arrival."""
        if self.pool is not None:
            return self.pool
        assert self.table is not None
        return route(self.table, body.touch, body.company.region, body.company.industry)


def destination(named: str | None, table: RoutingTable | None, pools: Sequence[str]) -> Destination:
    """Where arrivals go, by what was named, the routing table, and the pools that there are.

    Raises UsageError where nothing says so, or what says so names a pool that does not exist.
    """
    if named is not None or table is None:
        if named is None and len(pools) != 1:
            raise UsageError(
                f"there are several pools ({', '.join(pools)}) and no routing table"
                if pools
                else "there is no pool yet",
                do="Say which with `--pool ID`, or publish a table with `leadflow routing publish`."
                if pools
                else "Open one: `leadflow pool open ID`.",
            )
        found = Destination(pool=named or pools[0])
    else:
        found = Destination(table=table)
    missing = [pool for pool in found.pools if pool not in pools]
    if missing:
        known = f"There are: {', '.join(pools)}." if pools else "There is none yet."
        what = "the routing table names pools that do not exist" if found.pool is None else "there is no pool"
        raise UsageError(f"{what}: {', '.join(missing)}", do=f"{known} Open it with `leadflow pool open`.")
    return found


def check_channel(channel: str, declared: dict[str, Iterable[str]]) -> None:
    """Raise UsageError if no pool (by id, with its channels) has declared this channel."""
    if not any(channel in channels for channels in declared.values()):
        names = sorted({name for channels in declared.values() for name in channels})
        pools = ", ".join(declared)
        raise UsageError(
            f"the channel {channel!r} is not declared in the policy of pool {pools}",
            do=f"Declared are: {', '.join(names) or 'none'}. Add it under [channels] and publish the policy.",
        )


@dataclass
class Report:
    """What became of the rows of a file."""

    file: str
    channel: str
    campaign: str | None
    dry_run: bool
    rows: int = 0
    created: int = 0
    merged: int = 0
    duplicate: int = 0
    unreadable: int = 0
    by_pool: dict[str, int] = field(default_factory=dict)
    problems: list[dict[str, Any]] = field(default_factory=list)
    """By row and field; of unreadable rows, and notes on rows that were taken."""
    problems_left_out: int = 0
    mapping: dict[str, Any] = field(default_factory=dict)
    would_be: list[dict[str, Any]] | None = None
    """Of a dry run: the answer that each row would get."""
    seconds: float = 0.0

    def count(self, answer: str, pool: str | None = None) -> None:
        """One more row with this answer."""
        setattr(self, answer, getattr(self, answer) + 1)
        if pool is not None and answer != "unreadable":
            self.by_pool[pool] = self.by_pool.get(pool, 0) + 1

    def note(self, incoming: Incoming) -> None:
        """Keep the problems of a row."""
        for problem in incoming.arrival.problems:
            if len(self.problems) >= PROBLEMS_MAX:
                self.problems_left_out += 1
                continue
            where: dict[str, Any] = {"row": incoming.row}
            if incoming.sheet is not None:
                where["sheet"] = incoming.sheet
            taken = {"unreadable": incoming.arrival.body is None}
            self.problems.append(where | asdict(problem) | taken)


def reason_of(arrival: Arrival) -> str:
    """In one sentence, why an arrival could not be read; never its values."""
    return "; ".join(f"{problem.field} {problem.message}" for problem in arrival.problems)


def unreadable(
    original: Any, arrival: Arrival, *, channel: str, campaign: str | None, door: str, pool: str | None
) -> Unreadable:
    """An arrival that could not be read, as dead letters keep it."""
    return Unreadable(
        original=original,
        problems=[asdict(problem) for problem in arrival.problems],
        reason=reason_of(arrival),
        seen_at=datetime.now(UTC),
        pool=pool,
        channel=channel,
        ref=arrival.ref or None,
        campaign=campaign,
        door=door,
    )


@seldom_collected()
def import_file(
    file: ArrivalFile,
    to: Destination,
    actor: str,
    submit_all: SubmitAll,
    dead_letters: DeadLetters,
    progress: Progress | None = None,
    *,
    occurred_at: datetime | None = None,
    report: Report | None = None,
) -> Report:
    """Have every row of a file decided; each batch is durable before its outcomes are counted.

    `occurred_at` is for touches that do not say when they happened; `report` is filled where it is given,
    so that others can look at it meanwhile. Whatever ends the import in the
    middle, importing the file again completes it without a duplicate. Raises what keeps a request from
    being decided.
    """
    report = report or _report(file, dry_run=False)
    began = time.perf_counter()
    for outcomes in submit_all(_requests(file, to, actor, dead_letters, report, occurred_at)):
        for outcome in outcomes:
            outcome.facts()
            if outcome.refusal is not None:
                # Whether the actor may submit was asked before; a rule that changed meanwhile ends it.
                raise UsageError(f"row refused: {outcome.refusal.reason}", where=outcome.events[0].id)
            report.count(outcome.answer, outcome.request.pool)
        if progress:
            progress(report.rows)
    report.mapping = file.report()
    report.seconds = time.perf_counter() - began
    return report


def _requests(
    file: ArrivalFile,
    to: Destination,
    actor: str,
    dead_letters: DeadLetters,
    report: Report,
    occurred_at: datetime | None,
) -> Iterator[list[Request]]:
    """The file's readable rows as requests, batch by batch; the others are kept and counted."""
    for batch in _batches(file):
        requests: list[Request] = []
        lost: list[Unreadable] = []
        for incoming in batch:
            report.rows += 1
            arrival = incoming.arrival
            if arrival.problems:
                report.note(incoming)
            if arrival.body is None:
                report.count("unreadable")
                lost.append(_kept(file, incoming, to))
            else:
                body = dated(arrival.body, occurred_at)
                requests.append(intake_request(to.of(body), actor, body))
        if lost:
            dead_letters.add_all(lost)
        yield requests


def dated(body: SubmitIntake, occurred_at: datetime | None) -> SubmitIntake:
    """The arrival, happened then unless it says itself when."""
    if occurred_at is None or body.touch.occurred_at is not None:
        return body
    touch = body.touch.model_copy(update={"occurred_at": occurred_at})
    return body.model_copy(update={"touch": touch})


def _report(file: ArrivalFile, *, dry_run: bool) -> Report:
    reader = file.reader
    return Report(str(file.path), reader.channel, reader.campaign, dry_run)


def _kept(file: ArrivalFile, incoming: Incoming, to: Destination) -> Unreadable:
    reader = file.reader
    return unreadable(
        incoming.payload(),
        incoming.arrival,
        channel=reader.channel,
        campaign=reader.campaign,
        door=reader.door,
        pool=to.pool,
    )


def _batches(file: ArrivalFile) -> Iterator[list[Incoming]]:
    rows = iter(file)
    while batch := list(islice(rows, BATCH_ROWS)):
        yield batch


# --- trying without doing -------------------------------------------------------------------


class Rehearsal:
    """What arrivals would be answered, by the pool's own memory and what came before in this run.

    The pool is only read; nothing reaches the log.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._requests: set[str] = set()
        self._contacts: dict[bytes, str] = {}

    def answer(self, request: Request, body: SubmitIntake) -> tuple[Answer, str | None]:
        """The answer, and the known lead that the arrival belongs to, if there is one."""
        identity = request.identity
        if identity in self._requests or self._pool.first_decided(identity) is not None:
            return "duplicate", None
        self._requests.add(identity)
        keys = [key for _, key in self._pool.contact_keys(body.person)]
        known = next((lead for key in keys if (lead := self._lead_of(key)) is not None), None)
        for key in keys:
            if self._lead_of(key) is None:
                self._contacts[key] = known or ""
        return ("created", None) if known is None else ("merged", known or None)

    def _lead_of(self, key: bytes) -> str | None:
        lead = self._pool.contacts.get(key)
        return lead.id if lead is not None else self._contacts.get(key)


@seldom_collected()
def rehearse_file(
    file: ArrivalFile,
    to: Destination,
    actor: str,
    pool_of: Callable[[str], Pool],
    progress: Progress | None = None,
    report: Report | None = None,
) -> Report:
    """What importing the file would do. Nothing is written anywhere. A `report` that is given is filled as it
    is: each row's answer is listed where it has a list for them."""
    if report is None:
        report = _report(file, dry_run=True)
        report.would_be = []
    began = time.perf_counter()
    rehearsals = {pool: Rehearsal(pool_of(pool)) for pool in to.pools}
    for incoming in file:
        report.rows += 1
        body = incoming.arrival.body
        line: dict[str, Any] = {"row": incoming.row}
        if incoming.sheet is not None:
            line["sheet"] = incoming.sheet
        if incoming.arrival.problems:
            report.note(incoming)
        if body is None:
            report.count("unreadable")
            if report.would_be is not None:
                report.would_be.append(line | {"answer": "unreadable"})
        else:
            pool = to.of(body)
            answer, lead = rehearsals[pool].answer(intake_request(pool, actor, body), body)
            report.count(answer, pool)
            if report.would_be is not None:
                would = line | {"answer": answer, "pool": pool}
                report.would_be.append(would | ({"lead": lead} if lead else {}))
        if progress and report.rows % BATCH_ROWS == 0:
            progress(report.rows)
    report.mapping = file.report()
    report.seconds = time.perf_counter() - began
    return report


def counted(problems: Iterable[dict[str, Any]]) -> list[tuple[str, str, int]]:
    """Problems by field and message, the most frequent first: for people."""
    counts = Counter((problem["field"], problem["message"]) for problem in problems)
    return [(name, message, count) for (name, message), count in counts.most_common()]
