"""Reports for those who may see them: from the read models, or as they were at an earlier time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from leadflow.domain.pool import Pool
from leadflow.domain.values import COMPANY_STREAM
from leadflow.errors import NotPermitted
from leadflow.log.reading import Log
from leadflow.postgres import Database
from leadflow.views.leads import ReportScope, Views
from projections import channels, ownership
from projections.asof import fold_until
from projections.base import Projection
from projections.origins import OriginRow, origins_report
from projections.reading import Progress
from projections.reports import ChannelRow, ChannelsReport, MoneyFigures, channels_report, within
from projections.sources import FoldedSource, LiveSource, Source
from projections.team_reports import FunnelRow, RepRow, funnel_report, reps_report

FIRST, LAST = date(1, 1, 1), date(9999, 12, 31)


@dataclass(frozen=True)
class Period:
    """Which days a report counts, and as of when; None does not restrict."""

    first_day: date | None = None
    last_day: date | None = None
    as_of: datetime | None = None

    @property
    def days(self) -> tuple[date, date]:
        """First and last day, both counted."""
        return self.first_day or FIRST, self.last_day or LAST


@dataclass(frozen=True)
class Share:
    """A rep's part of a rotation since the last change of availability in its group."""

    rep: str
    weight: int
    got: int
    share: Decimal
    """What its weight stands for, of the leads for which the same reps were eligible."""

    @property
    def off(self) -> Decimal:
        """Leads above its share; less than one either way."""
        return self.got - self.share


@dataclass(frozen=True)
class Fairness:
    """A group's rotation since the last change, for one set of eligible reps."""

    pool: str
    group: str
    since: datetime
    since_fact: str
    leads: int
    shares: tuple[Share, ...]


@dataclass(frozen=True)
class SpentOn:
    """A figure of spend, and what of it falls on the period's days."""

    channel: str
    campaign: str | None
    first_day: date
    last_day: date
    currency: str
    amount: Decimal
    in_period: Decimal
    """Apportioned to days by largest remainder."""
    units: Decimal | None
    unit: str | None
    fact: str


@dataclass(frozen=True)
class SpendReport:
    """What was spent on a period's days."""

    figures: tuple[SpentOn, ...]
    total: dict[str, Decimal]
    """By currency, of the period's days."""


class Reports:
    """Channels, funnel, reps and spend. What an actor may count is decided by `Views.reports`."""

    def __init__(self, log: Log, database: Database, views: Views) -> None:
        self._log = log
        self._database = database
        self._views = views

    def _scope(self, actor: str, pool: str | None, what: str) -> ReportScope:
        scope = self._views.reports(actor, pool)
        if scope.rep is not None and what != "reps":
            raise NotPermitted(
                f"{actor} may see reports on its own figures only",
                do="`leadflow report reps` shows them; act as a manager with `--as` for the others.",
            )
        return scope

    def _source(
        self, as_of: datetime | None, progress: Progress | None, read: Projection = channels.PROJECTION
    ) -> Source:
        """What a report counts, of the one read model that it reads."""
        if as_of is None:
            return LiveSource(self._database)
        return FoldedSource(fold_until(self._log, (read,), as_of, progress).values())

    def channels(
        self, actor: str, pool: str | None, period: Period, progress: Progress | None = None
    ) -> ChannelsReport:
        """What each channel and campaign cost and brought. Raises NotFound, NotPermitted."""
        scope = self._scope(actor, pool, "channels")
        return channels_report(self._source(period.as_of, progress), *period.days, scope.pools)

    def spend(self, actor: str, period: Period, progress: Progress | None = None) -> SpendReport:
        """Figures of spend that touch the period, in order. Raises NotPermitted."""
        self._scope(actor, None, "spend")
        return spend_report(self._source(period.as_of, progress), period)

    def funnel(
        self, actor: str, pool: str | None, period: Period, progress: Progress | None = None
    ) -> list[FunnelRow]:
        """How far the period's leads came. Raises NotFound, NotPermitted."""
        scope = self._scope(actor, pool, "funnel")
        return funnel_report(self._source(period.as_of, progress), *period.days, scope.pools)

    def origins(
        self, actor: str, pool: str | None, period: Period, progress: Progress | None = None
    ) -> list[OriginRow]:
        """Which search engines and landing pages brought leads. Raises NotFound, NotPermitted."""
        scope = self._scope(actor, pool, "origins")
        return origins_report(self._source(period.as_of, progress), *period.days, scope.pools)

    def reps(
        self, actor: str, pool: str | None, period: Period, progress: Progress | None = None
    ) -> list[RepRow]:
        """What each rep got and did. Raises NotFound, NotPermitted."""
        scope = self._scope(actor, pool, "reps")
        reps = None if scope.rep is None else (scope.rep,)
        source = self._source(period.as_of, progress, ownership.PROJECTION)
        return reps_report(source, *period.days, scope.pools, reps)

    def fairness(self, actor: str, pool: str | None, state: Callable[[str], Pool]) -> list[Fairness]:
        """The rotations of now, since their last change. Raises NotFound, NotPermitted."""
        scope = self._scope(actor, pool, "reps")
        if scope.rep is not None:
            # A colleague's shares are no figures of its own.
            return []
        return [found for name in scope.pools for found in fairness_of(state(name))]


