"""Proving the log: whatever is changed, taken away or moved is named."""

from __future__ import annotations

import io
import json
import random

import pytest

from leadflow import postgres
from leadflow.errors import LogDamaged
from leadflow.log.embedded import EmbeddedLog
from leadflow.log.envelope import GENESIS, hash_of
from leadflow.log.verify import Report, export, verify
from tests.integration.log.chains import chain, fill


def sql(log: EmbeddedLog, statement: str, *values: object) -> None:
    with postgres.connect(log.url) as connection:
        connection.execute(statement.encode(), values)


def broken(report: Report) -> list[str]:
    return [found.event for found in report.broken]


def test_a_sound_log_gives_every_pools_last_hash(log: EmbeddedLog) -> None:
    assert verify(log).ok
    fill(log)
    seen: list[tuple[int, int]] = []
    report = verify(log, lambda done, end: seen.append((done, end)))
    assert report.ok
    assert report.events == 9
    assert {name: pool.last_sequence for name, pool in report.pools.items()} == {"east": 6, "west": 3}
    document = log.document("east", 6)
    assert document is not None
    assert report.pools["east"].last_hash == hash_of(document)
    assert seen[-1] == (log.end(), log.end())


def test_a_changed_byte_anywhere_is_found_and_its_event_named(log: EmbeddedLog) -> None:
    fill(log)
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chosen = random.Random(seed)
    for sequence in range(1, 7):
        document = log.document("east", sequence)
        assert document is not None
        place = chosen.randrange(len(document))
        changed = document[:place] + bytes([document[place] ^ 1]) + document[place + 1 :]
        where = "WHERE originator_id = 'east' AND originator_version = %s"
        sql(log, f"UPDATE log.events SET state = %s {where}", changed, sequence)
        assert broken(verify(log)) == [f"east/{sequence}"]
        sql(log, f"UPDATE log.events SET state = %s {where}", document, sequence)
    assert verify(log).ok


def test_a_missing_event_is_named(log: EmbeddedLog) -> None:
    fill(log)
    sql(log, "DELETE FROM log.events WHERE originator_id = 'west' AND originator_version = 2")
    report = verify(log)
    assert broken(report) == ["west/2"]
    assert "west/3 comes in its place" in report.broken[0].what


def test_a_decision_that_lost_its_end_is_named(log: EmbeddedLog) -> None:
    fill(log)
    sql(log, "DELETE FROM log.events WHERE originator_id = 'east' AND originator_version = 6")
    assert broken(verify(log)) == ["east/6"]


def test_a_chain_rewritten_with_its_digest_is_found_by_the_next_event(log: EmbeddedLog) -> None:
    fill(log)
    other = chain("east", [1, 3, 2], prevhash="f" * 64)[1].state
    sql(
        log,
        "UPDATE log.events SET state = %s, sha256 = sha256(%s) WHERE originator_id = 'east'"
        " AND originator_version = 2",
        other,
        other,
    )
    found = verify(log).broken
    assert [one.event for one in found] == ["east/2"]
    assert "prevhash" in found[0].what


def test_a_row_that_disagrees_with_its_document_is_named(log: EmbeddedLog) -> None:
    fill(log)
    sql(
        log,
        "UPDATE log.events SET topic = 'other.v1' WHERE originator_id = 'west' AND originator_version = 1",
    )
    assert "type" in verify(log).broken[0].what
    log.append(chain("other", [1]))
    sql(log, "UPDATE log.events SET originator_id = 'north' WHERE originator_id = 'other'")
    assert broken(verify(log)) == ["north/1", "west/1"]


def test_what_does_not_begin_at_the_beginning_is_named(log: EmbeddedLog) -> None:
    log.append(chain("east", [1], first=2))
    log.append(chain("west", [1], prevhash="1" * 64))
    assert GENESIS != "1" * 64
    assert broken(verify(log)) == ["east/1", "west/1"]


def test_the_export_is_every_document_byte_for_byte(log: EmbeddedLog) -> None:
    fill(log)
    out = io.BytesIO()
    assert export(log, out) == 9
    lines = out.getvalue().split(b"\n")[:-1]
    assert lines == [event.state for _, _, event in log.read_all()]
    assert {json.loads(line)["partitionkey"] for line in lines} == {"east", "west"}
    sql(log, "UPDATE log.events SET state = state || '\\x0a' WHERE originator_version = 3")
    with pytest.raises(LogDamaged, match="line break"):
        export(log, io.BytesIO())
