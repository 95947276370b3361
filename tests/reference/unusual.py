"""Random requests to pools with unusual rules: limits of nothing, odd hours, weights, zones with summer time.

Many come exactly at a deadline, or a second before or after it; some come twice, or from the wrong person.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from leadflow.domain import events as e
from leadflow.domain import requests as r
from leadflow.domain.policy import WEEKDAYS, Calendar, Offset
from leadflow.domain.pool import CONVERTED, PRIVATE
from leadflow.domain.values import Company, derived_id
from tests.domain_asks import START
from tests.random_requests import CHANNELS, MANAGER, POOL, REGIONS, REPS, WHENCE, RandomRequests
from tests.reference.comparing import ComparedScene
from tests.reference.rules import lead_cannot_be_claimed, rep_cannot_claim

ZONES = {
    "Asia/Shanghai": ((WHENCE, 480),),
    "America/New_York": (
        (WHENCE, -300),
        (datetime(2026, 3, 8, 7, tzinfo=UTC), -240),
        (datetime(2026, 11, 1, 6, tzinfo=UTC), -300),
    ),
    "Europe/London, backwards": ((WHENCE, 60), (datetime(2026, 3, 6, 1, tzinfo=UTC), 0)),
    "Australia/Lord_Howe": ((WHENCE, 660), (datetime(2026, 3, 4, 15, tzinfo=UTC), 630)),
}
HOURS = ("09:00-18:00", "00:00-24:00", "22:00-24:00", "00:00-06:00", "08:30-17:15", "01:30-03:30")
INDUSTRIES = ("软件", "制造", "零售", None)
SHORT = ("1m", "30m", "90s", "2h", "1wh", "5wh", "1wd")
MIDDLE = ("5h", "1d", "8wh", "2wd", "20h", "3d", "13wh")
LONG = ("2d", "4d", "3wd", "9d", "30wh", "7wd")
CONDITIONS: tuple[dict[str, Any], ...] = (
    {"channel": ["survey", "web_form"]},
    {"region": ["上海", "广东"]},
    {"score": {"min": 20, "max": 45}},
    {"company_size": {"max": 100}},
    {"score": {"min": 60}, "region": ["上海"]},
    {"industry": ["软件"]},
    {},
)


class UnusualRequests(RandomRequests):
    """A pool with unusual rules, compared with the reference model at every step."""

    def __init__(self, seed: int, pool: str = POOL) -> None:
        super().__init__(seed, ComparedScene(pool))

    @property
    def compared(self) -> ComparedScene:
        assert isinstance(self.scene, ComparedScene)
        return self.scene

    def _policy(self) -> dict[str, Any]:
        rng = self.rng
        self.zone = getattr(self, "zone", None) or rng.choice(sorted(ZONES))

        def perhaps(*values: Any) -> Any:
            return rng.choice((None, *values))

        names = ("sales", "young", "old")
        targets: list[dict[str, Any]] = [
            {"rotation": x, "order": rng.choice(("weighted", "least_loaded"))} for x in names
        ]
        targets += [{"directed": rng.choice(REPS)}, {"queue": "managers"}, {"hold": True}, targets[0]]
        rules = [
            {"name": f"r{n}", "when": rng.choice(CONDITIONS), "target": rng.choice(targets)}
            for n in rng.sample(range(7), rng.randrange(5))
        ]
        return {
            "calendar": {
                "country": "CN",
                "days": rng.sample(WEEKDAYS, rng.randrange(1, 8)),
                "hours": rng.choice(HOURS),
                "past_coverage": rng.choice(("weekdays", "weekdays", "refuse")),
            },
            "channels": {name: {"unit_cost": perhaps("1.25")} for name in CHANNELS},
            "scoring": {
                "base": rng.choice((0, 10, 95)),
                "completeness": rng.choice((0, 15)),
                "rules": [
                    {"name": f"s{n}", "points": rng.randrange(-60, 60), "when": when}
                    for n, when in enumerate(rng.sample([x for x in CONDITIONS if "score" not in x], 2))
                ],
            },
            "score_classes": rng.choice(({}, {"A": 70, "B": 30, "C": 0}, {"A": 90, "Z": 0})),
            "groups": {
                "sales": {"reps": "all", "weights": {x: rng.choice((1, 2, 7, 1000)) for x in REPS[:3]}},
                "young": {"reps": rng.sample(REPS, 2)},
                "old": {"reps": rng.sample(REPS, 3), "weights": {}},
            },
            "rules": rules,
            "claiming": {
                "per_rep_per_day": perhaps(0, 2, 5),
                "per_pool_per_day": perhaps(0, 3, 4),
                "per_group_per_day": rng.choice(({}, {"young": 1, "old": 2}, {"sales": 0}, {"old": 3})),
                "per_class_per_day": rng.choice(({}, {"A": 0, "B": 1, "C": 1}, {"A": 1, "B": 1, "Z": 0})),
                "held_at_once": perhaps(0, 2, 5, 9),
                "min_gap": perhaps("0s", *SHORT),
                "cool_down": perhaps("0s", *SHORT, *MIDDLE),
                "open_after": perhaps(*SHORT),
                "reveals_per_day": rng.choice((0, 1, 2)),
            },
            "follow_up": {
                "first_contact_within": perhaps(*SHORT[3:], *MIDDLE),
                "keep_for": perhaps(*SHORT, *MIDDLE),
                "hold_at_most": perhaps(*MIDDLE, *LONG),
                "warn_before": rng.sample((*SHORT, "1d"), rng.randrange(4)),
                "counts": rng.choice((["reached"], ["reached", "no_answer"], [])),
                "protected_per_rep": rng.choice((0, 1, 2)),
                "protect_at_most": perhaps(*SHORT, *MIDDLE),
                "fresh_deadline_on_hand_over": rng.random() < 0.5,
            },
            "recycling": {
                "after_recycle": rng.choice(("public", "rotate")),
                "assign_after": perhaps(*SHORT[3:], *MIDDLE),
                "fallback": perhaps(*names),
            },
        }

    def _calendar(self) -> Calendar:
        rng = self.rng
        days = [date(2026, 3, 1) + timedelta(days=n) for n in range(40)]
        holidays = rng.sample(days, rng.randrange(12))
        moved = rng.sample([day for day in days if day not in holidays], rng.randrange(4))
        return Calendar(
            offsets=tuple(Offset(start=start, minutes=minutes) for start, minutes in ZONES[self.zone]),
            holidays=tuple(sorted(holidays)),
            moved_working_days=tuple(sorted(moved)),
            covered_until=rng.choice((None, date(2026, 3, 12), date(2026, 4, 1))),
        )

    def _traits(self) -> dict[str, Any]:
        rng = self.rng
        return super()._traits() | {
            "hours": rng.choice((None, None, *HOURS)),
            "holding_cap": rng.choice((None, None, None, 0, 1, 4)),
            "regions": rng.choice((None, None, ["上海"], [x for x in REGIONS[:3] if x])),
            "industries": rng.choice((None, None, None, ["软件"], ["软件", "制造"])),
        }

    def _company(self) -> Company:
        return super()._company().model_copy(update={"industry": self.rng.choice(INDUSTRIES)})

    def _pass_time(self) -> None:
        """On by a while, or to a moment at which something is due, or to a second before or after."""
        rng = self.rng
        chance = rng.random()
        if chance < 0.35:
            leads = list(self.compared.history.leads.values())
            moments = [
                x for lead in leads for x in (lead.until, lead.protected_until, *lead.warnings.values())
            ]
            later = sorted(x for x in moments if x is not None and x > self._moment)
            if later:
                beside = timedelta(seconds=rng.choice((-1, 0, 0, 1)))
                self._moment = max(self._moment, later[min(len(later) - 1, rng.randrange(3))] + beside)
        elif chance < 0.93:
            self._moment += timedelta(seconds=int(rng.expovariate(1 / 1500)))
        else:
            self._moment += timedelta(hours=rng.randrange(1, 40))

    def _one(self) -> None:
        rng = self.rng
        chance = rng.random()
        if chance < 0.05:
            self._again()
        elif chance < 0.08 and self._lately:
            self._stranger()
        elif chance < 0.13:
            self._when_it_may()
        elif chance < 0.18:
            self._do(r.ClaimNext(), f"rep/{rng.choice(REPS)}")
        elif chance < 0.21:
            self._receive()
        elif chance < 0.42:
            self._seldom()
        else:
            super()._one()

    def _seldom(self) -> None:
        """What comes of few leads otherwise: somebody owns them for a moment only, under such rules."""
        rng, leads = self.rng, self.pool.leads.values()
        owned, customers = ([x for x in leads if x.status == status] for status in (PRIVATE, CONVERTED))
        kind = rng.random()
        if customers and kind < 0.2:
            self._customer(rng.choice(customers))
        elif owned and kind < 0.7:
            self._owned(rng.choice(owned))
        elif owned:
            lead = rng.choice([x for x in owned if x.collaborators] or owned)
            helping = r.AddCollaborator(lead=lead.id, member=rng.choice((*REPS, "su")))
            parting = [r.RemoveCollaborator(lead=lead.id, member=x) for x in sorted(lead.collaborators or ())]
            body = rng.choice([r.ConvertLead(lead=lead.id), helping, *parting])
            self._do(body, rng.choice((MANAGER, f"rep/{lead.owner}")))
        else:
            super()._one()

    def _receive(self) -> None:
        """A lead comes from another pool; some were here before."""
        rng = self.rng
        gone = [x for x in self.scene.events if isinstance(x.data, e.LeadTransferredOut)]
        back = rng.choice(gone) if gone and rng.random() < 0.5 else None
        body = r.ReceiveTransfer(
            lead=derived_id("lead", "west", str(self._number)),
            from_pool="west",
            from_fact=f"west/{self._number}",
            person=self._person(),
            company=self._company(),
            touches=tuple(self._touch() for _ in range(rng.randrange(1, 4))),
            asked=4,
            filled=rng.randrange(5),
        )
        if back is not None and self.compared.history.leads[back.subject].status == "transferred":
            assert isinstance(back.data, e.LeadTransferredOut)
            told = {name: getattr(back.data, name) for name in ("person", "company", "touches")}
            body = body.model_copy(update={"lead": back.subject, **told})
        self._do(body, rng.choice(("system/transfer",) * 9 + ("adapter/file",)))
        self._note()

    def _again(self) -> None:
        """A request comes a second time, or its id does with something else."""
        one = self.rng.choice(self.asks[-30:])
        if self.rng.random() < 0.3:
            one = one._replace(body=r.ClaimNext())
        elapsed = (self._moment - START) // timedelta(seconds=1)
        one = one._replace(at=f"{elapsed}s")
        self.asks.append(one)
        self.scene.do(one)

    def _when_it_may(self) -> None:
        """A rep claims at the moment from which it may, or a second too early."""
        rng, history = self.rng, self.compared.history
        now = max(self._moment, history.time)
        found = []
        for lead in history.leads.values():
            for rep in history.reps() if lead.status == "public" else ():
                barred = rep_cannot_claim(history, rep, now) | lead_cannot_be_claimed(history, lead, rep, now)
                found += [(x["until"], lead.id, rep) for x in barred.values() if x.get("until") is not None]
        if found:
            moment, name, rep = rng.choice(sorted(found)[:5])
            self._moment = max(self._moment, moment - timedelta(seconds=rng.choice((0, 0, 1))))
            self._do(r.ClaimLead(lead=name), f"rep/{rep}")

    def _stranger(self) -> None:
        """Somebody asks for what may not be theirs to ask."""
        rng = self.rng
        lead = rng.choice(self._lately)
        by = rng.choice(
            (
                "rep/nobody",
                "rep/sun",
                "support/su",
                "marketing/mo",
                "analyst/an",
                "rep/ma",
                "manager/li",
                "manager/ma",
            )
        )
        body = rng.choice(
            (
                r.ClaimLead(lead=lead),
                r.ClaimLead(lead="none"),
                r.AssignLead(lead=lead, to="wang", reason="x"),
                r.HandOverLead(lead=lead, to="nobody"),
                r.ConvertLead(lead=lead),
                r.WithdrawLead(lead=lead, reason="x"),
                r.LogContact(lead=lead, outcome="reached", rep="li"),
                r.PauseMember(member="wang"),
                r.ReturnLead(lead=lead, rep="li"),
                r.ProtectLead(lead=lead),
                r.ProtectLead(lead=lead, rep="li"),
                r.ClaimNext(rep="qian"),
                r.RevealContact(lead=lead),
                r.EditLead(lead=lead),
            )
        )
        self._do(body, by)
