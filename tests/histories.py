"""Hand-made histories: facts put into their places, for tests of what reads the log."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from eventsourcing.persistence import StoredEvent

from leadflow.domain import events as f
from leadflow.domain.policy import Calendar, Offset, Policy
from leadflow.domain.values import Company, Money, Person, ScorePart, Touch
from leadflow.log.envelope import GENESIS, encode, hash_of
from projections.base import Entry, entry_of

START = datetime(2026, 10, 1, 1, 0, tzinfo=UTC)
SHANGHAI = Calendar(offsets=(Offset(start=datetime(2020, 1, 1, tzinfo=UTC), minutes=480),))
REPS = ("wang", "li", "zhao", "chen")
CHANNELS = ("baidu_ads", "douyin_ads", "seo", "trade_show", "referral")


class History:
    """Facts in their places. Each call of `decide` is one decision."""

    def __init__(self, *, clock: str = "real", start: datetime = START, step_s: int = 60) -> None:
        self.events: list[f.Event] = []
        self.clock = clock
        self.now = start
        self.step = timedelta(seconds=step_s)
        self._last: dict[str, int] = {}
        self._requests = 0

    def decide(
        self,
        pool: str,
        *facts: tuple[str, f.Fact],
        actor: str = "manager/local",
        identity: str | None = None,
        policy: int = 1,
    ) -> f.Event:
        """One decision with these facts, each with its subject; returns the last one's event."""
        self.now += self.step
        self._requests += 1
        identity = identity or f"{actor}:{self._requests}"
        for index, (subject, fact) in enumerate(facts, 1):
            sequence = self._last[pool] = self._last.get(pool, 0) + 1
            event = f.Event(
                pool, sequence, self.now, subject, actor, identity, subject, index, len(facts), policy, fact
            )
            self.events.append(event)
        return self.events[-1]

    def open(self, pool: str, reps: Iterable[str] = REPS) -> None:
        """A pool in Shanghai's time, with its reps."""
        published = f.PolicyPublished(version=1, policy=Policy(), calendar=SHANGHAI)
        opened = f.PoolOpened.model_validate({"clock": self.clock})
        self.decide(pool, (pool, opened), ("policy", published))
        for rep in reps:
            self.decide(pool, (rep, f.MemberJoined(member=rep, role="rep")))

    def capture(self, pool: str, lead: str, *more: f.Fact, **touch: Any) -> f.Event:
        """A new lead, with further facts about it in the same decision."""
        number = abs(hash(lead)) % 10**8
        fact = f.LeadCaptured(
            touch=a_touch(f"ref-{lead}", **touch),
            person=Person(name="王小明", phones=(f"+86138{number:08d}",), note="a\tb\\c\nd"),
            company=Company(name="某某公司", industry="软件", size=50, region="上海"),
            asked=8,
            filled=6,
            score=40 + number % 60,
            breakdown=(ScorePart(rule="industry", points=20), ScorePart(rule="form", points=20)),
            score_class="B",
        )
        facts = [(lead, fact), *((lead, other) for other in more)]
        return self.decide(pool, *facts, actor="adapter/file", identity=f"intake/x:ref-{lead}")

    def documents(self) -> list[tuple[f.Event, bytes]]:
        """Every event with its document, chained."""
        last: dict[str, str] = {}
        documents = []
        for event in self.events:
            document = encode(event, last.get(event.pool, GENESIS))
            last[event.pool] = hash_of(document)
            documents.append((event, document))
        return documents

    def stored(self) -> list[StoredEvent]:
        """The events as a log's recorder takes them."""
        return [StoredEvent(e.pool, e.sequence, e.type, document) for e, document in self.documents()]

    def entries(self, *, late: timedelta = timedelta(seconds=5)) -> list[Entry]:
        """The events as projections read them, each recorded `late` after its time."""
        return [
            entry_of(position, event.time + late, document)
            for position, (event, document) in enumerate(self.documents(), 1)
        ]


