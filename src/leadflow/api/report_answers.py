"""What reports answer with."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Any

from pydantic import Field

from leadflow.api import answers
from leadflow.domain.values import UtcTime

_MONEY = {
    "currency": "CNY",
    "spend": "31000.00",
    "touch_costs": "0",
    "cost": "31000.00",
    "deals": 9,
    "revenue": "412000.00",
    "cost_per_lead": "73.81",
    "cost_per_customer": "2583.33",
    "return_on_spend": "13.29",
}
_CHANNEL: dict[str, Any] = {
    "channel": "baidu_ads",
    "campaign": "autumn",
    "touches": 431,
    "leads": 420,
    "owned": 400,
    "assigned": 180,
    "claimed": 220,
    "contacted": 390,
    "converted": 12,
    "disqualified": 31,
    "money": {"CNY": _MONEY},
    "marks": ["touch_costs"],
}
_COUNTS = {"leads": 420, "owned": 400, "contacted": 390, "converted": 12}
_FUNNEL: dict[str, Any] = {
    "pool": "east",
    "steps": _COUNTS,
    "shares": {"leads": "1.0000", "owned": "0.9524", "contacted": "0.9286", "converted": "0.0286"},
    "disqualified": 31,
    "deals": 9,
    "revenue": {"CNY": "412000.00"},
}
_REP: dict[str, Any] = {
    "pool": "east",
    "rep": "wang",
    "assigned": {"rotation": 40, "manual": 2},
    "claimed": 31,
    "handed_in": 1,
    "handed_on": 0,
    "contacted": 66,
    "converted": 4,
    "disqualified": 5,
    "recycled": {"no_first_contact": 2},
    "deals": 3,
    "revenue": {"CNY": "88000.00"},
    "rotations": {"sales": {"group": "sales", "got": 40, "expected": "39.6667", "off": "0.3333"}},
}
_ORIGIN: dict[str, Any] = {
    "referrer_class": "search",
    "search_engine": "baidu",
    "landing_page": "www.example.cn/demo",
    "leads": 31,
    "owned": 30,
    "claimed": 22,
    "contacted": 28,
    "converted": 3,
}
_SHARE = {"rep": "wang", "weight": 2, "got": 7, "share": "6.6667", "off": "0.3333"}
_FAIR: dict[str, Any] = {
    "pool": "east",
    "group": "sales",
    "since": "2026-11-20T01:00:00.000000Z",
    "since_fact": "east/990",
    "leads": 10,
    "shares": [_SHARE],
}
_SPENT = {
    "channel": "baidu_ads",
    "campaign": "autumn",
    "first_day": "2026-10-01",
    "last_day": "2026-10-31",
    "currency": "CNY",
    "amount": "31000.00",
    "in_period": "7000.00",
    "units": None,
    "unit": None,
    "fact": "_company/12",
}


class Money(answers.Answer):
    """A row's money in one currency; amounts are decimals, as text."""

    currency: str
    spend: Decimal
    touch_costs: Annotated[Decimal, Field(description="What stands in for spend, on days without any.")]
    cost: Annotated[Decimal, Field(description="Both together.")]
    deals: int
    revenue: Decimal
    cost_per_lead: Decimal | None
    cost_per_customer: Decimal | None
    return_on_spend: Annotated[Decimal | None, Field(description="Revenue per unit of cost.")]


class ChannelRow(answers.Answer):
    """What a channel's campaign cost and brought."""

    channel: str
    campaign: Annotated[
        str | None, Field(description="null stands for leads and spend that name no campaign.")
    ]
    touches: int
    leads: int
    owned: int
    assigned: int
    claimed: int
    contacted: int
    converted: int
    disqualified: int
    money: Annotated[dict[str, Money], Field(description="By currency: they are never mixed.")]
    marks: Annotated[
        list[str], Field(description="What to know of this row; `marks` of the report explains.")
    ]


class Channels(answers.Answer):
    """What channels and campaigns cost and brought."""

    model_config = answers.example(
        {
            "first_day": "2026-10-01",
            "last_day": "2026-10-31",
            "pools": ["east"],
            "rows": [_CHANNEL],
            "total": {**_CHANNEL, "channel": "", "campaign": None},
            "marks": {"touch_costs": "touch costs stand in on days for which no spend is recorded"},
        }
    )

    first_day: date
    last_day: date
    pools: list[str] | None
    rows: list[ChannelRow]
    total: ChannelRow
    marks: Annotated[dict[str, str], Field(description="What the rows' marks mean.")]


class FunnelRow(answers.Answer):
    """How far the leads of a pool came."""

    pool: Annotated[str, Field(description="Empty for all pools together.")]
    steps: dict[str, int]
    shares: Annotated[dict[str, Decimal | None], Field(description="Of the leads.")]
    disqualified: int
    deals: int
    revenue: Annotated[dict[str, Decimal], Field(description="By currency.")]


class Funnel(answers.Answer):
    """How far leads came: owned, contacted, converted."""

    model_config = answers.example({"rows": [_FUNNEL]})

    rows: list[FunnelRow]


class OriginRow(answers.Answer):
    """Leads that came in one way; null stands for what is not known."""

    referrer_class: str | None
    search_engine: str | None
    landing_page: Annotated[str | None, Field(description="Host and path of the first page.")]
    leads: int
    owned: int
    claimed: int
    contacted: int
    converted: int


class Origins(answers.Answer):
    """Which search engines, referring classes and landing pages brought leads."""

    model_config = answers.example({"rows": [_ORIGIN]})

    rows: list[OriginRow]


class RotationShare(answers.Answer):
    """What a rep got of a rotation, and what its weight stood for."""

    group: str
    got: int
    expected: Decimal
    off: Decimal


class RepRow(answers.Answer):
    """What a rep got and did."""

    pool: str
    rep: str
    assigned: Annotated[dict[str, int], Field(description="By mode.")]
    claimed: int
    handed_in: int
    handed_on: int
    contacted: int
    converted: int
    disqualified: int
    recycled: Annotated[dict[str, int], Field(description="By reason.")]
    deals: int
    revenue: Annotated[dict[str, Decimal], Field(description="By currency.")]
    rotations: Annotated[dict[str, RotationShare], Field(description="By group.")]


class Reps(answers.Answer):
    """What each rep got and did."""

    model_config = answers.example({"rows": [_REP]})

    rows: list[RepRow]


class Share(answers.Answer):
    """A rep's part of a rotation."""

    rep: str
    weight: int
    got: int
    share: Annotated[Decimal, Field(description="What its weight stands for.")]
    off: Annotated[Decimal, Field(description="Leads above its share; less than one either way.")]


class Rotation(answers.Answer):
    """A group's rotation since the last change of availability, for one set of eligible reps."""

    pool: str
    group: str
    since: UtcTime
    since_fact: str
    leads: int
    shares: list[Share]


class Rotations(answers.Answer):
    """How fair the rotations are."""

    model_config = answers.example({"rows": [_FAIR]})

    rows: list[Rotation]


class SpentOn(answers.Answer):
    """A figure of spend."""

    channel: str
    campaign: str | None
    first_day: date
    last_day: date
    currency: str
    amount: Decimal
    in_period: Annotated[
        Decimal, Field(description="What falls on the days asked for: apportioned by largest remainder.")
    ]
    units: Decimal | None
    unit: str | None
    fact: str


class Spend(answers.Answer):
    """What was spent."""

    model_config = answers.example({"figures": [_SPENT], "total": {"CNY": "7000.00"}})

    figures: list[SpentOn]
    total: Annotated[dict[str, Decimal], Field(description="By currency, of the days asked for.")]
