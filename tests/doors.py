"""The HTTP API over a real server, on a database of the test's own with two teams: see `tests.office`."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from leadflow import postgres
from leadflow.api import changes, inlets
from leadflow.api.server import HttpServer
from leadflow.bootstrap.app import App
from leadflow.bootstrap.identities import SCOPES
from leadflow.bootstrap.opening import open_app
from leadflow.bootstrap.serving import Service, open_service
from leadflow.domain.requests import Body
from leadflow.settings import Settings
from tests.office import Office, office_template

__all__ = ["Client", "Door", "door", "office_template"]

PROBLEM = "application/problem+json"
WAIT_S = 300.0
"""How long may be waited for what a busy machine does: as long as a caller asks to, and for outcomes."""
changes.WAIT_S_MAX = inlets.WAIT_S = WAIT_S


class Client:
    """Calls of one actor."""

    def __init__(self, http: httpx.Client, token: str | None) -> None:
        self._http = http
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def __call__(
        self, method: str, path: str, *, status: int = 200, headers: dict[str, str] | None = None, **how: Any
    ) -> httpx.Response:
        """The answer, which must have this status."""
        found = self.any(method, path, headers=headers, **how)
        assert found.status_code == status, f"{method} {path}: {found.status_code} {found.text}"
        if status >= 400:
            assert found.headers["content-type"] == PROBLEM, found.headers
            assert found.json()["status"] == status
        return found

    def any(
        self, method: str, path: str, *, headers: dict[str, str] | None = None, **how: Any
    ) -> httpx.Response:
        """The answer, whatever its status."""
        return self._http.request(method, path, headers=self._headers | (headers or {}), **how)

    def get(self, path: str, **how: Any) -> Any:
        """The document at a path."""
        return self("GET", path, **how).json()

    def post(self, path: str, document: Any = None, **how: Any) -> Any:
        """The answer to a document."""
        return self("POST", path, json=document, **how).json()


class SettledOffice(Office):
    """What is asked for beside the API can be read at once."""

    def ask(self, actor: str, body: Body, pool: str = "east") -> Any:
        """The outcome of a request that no rule refuses."""
        outcome = super().ask(actor, body, pool)
        self.app.settle(fire=False)
        return outcome


class Door:
    """The API and the people who call it."""

    def __init__(self, service: Service, server: HttpServer, prefer: str | None = None) -> None:
        """`prefer` is what callers prefer who say nothing of it."""
        self.service = service
        self.server = server
        self.address = address = server.address
        self.office = SettledOffice(service.app)
        headers = {"Prefer": prefer} if prefer else {}
        self._http = httpx.Client(base_url=address, headers=headers, timeout=2 * WAIT_S)
        self._clients: dict[tuple[str, tuple[str, ...]], Client] = {}

    @property
    def app(self) -> App:
        """What answers."""
        return self.service.app

    def as_(self, actor: str, *scopes: str) -> Client:
        """Somebody with a token of these scopes; of all of them where none is named."""
        asked = (actor, scopes)
        if asked not in self._clients:
            self._clients[asked] = Client(self._http, self.token(actor, *scopes))
        return self._clients[asked]

    def token(self, actor: str, *scopes: str) -> str:
        """The text of a new token."""
        _, text = self.app.identities.tokens.create(
            name=uuid.uuid4().hex[:12],
            actor=actor,
            scopes=scopes or SCOPES,
            lasts=timedelta(days=1),
            by="manager/local",
        )
        return text

    def nobody(self) -> Client:
        """Somebody without a token."""
        return Client(self._http, None)

    def close(self) -> None:
        """Hang up."""
        self._http.close()


@contextmanager
def open_door(url: str, home: Path, **settings: Any) -> Iterator[Door]:
    """The API on a database. Who plays the vendors answers on this machine."""
    settings = {"vendor_private": "allow", **settings}
    given = Settings(home=home, database_url=url, http="127.0.0.1:0", **settings)
    with (
        open_app(given, wait_s=WAIT_S) as app,
        open_service(app) as service,
        HttpServer(service, given.http) as server,
    ):
        found = Door(service, server)
        try:
            yield found
        finally:
            found.close()


@pytest.fixture
def door(pg_url: str, office_template: str, tmp_path: Path) -> Iterator[Door]:
    """The API on a database of this test's own, with both teams."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    url = postgres.create_database(pg_url, name, template=office_template)
    with open_door(url, tmp_path / "home") as found:
        yield found
    postgres.drop_database(pg_url, name)
