"""A rerun as people read it: each figure as it was and as it would have been."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from leadflow.rerunning.rerun import Rerun
from leadflow.rerunning.tally import CLOSED, CUSTOMER, PRIVATE, PUBLIC, QUEUE, RepTally, Tally

_MODES = {
    "rotation": "assigned by rotation",
    "directed": "directed to a rep",
    "timeout": "assigned after nobody claimed",
    "manual": "assigned by hand",
    "queue": "put into a queue",
}


@dataclass(frozen=True)
class Figure:
    """One figure. Waits are in hours; revenue in the currency that its name says."""

    name: str
    was: Decimal | int | None
    would: Decimal | int | None

    @property
    def difference(self) -> Decimal | int | None:
        """How much more it would have been."""
        return None if self.was is None or self.would is None else self.would - self.was


@dataclass(frozen=True)
class RepFigures:
    """A rep as it was and as it would have been."""

    rep: str
    was: RepTally
    would: RepTally


@dataclass(frozen=True)
class Moved:
    """A lead that would have gone to somebody else first."""

    lead: str
    was: str | None
    would: str | None


@dataclass(frozen=True)
class Comparison:
    """What happened in a pool, beside what would have happened."""

    pool: str
    from_time: datetime | None
    to_time: datetime | None
    facts_were: int
    facts_would: int
    differs_at: str | None
    """The first fact that was not decided again as it stands in the log; None if all were."""
    figures: tuple[Figure, ...]
    reps: tuple[RepFigures, ...]
    first_owner_differs: int
    """Leads that came in the time and would have gone to somebody else first, or to nobody."""
    last_owner_differs: int
    """Leads and customers that would have somebody else, or nobody, at the end."""
    moved: tuple[Moved, ...]
    """Some of those whose first owner differs, in the order of their ids."""
    not_done: dict[str, int]
    """Work that was done and could not have been, by request and reason."""
    refused_anyway: int
    """Refused requests that no policy would let pass; they are not asked again either."""
    not_asked: dict[str, int]
    """Refused requests that the log does not keep whole, by name."""


def compare(pool: str, found: Rerun, moved_max: int = 10) -> Comparison:
    """The two histories of a rerun, side by side; names at most so many leads that moved."""
    was, would = found.was, found.would
    first = _differing(was.first, would.first)
    return Comparison(
        pool=pool,
        from_time=found.from_time,
        to_time=found.to_time,
        facts_were=found.facts_were,
        facts_would=found.facts_would,
        differs_at=found.differs_at,
        figures=tuple(_figures(was, would)),
        reps=tuple(
            RepFigures(rep, was.reps.get(rep, RepTally()), would.reps.get(rep, RepTally()))
            for rep in sorted(was.reps.keys() | would.reps.keys())
        ),
        first_owner_differs=len(first),
        last_owner_differs=len(_differing(was.owner, would.owner)),
        moved=tuple(Moved(lead, was.first.get(lead), would.first.get(lead)) for lead in first[:moved_max]),
        not_done=dict(sorted(found.not_done.items())),
        refused_anyway=found.refused_anyway,
        not_asked=dict(sorted(found.not_asked.items())),
    )


def _differing(was: dict[str, str], would: dict[str, str]) -> list[str]:
    return sorted(lead for lead in was.keys() | would.keys() if was.get(lead) != would.get(lead))


def _figures(was: Tally, would: Tally) -> list[Figure]:
    def figure(name: str, of: str) -> Figure:
        return Figure(name, getattr(was, of), getattr(would, of))

    def counted(of: str, names: dict[str, str] | None = None, prefix: str = "") -> list[Figure]:
        mine, theirs = getattr(was, of), getattr(would, of)
        kinds = list(names or sorted(mine.keys() | theirs.keys()))
        return [
            Figure((names or {}).get(kind, f"{prefix}{kind}"), mine[kind], theirs[kind])
            for kind in kinds
            if mine[kind] or theirs[kind]
        ]

    return [
        figure("leads that came", "leads"),
        Figure("of them found an owner", len(was.first), len(would.first)),
        Figure("hours to the first owner, median", _hours(was.wait(0.5)), _hours(would.wait(0.5))),
        Figure("hours to the first owner, nine of ten", _hours(was.wait(0.9)), _hours(would.wait(0.9))),
        *counted("assigned", _MODES),
        *counted("failed", prefix="not assigned: "),
        figure("claims", "claims"),
        *counted("refused", prefix="claim refused: "),
        figure("handed over", "handed_over"),
        figure("warnings", "warned"),
        *counted("recycled", prefix="recycled: "),
        figure("contacts", "contacts"),
        figure("converted", "converted"),
        figure("deals", "deals"),
        *counted("revenue", prefix="revenue "),
        figure("disqualified", "disqualified"),
        *(
            Figure(f"at the end {name}", was.now(state), would.now(state))
            for state, name in (
                (PUBLIC, "in the public pool"),
                (QUEUE, "in queues"),
                (PRIVATE, "with reps"),
                (CUSTOMER, "customers"),
                (CLOSED, "disqualified"),
            )
        ),
    ]


def _hours(wait: timedelta | None) -> Decimal | None:
    return None if wait is None else Decimal(wait // timedelta(seconds=36)) / 100
