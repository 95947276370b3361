"""What may happen to two pools: policies, people, requests good and bad, and the machinery's mishaps.

The moves of the stateful test, as hypothesis strategies.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

from hypothesis import strategies as st

from leadflow.domain import requests as r
from leadflow.domain.members import Leave, MemberTraits
from leadflow.domain.policy import Calendar, Offset, Policy
from leadflow.domain.values import Company, Money, Person

POOLS = ("east", "west")
REPS = ("wang", "li", "zhao", "chen")
STAFF = {"ma": "manager", "mo": "marketing", "su": "support"}
ACTORS = (
    *("rep/wang", "rep/wang", "rep/li", "rep/li", "rep/zhao", "rep/zhao", "rep/chen"),
    *("manager/local", "manager/local", "manager/ma", "marketing/mo", "auditor/au"),
)
OWNERS = (*["owner"] * 7, "manager/local", "manager/local", "manager/ma", "support/su", "analyst/an")
"""`owner` is whoever owns the lead in question."""
HOURS = (None, 1, 30, 90, 400, 0)

CALENDAR = Calendar(
    offsets=(Offset(start=datetime(2020, 1, 1, tzinfo=UTC), minutes=480),),
    holidays=(date(2026, 10, 14), date(2026, 10, 15)),
    moved_working_days=(date(2026, 10, 17),),
)
COVERED = CALENDAR.model_copy(update={"covered_until": date(2026, 10, 20)})

_TEAM: dict[str, Any] = {
    "channels": {"web_form": {"unit_cost": "12.5"}, "referral": {}},
    "groups": {"all": {"reps": "all"}, "pair": {"reps": ["wang", "li"], "weights": {"wang": 3, "li": 2}}},
    "scoring": {
        "base": 10,
        "completeness": 20,
        "rules": [
            {"name": "software", "points": 40, "when": {"industry": ["software"]}},
            {"name": "near", "points": 30, "when": {"region": ["上海"]}},
        ],
    },
    "score_classes": {"A": 70, "B": 40},
}
POLICIES = {
    "claiming": {
        "rules": [{"name": "hold", "target": {"hold": True}}],
        "claiming": {
            "per_rep_per_day": 3,
            "per_group_per_day": {"pair": 4},
            "per_pool_per_day": 6,
            "per_class_per_day": {"A": 1},
            "held_at_once": 2,
            "cool_down": "1d",
            "reveals_per_day": 1,
        },
        "follow_up": {
            "first_contact_within": "3d",
            "keep_for": "7d",
            "hold_at_most": "12d",
            "warn_before": ["1d", "2h"],
            "protected_per_rep": 1,
            "protect_at_most": "20d",
        },
        "recycling": {"assign_after": "24h", "fallback": "all"},
    },
    "rotation": {
        "rules": [
            {"name": "best", "when": {"score": {"min": 70}}, "target": {"queue": "managers"}},
            {"name": "chen's", "when": {"region": ["广东"]}, "target": {"directed": "chen"}},
            {"name": "turns", "when": {"channel": ["web_form"]}, "target": {"rotation": "pair"}},
            {"name": "rest", "target": {"rotation": "all", "order": "least_loaded"}},
        ],
        "claiming": {"held_at_once": 2, "open_after": "10m", "min_gap": "1m"},
        "follow_up": {
            "first_contact_within": "1wd",
            "keep_for": "16wh",
            "warn_before": ["2wh"],
            "protected_per_rep": 2,
        },
        "recycling": {"after_recycle": "rotate", "assign_after": "2wd", "fallback": "pair"},
    },
    "strict": {
        "calendar": {"country": "CN", "past_coverage": "refuse"},
        "rules": [{"name": "turns", "when": {"industry": ["software"]}, "target": {"rotation": "all"}}],
        "claiming": {"per_rep_per_day": 1},
        "follow_up": {"hold_at_most": "3wd", "keep_for": "2wd", "fresh_deadline_on_hand_over": False},
        "recycling": {"after_recycle": "rotate", "assign_after": "1d"},
    },
}

DAMAGE = tuple(
    f"{what} records.snapshots AS s {how}"
    for what, how in (
        ("DELETE FROM", ""),
        ("DELETE FROM", "WHERE sequence = (SELECT max(sequence) FROM records.snapshots WHERE pool = s.pool)"),
        ("UPDATE", "SET state = set_byte(state, length(state) / 2, 255)"),
        ("UPDATE", "SET state = 'no state', sha256 = encode(sha256('no state'), 'hex')"),
        ("UPDATE", "SET last_hash = repeat('0', 64)"),
        ("UPDATE", "SET sequence = sequence + 1000"),
        ("UPDATE", "SET state_version = state_version + 1000 + sequence"),
        ("UPDATE", "SET state = o.state, sha256 = o.sha256 FROM records.snapshots o WHERE s.pool <> o.pool"),
    )
)


def policy(name: str) -> Policy:
    return Policy.model_validate({**_TEAM, "name": name, **POLICIES[name]})


def traits(kind: int) -> MemberTraits:
    """A few ways in which a rep may be restricted."""
    leave = (Leave(first_day=date(2026, 10, 13), last_day=date(2026, 10, 16)),)
    return (
        MemberTraits(),
        MemberTraits(hours="09:00-18:00"),
        MemberTraits(regions=("上海", "广东"), holding_cap=1),
        MemberTraits(leave=leave, industries=None),
        MemberTraits(holding_cap=4),
    )[kind]


def about(kind: str, lead: str, other: str, rep: str | None, until: datetime | None) -> r.Body:
    """A request about a lead."""
    to = rep or "li"
    own: dict[str, Any] = {"lead": lead, "rep": rep}
    bodies: dict[str, Callable[[], r.Body]] = {
        "claim": lambda: r.ClaimLead(**own),
        "claim_next": lambda: r.ClaimNext(rep=rep),
        "assign": lambda: r.AssignLead(lead=lead, to=to, reason="knows them"),
        "hand_over": lambda: r.HandOverLead(lead=lead, to=to),
        "return": lambda: r.ReturnLead(**own),
        "withdraw": lambda: r.WithdrawLead(lead=lead, reason="unused"),
        "reached": lambda: r.LogContact(**own, outcome="reached"),
        "no_answer": lambda: r.LogContact(**own, outcome="no_answer"),
        "odd_contact": lambda: r.LogContact(**own, outcome="dreamt", note="unknown to the policy"),
        "reveal": lambda: r.RevealContact(**own, reason="asked by the lawyer"),
        "collaborate": lambda: r.AddCollaborator(
            lead=lead, member="su" if rep is None else rep, expires=until
        ),
        "part": lambda: r.RemoveCollaborator(lead=lead, member="su" if rep is None else rep),
        "protect": lambda: r.ProtectLead(**own, until=until),
        "unprotect": lambda: r.UnprotectLead(**own),
        "edit": lambda: r.EditLead(lead=lead, company=Company(industry="software", region="广东")),
        "edit_contact": lambda: r.EditLead(lead=lead, person=Person(emails=("two@example.com",))),
        "edit_nothing": lambda: r.EditLead(lead=lead),
        "merge": lambda: r.MergeLeads(lead=lead, absorbed=other),
        "convert": lambda: r.ConvertLead(**own),
        "deal": lambda: r.RecordDeal(**own, value=Money.model_validate({"amount": "10", "currency": "CNY"})),
        "reverse": lambda: r.ReverseDeal(**own, recorded_sequence=1, reason="typed wrong"),
        "disqualify": lambda: r.DisqualifyLead(**own, code="no_budget"),
        "reopen": lambda: r.ReopenLead(lead=lead),
    }
    return bodies[kind]()


def managing(what: str, member: str, given: MemberTraits, until: datetime | None, to: str | None) -> r.Body:
    """A request about a member."""
    bodies: dict[str, Callable[[], r.Body]] = {
        "add": lambda: r.AddMember(member=member, traits=given),
        "change": lambda: r.ChangeMember(member=member, traits=given),
        "pause": lambda: r.PauseMember(member=member, until=until),
        "resume": lambda: r.ResumeMember(member=member),
        "remove": lambda: r.RemoveMember(member=member, leads_to=to, customers_to="li"),
    }
    return bodies[what]()


FOR_ALL = (
    *("claim", "claim", "claim", "claim_next", "claim_next", "assign", "return", "reached", "reveal"),
    *("edit", "edit_contact", "edit_nothing", "merge", "merge", "disqualify", "reopen", "reopen", "convert"),
)
MANAGING = ("assign", "hand_over", "withdraw", "merge", "reopen")
FOR_OWNED = (
    *("hand_over", "hand_over", "return", "withdraw", "reached", "reached", "no_answer", "odd_contact"),
    *("collaborate", "part", "protect", "protect", "unprotect", "convert", "deal", "deal", "disqualify"),
    *("reverse", "claim", "assign", "merge", "edit", "reopen"),
)
pools = st.sampled_from(POOLS)
moments = st.sampled_from(HOURS)
places = st.integers(0, 7)
reps = st.sampled_from((*REPS, None, None))


openings = st.sampled_from(("claiming", "claiming", "rotation", "strict"))


def asked_of(kinds: tuple[str, ...]) -> st.SearchStrategy[Any]:
    """What is asked about a lead: kind, which lead, which other, who asks, for whom, until when, a chance."""
    who = st.sampled_from(OWNERS if kinds is FOR_OWNED else ACTORS)
    of_rep = reps if kinds is FOR_ALL else st.sampled_from((None, None, None, *REPS))
    return st.tuples(st.sampled_from(kinds), places, places, who, of_rep, moments, st.integers(0, 19))


MOVES: dict[str, tuple[int, dict[str, st.SearchStrategy[Any]]]] = {
    "ask": (
        6,
        {
            "pool": pools,
            "asks": st.lists(asked_of(FOR_ALL), min_size=1, max_size=5),
            "at_once": st.booleans(),
        },
    ),
    "work": (
        8,
        {
            "pool": pools,
            "asks": st.lists(asked_of(FOR_OWNED), min_size=1, max_size=6),
            "at_once": st.booleans(),
        },
    ),
    "arrive": (
        3,
        {
            "pool": st.sampled_from((*POOLS, *POOLS, *POOLS, "north")),
            "people": st.lists(
                st.tuples(st.integers(0, 9), st.booleans(), st.integers(0, 30)), min_size=1, max_size=4
            ),
            "channel": st.sampled_from(("web_form", "referral")),
            "region": st.sampled_from(("上海", "广东", None)),
            "industry": st.sampled_from(("software", "retail", None)),
        },
    ),
    "race": (
        2,
        {"pool": pools, "lead": places, "claimers": st.lists(st.sampled_from(REPS), min_size=2, max_size=4)},
    ),
    "transfer": (
        1,
        {"pool": pools, "lead": places, "to": st.sampled_from((*POOLS, *POOLS, "north", "_company"))},
    ),
    "manage": (
        2,
        {
            "pool": pools,
            "member": st.sampled_from((*REPS, "ma", "su")),
            "kind": st.integers(0, 4),
            "hours": moments,
            "what": st.sampled_from(("add", "change", "pause", "pause", "resume", "remove")),
            "to": reps,
        },
    ),
    "publish": (1, {"pool": pools, "name": st.sampled_from(sorted(POLICIES)), "covered": st.booleans()}),
    "spend": (
        1,
        {
            "day": st.integers(1, 9),
            "length": st.integers(0, 3),
            "who": st.sampled_from(("manager/local", "rep/li")),
        },
    ),
    "repeat": (2, {"place": st.integers(0, 60), "twice": st.booleans()}),
    "reuse": (1, {"place": st.integers(0, 20)}),
    "lose_the_database": (1, {"pool": pools, "ref": st.integers(40, 60), "written": st.booleans()}),
    "time_passes": (
        5,
        {"minutes": st.sampled_from((1, 2, 9, 30, 61, 300, 1440, 1441, 4320)), "tick": st.booleans()},
    ),
    "clock_goes_back": (1, {"minutes": st.sampled_from((1, 90, 2000))}),
    "machinery": (2, {"what": st.sampled_from(("restart", "other_process", "take_snapshots", "restart"))}),
    "damage_snapshots": (1, {"how": st.sampled_from(DAMAGE), "fresh": st.booleans()}),
}
"""What may happen: how often of so many times, and with what."""
NAMES = [name for name, (weight, _) in MOVES.items() for _ in range(weight)]
moves = st.sampled_from(NAMES).flatmap(
    lambda name: st.tuples(st.just(name), st.fixed_dictionaries(MOVES[name][1]))
)
