"""Random requests to a pool: a seed gives a policy, a team and a list of requests with their times.

The list is made against a pool that decides it, so most requests make sense; whoever replays it gets the
same decisions. Run as a program it prints the hash of the last fact of each seed given.
"""

from __future__ import annotations

import random
import sys
from datetime import date, datetime, timedelta
from typing import Any, Self

from leadflow.domain import requests as r
from leadflow.domain.policy import Calendar, Offset, Policy
from leadflow.domain.pool import CONVERTED, DISQUALIFIED, PRIVATE, PUBLIC, QUEUE, Lead, Pool
from leadflow.domain.values import Company, Money, Person, Touch
from leadflow.log.envelope import GENESIS, encode, hash_of
from tests.domain_asks import START, Ask
from tests.domain_harness import Scene

REPS = ("wang", "li", "zhao", "qian", "sun")
REGIONS = ("上海", "北京", "广东", None)
CHANNELS = ("web_form", "baidu_ads", "survey")
POOL = "east"
MANAGER = "manager/boss"
WHENCE = datetime.fromisoformat("2020-01-01T00:00:00+00:00")
CALENDAR = Calendar(
    offsets=(Offset(start=WHENCE, minutes=480), Offset(start=START + timedelta(days=20), minutes=540)),
    holidays=(date(2026, 3, 4), date(2026, 3, 16)),
    moved_working_days=(date(2026, 3, 14),),
    covered_until=date(2026, 4, 1),
)


def random_policy(rng: random.Random) -> dict[str, Any]:
    """A policy of any kind, without a hole."""

    def perhaps(*values: Any) -> Any:
        return rng.choice((None, *values))

    def rotation(group: str) -> dict[str, Any]:
        return {"rotation": group, "order": rng.choice(("weighted", "weighted", "least_loaded"))}

    targets = [
        rotation("sales"),
        rotation("young"),
        {"directed": rng.choice(REPS)},
        {"queue": "ma"},
        {"hold": True},
    ]
    rules = [
        {"name": f"r{n}", "when": when, "target": rng.choice(targets)}
        for n, when in enumerate(
            ({"channel": ["survey"]}, {"region": ["上海"]}, {"score": {"min": 60}}, {})[rng.randrange(3) :]
        )
    ]
    return {
        "calendar": {
            "country": "CN",
            "hours": "09:00-18:00",
            "past_coverage": rng.choice(("weekdays", "weekdays", "refuse")),
        },
        "channels": {"survey": {"unit_cost": "3.50"}, "web_form": {}, "baidu_ads": {}},
        "scoring": {
            "base": 10,
            "completeness": 20,
            "rules": [
                {"name": "core", "points": 40, "when": {"region": ["上海"]}},
                {"name": "large", "points": 25, "when": {"company_size": {"min": 100}}},
            ],
        },
        "score_classes": {"A": 70, "B": 30, "C": 0},
        "groups": {
            "sales": {"reps": "all", "weights": {rep: rng.randrange(1, 5) for rep in REPS[:3]}},
            "young": {"reps": [*REPS[2:], "boss"], "weights": {"qian": 7}},
        },
        "rules": rules,
        "claiming": {
            "per_rep_per_day": perhaps(2, 4),
            "per_pool_per_day": perhaps(6),
            "per_group_per_day": rng.choice(({}, {"young": 2, "sales": 5})),
            "per_class_per_day": rng.choice(({}, {"A": 1, "B": 2})),
            "held_at_once": perhaps(4, 9),
            "min_gap": perhaps("20m", "1wh"),
            "cool_down": perhaps("2d", "1wd"),
            "open_after": perhaps("30m"),
            "reveals_per_day": rng.choice((0, 2)),
        },
        "follow_up": {
            "first_contact_within": perhaps("1d", "2wd", "8wh"),
            "keep_for": perhaps("3d", "2wd"),
            "hold_at_most": perhaps("9d", "10wd"),
            "warn_before": rng.choice(([], ["1d", "2h"], ["1wd"])),
            "protected_per_rep": rng.choice((0, 1, 2)),
            "protect_at_most": perhaps("4d", "3wd"),
            "fresh_deadline_on_hand_over": rng.random() < 0.5,
        },
        "recycling": {
            "after_recycle": rng.choice(("public", "rotate")),
            "assign_after": perhaps("1d", "9wh"),
            "fallback": perhaps("sales", "young"),
        },
    }


def reordered(document: Any) -> Any:
    """The same document with the members of every object in another order."""
    if isinstance(document, dict):
        return {key: reordered(document[key]) for key in reversed(list(document))}
    return [reordered(part) for part in document] if isinstance(document, list) else document


