"""Rows that writers keep: never others than the database has, whoever writes in between, whatever fails."""

from __future__ import annotations

import random
from typing import Any

import pytest
from psycopg import sql

from leadflow.errors import Unavailable
from leadflow.postgres import Database
from projections import channels, customers, keeping, ownership, pools, registry, writer
from projections.base import Projection, entry_of
from projections.folding import Batch
from projections.keeping import Kept
from projections.store import Generation, create_indexes
from projections.writer import write
from tests.histories import RandomHistory
from tests.integration.projections.test_writer import EPOCH

PARTITION = {"_company": 0, "east": 0, "west": 1}
EVENTS = 700


def batches_of(history: RandomHistory, chance: random.Random) -> list[Batch]:
    """Whole decisions of both partitions, some dozens at a time."""
    positions = dict.fromkeys(PARTITION.values(), 0)
    found = [Batch()]
    for event, document in zip(history.events, history.stored(), strict=True):
        at = PARTITION[event.pool]
        positions[at] += 1
        if event.fact_index == 1 and len(found[-1]) > chance.randint(10, 60):
            found.append(Batch())
        found[-1].append(entry_of(positions[at], EPOCH, document.state, at))
    return found


def rows_of(database: Database, projection: Projection, generation: Generation) -> dict[str, list[Any]]:
    found = {}
    with database.connection() as connection:
        for table in projection.tables:
            name = generation.identifier(table.name)
            query = sql.SQL("SELECT t::text FROM {} AS t ORDER BY 1").format(name)
            found[table.name] = connection.execute(query).fetchall()
    return found


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize(
    "projection",
    [pools.PROJECTION, ownership.PROJECTION, customers.PROJECTION, channels.PROJECTION],
    ids=lambda one: one.name,
)
def test_rows_that_are_kept_change_nothing(
    empty_database: str, projection: Projection, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    print(f"seed {seed}")
    chance = random.Random(seed)
    monkeypatch.setattr(keeping, "ROWS_KEPT_MAX", 30)
    batches = batches_of(RandomHistory(seed, pools=("east", "west")).run(EVENTS), chance)
    note, fails = writer.note_position, [False]

    def note_or_fail(*given: Any) -> None:
        note(*given)
        if fails[0]:
            fails[0] = False
            raise Unavailable("the database went away before the commit")

    monkeypatch.setattr(writer, "note_position", note_or_fail)
    used = 0
    with Database(empty_database) as database:
        registry.prepare(database)
        made = [registry.begin(database, projection) for _ in range(2)]
        for generation in made:
            with database.transaction() as connection, connection.cursor() as cursor:
                create_indexes(cursor, projection, generation)
        writers = [Kept(), Kept()]
        for batch in batches:
            partition_of = PARTITION.__getitem__
            assert write(database, projection, made[0], Batch(map(again, batch)), partition_of, {})
            kept = chance.choice(writers)
            used += bool(kept.positions)
            if chance.random() < 0.2:
                fails[0] = True
                with pytest.raises(Unavailable):
                    write(database, projection, made[1], Batch(map(again, batch)), partition_of, {}, kept)
                assert not kept.rows
            assert write(database, projection, made[1], batch, partition_of, {}, kept)
            assert all(len(rows) <= 30 for rows in kept.rows.values())
        assert used
        assert any(kept.rows for kept in writers)
        assert rows_of(database, projection, made[0]) == rows_of(database, projection, made[1])


def again(entry: Any) -> Any:
    """The entry anew: rows that are kept may hold parts of it."""
    return entry_of(entry.position, entry.recorded_at, entry.document, entry.partition)
