"""What a simulated company asks of its deciders: three pools on two partitions, and strangers' records."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from datetime import timedelta
from random import Random
from typing import NamedTuple

from eventsourcing.persistence import StoredEvent
from kafka.structs import TopicPartition

from consumers.work import Memory
from leadflow.deciding import Batch
from leadflow.domain import requests as r
from leadflow.domain.policy import Policy
from leadflow.domain.requests import Request
from leadflow.domain.values import derived_id
from leadflow.log.envelope import encode_request
from leadflow.log.kafka.records import CONTENT_TYPE
from leadflow.log.kafka.topics import TopicNames
from leadflow.log.partitioning import partition_of
from tests.team import NOON, PLAIN, arrival, claim, joining, opening, request
from tests.undisturbed import rules_over

NAMES = TopicNames.of("sim")
PARTITIONS = 2
POOLS = ("east", "west", "north")
"""The first and the last share a partition."""
NOWHERE = "nowhere"
"""A pool that nobody has opened."""
REPS = ("wang", "li")
LEADS = 2
"""Leads that each pool has to begin with."""
HUGE = "huge-"
"""Arrivals with this in their reference have outcomes that the log does not take."""
BUGGY = "buggy-"
"""Deciding these meets a bug."""

_RULES = PLAIN.model_dump(mode="json")
_RULES["channels"] = {"web_form": {}, "seo": {}}
_RULES["rules"] = [
    {"name": "turns", "when": {"channel": ["seo"]}, "target": {"rotation": "sales"}},
    {"name": "rest", "target": {"hold": True}},
]
_RULES["follow_up"] |= {"first_contact_within": "2s", "keep_for": "3s", "warn_before": ["1s"]}
_RULES["recycling"] |= {"assign_after": "10s", "fallback": "sales"}
HASTY = Policy.model_validate(_RULES)
"""Everything is due within seconds."""
STRUCTURED = (("content-type", CONTENT_TYPE.encode()),)


def home_of(pool: str) -> int:
    """The partition of a pool."""
    return partition_of(pool, PARTITIONS)


@functools.cache
def beginning() -> tuple[StoredEvent, ...]:
    """What the log holds when a simulation begins."""
    streams = Memory()
    rules, batch = rules_over(streams), Batch()
    for pool in POOLS:
        numbers = range(LEADS)
        asked = [opening(pool, HASTY), *joining(REPS, pool), *(arrival(number, pool) for number in numbers)]
        for one in asked:
            rules.decide(one, NOON - timedelta(seconds=5), batch)
    return tuple(batch.stored)


class Sent(NamedTuple):
    """A record that somebody sends."""

    place: TopicPartition
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = STRUCTURED


def _known(pool: str, number: int) -> str:
    return derived_id("lead", pool, f"intake/web_form:form-{number}")


class Company:
    """Requests, by chance; the same chance asks the same."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self._arrived = dict.fromkeys(POOLS, LEADS)
        self._sent: list[Sent] = []
        self._number = 0

    def asks(self, count: int) -> Iterator[Sent]:
        """So many records, some of them more than once."""
        for _ in range(count):
            chance = self._chance.random()
            if chance < 0.12 and self._sent:
                sent = self._chance.choice(self._sent)
            elif chance < 0.2:
                sent = self._strange()
            else:
                sent = self._placed(self._request())
            self._sent.append(sent)
            yield sent

    def _request(self) -> Request:
        chance = self._chance
        self._number += 1
        pool, rep = chance.choice(POOLS), chance.choice(REPS)
        lead = _known(pool, chance.randrange(self._arrived[pool]))
        name = f"{self._number}"
        kind = chance.random()
        if kind < 0.25:
            return self._arrival(pool)
        if kind < 0.6:
            return claim(rep, lead, name, pool)
        if kind < 0.7:
            return request(r.LogContact(lead=lead, outcome="reached"), name, f"rep/{rep}", pool)
        if kind < 0.78:
            return request(r.ReturnLead(lead=lead), name, f"rep/{rep}", pool)
        if kind < 0.86:
            return request(r.ClaimNext(), name, f"rep/{rep}", pool)
        if kind < 0.9:
            # The same identity as another one's, with something else in it.
            return claim(rep, lead, f"{chance.randint(1, self._number)}", pool)
        other = chance.choice([*(one for one in POOLS if one != pool), NOWHERE])
        return request(r.TransferLead(lead=lead, to_pool=other), name, pool=pool)

    def _arrival(self, pool: str) -> Request:
        number = self._arrived[pool]
        if self._chance.random() < 0.2:
            return arrival(self._chance.randrange(number), pool)
        self._arrived[pool] += 1
        found = arrival(number, pool)
        if self._chance.random() < 0.3 and isinstance(found.body, r.SubmitIntake):
            touch = found.body.touch.model_copy(update={"channel": "seo"})
            return r.intake_request(pool, "adapter/web", found.body.model_copy(update={"touch": touch}))
        return found

    def _placed(self, found: Request, at: int | None = None) -> Sent:
        intake = isinstance(found.body, r.SubmitIntake)
        topic = NAMES.intake if intake else NAMES.commands
        place = TopicPartition(topic, home_of(found.pool) if at is None else at)
        return Sent(place, found.pool.encode(), encode_request(found))

    def _strange(self) -> Sent:
        """What is unreadable, in the wrong place, too large, or meets a bug."""
        chance = self._chance
        pool, kind = chance.choice(POOLS), chance.random()
        at, topic = home_of(pool), chance.choice((NAMES.intake, NAMES.commands))
        if kind < 0.2:
            return Sent(TopicPartition(topic, at), pool.encode(), chance.randbytes(5))
        if kind < 0.3:
            return Sent(TopicPartition(topic, at), pool.encode(), None)
        if kind < 0.4:
            return self._placed(request(r.ClaimNext(), "x", "rep/wang", NOWHERE))
        if kind < 0.7:
            return self._placed(self._arrival(pool), 1 - at)
        self._number += 1
        found = arrival(1_000 + self._number, pool, f"{BUGGY if kind < 0.85 else HUGE}{self._number}")
        if kind < 0.85 or not isinstance(found.body, r.SubmitIntake):
            return self._placed(found)
        person = found.body.person.model_copy(update={"answers": {"essay": "x" * 10_000}})
        return self._placed(
            r.intake_request(pool, "adapter/web", found.body.model_copy(update={"person": person}))
        )
