"""Two teams with leads of every standing, for the test of who may see and do what over HTTP."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from leadflow.calendars import build_calendar
from leadflow.domain import requests as r
from leadflow.policies import load
from tests.doors import Door, open_door
from tests.office import EMAIL, NAME, POLICY, WECHAT

UNLIMITED = (
    POLICY.replace("held_at_once = 4", "held_at_once = 100000")
    .replace("reveals_per_day = 1", "reveals_per_day = 100000")
    .replace("protected_per_rep = 1", "protected_per_rep = 100000")
    .replace('name = "office"', 'name = "unlimited"')
)
WEST = {"wen": "marketing", "sun": "support"}
"""Who joins zhao and mo in the other pool, so that every role of a pool is there twice."""
NOTE = "想看演示"
KINDS = ("public", "mine", "shared", "other", "customer", "away", "away_public")
"""Of leads: nobody's; wang's; li's, shared with wang and su; li's; wang's customer; and in the other pool
zhao's, and nobody's."""


class Scene:
    """The API, the teams, and leads as they are asked for."""

    def __init__(self, door: Door) -> None:
        self.door = door
        self.days: list[str] = []
        """For which spend was recorded."""
        self._joined: set[str] = set()
        self._numbers = iter(range(10**6))
        self._http = httpx.Client(base_url=door.address, timeout=120)
        self._tokens: dict[tuple[str, tuple[str, ...]], str] = {}
        for pool, people in (("east", {}), ("west", WEST)):
            policy = load(self.policy())
            body = r.PublishPolicy(policy=policy, calendar=build_calendar(policy, datetime.now(UTC).date()))
            door.office.ask("manager/local", body, pool)
            for member, role in people.items():
                joins = r.AddMember.model_validate({"member": member, "role": role})
                door.office.ask("manager/local", joins, pool)
        self.standing = {kind: self.lead(kind) for kind in KINDS}
        """One lead of each kind, to be looked at and left as it is."""
        door.app.settle()

    def policy(self) -> str:
        """A policy that can be put in force."""
        return UNLIMITED.replace('["wang", "li"]', '"all"')

    def member(self, pool: str, name: str) -> None:
        """See that there is a rep of this name."""
        if name not in self._joined:
            self._joined.add(name)
            joins = r.AddMember.model_validate({"member": name, "role": "rep"})
            self.door.office.ask("manager/local", joins, pool)

    def pool_of(self, kind: str) -> str:
        """Where leads of a kind are."""
        return "west" if kind.startswith("away") else "east"

    def phone(self) -> str:
        """A number that nobody else has."""
        return f"+861391{next(self._numbers):07}"

    def lead(self, kind: str) -> str:
        """A new lead of this kind."""
        office, pool = self.door.office, self.pool_of(kind)
        lead = office.arrives(uuid.uuid4().hex, pool=pool, phone=self.phone())
        owner = {"mine": "wang", "customer": "wang", "shared": "li", "other": "li", "away": "zhao"}.get(kind)
        if owner is not None:
            office.ask(f"rep/{owner}", r.ClaimLead(lead=lead), pool)
        if kind == "shared":
            for member in ("wang", "su"):
                office.ask("rep/li", r.AddCollaborator(lead=lead, member=member), pool)
        if kind == "customer":
            office.ask("rep/wang", r.ConvertLead(lead=lead), pool)
        return lead

    def answer(
        self, actor: str, method: str, path: str, document: Any = None, scopes: tuple[str, ...] = ()
    ) -> httpx.Response:
        """What the API answers to somebody with a token, whatever it is."""
        return self._http.request(method, path, json=document, headers=self._token(actor, scopes))

    def with_headers(self, actor: str, method: str, path: str, headers: dict[str, str]) -> httpx.Response:
        """The same with headers."""
        return self._http.request(method, path, headers=headers | self._token(actor, ()))

    def nobody(self, method: str, path: str, document: Any = None) -> httpx.Response:
        """What the API answers to whom it does not know."""
        return self._http.request(method, path, json=document)

    def _token(self, actor: str, scopes: tuple[str, ...]) -> dict[str, str]:
        asked = (actor, scopes)
        if asked not in self._tokens:
            self._tokens[asked] = self.door.token(actor, *scopes)
        return {"Authorization": f"Bearer {self._tokens[asked]}"}

    def close(self) -> None:
        """Hang up."""
        self._http.close()


def told(text: str) -> list[str]:
    """What a text tells of people: name, contact points, note."""
    return [part for part in (NAME, EMAIL, WECHAT, NOTE, "+861391", "1391000") if part in text]


@contextmanager
def open_scene(url: str, home: Path) -> Iterator[Scene]:
    """The scene on a database."""
    with open_door(url, home) as door:
        scene = Scene(door)
        try:
            yield scene
        finally:
            scene.close()
