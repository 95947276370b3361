"""Snapshots: what cannot be used is passed over, and nothing in them can run."""

from __future__ import annotations

import pickle
import zlib
from collections import deque
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from leadflow import postgres
from leadflow.domain.pool import STATE_VERSION, Lead, Pool, Stream
from leadflow.domain.values import Money
from leadflow.errors import DamagedFile
from leadflow.log.embedded import EmbeddedLog
from leadflow.log.envelope import hash_of
from leadflow.log.packing import FORMAT, dumps, loads
from leadflow.log.snapshots import Snapshots
from tests.integration.log.chains import fill


def stream(sequence: int) -> Stream:
    made = Stream("east")
    made.sequence = sequence
    made.time = datetime(2026, 11, 21, tzinfo=UTC)
    return made


def last_hash(log: EmbeddedLog, sequence: int) -> str:
    document = log.document("east", sequence)
    assert document is not None
    return hash_of(document)


def test_a_state_comes_back_with_all_that_states_are_made_of() -> None:
    state = {
        "queue": deque([1, 2]),
        "set": {frozenset({b"x"})},
        "time": datetime(2026, 1, 1, tzinfo=UTC),
        "day": (date(2026, 1, 1), timedelta(days=1)),
        "money": Money(amount=Decimal("1.10"), currency="CNY"),
    }
    back = loads(dumps(state))
    assert back == state
    assert back["time"].tzinfo is UTC


def test_a_pools_leads_are_the_same_by_every_way_to_them() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    pool = Pool("east")
    pool.leads = {name: Lead(name, number, now) for number, name in enumerate(("a", "b"), 1)}
    pool.contacts = {b"1": pool.leads["b"], b"2": pool.leads["a"], b"3": pool.leads["b"]}
    pool.leads["b"].until, pool.leads["b"].told = now + timedelta(days=3), b'{"touches":[]}'
    pool.timers = [(now, 1, 0, "a", ""), (now, 2, 1, "b", "12h")]
    pool.remember("web/1", "", 1)
    pool.remember("rep/2", "0123456789abcdef", 2)
    back = loads(dumps(pool))
    assert [back.contacts[key] for key in pool.contacts] == [back.leads[name] for name in ("b", "a", "b")]
    for name, lead in pool.leads.items():
        assert all(getattr(back.leads[name], slot) == getattr(lead, slot) for slot in Lead.__slots__)
    assert (back.timers, back.unclaimed, back.requests) == (pool.timers, [], pool.requests)
    assert back.first_decided("rep/2") == ("0123456789abcdef", 2)
    assert back.leads["a"].since.tzinfo is UTC


def test_a_lead_that_would_come_back_as_two_is_not_kept() -> None:
    pool = Pool("east")
    pool.leads["a"] = Lead("a", 1, datetime(2026, 1, 1, tzinfo=UTC))
    pool.waiting_kinds = {("group",): {(None, pool.leads["a"]): 1}}  # type: ignore[dict-item]
    with pytest.raises(TypeError):
        dumps(pool)


class Evil:
    def __reduce__(self) -> tuple[object, ...]:
        return (print, ("ran",))


@pytest.mark.parametrize(
    "data",
    [
        dumps(Evil()),
        FORMAT + b"cleadflow.domain.values\nhashlib.md5\n.",
        FORMAT + b"\x80\x04\x8c\x16leadflow.domain.values\x8c\x0bhashlib.md5\x93.",
        FORMAT + b"\x80\x04\x8c\x16leadflow.domain.values\x8c\x07hashlib\x93.",
        FORMAT + b"\x80\x04\x8c\x16leadflow.domain.values\x8c\x06digest\x93.",
        FORMAT + b"cos\nsystem\n.",
        FORMAT + b"cbuiltins\neval\n.",
        FORMAT + b"no pickle",
        FORMAT + pickle.dumps(("a pool's columns", {"leads": []})),
        b"of no form",
        pickle.dumps(1),
        zlib.compress(pickle.dumps(1)),
    ],
)
def test_nothing_but_states_is_read(data: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(DamagedFile):
        loads(data)
    assert "ran" not in capsys.readouterr().out


def test_the_newest_snapshot_is_loaded_and_two_are_kept(log: EmbeddedLog) -> None:
    fill(log)
    snapshots = Snapshots(log.database, log.document)
    assert snapshots.load("east") is None
    for sequence in (2, 3, 5):
        assert snapshots.save(stream(sequence), last_hash(log, sequence))
    found = snapshots.load("east")
    assert found is not None
    assert (found.sequence, found.last_hash, found.stream.id) == (5, last_hash(log, 5), "east")
    assert snapshots.load("west") is None
    with postgres.connect(log.url) as connection:
        assert connection.execute("SELECT count(*) FROM records.snapshots").fetchone() == (2,)


def test_a_snapshot_is_passed_over_that_is_damaged_or_of_another_version_or_unlike_the_log(
    log: EmbeddedLog,
) -> None:
    fill(log)
    snapshots = Snapshots(log.database, log.document)
    snapshots.save(stream(2), last_hash(log, 2))
    snapshots.save(stream(9), "0" * 64)
    found = snapshots.load("east")
    assert found is not None
    assert found.sequence == 2, "the one ahead of the log is passed over"
    snapshots.save(stream(3), last_hash(log, 4))
    assert snapshots.load_latest("east", STATE_VERSION + 1) is None
    assert snapshots.load_latest("east", STATE_VERSION) is None, "of two kept, one is ahead, one is unlike"
    snapshots.save(stream(4), last_hash(log, 4))
    with postgres.connect(log.url) as connection:
        connection.execute("UPDATE records.snapshots SET state = '\\x00' || state")
    assert snapshots.load("east") is None


def test_a_snapshot_of_something_else_is_passed_over(log: EmbeddedLog) -> None:
    fill(log)
    snapshots = Snapshots(log.database, log.document)
    snapshots.store("east", 2, last_hash(log, 2), STATE_VERSION, dumps(stream(3)))
    assert snapshots.load_latest("east", STATE_VERSION) is not None
    assert snapshots.load("east") is None