def a_touch(ref: str, channel: str = "baidu_ads", **more: Any) -> Touch:
    """A touch through a channel."""
    return Touch(channel=channel, ref=ref, door="file", **more)


def yuan(amount: str | int) -> Money:
    """An amount in CNY."""
    return Money(amount=Decimal(amount), currency="CNY")


def rotation(to: str, reps: Sequence[str] = REPS, *, until: datetime | None = None) -> f.LeadAssigned:
    """An assignment by rotation, for which all but the last of `reps` were eligible."""
    candidates = [f.Candidate(rep=rep, weight=2 if rep == reps[0] else 1, had=1) for rep in reps[:-1]]
    candidates.append(f.Candidate(rep=reps[-1], skipped="paused"))
    return f.LeadAssigned(
        to=to,
        mode="rotation",
        rule="everything",
        group="sales",
        order="weighted",
        shares=f.Shares(sequence=2, time=START, turn=1),
        candidates=tuple(candidates),
        until=until,
    )


class RandomHistory(History):
    """A team's life, thrown with a seed: consistent facts of every kind, in no policy's likely order."""

    def __init__(self, seed: int, *, pools: Sequence[str] = ("east", "west"), clock: str = "real") -> None:
        super().__init__(clock=clock, step_s=30)
        self.random = random.Random(seed)
        self.pools = pools
        self.leads: dict[str, tuple[str, str, str | None]] = {}
        """Live lead → pool, status, owner."""
        self._number = 0
        for pool in pools:
            self.open(pool)
        self._listed: list[str] = []
        self.deals: dict[str, list[f.Event]] = {}

    def run(self, events: int) -> RandomHistory:
        """Go on until there are so many events."""
        while len(self.events) < events:
            self.step_once()
        return self

    def step_once(self) -> None:
        """One decision."""
        if not self._listed or self.random.random() < 0.22:
            self._arrive()
            return
        # Mostly what came lately is worked on.
        back = min(int(self.random.expovariate(1 / 200)) + 1, len(self._listed))
        lead = self._listed[-back]
        pool, status, owner = self.leads[lead]
        if status == "public":
            self._public(lead, pool)
        elif status == "private" and owner is not None:
            self._private(lead, pool, owner)
        elif status == "converted" and owner is not None:
            self._customer(lead, pool, owner)
        elif status == "disqualified" and self.random.random() < 0.2:
            self.decide(pool, (lead, f.LeadReopened(cause="manual")))
            self.leads[lead] = (pool, "public", None)

    def _arrive(self) -> None:
        if self.random.random() < 0.03:
            self._spend()
            return
        self._number += 1
        pool, lead = self.random.choice(self.pools), f"lead-{self._number:06d}"
        touch: dict[str, Any] = {
            "channel": self.random.choice(CHANNELS),
            "campaign": self.random.choice(("autumn", "double11", None)),
            "occurred_at": self.now - timedelta(hours=self.random.randrange(30)),
            "utm": {"source": "x"},
        }
        if self.random.random() < 0.4:
            touch |= {"cost": yuan("12.50"), "cost_basis": "unit_cost"}
        rep = self.random.choice(REPS[:-1])
        if self.random.random() < 0.5:
            self.capture(pool, lead, rotation(rep, until=self.now + timedelta(days=3)), **touch)
            self.leads[lead] = (pool, "private", rep)
        else:
            self.capture(pool, lead, **touch)
            self.leads[lead] = (pool, "public", None)
        self._listed.append(lead)

    def _spend(self) -> None:
        first = date(2026, 10, 1) + timedelta(days=7 * self.random.randrange(6))
        fact = f.SpendRecorded(
            channel=self.random.choice(CHANNELS),
            campaign=self.random.choice(("autumn", None)),
            first_day=first,
            last_day=first + timedelta(days=6),
            spend=yuan(self.random.randrange(100, 10_000)),
        )
        self.decide("_company", (fact.channel, fact))

    def _public(self, lead: str, pool: str) -> None:
        chance, rep = self.random.random(), self.random.choice(REPS)
        until = self.now + timedelta(days=3)
        if chance < 0.5:
            claimed = f.LeadClaimed(rep=rep, until=until, chosen=chance < 0.1, score_class="B")
            event = self.decide(pool, (lead, claimed), actor="manager/ma" if chance < 0.02 else f"rep/{rep}")
            self.leads[lead] = (pool, "private", rep)
            for other in REPS[: self.random.randrange(3)]:
                refused = f.RequestRefused(
                    request="ClaimLead",
                    reason="already_owned",
                    winner=rep,
                    position=event.sequence,
                    rep=other,
                )
                self.decide(pool, (lead, refused), actor=f"rep/{other}")
        elif chance < 0.6:
            failed = f.AssignmentFailed(mode="rotation", group="sales", reason="nobody_available")
            self.decide(pool, (lead, failed), actor="system/clock")
        elif chance < 0.65:
            self.decide(pool, (lead, f.LeadAssigned(queue="managers", mode="directed", rule="best")))
        elif chance < 0.75:
            self.decide(pool, (lead, f.LeadAssigned(to=rep, mode="manual", until=until)))
            self.leads[lead] = (pool, "private", rep)
        elif chance < 0.8:
            self.decide(pool, (lead, f.ContactRevealed(by=rep)), actor=f"rep/{rep}")
        elif chance < 0.85:
            self._merge(lead, pool)
        elif chance < 0.9:
            self._transfer(lead, pool)
        else:
            self._touch(lead, pool, "public", None)

    def _touch(self, lead: str, pool: str, status: str, owner: str | None) -> None:
        fact = f.TouchRecorded(
            touch=a_touch(f"again-{len(self.events)}", self.random.choice(CHANNELS), cost=yuan(3)),
            person=Person(phones=("+8613900000000",), emails=(f"{lead}@example.com",)),
            company=Company(city="上海"),
            matched_by="phone",
            status=status,
            owner=owner,
        )
        rescored = f.LeadRescored(score=77, before=40, score_class="A")
        self.decide(pool, (lead, fact), (lead, rescored), actor="adapter/file")

    def _merge(self, lead: str, pool: str) -> None:
        other = self.random.choice(self._listed)
        if other == lead or self.leads[other][0] != pool or self.leads[other][1] not in ("public", "private"):
            return
        merged = f.LeadsMerged(
            absorbed=other,
            absorbed_owner=self.leads[other][2],
            person=Person(name="王", phones=("+8613900000001",), reason="same person"),
            touches=(a_touch(f"ref-{other}"),),
        )
        self.decide(pool, (lead, merged))
        self.leads[other] = (pool, "merged", None)

    def _transfer(self, lead: str, pool: str) -> None:
        to = next((other for other in self.pools if other != pool), None)
        if to is None:
            return
        whole: dict[str, Any] = {"person": Person(phones=("+861",)), "touches": (a_touch(f"ref-{lead}"),)}
        out = self.decide(pool, (lead, f.LeadTransferredOut(to_pool=to, received_as="transfer:x", **whole)))
        known = [o for o in self._listed[-50:] if self.leads[o][:2] == (to, "public")]
        into = self.random.choice(known) if known and self.random.random() < 0.3 else None
        taken = f.LeadTransferredIn(from_pool=pool, from_fact=out.id, into=into, score=50, **whole)
        self.decide(to, (into or lead, taken), actor="system/transfer")
        self.leads[lead] = (to, "merged" if into else "public", None)

    def _private(self, lead: str, pool: str, owner: str) -> None:
        chance, other = self.random.random(), self.random.choice(REPS)
        until, actor = self.now + timedelta(days=3), f"rep/{owner}"
        if chance < 0.5:
            counts = self.random.random() < 0.7
            fact: f.Fact = f.ContactLogged(
                by=owner, outcome="reached" if counts else "no_answer", counts=counts, until=until
            )
            self.decide(pool, (lead, fact), actor=actor)
        elif chance < 0.55:
            self.decide(
                pool, (lead, f.RecycleWarned(rep=owner, until=until, before="1d")), actor="system/clock"
            )
        elif chance < 0.7:
            reason = self.random.choice(("no_first_contact", "inactive", "returned", "withdrawn"))
            fact = f.LeadRecycled.model_validate({"rep": owner, "reason": reason, "since": self.now})
            self.decide(pool, (lead, fact), actor="system/clock")
            self.leads[lead] = (pool, "public", None)
        elif chance < 0.76 and other != owner:
            self.decide(pool, (lead, f.LeadHandedOver(from_rep=owner, to=other, until=until)))
            self.leads[lead] = (pool, "private", other)
        elif chance < 0.8:
            self.decide(pool, (lead, f.CollaboratorAdded(member=other, expires=until)), actor=actor)
        elif chance < 0.82:
            self.decide(pool, (lead, f.CollaboratorRemoved(member=other, reason="removed")), actor=actor)
        elif chance < 0.84:
            self.decide(pool, (lead, f.LeadProtected(rep=owner, until=until)), actor=actor)
        elif chance < 0.86:
            self.decide(pool, (lead, f.ProtectionEnded(rep=owner, reason="ended", until=until)), actor=actor)
        elif chance < 0.88:
            changed = f.LeadDetailsChanged(person=Person(name="李"), company=Company(region="广东"))
            self.decide(pool, (lead, changed))
        elif chance < 0.91:
            self._touch(lead, pool, "private", owner)
        elif chance < 0.95:
            self.decide(pool, (lead, f.LeadDisqualified(by=owner, code="no_budget", owner=owner)))
            self.leads[lead] = (pool, "disqualified", None)
        else:
            self._convert(lead, pool, owner)

    def _convert(self, lead: str, pool: str, owner: str) -> None:
        fact = f.LeadConverted(
            customer=f"customer-{lead}",
            owner=owner,
            person=Person(name="王", phones=("+8613800000000",), answers={"budget": "10万"}),
            company=Company(name="某某公司"),
            touches=(a_touch(f"ref-{lead}"),),
            contacts=2,
            score=50,
            captured_sequence=1,
        )
        self.decide(pool, (lead, fact), actor=f"rep/{owner}")
        self.leads[lead] = (pool, "converted", owner)

    def _customer(self, lead: str, pool: str, owner: str) -> None:
        chance, other = self.random.random(), self.random.choice(REPS)
        if chance < 0.5:
            value = yuan(self.random.randrange(1, 100_000))
            if chance < 0.05:
                value = Money(amount=Decimal("99.90"), currency="USD")
            deal = f.DealRecorded(customer=f"customer-{lead}", value=value, deal="no. 7", owner=owner)
            event = self.decide(pool, (lead, deal), actor=f"rep/{owner}")
            self.deals.setdefault(lead, []).append(event)
        elif chance < 0.55 and self.deals.get(lead):
            self._reverse(lead, pool)
        elif chance < 0.65 and other != owner:
            fact = f.CustomerHandedOver(customer=f"customer-{lead}", from_rep=owner, to=other)
            self.decide(pool, (lead, fact))
            self.leads[lead] = (pool, "converted", other)
        else:
            self._touch(lead, pool, "converted", owner)

    def _reverse(self, lead: str, pool: str) -> None:
        recorded = self.deals[lead].pop(self.random.randrange(len(self.deals[lead])))
        deal = recorded.data
        assert isinstance(deal, f.DealRecorded)
        given = {name: getattr(deal, name) for name in ("customer", "value", "deal", "owner")}
        given |= {"day": (recorded.time + timedelta(hours=8)).date()}
        self.decide(pool, (lead, f.DealReversed(recorded_sequence=recorded.sequence, **given)))
