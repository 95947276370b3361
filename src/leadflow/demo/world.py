"""The demo's world: a team, its market, and who arrives when. Everything comes from one seed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from importlib.resources import files
from random import Random
from typing import NamedTuple

from leadflow.domain.members import MemberTraits
from leadflow.domain.policy import Group, Policy
from leadflow.domain.requests import RecordSpend, SubmitIntake
from leadflow.domain.values import Company, Money, Person, Touch
from leadflow.policies import load

POOL = "east"
ZONE = timezone(timedelta(hours=8))
"""China's time, all year."""
FIRST_DAY, LAST_DAY = date(2026, 10, 1), date(2026, 10, 31)
OPENED = datetime(2026, 10, 1, 8, 0, tzinfo=ZONE)
CLOSED = datetime(2026, 11, 1, 0, 0, tzinfo=ZONE)


class Rep(NamedTuple):
    """A rep of the play. Chances are per half hour of work."""

    id: str
    name: str
    diligence: float
    """That it takes up an owned lead."""
    appetite: float
    """That it asks for another lead."""
    skill: float
    """How much of a lead's promise it turns into customers."""
    traits: MemberTraits


OFFICE = "09:00-18:00"
REPS = (
    Rep("wang", "王磊", 0.34, 0.13, 1.2, MemberTraits(display_name="王磊")),
    Rep("li", "李娜", 0.30, 0.12, 1.1, MemberTraits(display_name="李娜")),
    Rep("chen", "陈晓", 0.24, 0.12, 1.0, MemberTraits(display_name="陈晓")),
    Rep("zhang", "张敏", 0.26, 0.18, 0.9, MemberTraits(display_name="张敏", hours=OFFICE)),
    Rep("zhao", "赵军", 0.22, 0.10, 1.0, MemberTraits(display_name="赵军", hours=OFFICE)),
    Rep("sun", "孙洋", 0.035, 0.20, 0.7, MemberTraits(display_name="孙洋", hours=OFFICE)),
)
MANAGER, MARKETING, SUPPORT = "ma", "mei", "su"


class Source(NamedTuple):
    """A channel of the play."""

    channel: str
    door: str
    campaigns: tuple[str, ...]
    weight: int
    """Share of the arrivals."""
    promise: float
    """How likely one of its leads becomes a customer, before anybody's skill."""
    weekly_spend: int
    """Yuan per campaign; 0 where nothing is paid."""


SOURCES = (
    Source("baidu_ads", "push", ("crm-search", "brand-search"), 28, 0.16, 4200),
    Source("douyin_ads", "push", ("autumn-video",), 24, 0.06, 5600),
    Source("trade_show", "file", ("shanghai-expo",), 14, 0.14, 6800),
    Source("purchased_list", "file", ("list-2026-09",), 16, 0.02, 700),
    Source("email", "push", ("newsletter-10",), 8, 0.10, 350),
    Source("web_form", "web_form", ("",), 14, 0.18, 0),
    Source("referral", "command", ("",), 6, 0.40, 0),
)
PROMISE = {source.channel: source.promise for source in SOURCES}
UNMAPPED = ("social", "brand-posters", 3000)
"""Money that brought nobody: a channel, a campaign and what it costs per week."""

_SURNAMES = "陈林黄周吴徐马朱胡郭何高罗郑梁谢宋唐许韩邓冯曹彭"
_GIVEN = (
    *"伟芳静强敏军洋勇艳杰涛明超",
    "秀英",
    "建华",
    "志强",
    "晓燕",
    "海涛",
    "雪梅",
    "文博",
    "子轩",
    "思远",
)
_TOWNS = (
    ("上海", "上海"),
    ("江苏", "苏州"),
    ("江苏", "南京"),
    ("浙江", "杭州"),
    ("浙江", "宁波"),
    ("广东", "深圳"),
    ("北京", "北京"),
    ("山东", "青岛"),
    ("福建", "厦门"),
)
_TOWN_WEIGHTS = (28, 14, 8, 16, 7, 9, 8, 5, 5)
_INDUSTRIES = ("制造业", "软件", "医疗", "物流", "零售", "教育", "餐饮")
_FIRM_WORDS = ("东方", "蓝海", "远景", "恒信", "嘉禾", "云帆", "金石", "万里", "新元", "明德", "瑞达", "华宇")
_SIZES = (8, 20, 45, 90, 150, 320, 600, 1200, 2600)
_SIZE_WEIGHTS = (16, 18, 16, 14, 12, 10, 7, 5, 3)


@dataclass(frozen=True, slots=True)
class Arrival:
    """Somebody arrives."""

    at: datetime
    actor: str
    body: SubmitIntake


