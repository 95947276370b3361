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
from leadflow.log.verify import Head, Report, export, read_export, verify, verify_rows
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


def test_what_was_noted_earlier_shows_what_the_chain_cannot(log: EmbeddedLog) -> None:
    fill(log)
    noted = {name: Head(pool.last_sequence, pool.last_hash) for name, pool in verify(log).pools.items()}
    log.append(chain("west", [1], first=4, prevhash=noted["west"].hash))
    assert verify(log, None, noted).ok

    # A whole decision at the end of one pool, and another pool altogether.
    sql(log, "DELETE FROM log.events WHERE originator_id = 'east' AND originator_version > 4")
    sql(log, "DELETE FROM log.events WHERE originator_id = 'west'")
    assert verify(log).ok
    report = verify(log, None, noted)
    assert broken(report) == ["east/5", "west/1"]
    assert [one.what for one in report.broken] == [
        "is missing: the pool had 6 events",
        "is missing: the pool had 3 events",
    ]
    assert report.pools["west"].events == 0

    # The whole chain written anew, and gone on with.
    log.append(chain("west", [3, 1]))
    assert broken(verify(log, None, noted)) == ["east/5", "west/3"]
    assert "was another" in verify(log, None, noted).broken[1].what


def test_an_export_is_proved_by_itself(log: EmbeddedLog) -> None:
    fill(log)
    out = io.BytesIO()
    export(log, out)
    whole = out.getvalue()
    seen: list[tuple[int, int]] = []
    report = verify_rows(read_export(io.BytesIO(whole), "a file"), len(whole), lambda *at: seen.append(at))
    assert report == verify(log)
    assert seen[-1] == (len(whole), len(whole))

    lines = whole.splitlines(keepends=True)
    ids = [json.loads(line)["id"] for line in lines]
    for at, name in enumerate(ids):
        pool = name.split("/")[0]
        without = b"".join(lines[:at] + lines[at + 1 :])
        # Of one that ends a pool nothing is left behind that would miss it, unless its decision does.
        is_last = name == "west/3"
        assert broken(verify_rows(read_export(io.BytesIO(without), ""))) == ([] if is_last else [name])
        changed = whole.replace(f'"{name}"'.encode(), f'"{pool}/9"'.encode())
        assert broken(verify_rows(read_export(io.BytesIO(changed), ""))) == [name]
    for at in (1, len(whole) // 2, len(whole) - 2):
        with pytest.raises(
            LogDamaged, match=f"line {whole[:at].count(10) + 1} is no event of an export"
        ) as told:
            verify_rows(read_export(io.BytesIO(whole[:at]), "a file"))
        assert told.value.where == "a file"
    for line in (b"[]", b"{}", b"null", b'{"partitionkey": "east", "sequence": "one", "type": "x"}', b"\n"):
        with pytest.raises(LogDamaged, match="line 1"):
            verify_rows(read_export([line], "a file"))


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
