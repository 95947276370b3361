"""A pool's partition is the one that Kafka's own clients would choose."""

from __future__ import annotations

import random

import pytest
from kafka.partitioner.default import murmur2 as client_murmur2

from leadflow.log.partitioning import murmur2, partition_of


@pytest.mark.parametrize(
    ("key", "signed"),
    [
        # From UtilsTest.testMurmur2 of Apache Kafka.
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_kafkas_own_vectors(key: bytes, signed: int) -> None:
    assert murmur2(key) == signed % 2**32


def test_any_key_as_the_client_has_it() -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    draw = random.Random(seed)
    for length in range(64):
        key = draw.randbytes(length)
        assert murmur2(key) == client_murmur2(key), key


def test_a_pool_stays_in_its_partition() -> None:
    assert [partition_of(pool, 12) for pool in ("east", "west", "_company")] == [
        (client_murmur2(pool.encode()) & 0x7FFFFFFF) % 12 for pool in ("east", "west", "_company")
    ]
    assert partition_of("east", 1) == 0
