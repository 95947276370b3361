"""A Postgres that does not answer, and does not refuse either."""

from __future__ import annotations

import socket
import threading

import pytest

from leadflow import postgres
from leadflow.errors import Unavailable
from tests.processes import until


def test_nobody_waits_for_ever_for_a_server_that_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "CONNECT_TIMEOUT_S", 2)
    before = set(threading.enumerate())
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://leadflow@127.0.0.1:{silent.getsockname()[1]}/leadflow"
        with pytest.raises(Unavailable, match="the database is away"):
            postgres.connect(url, wait_s=2)
        database = postgres.Database(url)
        database.serve(1, 0.1)
        with pytest.raises(Unavailable, match="the database is away"), database.connection():
            raise AssertionError("nobody let it in")
        database.close()
        # Those that still connect give up by themselves: else each try would leave one more.
        until(lambda: set(threading.enumerate()) <= before, 100)


def test_a_server_that_refuses_is_named_as_the_cause() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        url = f"postgresql://leadflow:secret@127.0.0.1:{gone.getsockname()[1]}/leadflow"
    database = postgres.Database(url)
    database.serve(1, 0.5)
    with pytest.raises(Unavailable, match=r"away: .*refused") as told, database.connection():
        raise AssertionError("nobody let it in")
    assert "secret" not in str(told.value)
    database.close()
