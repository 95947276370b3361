"""How far leads came (`funnel_report`), and what each rep did and got (`reps_report`)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from projections.base import Row
from projections.channels import COUNTS
from projections.reports import within
from projections.sources import Source

_ZERO = Decimal(0)
_SHARE_PLACES = Decimal("0.0001")

FUNNEL_STEPS = ("leads", "owned", "contacted", "converted")


@dataclass
class FunnelRow:
    """How far the leads of a pool's days came. `steps` counts; shares are of the leads."""

    pool: str
    steps: dict[str, int]
    shares: dict[str, Decimal | None]
    disqualified: int
    deals: int
    revenue: dict[str, Decimal]


def funnel_report(
    source: Source, first_day: date, last_day: date, pools: Collection[str] | None = None
) -> list[FunnelRow]:
    """Leads captured in the period and how far they came since, per pool and (pool `""`) in all."""
    period = (first_day.isoformat(), last_day.isoformat())
    counts: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    revenue: dict[str, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for day in within(source, "channel_days", period, pools):
        for pool in (day["pool"], ""):
            for name in COUNTS:
                counts[pool][name] += day.get(name) or 0
    for day in within(source, "channel_money", period, pools):
        for pool in (day["pool"], ""):
            counts[pool]["deals"] += day.get("deals") or 0
            if day.get("deals"):
                revenue[pool][day["currency"]] += day["revenue"]
    return [
        FunnelRow(
            pool,
            {step: counted[step] for step in FUNNEL_STEPS},
            {step: _share(counted[step], counted["leads"]) for step in FUNNEL_STEPS},
            counted["disqualified"],
            counted["deals"],
            dict(sorted(revenue[pool].items())),
        )
        for pool, counted in sorted(counts.items(), key=lambda item: (item[0] == "", item[0]))
    ]


def _share(part: int, whole: int) -> Decimal | None:
    return (Decimal(part) / whole).quantize(_SHARE_PLACES, ROUND_HALF_UP) if whole else None


# --- the reps -------------------------------------------------------------------------------


@dataclass
class RotationShare:
    """What a rep got of a group's rotation, and what its weight stood for among those eligible."""

    group: str
    got: int = 0
    expected: Decimal = _ZERO

    @property
    def off(self) -> Decimal:
        """How many leads it got above its share."""
        return self.got - self.expected


@dataclass
class RepRow:
    """What a rep did and got on the period's days."""

    pool: str
    rep: str
    assigned: dict[str, int] = field(default_factory=dict)
    """By mode."""
    claimed: int = 0
    handed_in: int = 0
    handed_on: int = 0
    contacted: int = 0
    converted: int = 0
    disqualified: int = 0
    recycled: dict[str, int] = field(default_factory=dict)
    """By reason."""
    deals: int = 0
    revenue: dict[str, Decimal] = field(default_factory=dict)
    rotations: dict[str, RotationShare] = field(default_factory=dict)


def reps_report(
    source: Source,
    first_day: date,
    last_day: date,
    pools: Collection[str] | None = None,
    reps: Collection[str] | None = None,
) -> list[RepRow]:
    """Each rep's figures, counted on the day on which it happened (unlike the channels', which count on
    the first touch's day)."""
    period = (first_day.isoformat(), last_day.isoformat())
    found: dict[tuple[str, str], RepRow] = {}

    def rows(table: str) -> Iterator[tuple[RepRow, Row]]:
        for day in within(source, table, period, pools):
            if reps is None or day["rep"] in reps:
                key = (day["pool"], day["rep"])
                yield found.setdefault(key, RepRow(*key)), day

    for row, day in rows("rep_days"):
        _add_rep_day(row, day)
    for row, day in rows("rep_money"):
        if not day["deals"]:
            continue
        row.deals += day["deals"]
        row.revenue[day["currency"]] = row.revenue.get(day["currency"], _ZERO) + day["revenue"]
    for row, day in rows("rotation_days"):
        share = row.rotations.setdefault(day["group_name"], RotationShare(day["group_name"]))
        share.got += day["got"]
        share.expected += Decimal(day["expected"]) / 1_000_000
    return [found[key] for key in sorted(found)]


def _add_rep_day(row: RepRow, day: Row) -> None:
    for name, value in day.items():
        if name in ("pool", "rep", "day") or not value:
            continue
        kind, _, rest = name.partition("_")
        if kind == "assigned":
            row.assigned[rest] = row.assigned.get(rest, 0) + value
        elif kind == "recycled":
            row.recycled[rest] = row.recycled.get(rest, 0) + value
        else:
            setattr(row, name, getattr(row, name) + value)