def spend_report(source: Source, period: Period) -> SpendReport:
    """The figures of spend that touch the period, and what of each falls on its days."""
    first, last = (day.isoformat() for day in period.days)
    parts: dict[tuple[str, ...], Decimal] = {}
    total: dict[str, Decimal] = {}
    for row in within(source, "spend_days", (first, last), None):
        key = tuple(row[name] for name in _FIGURE_KEY)
        parts[key] = parts.get(key, Decimal(0)) + row["amount"]
        total[row["currency"]] = total.get(row["currency"], Decimal(0)) + row["amount"]
    figures = [
        SpentOn(
            channel=row["channel"],
            campaign=row["campaign"] or None,
            first_day=date.fromisoformat(row["first_day"]),
            last_day=date.fromisoformat(row["last_day"]),
            currency=row["currency"],
            amount=row["amount"],
            in_period=parts[key],
            units=row["units"],
            unit=row["unit"],
            fact=f"{COMPANY_STREAM}/{row['sequence']}",
        )
        for row in source.rows("spend")
        if (key := tuple(row[name] for name in _FIGURE_KEY)) in parts
    ]
    figures.sort(key=lambda one: (one.channel, one.campaign or "", one.first_day, one.currency))
    return SpendReport(tuple(figures), dict(sorted(total.items())))


_FIGURE_KEY = ("channel", "campaign", "first_day", "last_day", "currency")


def fairness_of(pool: Pool) -> list[Fairness]:
    """What each rep got of each rotation since its last change, beside its weight's share."""
    found = []
    for name, rotation in pool.rotations.items():
        group = pool.policy.groups.get(name)
        if group is None:
            continue
        for eligible, turns in rotation.turns.items():
            leads = sum(turns.had)
            weights = {rep: group.weights.get(rep, 1) for rep in eligible}
            total = sum(weights.values())
            shares = tuple(
                Share(rep, weights[rep], had, Decimal(leads * weights[rep]) / total)
                for rep, had in zip(eligible, turns.had, strict=True)
            )
            fact = f"{pool.id}/{rotation.sequence}"
            found.append(Fairness(pool.id, name, rotation.time, fact, leads, shares))
    return found


__all__ = [
    "ChannelRow",
    "ChannelsReport",
    "Fairness",
    "FunnelRow",
    "MoneyFigures",
    "OriginRow",
    "Period",
    "RepRow",
    "Reports",
    "Share",
    "SpendReport",
    "SpentOn",
]
