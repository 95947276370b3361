"""Two pools with unusual rules that give leads to each other, in one log."""

from __future__ import annotations

import random
from datetime import date, datetime
from typing import Self

from leadflow.deciding import TRANSFER_ACTOR
from leadflow.domain import events as e
from leadflow.domain import requests as r
from leadflow.log.envelope import GENESIS, encode, hash_of
from projections.base import Entry, entry_of
from tests.reference.unusual import UnusualRequests


class Team(UnusualRequests):
    """One of the two pools; what comes from elsewhere comes from the other."""

    def _receive(self) -> None:
        """A lead goes to the other pool."""
        free = [x.id for x in self.pool.leads.values() if x.status in ("public", "queue")]
        if free:
            self._do(r.TransferLead(lead=self.rng.choice(free), to_pool=self.elsewhere))

    def take_in(self, event: e.Event, data: e.LeadTransferredOut) -> None:
        """The other half of a transfer, as the engine asks for it."""
        body = r.ReceiveTransfer(
            lead=event.subject,
            from_pool=event.pool,
            from_fact=event.id,
            person=data.person.model_copy(update={"reason": None}),
            company=data.company,
            touches=data.touches,
            asked=data.asked,
            filled=data.filled,
        )
        self._moment = max(self._moment, event.time)
        self._do(body, TRANSFER_ACTOR)
        self._note()


class Pair:
    """Both pools and the order of all their facts."""

    def __init__(self, seed: int) -> None:
        self.teams = {pool: Team(seed * 2 + at, pool) for at, pool in enumerate(("east", "west"))}
        self.pools = tuple(self.teams)
        self.events: list[e.Event] = []
        self._rng = random.Random(seed)
        self._seen = dict.fromkeys(self.pools, 0)
        self._collect()

    def run(self, requests: int) -> Self:
        """So many requests more, to either."""
        for _ in range(requests):
            self.teams[self._rng.choice(self.pools)].run(1)
            self._collect()
        return self

    def _collect(self) -> None:
        for pool, team in self.teams.items():
            new = team.scene.events[self._seen[pool] :]
            self._seen[pool] += len(new)
            self.events += new
            for event in new:
                if isinstance(event.data, e.LeadTransferredOut):
                    self.teams[event.data.to_pool].take_in(event, event.data)
        if any(self._seen[pool] < len(team.scene.events) for pool, team in self.teams.items()):
            self._collect()

    def day(self, pool: str, moment: datetime) -> date:
        """The pool's local day of a moment."""
        return self.teams[pool].compared.history.clock.day(moment)

    def entries(self) -> list[Entry]:
        """The facts as projections read them."""
        last = dict.fromkeys(self.pools, GENESIS)
        found = []
        for position, event in enumerate(self.events, 1):
            document = encode(event, last[event.pool])
            last[event.pool] = hash_of(document)
            found.append(entry_of(position, event.time, document))
        return found
