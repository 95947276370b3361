"""A database for identities, a clock, and identities on both."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from leadflow.identities.signing_in import Identities
from leadflow.postgres import Database
from tests.people import MovedClock, identities


@pytest.fixture
def opened(empty_database: str) -> Iterator[Database]:
    with Database(empty_database) as database:
        yield database


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock()


@pytest.fixture
def people(opened: Database, clock: MovedClock) -> Identities:
    return identities(opened, clock)
