"""A database for identities, a clock, and identities on both."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from leadflow import postgres
from leadflow.identities.signing_in import Identities
from leadflow.identities.tables import prepare
from leadflow.postgres import Database
from tests.people import MovedClock, identities


@pytest.fixture(scope="module")
def _shared(pg_url: str) -> Iterator[Database]:
    name = f"test_{uuid.uuid4().hex[:12]}"
    with Database(postgres.create_database(pg_url, name)) as database:
        prepare(database)
        yield database
    postgres.drop_database(pg_url, name)


@pytest.fixture
def opened(_shared: Database) -> Database:
    """A database with no account, token or session in it."""
    with _shared.connection() as connection:
        connection.execute(
            "TRUNCATE records.accounts, records.tokens, records.sessions, records.signing_keys,"
            " records.sign_in_failures"
        )
    return _shared


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock()


@pytest.fixture
def people(opened: Database, clock: MovedClock) -> Identities:
    return identities(opened, clock)
