"""Which partition a pool lives in: murmur2 of its id, as in Kafka's own clients.

https://github.com/apache/kafka/blob/trunk/clients/src/main/java/org/apache/kafka/common/utils/Utils.java
(librdkafka's default differs; `partitioner=murmur2_random` makes it the same.)
"""

from __future__ import annotations

from functools import lru_cache

_SEED = 0x9747B28C
_M = 0x5BD1E995
_R = 24
_MASK = 0xFFFFFFFF


def murmur2(data: bytes) -> int:
    """The 32-bit hash that Kafka's Java clients take of a key, as an unsigned number."""
    whole = len(data) & ~3
    h = _SEED ^ len(data)
    for at in range(0, whole, 4):
        k = int.from_bytes(data[at : at + 4], "little") * _M & _MASK
        h = (h * _M & _MASK) ^ ((k ^ k >> _R) * _M & _MASK)
    if whole < len(data):
        h = (h ^ int.from_bytes(data[whole:], "little")) * _M & _MASK
    h = (h ^ h >> 13) * _M & _MASK
    return h ^ h >> 15


@lru_cache(maxsize=100_000)
def partition_of(pool: str, partitions: int) -> int:
    """The partition that a pool lives in, among so many."""
    return (murmur2(pool.encode()) & 0x7FFFFFFF) % partitions
