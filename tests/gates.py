"""Inlets on a real server: what tests of channels send by, on a pool with the default policy."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from leadflow.bootstrap.inlets import KINDS, Inlet, Made, options_of
from leadflow.calendars import build_calendar
from leadflow.domain.events import LeadCaptured, TouchRecorded
from leadflow.domain.requests import OpenPool
from leadflow.intake.channels.base import Call
from leadflow.intake.mapping import MappingFile
from leadflow.log.envelope import decode
from leadflow.policies import default_policy
from leadflow.records import DeadLetter
from tests.doors import WAIT_S, Door, door, office_template
from tests.vendors import Vendor, vendors

__all__ = ["Gate", "door", "gate", "office_template", "vendor"]

POOL = "month"


class Gate:
    """An API with a pool that declares every channel, and inlets of it."""

    def __init__(self, door: Door) -> None:
        self.door = door
        self.app = door.app
        self.http = httpx.Client(base_url=door.address, timeout=2 * WAIT_S)
        self.made: dict[str, Made] = {}
        policy = default_policy()
        body = OpenPool(policy=policy, calendar=build_calendar(policy, datetime.now(UTC).date()))
        door.office.ask("manager/local", body, POOL)
        self.app.settle()

    def add(self, kind: str, name: str = "gate", **how: Any) -> Made:
        """A new inlet into the pool, unless `pool` says otherwise."""
        known = KINDS[kind]
        options = how.pop("options", {})
        secret = how.pop("secret", "secret-of-the-app" if known.given_secret else None)
        columns = how.pop("columns", {})
        found = Inlet(
            id=name,
            kind=kind,
            channel=how.pop("channel", known.channel),
            pool=how.pop("pool", POOL),
            mapping=MappingFile(columns=columns),
            options=options_of(known, options),
            **how,
        )
        made = self.app.inlets.add(found, by="manager/local", now=datetime.now(UTC), secret=secret)
        self.made[name] = made
        return made

    def inlet(self, name: str = "gate") -> Inlet:
        """The inlet with its secrets."""
        return self.app.inlets.get(name).at(datetime.now(UTC))

    def example(self, name: str = "gate", at: datetime | None = None) -> Call:
        """The documented example of the inlet's kind, proved for this inlet at this time."""
        inlet = self.inlet(name)
        return KINDS[inlet.kind].example(inlet, at or datetime.now(UTC))

    def send(self, call: Call, name: str = "gate", status: int = 200, **how: Any) -> httpx.Response:
        """A call's answer, which must have this status."""
        path = f"/in/{name}" + (f"/{call.path_secret}" if call.path_secret else "")
        found = self.http.post(path, content=call.body, headers=dict(call.headers), **how)
        assert found.status_code == status, f"{found.status_code} {found.text}"
        return found

    def post(self, document: Any, name: str = "gate", status: int = 200, **headers: str) -> httpx.Response:
        """A form, as JSON, with headers (`_` for `-`)."""
        named = {key.replace("_", "-"): value for key, value in headers.items()}
        found = self.http.post(f"/in/{name}", json=document, headers=named)
        assert found.status_code == status, f"{found.status_code} {found.text}"
        return found

    def arrived(self) -> list[Any]:
        """The data of every fact of an arrival, in their order: touch, person, company."""
        kinds = [LeadCaptured.TYPE, TouchRecorded.TYPE]
        found = [decode(stored.state) for _, _, stored in self.app.log.read_all(topics=kinds)]
        return [event.data for event in found if event.pool == POOL]

    def letters(self) -> list[DeadLetter]:
        """The dead letters that wait."""
        return self.app.dead_letters.list()


@pytest.fixture
def gate(door: Door) -> Iterator[Gate]:
    """A pool with the default policy, behind the API."""
    found = Gate(door)
    yield found
    found.http.close()


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    """A server that plays the vendors."""
    with vendors() as played:
        yield played