class RandomRequests:
    """A pool that lives through a random list of requests, which is kept to be replayed."""

    def __init__(self, seed: int, scene: Scene | None = None) -> None:
        self.rng = random.Random(seed)
        self.scene = scene or Scene(POOL)
        self.elsewhere = "west" if self.scene.stream.id == POOL else POOL
        self.asks: list[Ask] = []
        self.policies: list[dict[str, Any]] = [self._policy()]
        self._number = 0
        self._moment = START
        self._lately: list[str] = []
        self._do(r.OpenPool(policy=Policy.model_validate(self.policies[0]), calendar=self._calendar()))
        for member, role in (("ma", "manager"), ("mo", "marketing"), ("su", "support")):
            self._do(r.AddMember.model_validate({"member": member, "role": role}))
        for rep in REPS:
            self._do(r.AddMember.model_validate({"member": rep, "traits": self._traits()}))

    def run(self, requests: int) -> Self:
        """So many requests more."""
        for _ in range(requests):
            self._pass_time()
            self._one()
        return self

    @property
    def pool(self) -> Pool:
        return self.scene.pool

    def _policy(self) -> dict[str, Any]:
        return random_policy(self.rng)

    def _calendar(self) -> Calendar:
        return CALENDAR

    def _pass_time(self) -> None:
        minutes = self.rng.expovariate(1 / 25) if self.rng.random() < 0.9 else self.rng.uniform(0, 5000)
        # Whole minutes, so that some requests meet a deadline exactly.
        self._moment += timedelta(minutes=int(minutes))

    def _do(self, body: r.Body, by: str = MANAGER) -> None:
        self._number += 1
        elapsed = self._moment - START
        at = f"{elapsed // timedelta(seconds=1)}s"
        one = Ask(body, by, at, f"q{self._number}")
        self.asks.append(one)
        self.scene.do(one)

    def _traits(self) -> dict[str, Any]:
        rng = self.rng
        first = date(2026, 3, 1) + timedelta(days=rng.randrange(30))
        leave = {"first_day": first, "last_day": first + timedelta(days=rng.randrange(4))}
        return {
            "regions": rng.choice((None, None, None, ["上海", "北京"])),
            "hours": rng.choice((None, "09:00-18:00", "12:00-24:00")),
            "leave": rng.choice((None, None, [leave])),
            "holding_cap": rng.choice((None, None, None, 1, 5)),
        }

    def _one(self) -> None:
        chance = self.rng.random()
        if chance < 0.25 or not self._lately:
            self._arrive()
        elif chance < 0.33:
            self._team()
        elif chance < 0.36:
            self._publish()
        elif chance < 0.42:
            self._do(r.ClaimNext(), f"rep/{self.rng.choice(REPS)}")
        else:
            name = self._lately[-1 - min(int(self.rng.expovariate(1 / 12)), len(self._lately) - 1)]
            self._about(self.pool.leads[name])

    def _arrive(self) -> None:
        person, company, touch = self._person(), self._company(), self._touch()
        self._do(
            r.SubmitIntake(touch=touch, person=person, company=company, asked=4, filled=2),
            "adapter/file",
        )
        self._note()

    def _note(self) -> None:
        """Which leads there were facts about lately."""
        for event in self.scene.events[-6:]:
            if event.subject in self.pool.leads and event.subject not in self._lately[-20:]:
                self._lately.append(event.subject)

    def _person(self) -> Person:
        rng = self.rng
        number = rng.randrange(150)
        return Person(
            name=f"n{number}",
            phones=(f"+8613800000{number:03d}",) if rng.random() < 0.7 else (),
            emails=(f"{rng.randrange(150)}@example.com",) if rng.random() < 0.5 else (),
            wechats=(f"wx{number}",),
        )

    def _company(self) -> Company:
        rng = self.rng
        return Company(region=rng.choice(REGIONS), size=rng.choice((None, 20, 500)))

    def _touch(self) -> Touch:
        rng = self.rng
        return Touch(channel=rng.choice(CHANNELS), ref=f"t{rng.randrange(400)}", door="file")

    def _team(self) -> None:
        rng = self.rng
        rep = rng.choice(REPS)
        member = self.pool.members[rep]
        until = self._moment + timedelta(hours=rng.randrange(1, 60))
        if member.left:
            self._do(r.AddMember.model_validate({"member": rep, "traits": self._traits()}))
        elif rng.random() < 0.2:
            to = rng.choice([other for other in REPS if other != rep])
            leads_to = to if rng.random() < 0.5 else None
            self._do(r.RemoveMember(member=rep, leads_to=leads_to, customers_to=to))
        elif rng.random() < 0.4:
            self._do(r.ChangeMember.model_validate({"member": rep, "traits": self._traits()}))
        elif member.paused:
            self._do(r.ResumeMember(member=rep))
        else:
            self._do(r.PauseMember(member=rep, until=until if rng.random() < 0.5 else None))

    def _publish(self) -> None:
        document = self._policy()
        self.policies.append(document)
        self._do(r.PublishPolicy(policy=Policy.model_validate(document), calendar=self._calendar()))

    def _about(self, lead: Lead) -> None:
        if lead.status in (PUBLIC, QUEUE):
            self._unowned(lead)
        elif lead.status == PRIVATE:
            self._owned(lead)
        elif lead.status == CONVERTED:
            self._customer(lead)
        elif lead.status == DISQUALIFIED and self.rng.random() < 0.5:
            self._do(r.ReopenLead(lead=lead.id))
        else:
            self._do(r.ClaimLead(lead=lead.id), "rep/li")

    def _unowned(self, lead: Lead) -> None:
        rng = self.rng
        rep = rng.choice(REPS)
        chance = rng.random()
        if chance < 0.6:
            seen = lead.last - (rng.random() < 0.1)
            by = rng.choice((f"rep/{rep}", f"rep/{rep}", MANAGER))
            body = r.ClaimLead(lead=lead.id, rep=rep, if_sequence=rng.choice((None, seen)))
            self._do(body, by)
        elif chance < 0.75:
            self._do(r.AssignLead(lead=lead.id, to=rep, reason="x"), rng.choice((MANAGER, "marketing/mo")))
        elif chance < 0.82:
            self._do(r.RevealContact(lead=lead.id), f"rep/{rep}")
        elif chance < 0.87:
            self._do(r.DisqualifyLead(lead=lead.id, code="x"))
        elif chance < 0.9:
            self._do(r.TransferLead(lead=lead.id, to_pool=self.elsewhere))
        elif chance < 0.95:
            changed = self._company() if rng.random() < 0.3 else Company(region=rng.choice(REGIONS[:3]))
            self._do(r.EditLead(lead=lead.id, company=changed))
        else:
            self._merge(lead)

    def _merge(self, lead: Lead) -> None:
        self._do(r.MergeLeads(lead=lead.id, absorbed=self.rng.choice(self._lately)))

    def _owned(self, lead: Lead) -> None:
        rng = self.rng
        other, by = rng.choice(REPS), f"rep/{lead.owner}"
        until = self._moment + timedelta(hours=rng.randrange(1, 90))
        chance = rng.random()
        if chance < 0.3:
            outcome = rng.choice(("reached", "reached", "no_answer"))
            self._do(r.LogContact(lead=lead.id, outcome=outcome), rng.choice((by, MANAGER, f"rep/{other}")))
        elif chance < 0.42:
            self._do(r.ReturnLead(lead=lead.id), by)
        elif chance < 0.47:
            self._do(r.WithdrawLead(lead=lead.id, reason="x"))
        elif chance < 0.57:
            self._do(r.HandOverLead(lead=lead.id, to=other))
        elif chance < 0.67:
            until = self._moment + timedelta(hours=rng.randrange(1, 300))
            self._do(r.ProtectLead(lead=lead.id, until=until if rng.random() < 0.6 else None), by)
        elif chance < 0.71:
            self._do(r.UnprotectLead(lead=lead.id), by)
        elif chance < 0.79:
            member = rng.choice((other, "su"))
            expires = until if rng.random() < 0.6 else None
            self._do(r.AddCollaborator(lead=lead.id, member=member, expires=expires), by)
        elif chance < 0.81:
            self._do(r.RemoveCollaborator(lead=lead.id, member=other), by)
        elif chance < 0.85:
            self._merge(lead)
        elif chance < 0.9:
            self._do(r.DisqualifyLead(lead=lead.id, code="x"), by)
        elif chance < 0.94:
            self._do(r.ConvertLead(lead=lead.id), by)
        else:
            self._do(r.ClaimLead(lead=lead.id), f"rep/{other}")

    def _customer(self, lead: Lead) -> None:
        rng = self.rng
        if rng.random() < 0.5:
            value = Money.model_validate({"amount": rng.randrange(0, 900), "currency": "CNY"})
            self._do(r.RecordDeal(lead=lead.id, value=value), f"rep/{lead.owner}")
        elif rng.random() < 0.3 and self.pool.deals:
            recorded = rng.choice([*self.pool.deals, 1])
            known = self.pool.deals.get(recorded)
            of = lead.id if known is None or rng.random() < 0.2 else known.lead
            by = rng.choice((MANAGER, f"rep/{lead.owner}"))
            self._do(r.ReverseDeal(lead=of, recorded_sequence=recorded), by)
        elif rng.random() < 0.5:
            self._do(r.HandOverLead(lead=lead.id, to=rng.choice(REPS)))
        else:
            self._do(r.ConvertLead(lead=lead.id), f"rep/{lead.owner}")


def documents(scene: Scene) -> list[bytes]:
    """Every fact's document, chained."""
    last, found = GENESIS, []
    for event in scene.events:
        found.append(encode(event, last))
        last = hash_of(found[-1])
    return found


def main(seeds: list[str]) -> None:
    for seed in seeds:
        print(seed, hash_of(documents(RandomRequests(int(seed)).run(250).scene)[-1]))


if __name__ == "__main__":
    main(sys.argv[1:])
