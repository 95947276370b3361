"""Batches of several partitions: one transaction, and what is left out of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from psycopg import sql

from leadflow.domain import events as f
from leadflow.domain.values import Person
from leadflow.errors import Conflict, Unavailable
from leadflow.postgres import Database
from projections import channels, locking, registry
from projections.base import entry_of
from projections.folding import Batch
from projections.locking import lock_partitions
from projections.store import Generation, create_indexes
from projections.writer import Written, write, writing
from tests.histories import History, a_touch

PARTITION = {"east": 0, "west": 1, "south": 2}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@pytest.fixture
def database(empty_database: str) -> Iterator[Database]:
    with Database(empty_database) as opened:
        registry.prepare(opened)
        yield opened


@pytest.fixture
def generation(database: Database) -> Generation:
    made = registry.begin(database, channels.PROJECTION)
    with database.transaction() as connection, connection.cursor() as cursor:
        create_indexes(cursor, channels.PROJECTION, made)
        registry.go_live(cursor, channels.PROJECTION, made)
    return made


def move(history: History, lead: str, pool: str, to: str) -> None:
    """A lead goes to another pool."""
    moved: dict[str, Any] = {"person": Person(phones=("+861",)), "touches": (a_touch(f"ref-{lead}"),)}
    out = history.decide(pool, (lead, f.LeadTransferredOut(to_pool=to, received_as="transfer:x", **moved)))
    arrived = f.LeadTransferredIn(from_pool=pool, from_fact=out.id, score=50, **moved)
    history.decide(to, (lead, arrived), actor="system/transfer")


def travelling() -> Batch:
    """A lead goes from east to west and on to south; each pool has a lead of its own afterwards."""
    history = History()
    for pool in PARTITION:
        history.open(pool, reps=())
    history.capture("east", "a")
    move(history, "a", "east", "west")
    again = f.TouchRecorded(touch=a_touch("again"), person=Person(phones=("+861",)), matched_by="phone")
    history.decide("west", ("a", again))
    move(history, "a", "west", "south")
    for pool in PARTITION:
        history.capture(pool, f"own-{pool}")
    positions = dict.fromkeys(PARTITION.values(), 0)
    entries = Batch()
    for event, document in history.documents():
        at = PARTITION[event.pool]
        positions[at] += 1
        entries.append(entry_of(positions[at], EPOCH, document, at))
    return entries


def written(
    database: Database, generation: Generation, batch: Batch, after: dict[int, int] | None = None
) -> Written:
    result = write(database, channels.PROJECTION, generation, batch, PARTITION.__getitem__, after or {})
    assert result is not None
    return result


def stands(database: Database) -> dict[int, tuple[int, str | None]]:
    """By partition, the position, and what stopped it."""
    with database.connection() as connection:
        found = connection.execute(
            "SELECT partition, position, stopped FROM read.projection_positions ORDER BY partition"
        ).fetchall()
    return {partition: (position, stopped) for partition, position, stopped in found}


def leads(database: Database) -> set[tuple[str, str]]:
    with database.connection() as connection:
        return set(connection.execute("SELECT pool, lead FROM read.lead_sources").fetchall())


def test_rows_and_positions_of_all_partitions_are_one_transaction(
    database: Database, generation: Generation
) -> None:
    batch = travelling()
    assert written(database, generation, batch) == Written(batch.ends, {})
    tables = [generation.identifier(table.name) for table in (channels.SOURCES, channels.DAYS)]
    kept = [sql.Identifier("read", name) for name in ("projection_positions", "projection_heads")]
    transactions = set()
    with database.connection() as connection:
        for table in (*tables, *kept):
            query = sql.SQL("SELECT DISTINCT xmin::text FROM {}").format(table)
            transactions.update(connection.execute(query).fetchall())
    assert len(transactions) == 1
    assert leads(database) == {("south", "a"), *((pool, f"own-{pool}") for pool in PARTITION)}
    # Once more, it is all there.
    assert written(database, generation, batch, batch.ends) == Written(batch.ends, {})
    with pytest.raises(Conflict, match="stands at position"):
        written(database, generation, batch, {0: batch.ends[0] + 1})


def test_what_follows_from_a_fact_that_was_not_taken_is_left_out_with_what_follows_from_that(
    database: Database, generation: Generation
) -> None:
    batch = travelling()
    east = Batch(entry for entry in batch if entry.partition == 0)
    others = Batch(entry for entry in batch if entry.partition != 0)
    opened = 2
    assert written(database, generation, others) == Written({1: opened, 2: opened}, {})
    assert leads(database) == set()
    assert written(database, generation, east).reached == east.ends
    rest = others.before({})
    assert written(database, generation, rest, {1: opened, 2: opened}).reached == others.ends
    assert stands(database) == {at: (end, None) for at, end in batch.ends.items()}
    assert leads(database) == {("south", "a"), *((pool, f"own-{pool}") for pool in PARTITION)}


@pytest.mark.parametrize("refused", [False, True])
def test_what_cannot_be_applied_stops_its_partition_and_what_follows_from_it(
    database: Database, generation: Generation, refused: bool
) -> None:
    batch = travelling()
    entry = next(one for one in batch if one.type == f.TouchRecorded.TYPE)
    if refused:
        # Postgres keeps no NUL in a text.
        entry.data["touch"]["channel"] = "seo\0"
    else:
        del entry.data["touch"]
    result = written(database, generation, batch)
    assert list(result.stopped) == [1]
    assert result.stopped[1].event == entry.id
    ends = {**batch.ends, 1: entry.position - 1, 2: 2}
    # The lead stays in west, so it does not arrive in south; nothing keeps east.
    assert {at: result.reached[at] for at in (0, 1, 2)} == ends
    assert {at: position for at, (position, _) in stands(database).items()} == ends
    assert [at for at, (_, stopped) in stands(database).items() if stopped] == [1]
    assert leads(database) == {("west", "a"), ("east", "own-east")}


def test_a_writer_that_stands_still_in_the_middle_of_a_copy_is_turned_out(
    database: Database, generation: Generation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locking, "STILL_MAX", "100ms")
    monkeypatch.setattr(locking, "WAIT_MAX", "200ms")

    def stand_still() -> None:
        with writing(database) as still:
            lock_partitions(still, generation, [0])
            still.execute("CREATE TEMPORARY TABLE half (a integer)")
            with still.copy("COPY half FROM STDIN") as copy:
                copy.write(b"1\n")
                batch = travelling()
                written = write(database, channels.PROJECTION, generation, batch, PARTITION.__getitem__, {})
                assert written is not None
                assert written.reached == batch.ends
                copy.write(b"2\n")

    with pytest.raises(Unavailable, match="the database is away: terminating connection"):
        stand_still()
