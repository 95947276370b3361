"""The present state of a pool on Kafka: from a snapshot of its partition and the rest, or from the log."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from consumers.snapshotter import Snapshotter
from leadflow.bootstrap.app import App
from leadflow.bootstrap.opening import open_app
from leadflow.errors import NotFound
from leadflow.log.kafka import Cluster
from leadflow.postgres import connect
from leadflow.settings import Settings
from tests.deciders import deciding
from tests.team import arrival, joining, opening


@pytest.fixture
def app(kafka: Cluster, settings: Settings, empty_database: str, tmp_path: Path) -> Iterator[App]:
    found = {"kafka": kafka.servers, "database_url": empty_database, "home": tmp_path}
    with deciding(settings, kafka.servers), open_app(settings.model_copy(update=found), wait_s=180) as opened:
        opened.submit([opening(), *joining(["wang", "li"]), *(arrival(number) for number in range(20))])
        yield opened


def leads(settings: Settings) -> int:
    """How many leads a command that begins now finds in the pool."""
    with open_app(settings, wait_s=180) as again:
        return len(again.pool_state("east").leads)


def test_a_snapshot_and_the_rest_make_the_present_state(app: App) -> None:
    assert leads(app.settings) == 20
    snapshotter = Snapshotter(app.settings)
    assert snapshotter.take(1)
    snapshotter.close()
    app.submit([arrival(number) for number in range(20, 25)])
    assert leads(app.settings) == 25
    assert len(app.pool_state("east").leads) == 25
    with connect(app.database.url) as connection:
        # One that is damaged costs time and changes nothing.
        connection.execute("UPDATE records.partition_states SET state = '\\x00'")
    assert leads(app.settings) == 25


def test_a_pool_that_nobody_opened_is_named(app: App) -> None:
    with pytest.raises(NotFound, match="there is no pool 'west'"):
        app.pool_state("west")
