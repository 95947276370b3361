"""One realistic event of every type: what the golden documents were written from.

A golden document is never written again; a new type gets its own by `write_new`.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

from leadflow.domain import events as f
from leadflow.domain.members import Leave, MemberTraits
from leadflow.domain.policy import Calendar, Duration, Offset, Policy
from leadflow.domain.routing import Route, RoutingTable
from leadflow.domain.values import Company, Money, Person, ScorePart, Touch
from leadflow.log.envelope import encode, hash_of

LEAD = "7d1c7d0e-3f3c-8a52-9d0b-2f6c1f0a9b11"
OTHER = "0b4de8a2-90c7-8e1d-8f5e-64d1d3c2a907"


def at(day: int, hour: int = 2, minute: int = 0, microsecond: int = 0) -> datetime:
    return datetime(2026, 11, day, hour, minute, 0, microsecond, tzinfo=UTC)


TOUCH = Touch(
    channel="baidu_ads",
    ref="form-2026-000417",
    door="web_form",
    campaign="双十一",
    occurred_at=at(21, 1, 59, 123456),
    landing_page="https://example.cn/promo?a=1",
    referrer="https://www.baidu.com/s?wd=crm",
    referrer_class="cpc",
    search_engine="baidu",
    utm={"utm_source": "baidu", "utm_medium": "cpc"},
    click_ids={"bd_vid": "10021"},
    cost=Money(amount=Decimal("35.50"), currency="CNY"),
    cost_basis="unit_cost",
)
SECOND = Touch(channel="trade_show", ref="sh-2026-88", door="file", campaign="上海展会")
PERSON = Person(
    name="王小明",
    phones=("+8613800001234",),
    emails=("wang@example.cn",),
    wechats=("wxm_1988",),
    written={"phone": "138 0000 1234"},
    note='说"下周"再联系',
    answers={"预算": "10万"},
)
WHY = Person(reason="客户要求 \\ 换人")
COMPANY = Company(name="华东精密机械有限公司", industry="制造业", size=120, region="上海", city="上海")
PARTS = (ScorePart(rule="industry-fit", points=30), ScorePart(rule="completeness", points=18))
CANDIDATES = (
    f.Candidate(rep="wang", weight=2, had=3),
    f.Candidate(rep="li", skipped="on_leave"),
)
POLICY = Policy.model_validate(
    {
        "name": "华东团队",
        "calendar": {"country": "CN"},
        "channels": {"baidu_ads": {"unit_cost": "35.50", "label": "百度推广"}, "seo": {}},
        "scoring": {
            "base": 10,
            "completeness": 20,
            "rules": [{"name": "industry-fit", "points": 30, "when": {"industry": ["制造业"]}}],
        },
        "score_classes": {"A": 60, "B": 30},
        "groups": {"east": {"reps": ["wang", "li"], "weights": {"wang": 2}}},
        "rules": [
            {"name": "top", "when": {"score": {"min": 60}}, "target": {"directed": "wang"}},
            {"name": "rest", "target": {"rotation": "east"}},
        ],
        "claiming": {"per_rep_per_day": 20, "held_at_once": 100, "cool_down": "7d"},
        "follow_up": {"first_contact_within": "3d", "keep_for": "14d", "warn_before": ["24h", "4wh"]},
        "recycling": {"after_recycle": "rotate", "assign_after": "24h", "fallback": "east"},
    }
)
CALENDAR = Calendar(
    offsets=(Offset(start=datetime(1970, 1, 1, tzinfo=UTC), minutes=480),),
    holidays=(date(2026, 10, 1), date(2026, 10, 2)),
    moved_working_days=(date(2026, 10, 10),),
    covered_until=date(2026, 12, 31),
    source="chinesecalendar 1.11.0",
)
TRAITS = MemberTraits(
    display_name="王芳",
    regions=("上海", "江苏"),
    hours="09:00-18:00",
    leave=(Leave(first_day=date(2026, 12, 1), last_day=date(2026, 12, 3)),),
    holding_cap=80,
)

FACTS: tuple[tuple[str, f.Fact], ...] = (
    ("east", f.PoolOpened(clock="requests")),
    ("east", f.PolicyPublished(version=7, policy=POLICY, calendar=CALENDAR)),
    ("wang", f.MemberJoined(member="wang", role="rep", traits=TRAITS)),
    ("wang", f.MemberChanged(member="wang", role="manager", traits=MemberTraits())),
    ("li", f.MemberPaused(member="li", until=at(23))),
    ("li", f.MemberResumed(member="li")),
    ("zhao", f.MemberLeft(member="zhao")),
    (
        "routing",
        f.RoutingPublished(
            version=2,
            table=RoutingTable(routes=(Route(pool="north", region=("北京", "天津")),), default="east"),
        ),
    ),
    (
        "baidu_ads",
        f.SpendRecorded(
            channel="baidu_ads",
            campaign="双十一",
            first_day=date(2026, 11, 1),
            last_day=date(2026, 11, 11),
            spend=Money(amount=Decimal("12800.00"), currency="CNY"),
            units=Decimal(1520),
            unit="click",
            replaces=14,
        ),
    ),
    (
        LEAD,
        f.LeadCaptured(
            touch=TOUCH, person=PERSON, company=COMPANY, asked=8, filled=7,
            score=58, breakdown=PARTS, score_class="B",
        ),
    ),
    (
        LEAD,
        f.TouchRecorded(
            touch=SECOND,
            person=PERSON,
            matched_by="phone",
            also_matches=(OTHER,),
            owner="wang",
            status="private",
        ),
    ),
    (LEAD, f.LeadDetailsChanged(person=Person(emails=("w2@example.cn",)), company=Company(size=200))),
    (LEAD, f.LeadRescored(score=63, before=58, breakdown=PARTS, score_class="A")),
    (
        LEAD,
        f.LeadsMerged(absorbed=OTHER, absorbed_owner="li", person=PERSON, company=COMPANY, touches=(SECOND,)),
    ),
    (
        LEAD,
        f.LeadAssigned(
            to="wang", mode="rotation", rule="rest", group="east", order="weighted",
            shares=f.Shares(sequence=12, time=at(20), turn=4),
            candidates=CANDIDATES, until=at(24), past_calendar=True,
        ),
    ),
    (
        LEAD,
        f.AssignmentFailed(
            mode="rotation", rule="rest", group="east", reason="nobody_available", candidates=CANDIDATES
        ),
    ),
    (LEAD, f.LeadClaimed(rep="wang", until=at(24), chosen=True, score_class="A")),
    (LEAD, f.LeadHandedOver(from_rep="wang", to="li", until=at(25), fresh=False, person=WHY)),
    (
        LEAD,
        f.ContactLogged(
            by="wang", outcome="reached", counts=True, means="call", stated_at=at(20, 8), until=at(28),
            person=Person(note="约了周四演示"),
        ),
    ),
    (LEAD, f.ContactRevealed(by="auditor/sun", person=Person(reason="抽查"))),
    (LEAD, f.CollaboratorAdded(member="qian", expires=at(30))),
    (LEAD, f.CollaboratorRemoved(member="qian", reason="expired")),
    (LEAD, f.LeadProtected(rep="wang", until=at(30))),
    (LEAD, f.ProtectionEnded(rep="wang", reason="expired", until=at(29))),
    (LEAD, f.RecycleWarned(rep="wang", until=at(24), before=str(Duration.parse("24h")))),
    (LEAD, f.LeadRecycled(rep="wang", reason="no_first_contact", since=at(21, 3), person=Person())),
    (
        LEAD,
        f.LeadTransferredOut(
            received_as="transfer:east/1068",
            to_pool="north", person=PERSON, company=COMPANY, touches=(TOUCH, SECOND), asked=8, filled=7
        ),
    ),
    (
        LEAD,
        f.LeadTransferredIn(
            from_pool="east", from_fact="east/1042", into=OTHER, person=PERSON, company=COMPANY,
            touches=(TOUCH, SECOND), asked=8, filled=7, score=58, breakdown=PARTS, score_class="B",
        ),
    ),
    (
        LEAD,
        f.LeadConverted(
            customer="C-1001", owner="wang", person=PERSON, company=COMPANY, touches=(TOUCH,), contacts=3,
            score=63, captured_sequence=411,
        ),
    ),
    (
        LEAD,
        f.DealRecorded(
            customer="C-1001", value=Money(amount=Decimal(98000), currency="CNY"), deal="D-77", owner="wang"
        ),
    ),
    (LEAD, f.LeadDisqualified(by="wang", code="no_budget", owner="wang", person=Person(note="明年再说"))),
    (LEAD, f.LeadReopened(cause="manual", person=WHY)),
    (LEAD, f.CustomerHandedOver(customer="C-1001", from_rep="zhao", to="li", person=WHY)),
    (
        LEAD,
        f.RequestRefused(
            request="ClaimLead", reason="taken", winner="li", position=1040, limit=20, used=20, until=at(22),
            rep="wang", detail="east",
        ),
    ),
    (
        LEAD,
        f.DealReversed(
            recorded_sequence=1071, customer="C-1001", value=Money(amount=Decimal(98000), currency="CNY"),
            deal="D-77", owner="wang", day=date(2026, 11, 21), person=WHY,
        ),
    ),
)  # fmt: skip


def event(position: int) -> f.Event:
    """The event that the fact at that place of `FACTS` makes."""
    subject, fact = FACTS[position]
    company_wide = fact.TYPE in ("leadflow.routing.published.v1", "leadflow.spend.recorded.v1")
    by_clock = fact.TYPE in ("leadflow.lead.recycled.v1", "leadflow.lead.recycle_warned.v1")
    by_adapter = fact.TYPE == "leadflow.lead.captured.v1"
    cause = (
        "east/1039" if by_clock else ("intake/baidu_ads:form-2026-000417" if by_adapter else "rep/wang:r-9")
    )
    return f.Event(
        pool="_company" if company_wide else "east",
        sequence=1042 + position,
        time=at(21, 10, 0, 250),
        subject=subject,
        actor="system/clock" if by_clock else ("adapter/web" if by_adapter else "rep/wang"),
        causation=cause,
        correlation=cause,
        fact_index=1,
        fact_count=1,
        policy=0 if company_wide or fact.TYPE == "leadflow.pool.opened.v1" else 7,
        data=fact,
        digest="" if by_clock or by_adapter else "a1b2c3d4e5f60718",
    )


def write_new(directory: Path) -> list[Path]:
    """Write the documents of types that have none yet; says which."""
    written = []
    for sample in map(event, range(len(FACTS))):
        file = directory / f"{sample.type}.json"
        if not file.exists():
            file.write_bytes(encode(sample, hash_of(sample.id.encode())))
            written.append(file)
    return written
