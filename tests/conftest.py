"""What tests share: one Postgres server for the whole run, and a database of its own for each test."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
import structlog
from httpx._config import DEFAULT_TIMEOUT_CONFIG

from leadflow import postgres
from leadflow.embedded.postgres import EmbeddedPostgres
from leadflow.log.embedded import EmbeddedLog
from leadflow.records import DeadLetters

# `ci` draws the same examples every time; `dev` draws new ones and prints how to see a failure again.
hypothesis.settings.register_profile("ci", derandomize=True, deadline=None)
hypothesis.settings.register_profile("dev", deadline=None, print_blob=True)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

# Busy machines answer late; no test is about the five seconds that the client waits by itself.
for part in ("connect", "read", "write", "pool"):
    setattr(DEFAULT_TIMEOUT_CONFIG, part, 120.0)


@pytest.fixture(autouse=True)
def _own_logging() -> Iterator[None]:
    """A command that a test ran in this process leaves no logging to that test's streams behind."""
    yield
    structlog.reset_defaults()


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
