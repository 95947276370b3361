"""A team, and receivers of webhooks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from leadflow.log.embedded import EmbeddedLog
from leadflow.postgres import Database
from tests.bureau import Bureau
from tests.receivers import NewReceiver, Receiver


@pytest.fixture
def bureau(log: EmbeddedLog) -> Iterator[Bureau]:
    """A team with its pool open."""
    with Database(log.url) as database:
        made = Bureau(log, database)
        made.open()
        yield made
        made.notifier.close()


@pytest.fixture
def new_receiver() -> Iterator[NewReceiver]:
    """Makes receivers."""
    made: list[Receiver] = []

    def another() -> Receiver:
        made.append(Receiver())
        return made[-1]

    yield another
    for receiver in made:
        receiver.close()


@pytest.fixture
def receiver(new_receiver: NewReceiver) -> Receiver:
    return new_receiver()
