"""What tests share: one Postgres server for the whole run, and a database of its own for each test."""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
import structlog
from httpx._config import DEFAULT_TIMEOUT_CONFIG

from leadflow import postgres
from leadflow.cli.diagnostics import NOISY
from leadflow.embedded.postgres import EmbeddedPostgres
from leadflow.log.embedded import EmbeddedLog
from leadflow.records import DeadLetters

# `ci` draws the same examples every time; `dev` draws new ones and prints how to see a failure again.
hypothesis.settings.register_profile("ci", derandomize=True, deadline=None)
hypothesis.settings.register_profile("dev", deadline=None, print_blob=True)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

CLIENT_WAIT_S = 60.0
"""How long a client may take to close; one that a broker left in the middle of a commit is given time."""

# Busy machines answer late; no test is about the five seconds that the client waits by itself.
for part in ("connect", "read", "write", "pool"):
    setattr(DEFAULT_TIMEOUT_CONFIG, part, 120.0)


@pytest.fixture(autouse=True)
def _own_logging() -> Iterator[None]:
    """A command that a test ran in this process leaves no logging to that test's streams behind."""
    loggers = [logging.getLogger(name) for name in (None, *NOISY)]
    before = [(logger, list(logger.handlers), logger.level) for logger in loggers]
    yield
    structlog.reset_defaults()
    for logger, handlers, level in before:
        logger.handlers = [one for one in logger.handlers if one in handlers]
        logger.setLevel(level)


@pytest.fixture(autouse=True, scope="module")
def _no_client_is_left() -> Iterator[None]:
    """A client of Kafka that a test forgot would go on, and tell the tests after it of its lost broker."""
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + CLIENT_WAIT_S
    while left := [one.name for one in threading.enumerate() if one not in before and _is_client(one)]:
        assert time.monotonic() < deadline, f"clients of Kafka are left: {', '.join(left)}"
        time.sleep(0.1)


def _is_client(thread: threading.Thread) -> bool:
    """Whether a client talks to its brokers in this thread."""
    return thread.name.startswith("kafka-io") or thread.name.endswith("-network-thread")


@pytest.fixture(scope="session")
def pg_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a server that tests make their databases on.

    `LEADFLOW_TEST_DATABASE_URL` names one; otherwise an embedded one is started, which the workers of
    a parallel run share. Its writes are not synced to the disk: tests of durability start their own.
    """
    given = os.environ.get("LEADFLOW_TEST_DATABASE_URL")
    if given:
        yield given
        return
    worker = getattr(request.config, "workerinput", None)
    run = worker["testrunuid"] if worker else uuid.uuid4().hex
    home = Path(tempfile.gettempdir()) / f"leadflow-tests-{run[:12]}"
    server = EmbeddedPostgres(home)
    url = server.start()
    with postgres.connect(url) as connection:
        connection.execute("ALTER SYSTEM SET fsync = off")
        connection.execute("ALTER SYSTEM SET full_page_writes = off")
        connection.execute("SELECT pg_reload_conf()")
    yield url
    if server.stop():
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def _template(pg_url: str) -> Iterator[str]:
    """A database with an empty log in it, of which copies are made."""
    name = f"template_{uuid.uuid4().hex[:12]}"
    url = postgres.create_database(pg_url, name)
    with EmbeddedLog(url) as log:
        DeadLetters(log.database).prepare()
    yield name
    postgres.drop_database(pg_url, name)


@pytest.fixture
def empty_database(pg_url: str) -> Iterator[str]:
    """The address of a database with nothing in it."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    yield postgres.create_database(pg_url, name)
    postgres.drop_database(pg_url, name)


@pytest.fixture
def database(pg_url: str, _template: str) -> Iterator[str]:
    """The address of a database of this test's own, with an empty log."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    yield postgres.create_database(pg_url, name, template=_template)
    postgres.drop_database(pg_url, name)


@pytest.fixture
def log(database: str) -> Iterator[EmbeddedLog]:
    """An empty log."""
    with EmbeddedLog(database) as opened:
        yield opened
