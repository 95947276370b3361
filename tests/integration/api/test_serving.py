"""The server: when what it needs is away, when it ends, and in a process of its own."""

from __future__ import annotations

import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from leadflow import postgres
from leadflow.bootstrap import serving
from leadflow.bootstrap.identities import SCOPES
from leadflow.log.embedded import EmbeddedLog
from leadflow.settings import Settings
from tests.doors import Client, Door, door, office_template, open_door
from tests.integration.api.test_leads import path_of
from tests.office import Office
from tests.processes import environment, leadflow, opened, running, until

__all__ = ["door", "office_template"]


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory for data directories that Postgres' own user may enter, too."""
    directory = Path(tempfile.mkdtemp(prefix="leadflow-"))
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


def test_while_the_database_is_away_nothing_is_said_to_be_done(door: Door) -> None:
    lead = door.office.arrives("card-1")
    wang = door.as_("rep/wang")
    wang.get(path_of(lead))
    # Here nobody is to wait for long.
    door.app.database.serve(serving.CONNECTIONS_MAX, 3.0)
    name = postgres.parameters(door.app.database.url)["dbname"]
    server = postgres.with_database(door.app.database.url, "postgres")
    with postgres.connect(server) as connection:
        connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false'.encode())
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,)
        )
        for call in (
            wang("GET", path_of(lead), status=503),
            wang("POST", path_of(lead) + "/claim", status=503),
        ):
            assert call.headers["Retry-After"]
            assert call.json()["type"] == "/problems/unavailable"
        connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true'.encode())
    until(lambda: _claimed(wang, lead))


def _claimed(wang: Client, lead: str) -> bool:
    key = {**wang._headers, "Idempotency-Key": "again"}
    return wang._http.post(path_of(lead) + "/claim", headers=key).status_code == 200


def test_what_is_under_way_is_answered_before_the_end(
    pg_url: str, office_template: str, tmp_path: Path
) -> None:
    name = f"test_{uuid.uuid4().hex[:12]}"
    url = postgres.create_database(pg_url, name, template=office_template)
    found: list[int] = []
    with open_door(url, tmp_path / "home") as door:
        lead = door.office.arrives("card-1")
        wang = door.as_("rep/wang")
        wang.get(path_of(lead))

        def claim() -> None:
            found.append(wang("POST", path_of(lead) + "/claim").status_code)

        with EmbeddedLog(url) as other, other.lock(["east"]):
            caller = threading.Thread(target=claim)
            caller.start()
            until(lambda: _waits(url))
            ending = threading.Thread(target=door.server.close)
            ending.start()
            until(lambda: door.service.stopping.is_set())
        caller.join()
        ending.join()
        with pytest.raises(httpx.ConnectError):
            httpx.get(door.address)
    assert found == [200]
    postgres.drop_database(pg_url, name)


def _waits(url: str) -> bool:
    """Whether somebody waits for the lock of a pool."""
    with postgres.connect(url) as connection:
        query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'advisory' AND datname = %s"
        row = connection.execute(query, (postgres.parameters(url)["dbname"],)).fetchone()
    return row is not None and row[0] > 0


@contextmanager
def served(home: Path, command: str = "api") -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process that answers over HTTP, and its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "leadflow.cli", command, "--http", "127.0.0.1:0"],
        env=environment(home),
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    said = ""
    while "is running" not in said:
        line = process.stderr.readline()
        assert line, f"it ended: {said}"
        said += line
    address = re.search(r"http://[\d.:]+", said)
    assert address is not None, said
    try:
        yield process, address[0]
        process.send_signal(signal.SIGTERM)
        assert process.wait(120) == 0, process.stderr.read()
    finally:
        process.kill()
        process.wait(120)
        process.stderr.close()


def prepared(home: Path) -> str:
    """A data directory with a pool; the text of its manager's token."""
    with opened(home) as app:
        office = Office(app)
        office.open("east", {"ma": "manager", "wang": "rep"})
        return app.identities.tokens.create(
            name="ma", actor="manager/ma", scopes=SCOPES, lasts=timedelta(days=1), by="manager/local"
        )[1]


def test_a_process_of_its_own_decides_or_hands_on(place: Path) -> None:
    home = place / "home"
    text = prepared(home)
    with served(home) as (_, address), httpx.Client(base_url=address, timeout=120) as http:
        ma = Client(http, text)

        def arrives(number: int) -> None:
            fields = {"phone": f"138001{number:05}"}
            told = ma.post(
                "/v1/pools/east/intake", {"channel": "web_form", "ref": f"{number}", "fields": fields}
            )
            seen = ma("GET", f"/v1/pools/east/leads/{told['lead']}")
            assert "Leadflow-Stale" not in seen.headers

        arrives(1)
        with running(home):
            arrives(2)
        # Whoever was handed requests is gone: the first may find out, then they are decided here again.
        until(lambda: ma._http.post("/v1/pools/east/claims/next", headers=ma._headers).status_code != 503)
        arrives(3)
        assert ma.get("/v1/pools/east/leads")["total"] == 3


def test_up_answers_too_and_says_which_port_is_taken(place: Path) -> None:
    home = place / "home"
    with served(home, "up") as (_, address):
        assert httpx.get(f"{address}/v1/pools", timeout=120).status_code == 401
        port = address.rpartition(":")[2]
        said = leadflow(place / "other", "up", "--http", f"127.0.0.1:{port}", code=3).stderr
        assert f"cannot listen on 127.0.0.1:{port}" in said
        assert "--http" in said
    leadflow(home, "api", "--http", "nowhere", code=2)


def test_a_caller_that_goes_away_is_decided_all_the_same(door: Door) -> None:
    lead = door.office.arrives("card-1")
    text = door.token("rep/wang")
    host, _, port = door.address.removeprefix("http://").partition(":")
    head = f"POST {path_of(lead)}/claim HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {text}\r\n\r\n"
    url = door.app.database.url
    with (
        EmbeddedLog(url) as other,
        other.lock(["east"]),
        socket.create_connection((host, int(port))) as caller,
    ):
        caller.sendall(head.encode())
        until(lambda: _waits(url))
    until(lambda: door.as_("manager/ma").get(path_of(lead))["lead"]["owner"] == "wang")


def test_settings_name_where_it_listens() -> None:
    for good in ("off", "127.0.0.1:0", "[::1]:8600", "localhost:1"):
        assert Settings(http=good).http == good
