"""What tests share: one Postgres server for the whole run, and a database of its own for each test."""

from __future__ import annotations

import logging
import os
import shutil
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import psutil
import pytest
import structlog
from httpx._config import DEFAULT_TIMEOUT_CONFIG

from leadflow import postgres
from leadflow.bootstrap import freshness, serving
from leadflow.cli.diagnostics import NOISY
from leadflow.embedded.postgres import EmbeddedPostgres
from leadflow.log.embedded import EmbeddedLog
from leadflow.records import DeadLetters

# `ci` draws the same examples every time; `dev` draws new ones and prints how to see a failure again.
hypothesis.settings.register_profile("ci", derandomize=True, deadline=None)
hypothesis.settings.register_profile("dev", deadline=None, print_blob=True)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

PATIENCE_S = 120.0
"""How long what answers late on a busy machine is waited for."""

# What somebody has set for their own commands, terminal and databases is none of the tests' business.
for name in list(os.environ):
    mine = name.startswith(("LEADFLOW_TEST_", "LEADFLOW_FUZZ_"))
    if name.startswith(("LEADFLOW_", "PG")) and not mine:
        del os.environ[name]
for name in ("CLICOLOR", "CLICOLOR_FORCE", "COLUMNS", "FORCE_COLOR", "LINES", "NO_COLOR", "TTY_COMPATIBLE"):
    os.environ.pop(name, None)
# Whatever goes out by a proxy, this machine itself is not asked by one.
for name in ("NO_PROXY", "no_proxy"):
    os.environ[name] = ",".join(filter(None, (os.environ.get(name), "localhost", "127.0.0.1")))

# No test is about the five seconds that the client waits by itself, nor about these of a service.
for part in ("connect", "read", "write", "pool"):
    setattr(DEFAULT_TIMEOUT_CONFIG, part, PATIENCE_S)
freshness.FRESH_WAIT_S = serving.CONNECTION_WAIT_S = PATIENCE_S

WORKING = (
    "clock", "decider", "feeds", "handover", "http", "keeper", "metrics", "notifier", "projector", "pulling",
    "snapshots",
)  # fmt: skip
"""The names of threads that go on until they are told to end."""


def _tell_nobody() -> None:
    """Lines of servers that several tests share may come between two tests, where nobody keeps what is
    printed: they would stand in the midst of pytest's own."""
    structlog.reset_defaults()
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())


_tell_nobody()


@pytest.fixture(autouse=True)
def _own_logging() -> Iterator[None]:
    """A command that a test ran in this process leaves no logging to that test's streams behind.

    What is told in this process goes to stderr, as it does in processes of LeadFlow: stdout is for data.
    """
    loggers = [logging.getLogger(name) for name in (None, *NOISY)]
    before = [(logger, list(logger.handlers), logger.level) for logger in loggers]
    structlog.configure(logger_factory=lambda *_: structlog.PrintLogger(sys.stderr))
    yield
    _tell_nobody()
    for logger, handlers, level in before:
        logger.handlers = [one for one in logger.handlers if one in handlers]
        logger.setLevel(level)


@pytest.fixture(autouse=True, scope="module")
def _nothing_is_left_at_work() -> Iterator[None]:
    """What a module forgot would go on, and disturb the tests after it: a client of Kafka would tell them of
    its lost broker, and a process would take part in their groups."""
    threads, processes = set(threading.enumerate()), set(psutil.Process().children())
    yield
    deadline = time.monotonic() + PATIENCE_S
    while True:
        left = [one.name for one in threading.enumerate() if one not in threads and _works(one)]
        left += [told for one in psutil.Process().children() if one not in processes if (told := _told(one))]
        if not left:
            return
        assert time.monotonic() < deadline, f"left at work: {', '.join(left)}"
        time.sleep(0.1)


def _works(thread: threading.Thread) -> bool:
    """Whether a client of Kafka talks to its brokers in this thread, or a part of LeadFlow works in it."""
    client = thread.name.startswith("kafka-io") or thread.name.endswith("-network-thread")
    return client or thread.name in WORKING


def _told(process: psutil.Process) -> str:
    """The command line of a process of LeadFlow; nothing of others, nor of those that have ended."""
    try:
        command = " ".join(process.cmdline())
    except psutil.Error:
        return ""
    return command if "leadflow.cli" in command else ""


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