def first_policy() -> Policy:
    """The policy that the team starts with."""
    return load(files("leadflow.demo").joinpath("policy.toml").read_text(encoding="utf-8"))


def second_policy() -> Policy:
    """What the manager publishes in the middle of the month: less to wang, and a shorter first deadline."""
    first = first_policy()
    senior = Group(reps=("wang", "li", "chen"), weights={"wang": 2, "li": 2, "chen": 1})
    document = first.model_dump(mode="json", by_alias=True)
    document["groups"]["senior"] = senior.model_dump(mode="json")
    document["follow_up"]["first_contact_within"] = "12wh"
    return Policy.model_validate(document)


def days() -> Iterator[date]:
    """The days of the play."""
    day = FIRST_DAY
    while day <= LAST_DAY:
        yield day
        day += timedelta(days=1)


def moment(day: date, hour: int, minute: int = 0) -> datetime:
    """A local time of the team."""
    return datetime.combine(day, time(hour, minute), ZONE)


def arrivals(random: Random, count: int = 330) -> list[Arrival]:
    """Who arrives in the month, in order; some of them a second time, by another channel."""
    found: list[Arrival] = []
    weights = [source.weight for source in SOURCES]
    month = list(days())
    for number in range(count):
        source = random.choices(SOURCES, weights)[0]
        day = random.choice(month)
        if source.channel == "trade_show":
            day = date(2026, 10, random.choice((14, 15, 16)))
        elif source.channel == "purchased_list":
            day = date(2026, 10, random.choice((9, 20)))
        at = moment(day, 8) + timedelta(seconds=random.randrange(13 * 3600))
        again = found[random.randrange(len(found))] if found and random.random() < 0.09 else None
        person, company = _known(random, again) if again else _stranger(random, number)
        found.append(_arrival(random, number, at, source, person, company))
    return sorted(found, key=lambda arrival: arrival.at)


def _arrival(
    random: Random, number: int, at: datetime, source: Source, person: Person, company: Company
) -> Arrival:
    campaign = random.choice(source.campaigns) or None
    asked = 6
    filled = sum(1 for value in (person.name, company.name, company.region, company.size) if value) + 1
    touch = Touch(
        channel=source.channel, ref=f"{source.channel}-{number:04}", door=source.door, campaign=campaign
    )
    body = SubmitIntake(touch=touch, person=person, company=company, asked=asked, filled=min(filled, asked))
    return Arrival(at, f"adapter/{source.door.replace('_', '-')}", body)


def _stranger(random: Random, number: int) -> tuple[Person, Company]:
    region, city = random.choices(_TOWNS, _TOWN_WEIGHTS)[0]
    industry = random.choice(_INDUSTRIES)
    size = random.choices(_SIZES, _SIZE_WEIGHTS)[0] if random.random() < 0.8 else None
    firm = "".join(random.sample(_FIRM_WORDS, 2))
    person = Person(
        name=random.choice(_SURNAMES) + random.choice(_GIVEN),
        phones=(f"+861{random.choice('35789')}{random.randrange(10**9):09}",),
        emails=(f"contact{number}@example.com",) if random.random() < 0.4 else (),
    )
    company = Company(
        name=f"{city}{firm}{industry}有限公司", industry=industry, size=size, region=region, city=city
    )
    return person, company


def _known(random: Random, before: Arrival) -> tuple[Person, Company]:
    """The same person: known by the phone, with something new to say."""
    known = before.body
    note = random.choice(("又来问价格", "想看演示", "请下午联系", "同事推荐的"))
    return known.person.model_copy(update={"note": note}), known.company


def spend() -> Iterator[tuple[datetime, RecordSpend]]:
    """What marketing books every Monday for the week before, and on the last day for what is left."""
    weeks = [
        (date(2026, 10, 1), date(2026, 10, 4)),
        *((date(2026, 10, first), date(2026, 10, first + 6)) for first in (5, 12, 19)),
        (date(2026, 10, 26), date(2026, 10, 31)),
    ]
    for first, last in weeks:
        share = Decimal((last - first).days + 1) / 7
        at = min(moment(last + timedelta(days=1), 9, 30), moment(LAST_DAY, 21))
        for channel, campaign, weekly in _budgets():
            amount = (weekly * share).quantize(Decimal("0.01"))
            yield (
                at,
                RecordSpend(
                    channel=channel,
                    campaign=campaign,
                    first_day=first,
                    last_day=last,
                    spend=Money(amount=amount, currency="CNY"),
                ),
            )


def _budgets() -> Iterator[tuple[str, str, int]]:
    for source in SOURCES:
        if source.weekly_spend:
            for campaign in source.campaigns:
                yield source.channel, campaign, source.weekly_spend
    yield UNMAPPED
